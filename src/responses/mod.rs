//! The vocabulary of the Responses API, and one model response assembled from its events.
//!
//! [`Request`] reads what Codex sends, [`Turn`] assembles what comes back, event by event, whether
//! the events came as server-sent events or as WebSocket messages. Nothing here knows time, sockets
//! or flows: moments are ordinals, the number of an event within its turn, which the caller maps to
//! times. Whatever is unknown is kept verbatim: no event, item or member is dropped.

mod assembly;
mod delta;
mod error;
mod event;
mod failure;
mod identity;
mod item;
mod kind;
mod lenient;
mod lint;
mod merge;
mod outcome;
mod patch;
mod price;
mod request;
mod surroundings;
mod turn;
mod usage;
mod verbatim;

pub use delta::{Delta, Target};
pub use error::ParseError;
pub use event::{Event, event_name};
pub use failure::Failure;
pub use identity::{Agent, Identity};
pub use item::{Item, ItemKind, Part, ToolCall, ToolKind, ToolOutput};
pub use kind::EventKind;
pub use outcome::{End, Outcome};
pub use patch::{Change, Patch, PatchedFile};
pub use price::{Bill, Confidence, Cost, Day, Dollars, Prices, PricesError, is_as_asked};
pub use request::{Request, Tool};
pub use turn::{Status, Turn};
pub use usage::Usage;
pub use verbatim::{elements, member, text};
