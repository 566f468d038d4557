//! The filter from its text to the flows it chooses.

mod complete;
mod docs;
mod fields;
mod syntax;

use std::sync::Arc;

use http::{HeaderValue, Version};

use super::*;
use crate::flow::{Body, Channel, FlowId, FlowKind, Request, Response};
use crate::responses::{Agent, Identity, Item, ItemKind, Part, Turn};
use crate::tap::{At, Failure, Field, Phase, RequestHead, ResponseHead, Side, Value};

#[test]
fn terms_choose_what_they_name() {
    let flow = flow();
    let table = [
        ("", true),
        ("~all", true),
        ("~m post", true),
        ("~m POST", true),
        ("~m Post", false),
        ("~m get", false),
        ("~u upstream.example/v1/resp", true),
        ("~u responses$", false),
        ("~d ^upstream.example$", true),
        ("~d v1", false),
        ("~c 404", true),
        ("~c 4xx", true),
        ("~c 5XX", false),
        ("~c 200", false),
        ("~b needle", true),
        ("~bq needle", true),
        ("~bs needle", false),
        ("~bs 'caf\u{e9}'", true),
        ("~bs \"(?-u:\\xff)\"", true),
        ("~h \"x-one: 1\"", true),
        ("~hq x-one", true),
        ("~hs x-one", false),
        ("~t json", true),
        ("~tq json", false),
        ("~ts json", true),
        ("~src ^127\\.0\\.0\\.1:", true),
        ("~e", true),
        ("~q", false),
        ("~s", true),
        ("~http", true),
        ("~websocket", false),
        ("~marked", false),
        ("greet", true),
        ("Greet", false),
        ("m-1", true),
        ("review", true),
        ("/v1/responses", true),
        ("404", true),
        ("model", true),
        ("HTTP", true),
        ("assembled.text", true),
        ("thought", true),
        ("nowhere", false),
        ("nowhere|greet", true),
        ("^$", false),
        ("greet & ~c 404", true),
        ("greet ~c 404", true),
        ("greet !~c 404", false),
        ("nowhere | ~c 404 greet", true),
        ("(nowhere | ~c 404) & nothing", false),
        ("nowhere & nothing | greet", true),
        ("!nowhere", true),
        ("!!nowhere", false),
        ("nowhere|| greet", true),
        ("greet&& ~e", true),
        ("~session ^sess", true),
        ("~session thread", false),
        ("~thread thread-1", true),
        ("~thread thread-2", false),
        ("~comment look.again", true),
        ("~comment assembled", false),
        ("again", true),
    ];
    for (text, expected) in table {
        let filter = Filter::parse(text).unwrap();
        let standing = Standing::default();
        assert_eq!(filter.matches(&flow, standing), expected, "{text}");
    }
    let marked = Standing {
        is_marked: true,
        is_retry: false,
    };
    assert!(Filter::parse("~marked").unwrap().matches(&flow, marked));
    assert!(Filter::parse("  ").unwrap().is_empty());
}

#[test]
fn what_is_meant_exactly_is_no_pattern() {
    let chosen = |text: &str| {
        let filter = Filter::exactly(Key::Session, text).unwrap();
        assert_eq!(Filter::parse(&filter.to_string()), Ok(filter.clone()));
        filter.matches(&flow(), Standing::default())
    };
    assert!(chosen("session.1"));
    assert!(!chosen("session"));
    assert!(!chosen("session.."));
    assert!(!chosen(r#"") | ~all"#));
}

/// A failed exchange with a bit of everything.
fn flow() -> Flow {
    let field = |name: &str, value: &'static str| Field {
        name: name.to_owned(),
        value: Value::Plain(HeaderValue::from_static(value)),
    };
    let body = |bytes: &[u8]| {
        let mut body = Body::default();
        body.push(bytes);
        body
    };
    let target = "/v1/responses?x=1";
    let part = |text: &str| Part {
        kind: "output_text".to_owned(),
        text: text.to_owned(),
        began: 0,
    };
    let item = |kind| Item {
        id: None,
        kind,
        began: 0,
        ended: None,
        raw: String::new(),
    };
    let mut turn = Turn::default();
    turn.items = vec![
        item(ItemKind::Reasoning {
            summary: vec![part("a thought")],
            content: Vec::new(),
            encrypted: 0,
        }),
        item(ItemKind::Message {
            role: "assistant".to_owned(),
            phase: None,
            parts: vec![part("the assembled text")],
        }),
    ];
    Flow {
        id: FlowId(0),
        name: "f-1".to_owned(),
        kind: FlowKind::Http,
        channel: Channel::of(target),
        client: "127.0.0.1:5000".to_owned(),
        upstream: Arc::from("https://upstream.example"),
        started: At::from_micros(0),
        ended: None,
        connection: None,
        connected_at: None,
        request: Request {
            head: Some(RequestHead {
                method: "POST".to_owned(),
                target: target.to_owned(),
                version: Version::HTTP_11,
                fields: vec![field("x-one", "1")],
            }),
            body: body(b"a needle"),
            ..Request::default()
        },
        response: Response {
            head: Some(ResponseHead {
                status: 404,
                version: Version::HTTP_11,
                fields: vec![field("content-type", "application/json")],
            }),
            body: body(b"caf\xc3\xa9 \xff"),
            ..Response::default()
        },
        frames: Vec::new(),
        spilled: None,
        turn: Some(turn),
        identity: Identity {
            session: Some("session.1".to_owned()),
            thread: Some("thread-1".to_owned()),
            agent: Agent::Sub("review".to_owned()),
            ..Identity::default()
        },
        model: Some("m-1".to_owned()),
        asked: crate::flow::Context::default(),
        gist: "greet them".to_owned(),
        is_warm_up: false,
        failures: vec![Failure {
            side: Side::Client,
            phase: Phase::Body,
            message: "gone".to_owned(),
        }],
        faults: Vec::new(),
        close: None,
        is_recovered: false,
        comment: Some("look again".into()),
        revision: 0,
    }
}
