//! Filters of flows and of frames: an expression or an error with a place; written and read again it is
//! the same expression, and chooses the same. What is offered at the end of a text can be put there.

#![no_main]

use std::sync::LazyLock;

use codextap::capture::{Loaded, Reader};
use codextap::filter::{Completion, Filter, FrameFilter, Names, ParseError, Standing};
use libfuzzer_sys::fuzz_target;

static DEMO: LazyLock<Loaded> = LazyLock::new(|| {
    let mut reader = Reader::default();
    let lines = include_bytes!("../../fixtures/demo.jsonl");
    reader.lines("demo", &lines[..]).expect("reads from memory");
    reader.finish()
});

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let names = [("a", "@b | is:failed"), ("b", "in>5k"), ("c", "@c")];
    let names = names.map(|(name, text)| (name.to_owned(), text.to_owned()));
    names.into_iter().collect()
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Filter::parse_with(text, &NAMES) {
        Ok(filter) => {
            let written = filter.to_string();
            let again = Filter::parse(&written).expect("what was written can be read");
            assert_eq!(again, filter, "{written}");
            assert_eq!(again.to_string(), written);
            for flow in DEMO.store.flows().iter().take(4) {
                for is_marked in [false, true] {
                    let standing = Standing {
                        is_marked,
                        is_retry: is_marked,
                    };
                    let is_chosen = filter.matches(flow, standing);
                    assert_eq!(again.matches(flow, standing), is_chosen);
                }
            }
        }
        Err(error) => check(text, &error),
    }
    match FrameFilter::parse(text) {
        Ok(filter) => {
            let again = FrameFilter::parse(&filter.to_string()).expect("it can be read");
            assert_eq!(again, filter);
            for flow in DEMO.store.flows().iter().take(4) {
                for frame in flow.frames.iter().take(8) {
                    assert_eq!(again.matches(flow, frame), filter.matches(flow, frame));
                }
            }
        }
        Err(error) => check(text, &error),
    }
    let completion = Completion::of(text, text.len(), &NAMES, &DEMO.store);
    assert!(text.get(completion.span).is_some());
});

/// An error is about a part of the text, and one line.
fn check(text: &str, error: &ParseError) {
    assert!(text.get(error.span.clone()).is_some(), "{error:?}");
    assert!(
        !error.message.is_empty() && !error.message.contains('\n'),
        "{error:?}"
    );
}
