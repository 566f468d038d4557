//! What may be written at the cursor.

use proptest::prelude::*;

use super::super::*;
use super::fields::{side, turn};

/// Two turns, one of them with another model, and a list of models.
fn store() -> Store {
    let mut store = Store::default();
    store.push(turn());
    let mut other = turn();
    other.model = Some("gpt 5 (old)".to_owned());
    other.identity.session = Some("sess\u{1b}[2J".to_owned());
    store.push(other);
    let mut again = turn();
    again.identity.session = Some("other".to_owned());
    store.push(again);
    store.push(side());
    store
}

fn names() -> Names {
    let names = [("slow", "ttft>5s"), ("broken", "in>")];
    let names = names.map(|(name, text)| (name.to_owned(), text.to_owned()));
    names.into_iter().collect()
}

fn complete(text: &str) -> Completion {
    Completion::of(text, text.len(), &names(), &store())
}

#[test]
fn what_begins_as_it_was_typed_comes_first_and_what_many_flows_have_before_it() {
    let table: &[(&str, usize, &[&str])] = &[
        ("mo", 0, &["model:"]),
        ("a & (!eff", 6, &["effort:"]),
        ("in", 0, &["in>", "inst:", "is:incomplete"]),
        ("hi", 0, &["hit<"]),
        ("fra", 0, &["frames>", "frame("]),
        ("ret", 0, &["is:retry"]),
        ("Pat", 0, &["path:", "has:patch"]),
        ("zebra", 0, &[]),
        ("~t", 0, &["~t ", "~thread ", "~tq ", "~ts "]),
        ("a ~mark", 2, &["~marked"]),
        ("@s", 0, &["@slow"]),
        ("model:", 6, &["gpt-6-sol", "\"gpt 5 (old)\""]),
        ("model:SO", 6, &["gpt-6-sol"]),
        ("!model=\"gpt 5", 7, &["\"gpt 5 (old)\""]),
        ("session:", 8, &["other", "sess"]),
        ("~session s", 9, &["sess"]),
        ("tool~", 5, &["apply_patch", "shell"]),
        (
            "status:",
            7,
            &["101", "incomplete", "partial", "200", "complete"],
        ),
        ("~c ", 3, &["101", "200"]),
        ("type:incompl", 5, &["response.incomplete"]),
        (
            "is:",
            3,
            &[
                "compact",
                "failed",
                "incomplete",
                "live",
                "marked",
                "mismatch",
                "partial",
                "retry",
                "side",
                "subagent",
                "warmup",
            ],
        ),
        ("has:p", 4, &["patch"]),
        ("text:", 5, &[]),
        ("in>", 3, &[]),
        ("~b mod", 3, &[]),
        ("frame(d", 6, &["dir:"]),
        ("frame(dir:", 10, &["in", "out"]),
        ("frame((op:pi", 10, &["ping"]),
        ("frame(a) d", 9, &["dur>"]),
        ("@s&frame(op:pi", 12, &["ping"]),
        ("~e|frame(dir:", 13, &["in", "out"]),
        ("frame(is:", 6, &[]),
        ("'a b' \"mod", 6, &[]),
    ];
    for (text, start, expected) in table {
        let completion = complete(text);
        let found: Vec<&str> = completion
            .candidates
            .iter()
            .map(|it| it.text.as_str())
            .collect();
        assert_eq!(found, *expected, "{text}");
        assert_eq!(completion.span, *start..text.len(), "{text}");
    }
    let all = complete("").candidates;
    let count = FIELDS.len() + 1 + OPERATORS.len() + 2;
    assert_eq!(all.len(), count, "fields, frame(, operators and names");
    let doc = |text: &str| complete(text).candidates[0].doc.to_string();
    assert_eq!(doc("model:"), "2 flows");
    assert_eq!(doc("@s"), "ttft>5s");
    assert_eq!(doc("mod"), "model asked for");
}

#[test]
fn what_is_typed_behind_the_cursor_does_not_matter() {
    let completion = Completion::of("a mod b", 5, &names(), &store());
    assert_eq!((completion.span, completion.candidates.len()), (2..5, 1));
}

proptest! {
    #[test]
    fn what_is_offered_is_no_error_once_it_is_written(
        text in r#"([ ab~mcué()&|!'"\\:=]|model|is|has|frame\(|session|status|@s|op|dir){0,8}"#,
        at in 0_usize..40,
    ) {
        let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let completion = Completion::of(&text, at, &names(), &store());
        let span = completion.span.clone();
        prop_assert!(text.get(span.clone()).is_some() && span.end == at);
        for candidate in completion.candidates {
            prop_assert!(!candidate.text.contains(char::is_control));
            let whole = format!("{}{}", &text[..span.start], candidate.text);
            if let Err(error) = Filter::parse_with(&whole, &names()) {
                // What is wrong is wrong before, or is the value that is still to come.
                let is_before = error.span.start < span.start;
                prop_assert!(is_before || error.span.end >= whole.trim_end().len(), "{whole}: {error:?}");
            }
        }
    }
}
