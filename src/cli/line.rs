//! A finished flow in one line, as `record` and `open` print it where there is no screen.

use std::fmt;

use crate::content::format;
use crate::flow::{FlowKind, State, Summary};
use crate::text::Clean;

/// Prints a flow in one line, free of control characters.
pub(super) struct FlowLine<'a>(pub(super) &'a Summary);

impl fmt::Display for FlowLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flow = self.0;
        let mark = match flow.state {
            State::Complete => "ok  ",
            State::Partial => "part",
            State::Failed => "FAIL",
            State::Waiting | State::Streaming => "live",
        };
        write!(
            f,
            "{} {mark} {:<4}",
            format::clock(flow.started),
            flow.transport.as_str()
        )?;
        match flow.status {
            Some(status) => write!(f, " {status:>3}")?,
            None => write!(f, "   -")?,
        }
        write!(
            f,
            " {:>8}",
            flow.duration().map_or_else(String::new, format::duration)
        )?;
        if let Some(agent) = flow.agent().name() {
            write!(f, " {}", Clean::new(agent))?;
        }
        if let Some(model) = &flow.model {
            write!(f, " {}", Clean::new(model))?;
        }
        if let Some(usage) = flow.usage {
            write!(
                f,
                " {}/{}/{}",
                format::tokens(usage.input),
                format::tokens(usage.cached),
                format::tokens(usage.output)
            )?;
        }
        match flow.kind {
            FlowKind::Ws => write!(f, " connection {}", Clean::new(&flow.path))?,
            FlowKind::Http | FlowKind::WsTurn { .. } => write!(f, " {}", Clean::new(&flow.gist))?,
        }
        if let Some(failure) = &flow.failure {
            write!(f, " ({})", Clean::new(failure))?;
        }
        if flow.is_recovered {
            write!(f, " (recovered)")?;
        }
        Ok(())
    }
}
