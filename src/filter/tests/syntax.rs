//! What is an expression, what is none and why, and how an expression is written.

use proptest::prelude::*;

use super::super::amount::{Amount, Moment, Order};
use super::super::pattern::Code;
use super::super::*;

/// Texts that are no filter, where each goes wrong, and how the message begins.
const WRONG: &[(&str, Range<usize>, &str)] = &[
    ("~zzz a", 0..4, "unknown operator: expected one of ~all ~b "),
    ("a & ", 4..4, "expected a word, a field such as model:"),
    ("a | & b", 4..5, "expected a word, a field such as model:"),
    ("| a", 0..1, "expected a word, a field such as model:"),
    ("!", 1..1, "expected a word, a field such as model:"),
    ("()", 1..2, "expected a word, a field such as model:"),
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
    (
        "mdoel:gpt",
        0..5,
        "unknown field mdoel: did you mean model? (",
    ),
    (
        "a & sesion~b",
        4..10,
        "unknown field sesion: did you mean session?",
    ),
    (
        "fooo=1",
        0..4,
        "unknown field fooo: expected one of after agent ",
    ),
    (
        "a->b x>5",
        5..6,
        "unknown field x: expected one of after agent ",
    ),
    (
        "model:",
        6..6,
        "expected a text after model: (model asked for)",
    ),
    ("!model: a", 7..7, "expected a text after model: ("),
    ("model>5", 5..6, "expected :, = or ~ after model (model"),
    (
        "in~5",
        2..3,
        "expected :, =, <, <=, > or >= after in (input",
    ),
    ("in>5s", 3..5, "expected a number such as 500, 12k"),
    (
        "cached<50%",
        7..10,
        "expected a number such as 500, 12k or 1.5M; a share is hit<50%",
    ),
    ("dur>5", 4..5, "expected a length of time such as 300ms"),
    ("cost>5%", 5..7, "expected an amount such as 0.05$"),
    ("hit>5k", 4..6, "expected a share such as 50%"),
    ("size>5s", 5..7, "expected a number of bytes such as"),
    ("status>4xx", 7..10, "expected a whole number"),
    ("model~(", 6..6, "expected a text after model~"),
    (
        "model~\"(\"",
        6..9,
        "expected a regular expression: unclosed group",
    ),
    (
        "model:'a",
        6..8,
        "this quote is not closed: expected another '",
    ),
    ("is:faild", 3..8, "did you mean failed?"),
    (
        "is:red",
        3..6,
        "expected one of compact failed incomplete live",
    ),
    ("is=live", 2..3, "expected : after is (is of this kind)"),
    (
        "has:image has:money",
        14..19,
        "expected one of image patch reasoning",
    ),
    (
        "since:soon",
        6..10,
        "expected a length of time such as 300ms",
    ),
    ("after:25:00", 6..11, "expected a time such as 14:05"),
    ("after>14:05", 5..6, "expected : after after (began"),
    ("frame(dir:in", 0..6, "this parenthesis is not closed"),
    (
        "frame()",
        6..7,
        "expected a word, a field of frames such as dir:",
    ),
    (
        "frame(~u a)",
        6..8,
        "expected a word, a field of frames such as dir:",
    ),
    (
        "frame(@a)",
        6..8,
        "expected a word, a field of frames such as dir:",
    ),
    (
        "frame(model=a)",
        6..11,
        "unknown field model: expected one of bytes close dir",
    ),
    (
        "frame(tpye:a)",
        6..10,
        "unknown field tpye: did you mean type?",
    ),
    (
        "frame(a) dir=in",
        9..12,
        "unknown field dir: expected one of after",
    ),
    (
        "@a",
        0..2,
        "unknown filter @a: none is saved (a word stands",
    ),
];

#[test]
fn what_is_looked_for_in_bodies_is_always_an_expression() {
    // A line has more than the body: what is all of a body would not be all of its line.
    for operator in ["~b", "~bq", "~bs"] {
        for text in ["word", "'=word'", "'two words'", "^word$"] {
            let filter = Filter::parse(&format!("{operator} {text}")).unwrap();
            let Some(Expr::Has(Op::Body | Op::RequestBody | Op::ResponseBody, pattern)) =
                &filter.root
            else {
                panic!("{operator} {text}: {:?}", filter.root);
            };
            assert_eq!(pattern.how(), How::Regex, "{operator} {text}");
        }
    }
}

#[test]
fn errors_point_at_the_part_and_say_what_was_expected() {
    for (text, span, message) in WRONG {
        let error = Filter::parse(text).unwrap_err();
        assert_eq!(error.span, *span, "{text}: {error}");
        assert!(error.message.starts_with(message), "{text}: {error}");
    }
}

#[test]
fn what_looks_like_a_field_and_is_none_stays_a_word() {
    let words = [
        "http://x/y",
        "https://x",
        "foo:bar",
        "std::io",
        "localhost:8080",
        "/x?a=1&b=2",
        "a->b",
        "foo~bar",
        "12:30",
        "x-model:y",
        "frame",
        "a@b",
        ":model",
    ];
    for text in words {
        let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(matches!(filter.root, Some(Expr::Word(_))), "{text}");
    }
    // In quotes, and behind an operator, nothing is a field.
    for text in [
        "\"mdoel:gpt\"",
        "'model>5'",
        "~b model>5",
        "~hq host:x",
        "~u @a",
    ] {
        let filter = Filter::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert!(
            matches!(filter.root, Some(Expr::Word(_) | Expr::Has(..))),
            "{text}"
        );
        assert_eq!(Filter::parse(&filter.to_string()), Ok(filter), "{text}");
    }
}

#[test]
fn names_stand_for_what_was_saved() {
    let names: Names = [
        ("slow", "ttft>5s | dur>1m"),
        ("bad", "@slow & is:failed"),
        ("blank", " "),
        ("loop", "a @loop2"),
        ("loop2", "@loop"),
        ("broken", "model>5"),
        ("two", "@one @one"),
        ("one", "@slow @slow"),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .into_iter()
    .collect();
    let table = [
        ("@slow", "ttft>5s | dur>1m"),
        ("!@slow", "!(ttft>5s | dur>1m)"),
        ("a @bad", "a & ((ttft>5s | dur>1m) & is:failed)"),
        ("@blank", "~all"),
    ];
    for (text, expected) in table {
        let filter = Filter::parse_with(text, &names).unwrap();
        assert_eq!(filter.to_string(), expected, "{text}");
        assert_eq!(Filter::parse(expected), Ok(filter));
    }
    assert!(Filter::parse_with("@two", &names).is_ok());
    let table = [
        ("a @slwo", 2..7, "unknown filter @slwo: did you mean @slow?"),
        (
            "@zebra",
            0..6,
            "unknown filter @zebra: expected one of @bad @blank ",
        ),
        ("@", 0..1, "unknown filter @: expected one of @bad"),
        (
            "x @loop",
            2..7,
            "@loop: @loop2: @loop → @loop2 → @loop never ends",
        ),
        ("@broken", 0..7, "@broken: expected :, = or ~ after model"),
    ];
    for (text, span, message) in table {
        let error = Filter::parse_with(text, &names).unwrap_err();
        assert_eq!(error.span, span, "{text}: {error}");
        assert!(error.message.starts_with(message), "{text}: {error}");
    }
}

#[test]
fn names_that_double_and_double_again_are_refused() {
    let names = (0..40).map(|number| {
        let next = number + 1;
        (format!("n{number}"), format!("@n{next} @n{next}"))
    });
    let names: Names = names.chain([("n40".to_owned(), "a".to_owned())]).collect();
    let error = Filter::parse_with("@n0", &names).unwrap_err();
    assert_eq!(error.span, 0..3);
    assert!(
        error
            .message
            .ends_with("expected fewer filters in each other"),
        "{error}"
    );
    assert!(error.message.len() < 1_000, "{error}");
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
        ("model:'a b'", "model:\"a b\""),
        ("in:5 in=5 in<=1.50K", "in=5 & in=5 & in<=1.50K"),
        ("status=404 status:4XX", "status:404 & status:4xx"),
        ("'model:a'", "\"model:a\""),
        ("'mdoel:a'", "\"mdoel:a\""),
        ("'foo:a'", "foo:a"),
        ("'@a'", "\"@a\""),
        ("frame( (dir:in|op:ping) )", "frame(dir:in|op:ping)"),
        (
            "frame(dir:in | op:ping & a)",
            "frame(dir:in | (op:ping & a))",
        ),
        ("!frame(a)b", "!frame(a) & b"),
    ];
    for (text, expected) in table {
        assert_eq!(Filter::parse(text).unwrap().to_string(), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn text_and_tree_are_one(expr in any_expr()) {
        let filter = Filter { root: Some(expr), ..Filter::default() };
        let text = filter.to_string();
        prop_assert_eq!(Filter::parse(&text), Ok(filter), "{}", text);
    }

    #[test]
    fn any_text_is_a_filter_or_an_error_within_it(text in r#"([ ab~mcux0-9()&|!'"\\\[*é@]|model|in|is|since|frame\(|live|[:=<>~%$k]){0,16}"#) {
        match Filter::parse(&text) {
            Ok(filter) => prop_assert_eq!(Filter::parse(&filter.to_string()), Ok(filter)),
            Err(error) => {
                prop_assert!(text.get(error.span.clone()).is_some(), "{:?}", error);
                prop_assert!(!error.message.is_empty());
            }
        }
    }
}

/// Any expression about flows.
fn any_expr() -> impl Strategy<Value = Expr> {
    let operators = |argument| -> Vec<Op> {
        let matching = OPERATORS.iter().filter(|row| row.argument == argument);
        matching.map(|row| row.op).collect()
    };
    let leaf = prop_oneof![
        any_pattern(How::Regex).prop_map(Expr::Word),
        prop::sample::select(operators(Argument::None)).prop_map(Expr::Is),
        (
            prop::sample::select(operators(Argument::Regex)),
            any_pattern(How::Regex)
        )
            .prop_map(|(op, pattern)| Expr::Has(op, pattern)),
        any_code().prop_map(Expr::Status),
        any_field(FIELDS),
        any_tree(prop_oneof![
            any_field(FRAME_FIELDS),
            any_pattern(How::Regex).prop_map(Expr::Word)
        ])
        .prop_map(|inner| Expr::Frame(Box::new(inner))),
    ];
    any_tree(leaf)
}

/// Any expression that is made of these.
fn any_tree(leaf: impl Strategy<Value = Expr> + 'static) -> impl Strategy<Value = Expr> {
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

fn any_field(fields: &'static [Field]) -> impl Strategy<Value = Expr> {
    prop::sample::select(fields).prop_flat_map(|field| {
        let key = field.key;
        any_test(field.value).prop_map(move |test| Expr::Field(key, test))
    })
}

fn any_test(kind: Value) -> BoxedStrategy<Test> {
    let text = || {
        prop_oneof![Just(How::Within), Just(How::Whole), Just(How::Regex)]
            .prop_flat_map(any_pattern)
            .prop_map(Test::Text)
    };
    let amount = |kind: Value, units: &'static [&'static str]| {
        (0_u32..100_000, prop::sample::select(units))
            .prop_map(move |(number, unit)| Amount::read(&format!("{number}{unit}"), kind).unwrap())
    };
    let orders = [
        Order::Equal,
        Order::Less,
        Order::AtMost,
        Order::More,
        Order::AtLeast,
    ];
    let number = |kind: Value, units| {
        (prop::sample::select(orders.to_vec()), amount(kind, units))
            .prop_map(|(order, amount)| Test::Number(order, amount))
            .boxed()
    };
    match kind {
        Value::Text => text().boxed(),
        Value::Status => prop_oneof![
            text().prop_filter("a status", |test| !matches!(test, Test::Text(pattern)
                if pattern.how() != How::Regex && Code::new(pattern.as_str()).is_some())),
            any_code().prop_map(Test::Status),
            (400_u16..500).prop_map(|code| Test::Number(
                Order::AtLeast,
                Amount::read(&code.to_string(), Value::Number).unwrap()
            )),
        ]
        .boxed(),
        Value::Count => number(kind, &["", "k", "M"]),
        Value::Bytes => number(kind, &["", "k", "KiB", "MB", "GiB"]),
        Value::Duration => number(kind, &["us", "ms", "s", "m", "h"]),
        Value::Percent => number(kind, &["", "%"]),
        Value::Dollars => number(kind, &["", "$"]),
        Value::Number => number(kind, &[""]),
        Value::Flag => prop::sample::select(FLAGS)
            .prop_map(|flag| Test::Flag(flag.what))
            .boxed(),
        Value::Part => prop::sample::select(PARTS)
            .prop_map(|part| Test::Part(part.what))
            .boxed(),
        Value::Ago => amount(kind, &["ms", "s", "m", "h"])
            .prop_map(Test::Ago)
            .boxed(),
        Value::Time => {
            prop::sample::select(&["14:05", "23:59:59", "2026-11-20", "2026-11-20T14:05Z"])
                .prop_map(|text| Test::Time(Moment::read(text).unwrap()))
                .boxed()
        }
    }
}

fn any_pattern(how: How) -> impl Strategy<Value = Pattern> {
    prop::string::string_regex(
        r#"[ a-zA-Z~&|!'"/.\\é:=<>@()-]{0,8}|(model|mdoel|in|frame|dir|@a)[:=<>~(][a-z]{0,2}"#,
    )
    .unwrap()
    .prop_filter_map("no regular expression", move |text| {
        Pattern::of(&text, how).ok()
    })
}

fn any_code() -> impl Strategy<Value = Code> {
    prop_oneof![
        (0_u16..1000).prop_map(Code::One),
        (0_u16..10).prop_map(Code::Class),
    ]
}
