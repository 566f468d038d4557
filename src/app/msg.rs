//! What goes into [`App::update`](super::App::update), and what comes out of it.

use std::path::PathBuf;
use std::sync::Arc;

use crossterm::event::{KeyEvent, MouseEvent};

use super::dialog::{Form, Preview, Save};
use super::extract::{Extract, Extracted, Viewer};
use super::find::{Hits, TextSearch};
use super::log::LogLine;
use super::search::{Found, Search};
use crate::capture::Piece;
use crate::filter::Filter;
use crate::flow::{Flow, FlowId};
use crate::tap::At;

/// Something that happened to the program.
#[derive(Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse was clicked, moved or its wheel turned.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal now has this many columns and rows.
    Resize(u16, u16),
    /// Time passed.
    Tick(At),
    /// The store was changed through [`App::store_mut`](super::App::store_mut).
    Changed,
    /// A piece of a capture was read, and this much of all captures, in percent.
    Loaded(Box<Piece>, u8),
    /// A capture could not be read, or not further, for this reason.
    LoadFailed(String),
    /// Something is to be said about a capture that is being read, in one line.
    LoadNoted(String),
    /// All captures were read.
    AllLoaded,
    /// The program logged something.
    Logged(LogLine),
    /// What a file begins with was worked out.
    Previewed(Preview),
    /// The names of files that begin with a text.
    Completed(String, Vec<String>),
    /// So many flows of a file are written.
    Written(usize),
    /// An effect was carried out.
    Done(Outcome),
    /// Flows were read back from the capture, or could not be, for this reason.
    Recalled(Vec<(FlowId, Result<Box<Flow>, String>)>),
    /// A search came to its end.
    Found(Found),
    /// The text of a pane was searched.
    Hits(Hits),
    /// A part of a pane's text was taken.
    Extracted(Extracted),
}

/// Something that the loop does for the app.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Write flows to a file.
    Save(Save),
    /// Tell what a file with these flows begins with.
    Preview {
        /// Which question it answers.
        round: u64,
        /// In which form.
        form: Form,
        /// The first of the flows.
        flows: Vec<FlowId>,
    },
    /// Tell which names of files begin so.
    Complete(String),
    /// Write flows to a JSONL file as they end.
    Stream {
        /// The file, as the user named it.
        path: PathBuf,
        /// Which of them; `None` for all.
        filter: Option<Arc<Filter>>,
    },
    /// Write them to the capture alone again.
    EndStream,
    /// Read flows back from the capture that are no longer in memory as a whole.
    Read(Vec<FlowId>),
    /// Have the filter look at flows that are no longer in memory as a whole.
    Search(Search),
    /// Search the text of a pane.
    SearchText(TextSearch),
    /// Take a part of a pane's text.
    Extract(Extract),
    /// Put text into the clipboard.
    Copy(String),
    /// Draw with the theme of this name.
    Theme(String),
    /// Give the terminal to a program that shows a text, until it is left.
    View {
        /// Which one.
        viewer: Viewer,
        /// The text, safe to be shown.
        text: String,
    },
    /// Set the terminal's title.
    Title(String),
    /// Give the terminal back to the shell until the program is continued.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// End the program.
    Quit,
}

/// How an effect went; becomes a toast.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Flows were saved.
    Saved {
        /// Where.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// There is a file of that name.
    Exists {
        /// The file, as the user named it.
        path: PathBuf,
    },
    /// Flows could not be saved.
    SaveFailed {
        /// Where they should have gone.
        path: PathBuf,
        /// Why not, in one line.
        error: String,
    },
    /// From now on flows are written to a file as they end.
    Streaming {
        /// Where.
        path: PathBuf,
    },
    /// They no longer are.
    Streamed {
        /// Where they were written.
        path: PathBuf,
        /// How many.
        count: u64,
    },
    /// The file could not be begun, or flows are missing from it.
    StreamFailed {
        /// The file.
        path: PathBuf,
        /// Why, in one line.
        error: String,
    },
    /// Text was sent to the terminal for its clipboard. Whether that takes it, no terminal tells (OSC 52).
    Copied {
        /// How many characters.
        chars: usize,
        /// How many bytes, if that is more than some terminals take.
        most: Option<usize>,
    },
    /// The theme cannot be used.
    ThemeFailed {
        /// Why not, in one line.
        error: String,
    },
    /// Text could not be put into the clipboard.
    CopyFailed {
        /// Why not, in one line.
        error: String,
    },
}
