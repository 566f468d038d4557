//! The help overlay: what can be done where it was called, then everything else; made from the table
//! of commands.

use std::borrow::Cow;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::{Action, Topic};
use super::edit::Edit;
use super::focus::Pane;
use super::keymap::{Chord, Keymap};
use super::palette::motion;
use super::scroll::Motion;
use super::{App, Effect, Overlay};
use crate::filter::{FIELDS, FLAGS, FRAME_FIELDS, Field, OPERATORS, PARTS};
use crate::text::{Wrap, width};

/// Where the reader is in the help, and what they look for.
#[derive(Clone, Default, Debug)]
pub struct Help {
    /// The first visible line.
    top: usize,
    /// Words that lines have to have.
    search: Edit,
    /// Whether they are being typed.
    is_typing: bool,
}

/// A line of the help overlay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HelpLine {
    /// The heading of a group of commands.
    Heading(Cow<'static, str>),
    /// A command, or the rest of what it does.
    Entry {
        /// The keys that give it, separated by blanks.
        keys: String,
        /// What the palette or the language of filters calls it.
        name: &'static str,
        /// What it does.
        description: &'static str,
    },
    /// Nothing.
    Blank,
}

impl Help {
    /// The first visible line.
    #[must_use]
    pub fn top(&self) -> usize {
        self.top
    }

    /// What is looked for; `None` if nothing is.
    #[must_use]
    pub fn search(&self) -> Option<&Edit> {
        let is_asked = self.is_typing || !self.search.text().is_empty();
        is_asked.then_some(&self.search)
    }

    /// Whether keys are typed into the search.
    #[must_use]
    pub fn is_typing(&self) -> bool {
        self.is_typing
    }

    /// Takes pasted text.
    pub(super) fn paste(&mut self, text: &str) {
        if self.is_typing {
            self.search.paste(text);
            self.top = 0;
        }
    }
}

impl App {
    /// The help overlay's state.
    #[must_use]
    pub fn help(&self) -> &Help {
        &self.help
    }

    /// Shows the keys, on top of what is there.
    pub(super) fn show_help(&mut self) {
        self.help = Help::default();
        self.show(Overlay::Help);
    }

    /// What help is about: what it stands on, if that is no pane.
    #[must_use]
    pub fn help_is_about(&self) -> Option<Overlay> {
        let mut others = self.overlays().iter().rev();
        others.find(|overlay| **overlay != Overlay::Help).copied()
    }

    /// The lines of the help overlay that have what is looked for.
    #[must_use]
    pub fn help_lines(&self) -> Vec<HelpLine> {
        let all = self.all_help_lines();
        let table = self.help_table(&all);
        table.wrapped(sought(all, self.help.search.text()))
    }

    /// The column, from the left of the text, in which it says what keys do.
    #[must_use]
    pub fn help_column(&self) -> u16 {
        self.help_table(&self.all_help_lines()).column() as u16
    }

    /// How many columns and rows the text of the help overlay takes.
    pub(super) fn help_size(&self) -> (u16, u16) {
        let all = self.all_help_lines();
        let table = self.help_table(&all);
        (table.width() as u16, table.wrapped(all).len() as u16)
    }

    /// All lines of the help overlay.
    fn all_help_lines(&self) -> Vec<HelpLine> {
        lines(
            self.help_is_about(),
            self.pane_of_keys(),
            &self.options.keymap,
        )
    }

    /// The table that these lines make on this screen.
    fn help_table(&self, lines: &[HelpLine]) -> Table {
        Table::of(lines, usize::from(self.size.0).saturating_sub(4))
    }

    /// Shows help from line `top` on.
    pub(super) fn scroll_help(&mut self, top: usize) {
        let page = usize::from(self.place_of_text(Overlay::Help).height);
        let last = self.help_lines().len().saturating_sub(page);
        self.help.top = top.min(last);
    }

    /// A key while help is on top.
    pub(super) fn help_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        if self.help.is_typing {
            self.help_search_key(key);
            return Vec::new();
        }
        let page = usize::from(self.place_of_text(Overlay::Help).height);
        let top = self.help.top;
        let chord = Chord::from_event(key);
        let top = match self.options.keymap.action(chord, Pane::Requests) {
            Some(Action::Down) => top + 1,
            Some(Action::Up) => top.saturating_sub(1),
            Some(Action::HalfDown) => top + page / 2,
            Some(Action::HalfUp) => top.saturating_sub(page / 2),
            Some(Action::PageDown | Action::Mark) => top + page,
            Some(Action::PageUp) => top.saturating_sub(page),
            Some(Action::First) => 0,
            Some(Action::Last) => usize::MAX,
            Some(Action::Filter | Action::Search) => {
                self.help.is_typing = true;
                top
            }
            Some(Action::Back | Action::Help | Action::Quit) => {
                self.close();
                return Vec::new();
            }
            Some(Action::Interrupt) => {
                self.close_all();
                return self.quit();
            }
            Some(action) if action.is_everywhere() => return self.act(action, None),
            _ => top,
        };
        self.scroll_help(top);
        Vec::new()
    }

    /// A key while the search of help is typed.
    fn help_search_key(&mut self, key: KeyEvent) {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        let is_empty = self.help.search.text().is_empty();
        match key.code {
            KeyCode::Esc => self.close(),
            KeyCode::Char('c' | 'g') if is_control => self.close(),
            KeyCode::Enter => self.help.is_typing = false,
            KeyCode::Backspace if is_empty => self.help.is_typing = false,
            _ => match motion(key) {
                Some(Motion::Rows(by)) => {
                    self.scroll_help(self.help.top.saturating_add_signed(by));
                }
                Some(Motion::Pages(by)) => {
                    let page = self.place_of_text(Overlay::Help).height;
                    let by = by * isize::from(page.cast_signed());
                    self.scroll_help(self.help.top.saturating_add_signed(by));
                }
                _ => {
                    self.help.search.key(key);
                    self.help.top = 0;
                }
            },
        }
    }
}

/// The table of the help overlay: how wide its columns are.
#[derive(Clone, Copy, Debug)]
struct Table {
    /// Columns for keys.
    keys: usize,
    /// Columns for what they do.
    about: usize,
}

impl Table {
    /// The table of `lines`: as wide as they are, but no wider than `room`.
    fn of(lines: &[HelpLine], room: usize) -> Self {
        let (mut keys, mut about, mut heading) = (0, 0, 0);
        for line in lines {
            match line {
                HelpLine::Heading(text) => heading = heading.max(width(text)),
                HelpLine::Entry {
                    keys: text,
                    description,
                    ..
                } => {
                    keys = keys.max(width(text));
                    about = about.max(width(description));
                }
                HelpLine::Blank => {}
            }
        }
        let all = Self { keys, about };
        let all = Self {
            about: about.max(heading.saturating_sub(all.column())),
            ..all
        };
        if all.width() <= room {
            return all;
        }
        let keys = keys.min(room / 3);
        let about = room.saturating_sub(Self { keys, about: 0 }.width());
        Self { keys, about }
    }

    /// Where the second column begins: behind the keys, which are moved in by one.
    fn column(self) -> usize {
        1 + self.keys + 2
    }

    fn width(self) -> usize {
        self.column() + self.about
    }

    /// Lines that fit: what is longer goes on in the next one.
    fn wrapped(self, lines: Vec<HelpLine>) -> Vec<HelpLine> {
        let mut rows = Vec::new();
        for line in lines {
            match line {
                HelpLine::Heading(text) if width(&text) > self.width() => {
                    let wrap = Wrap::new(&text, self.width(), 2);
                    let parts = wrap.rows().iter().map(|row| row.range.clone());
                    rows.extend(parts.enumerate().map(|(number, range)| {
                        let indent = if number > 0 { "  " } else { "" };
                        HelpLine::Heading(format!("{indent}{}", text[range].trim_end()).into())
                    }));
                }
                HelpLine::Entry {
                    keys,
                    name,
                    description,
                } => self.entry(&mut rows, keys, name, description),
                line => rows.push(line),
            }
        }
        rows
    }

    /// Adds the lines of a command; keys that are long have one of their own.
    fn entry(
        self,
        rows: &mut Vec<HelpLine>,
        mut keys: String,
        name: &'static str,
        description: &'static str,
    ) {
        if width(&keys) > self.keys {
            rows.push(HelpLine::Entry {
                keys: std::mem::take(&mut keys),
                name,
                description: "",
            });
        }
        let wrap = Wrap::new(description, self.about, 0);
        for row in wrap.rows() {
            rows.push(HelpLine::Entry {
                keys: std::mem::take(&mut keys),
                name,
                description: description[row.range.clone()].trim_end(),
            });
        }
    }
}

/// All commands: first those that matter in `overlay` or `pane`, then those that work there as
/// everywhere, by topic, then those that what is on top keeps from working.
fn lines(overlay: Option<Overlay>, pane: Pane, keymap: &Keymap) -> Vec<HelpLine> {
    let mut lines = Vec::new();
    let here = here(overlay, pane);
    let title = match overlay {
        Some(overlay) => overlay.title(),
        None => pane.title(),
    };
    let keys = (keymap, pane);
    push(&mut lines, format!("In {title}"), &here, keys);
    let is_left = |action: &Action| here.iter().all(|used| used.0 != *action);
    let works = |action: &Action| match overlay {
        Some(_) => action.is_everywhere() || action.topic() == Topic::Move,
        None => action.scope().contains(pane),
    };
    for topic in Topic::ALL {
        let actions = Action::ALL.iter().copied();
        let actions = actions.filter(|it| it.topic() == topic && is_left(it) && works(it));
        let actions: Vec<_> = actions.map(same).collect();
        push(&mut lines, topic.title(), &actions, keys);
        if topic == Topic::Move {
            let one = Chord::parse("1");
            let has_digits = one.is_some_and(|one| keymap.action(one, pane).is_some());
            let (keys, description) = if has_digits {
                let begins = "Count of the next command, as in 6j; behind a 0 any, as in 012j";
                ("6…9 0…", begins)
            } else {
                ("1…9", "Count of the next command, as in 12j")
            };
            lines.push(HelpLine::Entry {
                keys: keys.to_owned(),
                name: "count",
                description,
            });
        }
    }
    let others = Action::ALL.iter().copied();
    let others = others.filter(|it| is_left(it) && !works(it));
    let others: Vec<_> = others.map(same).collect();
    let title = match overlay {
        Some(_) => "Once that is left",
        None => "In other panes",
    };
    push(&mut lines, title, &others, keys);
    lines.push(HelpLine::Blank);
    lines.push(HelpLine::Heading(
        "Filter: all of these joined by blanks, |, ! and ( )".into(),
    ));
    let entry = |keys: String, description| HelpLine::Entry {
        keys,
        name: "",
        description,
    };
    lines.extend(OPERATORS.iter().map(|operator| {
        let keys = format!("~{} {}", operator.name, operator.argument.as_str());
        entry(keys.trim_end().to_owned(), operator.doc)
    }));
    for (heading, fields) in [
        ("Filter: fields of flows, by : = ~ < <= > >=", FIELDS),
        ("Filter: fields of a frame, in frame( )", FRAME_FIELDS),
    ] {
        lines.push(HelpLine::Blank);
        lines.push(HelpLine::Heading(heading.into()));
        let usage = |field: &Field| format!("{}{}", field.name, field.value.usage());
        lines.extend(fields.iter().map(|field| entry(usage(field), field.doc)));
    }
    lines.push(HelpLine::Blank);
    lines.push(HelpLine::Heading("Filter: flags and parts".into()));
    lines.extend(
        FLAGS
            .iter()
            .map(|it| entry(format!("is:{}", it.name), it.doc)),
    );
    lines.extend(
        PARTS
            .iter()
            .map(|it| entry(format!("has:{}", it.name), it.doc)),
    );
    lines
}

/// The commands that matter most, the most useful first.
fn here(overlay: Option<Overlay>, pane: Pane) -> Vec<(Action, &'static str)> {
    if let Some(overlay) = overlay {
        let uses = overlay.uses().iter();
        return uses.map(|used| (used.action, used.about)).collect();
    }
    let mut here = Action::hints(pane).to_vec();
    for action in Action::ALL {
        let is_own = !Pane::ALL.iter().all(|pane| action.scope().contains(*pane));
        if is_own && action.scope().contains(pane) && !here.contains(action) {
            here.push(*action);
        }
    }
    here.into_iter().map(same).collect()
}

/// A command that does what it does everywhere.
fn same(action: Action) -> (Action, &'static str) {
    (action, action.description())
}

/// Adds commands under a heading, if there are any.
fn push(
    lines: &mut Vec<HelpLine>,
    title: impl Into<Cow<'static, str>>,
    actions: &[(Action, &'static str)],
    (keymap, pane): (&Keymap, Pane),
) {
    if actions.is_empty() {
        return;
    }
    if !lines.is_empty() {
        lines.push(HelpLine::Blank);
    }
    lines.push(HelpLine::Heading(title.into()));
    for (action, description) in actions {
        let chords = keymap.chords_in(*action, pane);
        let mut keys = chords.map(|chord| chord.to_string()).collect::<Vec<_>>();
        if keys.is_empty() {
            // The palette has it.
            keys.push(format!(":{}", action.name()));
            keys.extend(action.argument().map(str::to_owned));
        }
        lines.push(HelpLine::Entry {
            keys: keys.join(" "),
            name: action.name(),
            description,
        });
    }
}

/// The lines that have all words of `text`, whatever their case, with their headings.
fn sought(lines: Vec<HelpLine>, text: &str) -> Vec<HelpLine> {
    let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
    if words.is_empty() {
        return lines;
    }
    let mut found: Vec<HelpLine> = Vec::new();
    let mut heading = None;
    for line in lines {
        match &line {
            HelpLine::Blank => {}
            HelpLine::Heading(_) => heading = Some(line),
            HelpLine::Entry {
                keys,
                name,
                description,
            } => {
                let text = format!("{keys} {name} {description}").to_lowercase();
                if words.iter().all(|word| text.contains(word)) {
                    if let Some(heading) = heading.take() {
                        if !found.is_empty() {
                            found.push(HelpLine::Blank);
                        }
                        found.push(heading);
                    }
                    found.push(line);
                }
            }
        }
    }
    found
}
