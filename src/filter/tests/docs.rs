//! The tables, and the documentation made from them.

use super::super::*;

#[test]
fn the_documentation_is_made_of_the_tables() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/filter.md");
    let documentation = std::fs::read_to_string(path).unwrap();
    let (before, _) = documentation.split_once(BEGIN).unwrap();
    let (_, after) = documentation.split_once(END).unwrap();
    let current = format!("{before}{BEGIN}\n{}{END}{after}", tables());
    #[expect(clippy::disallowed_methods, reason = "whoever runs the tests says so")]
    let update = std::env::var("UPDATE_DOCS").is_ok();
    if update {
        std::fs::write(path, &current).unwrap();
    } else {
        assert!(
            current == documentation,
            "docs/filter.md is stale: run the test with UPDATE_DOCS=1"
        );
    }
}

/// Everything that the tables tell.
fn tables() -> String {
    let row = |usage: &str, doc: &str| format!("| `{}` | {doc} |\n", usage.trim_end());
    let table = |what: &str, rows: String| format!("\n| {what} | chooses |\n|---|---|\n{rows}");
    let operators =
        OPERATORS.map(|it| row(&format!("~{} {}", it.name, it.argument.as_str()), it.doc));
    let fields = |fields: &[Field]| {
        let rows = fields.iter();
        let rows = rows.map(|it| row(&format!("{}{}", it.name, it.value.usage()), it.doc));
        rows.collect::<String>()
    };
    let flags = FLAGS
        .iter()
        .map(|it| row(&format!("is:{}", it.name), it.doc));
    let parts = PARTS
        .iter()
        .map(|it| row(&format!("has:{}", it.name), it.doc));
    [
        table("operator", operators.concat()),
        table("field of a flow", fields(FIELDS)),
        table("flag", flags.collect()),
        table("part", parts.collect()),
        table("field of a frame, in `frame( )`", fields(FRAME_FIELDS)),
    ]
    .concat()
        + "\n"
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

#[test]
fn every_field_has_one_name_and_one_key_in_its_table() {
    for fields in [FIELDS, FRAME_FIELDS] {
        assert!(fields.is_sorted_by(|one, other| one.name < other.name));
        for field in fields {
            let same = fields.iter().filter(|other| other.key == field.key);
            assert_eq!(same.count(), 1, "{}", field.name);
        }
    }
    // A key that both have has one name.
    for field in FRAME_FIELDS {
        let mut flows = FIELDS.iter();
        let own = flows.find(|other| other.key == field.key);
        assert!(
            own.is_none_or(|own| own.name == field.name),
            "{}",
            field.name
        );
    }
    assert!(FLAGS.is_sorted_by(|one, other| one.name < other.name));
    assert!(PARTS.is_sorted_by(|one, other| one.name < other.name));
}

const BEGIN: &str =
    "<!-- written by the tests: UPDATE_DOCS=1 cargo test --lib filter::tests::docs -->";
const END: &str = "<!-- end -->";
