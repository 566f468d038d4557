//! WebSocket frames of every kind, as the timeline tells them.

use codextap::flow::Op;
use codextap::tap::Direction;

use super::TEXT;
use super::script::{Script, frame};

#[test]
fn compressed_messages_are_read_with_every_window_and_with_and_without_takeover() {
    for (bits, takes_over) in (9..=15).flat_map(|bits| [(bits, true), (bits, false)]) {
        let mut extension = format!(
            "permessage-deflate; server_max_window_bits={bits}; client_max_window_bits={bits}"
        );
        if !takes_over {
            extension += "; server_no_context_takeover; client_no_context_takeover";
        }
        let mut script = Script::new();
        script.socket(Some(&extension));
        // Longer than the smallest windows, so that matches reach back to their edge.
        let words: Vec<String> = (0..700)
            .map(|number: u32| (number * 7919 % 1_009).to_string())
            .collect();
        let text = words.join(" ");
        for dir in [Direction::Out, Direction::In] {
            let level = flate2::Compression::default();
            let mut compress = flate2::Compress::new_with_window_bits(level, false, bits);
            for _ in 0..3 {
                let mut payload = Vec::with_capacity(2 * text.len());
                let flush = flate2::FlushCompress::Sync;
                compress
                    .compress_vec(text.as_bytes(), &mut payload, flush)
                    .unwrap();
                payload.truncate(payload.len() - 4);
                script.data(dir, &frame(dir, TEXT | 0x40, &payload));
                if !takes_over {
                    compress.reset();
                }
            }
        }
        let connection = script.flow(0);
        assert_eq!(connection.faults, [], "{extension}");
        assert_eq!(connection.frames.len(), 6);
        for seen in &connection.frames {
            assert!(seen.is_compressed && seen.fault.is_none(), "{extension}");
            assert_eq!(connection.frame_bytes(seen), text.as_bytes(), "{extension}");
        }
    }
}

/// A name, a frame's direction, first byte and payload, what it is, and whether something is wrong
/// with it.
type Case = (&'static str, Direction, u8, Vec<u8>, Op, bool);

#[test]
fn the_timeline_tells_what_each_frame_was() {
    let close = |code: u16, reason: &str| [&code.to_be_bytes(), reason.as_bytes()].concat();
    let cases: [Case; 12] = [
        ("text", Direction::In, 0x81, b"hi".to_vec(), Op::Text, false),
        (
            "binary",
            Direction::Out,
            0x82,
            vec![0, 255],
            Op::Binary,
            false,
        ),
        ("ping", Direction::In, 0x89, b"hb".to_vec(), Op::Ping, false),
        (
            "pong",
            Direction::Out,
            0x8a,
            b"hb".to_vec(),
            Op::Pong,
            false,
        ),
        (
            "close",
            Direction::In,
            0x88,
            close(1000, "bye"),
            Op::Close(Some(1000)),
            false,
        ),
        (
            "no status",
            Direction::Out,
            0x88,
            Vec::new(),
            Op::Close(None),
            false,
        ),
        (
            "own code",
            Direction::In,
            0x88,
            close(4999, ""),
            Op::Close(Some(4999)),
            false,
        ),
        (
            "half a code",
            Direction::In,
            0x88,
            vec![3],
            Op::Close(None),
            true,
        ),
        (
            "reserved opcode",
            Direction::In,
            0x83,
            Vec::new(),
            Op::Reserved(3),
            true,
        ),
        (
            "reserved bit",
            Direction::In,
            0x91,
            b"x".to_vec(),
            Op::Text,
            true,
        ),
        (
            "lone continuation",
            Direction::In,
            0x80,
            b"x".to_vec(),
            Op::Continuation,
            true,
        ),
        ("no UTF-8", Direction::In, 0x81, vec![0xff], Op::Text, true),
    ];
    for (name, dir, first, payload, op, is_faulty) in cases {
        let mut script = Script::new();
        script.socket(None);
        script.data(dir, &frame(dir, first, &payload));
        let connection = script.flow(0);
        let seen = &connection.frames[0];
        assert_eq!((seen.op, seen.dir), (op, dir), "{name}");
        assert_eq!(seen.fault.is_some(), is_faulty, "{name}: {:?}", seen.fault);
    }
    // RFC 6455 §5.1: a client masks its frames, and a server does not.
    for (dir, other) in [
        (Direction::In, Direction::Out),
        (Direction::Out, Direction::In),
    ] {
        let mut script = Script::new();
        script.socket(None);
        script.data(dir, &frame(other, TEXT, b"hi"));
        let connection = script.flow(0);
        assert!(connection.frames[0].fault.is_some(), "{dir:?}");
        assert_eq!(connection.frame_bytes(&connection.frames[0]), b"hi");
    }
}

#[test]
fn a_message_in_fragments_may_have_control_frames_between_them() {
    let mut script = Script::new();
    script.socket(None);
    for (first, payload) in [
        (0x01, "Hel"),
        (0x89, "hb"),
        (0x00, "l"),
        (0x8a, ""),
        (0x80, "o"),
    ] {
        script.data(
            Direction::In,
            &frame(Direction::In, first, payload.as_bytes()),
        );
    }
    let connection = script.flow(0);
    let seen: Vec<_> = connection
        .frames
        .iter()
        .map(|frame| (frame.op, connection.frame_bytes(frame)))
        .collect();
    let expected: [(Op, &[u8]); 5] = [
        (Op::Text, b""),
        (Op::Ping, b"hb"),
        (Op::Continuation, b""),
        (Op::Pong, b""),
        (Op::Continuation, b"Hello"),
    ];
    assert_eq!(seen, expected);
    assert_eq!(connection.faults, []);
}
