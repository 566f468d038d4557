//! What a line of a capture has wherever a body in it matches: a look at the line as it stands is many times as fast
//! as decoding it.
//!
//! A body stands in its line as JSON, the way it is read again, or as a JSON string. There some characters take two
//! (RFC 8259 §7). So the expression is rewritten to allow for that, and for nothing that only a place in a text tells:
//! it matches more lines than it has to, and none too few.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{
    Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Literal, Repetition,
};

/// The expression for lines; `None` where there is none. It has its letters in all the cases that are meant.
pub(super) fn expression(source: &str, is_case_insensitive: bool) -> Option<String> {
    let mut parser = ParserBuilder::new();
    let parser = parser.utf8(false).case_insensitive(is_case_insensitive);
    let hir = parser.build().parse(source).ok()?;
    Some(in_line(&hir)?.to_string())
}

/// The same for a part of an expression.
fn in_line(hir: &Hir) -> Option<Hir> {
    let all = |parts: &[Hir]| parts.iter().map(in_line).collect::<Option<Vec<Hir>>>();
    Some(match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Hir::empty(),
        HirKind::Literal(Literal(bytes)) => {
            let chars = std::str::from_utf8(bytes).ok()?.chars();
            let chars = chars.map(|c| one_of(ClassUnicode::new([ClassUnicodeRange::new(c, c)])));
            Hir::concat(chars.collect())
        }
        HirKind::Class(Class::Unicode(class)) => one_of(class.clone()),
        HirKind::Class(Class::Bytes(class)) => one_of(class.to_unicode_class()?),
        HirKind::Repetition(repetition) => Hir::repetition(Repetition {
            sub: Box::new(in_line(&repetition.sub)?),
            ..*repetition
        }),
        HirKind::Capture(capture) => in_line(&capture.sub)?,
        HirKind::Concat(parts) => Hir::concat(all(parts)?),
        HirKind::Alternation(parts) => Hir::alternation(all(parts)?),
    })
}

/// A character of a class, however it stands in a line, but for `\u` and four digits.
fn one_of(class: ClassUnicode) -> Hir {
    let ranges = ESCAPED.map(|(a, b)| ClassUnicodeRange::new(a, b));
    let mut escaped = ClassUnicode::new(ranges);
    escaped.intersect(&class);
    let mut ways = vec![Hir::class(Class::Unicode(class))];
    if !escaped.ranges().is_empty() {
        let letters = r#""\/bfnrt"#.chars().map(|c| ClassUnicodeRange::new(c, c));
        let letters = Hir::class(Class::Unicode(ClassUnicode::new(letters)));
        ways.push(Hir::concat(vec![Hir::literal(*b"\\"), letters]));
    }
    Hir::alternation(ways)
}

/// What is escaped in a JSON string, or may be.
const ESCAPED: [(char, char); 4] = [('\0', '\x1f'), ('"', '"'), ('/', '/'), ('\\', '\\')];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::bytes::RegexBuilder;

    use super::*;

    #[test]
    fn a_line_has_what_stands_in_it_and_bytes_are_not_looked_for() {
        let is_in = |source: &str, line: &str| {
            let raw = expression(source, false).unwrap();
            regex::Regex::new(&raw).unwrap().is_match(line)
        };
        assert!(is_in("w[aeiou]x9", "a wax9") && !is_in("w[aeiou]x9", "a wx9"));
        assert!(is_in("a b", "a b") && !is_in("a b", "ab") && !is_in("a b", "acb"));
        assert!(is_in("^a\"$", r#"x a\" x"#) && !is_in("a\"", r"a\ x"));
        // Bytes that are no text stand in Base64.
        assert_eq!(expression(r"(?-u:\xff)", false), None);
    }

    /// Parts of expressions.
    fn source() -> impl Strategy<Value = String> {
        let parts = [
            "a",
            "b",
            "é",
            "\"",
            r"\\",
            "/",
            " ",
            r"\n",
            ".",
            r"\s",
            r"\W",
            r"\d",
            "[^a]",
            "(?:a|\")",
            "b*",
            ".+?",
            "(?s:.)",
            r"\b",
            "^",
            "$",
            "(a/)",
            r"[\x00-\x1f]",
        ];
        proptest::collection::vec(proptest::sample::select(parts.to_vec()), 1..5)
            .prop_map(|parts| parts.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn what_matches_a_body_matches_its_line(
            source in source(),
            body in r#"[aAbé"\\/ \n\t1]{0,12}"#,
            is_case_insensitive: bool,
        ) {
            let regex = |source: &str, is_case_insensitive| {
                let mut builder = RegexBuilder::new(source);
                builder.case_insensitive(is_case_insensitive).build().unwrap()
            };
            let raw = regex(&expression(&source, is_case_insensitive).unwrap(), false);
            let spelled = serde_json::to_string(&body).unwrap();
            if regex(&source, is_case_insensitive).is_match(body.as_bytes()) {
                prop_assert!(raw.is_match(spelled.as_bytes()), "{} for {source} in {spelled}", raw.as_str());
                let slashes = spelled.replace('/', r"\/");
                prop_assert!(raw.is_match(slashes.as_bytes()), "{} in {slashes}", raw.as_str());
            }
        }
    }
}
