//! The command palette: every command, found by its name or by what it does.
//!
//! Letters narrow the list down ([`fuzzy`]); with none, the commands that were given last stand first.
//! A command that takes an argument has it behind its name, as in `goto 12`.

use std::cmp::Reverse;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::Action;
use super::dialog::Form;
use super::edit::Edit;
use super::focus::Pane;
use super::fuzzy;
use super::prompt::Answer;
use super::scroll::{Motion, Scroll};
use super::{App, Effect, Overlay};
use crate::filter::Filter;

/// What was typed, and the commands that it finds.
#[derive(Clone, Default, Debug)]
pub struct Palette {
    edit: Edit,
    entries: Vec<Entry>,
    scroll: Scroll,
    /// How many entries fit.
    height: usize,
    /// Commands that were given, the latest first.
    recent: Vec<Action>,
    /// Why the line cannot be carried out.
    problem: Option<String>,
}

/// A command that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The command.
    pub action: Action,
    /// Its argument, where one was typed.
    pub argument: Option<String>,
    /// The bytes of its name that were typed.
    pub matched: Vec<usize>,
}

impl Palette {
    /// What was typed.
    #[must_use]
    pub fn edit(&self) -> &Edit {
        &self.edit
    }

    /// What that finds, the best first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Which of them is chosen.
    #[must_use]
    pub fn scroll(&self) -> Scroll {
        self.scroll
    }

    /// Why the line cannot be carried out, in one line.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Begins anew.
    fn open(&mut self) {
        self.edit = Edit::default();
        self.seek();
    }

    /// Makes room for `height` entries.
    pub(super) fn fit(&mut self, height: u16) {
        self.height = usize::from(height);
        self.scroll.clamp(self.entries.len(), self.height);
    }

    /// Moves within the entries.
    pub(super) fn go(&mut self, motion: Motion) {
        self.scroll.go(motion, self.entries.len(), self.height);
    }

    /// Takes pasted text.
    pub(super) fn paste(&mut self, text: &str) {
        self.edit.paste(text);
        self.seek();
    }

    /// Takes a key.
    fn key(&mut self, key: KeyEvent) -> Answer {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Answer::Left,
            KeyCode::Char('c' | 'g') if is_control => return Answer::Left,
            KeyCode::Backspace if self.edit.text().is_empty() => return Answer::Left,
            KeyCode::Enter => return Answer::Given,
            KeyCode::Tab => self.complete(),
            _ => match motion(key) {
                Some(motion) => self.go(motion),
                None => {
                    if self.edit.key(key) {
                        self.seek();
                    }
                }
            },
        }
        Answer::Typing
    }

    /// Writes the name of the chosen command into the line.
    fn complete(&mut self) {
        if let Some(entry) = self.entries.get(self.scroll.cursor) {
            let blank = if entry.action.argument().is_some() {
                " "
            } else {
                ""
            };
            let argument = entry.argument.as_deref().unwrap_or_default();
            self.edit = Edit::new(format!("{}{blank}{argument}", entry.action.name()));
            self.seek();
        }
    }

    /// Looks for what was typed.
    fn seek(&mut self) {
        self.problem = None;
        self.scroll = Scroll::default();
        let text = self.edit.text().trim_start();
        if let Some((action, argument)) = with_argument(text) {
            self.entries = vec![Entry {
                action,
                argument: Some(argument.to_owned()),
                matched: (0..action.name().len()).collect(),
            }];
            return;
        }
        let mut found: Vec<_> = Action::ALL
            .iter()
            .filter(|action| **action != Action::Palette)
            .filter_map(|action| self.score(*action, text))
            .collect();
        found.sort_by_key(|(score, _)| *score);
        self.entries = found.into_iter().map(|(_, entry)| entry).collect();
    }

    /// How well a command matches the text, the least being best.
    fn score(&self, action: Action, text: &str) -> Option<(impl Ord + Copy + use<>, Entry)> {
        let name = fuzzy::find(text, action.name());
        let about = fuzzy::find(text, action.description());
        // What a command is called says more than what is said about it.
        let named = name.as_ref().map(|found| found.score + NAMED);
        let score = named.max(about.map(|found| found.score))?;
        let recent = self.recent.iter().position(|recent| *recent == action);
        let recent = recent.unwrap_or(usize::MAX);
        let length = if text.is_empty() {
            0
        } else {
            action.name().len()
        };
        let entry = Entry {
            action,
            argument: None,
            matched: name.map(|found| found.at).unwrap_or_default(),
        };
        Some(((Reverse(score), recent, length), entry))
    }

    /// Takes note that a command was given.
    fn remember(&mut self, action: Action) {
        self.recent.retain(|recent| *recent != action);
        self.recent.insert(0, action);
    }
}

impl App {
    /// The command palette.
    #[must_use]
    pub fn palette(&self) -> &Palette {
        &self.palette
    }

    /// Shows the palette, on top of what is there.
    pub(super) fn show_palette(&mut self) {
        self.palette.open();
        self.show(Overlay::Palette);
    }

    /// A key while the palette is on top.
    pub(super) fn palette_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        match self.palette.key(key) {
            Answer::Typing => {}
            Answer::Left => self.close(),
            Answer::Given => return self.run_chosen(),
        }
        Vec::new()
    }

    /// Carries out the chosen command where the palette was called.
    pub(super) fn run_chosen(&mut self) -> Vec<Effect> {
        let Some(entry) = self.palette.entries.get(self.palette.scroll.cursor) else {
            return Vec::new();
        };
        let (action, argument) = (entry.action, entry.argument.clone());
        let argument = argument.as_deref().map(str::trim);
        if let Some(argument) = argument.filter(|argument| !argument.is_empty()) {
            return match self.act_with(action, argument) {
                Ok(effects) => {
                    self.palette.remember(action);
                    effects
                }
                Err(problem) => {
                    self.palette.problem = Some(problem);
                    Vec::new()
                }
            };
        }
        if action == Action::Goto {
            self.palette.problem = Some(GOTO.to_owned());
            return Vec::new();
        }
        self.palette.remember(action);
        self.close();
        if let Some(effects) = self.act_on_top(action, None) {
            return effects;
        }
        // What is on top has no such command, but the panes do.
        self.close_all();
        self.act(action, None)
    }

    /// Carries out a command with its argument, and closes the palette; or says what is wrong with it.
    fn act_with(&mut self, action: Action, argument: &str) -> Result<Vec<Effect>, String> {
        match action {
            Action::Goto => {
                let row = argument.parse::<usize>().ok().filter(|row| *row > 0);
                let row = row.ok_or(GOTO)?;
                self.close();
                let effects = self.act_on_top(Action::First, Some(row));
                Ok(effects.unwrap_or_default())
            }
            Action::Filter => {
                Filter::parse_with(argument, &self.options.filters)
                    .map_err(|error| error.message)?;
                self.close_all();
                self.focus_on(Pane::Requests);
                self.choose_filter(argument);
                Ok(Vec::new())
            }
            Action::Save | Action::Export => {
                let form = (action == Action::Save).then_some(Form::Jsonl);
                let effects = self.save_to(argument, form)?;
                self.close_all();
                Ok(effects)
            }
            Action::Themes => {
                let effects = self.choose_theme(argument)?;
                self.close();
                Ok(effects)
            }
            _ => Err(format!("`{}` takes no argument", action.name())),
        }
    }
}

/// The command at the beginning of the line, if a blank and perhaps its argument stand behind it.
fn with_argument(text: &str) -> Option<(Action, &str)> {
    let (name, argument) = text.split_once(' ')?;
    let action = Action::from_name(name)?;
    action.argument().map(|_| (action, argument))
}

/// How a key moves within a list below a line that is typed.
pub(super) fn motion(key: KeyEvent) -> Option<Motion> {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Down => Motion::Rows(1),
        KeyCode::Up => Motion::Rows(-1),
        KeyCode::Char('n') if is_control => Motion::Rows(1),
        KeyCode::Char('p') if is_control => Motion::Rows(-1),
        KeyCode::PageDown => Motion::Pages(1),
        KeyCode::PageUp => Motion::Pages(-1),
        _ => return None,
    })
}

/// What a match of the name is worth more than one of the description.
const NAMED: u32 = 40;
/// What `goto` is to have.
const GOTO: &str = "expected the number of a row, as in `goto 12`";
