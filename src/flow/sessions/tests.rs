use std::sync::Arc;

use super::*;
use crate::flow::{Context, Flow};
use crate::responses::Status;

/// A turn of thread `thread` of session `s` that began at this second and ended as `state`.
fn turn(second: u64, thread: &str, id: &str, state: State) -> Summary {
    let at = |second| At::from_micros(second * 1_000_000);
    let flow = Flow::new(
        format!("f-{second}"),
        String::new(),
        Arc::from(""),
        at(second),
    );
    let status = match state {
        State::Complete => Status::Completed,
        State::Partial => Status::Incomplete,
        _ => Status::Failed,
    };
    Summary {
        id: FlowId(second as u32),
        channel: Channel::Model,
        path: "/v1/responses".into(),
        ended: Some(at(second + 1)),
        state,
        turn: Some(status),
        model: Some("gpt-5.5".into()),
        identity: Identity {
            session: Some("s".to_owned()),
            thread: Some(thread.to_owned()),
            turn: (!id.is_empty()).then(|| id.to_owned()),
            agent: Agent::Main,
            purpose: Some("turn".to_owned()),
            ..Identity::default()
        },
        context: Some(Box::default()),
        ..Summary::of(&flow)
    }
}

fn used(summary: Summary, input: u64, output: u64) -> Summary {
    Summary {
        usage: Some(Usage {
            input,
            output,
            total: input + output,
            ..Usage::default()
        }),
        ..summary
    }
}

fn handshake(second: u64, status: u16) -> Summary {
    Summary {
        kind: FlowKind::Ws,
        transport: Transport::WebSocket,
        status: Some(status),
        context: None,
        turn: None,
        ..turn(
            second,
            "s",
            "",
            if status == 426 {
                State::Partial
            } else {
                State::Failed
            },
        )
    }
}

fn sessions(summaries: &[Summary]) -> Sessions {
    let prices = Prices::built_in().unwrap();
    Sessions::of(summaries.iter().map(Cow::Borrowed), &prices)
}

/// The flows of each logical turn of the only thread.
fn ladders(summaries: &[Summary]) -> Vec<Vec<u32>> {
    let sessions = sessions(summaries);
    let turns = sessions.sessions[0].turns();
    turns
        .map(|turn| turn.attempts.iter().map(|attempt| attempt.flow.0).collect())
        .collect()
}

/// What it shows, the flows, and which of them are attempts at the same turn.
type Case = (&'static str, Vec<Summary>, &'static [&'static [u32]]);

#[test]
fn attempts_of_one_turn_stand_together() {
    use State::{Complete, Failed, Partial};
    let t = |second, id, state| turn(second, "s", id, state);
    let gist = |summary: Summary, gist: &str| Summary {
        gist: gist.into(),
        ..summary
    };
    let table: [Case; 8] = [
        (
            "requests of one prompt are no attempts",
            vec![t(1, "a", Complete), t(2, "a", Complete)],
            &[&[1], &[2]],
        ),
        (
            "a retry is",
            vec![
                t(1, "a", Complete),
                t(2, "a", Failed),
                t(3, "a", Failed),
                t(4, "a", Complete),
            ],
            &[&[1], &[2, 3, 4]],
        ),
        (
            "another prompt after a failure is none",
            vec![t(1, "a", Failed), t(2, "b", Complete)],
            &[&[1], &[2]],
        ),
        (
            "lines stand in the order of their ends",
            vec![t(4, "a", Complete), t(2, "a", Failed)],
            &[&[2, 4]],
        ),
        (
            "a response that was cut by the user goes on",
            vec![t(1, "a", Partial), t(2, "a", Complete)],
            &[&[1], &[2]],
        ),
        (
            "the WebSocket is refused",
            vec![
                handshake(1, 500),
                handshake(2, 500),
                t(3, "a", Complete),
                t(4, "a", Complete),
            ],
            &[&[1, 2, 3], &[4]],
        ),
        (
            "a turn is lost, the next socket refused, and HTTP answers",
            vec![t(1, "a", Failed), handshake(2, 426), t(3, "a", Complete)],
            &[&[1, 2, 3]],
        ),
        (
            "without turn ids, the same gist is the same turn",
            vec![
                gist(t(1, "", Failed), "x"),
                gist(t(2, "", Complete), "x"),
                gist(t(3, "", Failed), "x"),
                gist(t(4, "", Complete), "y"),
            ],
            &[&[1, 2], &[3], &[4]],
        ),
    ];
    for (name, summaries, expected) in table {
        assert_eq!(ladders(&summaries), expected, "{name}");
    }
}

#[test]
fn failures_and_retries_count_once_and_tokens_as_often_as_they_were_used() {
    let prompt = |second, state| turn(second, "s", "a", state);
    let warm_up = Summary {
        identity: Identity {
            purpose: Some("prewarm".to_owned()),
            ..turn(1, "s", "", State::Complete).identity
        },
        ..turn(1, "s", "", State::Complete)
    };
    let served = |summary: Summary, served: &str| Summary {
        context: Some(Box::new(Context {
            served: Some(served.into()),
            ..Context::default()
        })),
        ..summary
    };
    let sessions = sessions(&[
        used(warm_up, 1_000, 0),
        used(prompt(2, State::Failed), 10, 1),
        prompt(3, State::Failed),
        used(prompt(4, State::Complete), 100, 10),
        used(served(turn(5, "s", "b", State::Complete), "no-such"), 7, 7),
        turn(6, "s", "c", State::Failed),
    ]);
    let total = sessions.sessions[0].total();
    assert_eq!((total.turns, total.warm_ups, total.retries), (3, 1, 2));
    assert_eq!((total.errors, total.rerouted, total.unpriced), (1, 1, 1));
    assert_eq!((total.usage.input, total.usage.output), (1_117, 18));
    // 1 110 × 5 and 11 × 30 millionths.
    assert_eq!(total.cost.to_string(), "0.00588");
    assert_eq!(total.confidence, Some(Confidence::Listed));
    assert_eq!(total.busy, Duration::from_secs(1 + 3 + 1 + 1));
    let models = sessions.sessions[0].by_model();
    assert_eq!(
        models.keys().copied().collect::<Vec<_>>(),
        ["gpt-5.5", "no-such"]
    );
    let mut sum = Tally::default();
    for tally in models.values() {
        sum.merge(tally);
    }
    assert_eq!(sum, total);
}

#[test]
fn threads_stand_under_the_one_that_spawned_them() {
    let sub = |second, thread: &str, label: &str, parent: Option<&str>| {
        let mut summary = turn(second, thread, "a", State::Complete);
        summary.identity.agent = Agent::Sub(thread.to_owned());
        summary.identity.label = (!label.is_empty()).then(|| label.to_owned());
        summary.identity.parent = parent.map(str::to_owned);
        summary
    };
    let mut main = turn(1, "s", "a", State::Complete);
    main.context = Some(Box::new(Context {
        title: Some("Fix it".into()),
        cwd: Some("/home".into()),
        ..Context::default()
    }));
    main.identity.is_agent_inferred = true;
    let sessions = sessions(&[
        sub(6, "loop-2", "", Some("loop-1")),
        sub(5, "loop-1", "", Some("loop-2")),
        sub(4, "check", "review", None),
        sub(3, "deep", "thread_spawn", Some("scout")),
        sub(2, "scout", "thread_spawn", Some("s")),
        main,
    ]);
    let session = &sessions.sessions[0];
    let tree: Vec<_> = session
        .tree()
        .into_iter()
        .map(|(depth, thread)| {
            let parent = thread.parent.as_ref();
            let is_inferred = parent.is_some_and(|parent| parent.is_inferred);
            (
                depth,
                &*thread.id,
                thread.role.as_deref().unwrap_or_default(),
                is_inferred,
            )
        })
        .collect();
    let expected = [
        (0, "s", "main", false),
        (1, "scout", "sub-agent", false),
        (2, "deep", "sub-agent", false),
        (1, "check", "review", true),
        (0, "loop-1", "loop-1", false),
        (1, "loop-2", "loop-2", false),
    ];
    assert_eq!(tree, expected);
    let main = session.main().unwrap();
    assert_eq!(
        (main.title.as_deref(), main.cwd.as_deref()),
        (Some("Fix it"), Some("/home"))
    );
    assert!(main.agent.as_ref().unwrap().is_inferred);
}
