//! Code in colours: one line at a time, only lines that are on the screen.
//!
//! Reading a line takes longer than a frame may, and loading grammars longer still: a thread does both, the line
//! that was wanted last first. Until it has, a line is plain, or has the colours of the one that it has grown out
//! of. What a line looks like depends on its text and language alone, so lines are remembered: a frame costs a
//! look-up per visible line. A comment or string that spans lines is not recognised beyond its first line; that
//! is the price for not reading the lines above.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use syntect::parsing::{ParseState, Scope, ScopeStack, SyntaxSet};

use super::theme::Ui;

/// Colours lines of code.
#[derive(Clone, Default)]
pub(super) struct Highlighter {
    shared: Arc<Shared>,
    /// To the thread, once there is one. It ends with the last of these.
    wanted: RefCell<Option<SyncSender<Text>>>,
    /// Reads every line when it is drawn, if the grammars are here.
    grammars: Option<Arc<SyntaxSet>>,
}

/// What the thread shares with frames.
#[derive(Default)]
struct Shared {
    known: Mutex<Known>,
}

/// A line of code: its language and its text.
type Text = (String, String);

/// Which bytes of a line are what.
type Pieces = Arc<[(Range<usize>, Ui)]>;

/// Called when lines have got their colours.
type Tell = Arc<dyn Fn() + Send + Sync>;

impl Highlighter {
    /// Which bytes of `text` are what in the language `code`, as far as that is known; nothing for a
    /// language that is not known.
    pub(super) fn line(&self, code: &str, text: &str) -> Pieces {
        if text.len() > MAX_LINE {
            return Arc::default();
        }
        let mut known = self.shared.lock();
        match known.look(code, text) {
            Some(Look::Read(pieces)) => return pieces,
            Some(Look::Wanted) => {}
            None => {
                let line = (code.to_owned(), text.to_owned());
                if let Some(grammars) = &self.grammars {
                    let pieces: Pieces = parse(grammars, code, text).into();
                    known.keep(line, Look::Read(Arc::clone(&pieces)));
                    return pieces;
                }
                // What finds no room in the queue is wanted again with the next frame.
                if self.want(line.clone()) {
                    known.keep(line, Look::Wanted);
                }
            }
        }
        known.grown(code, text)
    }

    /// Has `tell` called, by another thread, when there are colours for lines that were drawn without.
    pub(super) fn tell(&self, tell: impl Fn() + Send + Sync + 'static) {
        self.shared.lock().tell = Some(Arc::new(tell));
    }

    /// Loads the grammars at once, and from now on reads lines as they are drawn.
    pub(super) fn load(&mut self) {
        self.grammars = Some(Arc::new(SyntaxSet::load_defaults_newlines()));
    }

    /// Has the thread read a line. Says whether there was room for it.
    fn want(&self, line: Text) -> bool {
        let mut wanted = self.wanted.borrow_mut();
        if wanted.is_none() {
            let (send, lines) = sync_channel(MOST_WANTED);
            let shared = Arc::clone(&self.shared);
            let builder = thread::Builder::new().name("code".to_owned());
            // Without a thread to spare, code stays plain until there is one.
            if builder.spawn(move || read(&lines, &shared)).is_ok() {
                *wanted = Some(send);
            }
        }
        let sent = wanted.as_ref().map(|wanted| wanted.try_send(line));
        matches!(sent, Some(Ok(())))
    }
}

impl std::fmt::Debug for Highlighter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Highlighter")
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread: reads lines, until nobody can want any more.
fn read(lines: &Receiver<Text>, shared: &Shared) {
    let grammars = SyntaxSet::load_defaults_newlines();
    let mut wanted = Vec::new();
    let mut read = 0;
    while let Some(line) = wanted.pop().or_else(|| lines.recv().ok()) {
        wanted.push(line);
        wanted.extend(lines.try_iter());
        // Those that were wanted first are hardly on the screen any more. If they are, they are wanted again.
        let too_many = wanted.len().saturating_sub(MOST_WANTED);
        for line in wanted.drain(..too_many) {
            shared.lock().forget(&line);
        }
        let Some(line) = wanted.pop() else { return };
        let pieces = parse(&grammars, &line.0, &line.1);
        let mut known = shared.lock();
        known.keep(line, Look::Read(pieces.into()));
        read += 1;
        if (wanted.is_empty() || read % SCREENFUL == 0)
            && let Some(tell) = known.tell.clone()
        {
            drop(known);
            tell();
        }
    }
}

/// What is known of lines.
#[derive(Default)]
struct Known {
    /// Lines that were looked at lately.
    young: Lines,
    /// Lines that were looked at before. Which of them stay is seen when the young ones are many.
    old: Lines,
    /// The lines that were read last, the newest first: one of them may go on growing.
    latest: VecDeque<(Text, Pieces)>,
    tell: Option<Tell>,
}

/// What is known of a line.
#[derive(Clone, PartialEq, Debug)]
enum Look {
    /// It is being read.
    Wanted,
    /// It was.
    Read(Pieces),
}

/// Lines by language and text.
#[derive(Default)]
struct Lines {
    by_code: HashMap<String, HashMap<String, Look>>,
    count: usize,
}

impl Known {
    /// What a line looks like; `None` if it was never wanted.
    fn look(&mut self, code: &str, text: &str) -> Option<Look> {
        if let Some(known) = self.young.get(code, text) {
            return Some(known.clone());
        }
        let known = self.old.get(code, text)?.clone();
        self.keep_young((code.to_owned(), text.to_owned()), known.clone());
        Some(known)
    }

    /// Takes note of what a line looks like.
    fn keep(&mut self, line: Text, look: Look) {
        if let Look::Read(pieces) = &look
            && !pieces.is_empty()
        {
            self.latest.truncate(LATEST - 1);
            self.latest.push_front((line.clone(), Arc::clone(pieces)));
        }
        self.keep_young(line, look);
    }

    /// The same without bounds on what is old: that goes at once when the young are many.
    fn keep_young(&mut self, (code, text): Text, look: Look) {
        if self.young.count >= MAX_YOUNG {
            self.old = std::mem::take(&mut self.young);
        }
        let lines = self.young.by_code.entry(code).or_default();
        self.young.count += usize::from(lines.insert(text, look).is_none());
    }

    /// Forgets that a line is wanted.
    fn forget(&mut self, (code, text): &Text) {
        for lines in [&mut self.young, &mut self.old] {
            let gone = lines
                .by_code
                .get_mut(code)
                .and_then(|lines| lines.remove(text));
            lines.count -= usize::from(gone.is_some());
        }
    }

    /// The colours of the line that this one has grown out of, if it did.
    fn grown(&self, code: &str, text: &str) -> Pieces {
        let is_start = |line: &Text| line.0 == code && text.starts_with(&line.1);
        let starts = self.latest.iter().filter(|(line, _)| is_start(line));
        let longest = starts.max_by_key(|(line, _)| line.1.len());
        longest.map_or_else(Arc::default, |(_, pieces)| Arc::clone(pieces))
    }
}

impl Lines {
    fn get(&self, code: &str, text: &str) -> Option<&Look> {
        self.by_code.get(code)?.get(text)
    }
}

/// Reads a line.
fn parse(grammars: &SyntaxSet, code: &str, text: &str) -> Vec<(Range<usize>, Ui)> {
    let Some(grammar) = grammars.find_syntax_by_token(code) else {
        return Vec::new();
    };
    let line = format!("{text}\n");
    let Ok(operations) = ParseState::new(grammar).parse_line(&line, grammars) else {
        return Vec::new();
    };
    let mut pieces = Vec::new();
    let mut stack = ScopeStack::new();
    let mut from = 0;
    for (at, operation) in operations {
        push(&mut pieces, from..at.min(text.len()), &stack);
        from = at;
        if stack.apply(&operation).is_err() {
            return pieces;
        }
    }
    push(&mut pieces, from..text.len(), &stack);
    pieces
}

/// Adds a piece if its scopes have a look of their own.
fn push(pieces: &mut Vec<(Range<usize>, Ui)>, range: Range<usize>, stack: &ScopeStack) {
    if range.start >= range.end {
        return;
    }
    let mut scopes = stack.as_slice().iter().rev();
    if let Some(ui) = scopes.find_map(|scope| look(*scope)) {
        pieces.push((range, ui));
    }
}

/// The look of a scope.
fn look(scope: Scope) -> Option<Ui> {
    let name = scope.build_string();
    let found = LOOKS.iter().find(|(prefix, _)| name.starts_with(prefix));
    found.map(|(_, ui)| *ui)
}

/// The beginnings of scope names (the conventions of `TextMate`), and their looks.
const LOOKS: [(&str, Ui); 12] = [
    ("comment", Ui::CodeComment),
    ("string", Ui::CodeString),
    ("constant", Ui::CodeConstant),
    ("keyword.operator", Ui::CodeOperator),
    ("keyword", Ui::CodeKeyword),
    ("storage.type", Ui::CodeKeyword),
    ("storage", Ui::CodeKeyword),
    ("entity.name.function", Ui::CodeFunction),
    ("support.function", Ui::CodeFunction),
    ("variable.function", Ui::CodeFunction),
    ("entity.name", Ui::CodeType),
    ("support.type", Ui::CodeType),
];
/// Longer lines are not worth the time.
const MAX_LINE: usize = 2_000;
/// Lines that may be wanted and not read.
const MOST_WANTED: usize = 512;
/// After so many lines it is told that there are colours, though more are wanted.
const SCREENFUL: usize = 50;
/// Lines that were looked at lately; as many more are remembered.
const MAX_YOUNG: usize = 2_000;
/// Lines that may go on growing.
const LATEST: usize = 32;

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::time::Duration;

    use super::*;

    /// A highlighter, and what says that it has read lines.
    fn told() -> (Highlighter, Receiver<()>) {
        let (send, told) = channel();
        let highlighter = Highlighter::default();
        highlighter.tell(move || {
            let _ = send.send(());
        });
        (highlighter, told)
    }

    fn wait(told: &Receiver<()>) {
        told.recv_timeout(Duration::from_secs(60)).unwrap();
    }

    #[test]
    fn a_line_is_plain_until_it_was_read_and_nobody_waits_for_that() {
        let (highlighter, told) = told();
        assert!(highlighter.line("rust", "let x = 1;").is_empty());
        wait(&told);
        let pieces = highlighter.line("rust", "let x = 1;");
        assert!(!pieces.is_empty());
        assert!(highlighter.line("python", "let x = 1;").is_empty());
        assert!(highlighter.line("rust", "fn x() {}").is_empty());
        // What grows keeps the colours it has.
        assert_eq!(highlighter.line("rust", "let x = 1; let y = 2;"), pieces);
        while highlighter.line("rust", "let x = 1; let y = 2;") == pieces {
            wait(&told);
        }
    }

    #[test]
    fn lines_on_the_screen_keep_their_colours_however_many_others_there_were() {
        let (mut highlighter, _) = told();
        highlighter.load();
        let pieces = highlighter.line("rust", "let x = 1;");
        let mut known = highlighter.shared.lock();
        for number in 0..10 * MAX_YOUNG {
            known.keep(("rust".to_owned(), number.to_string()), Look::Wanted);
            let look = Look::Read(pieces.clone());
            assert_eq!(known.look("rust", "let x = 1;"), Some(look));
        }
        assert!(known.young.count + known.old.count <= 2 * MAX_YOUNG);
        let newest = ("rust".to_owned(), (10 * MAX_YOUNG - 1).to_string());
        assert_eq!(known.look(&newest.0, &newest.1), Some(Look::Wanted));
        known.forget(&newest);
        assert_eq!(known.look(&newest.0, &newest.1), None);
    }

    #[test]
    fn what_was_wanted_last_is_read_first_and_what_is_too_much_is_wanted_again() {
        let shared = Shared::default();
        let (send, lines) = sync_channel(2 * MOST_WANTED);
        for number in 0..=MOST_WANTED {
            let line = ("rust".to_owned(), format!("let x = {number};"));
            shared.lock().keep(line.clone(), Look::Wanted);
            send.send(line).unwrap();
        }
        drop(send);
        read(&lines, &shared);
        let mut known = shared.lock();
        assert_eq!(known.look("rust", "let x = 0;"), None);
        let first = known.latest.pop_front().unwrap();
        assert_eq!(first.0.1, "let x = 1;", "the first one is read last");
        let newest = format!("let x = {MOST_WANTED};");
        assert!(matches!(known.look("rust", &newest), Some(Look::Read(_))));
    }
}
