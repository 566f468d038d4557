//! How JSON text is laid out, folded and found broken.

use proptest::prelude::*;

use super::super::tests::{plain, shown};
use super::*;

fn pretty(text: &str, folds: &Folds) -> Document {
    let mut document = Document::default();
    json(&mut document, text, 2, 0, "k", folds);
    document
}

#[test]
fn values_have_their_roles_and_keep_their_text() {
    let text =
        r#"{"b":1.50e+3,"a":{"x":"q\"\u001b","l":[1,null,{"deep":true}]},"e":[ ],"s":[1, "two"]}"#;
    let document = pretty(text, &Folds::default());
    let expected = "\
- {
  \"b\": 1.50e+3,
- \x20 \"a\": {
    \"x\": \"q\\\"\\u001b\",
+ \x20   \"l\": […] 3 elements
  },
  \"e\": [],
  \"s\": [1, \"two\"]
}
";
    let folded: String = document
        .lines
        .iter()
        .zip(plain(&document).lines())
        .map(|(line, text)| match &line.fold {
            Some(fold) if fold.is_open => format!("- {text}\n"),
            Some(_) => format!("+ {text}\n"),
            None => format!("{text}\n"),
        })
        .collect();
    assert_eq!(folded, expected);
    let roles = shown(&document);
    assert!(
        roles.contains("json.key:\"b\"|json.punctuation:: |json.number:1.50e+3|json.punctuation:,")
    );
    assert!(roles.contains("json.key:\"l\"|json.punctuation:: |json.punctuation:[|text.dim:…"));
}

#[test]
fn folds_open_by_path() {
    let text = r#"{"a":{"l":[[1,2,3],{"deep":["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]}]}}"#;
    let mut folds = Folds::default();
    folds.toggle("k/a/l");
    folds.toggle("k/a/l/1");
    let document = pretty(text, &folds);
    let keys: Vec<&str> = document
        .lines
        .iter()
        .filter_map(|line| Some(line.fold.as_ref()?.key.as_str()))
        .collect();
    assert_eq!(keys, ["k", "k/a", "k/a/l", "k/a/l/1", "k/a/l/1/deep"]);
    folds.toggle("k");
    assert_eq!(plain(&pretty(text, &folds)), "{…} 1 member\n");
}

#[test]
fn long_things_are_shortened_until_opened() {
    let text = format!(
        r#"{{"t":"{}\nend","n":[{}],"z":0}}"#,
        "word ".repeat(100),
        "1,".repeat(99) + "1"
    );
    let mut folds = Folds::default();
    let closed = plain(&pretty(&text, &folds));
    let lines: Vec<&str> = closed.lines().collect();
    assert!(lines[1].ends_with("…\" 504 chars,"), "{closed}");
    assert_eq!(lines[2], "  \"n\": […] 100 elements,");
    folds.toggle("k/t");
    let open = plain(&pretty(&text, &folds));
    assert_eq!(open.lines().nth(3), Some("    end"), "{open}");
    assert_eq!(
        open.lines().nth(4),
        Some("  \"n\": […] 100 elements,"),
        "{open}"
    );
}

#[test]
fn secrets_stand_out() {
    let document = pretty(r#"{"api_key":"<redacted:0123abcd>"}"#, &Folds::default());
    let roles = shown(&document);
    assert!(
        roles.contains("json.string:\"|secret:<redacted:0123abcd>|json.string:\""),
        "{roles}"
    );
}

#[test]
fn broken_json_is_shown_with_its_place() {
    let table = [
        (r#"{"a":1,}"#, 7),
        (r#"{"a" 1}"#, 5),
        ("[1 2]", 3),
        ("[1}", 2),
        ("tru", 0),
        ("{\"a\":\n\u{1b}x}", 6),
        ("", 0),
        (r#"{"a":"#, 5),
        (r#"{"a":"b"#, 5),
        ("1 2", 2),
        ("]", 0),
        ("[,]", 1),
        (r#"{"a":}"#, 5),
    ];
    for (text, at) in table {
        assert_eq!(check(text).err(), Some(Stop::Broken(at)), "{text}");
    }
    assert_eq!(
        plain(&pretty("{\"a\":\n\u{1b}x}", &Folds::default())),
        "not JSON from here on: byte 6, line 2\n{\"a\":\n▲ not JSON from here on\n␛x}\n"
    );
}

#[test]
fn depth_costs_no_stack() {
    let text = "[".repeat(10_000) + &"]".repeat(10_000);
    assert!(is_json(&text));
    let document = pretty(&text, &Folds::default());
    assert_eq!(plain(&document), "[\n  [\n    […] 1 element\n  ]\n]\n");
    let broken = "{\"a\":".repeat(10_000);
    assert!(!is_json(&broken));
    assert_eq!(member(&broken, "b"), None);
}

#[test]
fn top_level_members_are_found_verbatim() {
    let text = r#" { "type" : "x.y", "n":-1, "o":{"type":"inner","s":"}\""}, "l":[1,[2]] } "#;
    let table = [
        ("type", Some(r#""x.y""#)),
        ("n", Some("-1")),
        ("o", Some(r#"{"type":"inner","s":"}\""}"#)),
        ("l", Some("[1,[2]]")),
        ("s", None),
    ];
    for (name, expected) in table {
        assert_eq!(member(text, name), expected, "{name}");
    }
    assert_eq!(member("[1]", "a"), None);
    assert_eq!(member(r#"{"a":"#, "a"), None);
    assert_eq!(unquoted(r#""a\nb""#).as_deref(), Some("a\nb"));
}

/// JSON text of any shape, strings short enough to be shown whole.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i32>().prop_map(|n| n.to_string()),
        "[ a-z\"\\\\{}\\[\\],:é]{0,8}".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let name = "[a-z\"/]{0,4}".prop_map(|name| serde_json::to_string(&name).unwrap());
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5)
                .prop_map(|list| format!("[ {}]", list.join(" ,"))),
            prop::collection::vec((name, inner), 0..5).prop_map(|members| {
                let members: Vec<String> = members
                    .iter()
                    .map(|(name, value)| format!("{name} :{value}"))
                    .collect();
                format!("{{{}\n}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_says_the_same(text in any_json()) {
        let mut document = Document::default();
        json(&mut document, &text, usize::MAX, 3, "k", &Folds::default());
        let printed: serde_json::Value = serde_json::from_str(&plain(&document)).unwrap();
        prop_assert_eq!(printed, serde_json::from_str::<serde_json::Value>(&text).unwrap());
    }

    #[test]
    fn any_text_is_shown_safely(text in "[\\[\\]{},:\"\\\\ 0-9a-z\\-\x1b\n\u{202e}é]{0,60}", depth in 0_usize..4) {
        let mut document = Document::default();
        json(&mut document, &text, depth, 0, "k", &Folds::default());
        prop_assert!(!document.lines.is_empty());
        for c in plain(&document).chars() {
            prop_assert!(c == '\n' || !c.is_control());
        }
        if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_ok() {
            prop_assert!(is_json(&text));
        }
        let _ = member(&text, "a");
    }
}
