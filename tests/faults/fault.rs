//! What an upstream may do to Codex, and what it does instead of answering.

use serde_json::{Value, json};

use crate::support::codex_run::Version;

/// A way to fail.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    pub(crate) meets: Meets,
    pub(crate) reply: Reply,
    /// How many times; then the upstream is well.
    pub(crate) times: usize,
    /// Whether it is much like another one, and met only when all are asked for.
    pub(crate) is_rare: bool,
}

/// Which model requests meet a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Meets {
    /// All of them, over whichever transport.
    Every,
    /// Upgrades and what is asked on WebSockets, so only a Codex that uses them.
    Sockets,
}

/// What comes instead of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Nothing instead.
    Well,
    /// This status with these fields and this body, to a POST or an upgrade.
    Status(&'static str, &'static [(&'static str, &'static str)], Value),
    /// An end without an answer to a POST or an upgrade.
    Unanswered(End),
    /// The head of an answer, so many events, and this end.
    Cut(usize, End),
    /// One event, and a proper end of the answer.
    Event(Value),
    /// The answer to a POST or an upgrade comes late.
    LateHead,
    /// The first event of an answer comes late.
    LateEvent,
}

/// How something ends before it should.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// The connection is closed.
    Fin,
    /// The connection is closed in the middle of a chunk or frame.
    Torn,
    /// The connection is reset.
    Reset,
    /// The answer ends as it should, or the WebSocket with this code.
    Proper(u16),
    /// Nothing more comes until the client leaves.
    Silence,
}

impl Fault {
    fn new(name: &'static str, reply: Reply) -> Self {
        Self {
            name,
            meets: Meets::Every,
            reply,
            times: usize::MAX,
            is_rare: RARE.contains(&name),
        }
    }

    /// Whether this Codex would wait for ever.
    pub(crate) fn is_endless(&self, version: Version) -> bool {
        version == Version::V0_98 && matches!(self.reply, Reply::Unanswered(End::Silence))
    }

    /// The same for upgrades and WebSockets only.
    const fn on_sockets(mut self) -> Self {
        self.meets = Meets::Sockets;
        self
    }

    /// The same, but not more than once.
    const fn once(mut self) -> Self {
        self.times = 1;
        self
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Fault> {
    let mut faults = vec![Fault::new("none", Reply::Well)];
    faults.extend(statuses());
    faults.extend(ends());
    faults.extend(waits());
    faults.extend(refused_upgrades());
    faults.extend(events());
    faults
}

fn statuses() -> Vec<Fault> {
    let unauthorized = || error("invalid_request_error", "invalid_api_key", "No such key.");
    let busy = || error("server_error", "server_is_overloaded", "Come back later.");
    let status = |name, status, fields, body| Fault::new(name, Reply::Status(status, fields, body));
    vec![
        status("400", "400 Bad Request", &[], error("x", "x", "No.")),
        status("401", "401 Unauthorized", &[], unauthorized()),
        status(
            "401 with WWW-Authenticate",
            "401 Unauthorized",
            &[("WWW-Authenticate", "Bearer realm=\"OpenAI API\"")],
            unauthorized(),
        ),
        status("403", "403 Forbidden", &[], unauthorized()),
        status(
            "429 with Retry-After",
            "429 Too Many Requests",
            RETRY,
            rate(),
        ),
        status(
            "429 with Retry-After, once",
            "429 Too Many Requests",
            RETRY,
            rate(),
        )
        .once(),
        status(
            "429 of a used-up plan",
            "429 Too Many Requests",
            &[],
            usage_limit(),
        ),
        status("500", "500 Internal Server Error", &[], json!({})),
        status("500, once", "500 Internal Server Error", &[], json!({})).once(),
        status(
            "502",
            "502 Bad Gateway",
            &[],
            json!("<html>bad gateway</html>"),
        ),
        status("503", "503 Service Unavailable", RETRY, json!({})),
        status("503, overloaded", "503 Service Unavailable", &[], busy()),
    ]
}

fn ends() -> Vec<Fault> {
    vec![
        Fault::new("closed before the head", Reply::Unanswered(End::Fin)),
        Fault::new("closed before the head, once", Reply::Unanswered(End::Fin)).once(),
        Fault::new("reset before the head", Reply::Unanswered(End::Reset)),
        Fault::new("closed before the first event", Reply::Cut(0, End::Fin)),
        Fault::new("closed in mid-stream", Reply::Cut(4, End::Fin)),
        Fault::new("closed in mid-stream, once", Reply::Cut(4, End::Fin)).once(),
        Fault::new("closed in a chunk or frame", Reply::Cut(4, End::Torn)),
        Fault::new("reset in mid-stream", Reply::Cut(4, End::Reset)),
        Fault::new("ended too early", Reply::Cut(4, End::Proper(1000))),
        Fault::new("ended with 1001", Reply::Cut(4, End::Proper(1001))).on_sockets(),
        Fault::new("ended with 1008", Reply::Cut(4, End::Proper(1008))).on_sockets(),
        Fault::new("ended with 1011", Reply::Cut(4, End::Proper(1011))).on_sockets(),
        Fault::new("ended with 1013", Reply::Cut(4, End::Proper(1013))).on_sockets(),
    ]
}

fn waits() -> Vec<Fault> {
    vec![
        Fault::new("late head", Reply::LateHead).once(),
        Fault::new("late first event", Reply::LateEvent).once(),
        Fault::new("silence before the head", Reply::Unanswered(End::Silence)).on_sockets(),
        Fault::new(
            "silence before the first event",
            Reply::Cut(0, End::Silence),
        ),
        Fault::new("silence in mid-stream", Reply::Cut(4, End::Silence)),
    ]
}

fn refused_upgrades() -> Vec<Fault> {
    let refused = |name, status, fields, body| {
        Fault::new(name, Reply::Status(status, fields, body)).on_sockets()
    };
    let no = || error("invalid_request_error", "no", "No WebSockets here.");
    vec![
        refused("upgrade refused with 401", "401 Unauthorized", &[], no()),
        refused("upgrade refused with 403", "403 Forbidden", &[], no()),
        refused("upgrade refused with 404", "404 Not Found", &[], no()),
        refused(
            "upgrade refused with 426",
            "426 Upgrade Required",
            &[],
            no(),
        ),
        refused(
            "upgrade refused with 429",
            "429 Too Many Requests",
            RETRY,
            rate(),
        ),
        refused(
            "upgrade refused with 500",
            "500 Internal Server Error",
            &[],
            no(),
        ),
        refused(
            "upgrade refused with 503",
            "503 Service Unavailable",
            &[],
            no(),
        ),
        Fault::new("upgrade closed", Reply::Unanswered(End::Fin)).on_sockets(),
        Fault::new("upgrade reset", Reply::Unanswered(End::Reset)).on_sockets(),
    ]
}

fn events() -> Vec<Fault> {
    let failed = |name, code, message| Fault::new(name, Reply::Event(failed(code, message)));
    let error = |name, body| Fault::new(name, Reply::Event(body)).on_sockets();
    let part = json!({"type": "response.incomplete", "sequence_number": 0, "response": {
        "id": "resp_1", "object": "response", "status": "incomplete", "output": [],
        "incomplete_details": {"reason": "max_output_tokens"}}});
    vec![
        failed(
            "response.failed, rate limit",
            "rate_limit_exceeded",
            "Rate limit reached. Please try again in 0.5s.",
        ),
        failed("response.failed, quota", "insufficient_quota", "No money."),
        failed(
            "response.failed, overloaded",
            "server_is_overloaded",
            "Busy.",
        ),
        failed(
            "response.failed, context",
            "context_length_exceeded",
            "Too long.",
        ),
        Fault::new("response.incomplete", Reply::Event(part)),
        error(
            "error 400",
            envelope(400, "invalid_request_error", "invalid_prompt"),
        ),
        error("error 429", envelope(429, "tokens", "rate_limit_exceeded")),
        error("error 500", envelope(500, "server_error", "server_error")),
        error(
            "error 503",
            envelope(503, "server_error", "server_is_overloaded"),
        ),
        error(
            "error at the connection's age limit, once",
            envelope(
                400,
                "invalid_request_error",
                "websocket_connection_limit_reached",
            ),
        )
        .once(),
        error(
            "error for an unknown previous response, once",
            envelope(400, "invalid_request_error", "previous_response_not_found"),
        )
        .once(),
    ]
}

fn error(kind: &str, code: &str, message: &str) -> Value {
    json!({"error": {"type": kind, "code": code, "message": message, "param": null}})
}

fn rate() -> Value {
    error("requests", "rate_limit_exceeded", "Too many requests.")
}

fn usage_limit() -> Value {
    json!({"error": {"type": "usage_limit_reached", "message": "The usage limit has been reached",
        "plan_type": "plus", "resets_at": 4_000_000_000_u32, "resets_in_seconds": 321}})
}

fn failed(code: &str, message: &str) -> Value {
    json!({"type": "response.failed", "sequence_number": 0, "response": {
        "id": "resp_1", "object": "response", "status": "failed", "output": [],
        "error": {"code": code, "message": message}}})
}

/// What stands for an HTTP error on a WebSocket.
fn envelope(status: u16, kind: &str, code: &str) -> Value {
    let mut event = error(kind, code, "It did not work.");
    event["type"] = json!("error");
    event["status"] = json!(status);
    event["headers"] = json!({"retry-after": "1"});
    event
}

const RETRY: &[(&str, &str)] = &[("Retry-After", "1")];

const RARE: [&str; 21] = [
    "400",
    "403",
    "500, once",
    "502",
    "503, overloaded",
    "closed before the head, once",
    "closed before the first event",
    "ended with 1001",
    "ended with 1008",
    "ended with 1013",
    "silence before the first event",
    "upgrade refused with 500",
    "upgrade reset",
    "response.failed, quota",
    "response.failed, overloaded",
    "response.failed, context",
    "response.incomplete",
    "error 400",
    "error 503",
    "error at the connection's age limit, once",
    "error for an unknown previous response, once",
];
