//! Each attack once: how much memory it takes, and what the flow says.

use std::io::Write as _;

use codextap::tap::Direction;
use flate2::write::{GzEncoder, ZlibEncoder};
use flate2::{Compress, Compression, FlushCompress};

use super::observed::{Observed, Seen, frame, marks};
use super::{MIB, alone, peak};

/// Records, writes, opens and draws an attack, and holds its memory against `most` MiB.
#[track_caller]
fn attacked(most: usize, attack: impl FnOnce(&mut Observed)) -> Seen {
    let _alone = alone();
    let (seen, memory) = peak(|| {
        let mut observed = Observed::new();
        attack(&mut observed);
        observed.finish()
    });
    let memory = memory / MIB;
    assert!(memory <= most, "{memory} MiB, {most} at most");
    seen
}

/// Records an attack that is too large to be written and drawn in the time of a test. Says what its
/// flows say.
#[track_caller]
fn recorded(most: usize, attack: impl FnOnce(&mut Observed)) -> Vec<String> {
    let _alone = alone();
    let (observed, memory) = peak(|| {
        let mut observed = Observed::new();
        attack(&mut observed);
        observed.end(Direction::In);
        observed.end(Direction::Out);
        observed
    });
    let memory = memory / MIB;
    assert!(memory <= most, "{memory} MiB, {most} at most");
    observed
        .store
        .flows()
        .iter()
        .flat_map(|flow| marks(flow))
        .collect()
}

/// Ten gigabytes of blanks under a coding, in about ten megabytes.
fn bomb(coding: &str) -> Vec<u8> {
    let blanks = vec![b' '; 16 * MIB];
    let part = match coding {
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(&blanks).unwrap();
            encoder.finish().unwrap()
        }
        "zstd" => zstd::encode_all(blanks.as_slice(), 1).unwrap(),
        // 64 MiB of zeros (brotli 1.1, quality 5); what follows the first stream is not read.
        "br" => BROTLI.to_vec(),
        _ => {
            // Without an end: one stream, whose blocks repeat.
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(&blanks).unwrap();
            encoder.write_all(&blanks).unwrap();
            encoder.finish().unwrap()
        }
    };
    part.repeat(640)
}

#[test]
fn a_body_that_would_decode_to_gigabytes_is_cut() {
    for coding in ["gzip", "deflate", "br", "zstd"] {
        let wire = bomb(coding);
        let seen = attacked(400, |observed| {
            observed.answered(&[("content-encoding", coding)]);
            observed.data(Direction::In, &wire);
        });
        seen.assert_marked("decoding stopped at 16 MiB");
        let request = br#"{"model":"m","input":[]}"#.len();
        assert_eq!(seen.wire, (wire.len() + request) as u64);
    }
}

#[test]
fn a_request_that_would_decode_to_gigabytes_is_cut() {
    let wire = bomb("zstd");
    let seen = attacked(400, |observed| {
        observed.request(&[("content-encoding", "zstd")], &wire);
        observed.response(200, &[]);
    });
    seen.assert_marked("zstd decoding stopped at 16 MiB");
}

#[test]
fn a_bomb_inside_a_bomb_is_cut_at_the_first() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&bomb("gzip")).unwrap();
    let wire = encoder.finish().unwrap();
    let seen = attacked(400, |observed| {
        observed.answered(&[("content-encoding", "gzip, gzip")]);
        observed.data(Direction::In, &wire);
    });
    seen.assert_marked("gzip decoding stopped at 16 MiB");
}

#[test]
fn a_window_that_no_one_needs_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&vec![b'x'; 9 * MIB]).unwrap();
    let wire = encoder.finish().unwrap();
    let seen = attacked(32, |observed| {
        observed.answered(&[("content-encoding", "zstd")]);
        observed.data(Direction::In, &wire);
    });
    seen.assert_marked("zstd data is broken");
}

#[test]
fn a_compressed_event_stream_that_explodes_is_cut() {
    let wire = bomb("gzip");
    let seen = attacked(400, |observed| {
        observed.answered(&[
            ("content-encoding", "gzip"),
            ("content-type", "text/event-stream"),
        ]);
        observed.data(Direction::In, &wire);
    });
    seen.assert_marked("decoding stopped at 16 MiB");
}

/// A message that inflates to `length` bytes, and refers to the ones before it.
fn message(compressor: &mut Compress, length: usize) -> Vec<u8> {
    let mut payload = Vec::with_capacity(length / 500 + 1000);
    compressor
        .compress_vec(&vec![b' '; length], &mut payload, FlushCompress::Sync)
        .unwrap();
    payload.truncate(payload.len() - 4);
    frame(0xC1, false, &payload)
}

#[test]
fn a_message_that_inflates_too_far_is_cut_and_leaves_no_room() {
    let mut compressor = Compress::new(Compression::best(), false);
    let large = message(&mut compressor, 80 * MIB);
    let small = message(&mut compressor, 1000);
    let seen = attacked(300, |observed| {
        observed.socket("permessage-deflate");
        observed.data(Direction::In, &large);
        for _ in 0..3 {
            observed.data(Direction::In, &small);
        }
    });
    seen.assert_marked("message inflates to more than 32 MiB");
    seen.assert_marked("what follows is not kept: behind 8 MiB frames need room on the disk");
}

#[test]
fn what_has_no_end_is_kept_up_to_a_limit() {
    let large = frame(0x82, false, &vec![b' '; 10 * MIB]);
    let seen = attacked(300, |observed| {
        observed.socket("");
        for _ in 0..5 {
            observed.data(Direction::In, &large);
        }
    });
    seen.assert_marked("what follows is not kept: behind 8 MiB frames need room on the disk");
    let chunk = vec![b' '; 4 * MIB];
    let seen = attacked(120, |observed| {
        observed.answered(&[]);
        for _ in 0..75 {
            observed.data(Direction::In, &chunk);
        }
    });
    seen.assert_marked("behind 8 MiB a body needs room on the disk");
    assert!(seen.wire > 300 * MIB as u64);
}

#[test]
fn a_line_of_64_mib_is_skipped_and_told() {
    let chunk = vec![b'x'; 4 * MIB];
    let seen = attacked(260, |observed| {
        observed.stream();
        observed.data(Direction::In, b"data: ");
        for _ in 0..17 {
            observed.data(Direction::In, &chunk);
        }
        observed.data(Direction::In, b"\n\n");
    });
    seen.assert_marked("block of more than 32 MiB skipped");
}

#[test]
fn a_string_of_64_mib_is_kept_by_its_beginning() {
    let body = format!(r#"{{"model":"m","input":"{}"}}"#, "x".repeat(64 * MIB));
    let seen = attacked(200, |observed| {
        observed.request(&[], body.as_bytes());
        observed.response(200, &[]);
    });
    seen.assert_marked("behind 8 MiB a body needs room on the disk");
}

#[test]
fn more_events_than_can_be_kept_are_counted() {
    let events = b"data:\n\n".repeat(10_000);
    let seen = attacked(600, |observed| {
        observed.stream();
        for _ in 0..52 {
            observed.data(Direction::In, &events);
        }
    });
    seen.assert_marked("what follows has no rows: there are 8 MiB already");
    let more = |mark: &String| mark == "more like these are not listed";
    assert!(seen.marks.iter().any(more), "{:?}", seen.marks);
}

#[test]
fn more_frames_than_can_be_kept_are_counted() {
    const MARK: &str = "what follows is not kept: behind 8 MiB frames need room on the disk";
    let flood = |observed: &mut Observed, frame: &[u8]| {
        let frames = frame.repeat(10_000);
        for _ in 0..52 {
            observed.data(Direction::In, &frames);
        }
    };
    let seen = attacked(900, |observed| {
        observed.socket("");
        flood(observed, &frame(0x81, false, b""));
    });
    seen.assert_marked(MARK);
    let fragments = recorded(300, |observed| {
        observed.socket("");
        observed.data(Direction::In, &frame(0x01, false, b""));
        flood(observed, &frame(0x00, false, b""));
    });
    assert!(fragments.iter().any(|mark| mark == MARK), "{fragments:?}");
    let wrong = recorded(300, |observed| {
        observed.socket("");
        flood(observed, &frame(0xB9, false, b""));
    });
    assert!(wrong.iter().any(|mark| mark == MARK));
    assert!(wrong.len() < 1100, "{} marks", wrong.len());
}

#[test]
fn deep_json_is_taken_wherever_it_comes() {
    for depth in [10_000, 1_000_001] {
        let json = format!(r#"{{"input":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        let event = format!(r#"{{"type":"x","response":{}"#, &json[1..]);
        let seen = attacked(260, |observed| {
            observed.request(&[], json.as_bytes());
            observed.response(200, &[("content-type", "text/event-stream")]);
            observed.data(Direction::In, format!("data: {event}\n\n").as_bytes());
        });
        seen.assert_shown("input");
        let seen = attacked(260, |observed| {
            observed.socket("");
            observed.data(Direction::Out, &frame(0x81, true, event.as_bytes()));
            observed.data(Direction::In, &frame(0x81, false, event.as_bytes()));
        });
        seen.assert_shown("turn");
    }
    let seen = attacked(260, |observed| {
        observed.answered(&[("content-type", "application/json")]);
        observed.data(Direction::In, "[".repeat(1_000_001).as_bytes());
        observed.data(Direction::In, "]".repeat(1_000_001).as_bytes());
    });
    seen.assert_shown("too many objects and arrays to lay out");
}

#[test]
fn more_elements_than_are_taken_apart_are_shown_as_they_are() {
    let elements = format!(r#"{{"model":"m","input":[{}1]}}"#, "1,".repeat(1_000_000));
    let seen = attacked(400, |observed| {
        observed.request(&[], elements.as_bytes());
        observed.response(200, &[("content-type", "text/event-stream")]);
        let done = format!(
            r#"data: {{"type":"response.completed","response":{{"output":[{}1]}}}}"#,
            "1,".repeat(1_000_000)
        );
        observed.data(Direction::In, format!("{done}\n\n").as_bytes());
    });
    seen.assert_marked("request is not readable: it has more than 1000000 commas");
    assert!(
        seen.marks
            .iter()
            .any(|mark| mark.contains("event 0: event is not readable: it has"))
    );
}

#[test]
fn an_object_of_100_000_keys_and_an_array_of_a_million_are_shown() {
    let keys: Vec<String> = (0..100_000)
        .map(|key| format!(r#""k{key}":{key}"#))
        .collect();
    let object = format!("{{{}}}", keys.join(","));
    let array = format!("[{}1]", "1,".repeat(1_000_000));
    for body in [object, array] {
        let seen = attacked(600, |observed| {
            observed.request(&[], body.as_bytes());
            observed.response(200, &[("content-type", "application/json")]);
            observed.data(Direction::In, body.as_bytes());
        });
        assert_eq!(seen.wire, 2 * body.len() as u64);
    }
}

#[test]
fn a_head_of_100_000_fields_is_shown() {
    let pairs = vec![("x-field", "value"); 100_000];
    // A map holds no more than 32,768 entries; a list of values has no such limit.
    let seen = attacked(400, |observed| observed.answered(&pairs[..32_000]));
    seen.assert_shown("x-field");
}

/// A stream that gives `text` in one output item, as often as asked.
fn output(observed: &mut Observed, text: &str, times: usize) {
    let delta = serde_json::json!({
        "type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": text,
    });
    let event = format!("data: {delta}\n\n");
    for _ in 0..times {
        observed.data(Direction::In, event.as_bytes());
    }
}

#[test]
fn a_text_of_too_many_lines_is_shown_by_its_beginning() {
    let lines = "\n*a* `b`".repeat(100_000);
    let seen = attacked(900, |observed| {
        observed.stream();
        output(observed, &lines, 4);
    });
    seen.assert_shown("a");
}

#[test]
fn a_line_of_code_of_5_mib_is_drawn() {
    let code = format!("```rust\n{}\n```", "let x = \"".repeat(5 * MIB / 9));
    let seen = attacked(200, |observed| {
        observed.stream();
        output(observed, &code, 1);
    });
    seen.assert_shown("```rust");
}

const BROTLI: &[u8] = &[
    203, 255, 255, 63, 0, 36, 0, 226, 177, 64, 114, 239, 255, 248, 255, 255, 7, 128, 4, 64, 28, 22,
    128, 238, 253, 31, 255, 255, 255, 0, 144, 0, 136, 195, 2, 208, 189, 255, 227, 255, 255, 31, 0,
    18, 0, 113, 88, 0, 186, 247, 127, 252, 255, 255, 3, 64, 2, 32, 14, 11, 64, 247, 254, 143, 255,
    255, 127, 0, 72, 0, 196, 97, 1, 232, 222, 255, 241, 255, 255, 15, 0, 9, 128, 56, 44, 0, 221,
    251, 191, 252, 255, 255, 3, 32, 1, 16, 135, 5, 160, 123, 255, 7,
];
