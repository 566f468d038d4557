//! Tap events in, flows out: the recorder as the rest of the program sees it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "recording/ends.rs"]
mod ends;
#[path = "recording/frames.rs"]
mod frames;
#[path = "recording/lint.rs"]
mod lint;
#[path = "recording/script.rs"]
mod script;

use std::io::Write as _;

use codextap::flow::{Channel, FlowKind, Op, State, Transport};
use codextap::responses::{EventKind, Status};
use codextap::tap::{At, Connection, Direction, End, Failure, Kind, Phase, Side, Value};
use script::{REQUEST, STREAM, Script, frame};

const TEXT: u8 = 0x81;

#[test]
fn an_event_stream_becomes_a_turn_with_every_event_in_the_timeline() {
    let mut script = Script::new();
    script.stream();
    assert_eq!(script.flow(0).state(), State::Streaming);
    script.data(Direction::In, STREAM.as_bytes());
    script.end(Direction::In);

    let flow = script.flow(0);
    assert_eq!(flow.channel, Channel::Model);
    assert_eq!(flow.transport(), Transport::Sse);
    assert_eq!(flow.state(), State::Complete);
    assert_eq!(flow.model.as_deref(), Some("gpt-6.1-sol"));
    assert_eq!(flow.gist, "say hello");
    assert_eq!(flow.identity.session.as_deref(), Some("s-1"));
    assert_eq!(flow.identity.turn.as_deref(), Some("t-1"));
    let turn = flow.turn.as_ref().unwrap();
    assert_eq!(turn.output_text(), "Hello");
    assert_eq!(turn.usage.unwrap().input, 10);
    let events: Vec<_> = flow
        .frames
        .iter()
        .map(|frame| (frame.op, frame.event))
        .collect();
    assert_eq!(
        events,
        [
            (Op::Event, Some(EventKind::from_name("response.created"))),
            (Op::Comment, None),
            (
                Op::Event,
                Some(EventKind::from_name("response.output_text.delta"))
            ),
            (Op::Event, Some(EventKind::from_name("response.completed"))),
        ]
    );
    assert_eq!(
        flow.response.body.text(),
        Some(STREAM),
        "nothing secret: kept to the byte"
    );
    assert!(flow.response.body.digest.is_some());
    assert_eq!(script.finished().len(), 1);
}

#[test]
fn secrets_in_a_body_are_masked_before_they_are_stored() {
    let mut script = Script::new();
    script.stream();
    let text = script.flow(0).request.body.text().unwrap();
    assert!(
        !text.contains("inst-secret") && text.contains("<redacted:"),
        "{text}"
    );
    assert_eq!(script.flow(0).request.body.wire_len, REQUEST.len() as u64);
}

#[test]
fn the_portions_in_which_bytes_arrive_change_nothing() {
    let mut whole = Script::new();
    whole.stream();
    whole.data(Direction::In, STREAM.as_bytes());
    whole.end(Direction::In);
    for size in [1, 2, 7, 64] {
        let mut split = Script::new();
        split.stream();
        for chunk in STREAM.as_bytes().chunks(size) {
            split.data(Direction::In, chunk);
        }
        split.end(Direction::In);
        assert_eq!(
            split.flow(0).turn,
            whole.flow(0).turn,
            "in portions of {size}"
        );
        assert_eq!(split.flow(0).response.body, whole.flow(0).response.body);
        let spans = |script: &Script| -> Vec<_> {
            script
                .flow(0)
                .frames
                .iter()
                .map(|frame| (frame.op, frame.span.clone()))
                .collect()
        };
        assert_eq!(spans(&split), spans(&whole));
    }
}

#[test]
fn the_last_connection_that_was_told_is_the_one_that_counts() {
    let mut script = Script::new();
    script.request("GET", "/v1/models", &[]);
    for is_reused in [true, false] {
        script.tell(Kind::Connected(Connection {
            is_reused,
            ..Connection::default()
        }));
    }
    script.end(Direction::Out);
    script.response(200, &[]);
    script.end(Direction::In);
    let flow = script.flow(0);
    assert!(!flow.connection.as_ref().unwrap().is_reused);
    let phases = flow.phases();
    assert!(
        [phases.send, phases.wait, phases.receive]
            .iter()
            .all(Option::is_some)
    );
}

#[test]
fn a_client_that_leaves_after_the_terminal_event_is_no_fault() {
    let mut script = Script::new();
    script.stream();
    script.data(Direction::In, STREAM.as_bytes());
    script.tell(Kind::Ended {
        dir: Direction::In,
        how: End::Aborted,
    });
    assert_eq!(script.flow(0).state(), State::Complete);
    assert!(script.flow(0).failures.is_empty());
}

#[test]
fn a_stream_without_its_terminal_event_is_lost_and_says_who_left() {
    let mut script = Script::new();
    script.stream();
    let half = STREAM.find("event: response.completed").unwrap();
    script.data(Direction::In, &STREAM.as_bytes()[..half]);
    script.tell(Kind::Ended {
        dir: Direction::In,
        how: End::Aborted,
    });
    let flow = script.flow(0);
    assert_eq!(flow.turn.as_ref().unwrap().status, Status::Lost);
    assert_eq!(flow.state(), State::Failed);
    assert_eq!(flow.failures[0].side, Side::Client);
}

#[test]
fn an_error_body_says_why_a_turn_failed() {
    let mut script = Script::new();
    script.request("POST", "/v1/responses", &[]);
    script.data(Direction::Out, REQUEST.as_bytes());
    script.end(Direction::Out);
    script.response(429, &[("content-type", "application/json")]);
    let body =
        r#"{"error":{"type":"usage_limit_reached","message":"The usage limit has been reached"}}"#;
    script.data(Direction::In, body.as_bytes());
    script.end(Direction::In);
    let flow = script.flow(0);
    assert_eq!(flow.state(), State::Failed);
    let failure = flow.turn.as_ref().unwrap().failure.as_ref().unwrap();
    assert_eq!(failure.kind.as_deref(), Some("usage_limit_reached"));
}

#[test]
fn an_unreachable_upstream_stands_on_the_flow() {
    let mut script = Script::new();
    script.request("POST", "/v1/responses", &[]);
    let failure = Failure {
        side: Side::Upstream,
        phase: Phase::Connect,
        message: "cannot connect: connection refused".to_owned(),
    };
    script.tell(Kind::Failed(failure.clone()));
    script.end(Direction::Out);
    script.response(502, &[]);
    script.end(Direction::In);
    assert_eq!(script.flow(0).failures, [failure]);
    assert_eq!(script.flow(0).state(), State::Failed);
    assert_eq!(script.flow(0).status(), Some(502));
}

#[test]
fn a_zstd_request_is_read_and_its_wire_size_kept() {
    let mut script = Script::new();
    script.request(
        "POST",
        "/backend-api/codex/responses",
        &[("content-encoding", "zstd")],
    );
    let wire = zstd::encode_all(REQUEST.as_bytes(), 3).unwrap();
    script.data(Direction::Out, &wire);
    script.end(Direction::Out);
    let flow = script.flow(0);
    assert_eq!(flow.gist, "say hello");
    assert_eq!(flow.request.body.wire_len, wire.len() as u64);
    assert_eq!(flow.request.body.coding.as_deref(), Some("zstd"));
}

#[test]
fn a_wrong_coding_is_shown_as_a_fault() {
    let mut script = Script::new();
    script.request("GET", "/v1/models", &[]);
    script.end(Direction::Out);
    script.response(200, &[("content-encoding", "gzip")]);
    script.data(Direction::In, b"this is no gzip");
    script.end(Direction::In);
    assert!(!script.flow(0).faults.is_empty());
    assert_eq!(script.flow(0).state(), State::Complete);
}

#[test]
fn a_socket_splits_into_turns_and_keeps_every_frame_once() {
    let mut script = Script::new();
    script.socket(None);
    let create = REQUEST
        .replacen('{', r#"{"type":"response.create","#, 1)
        .replace('\n', "");
    for number in 1..=2 {
        script.data(
            Direction::Out,
            &frame(Direction::Out, TEXT, create.as_bytes()),
        );
        for line in STREAM
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
        {
            script.data(Direction::In, &frame(Direction::In, TEXT, line.as_bytes()));
        }
        assert_eq!(script.store.flows().len(), number + 1);
    }
    script.data(Direction::In, &frame(Direction::In, 0x89, b"still there?"));
    script.data(
        Direction::Out,
        &frame(Direction::Out, 0x8a, b"still there?"),
    );
    script.data(
        Direction::In,
        &frame(Direction::In, 0x88, &[0x03, 0xe9, b'b', b'y', b'e']),
    );
    script.end(Direction::In);
    script.end(Direction::Out);

    let connection = script.flow(0);
    assert_eq!(connection.kind, FlowKind::Ws);
    assert_eq!(connection.frames.len(), 3, "ping, pong, close");
    let close = connection.close.as_ref().unwrap();
    assert_eq!(
        (close.code, close.reason.as_str(), close.dir),
        (Some(1001), "bye", Direction::In)
    );
    for number in 1..=2 {
        let turn = script.flow(number);
        assert_eq!(
            turn.kind,
            FlowKind::WsTurn {
                connection: connection.id,
                number: number as u32
            }
        );
        assert_eq!(turn.state(), State::Complete);
        assert_eq!(turn.gist, "say hello");
        assert_eq!(turn.frames.len(), 4, "one out, three in");
        assert_eq!(turn.turn.as_ref().unwrap().output_text(), "Hello");
        assert!(!turn.request_text().unwrap().contains("inst-secret"));
    }
    assert_eq!(script.store.rows().len(), 3);
    let finished = script.finished();
    assert_eq!(finished.len(), 3);
    assert!(
        finished[0].ends_with("-1.1")
            && finished[1].ends_with("-1.2")
            && finished[2].ends_with("-1")
    );
}

#[test]
fn an_answer_on_a_socket_is_named_by_the_call_that_the_turn_before_made() {
    let mut script = Script::new();
    script.socket(None);
    let create = |input: &str| {
        let text = format!(r#"{{"type":"response.create","model":"gpt-x","input":[{input}]}}"#);
        frame(Direction::Out, TEXT, text.as_bytes())
    };
    let answer = |id: &str| {
        format!(
            r#"{{"type":"function_call_output","call_id":"{id}","output":"Process exited with code 0\nOutput:\nhi"}}"#
        )
    };
    let done = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","call_id":"c1","name":"exec","arguments":"{}"}}"#;
    let end = r#"{"type":"response.completed","response":{"id":"r1","output":[]}}"#;
    for (input, expected) in [
        (answer("c1"), "↩ exit 0 · hi"),
        (answer("c1"), "↩ exec → exit 0 · hi"),
        (answer("c2"), "↩ exit 0 · hi"),
    ] {
        script.data(Direction::Out, &create(&input));
        for event in [done, end] {
            script.data(Direction::In, &frame(Direction::In, TEXT, event.as_bytes()));
        }
        let turn = script.store.flows().len() - 1;
        assert_eq!(script.flow(turn).gist, expected);
    }
}

#[test]
fn a_compressed_socket_is_read_with_its_whole_history() {
    let mut script = Script::new();
    script.socket(Some("permessage-deflate"));
    let mut compress = flate2::Compress::new(flate2::Compression::default(), false);
    let create = REQUEST
        .replacen('{', r#"{"type":"response.create","#, 1)
        .replace('\n', "");
    for _ in 0..2 {
        let mut payload = Vec::with_capacity(create.len() + 64);
        compress
            .compress_vec(create.as_bytes(), &mut payload, flate2::FlushCompress::Sync)
            .unwrap();
        payload.truncate(payload.len() - 4);
        script.data(
            Direction::Out,
            &frame(Direction::Out, TEXT | 0x40, &payload),
        );
    }
    assert_eq!(script.flow(1).gist, "say hello");
    assert_eq!(script.flow(2).gist, "say hello");
    let frames = |index: usize| &script.flow(index).frames[0];
    assert!(frames(1).is_compressed && frames(2).wire < frames(1).wire);
    assert_eq!(
        script.flow(1).turn.as_ref().unwrap().status,
        Status::Lost,
        "another turn began"
    );
}

#[test]
fn a_turn_asked_for_in_fragments_or_in_bad_json_still_ends() {
    for create in [
        r#"{"type":"response.create","model":"gpt-5.5","input":[]}"#,
        r#"{"type":"response.create",!"#,
    ] {
        let mut script = Script::new();
        script.socket(None);
        let (first, rest) = create.as_bytes().split_at(25);
        script.data(Direction::Out, &frame(Direction::Out, 0x01, first));
        script.data(Direction::Out, &frame(Direction::Out, 0x80, rest));
        for line in STREAM
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
        {
            script.data(Direction::In, &frame(Direction::In, TEXT, line.as_bytes()));
        }
        let flows = script.store.flows();
        let turn = flows.last().unwrap();
        assert_eq!(turn.state(), State::Complete, "{create}");
        assert_eq!(turn.turn.as_ref().unwrap().output_text(), "Hello");
        assert_eq!(
            turn.request_text(),
            Some(create),
            "the first fragment is the connection's"
        );
    }
}

#[test]
fn a_turn_cut_by_its_connection_says_how() {
    let mut script = Script::new();
    script.socket(None);
    let create = br#"{"type":"response.create","model":"gpt-5.5","input":[]}"#;
    script.data(Direction::Out, &frame(Direction::Out, TEXT, create));
    script.data(
        Direction::In,
        &frame(Direction::In, 0x88, &[0x03, 0xf3, b'n', b'o']),
    );
    script.end(Direction::In);
    script.end(Direction::Out);
    let expected = "the upstream closed the connection with 1011 no while the turn was in progress";
    for flow in script.store.flows() {
        assert_eq!(flow.failures[0].message, expected);
        assert_eq!(flow.state(), State::Failed);
    }
}

#[test]
fn a_refused_upgrade_keeps_the_refusal() {
    let mut script = Script::new();
    script.request("GET", "/v1/responses", &[("upgrade", "websocket")]);
    script.end(Direction::Out);
    script.response(426, &[("content-type", "application/json")]);
    script.data(Direction::In, br#"{"detail":"Upgrade Required"}"#);
    script.end(Direction::In);
    let flow = script.flow(0);
    assert_eq!(flow.kind, FlowKind::Ws);
    assert_eq!((flow.state(), flow.is_error()), (State::Partial, false));
    assert_eq!(
        flow.response.body.text(),
        Some(r#"{"detail":"Upgrade Required"}"#)
    );
}

#[test]
fn a_client_that_leaves_before_it_is_answered_is_no_success() {
    let mut script = Script::new();
    script.request("GET", "/v1/responses", &[("upgrade", "websocket")]);
    script.end(Direction::Out);
    script.end(Direction::In);
    let flow = script.flow(0);
    assert_eq!(flow.state(), State::Failed);
    assert!(flow.failures[0].message.contains("before it was answered"));
}

#[test]
fn a_reset_is_a_failure_unless_the_client_had_closed() {
    for (is_closed, state) in [(true, State::Complete), (false, State::Failed)] {
        let mut script = Script::new();
        script.socket(None);
        if is_closed {
            script.data(Direction::Out, &frame(Direction::Out, 0x88, &[3, 0xe8]));
        }
        script.tell(Kind::Failed(Failure {
            side: Side::Client,
            phase: Phase::Relay,
            message: "read: connection reset by peer".to_owned(),
        }));
        script.end(Direction::Out);
        script.end(Direction::In);
        assert_eq!(script.flow(0).state(), state);
    }
}

#[test]
fn a_broken_frame_and_a_loss_stand_in_the_timeline() {
    let mut script = Script::new();
    script.socket(None);
    script.data(Direction::In, &[0x83, 0x00]);
    script.tell(Kind::Missed {
        dir: Direction::In,
        bytes: 77,
    });
    let connection = script.flow(0);
    assert!(connection.frames[0].fault.is_some(), "opcode 3 is reserved");
    let gap = connection
        .frames
        .iter()
        .find(|frame| frame.op == Op::Gap)
        .unwrap();
    assert!(gap.fault.as_ref().unwrap().contains("77 bytes"));
    assert_eq!(connection.response.body.missed, 77);
}

#[test]
fn what_is_live_at_the_end_is_marked_as_cut() {
    let mut script = Script::new();
    script.stream();
    let at = At::from_micros(script.now + 1000);
    script.recorder.cut(&mut script.store, at);
    let flow = script.flow(0);
    assert_eq!(flow.ended, Some(at));
    assert!(flow.failures[0].message.contains("codextap ended"));
    assert_eq!(script.finished().len(), 1);
}

#[test]
fn credentials_in_heads_are_marks() {
    let mut script = Script::new();
    script.request("GET", "/v1/models", &[("authorization", "Bearer sk-live")]);
    let head = script.flow(0).request.head.as_ref().unwrap();
    assert!(matches!(&head.fields[0].value, Value::Secret(_)));
}

#[test]
fn a_broken_event_stream_is_kept_and_named() {
    let mut script = Script::new();
    script.stream();
    let mut body = b"data: {\"type\":\"response.created\"\n\ndata: \xff\xfe\n\nno end".to_vec();
    body.flush().unwrap();
    script.data(Direction::In, &body);
    script.end(Direction::In);
    let flow = script.flow(0);
    assert!(!flow.turn.as_ref().unwrap().lints.is_empty(), "broken JSON");
    assert!(!flow.faults.is_empty(), "invalid UTF-8");
    assert_eq!(flow.state(), State::Failed);
}
