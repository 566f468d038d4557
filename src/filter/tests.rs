//! The filter from its text to the flows it chooses.

use std::sync::Arc;

use http::{HeaderValue, Version};
use proptest::prelude::*;

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
    ];
    for (text, expected) in table {
        let filter = Filter::parse(text).unwrap();
        assert_eq!(filter.matches(&flow, false), expected, "{text}");
    }
    assert!(Filter::parse("~marked").unwrap().matches(&flow, true));
    assert!(Filter::parse("  ").unwrap().is_empty());
}

#[test]
fn what_is_meant_exactly_is_no_pattern() {
    let chosen = |text: &str| {
        let filter = Filter::exactly(Op::Session, text).unwrap();
        assert_eq!(Filter::parse(&filter.to_string()), Ok(filter.clone()));
        filter.matches(&flow(), false)
    };
    assert!(chosen("session.1"));
    assert!(!chosen("session"));
    assert!(!chosen("session.."));
    assert!(!chosen(r#"") | ~all"#));
}

#[test]
fn errors_point_at_the_part_and_say_what_was_expected() {
    let table = [
        ("~zzz a", 0..4, "unknown operator: expected one of ~all ~b "),
        ("a & ", 4..4, "expected a word, an operator"),
        ("a | & b", 4..5, "expected a word, an operator"),
        ("| a", 0..1, "expected a word, an operator"),
        ("!", 1..1, "expected a word, an operator"),
        ("()", 1..2, "expected a word, an operator"),
        ("a (b", 2..3, "this parenthesis is not closed"),
        ("a ) b", 2..3, "this parenthesis was never opened"),
        (
            "x 'abc",
            2..6,
            "this quote is not closed: expected another '",
        ),
        ("~u", 2..2, "expected a regular expression after ~u (URL"),
        (
            "~u & b",
            3..4,
            "expected a regular expression after ~u (URL",
        ),
        ("~c ok", 3..5, "expected a status code"),
        ("~c 4xxx", 3..7, "expected a status code"),
        ("~c \u{e9}xx", 3..7, "expected a status code"),
        ("~c", 2..2, "expected a status code after ~c"),
        (
            "a [b",
            2..4,
            "expected a regular expression: unclosed character class",
        ),
        (
            "a{9999}{9999}",
            0..13,
            "expected a regular expression: it is too large",
        ),
    ];
    for (text, span, message) in table {
        let error = Filter::parse(text).unwrap_err();
        assert_eq!(error.span, span, "{text}: {error}");
        assert!(error.message.starts_with(message), "{text}: {error}");
    }
}

#[test]
fn deep_nesting_is_refused() {
    let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Filter::parse(&nested(64)).is_ok());
    assert!(Filter::parse(&nested(65)).is_err());
    assert!(Filter::parse(&format!("{}a", "!".repeat(100_000))).is_ok());
}

#[test]
fn text_is_written_the_shortest_way() {
    let table = [
        ("  a   b ", "a & b"),
        ("a|b", "a|b"),
        ("a |b& c", "a | (b & c)"),
        ("!( a )", "!a"),
        ("!(a b)", "!(a & b)"),
        ("~u 'x y' ~c 5XX", "~u \"x y\" & ~c 5xx"),
        (r#""a\"b\\d\w""#, r#"a"b\d\w"#),
        ("'(a)'", r#""(a)""#),
        ("''", "\"\""),
    ];
    for (text, expected) in table {
        assert_eq!(Filter::parse(text).unwrap().to_string(), expected, "{text}");
    }
}

#[test]
fn the_documentation_has_every_operator() {
    let rows = OPERATORS.map(|operator| {
        let usage = format!("~{} {}", operator.name, operator.argument.as_str());
        format!("| `{}` | {} |\n", usage.trim_end(), operator.doc)
    });
    let table = format!("| operator | chooses |\n|---|---|\n{}", rows.concat());
    let documentation = include_str!("../../docs/filter.md");
    assert!(
        documentation.contains(&table),
        "docs/filter.md needs this table:\n{table}"
    );
}

#[test]
fn every_operator_has_one_name_and_one_row() {
    let mut names: Vec<&str> = OPERATORS.iter().map(|operator| operator.name).collect();
    assert!(names.is_sorted());
    names.dedup();
    assert_eq!(names.len(), OPERATORS.len());
    for operator in OPERATORS {
        assert_eq!(
            operator.op.operator().map(|row| row.name),
            Some(operator.name)
        );
    }
}

proptest! {
    #[test]
    fn text_and_tree_are_one(expr in any_expr()) {
        let filter = Filter { root: Some(expr) };
        let text = filter.to_string();
        prop_assert_eq!(Filter::parse(&text), Ok(filter), "{}", text);
    }

    #[test]
    fn any_text_is_a_filter_or_an_error_within_it(text in r#"[ ab~mcux0-9()&|!'"\\\[*é]{0,24}"#) {
        match Filter::parse(&text) {
            Ok(filter) => prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter)),
            Err(error) => {
                prop_assert!(text.get(error.span.clone()).is_some(), "{:?}", error);
                prop_assert!(!error.message.is_empty());
            }
        }
    }
}

fn any_expr() -> impl Strategy<Value = Expr> {
    let pattern = || {
        prop::string::string_regex(r#"[ a-zA-Z~&|!'"/.\\é-]{0,8}"#)
            .unwrap()
            .prop_filter_map("no regular expression", |text| Pattern::new(&text).ok())
    };
    let operators = |argument| -> Vec<Op> {
        let matching = OPERATORS.iter().filter(|row| row.argument == argument);
        matching.map(|row| row.op).collect()
    };
    let leaf = prop_oneof![
        pattern().prop_map(Expr::Word),
        prop::sample::select(operators(Argument::None)).prop_map(Expr::Is),
        (prop::sample::select(operators(Argument::Regex)), pattern())
            .prop_map(|(op, pattern)| Expr::Has(op, pattern)),
        (0_u16..1000).prop_map(|code| Expr::Status(Code::One(code))),
        (0_u16..10).prop_map(|digit| Expr::Status(Code::Class(digit))),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
            inner.prop_map(|inner| match inner {
                Expr::Not(twice) => *twice,
                once => Expr::Not(Box::new(once)),
            }),
        ]
    })
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
        revision: 0,
    }
}
