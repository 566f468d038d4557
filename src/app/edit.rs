//! A line of text that is typed, with the edits of a shell.

use std::ops::Range;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, InputRequest};

/// The text, and where the cursor is in it.
#[derive(Clone, Default, Debug)]
pub struct Edit {
    input: Input,
    /// Whether the whole text is selected, so that what is typed first replaces it.
    is_selected: bool,
}

impl Edit {
    /// A text to begin with, the cursor behind it.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self {
            input: Input::new(text),
            is_selected: false,
        }
    }

    /// The same, with the whole text selected: what is typed or pasted first replaces it, as in the dialogs of
    /// desktops, and a key that moves keeps it.
    pub(super) fn selected(text: String) -> Self {
        Self {
            is_selected: true,
            ..Self::new(text)
        }
    }

    /// Whether the whole text is selected.
    #[must_use]
    pub fn is_selected(&self) -> bool {
        self.is_selected
    }

    /// What was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// How many bytes of the text are before the cursor.
    #[must_use]
    pub fn cursor(&self) -> usize {
        let text = self.text();
        let mut starts = text.char_indices().map(|(at, _)| at);
        starts.nth(self.input.cursor()).unwrap_or(text.len())
    }

    /// The text with another part in place of these bytes, the cursor behind it.
    pub(super) fn replaced(&self, span: Range<usize>, part: &str) -> Self {
        let text = self.text();
        let (before, after) = (text.get(..span.start), text.get(span.end..));
        let (Some(before), Some(after)) = (before, after) else {
            return self.clone();
        };
        let cursor = before.chars().count() + part.chars().count();
        let whole = format!("{before}{part}{after}");
        Self {
            input: Input::new(whole).with_cursor(cursor),
            is_selected: false,
        }
    }

    /// Takes a key, if it is one that edits. Says whether it was; a text of [`MAX_TEXT`] bytes takes
    /// no more.
    pub(super) fn key(&mut self, key: KeyEvent) -> bool {
        let Some(request) = request(key) else {
            return false;
        };
        let is_insert = matches!(request, InputRequest::InsertChar(_));
        self.replace_selected(is_insert);
        if !is_insert || self.text().len() < MAX_TEXT {
            self.input.handle(request);
        }
        true
    }

    /// Takes pasted text, as much as fits; line breaks and other control characters become spaces.
    pub(super) fn paste(&mut self, text: &str) {
        self.replace_selected(true);
        let (before, after) = self.text().split_at(self.cursor());
        let room = MAX_TEXT.saturating_sub(self.text().len());
        let mut ends = (0..=room.min(text.len())).rev();
        let end = ends.find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let pasted = text[..end].trim_end().replace(char::is_control, " ");
        let cursor = self.input.cursor() + pasted.chars().count();
        let whole = format!("{before}{pasted}{after}");
        self.input = Input::new(whole).with_cursor(cursor);
    }

    /// Ends the selection, with the text if something `is_inserted` in its place.
    fn replace_selected(&mut self, is_inserted: bool) {
        if std::mem::take(&mut self.is_selected) && is_inserted {
            self.input = Input::default();
        }
    }
}

/// The edit that a key stands for, as in a shell.
fn request(key: KeyEvent) -> Option<InputRequest> {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    let is_alt = key.modifiers.contains(KeyModifiers::ALT);
    Some(match key.code {
        KeyCode::Char('a') if is_control => InputRequest::GoToStart,
        KeyCode::Char('e') if is_control => InputRequest::GoToEnd,
        KeyCode::Char('b') if is_control => InputRequest::GoToPrevChar,
        KeyCode::Char('f') if is_control => InputRequest::GoToNextChar,
        KeyCode::Char('h') if is_control => InputRequest::DeletePrevChar,
        KeyCode::Char('d') if is_control => InputRequest::DeleteNextChar,
        KeyCode::Char('u') if is_control => InputRequest::DeleteFromStart,
        KeyCode::Char('k') if is_control => InputRequest::DeleteTillEnd,
        KeyCode::Char('w') if is_control => InputRequest::DeletePrevWord,
        KeyCode::Char('y') if is_control => InputRequest::Yank,
        KeyCode::Char('b') if is_alt => InputRequest::GoToPrevWord,
        KeyCode::Char('f') if is_alt => InputRequest::GoToNextWord,
        KeyCode::Char('d') if is_alt => InputRequest::DeleteNextWord,
        KeyCode::Char(char) if !is_control && !is_alt => InputRequest::InsertChar(char),
        KeyCode::Backspace if is_alt => InputRequest::DeletePrevWord,
        KeyCode::Backspace => InputRequest::DeletePrevChar,
        KeyCode::Delete => InputRequest::DeleteNextChar,
        KeyCode::Left if is_control => InputRequest::GoToPrevWord,
        KeyCode::Left => InputRequest::GoToPrevChar,
        KeyCode::Right if is_control => InputRequest::GoToNextWord,
        KeyCode::Right => InputRequest::GoToNextChar,
        KeyCode::Home => InputRequest::GoToStart,
        KeyCode::End => InputRequest::GoToEnd,
        _ => return None,
    })
}

/// The longest text, in bytes, that can be typed or pasted.
const MAX_TEXT: usize = 4 << 10;
