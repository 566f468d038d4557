//! Going to another flow by what it is: the next error, turn, tool call, turn with reasoning, or turn of
//! another agent.

use super::App;
use super::focus::Pane;
use crate::content::Tab;
use crate::flow::{Flow, FlowKind, Store, Summary};
use crate::responses::ItemKind;

impl App {
    /// Moves to another model turn.
    pub(super) fn seek_turn(&mut self, times: usize, is_forward: bool) {
        self.seek(times, is_forward, "turn", is_turn);
    }

    /// Moves to another flow that failed, and shows what came back: there, the error comes first.
    pub(super) fn seek_error(&mut self, times: usize, is_forward: bool) {
        if self.seek(times, is_forward, "error", Summary::is_error) {
            self.tab = Tab::Response;
        }
    }

    /// Moves to another turn that called a tool, and shows what came back: there, the calls are.
    pub(super) fn seek_call(&mut self, times: usize, is_forward: bool) {
        if self.seek(times, is_forward, "tool call", |flow| flow.calls > 0) {
            self.tab = Tab::Response;
        }
    }

    /// Moves to another turn with reasoning, and shows that.
    pub(super) fn seek_reasoning(&mut self, times: usize, is_forward: bool) {
        let store = &self.store;
        let is_wanted = |flow: &Summary| has_reasoning(flow, store);
        let is_found = self.list.seek(times, is_forward, store, is_wanted);
        if !self.say_if_none(is_found, is_forward, "reasoning") {
            return;
        }
        self.wish.detail = Pane::Reasoning;
        if self.focus().is_detail() {
            self.focus_on(Pane::Reasoning);
        }
    }

    /// Moves to where another agent takes over: to the next turn that is not of the same thread and
    /// agent.
    pub(super) fn seek_agent(&mut self, times: usize, is_forward: bool) {
        for _ in 0..times {
            let selected = self.list.selected();
            let Some(here) = selected.and_then(|id| self.store.summary(id)) else {
                return;
            };
            let here = here.identity.clone();
            let is_other = |flow: &Summary| {
                let there = &flow.identity;
                is_turn(flow) && (&there.thread, &there.agent) != (&here.thread, &here.agent)
            };
            if !self.seek(1, is_forward, "agent", is_other) {
                return;
            }
        }
    }

    /// Moves to another flow that is `wanted`; says so if there is none.
    fn seek(
        &mut self,
        times: usize,
        is_forward: bool,
        what: &str,
        wanted: impl Fn(&Summary) -> bool,
    ) -> bool {
        let is_found = self.list.seek(times, is_forward, &self.store, wanted);
        self.say_if_none(is_found, is_forward, what)
    }

    /// Says so if there is none.
    fn say_if_none(&mut self, is_found: bool, is_forward: bool, what: &str) -> bool {
        if !is_found {
            let which = if is_forward { "next" } else { "previous" };
            self.note(format!("no {which} {what}"));
        }
        is_found
    }
}

/// Whether a flow is a model turn.
fn is_turn(flow: &Summary) -> bool {
    !flow.channel.is_side() && flow.kind != FlowKind::Ws
}

/// Whether a turn has reasoning: what is paid for is known of all, the rest of those in memory.
fn has_reasoning(flow: &Summary, store: &Store) -> bool {
    let is_reasoning = |flow: &Flow| {
        let mut items = flow.turn.iter().flat_map(|turn| &turn.items);
        items.any(|item| matches!(item.kind, ItemKind::Reasoning { .. }))
    };
    flow.usage.is_some_and(|usage| usage.reasoning > 0)
        || flow.turn.is_some() && store.get(flow.id).is_some_and(is_reasoning)
}
