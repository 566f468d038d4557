//! Text on its way to the terminal: made safe, measured and wrapped.
//!
//! [`Clean`] is the gate that all foreign text passes; widths are columns of a terminal's grid,
//! counted by grapheme cluster (UAX #29), the unit in which cells are drawn; [`Wrap`] breaks a line into rows;
//! [`count()`] groups digits. Nothing here knows what the text means or how it is styled.

mod count;
mod nearest;
mod sanitize;
mod width;
mod wrap;

pub use count::{count, counted};
pub use nearest::nearest;
pub use sanitize::Clean;
pub use width::{pad, pad_start, truncate, truncate_middle, width};
pub use wrap::{Row, Wrap};
