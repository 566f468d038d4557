//! Work grows as the input does: no decoder, and no pane, reads it again and again.

use std::time::Duration;

use codextap::capture;
use codextap::content::{self, Around, Folds, Tab};
use codextap::filter::{Filter, Standing};
use codextap::flow::Flow;
use codextap::tap::{Direction, Redactor};
use rustix::time::{ClockId, clock_gettime};

use super::alone;
use super::observed::{Observed, frame};

/// Whether `work` on four times the size takes at most seven times as long. What grows with the
/// square takes sixteen times; a machine that is busy at the wrong moment gets another chance.
#[track_caller]
fn assert_linear(name: &str, size: usize, work: impl Fn(usize) -> Duration) {
    let _alone = alone();
    let best = |size| (0..3).map(|_| work(size)).min().unwrap();
    let mut ratios = Vec::new();
    for _ in 0..5 {
        let ratio = best(4 * size).as_secs_f64() / best(size).as_secs_f64().max(1e-6);
        if ratio < 7.0 {
            return;
        }
        ratios.push(ratio);
    }
    panic!("{name}: four times the input takes {ratios:.1?} times as long");
}

/// How long this thread worked at it: what else the machine did meanwhile does not count.
fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let began = now();
    std::hint::black_box(work());
    now().saturating_sub(began)
}

/// All that is done with a flow once it is there.
fn shown(flow: &Flow) {
    let (folds, around) = (Folds::default(), Around::default());
    for tab in Tab::ALL {
        std::hint::black_box(content::payload(flow, &around, tab, &folds));
    }
    std::hint::black_box(content::output(flow, &around.calls));
    std::hint::black_box(content::reasoning(flow));
    std::hint::black_box(content::timeline(flow, &[], &folds));
}

/// Records what `attack` tells, shows its last flow, writes it and reads it.
fn whole(attack: impl FnOnce(&mut Observed)) -> Duration {
    timed(|| {
        let mut observed = Observed::new();
        attack(&mut observed);
        let flow = *observed.store.flows().last().unwrap();
        shown(flow);
        let line = capture::line(flow, &observed.store).unwrap();
        let mut reader = capture::Reader::default();
        reader.lines("-", line.as_slice()).unwrap();
        reader.finish()
    })
}

#[test]
fn reasoning_of_many_parts_is_shown_in_one_go() {
    assert_linear("reasoning", 1000, |size| {
        whole(|observed| {
            observed.stream();
            for part in 0..size {
                let event = format!(
                    r#"{{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":{part},"delta":"x"}}"#
                );
                observed.data(Direction::In, format!("data: {event}\n\n").as_bytes());
            }
        })
    });
}

#[test]
fn many_items_in_any_order_are_put_in_place() {
    for step in [1, size_of::<usize>()] {
        assert_linear("items", 1000, |size| {
            whole(|observed| {
                observed.stream();
                for item in 0..size {
                    let index = if step == 1 { size - item } else { item };
                    let event = format!(
                        r#"{{"type":"response.output_item.added","output_index":{index},"item":{{"type":"message","id":"m{item}","role":"r","content":[{{"type":"output_text","text":"t"}}]}}}}"#
                    );
                    observed.data(Direction::In, format!("data: {event}\n\n").as_bytes());
                }
            })
        });
    }
}

#[test]
fn markdown_that_opens_and_never_closes_is_read_once() {
    for text in [
        "*",
        "`",
        "``a",
        "[",
        "[a](",
        "**a ",
        "_a ",
        "> ",
        "# ",
        "- ",
        "~~~",
        "http://",
        "\n```x",
        "<redacted:",
        "\u{1}",
        "a\u{301}",
        "\u{202e}",
        "| ",
    ] {
        assert_linear(text, 20_000, |size| {
            whole(|observed| {
                observed.stream();
                let text = text.repeat(size / text.len());
                for kind in ["output_text", "reasoning_summary_text"] {
                    let event = serde_json::json!({
                        "type": format!("response.{kind}.delta"), "item_id": kind,
                        "content_index": 0, "summary_index": 0, "delta": text,
                    });
                    observed.data(Direction::In, format!("data: {event}\n\n").as_bytes());
                }
            })
        });
    }
}

#[test]
fn secrets_are_looked_for_once() {
    let redactor = Redactor::new();
    for text in [
        "\"",
        "\\\"",
        "\\",
        "\"api_key\":",
        "\"api_key\":\"",
        "\\\"api_key\\\":\\\"",
        "\"api_key\":[",
        "\"api_key\":[\"\",",
        "\"\",",
        "\"api_key",
        "\"api_key\"  ",
        "://",
        "://@",
        "a@",
        "\"cookie\":\"\"",
        "\\\\\\\"api_key\\\\\\\":\"",
    ] {
        assert_linear(text, 100_000, |size| {
            let text = text.repeat(size / text.len());
            let opened = format!("\"api_key\":[{text}");
            timed(|| (redactor.json(&text).len(), redactor.json(&opened).len()))
        });
    }
}

#[test]
fn small_pieces_cost_what_they_weigh() {
    assert_linear("events in single bytes", 20_000, |size| {
        whole(|observed| {
            observed.stream();
            for _ in 0..size {
                observed.data(Direction::In, b"d");
            }
        })
    });
    assert_linear("fragments", 4000, |size| {
        whole(|observed| {
            observed.socket("");
            observed.data(Direction::In, &frame(0x01, false, b"x"));
            for _ in 0..size {
                observed.data(Direction::In, &frame(0x00, false, b"x"));
            }
            observed.data(Direction::In, &frame(0x80, false, b"x"));
        })
    });
}

#[test]
fn members_of_gzip_are_decoded_one_after_another() {
    use std::io::Write as _;
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut encoder = encoder;
    encoder.write_all(b"").unwrap();
    let empty = encoder.finish().unwrap();
    assert_linear("members", 300, |size| {
        let wire = empty.repeat(size);
        whole(|observed| {
            observed.answered(&[("content-encoding", "gzip")]);
            observed.data(Direction::In, &wire);
        })
    });
}

#[test]
fn a_filter_reads_a_body_once() {
    for pattern in [
        "~b '(a+)+b'",
        "~b '(a|a)*b'",
        "~b a{1,200}b",
        "~b '^(.*)(.*)(.*)x$'",
    ] {
        let filter = Filter::parse(pattern).unwrap();
        assert_linear(pattern, 20_000, |size| {
            let mut observed = Observed::new();
            observed.answered(&[]);
            observed.data(Direction::In, "a".repeat(size).as_bytes());
            observed.end(Direction::In);
            let flow = &observed.store.flows()[0];
            timed(|| filter.matches(flow, Standing::default()))
        });
    }
    let error = Filter::parse(r"~b '(\w{100}){100}'").unwrap_err();
    assert!(error.message.contains("too large"), "{error}");
}
