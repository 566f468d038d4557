//! What codextap recorded of a run: every attempt, whose fault it was, and no fault where there is
//! none.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::fault::{End, Meets, Reply};
use crate::play::Case;
use crate::support::codex_run::{Login, Version};
use crate::upstream::{Attempt, Kind};

/// The lines of a capture, and those that `record` printed.
#[derive(Debug)]
pub(crate) struct Flows {
    lines: Vec<Value>,
    printed: String,
}

impl Flows {
    pub(crate) fn new(capture: &str, printed: &str) -> Self {
        let lines = capture.lines();
        Self {
            lines: lines
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
            printed: printed.to_owned(),
        }
    }

    /// Says what is wrong with the flows of a run that asked for `attempts`.
    pub(crate) fn check(&self, case: &Case, attempts: &[Attempt]) -> Result<(), String> {
        let (posts, sockets, turns) = (self.of("http"), self.of("ws"), self.of("ws_turn"));
        let asked = |kinds: &[Kind]| {
            attempts
                .iter()
                .filter(|it| kinds.contains(&it.kind))
                .count()
        };
        let counts = [posts.len(), sockets.len(), turns.len()];
        let expected = [
            asked(&[Kind::Post]),
            asked(&[Kind::Upgrade]),
            asked(&[Kind::Message, Kind::WarmUp]),
        ];
        if counts != expected {
            return Err(format!(
                "POSTs, upgrades and turns recorded {counts:?}, asked {expected:?}"
            ));
        }
        is_one_turn(case, &[&posts[..], &turns].concat())?;
        self.blames(case)?;
        self.looks(case)?;
        let is_left_alone = matches!(case.fault.reply, Reply::Well | Reply::LateEvent);
        match sockets[..] {
            // Codex ends without a close frame, and that is how it is told.
            [socket] if is_left_alone => {
                let close = &socket["close"];
                let is_told = close["dir"] == "out" && close["framed"] == false;
                is_told.then_some(()).ok_or(format!("closed: {close}"))
            }
            _ => Ok(()),
        }
    }

    /// The flows that the model was asked with.
    fn of(&self, kind: &str) -> Vec<&Value> {
        let lines = self.lines.iter();
        lines
            .filter(|line| line["kind"] == kind && line["channel"] == "model")
            .collect()
    }

    /// Whoever broke something off is named, and nobody when nothing was.
    fn blames(&self, case: &Case) -> Result<(), String> {
        let model = self.lines.iter().filter(|line| line["channel"] == "model");
        let failures = model.flat_map(|line| line["failures"].as_array().into_iter().flatten());
        let sides: BTreeSet<_> = failures.map(|it| it["side"].as_str().unwrap()).collect();
        let expected: BTreeSet<_> = culprit(case).into_iter().collect();
        let is_so = sides == expected;
        is_so.then_some(()).ok_or(format!(
            "blamed {sides:?}, expected {expected:?}\n{}",
            self.printed
        ))
    }

    /// What is normal for Codex does not look like a failure.
    fn looks(&self, case: &Case) -> Result<(), String> {
        let reply = &case.fault.reply;
        let is_normal = match reply {
            Reply::Well | Reply::LateHead | Reply::LateEvent => true,
            Reply::Status(status, ..) => {
                status.starts_with("426") && case.fault.meets == Meets::Sockets
            }
            // Less than was asked for, and no failure.
            Reply::Event(event) => event["type"] == "response.incomplete",
            Reply::Unanswered(_) | Reply::Cut(..) => false,
        };
        // With a ChatGPT login there are side requests, and this upstream knows none of them.
        let is_wrong =
            case.run.login == Login::ApiKey && is_normal == self.printed.contains(" FAIL ");
        (!is_wrong)
            .then_some(())
            .ok_or(format!("printed\n{}", self.printed))
    }
}

/// All attempts can be told to be the same turn.
fn is_one_turn(case: &Case, flows: &[&Value]) -> Result<(), String> {
    let name = match case.run.version {
        Version::V0_169 => "turn",
        Version::V0_98 => "session",
    };
    let turns = flows.iter().filter(|flow| flow["warm_up"] != true);
    let ids: BTreeSet<_> = turns.map(|flow| flow[name].to_string()).collect();
    let is_one = ids.len() <= 1 && !ids.contains("null");
    is_one
        .then_some(())
        .ok_or(format!("more than one {name}: {ids:?}"))
}

/// Who breaks something off, if anybody does.
fn culprit(case: &Case) -> Option<&'static str> {
    let end = match case.fault.reply {
        Reply::Unanswered(end) | Reply::Cut(_, end) => end,
        Reply::Well | Reply::Status(..) | Reply::Event(_) | Reply::LateHead | Reply::LateEvent => {
            return None;
        }
    };
    match end {
        End::Silence => Some("client"),
        End::Proper(_) if !case.run.websocket => None,
        End::Fin | End::Torn | End::Reset | End::Proper(_) => Some("upstream"),
    }
}
