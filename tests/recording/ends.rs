//! Connections that the proxy ends itself.

use codextap::flow::{Op, State};
use codextap::tap::{At, Direction, Failure, Kind, Phase, Side};

use super::script::{Script, frame};

/// An upgraded connection that the proxy ends with a failure of this message.
fn ended_by_the_proxy(side: Side, message: &str, in_turn: bool) -> Script {
    let mut script = Script::new();
    script.socket(None);
    if in_turn {
        let create = br#"{"type":"response.create","model":"m","input":[]}"#;
        script.data(Direction::Out, &frame(Direction::Out, 0x81, create));
    }
    script.tell(Kind::Failed(Failure {
        side,
        phase: Phase::Relay,
        message: message.to_owned(),
    }));
    script.end(Direction::Out);
    script.end(Direction::In);
    script
}

#[test]
fn a_connection_that_codextap_ended_between_two_turns_did_not_fail() {
    let message = "closed with 1001: codextap ended while this was live";
    let script = ended_by_the_proxy(Side::Client, message, false);
    let flow = script.flow(0);
    assert_eq!((flow.state(), flow.is_error()), (State::Complete, false));
    let close = flow.close.as_ref().unwrap();
    assert_eq!(close.code, Some(1001));
    assert_eq!(close.reason, "codextap ended");
    let end = flow.abnormal_end().unwrap();
    assert_eq!(end.op, Op::Close(Some(1001)));
    assert_eq!(end.fault.as_deref(), Some("codextap ended"));
    // Without a close frame, because there was no time left for one.
    let mut script = Script::new();
    script.socket(None);
    let at = At::from_micros(script.now + 1000);
    script.recorder.cut(&mut script.store, at);
    let flow = script.flow(0);
    assert_eq!((flow.state(), flow.is_error()), (State::Complete, false));
    let end = flow.abnormal_end().unwrap();
    assert_eq!(end.op, Op::Close(Some(1006)));
    assert_eq!(end.fault.as_deref(), Some("codextap ended"));
}

#[test]
fn what_codextap_ended_in_a_turn_or_a_frame_failed() {
    let message = "closed with 1001: codextap ended while this was live";
    let script = ended_by_the_proxy(Side::Client, message, true);
    let [connection, turn] = [0, 1].map(|index| script.flow(index));
    for flow in [connection, turn] {
        assert_eq!(flow.state(), State::Failed);
        let told: Vec<&str> = flow.failures.iter().map(|it| &*it.message).collect();
        assert_eq!(told, [message]);
    }
    let end = connection.abnormal_end().unwrap();
    assert_eq!(end.op, Op::Close(Some(1001)), "one end, one story");
    let message = "cut inside a frame of the upstream: codextap ended while this was live";
    let script = ended_by_the_proxy(Side::Client, message, false);
    assert_eq!(script.flow(0).state(), State::Failed);
    let message = "closed with 1011: no byte either way for 40ms (--ws-idle-timeout)";
    let script = ended_by_the_proxy(Side::Upstream, message, false);
    let flow = script.flow(0);
    assert_eq!(flow.state(), State::Failed);
    let end = flow.abnormal_end().unwrap();
    assert_eq!(end.op, Op::Close(Some(1011)));
    let told = "codextap: no byte either way for 40ms (--ws-idle-timeout)";
    assert_eq!(end.fault.as_deref(), Some(told));
}
