use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::app::leaf::wrap_line;
use crate::content::{self, Around, Line, Tab};
use crate::flow::{Flow, FlowId};

const VERSION: Version = Version {
    flow: FlowId(0),
    tab: None,
    stamp: [0; 6],
};

/// JSON texts with sections within sections, long strings and few words.
fn json() -> impl Strategy<Value = String> {
    let word = prop_oneof![Just("needle"), Just("hay"), Just("Straw")];
    let leaf = prop_oneof![
        word.clone().prop_map(|word| format!("\"{word}\"")),
        (word.clone(), 30usize..200).prop_map(|(word, times)| {
            let line = format!("{word} of hay\\n");
            format!("\"{}\"", line.repeat(times))
        }),
        Just("17".to_owned()),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        let members = prop::collection::vec((word.clone(), inner.clone()), 1..6);
        prop_oneof![
            prop::collection::vec(inner, 1..30).prop_map(|all| format!("[{}]", all.join(","))),
            members.prop_map(|all| {
                let all = all.iter().enumerate();
                let all = all.map(|(at, (name, value))| format!("\"{name}{at}\":{value}"));
                format!("{{{}}}", all.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

/// What the payload pane says of a body, with these sections open.
fn payload(json: &str, folds: &Folds) -> Document {
    let mut flow = Flow::new(
        String::new(),
        String::new(),
        Arc::from(""),
        At::from_micros(1),
    );
    flow.response
        .body
        .push(format!("[{json},{json}]").as_bytes());
    flow.response.body.is_complete = true;
    content::payload(&flow, &Around::default(), Tab::Response, folds)
}

fn leaf(document: Document) -> Leaf {
    let lines = document.lines.iter().enumerate();
    let rows = lines.flat_map(|(at, line)| wrap_line(at, line, 40));
    Leaf {
        rows: rows.collect(),
        document,
        height: 9,
        ..Leaf::default()
    }
}

fn search(needle: &str, text: &Arc<Document>) -> Hits {
    TextSearch {
        pane: Pane::Payload,
        round: 1,
        needle: Arc::new(Needle::parse(needle).unwrap()),
        version: VERSION,
        text: Text::Made(Arc::clone(text)),
    }
    .run()
}

/// Where `needle` is in the text of each line, letter by letter.
fn naive(needle: &str, document: &Document) -> Vec<(usize, Range<usize>)> {
    let mut found = Vec::new();
    for (number, line) in document.lines.iter().enumerate() {
        let text = text_of(line).to_lowercase();
        let mut at = 0;
        while let Some(next) = text[at..].find(needle) {
            found.push((number, at + next..at + next + needle.len()));
            at += next + needle.len();
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_search_finds_what_is_in_the_rendered_text_and_goes_there(
        json in json(),
        toggled in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let whole = Arc::new(payload(&json, &Folds::unfolded()));
        let mut folds = Folds::default();
        for index in toggled {
            let shown = payload(&json, &folds);
            let keys: Vec<_> = shown.lines.iter().filter_map(|line| line.fold.clone()).collect();
            if let Some(fold) = keys.get(index.index(keys.len().max(1))) {
                folds.toggle(&fold.key);
            }
        }
        let hits = search("needle", &whole);
        let found: Vec<_> = hits.all.iter().map(|hit| (hit.line, hit.range.clone())).collect();
        prop_assert_eq!(&found, &naive("needle", &whole));

        // Each of them is gone to, whatever is folded away.
        let mut finder = Finder::new(Needle::parse("needle").unwrap(), 1, None);
        let mut shown = leaf(payload(&json, &folds));
        finder.take(hits);
        for (line, range) in found.iter().take(50) {
            finder.step(1, true, &shown);
            let mut levels = 0;
            while finder.reveal(&mut shown, &mut folds) {
                let scroll = shown.scroll;
                shown = leaf(payload(&json, &folds));
                shown.scroll = scroll;
                levels += 1;
                prop_assert!(levels < 20);
            }
            let (at, landed) = finder.landed(&shown).unwrap();
            prop_assert_eq!(&landed, range);
            // A closed head's end differs from an open one's.
            let text = |line: &Line| text_of(line).get(range.clone()).map(str::to_owned);
            prop_assert!(text(&shown.document.lines[at]).is_some());
            prop_assert_eq!(text(&shown.document.lines[at]), text(&whole.lines[*line]));
            let row = &shown.rows[shown.scroll.cursor];
            prop_assert!(row.line == at && row.range.contains(&landed.start));
        }
        // With the last one gone to, the next is the first again.
        if let Some(last) = found.len().checked_sub(1).filter(|last| *last < 50) {
            prop_assert_eq!(finder.count(), Some((Some(last), found.len())));
            prop_assert_eq!(finder.step(1, true, &shown), Went::Around);
            prop_assert_eq!(finder.count(), Some((Some(0), found.len())));
        }
    }

    #[test]
    fn lines_that_are_shown_are_where_they_are_in_the_whole(json in json()) {
        let whole = payload(&json, &Folds::unfolded());
        let shown = payload(&json, &Folds::default());
        let alignment = Alignment::of(&Heads::of(&shown), &whole);
        for (at, line) in shown.lines.iter().enumerate() {
            let same = alignment.whole(at);
            prop_assert_eq!(alignment.spot(same), Spot::Shown(at));
            if line.fold.is_none() {
                prop_assert_eq!(&line.spans, &whole.lines[same].spans);
            }
        }
    }
}

#[test]
fn a_long_text_is_opened_as_far_as_needed_at_once() {
    let json = format!("\"{}needle\"", "hay\\n".repeat(9_000));
    let whole = Arc::new(payload(&json, &Folds::unfolded()));
    let mut finder = Finder::new(Needle::parse("needle").unwrap(), 1, None);
    finder.take(search("needle", &whole));
    let mut folds = Folds::default();
    let mut shown = leaf(payload(&json, &folds));
    finder.step(1, true, &shown);
    let mut levels = 0;
    while finder.reveal(&mut shown, &mut folds) {
        shown = leaf(payload(&json, &folds));
        levels += 1;
    }
    assert!(finder.landed(&shown).is_some());
    assert_eq!(levels, 2, "the string, then all of its parts");
}

#[test]
fn what_another_round_found_counts_for_nothing_but_its_text() {
    let whole = Arc::new(payload("\"needle\"", &Folds::unfolded()));
    let mut finder = Finder::new(Needle::parse("nee").unwrap(), 2, None);
    assert_eq!(finder.take(search("needle", &whole)), None);
    assert_eq!(finder.count(), None);
    let asked = finder.ask(Pane::Payload, VERSION, At::default(), || None);
    assert!(matches!(asked.unwrap().text, Text::Made(_)), "made before");
    assert!(
        finder
            .ask(Pane::Payload, VERSION, At::default(), || None)
            .is_none(),
        "on its way"
    );
}
