//! WebSocket frames and permessage-deflate: the same however cut, every byte accounted for,
//! no message above the limit; and the messages that tungstenite and miniz read.

#![no_main]

use std::io::{self, Cursor, Read, Write};

use codextap::wire::deflate::Parameters;
use codextap::wire::websocket::{DEFAULT_LIMIT, Decoder, Event, Frame, Opcode};
use codextap_fuzz::{Input, singly};
use libfuzzer_sys::fuzz_target;
use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};
use tungstenite::protocol::{Role, WebSocket};

fuzz_target!(|data: &[u8]| {
    let Some(input) = Input::new(data) else {
        return;
    };
    let expect_masked = input.has(0);
    let deflate = input.has(1).then(|| Parameters {
        server_no_context_takeover: input.has(2),
        client_no_context_takeover: input.has(2),
        ..Parameters::default()
    });
    let limit = if input.has(3) {
        usize::from(input.number) * 16
    } else {
        DEFAULT_LIMIT
    };
    let wire = input.payload;
    let missed = input.has(4).then(|| u64::from(input.number) + 1);
    let decoder = || Decoder::with_limit(expect_masked, deflate, limit);
    let (whole, skipped) = events(decoder(), &[wire], missed);
    assert_eq!(
        events(decoder(), &input.pieces(wire), missed),
        (whole.clone(), skipped)
    );
    assert_eq!(
        events(decoder(), &singly(wire), missed),
        (whole.clone(), skipped)
    );

    let mut end = 0;
    for event in &whole {
        if let Event::Frame(frame) = event {
            assert_eq!(frame.offset, end);
            end += frame.wire;
            let kept = frame
                .message
                .as_ref()
                .map_or(0, |message| message.data.len());
            assert!(kept <= limit && frame.payload.len() <= 125);
        }
    }
    assert_eq!(end + skipped, wire.len() as u64 + missed.unwrap_or(0));

    if deflate.is_none() && limit == DEFAULT_LIMIT && missed.is_none() {
        compare(wire, expect_masked, &whole);
    }
    // The payload as one compressed message.
    inflate_alike(wire);
});

fn events(mut decoder: Decoder, pieces: &[&[u8]], missed: Option<u64>) -> (Vec<Event>, u64) {
    let mut events = Vec::new();
    for piece in pieces {
        decoder.push(piece);
        events.extend(std::iter::from_fn(|| decoder.next()));
    }
    if let Some(missed) = missed {
        decoder.missed(missed);
    }
    decoder.finish();
    events.extend(std::iter::from_fn(|| decoder.next()));
    (events, decoder.skipped())
}

/// The messages up to the first fault or close frame, as tungstenite reads them.
fn compare(wire: &[u8], expect_masked: bool, events: &[Event]) {
    let sound = |event: &Event| match event {
        Event::Frame(frame) if frame.faults.is_empty() && frame.op != Opcode::Close => {
            Some(frame.clone())
        }
        _ => None,
    };
    let frames: Vec<Frame> = events.iter().map_while(sound).collect();
    let role = if expect_masked {
        Role::Server
    } else {
        Role::Client
    };
    let mut socket = WebSocket::from_raw_socket(OneWay(Cursor::new(wire)), role, None);
    for message in frames.into_iter().filter_map(|frame| frame.message) {
        let theirs = loop {
            let theirs = socket.read().expect("a message of sound frames");
            if theirs.is_text() || theirs.is_binary() {
                break theirs;
            }
        };
        assert_eq!(theirs.is_text(), message.op == Opcode::Text);
        assert_eq!(theirs.into_data(), message.data);
    }
}

/// Reads from a slice and writes nowhere.
struct OneWay<'a>(Cursor<&'a [u8]>);

impl Read for OneWay<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for OneWay<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `payload` as a compressed message, read by our decoder and by miniz.
fn inflate_alike(payload: &[u8]) {
    let mut wire = vec![0xC2, 127];
    wire.extend((payload.len() as u64).to_be_bytes());
    wire.extend(payload);
    let decoder = Decoder::with_limit(false, Some(Parameters::default()), 1 << 20);
    let (events, _) = events(decoder, &[&wire], None);
    let [Event::Frame(frame)] = &events[..] else {
        panic!("not one frame: {events:?}");
    };
    let ours = frame.message.as_ref().expect("its message");
    if ours.whole {
        let tailed = [payload, &[0, 0, 0xFF, 0xFF]].concat();
        let theirs = miniz(if payload.is_empty() { b"" } else { &tailed });
        assert!(theirs.starts_with(&ours.data));
    }
}

/// What miniz makes of deflate data, final blocks in its middle included; as far as it is sound.
fn miniz(data: &[u8]) -> Vec<u8> {
    let mut state = InflateState::new_boxed(DataFormat::Raw);
    let mut out = Vec::new();
    let mut rest = data;
    let mut buffer = vec![0; 32 << 10];
    while !rest.is_empty() {
        let result = inflate(&mut state, rest, &mut buffer, MZFlush::None);
        out.extend_from_slice(&buffer[..result.bytes_written]);
        rest = &rest[result.bytes_consumed..];
        match result.status {
            Ok(MZStatus::StreamEnd) => state.reset(DataFormat::Raw),
            Ok(_) if result.bytes_consumed + result.bytes_written > 0 => {}
            _ => break,
        }
    }
    out
}
