//! The copy point: what the proxy forwards, told to the rest of the program.
//!
//! Bytes are forwarded first; the tap then sends reference-counted copies of them, with the time,
//! the direction and the client's address, as [`Event`]s into a channel with a byte budget
//! ([`channel()`]). It parses nothing and never fails a request. The one thing that it does before bytes go
//! to the client is to put them into a file in memory, where there is a [`Tail`].
//!
//! The proxy opens an [`Exchange`] for each request and gives each direction its [`Lane`]: held by
//! what forwards a body or relays an upgraded connection.

mod backlog;
mod channel;
mod clock;
mod event;
mod exchange;
mod head;
mod lane;
mod mask;
mod multipart;
mod names;
mod partial;
mod secret;
mod shape;
mod tail;
mod url;

pub use backlog::Backlog;
pub use channel::{Limits, Receiver, Tap, channel};
pub use clock::{At, Clock};
pub use event::{
    CLOSED, CUT, CUT_INSIDE, Connection, Direction, End, Event, ExchangeId, Failure, GOING_AWAY,
    KILLED, Kind, Phase, Side,
};
pub use exchange::{Exchange, Parties, error_chain};
pub use head::{CHANGED, Field, RequestHead, ResponseHead, Value, field, fields, is_form};
pub use lane::Lane;
pub use partial::Partial;
pub use secret::{Redactor, Secret};
pub use tail::{InFlight, Remains, Tail};
