//! Leaving the program: what that would cost is asked about first.

use super::{App, Effect, Question};

/// What leaving the program would cost.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stake {
    /// So many streams are live; Codex would lose them.
    Streams(usize),
    /// So many children run, and go on being recorded.
    Children(usize),
    /// So many comments are in no file; they would be lost.
    Comments(usize),
}

impl App {
    /// What leaving the program would cost now.
    #[must_use]
    pub fn stakes(&self) -> Vec<Stake> {
        let is_proxy = self.options.is_proxy;
        let traffic = match (self.status.children, self.list.totals().live) {
            (0, 0) => None,
            // The proxy outlives the screen for them.
            (0, live) => Some(Stake::Streams(live)),
            (children, _) => Some(Stake::Children(children)),
        };
        let comments = match self.unwritten_comments() {
            0 => None,
            count => Some(Stake::Comments(count)),
        };
        let traffic = traffic.filter(|_| is_proxy);
        traffic.into_iter().chain(comments).collect()
    }

    /// Quits, or asks first if that costs something.
    pub(super) fn quit(&mut self) -> Vec<Effect> {
        if self.stakes().is_empty() {
            return vec![Effect::Quit];
        }
        self.ask(Question::Quit);
        Vec::new()
    }
}
