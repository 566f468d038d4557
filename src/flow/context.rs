//! What a turn says of its place in a conversation and of its price, small enough to stay in memory.

use super::{Channel, Flow};
use crate::responses::{Request, is_as_asked};

/// What a request for a model response, and the response, tell besides what the list shows.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Context {
    /// Codex's working directory.
    pub cwd: Option<Box<str>>,
    /// What the user wrote first, of what this request holds.
    pub title: Option<Box<str>>,
    /// `previous_response_id`: the response that the request continues.
    pub previous: Option<Box<str>>,
    /// The response's id.
    pub response: Option<Box<str>>,
    /// The model that answered, where it is not the one asked for or a snapshot of it.
    pub served: Option<Box<str>>,
    /// The reasoning effort asked for.
    pub effort: Option<Box<str>>,
    /// The service tier: the one used, else the one asked for.
    pub tier: Option<Box<str>>,
}

impl Context {
    /// What the request tells.
    pub(super) fn of(request: &Request) -> Self {
        let boxed = |text: &Option<String>| text.as_deref().map(Into::into);
        Self {
            cwd: request.cwd().map(Into::into),
            title: request.title().map(Into::into),
            previous: boxed(&request.previous_response_id),
            effort: boxed(&request.effort),
            tier: boxed(&request.service_tier),
            ..Self::default()
        }
    }
}

impl Flow {
    /// What is told so far; `None` of a flow that asks for no model response.
    #[must_use]
    pub fn context(&self) -> Option<Context> {
        if self.turn.is_none() && self.channel != Channel::Compact {
            return None;
        }
        let mut context = self.asked.clone();
        if let Some(turn) = &self.turn {
            let served = turn.model.as_deref();
            let asked = self.model.as_deref();
            let served =
                served.filter(|served| !asked.is_some_and(|asked| is_as_asked(served, asked)));
            context.served = served.map(Into::into);
            context.response = turn.response_id.as_deref().map(Into::into);
            if let Some(tier) = &turn.service_tier {
                context.tier = Some(tier.as_str().into());
            }
        }
        Some(context)
    }
}
