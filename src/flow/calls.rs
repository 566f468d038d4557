//! Tool calls and their answers, paired across turns by call id.
//!
//! A call stands in the output of one turn, its answer in the input of a later one of the same
//! thread, nearly always the next. Only flows near by that are in memory are looked at, so that
//! this may be asked while a pane is drawn; [`Calls::stamp`] tells whether there are others by now.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Flow, FlowId, Store};
use crate::responses::{ItemKind, Request, ToolCall, ToolOutput, Turn};
use crate::tap::At;

/// What is known in other flows of the calls that a flow makes, and of those that it answers.
#[derive(Clone, Default, Debug)]
pub struct Calls {
    /// By call id: the answers to the flow's calls.
    answers: HashMap<String, Answer>,
    /// By call id: the calls that turns before made.
    made: HashMap<String, Made>,
}

/// The answer to a call.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The flow that brought it.
    pub flow: FlowId,
    /// What the tool said.
    pub output: ToolOutput,
    /// From the call's last byte to the request with the answer.
    pub after: Option<Duration>,
}

/// A call that an earlier turn made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The flow that brought it.
    pub flow: FlowId,
    /// The call.
    pub call: ToolCall,
    /// From the call's last byte to the request that is looked at.
    pub before: Option<Duration>,
}

/// The titles of the calls that a turn made: what goes on on its WebSocket brings their answers, and not the calls.
#[derive(Clone, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Titles(HashMap<String, String>);

impl Titles {
    /// Those of `flow`.
    #[must_use]
    pub fn of(flow: &Flow) -> Self {
        let calls = flow.turn.iter().flat_map(Turn::calls).take(CALLS);
        let titles = calls.filter_map(|call| Some((call.call_id.clone()?, call.title())));
        Self(titles.collect())
    }

    /// The title of the call with this id.
    #[must_use]
    pub fn get(&self, call_id: &str) -> Option<&str> {
        self.0.get(call_id).map(String::as_str)
    }
}

impl Calls {
    /// Looks both ways from `flow`, which is one of the store's.
    #[must_use]
    pub fn of(store: &Store, flow: &Flow) -> Self {
        Self {
            made: Self::made(store, flow).made,
            ..Self::answers(store, flow)
        }
    }

    /// Looks for the calls that `flow` may answer.
    #[must_use]
    pub fn made(store: &Store, flow: &Flow) -> Self {
        let mut calls = Self::default();
        let Some((before, _)) = around(store, flow) else {
            return calls;
        };
        for earlier in neighbours(store, flow, before.iter().rev()) {
            for (call, moment) in whole_calls(earlier) {
                let Some(id) = &call.call_id else { continue };
                calls.made.entry(id.clone()).or_insert_with(|| Made {
                    flow: earlier.id,
                    call: call.clone(),
                    before: moment.map(|moment| flow.started.since(moment)),
                });
            }
        }
        calls
    }

    /// Looks for the answers to the calls of `flow`.
    #[must_use]
    pub fn answers(store: &Store, flow: &Flow) -> Self {
        let mut calls = Self::default();
        let Some((_, after)) = around(store, flow).filter(|_| has_calls(flow)) else {
            return calls;
        };
        for later in neighbours(store, flow, after.iter()) {
            calls.answer(flow, later);
            if !calls.answers.is_empty() {
                break;
            }
        }
        calls
    }

    /// The answer to the call with this id.
    #[must_use]
    pub fn answer_to(&self, call_id: Option<&str>) -> Option<&Answer> {
        self.answers.get(call_id?)
    }

    /// The call with this id, if an earlier turn made it.
    #[must_use]
    pub fn made_before(&self, call_id: Option<&str>) -> Option<&Made> {
        self.made.get(call_id?)
    }

    /// A number that differs once what [`Calls::answers`] finds does: how much has come of the flow that
    /// may answer this one. 0 for a flow without calls.
    #[must_use]
    pub fn stamp(store: &Store, flow: &Flow) -> u64 {
        let Some((_, after)) = around(store, flow).filter(|_| has_calls(flow)) else {
            return 0;
        };
        let next = neighbours(store, flow, after.iter());
        next.map(|later| 1 + later.request.body.bytes().len() as u64)
            .sum()
    }

    /// Takes the answers that `later` brings to the calls of `flow`.
    fn answer(&mut self, flow: &Flow, later: &Flow) {
        let Some(Ok(request)) = later.request_text().map(Request::parse) else {
            return;
        };
        let asked: HashMap<Option<&str>, Option<At>> = whole_calls(flow)
            .map(|(call, moment)| (call.call_id.as_deref(), moment))
            .collect();
        for item in request.input {
            let ItemKind::Output(output) = item.kind else {
                continue;
            };
            let moment = asked.get(&output.call_id.as_deref());
            if let (Some(moment), Some(id)) = (moment, output.call_id.clone()) {
                let after = moment.map(|moment| later.started.since(moment));
                let answer = Answer {
                    flow: later.id,
                    output,
                    after,
                };
                self.answers.insert(id, answer);
            }
        }
    }
}

/// The flow's calls that can be answered, and when each was whole.
fn whole_calls(flow: &Flow) -> impl Iterator<Item = (&ToolCall, Option<At>)> {
    // Gathered once: to look each up by its ordinal would read all frames for each call.
    let events = flow.frames.iter().filter(|frame| frame.ordinal.is_some());
    let moments: Vec<At> = events.map(|frame| frame.at).collect();
    let items = flow.turn.iter().flat_map(|turn| &turn.items);
    items.filter_map(move |item| match &item.kind {
        ItemKind::Call(call) if call.call_id.is_some() => {
            let moment = item.ended.and_then(|at| moments.get(at as usize));
            Some((call, moment.copied()))
        }
        _ => None,
    })
}

/// Whether it makes a call that can be answered.
fn has_calls(flow: &Flow) -> bool {
    let mut calls = flow.turn.iter().flat_map(Turn::calls);
    calls.any(|call| call.call_id.is_some())
}

/// The rows before and after the flow's, as many as are looked at.
fn around<'a>(store: &'a Store, flow: &Flow) -> Option<(&'a [FlowId], &'a [FlowId])> {
    let rows = store.rows();
    let row = rows.iter().rposition(|id| *id == flow.id)?;
    let before = rows.get(row.saturating_sub(ROWS)..row)?;
    let after = rows.get(row + 1..rows.len().min(row + 1 + ROWS))?;
    Some((before, after))
}

/// The model requests of the flow's thread among `rows`, as far as they are in memory.
fn neighbours<'a>(
    store: &'a Store,
    flow: &'a Flow,
    rows: impl Iterator<Item = &'a FlowId>,
) -> impl Iterator<Item = &'a Flow> {
    let flows = rows.filter_map(|id| store.get(*id));
    let is_near =
        |other: &&Flow| other.turn.is_some() && other.identity.thread == flow.identity.thread;
    flows.filter(is_near).take(TURNS)
}

/// Calls of a turn whose titles are kept.
const CALLS: usize = 64;

/// Rows of the list on either side that are looked at.
const ROWS: usize = 200;

/// Turns of the thread among them.
const TURNS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{FlowKind, Frame, Op};
    use crate::tap::{Direction, RequestHead};

    /// A turn of `thread` from `ms` on, with this request and these events, one each 10 ms.
    fn turn(thread: &str, ms: u64, request: &str, events: &[&str]) -> Flow {
        let at = |ms: u64| At::from_micros(1_000_000 + ms * 1000);
        let mut flow = Flow::new(String::new(), String::new(), "".into(), at(ms));
        flow.kind = FlowKind::Http;
        flow.request.head = Some(RequestHead {
            method: "POST".into(),
            target: "/v1/responses".into(),
            version: http::Version::HTTP_11,
            fields: Vec::new(),
        });
        flow.request.body.push(request.as_bytes());
        flow.read_heads();
        flow.read_request();
        flow.identity.thread = Some(thread.to_owned());
        for (number, event) in events.iter().enumerate() {
            let span = flow.response.body.push(event.as_bytes());
            flow.frames.push(Frame {
                at: at(ms + 10 * (number as u64 + 1)),
                dir: Direction::In,
                op: Op::Text,
                wire: 0,
                len: 0,
                span,
                is_compressed: false,
                is_final: true,
                event: None,
                ordinal: None,
                fault: None,
            });
            flow.read_event(number, event);
        }
        flow
    }

    const CALL: &str = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"}}"#;
    const ANSWER: &str = r#"{"input":[{"type":"function_call_output","call_id":"c1","output":"Process exited with code 0\nOutput:\nhi"}]}"#;

    #[test]
    fn calls_and_answers_meet_within_their_thread() {
        let mut store = Store::default();
        let asked = store.push(turn("t", 0, "{}", &[CALL]));
        let other = store.push(turn("u", 300, ANSWER, &[]));
        let before = Calls::stamp(&store, store.get(asked).unwrap());
        let answered = store.push(turn("t", 510, ANSWER, &[]));

        let flow = store.get(asked).unwrap();
        assert_ne!(Calls::stamp(&store, flow), before);
        let calls = Calls::of(&store, flow);
        let answer = calls.answer_to(Some("c1")).unwrap();
        assert_eq!(answer.flow, answered);
        assert_eq!(answer.output.outcome().body, "hi");
        assert_eq!(answer.after, Some(Duration::from_millis(500)));
        assert!(calls.made_before(Some("c1")).is_none());

        let calls = Calls::of(&store, store.get(answered).unwrap());
        let made = calls.made_before(Some("c1")).unwrap();
        assert_eq!((made.flow, made.call.name.as_str()), (asked, "f"));
        assert_eq!(made.before, Some(Duration::from_millis(500)));

        let calls = Calls::of(&store, store.get(other).unwrap());
        assert!(calls.made_before(Some("c1")).is_none());
    }

    #[test]
    fn an_id_that_no_other_flow_has_pairs_with_nothing() {
        let mut store = Store::default();
        let id = store.push(turn("t", 0, "{}", &[CALL]));
        store.push(turn("t", 100, "{}", &[]));
        let calls = Calls::of(&store, store.get(id).unwrap());
        assert!(calls.answer_to(Some("c1")).is_none());
        assert!(calls.answer_to(None).is_none());
        let lone = turn("t", 0, "{}", &[]);
        assert_eq!(Calls::stamp(&store, &lone), 0);
    }
}
