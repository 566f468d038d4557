//! Properties of text on its way to the screen: whatever the network sends, the grid holds.

use codextap::text::{Clean, Wrap, pad, truncate, truncate_middle, width};
use proptest::prelude::*;
use unicode_width::UnicodeWidthChar;

/// Text as an adversary would write it: controls, marks, joiners, wide characters and plain words.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[ a-z]{1,12}",
        any::<char>().prop_map(String::from),
        prop::sample::select(vec![
            "\u{1b}[2J",
            "\u{9b}",
            "\t",
            "\r\n",
            "\u{202e}",
            "\u{2067}",
            "\u{200d}",
            "\u{200c}",
            "\u{feff}",
            "\u{301}",
            "\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
            "\u{fe0f}",
            "\u{fe0e}",
            "\u{e0100}",
            "\u{1f1e6}",
            "👩",
            "👩\u{200d}💻",
            "❤",
            "漢字",
            "한",
            "\u{1100}",
            "\u{1161}",
            "می",
            "\u{e0061}",
            "\u{20e3}",
        ])
        .prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn clean_text_holds_nothing_that_acts_or_hides(text in hostile()) {
        let clean = Clean::new(&text);
        for c in clean.as_str().chars() {
            prop_assert!(!c.is_control(), "{c:?}");
            let is_hidden = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
            prop_assert!(!is_hidden, "{c:?}");
        }
        let marks = clean.as_str().chars().fold((0_usize, 0_usize), |(most, run), c| {
            let run = if c.width() == Some(0) && c != '\u{200d}' && c != '\u{200c}' { run + 1 } else { 0 };
            (most.max(run), run)
        });
        prop_assert!(marks.0 <= 4, "{} marks in a row", marks.0);
    }

    #[test]
    fn cleaning_twice_changes_nothing(text in hostile()) {
        let clean = Clean::new(&text);
        prop_assert_eq!(&Clean::new(clean.as_str()), &clean);
        let pieces: String = Clean::pieces(&text).iter().map(|(piece, _)| piece.as_str()).collect();
        prop_assert_eq!(pieces, clean.as_str());
    }

    #[test]
    fn rows_fit_and_lose_nothing(text in hostile(), columns in 2_usize..60, indent in 0_usize..20) {
        let clean = Clean::new(&text);
        let text = clean.as_str();
        let wrap = Wrap::new(text, columns, indent);
        let mut end = 0;
        for row in wrap.rows() {
            prop_assert_eq!(row.range.start, end);
            end = row.range.end;
            let shown = text[row.range.clone()].trim_end_matches(' ');
            prop_assert!(row.indent + width(shown) <= columns, "{shown:?}");
        }
        prop_assert_eq!(end, text.len());
        prop_assert!(text.is_empty() || wrap.rows().iter().all(|row| !row.range.is_empty()));
    }

    #[test]
    fn growing_text_wraps_as_the_whole(text in hostile(), columns in 2_usize..30, cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let clean = Clean::new(&text);
        let text = clean.as_str();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).filter(|end| text.is_char_boundary(*end)).collect();
        ends.sort_unstable();
        ends.push(text.len());
        let mut wrap = Wrap::new("", columns, 2);
        for end in ends {
            wrap.extend(&text[..end]);
        }
        prop_assert_eq!(wrap, Wrap::new(text, columns, 2));
    }

    #[test]
    fn cut_text_fits(text in hostile(), columns in 0_usize..40) {
        let clean = Clean::new(&text);
        prop_assert!(width(&truncate(clean.as_str(), columns)) <= columns);
        prop_assert!(width(&truncate_middle(clean.as_str(), columns)) <= columns);
        prop_assert_eq!(width(&pad(clean.as_str(), columns)), columns);
    }
}
