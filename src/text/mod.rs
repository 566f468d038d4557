//! Text on its way to the terminal: made safe, measured and wrapped.

mod sanitize;

pub use sanitize::Clean;
