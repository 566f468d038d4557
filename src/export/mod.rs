//! Flows in the forms of other tools, and back: HAR, Markdown, curl, OpenTelemetry.
//!
//! Everything here is pure: a flow goes in, text comes out, piece by piece, so that a capture of any size
//! passes through bounded memory. Reading and writing files is the caller's. What a flow holds was masked
//! where it entered the program; [`mask()`] does so for captures that were recorded without.

/// Appends formatted text to a string.
macro_rules! put {
    ($out:expr, $($text:tt)*) => {{
        use std::fmt::Write as _;
        // Writing to a string cannot fail.
        let _ = write!($out, $($text)*);
    }};
}

mod curl;
mod har;
mod markdown;
mod mask;
mod otlp;
mod report;
mod time;

pub use curl::Curl;
pub use har::{Har, is_archive, read as read_archive};
pub use markdown::{Digest, Markdown};
pub use mask::{mask, mask_asked};
pub use otlp::Otlp;
pub use report::{Lost, Statistics};

use crate::flow::Flow;

/// A form that flows are written in, one after another.
pub trait Format {
    /// Adds the text before the first flow.
    fn begin(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }

    /// Adds a flow. They come in the order of the list: the turns of a connection right behind it.
    fn push(&mut self, flow: Flow, out: &mut Vec<u8>);

    /// Adds the text behind the last flow.
    fn end(&mut self, out: &mut Vec<u8>) {
        let _ = out;
    }
}
