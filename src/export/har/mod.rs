//! HAR 1.2, the archive of browsers' developer tools, with WebSocket messages and events as Chrome has them.
//!
//! An exchange is one entry. A WebSocket connection is one entry, too, with the messages of all its turns, so a
//! connection's turns must follow it.

mod read;
mod shape;
mod write;

pub use read::{is_archive, read};
pub use write::Har;
