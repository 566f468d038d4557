//! Flows of every kind and oddity, made by hand.

use std::sync::Arc;

use codextap::capture;
use codextap::flow::{
    Body, Channel, Close, Fault, Flow, FlowId, FlowKind, Frame, Op, Request, Response, Store,
};
use codextap::responses::{Agent, Identity, Turn};
use codextap::tap::{
    At, Connection, Direction, Failure, Field, Phase, Redactor, RequestHead, ResponseHead, Side,
    Value,
};
use http::{HeaderValue, Version};

/// One flow of every kind and oddity, in the order in which they began.
pub(crate) fn every_kind() -> Store {
    let mut store = Store::default();
    store.push(json_exchange());
    store.push(sse_exchange());
    store.push(binary_exchange());
    store.push(failed_exchange());
    let connection = store.push(connection());
    store.push(turn(connection));
    store.push(refused_upgrade());
    store.push(live_exchange());
    store.comment(FlowId(2), "noted \u{1b}[31m here");
    store
}

fn json_exchange() -> Flow {
    let mut flow = exchange(
        "run-json",
        1_000_005,
        "/v1/responses?token=<redacted:00c0ffee>",
    );
    flow.identity = Identity {
        session: Some("s-1".to_owned()),
        thread: Some("t-1".to_owned()),
        turn: Some("u-1".to_owned()),
        agent: Agent::Sub("review".to_owned()),
        purpose: Some("turn".to_owned()),
        ..Identity::default()
    };
    flow.model = Some("m-1".to_owned());
    "greet \"them\"".clone_into(&mut flow.gist);
    let json = r#"{"model":"m-1","z":1.50,"a":12345678901234567890}"#;
    flow.request.body = body(json.as_bytes());
    flow.request.body.coding = Some("zstd".to_owned());
    flow.response = response(200, "application/json", body(b"{\"id\":\"resp_1\"}"));
    flow.response.trailers = vec![plain("x-checksum", b"1")];
    flow.response.head_at = Some(at(1_000_255));
    // No event told how it ended.
    flow.turn.insert(Turn::default()).end_of_stream();
    flow
}

fn sse_exchange() -> Flow {
    let mut flow = exchange("run-sse", 2_000_000, "/v1/responses");
    let blocks = [
        "event: a\ndata: {\"x\":\"\u{e9}\"}\n\n",
        "event: b\ndata: 1\n\n",
        ": ping\n\n",
    ];
    let mut text = Body::default();
    for (n, block) in blocks.iter().enumerate() {
        let span = text.push(block.as_bytes());
        flow.frames.push(Frame {
            op: Op::Event,
            wire: span.len() as u64,
            len: span.len() as u64,
            span,
            ..frame(2_000_100 + n as u64, Direction::In)
        });
    }
    text.wire_len = 99;
    text.missed = 7;
    flow.frames[2].op = Op::Comment;
    flow.frames[2].fault = Some("cut short".to_owned());
    flow.frames.push(Frame {
        op: Op::Gap,
        ..frame(2_000_200, Direction::In)
    });
    flow.response = response(200, "text/event-stream", text);
    flow.faults = vec![Fault {
        dir: Direction::In,
        offset: 40,
        message: "cut short".to_owned(),
    }];
    flow.replay();
    flow
}

fn binary_exchange() -> Flow {
    let mut flow = exchange("run-binary", 3_000_000, "/v1/files");
    flow.request.body = body(b"\xff\x00\xfe");
    flow.request.body.digest = Some("0a".repeat(32));
    flow.response = response(204, "text/plain", body(b"plain \"text\"\r\n"));
    let head = flow.response.head.as_mut().unwrap();
    head.version = Version::HTTP_2;
    head.fields.push(plain("x-latin", b"caf\xe9"));
    flow
}

fn failed_exchange() -> Flow {
    let mut flow = exchange("run-failed", 4_000_000, "/v1/models");
    flow.is_recovered = true;
    flow.failures = vec![
        Failure {
            side: Side::Upstream,
            phase: Phase::Connect,
            message: "connection refused".to_owned(),
        },
        Failure {
            side: Side::Client,
            phase: Phase::Head,
            message: "broken pipe".to_owned(),
        },
    ];
    flow
}

fn refused_upgrade() -> Flow {
    let mut flow = exchange("run-refused", 8_000_000, "/v1/responses");
    flow.kind = FlowKind::Ws;
    flow.response = response(426, "application/json", body(b"{\"error\":\"use POST\"}"));
    flow
}

fn live_exchange() -> Flow {
    let mut flow = exchange("run-live", 9_000_000, "/elsewhere");
    flow.ended = None;
    flow.request.head = None;
    flow
}

fn connection() -> Flow {
    let mut flow = exchange("run-ws", 5_000_000, "/v1/responses");
    flow.kind = FlowKind::Ws;
    flow.response = response(101, "text/plain", Body::default());
    add(&mut flow, Direction::In, Op::Ping, b"hi");
    add(&mut flow, Direction::Out, Op::Reserved(11), b"\x80");
    add(&mut flow, Direction::In, Op::Gap, b"");
    add(&mut flow, Direction::Out, Op::Close(Some(1000)), b"bye");
    flow.close = Some(Close {
        code: Some(1000),
        reason: "bye".to_owned(),
        dir: Direction::Out,
        is_framed: true,
    });
    flow
}

fn turn(connection: FlowId) -> Flow {
    let mut flow = exchange("run-ws-1", 6_000_000, "/v1/responses");
    flow.kind = FlowKind::WsTurn {
        connection,
        number: 1,
    };
    flow.response = response(101, "text/plain", Body::default());
    let (out, back) = (Direction::Out, Direction::In);
    add(
        &mut flow,
        out,
        Op::Text,
        b"{\"type\":\"response.create\",\n \"model\":\"m-1\"}",
    );
    add(
        &mut flow,
        back,
        Op::Text,
        b"{\"type\":\"response.created\",\"response\":{}}",
    );
    flow.frames[1].is_compressed = true;
    add(&mut flow, back, Op::Text, b"");
    flow.frames[2].is_final = false;
    let last = b"{\"type\":\"response.completed\",\"response\":{\"id\":\"resp_1\",\"n\":1.0}}";
    add(&mut flow, back, Op::Continuation, last);
    add(&mut flow, back, Op::Binary, b"\xff");
    add(&mut flow, back, Op::Text, b"");
    flow.replay();
    flow.is_warm_up = true;
    flow
}

fn add(flow: &mut Flow, dir: Direction, op: Op, payload: &[u8]) {
    let body = match dir {
        Direction::Out => &mut flow.request.body,
        Direction::In => &mut flow.response.body,
    };
    let span = body.push(payload);
    body.wire_len += span.len() as u64 + 2;
    let number = flow.frames.len() as u64;
    flow.frames.push(Frame {
        op,
        wire: span.len() as u64 + 2,
        len: span.len() as u64,
        span,
        ..frame(flow.started.as_micros() - START + number * 40, dir)
    });
}

fn frame(micros: u64, dir: Direction) -> Frame {
    Frame {
        at: at(micros),
        dir,
        op: Op::Text,
        wire: 0,
        len: 0,
        span: 0..0,
        is_compressed: false,
        is_final: true,
        event: None,
        ordinal: None,
        fault: None,
    }
}

fn exchange(name: &str, micros: u64, target: &str) -> Flow {
    let redactor = Redactor::new();
    let bearer = HeaderValue::from_static("Bearer made-up");
    let upstream = Arc::from("https://upstream.example");
    Flow {
        channel: Channel::of(target),
        ended: Some(at(micros + 1500)),
        connection: Some(Connection {
            proxy: Some(Arc::from("http://proxy.example:3128")),
            dns: Some(std::time::Duration::from_micros(10)),
            connect: Some(std::time::Duration::from_micros(20)),
            ..Connection::default()
        }),
        connected_at: Some(at(micros + 40)),
        request: Request {
            head: Some(RequestHead {
                method: "POST".to_owned(),
                target: target.to_owned(),
                version: Version::HTTP_11,
                fields: vec![
                    Field {
                        name: "authorization".to_owned(),
                        value: redactor.field("authorization", &bearer),
                    },
                    plain("x-twice", b"1"),
                    plain("x-twice", b"2"),
                ],
            }),
            sent_at: Some(at(micros + 50)),
            ..Request::default()
        },
        gist: target.to_owned(),
        ..Flow::new(
            name.to_owned(),
            "127.0.0.1:50000".to_owned(),
            upstream,
            at(micros),
        )
    }
}

fn response(status: u16, media: &str, body: Body) -> Response {
    Response {
        head: Some(ResponseHead {
            status,
            version: Version::HTTP_11,
            fields: vec![plain("content-type", media.as_bytes())],
        }),
        body,
        ..Response::default()
    }
}

fn body(bytes: &[u8]) -> Body {
    let mut body = Body::default();
    body.push(bytes);
    body.wire_len = bytes.len() as u64;
    body.is_complete = true;
    body
}

fn plain(name: &str, value: &[u8]) -> Field {
    Field {
        name: name.to_owned(),
        value: Value::Plain(HeaderValue::from_bytes(value).unwrap()),
    }
}

pub(crate) fn text_of(flow: &Flow, store: &Store) -> String {
    String::from_utf8(capture::line(flow, store).unwrap()).unwrap()
}

fn at(micros: u64) -> At {
    At::from_micros(START + micros)
}

/// 2025-06-15T12:00:00Z.
const START: u64 = 1_749_988_800_000_000;
