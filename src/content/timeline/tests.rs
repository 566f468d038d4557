//! Rows of frames, bursts, silence and turns.

use super::super::tests::{TURN, answered, at, flow, frame, plain, shown, streamed};
use super::*;
use crate::flow::{Close, FlowKind, Op};
use crate::responses::Turn;
use crate::tap::{Direction, Failure, Phase, Side};

fn delta(text: &str) -> String {
    format!(r#"{{"type":"response.output_text.delta","delta":"{text}"}}"#)
}

#[test]
fn events_have_rows_and_deltas_share_one() {
    let flow = streamed(&TURN);
    let document = timeline(&flow, &[], &Folds::default());
    let text = plain(&document);
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows.len(), TURN.len() - 2, "{text}");
    assert!(
        rows[0].starts_with("    0.100  +0.100 ← event      11"),
        "{text}"
    );
    assert!(
        rows[0].contains(" B response.created gpt-y · resp_1"),
        "{text}"
    );
    assert!(rows[6].contains("← 3 ×     "), "{text}");
    assert!(
        rows[6].ends_with("response.output_text.delta in 20 ms"),
        "{text}"
    );
    assert!(
        rows[7].starts_with("    0.190  +0.010 "),
        "counted from the burst's last frame: {text}"
    );
    assert!(
        rows[8].ends_with("response.output_item.done function_call exec_command"),
        "{text}"
    );
    assert_eq!(document.lines[7].frame, Some(9));

    let mut folds = Folds::default();
    folds.toggle("burst/6");
    let open = plain(&timeline(&flow, &[], &folds));
    assert_eq!(open.lines().count(), TURN.len() + 1);
    assert!(
        open.contains("response.output_text.delta “look␛[2J”"),
        "{open}"
    );
}

#[test]
fn control_frames_silence_and_faults_are_told() {
    let mut ws = flow(FlowKind::Ws, "/v1/responses");
    frame(&mut ws, 5, Direction::In, Op::Ping, "hb");
    frame(&mut ws, 2_500, Direction::Out, Op::Pong, "hb");
    frame(&mut ws, 2_600, Direction::In, Op::Binary, "\x1b\x01");
    ws.frames[2].fault = Some("not expected".into());
    frame(
        &mut ws,
        2_700,
        Direction::In,
        Op::Close(Some(1011)),
        "out of\x1bspirits",
    );
    let document = timeline(&ws, &[], &Folds::default());
    assert_eq!(
        plain(&document),
        "    0.005  +0.005 ← ping         4 B “hb”
          ┆ 2.49 s of silence
    2.500  +2.495 → pong         4 B “hb”
    2.600  +0.100 ← bin          4 B ✗ not expected \n\
    \x20   2.700  +0.100 ← close       16 B 1011 out of␛spirits
"
    );
    let roles = shown(&document);
    assert!(roles.contains("frame.close:close   |"), "{roles}");
    assert!(roles.contains("status.error:✗ not expected "), "{roles}");
}

#[test]
fn turns_are_merged_into_their_connection() {
    let mut ws = flow(FlowKind::Ws, "/v1/responses");
    frame(
        &mut ws,
        1,
        Direction::In,
        Op::Text,
        r#"{"type":"codex.rate_limits","rate_limits":{}}"#,
    );
    frame(&mut ws, 900, Direction::In, Op::Close(None), "");
    let kind = FlowKind::WsTurn {
        connection: ws.id,
        number: 1,
    };
    let mut turn = flow(kind, "/v1/responses");
    turn.id = FlowId(7);
    turn.turn = Some(Turn::default());
    frame(
        &mut turn,
        10,
        Direction::Out,
        Op::Text,
        r#"{"type":"response.create","model":"gpt-x","input":[]}"#,
    );
    for ms in 20..30 {
        frame(&mut turn, ms, Direction::In, Op::Text, &delta("x"));
    }
    let mut document = timeline(&ws, &[&turn], &Folds::default());
    assert_eq!(document.lines.len(), 6);
    assert!(plain(&document).contains("── turn 1 gpt-x in progress\n"));
    let fold = document.lines[3].fold.take().map(|fold| fold.key);
    assert_eq!(fold.as_deref(), Some("burst/7/1"));
    assert_eq!(
        (document.lines[3].flow, document.lines[3].frame),
        (Some(FlowId(7)), Some(1))
    );
    assert_eq!(
        (document.lines[5].flow, document.lines[5].frame),
        (None, Some(1))
    );
    // The turn alone counts from its own start.
    assert_eq!(timeline(&turn, &[], &Folds::default()).lines[1].flow, None);
}

#[test]
fn an_empty_timeline_says_why() {
    let mut flow = flow(FlowKind::Http, "/v1/models");
    assert_eq!(
        plain(&timeline(&flow, &[], &Folds::default())),
        "waiting for the response\n"
    );
    flow.ended = Some(at(9));
    let text = plain(&timeline(&flow, &[], &Folds::default()));
    assert_eq!(text, "A plain exchange: no frames and no events.\n");
}

/// The flow as it was when it had only its first `count` frames.
fn cut(flow: &Flow, count: usize) -> Flow {
    let mut flow = flow.clone();
    flow.frames.truncate(count);
    flow.revision = count as u64;
    flow
}

#[test]
fn what_grows_is_what_it_would_be_at_once() {
    let mut ws = flow(FlowKind::Ws, "/v1/responses");
    let mut turns = Vec::new();
    for number in 1..3 {
        let kind = FlowKind::WsTurn {
            connection: ws.id,
            number,
        };
        let mut turn = flow(kind, "/v1/responses");
        turn.id = FlowId(number);
        turn.turn = Some(Turn::default());
        let start = u64::from(number) * 10_000;
        frame(&mut ws, start + 35, Direction::In, Op::Ping, "hb");
        for step in 0..60 {
            let text = match step {
                0 | 7 | 8 | 30 => r#"{"type":"response.created","response":{}}"#.to_owned(),
                _ => delta("x"),
            };
            let pause = if step > 40 { 1_500 } else { 0 };
            frame(
                &mut turn,
                start + step * 10 + pause,
                Direction::In,
                Op::Text,
                &text,
            );
        }
        turns.push(turn);
    }
    let mut folds = Folds::default();
    folds.toggle("burst/1/9");
    for order in [[0, 1, 2], [2, 1, 0]] {
        let mut counts = [0; 3];
        let mut kept = Timeline::default();
        let mut document = Document::default();
        let mut reused = 0;
        for of in order {
            let total = if of == 0 { 2 } else { 60 };
            for count in 1..=total {
                counts[of] = count;
                let ws = cut(&ws, counts[0]);
                let turns = [cut(&turns[0], counts[1]), cut(&turns[1], counts[2])];
                let turns = [&turns[0], &turns[1]];
                let before = document.clone();
                let same = kept.update(&mut document, &ws, &turns, 0, &folds, &|_, _| true);
                assert_eq!(document, timeline(&ws, &turns, &folds), "{of} {count}");
                assert_eq!(document.lines[..same], before.lines[..same]);
                reused += same;
            }
        }
        assert!(reused > 1_000, "{reused}");
    }
}

#[test]
fn sizes_that_inflate_have_a_column_of_their_own() {
    let mut ws = flow(FlowKind::Ws, "/v1/responses");
    frame(&mut ws, 5, Direction::In, Op::Text, "one");
    let mut kept = Timeline::default();
    let mut document = Document::default();
    kept.update(&mut document, &ws, &[], 0, &Folds::default(), &|_, _| true);
    assert!(plain(&document).contains(" B “one”"));
    frame(&mut ws, 6, Direction::In, Op::Text, "two");
    ws.frames[1].len = 2_048;
    kept.update(&mut document, &ws, &[], 0, &Folds::default(), &|_, _| true);
    let text = plain(&document);
    assert!(
        text.contains(" B            “one”") && text.contains(" (2.0 K"),
        "{text}"
    );
}

#[test]
fn bursts_open_and_close_where_they_stand() {
    let mut ws = flow(FlowKind::Ws, "/v1/responses");
    let kind = FlowKind::WsTurn {
        connection: ws.id,
        number: 1,
    };
    let mut turn = flow(kind, "/v1/responses");
    turn.id = FlowId(7);
    for step in 0..40 {
        let pause = step / 8 * 2_000;
        frame(
            &mut turn,
            step + pause,
            Direction::In,
            Op::Text,
            &delta("x"),
        );
    }
    for step in 0..5 {
        frame(&mut ws, step * 2_000 + 7, Direction::In, Op::Ping, "hb");
    }
    let (mut kept, mut document) = (Timeline::default(), Document::default());
    let mut folds = Folds::default();
    for key in [
        "burst/7/16",
        "burst/7/0",
        "burst/7/24",
        "burst/7/16",
        "none",
        "burst/7/0",
    ] {
        kept.update(&mut document, &ws, &[&turn], 0, &folds, &|_, _| true);
        let before = document.clone();
        folds.toggle(key);
        let same = kept.update(&mut document, &ws, &[&turn], 0, &folds, &|_, _| true);
        assert_eq!(document, timeline(&ws, &[&turn], &folds), "{key}");
        assert_eq!(document.lines[..same], before.lines[..same]);
        let is_first = key == "burst/7/0";
        assert!(is_first || same > 3, "what is above stays: {key} {same}");
    }
    // What comes then finds its place.
    let more = delta("x");
    frame(&mut turn, 9_000, Direction::In, Op::Text, &more);
    frame(&mut turn, 9_100, Direction::In, Op::Text, &more);
    kept.update(&mut document, &ws, &[&turn], 0, &folds, &|_, _| true);
    assert_eq!(document, timeline(&ws, &[&turn], &folds));
}

#[test]
fn many_frames_come_in_slices() {
    let mut ws = flow(FlowKind::Ws, "/v1/responses");
    for step in 0..2_500 {
        frame(&mut ws, step, Direction::In, Op::Ping, "hb");
    }
    let (mut kept, mut document) = (Timeline::default(), Document::default());
    let mut lengths = Vec::new();
    loop {
        let same = kept.update(&mut document, &ws, &[], 0, &Folds::default(), &|_, _| true);
        assert!(lengths.last().is_none_or(|before| same + 2 >= *before));
        lengths.push(document.lines.len());
        if !kept.is_behind() {
            break;
        }
    }
    let whole: Vec<usize> = (1..=10).map(|slice| slice * SLICE).collect();
    assert_eq!(lengths, whole);
    assert_eq!(document, timeline(&ws, &[], &Folds::default()));
}

#[test]
fn the_axis_tells_how_many_frames_passed_when() {
    let mut ws = flow(FlowKind::Ws, "/v1/responses");
    for ms in [0, 1, 2, 3, 100, 500, 2_900, 3_000] {
        frame(&mut ws, ms, Direction::In, Op::Ping, "hb");
    }
    let (mut kept, mut document) = (Timeline::default(), Document::default());
    let axis = |kept: &Timeline, columns, at| {
        let (line, column) = kept.axis(ws.started, columns, at);
        let text: String = line.spans.iter().map(|span| span.text.as_str()).collect();
        (text, column)
    };
    assert_eq!(axis(&kept, 40, None), (String::new(), None));
    kept.update(&mut document, &ws, &[], 0, &Folds::default(), &|_, _| true);
    let (text, column) = axis(&kept, 40, Some(at(500)));
    assert_eq!(text, "0 ▃▁   ▁┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄▁▁ 3.00 s");
    assert_eq!(column, Some(7));
    assert_eq!(axis(&kept, 40, Some(at(3_000))).1, Some(32));
    assert_eq!(axis(&kept, 5, None).0, "", "no room");
}

#[test]
fn frames_that_are_not_chosen_have_no_rows() {
    let mut ws = flow(FlowKind::Ws, "/v1/responses");
    for step in 0..6 {
        let dir = if step % 3 == 0 {
            Direction::Out
        } else {
            Direction::In
        };
        frame(&mut ws, step, dir, Op::Text, &delta("x"));
    }
    let (mut kept, mut document) = (Timeline::default(), Document::default());
    let folds = Folds::default();
    let is_out = |_: &Flow, frame: &crate::flow::Frame| frame.dir == Direction::Out;
    kept.update(&mut document, &ws, &[], 0, &folds, &is_out);
    assert_eq!(plain(&document).matches('→').count(), 2);
    assert_eq!((document.lines.len(), kept.chosen()), (2, (6, 2)));
    frame(&mut ws, 9, Direction::Out, Op::Text, "more");
    kept.update(&mut document, &ws, &[], 0, &folds, &is_out);
    assert_eq!(document, Timeline::whole(&ws, &[], 0, &folds, &is_out));
    assert_eq!(document.lines.len(), 3);
    let document = Timeline::whole(&ws, &[], 0, &folds, &|_, _| false);
    assert_eq!(
        plain(&document),
        "none of 7 frames passes the filter: & changes it\n"
    );
}

#[test]
fn an_end_without_a_close_frame_has_a_row_of_its_own() {
    let mut ws = answered(flow(FlowKind::Ws, "/v1/responses"), 101, "text/plain");
    frame(&mut ws, 5, Direction::In, Op::Ping, "hb");
    let rows = |ws: &Flow| plain(&super::timeline(ws, &[], &Folds::default()));
    assert_eq!(rows(&ws).lines().count(), 1, "it is open");
    let (mut timeline, mut document) = (Timeline::default(), Document::default());
    let mut update = |ws: &Flow| {
        timeline.update(&mut document, ws, &[], 0, &Folds::default(), &|_, _| true);
        assert_eq!(document, super::timeline(ws, &[], &Folds::default()));
        document.lines.last().and_then(|line| line.frame)
    };
    assert_eq!(update(&ws), Some(0));
    ws.ended = Some(at(400));
    let fin = |dir| {
        Some(Close {
            code: None,
            reason: String::new(),
            dir,
            is_framed: false,
        })
    };
    for (dir, sign, who) in [
        (Direction::In, "←", "upstream"),
        (Direction::Out, "→", "Codex"),
    ] {
        ws.close = fin(dir);
        let end = format!(
            "    0.400  +0.395 {sign} ⏻                ended without close · {who} FIN · 1006"
        );
        assert_eq!(rows(&ws).lines().last(), Some(end.as_str()));
        let is_close = |_: &Flow, frame: &Frame| frame.op == Op::Close(Some(1006));
        let chosen = Timeline::whole(&ws, &[], 0, &Folds::default(), &is_close);
        assert_eq!(plain(&chosen).lines().count(), 1);
    }
    assert_eq!(update(&ws), Some(1), "it can be selected");
    // A close frame that was not relayed is codextap's own.
    ws.close = Some(Close {
        code: Some(1001),
        reason: crate::tap::GOING_AWAY.to_owned(),
        dir: Direction::Out,
        is_framed: true,
    });
    assert!(rows(&ws).contains(" closed · codextap ended · 1001"));
    ws.close = None;
    ws.failures.push(Failure {
        side: Side::Upstream,
        phase: Phase::Relay,
        message: "connection reset".to_owned(),
    });
    assert!(rows(&ws).contains("ended without close · upstream side, open connection"));
    // One that is told by a frame, and one that was refused, have none.
    frame(&mut ws, 390, Direction::In, Op::Close(Some(1000)), "");
    assert_eq!(rows(&ws).lines().count(), 2);
    ws.frames.pop();
    let mut refused = answered(ws, 426, "text/plain");
    refused.ended = Some(at(400));
    assert!(!rows(&refused).contains("ended without close"));
}
