//! Filters: an expression or an error with a place; written and read again it is the same
//! expression, and chooses the same flows.

#![no_main]

use std::sync::LazyLock;

use codextap::capture::{Loaded, Reader};
use codextap::filter::{Filter, Standing};
use libfuzzer_sys::fuzz_target;

static DEMO: LazyLock<Loaded> = LazyLock::new(|| {
    let mut reader = Reader::default();
    let lines = include_bytes!("../../fixtures/demo.jsonl");
    reader.lines("demo", &lines[..]).expect("reads from memory");
    reader.finish()
});

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match Filter::parse(text) {
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
        Err(error) => {
            assert!(text.get(error.span.clone()).is_some(), "{error:?}");
            assert!(
                !error.message.is_empty() && !error.message.contains('\n'),
                "{error:?}"
            );
        }
    }
});
