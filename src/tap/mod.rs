//! The copy point: what the proxy forwards, told to the rest of the program.
//!
//! Bytes are forwarded first; the tap then sends reference-counted copies of them, with the time,
//! the direction and the client's address, as [`Event`]s into a channel with a byte budget. It
//! parses nothing and never fails a request.

mod clock;
mod event;
mod head;
mod mask;
mod secret;

pub use clock::{At, Clock};
pub use event::{Direction, End, Event, ExchangeId, Failure, Kind, Phase, Side};
pub use head::{Field, RequestHead, ResponseHead, Value, field, fields};
pub use secret::{Redactor, SECRET_MEMBERS, Secret};
