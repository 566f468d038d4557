//! How fast the decoders are, in bytes per second, beside a plain pass over the same bytes.
//!
//! `cargo bench --bench decode`.

#![expect(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::hint::black_box;

use codextap::responses::{Request, Turn};
use codextap::tap::Redactor;
use codextap::wire::{sse, websocket};
use divan::Bencher;
use divan::counter::BytesCount;

fn main() {
    divan::main();
}

/// A response of `events` text deltas as an event stream.
fn stream(events: usize) -> String {
    let mut text = String::new();
    for number in 0..events {
        text.push_str("event: response.output_text.delta\ndata: ");
        text.push_str(&delta(number));
        text.push_str("\n\n");
    }
    text
}

fn delta(number: usize) -> String {
    format!(
        r#"{{"type":"response.output_text.delta","sequence_number":{number},"item_id":"msg_1","output_index":0,"content_index":0,"delta":"some words ","logprobs":[]}}"#
    )
}

/// A request with as much text as Codex's first one has.
fn request() -> String {
    let text = "You are a coding agent. ".repeat(1200);
    format!(
        r#"{{"model":"gpt-5.5","input":[{{"type":"message","role":"developer","content":[{{"type":"input_text","text":"{text}"}}]}}],"client_metadata":{{"session_id":"s"}}}}"#
    )
}

/// The baseline: looking at every byte once.
#[divan::bench]
fn count_line_feeds(bencher: Bencher) {
    let text = stream(1000);
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        black_box(&text)
            .bytes()
            .filter(|byte| *byte == b'\n')
            .count()
    });
}

#[divan::bench]
fn server_sent_events(bencher: Bencher) {
    let text = stream(1000);
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        let mut decoder = sse::Decoder::new(sse::DEFAULT_LIMIT);
        let mut events = 0;
        for chunk in text.as_bytes().chunks(1400) {
            decoder.push(chunk);
            while let Some(block) = decoder.next() {
                black_box(&block);
                events += 1;
            }
        }
        events
    });
}

#[divan::bench]
fn websocket_frames(bencher: Bencher) {
    let mut bytes = Vec::new();
    for number in 0..1000 {
        let text = delta(number);
        bytes.extend_from_slice(&[0x81, 126]);
        bytes.extend_from_slice(&u16::try_from(text.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
    }
    bencher.counter(BytesCount::of_slice(&bytes)).bench(|| {
        let mut decoder = websocket::Decoder::new(false, None);
        let mut frames = 0;
        for chunk in bytes.chunks(1400) {
            decoder.push(chunk);
            while let Some(frame) = decoder.next() {
                black_box(&frame);
                frames += 1;
            }
        }
        frames
    });
}

#[divan::bench]
fn turn_of_deltas(bencher: Bencher) {
    let events: Vec<String> = (0..1000).map(delta).collect();
    bencher
        .counter(BytesCount::new(
            events.iter().map(String::len).sum::<usize>(),
        ))
        .bench(|| {
            let mut turn = Turn::default();
            for event in &events {
                turn.apply(event);
            }
            turn
        });
}

#[divan::bench]
fn request_of_30_kb(bencher: Bencher) {
    let text = request();
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| Request::parse(black_box(&text)));
}

#[divan::bench]
fn masking_a_request(bencher: Bencher) {
    let (text, redactor) = (request(), Redactor::new());
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| redactor.json(black_box(&text)).len());
}
