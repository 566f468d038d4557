use super::*;

/// A frame with an unmasked payload of at most 125 bytes.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first, u8::try_from(payload.len()).expect("a short payload")];
    bytes.extend_from_slice(payload);
    bytes
}

/// The same, masked.
fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let key = [9, 8, 7, 6];
    let mut bytes = vec![
        first,
        0x80 | u8::try_from(payload.len()).expect("a short payload"),
    ];
    bytes.extend_from_slice(&key);
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    mask::apply(key, 0, &mut bytes[start..]);
    bytes
}

fn drain(decoder: &mut Decoder) -> Vec<Event> {
    std::iter::from_fn(|| decoder.next()).collect()
}

fn decode(wire: &[Vec<u8>]) -> Vec<Event> {
    let mut decoder = Decoder::new(false, None);
    decoder.push(&wire.concat());
    decoder.finish();
    drain(&mut decoder)
}

/// The messages of the faults, frame by frame.
fn faults(events: &[Event]) -> Vec<Vec<&str>> {
    let faults = events.iter().map(|event| match event {
        Event::Frame(frame) => &frame.faults[..],
        Event::Fault(fault) => std::slice::from_ref(fault),
    });
    faults
        .map(|faults| faults.iter().map(|fault| &fault.message[..]).collect())
        .collect()
}

fn frames(events: Vec<Event>) -> Vec<Frame> {
    let frame = |event| match event {
        Event::Frame(frame) => Some(frame),
        Event::Fault(_) => None,
    };
    events.into_iter().filter_map(frame).collect()
}

#[test]
fn a_masked_text_is_a_message() {
    let mut decoder = Decoder::new(true, None);
    decoder.push(&masked(0x81, b"hello"));
    let [Event::Frame(frame)] = &drain(&mut decoder)[..] else {
        panic!("one frame")
    };
    assert_eq!(
        (frame.offset, frame.wire, frame.len, frame.masked),
        (0, 11, 5, true)
    );
    let data = b"hello".to_vec();
    let message = Message {
        op: Opcode::Text,
        data,
        compressed: false,
        whole: true,
    };
    assert_eq!(
        (frame.message.as_ref(), &frame.faults[..]),
        (Some(&message), &[][..])
    );
}

#[test]
fn control_frames_stand_between_fragments() {
    let wire = [
        frame(0x02, b"one "),
        frame(0x89, b"ping"),
        frame(0x80, b"two"),
    ];
    let frames = frames(decode(&wire));
    let ops: Vec<_> = frames.iter().map(|frame| frame.op).collect();
    assert_eq!(ops, [Opcode::Binary, Opcode::Ping, Opcode::Continuation]);
    assert_eq!(frames[1].payload, b"ping");
    assert_eq!(frames[0].message, None);
    let message = frames[2].message.as_ref().expect("the message");
    assert_eq!(
        (message.op, &message.data[..]),
        (Opcode::Binary, &b"one two"[..])
    );
}

/// A payload, the code and the reason it has, and its fault if any.
type Case = (
    &'static [u8],
    Option<u16>,
    &'static str,
    &'static [&'static str],
);

#[test]
fn a_close_frame_has_a_code_and_a_reason() {
    let cases: [Case; 6] = [
        (b"", None, "", &[]),
        (b"\x03\xE8bye", Some(1000), "bye", &[]),
        (b"\x0F\xA0", Some(4000), "", &[]),
        (b"\x03", None, "", &["close frame with half a status code"]),
        (
            b"\x03\xEE",
            Some(1006),
            "",
            &["close code 1006 must not be sent"],
        ),
        (
            b"\x03\xE8\xFF",
            Some(1000),
            "\u{FFFD}",
            &["close reason is not UTF-8"],
        ),
    ];
    for (payload, code, reason, expected) in cases {
        let events = decode(&[frame(0x88, payload)]);
        assert_eq!(faults(&events), [expected], "{payload:?}");
        let close = frames(events)[0].close.clone().expect("a close");
        assert_eq!((close.code, &close.reason[..]), (code, reason));
    }
}

#[test]
fn breaches_are_told_and_decoding_goes_on() {
    let long = [vec![0x89, 126, 0, 200], vec![b'p'; 200]].concat();
    let cases: [(Vec<Vec<u8>>, &str); 12] = [
        (vec![masked(0x81, b"a")], "server's frame is masked"),
        (vec![frame(0xC1, b"a")], "reserved bit 1 is set"),
        (vec![frame(0xA1, b"a")], "reserved bit 2 or 3 is set"),
        (vec![frame(0x83, b"a")], "reserved opcode"),
        (vec![frame(0x09, b"a")], "fragmented control frame"),
        (vec![long], "control frame above 125 bytes"),
        (
            vec![vec![0x81, 126, 0, 1, b'a']],
            "length takes more bytes than it needs",
        ),
        (
            vec![vec![0x81, 127, 0, 0, 0, 0, 0, 0, 0, 0]],
            "length takes more bytes than it needs",
        ),
        (
            vec![frame(0x80, b"a")],
            "continuation without a message to continue",
        ),
        (vec![frame(0x81, b"\xFF")], "text is not UTF-8"),
        (
            vec![frame(0x01, b"a"), frame(0x81, b"b")],
            "new message inside a fragmented one, which is dropped",
        ),
        (
            vec![frame(0x88, b""), frame(0x81, b"b")],
            "data after the close frame",
        ),
    ];
    for (mut wire, message) in cases {
        wire.push(frame(0x8A, b"after"));
        let events = decode(&wire);
        let found = faults(&events);
        assert_eq!(found[found.len() - 2], [message]);
        let last = frames(events).pop().expect("the pong");
        assert_eq!(
            (last.op, &last.payload[..]),
            (Opcode::Pong, &b"after"[..]),
            "{message}"
        );
    }
    let mut decoder = Decoder::new(true, None);
    decoder.push(&frame(0x81, b"bare"));
    assert_eq!(
        faults(&drain(&mut decoder)),
        [["client's frame is not masked"]]
    );
}

#[test]
fn an_impossible_length_ends_the_decoding() {
    let mut decoder = Decoder::new(false, None);
    decoder.push(&frame(0x81, b"a"));
    decoder.push(&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]);
    decoder.push(&frame(0x81, b"a"));
    decoder.finish();
    let events = drain(&mut decoder);
    let message = "impossible frame length, frames can no longer be told apart";
    assert_eq!(faults(&events), [&[][..], &[message]]);
    assert_eq!(decoder.skipped(), 13);
}

#[test]
fn a_message_above_the_limit_is_cut() {
    let mut decoder = Decoder::with_limit(false, None, 4);
    decoder.push(
        &[
            frame(0x01, b"abc"),
            frame(0x80, b"def"),
            frame(0x81, b"abcd"),
        ]
        .concat(),
    );
    let events = drain(&mut decoder);
    assert_eq!(
        faults(&events)[1],
        ["message above 4 bytes, the rest is not kept"]
    );
    let messages: Vec<_> = frames(events)
        .into_iter()
        .filter_map(|frame| frame.message)
        .collect();
    assert_eq!(
        (&messages[0].data[..], messages[0].whole),
        (&b"abcd"[..], false)
    );
    assert_eq!(
        (&messages[1].data[..], messages[1].whole),
        (&b"abcd"[..], true)
    );
}

#[test]
fn the_end_inside_a_frame_is_told() {
    let whole = frame(0x81, b"hello");
    let events = decode(&[whole[..4].to_vec()]);
    assert_eq!(
        faults(&events),
        [["the connection ended inside the frame, 3 bytes before its end"]]
    );
    let cut = frames(events).pop().expect("the cut frame");
    assert_eq!((cut.wire, cut.len), (4, 5));
    let message = cut.message.expect("what came of the message");
    assert_eq!((&message.data[..], message.whole), (&b"he"[..], false));
    let events = decode(&[whole[..1].to_vec()]);
    assert_eq!(
        faults(&events),
        [["the connection ended inside a frame's header"]]
    );
    let events = decode(&[frame(0x01, b"a")]);
    assert_eq!(
        faults(&events)[1],
        ["the connection ended before the last frame of a message"]
    );
}

#[test]
fn after_missing_bytes_nothing_is_guessed() {
    let mut decoder = Decoder::new(false, None);
    decoder.push(&[frame(0x81, b"a"), frame(0x81, b"bcd")[..3].to_vec()].concat());
    decoder.missed(100);
    decoder.push(&frame(0x81, b"e"));
    decoder.finish();
    let events = drain(&mut decoder);
    let expected = [
        &[][..],
        &["bytes are missing inside the frame, 2 bytes before its end"],
        &["100 bytes are missing, frames can no longer be told apart"],
    ];
    assert_eq!(faults(&events), expected);
    assert_eq!(decoder.skipped(), 103);
}

#[test]
fn a_context_takes_little_more_room_in_text() {
    let context = Context((0..=255).cycle().take(32 << 10).collect());
    let text = serde_json::to_string(&context).unwrap();
    assert!(text.len() < 45_000, "{}", text.len());
    assert_eq!(serde_json::from_str::<Context>(&text).unwrap(), context);
}
