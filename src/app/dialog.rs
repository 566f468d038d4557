//! The dialog that saves and exports: which flows, in which form, to which file, and what the file will
//! begin with, with what is masked visible.

use std::path::PathBuf;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;

use super::edit::Edit;
use super::leaf::{Leaf, wrap_line};
use super::palette::motion;
use super::prompt::Answer;
use super::scroll::{Motion, Scroll};
use super::toast::Toast;
use super::{App, Effect, Overlay, Question};
use crate::capture::Existing;
use crate::content;
use crate::flow::FlowId;
use crate::text::Clean;

/// The forms that flows can be written in.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Form {
    /// Lines of a capture.
    #[default]
    Jsonl,
    /// HAR 1.2.
    Har,
    /// A log to be read.
    Markdown,
    /// Commands that send the requests again.
    Curl,
    /// Spans of OpenTelemetry.
    Otlp,
    /// A directory with the bodies, each in a file.
    Bodies,
}

/// Which flows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// Those that are marked.
    Marked,
    /// Those in the list.
    Shown,
    /// The one under the cursor.
    Selected,
}

/// A row of the dialog.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// The form.
    Form,
    /// The flows.
    Flows,
    /// The file.
    Path,
}

/// What is to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Save {
    /// The file, as the user named it.
    pub path: PathBuf,
    /// Which flows, in the order of the list.
    pub flows: Vec<FlowId>,
    /// How.
    pub form: Form,
    /// What to do when there is a file of that name.
    pub existing: Existing,
}

/// What a file will begin with.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Preview {
    /// Which question this answers.
    pub round: u64,
    /// The beginning.
    pub text: String,
    /// How many marks of masked values the first flows have.
    pub masked: usize,
    /// How many flows that are.
    pub flows: usize,
}

/// The dialog.
#[derive(Clone, Debug)]
pub struct Dialog {
    /// Whether it began as an export.
    is_export: bool,
    form: Form,
    /// The flows to choose from.
    choices: Vec<(Which, Vec<FlowId>)>,
    /// Which of them are chosen.
    chosen: usize,
    path: Edit,
    field: Field,
    /// What is wrong with the file, or what its name may become.
    note: Option<Note>,
    /// The number of the latest question for a preview.
    round: u64,
    preview: Option<Preview>,
    leaf: Leaf,
    /// What the preview's rows were made from.
    source: Option<(u64, u16)>,
}

/// What is said about the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Note {
    /// Something is wrong with it.
    Problem(String),
    /// What its name may become.
    Candidates(String),
}

impl Form {
    /// Every form.
    pub const ALL: [Self; 6] = [
        Self::Jsonl,
        Self::Har,
        Self::Markdown,
        Self::Curl,
        Self::Otlp,
        Self::Bodies,
    ];

    /// Its name.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Jsonl => "JSONL",
            Self::Har => "HAR",
            Self::Markdown => "Markdown",
            Self::Curl => "curl",
            Self::Otlp => "OTLP",
            Self::Bodies => "bodies",
        }
    }

    /// What the names of its files end in.
    const fn extension(self) -> &'static str {
        match self {
            Self::Jsonl => ".jsonl",
            Self::Har => ".har",
            Self::Markdown => ".md",
            Self::Curl => ".sh",
            Self::Otlp => ".otlp.jsonl",
            Self::Bodies => "",
        }
    }

    /// The form that the name of a file asks for.
    fn of(path: &str) -> Option<Self> {
        // The longest first: one ends in what another one is.
        let forms = [
            Self::Otlp,
            Self::Jsonl,
            Self::Har,
            Self::Markdown,
            Self::Curl,
        ];
        let mut forms = forms.into_iter();
        forms.find(|form| path.ends_with(form.extension()))
    }
}

impl Which {
    /// Its name.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Marked => "marked",
            Self::Shown => "shown",
            Self::Selected => "selected",
        }
    }
}

impl Dialog {
    /// What it is for.
    #[must_use]
    pub fn title(&self) -> &'static str {
        if self.is_export {
            "Export flows"
        } else {
            "Save flows"
        }
    }

    /// The form.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// The flows to choose from, and how many each are; the place of those that are chosen.
    #[must_use]
    pub fn choices(&self) -> (Vec<(Which, usize)>, usize) {
        let choices = self.choices.iter();
        let counts = choices.map(|(which, flows)| (*which, flows.len()));
        (counts.collect(), self.chosen)
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Edit {
        &self.path
    }

    /// The row that keys go to.
    #[must_use]
    pub fn field(&self) -> Field {
        self.field
    }

    /// What is said about the file.
    #[must_use]
    pub fn note(&self) -> Option<&Note> {
        self.note.as_ref()
    }

    /// What the file will begin with; `None` while that is worked out.
    #[must_use]
    pub fn preview(&self) -> Option<&Preview> {
        self.preview.as_ref()
    }

    /// The same, in rows.
    #[must_use]
    pub fn leaf(&self) -> &Leaf {
        &self.leaf
    }

    /// The flows that are chosen.
    fn flows(&self) -> &[FlowId] {
        let chosen = self.choices.get(self.chosen);
        chosen.map_or(&[], |(_, flows)| flows.as_slice())
    }

    /// Asks for what the file will begin with.
    fn ask(&mut self) -> Vec<Effect> {
        self.round += 1;
        self.preview = None;
        vec![Effect::Preview {
            round: self.round,
            form: self.form,
            flows: self.flows().iter().copied().take(MOST_PREVIEWED).collect(),
        }]
    }

    /// What is to be written.
    fn save(&self, existing: Existing) -> Save {
        Save {
            path: PathBuf::from(self.path.text().trim()),
            flows: self.flows().to_vec(),
            form: self.form,
            existing,
        }
    }

    /// Takes a key that edits or moves.
    fn key(&mut self, key: KeyEvent) -> (Answer, Vec<Effect>) {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        let mut effects = Vec::new();
        match key.code {
            KeyCode::Esc => return (Answer::Left, effects),
            KeyCode::Char('c' | 'g') if is_control => return (Answer::Left, effects),
            KeyCode::Enter => return (Answer::Given, effects),
            KeyCode::Tab if self.field == Field::Path => {
                effects.push(Effect::Complete(self.path.text().to_owned()));
            }
            KeyCode::Left if self.field != Field::Path => effects = self.turn(false),
            KeyCode::Right | KeyCode::Char(' ') if self.field != Field::Path => {
                effects = self.turn(true);
            }
            _ => match motion(key) {
                Some(Motion::Rows(by)) => {
                    let place = (self.field as usize).saturating_add_signed(by);
                    self.field = FIELDS[place.min(FIELDS.len() - 1)];
                }
                Some(motion) => self.leaf.go(motion),
                None => {
                    // Whoever types means the name.
                    if self.path.key(key) {
                        self.field = Field::Path;
                        self.note = None;
                    }
                }
            },
        }
        (Answer::Typing, effects)
    }

    /// Takes the next form, or the next flows.
    fn turn(&mut self, is_forward: bool) -> Vec<Effect> {
        let turned = |place: usize, count: usize| {
            let by = if is_forward { 1 } else { count - 1 };
            (place + by) % count
        };
        if self.field == Field::Form {
            let form = Form::ALL[turned(self.form as usize, Form::ALL.len())];
            self.take_form(form);
        } else {
            self.chosen = turned(self.chosen, self.choices.len());
        }
        self.ask()
    }

    /// Takes a form; the name of the file follows.
    fn take_form(&mut self, form: Form) {
        let old = self.form.extension();
        if let Some(stem) = self.path.text().strip_suffix(old) {
            let path = format!("{stem}{}", form.extension());
            self.path = if self.path.is_selected() {
                Edit::selected(path)
            } else {
                Edit::new(path)
            };
        }
        self.form = form;
        self.note = None;
    }

    /// Brings the preview's rows up to date.
    pub(super) fn prepare(&mut self, area: Rect) {
        self.leaf.height = usize::from(area.height);
        let Some(preview) = &self.preview else {
            return;
        };
        let source = (preview.round, area.width);
        if self.source != Some(source) {
            self.leaf.document = content::plain(&preview.text);
            let lines = self.leaf.document.lines.iter().enumerate();
            let rows = lines.flat_map(|(at, line)| wrap_line(at, line, area.width));
            self.leaf.rows = rows.collect();
            if self.source.map(|(round, _)| round) != Some(preview.round) {
                self.leaf.scroll = Scroll::default();
            }
            self.source = Some(source);
        }
        self.leaf.clamp();
    }

    /// Turns the wheel over the preview.
    pub(super) fn wheel(&mut self, by: isize) {
        self.leaf.wheel(by);
    }

    /// Takes pasted text: it is a name.
    pub(super) fn paste(&mut self, text: &str) {
        self.field = Field::Path;
        self.note = None;
        self.path.paste(text);
    }
}

impl App {
    /// The dialog that saves, while it is asked.
    #[must_use]
    pub fn dialog(&self) -> Option<&Dialog> {
        self.dialog.as_deref()
    }

    /// How many flows of how many are written, while a file is.
    #[must_use]
    pub fn writing(&self) -> Option<(usize, usize)> {
        self.writing
    }

    /// Asks which flows to write to which file. Without marks, a save is of what is shown, and an export
    /// of what is selected.
    pub(super) fn ask_save(&mut self, form: Form) -> Vec<Effect> {
        match self.new_dialog(form) {
            Ok(mut dialog) => {
                let effects = dialog.ask();
                self.dialog = Some(Box::new(dialog));
                self.show(Overlay::Dialog);
                effects
            }
            Err(why) => {
                self.note(why);
                Vec::new()
            }
        }
    }

    /// A dialog; or why there is nothing to ask.
    fn new_dialog(&mut self, form: Form) -> Result<Dialog, String> {
        let has_marked = self.list.marked() > 0;
        let is_settled = self.list.is_settled(&self.store);
        let is_save = form == Form::Jsonl;
        if is_save && !has_marked && !is_settled {
            return Err("the filter is still at work: try again in a moment".to_owned());
        }
        let mut choices = Vec::new();
        if has_marked {
            choices.push((Which::Marked, self.list.chosen(&self.store)));
        }
        if is_settled {
            choices.push((Which::Shown, self.list.rows().to_vec()));
        }
        choices.extend(self.list.selected().map(|id| (Which::Selected, vec![id])));
        choices.retain(|(_, flows)| !flows.is_empty());
        if choices.is_empty() {
            return Err("nothing to save".to_owned());
        }
        let wanted = match (has_marked, is_save) {
            (true, _) => Which::Marked,
            (false, true) => Which::Shown,
            (false, false) => Which::Selected,
        };
        let chosen = choices.iter().position(|(which, _)| *which == wanted);
        Ok(Dialog {
            is_export: !is_save,
            form,
            choices,
            chosen: chosen.unwrap_or(0),
            path: Edit::selected(format!("{}{}", self.file_stem(), form.extension())),
            field: if is_save { Field::Path } else { Field::Form },
            note: None,
            round: 0,
            preview: None,
            leaf: Leaf::default(),
            source: None,
        })
    }

    /// Writes flows to a file, without asking which. Its name tells the form, if `form` does not.
    pub(super) fn save_to(
        &mut self,
        path: &str,
        form: Option<Form>,
    ) -> Result<Vec<Effect>, String> {
        let form = form
            .or_else(|| Form::of(path))
            .ok_or("the name tells no form: it ends in .jsonl, .har, .md, .sh or .otlp.jsonl")?;
        let mut dialog = self.new_dialog(form)?;
        dialog.path = Edit::new(path.to_owned());
        self.dialog = Some(Box::new(dialog));
        Ok(self.begin_save(Existing::Keep))
    }

    /// A key while the dialog is on top.
    pub(super) fn dialog_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Some(dialog) = &mut self.dialog else {
            self.close();
            return Vec::new();
        };
        let (answer, effects) = dialog.key(key);
        match answer {
            Answer::Typing => effects,
            Answer::Left => {
                self.close();
                self.dialog = None;
                Vec::new()
            }
            Answer::Given if dialog.path.text().trim().is_empty() => {
                dialog.note = Some(Note::Problem("expected a file name".to_owned()));
                Vec::new()
            }
            Answer::Given => {
                self.close();
                self.begin_save(Existing::Keep)
            }
        }
    }

    /// Has the file written.
    pub(super) fn begin_save(&mut self, existing: Existing) -> Vec<Effect> {
        let Some(dialog) = &self.dialog else {
            return Vec::new();
        };
        let save = dialog.save(existing);
        self.comments.leave(&save);
        self.writing = Some((0, save.flows.len()));
        vec![Effect::Save(save)]
    }

    /// Takes in that the file could not be written, and asks again, unless something else is asked.
    /// Gives the reason back if it is still to be told.
    pub(super) fn save_failed(&mut self, reason: String) -> Option<String> {
        self.writing = None;
        let Some(dialog) = &mut self.dialog else {
            return Some(reason);
        };
        if self.prompt.is_some() {
            self.dialog = None;
            return Some(reason);
        }
        dialog.note = Some(Note::Problem(format!("cannot save: {reason}")));
        self.show(Overlay::Dialog);
        None
    }

    /// Takes in that there is a file of that name, and asks whether to write over it.
    pub(super) fn save_exists(&mut self, path: PathBuf) {
        if let Some(reason) = self.save_failed("the file exists".to_owned()) {
            let why = format!("cannot save {}: {reason}", path.display());
            self.toasts.push(Toast::error(why));
        } else {
            self.ask(Question::Overwrite(path));
        }
    }

    /// Takes in what a file will begin with.
    pub(super) fn take_preview(&mut self, preview: Preview) {
        if let Some(dialog) = &mut self.dialog
            && dialog.round == preview.round
        {
            dialog.preview = Some(preview);
        }
    }

    /// Takes in how a name can go on: the names that begin with it.
    pub(super) fn complete(&mut self, text: &str, names: &[String]) {
        let Some(dialog) = self.dialog.as_mut().filter(|it| it.path.text() == text) else {
            return;
        };
        let Some(first) = names.first() else {
            let none = "no file begins so".to_owned();
            dialog.note = Some(Note::Candidates(none));
            return;
        };
        let common = names.iter().fold(first.as_str(), |common, name| {
            let same = common.char_indices().zip(name.chars());
            let mut same = same.skip_while(|((_, one), other)| one == other);
            let end = same.next().map(|((at, _), _)| at);
            &common[..end.unwrap_or(common.len().min(name.len()))]
        });
        if common.len() > text.len() {
            dialog.path = Edit::new(common.to_owned());
        }
        dialog.note = (names.len() > 1).then(|| {
            let names = names.iter().map(|name| {
                let name = name.trim_end_matches('/');
                name.rsplit('/').next().unwrap_or(name)
            });
            let names: Vec<_> = names.take(MOST_NAMED).collect();
            Note::Candidates(Clean::new(&names.join("  ")).to_string())
        });
    }
}

/// The rows, from top to bottom.
const FIELDS: [Field; 3] = [Field::Form, Field::Flows, Field::Path];
/// How many flows a preview looks at.
const MOST_PREVIEWED: usize = 50;
/// How many names are told.
const MOST_NAMED: usize = 40;
