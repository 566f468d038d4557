//! The capture reader: every line is a flow or is skipped with a reason; a flow that was read is
//! written and read again as the same line; and all its panes can be put into words.

#![no_main]

use codextap::capture::{Loaded, Reader, line};
use codextap::content::{self, Around, Folds, Tab};
use codextap::flow::Calls;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let first = read(data);
    for skipped in &first.skipped {
        assert!(!skipped.why.is_empty() && !skipped.why.contains('\n'));
    }
    let written = lines(&first);
    let second = read(written.join(&b'\n').as_slice());
    assert_eq!(second.skipped, []);
    assert_eq!(lines(&second), written);
    for flow in first.store.flows() {
        let folds = Folds::default();
        let calls = Calls::of(&first.store, flow);
        let around = Around {
            calls,
            ..Around::default()
        };
        for tab in Tab::ALL {
            let _ = content::payload(flow, &around, tab, &folds);
        }
        let _ = (content::output(flow, &around.calls), content::reasoning(flow));
        let _ = content::timeline(flow, &[], &folds);
    }
});

fn read(bytes: &[u8]) -> Loaded {
    let mut reader = Reader::default();
    reader.lines("f", bytes).expect("reads from memory");
    reader.finish()
}

fn lines(loaded: &Loaded) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    for flow in loaded.store.flows() {
        lines.push(line(flow, &loaded.store).expect("a time that was read"));
    }
    lines
}
