//! What each message does.

use std::path::PathBuf;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use super::action::Action;
use super::dialog::Form;
use super::extract::Viewer;
use super::focus::Pane;
use super::keymap::Chord;
use super::layout::Shape;
use super::prompt::{Answer, Kind, Prompt};
use super::scroll::Motion;
use super::search::Found;
use super::toast::{Toast, reason};
use super::{App, Effect, Msg, Outcome, Overlay};
use crate::capture;
use crate::content::Tab;
use crate::filter::Completion;
use crate::flow::{Flow, FlowId};

impl App {
    /// Takes in what happened; gives what is to be done about it.
    pub fn update(&mut self, msg: Msg) -> Vec<Effect> {
        // Many of those come, and none asks how things stand: the next frame puts the rows together.
        if !matches!(msg, Msg::Found(_)) {
            self.keep_up();
        }
        let mut effects = match msg {
            Msg::Key(key) => self.key(key),
            Msg::Mouse(event) => self.mouse(event),
            Msg::Paste(text) => {
                self.paste(&text);
                Vec::new()
            }
            Msg::Resize(width, height) => {
                self.size = (width, height);
                self.arrange();
                Vec::new()
            }
            Msg::Tick(at) => {
                self.now = at;
                self.toasts.tick(at);
                Vec::new()
            }
            Msg::Changed => Vec::new(),
            Msg::Logged(line) => {
                self.log.push(line);
                Vec::new()
            }
            Msg::Previewed(preview) => {
                self.take_preview(preview);
                Vec::new()
            }
            Msg::Completed(text, names) => {
                self.complete(&text, &names);
                Vec::new()
            }
            Msg::Written(flows) => {
                if let Some((written, _)) = &mut self.writing {
                    *written = flows;
                }
                Vec::new()
            }
            Msg::Done(outcome) => {
                self.done(outcome);
                Vec::new()
            }
            Msg::Loaded(piece, percent) => {
                self.load(*piece, percent);
                Vec::new()
            }
            Msg::LoadFailed(why) => {
                self.loading.fail(why.clone());
                self.toasts.push(Toast::error(why));
                Vec::new()
            }
            Msg::LoadNoted(what) => {
                self.toasts.push(Toast::news(what));
                Vec::new()
            }
            Msg::AllLoaded => {
                self.loading.done();
                self.list.sync(&self.store);
                self.list.set_follows(false, &self.store);
                Vec::new()
            }
            Msg::Recalled(flows) => {
                self.take_back(flows);
                Vec::new()
            }
            Msg::Found(found) => {
                self.found(found);
                Vec::new()
            }
            Msg::Extracted(extracted) => Self::take_extract(extracted),
            Msg::Hits(hits) => {
                self.take_hits(hits);
                Vec::new()
            }
        };
        let title = self.current_title();
        if title != self.title {
            self.title.clone_from(&title);
            effects.push(Effect::Title(title));
        }
        effects
    }

    /// A key goes to what is on top.
    fn key(&mut self, key: KeyEvent) -> Vec<Effect> {
        if key.kind == KeyEventKind::Release {
            return Vec::new();
        }
        if self.prompt.is_some() {
            return self.prompt_key(key);
        }
        if self.is_copying {
            return self.copy_key(key);
        }
        match self.overlay() {
            Some(Overlay::Confirm) => return self.confirm_key(key),
            Some(Overlay::Help) => return self.help_key(key),
            Some(Overlay::Palette) => return self.palette_key(key),
            Some(Overlay::Themes) => return self.themes_key(key),
            Some(Overlay::Sort) => {
                self.sorting_key(key);
                return Vec::new();
            }
            Some(Overlay::Dialog) => return self.dialog_key(key),
            Some(Overlay::Diff | Overlay::Sessions | Overlay::Log) | None => {}
        }
        let action = self
            .options
            .keymap
            .action(Chord::from_event(key), self.pane_of_keys());
        if let (KeyCode::Char(digit @ '0'..='9'), KeyModifiers::NONE) = (key.code, key.modifiers)
            && self.count.push(digit, action.is_some())
        {
            return Vec::new();
        }
        let has_count = !self.count.is_empty();
        let count = self.count.take();
        if has_count && key.code == KeyCode::Esc {
            return Vec::new();
        }
        let Some(action) = action else {
            self.say_unknown(key);
            return Vec::new();
        };
        if let Some(effects) = self.act_on_top(action, count) {
            return effects;
        }
        if let Some(overlay) = self.overlay() {
            let what = action.name();
            self.note(format!(
                "{what} is not for {}: Esc leaves it",
                overlay.title()
            ));
        }
        Vec::new()
    }

    /// The pane whose commands keys give: what is done to the tree is what is done to the list.
    #[must_use]
    pub fn pane_of_keys(&self) -> Pane {
        match self.overlay() {
            Some(Overlay::Sessions) => Pane::Requests,
            _ => self.focus(),
        }
    }

    /// Carries out a command, `count` times where that makes sense.
    pub(super) fn act(&mut self, action: Action, count: Option<usize>) -> Vec<Effect> {
        let times = count.unwrap_or(1);
        let rows = times.cast_signed();
        match action {
            Action::Goto if count.is_none() => {
                self.note("goto: type the number of a row behind it".to_owned());
            }
            Action::Down
            | Action::Goto
            | Action::Up
            | Action::First
            | Action::Last
            | Action::HalfDown
            | Action::HalfUp
            | Action::PageDown
            | Action::PageUp => {
                if let Some(motion) = Motion::of(action, count) {
                    self.go(motion);
                }
            }
            Action::Open => self.open(),
            Action::Back => {
                if !self.back() && !self.filter.is_empty() {
                    self.toggle_filter();
                }
            }
            Action::NextPane => self.focus_on(self.focus().next()),
            Action::PreviousPane => self.focus_on(self.focus().previous()),
            Action::Requests => self.focus_on(Pane::Requests),
            Action::Payload => self.focus_on(Pane::Payload),
            Action::Output => self.focus_on(Pane::Output),
            Action::Reasoning => self.focus_on(Pane::Reasoning),
            Action::Frames => self.focus_on(Pane::Frames),
            Action::NextFlow => self.list.go(Motion::Rows(rows)),
            Action::PreviousFlow => self.list.go(Motion::Rows(-rows)),
            Action::NextTurn => self.seek_turn(times, true),
            Action::PreviousTurn => self.seek_turn(times, false),
            Action::NextError => self.seek_error(times, true),
            Action::PreviousError => self.seek_error(times, false),
            Action::NextCall => self.seek_call(times, true),
            Action::PreviousCall => self.seek_call(times, false),
            Action::NextReasoning => self.seek_reasoning(times, true),
            Action::PreviousReasoning => self.seek_reasoning(times, false),
            Action::NextAgent => self.seek_agent(times, true),
            Action::PreviousAgent => self.seek_agent(times, false),
            Action::Sessions => self.show_sessions(),
            Action::NextTab => self.turn_tab(1),
            Action::PreviousTab => self.turn_tab(Tab::ALL.len() - 1),
            Action::FilterFrames => self.ask_frames(),
            Action::Search => self.begin_search(),
            Action::NextMatch => self.step_match(times, true),
            Action::PreviousMatch => self.step_match(times, false),
            Action::Filter => self.ask_filter(),
            Action::ToggleFilter if self.focus() == Pane::Frames && self.toggle_frames_filter() => {
            }
            Action::ToggleFilter => self.toggle_filter(),
            Action::Mark => self.list.mark(&self.store),
            Action::Range => self.list.toggle_range(),
            Action::MarkedOnly => self.list.toggle_marked_only(&self.store),
            Action::UnmarkAll => self.list.unmark_all(&self.store),
            Action::Comment => self.ask_comment(),
            Action::Save => return self.ask_save(Form::Jsonl),
            Action::Export => return self.ask_save(Form::Markdown),
            Action::Stream => return self.stream(),
            Action::Copy => return self.begin_copy(),
            Action::Pager => return self.view(Viewer::Pager),
            Action::Editor => return self.view(Viewer::Editor),
            Action::Wrap if self.focus() == Pane::Frames => {
                self.note("frames are one line each".to_owned());
            }
            Action::Wrap => self.display.is_wrapped = !self.display.is_wrapped,
            Action::CopyFlow => return self.copy_flow(),
            Action::Follow => self.toggle_follow(),
            Action::Pause => self.display.is_paused = !self.display.is_paused,
            Action::Fold => self.fold(),
            Action::FoldAll => self.list.fold_all(&self.store),
            Action::SideChannels => self.list.toggle_side_channels(&self.store),
            Action::Sort => self.show_sorting(),
            Action::ReverseSort => self.reverse_sort(),
            Action::Raw => self.toggle_raw(),
            Action::Diff => self.show(Overlay::Diff),
            Action::Zoom => self.wish.is_zoomed = !self.wish.is_zoomed,
            Action::Layout => self.next_layout(),
            Action::Shrink => self.resize(-400),
            Action::Grow => self.resize(400),
            Action::Hints => self.toggle_hints(),
            Action::Log if self.overlay() == Some(Overlay::Log) => self.close(),
            Action::Log => self.show_log(),
            Action::Themes => self.show_themes(),
            Action::Palette => self.show_palette(),
            Action::Help => self.show_help(),
            Action::Redraw => return vec![Effect::Redraw],
            Action::Suspend => return vec![Effect::Suspend],
            Action::Quit if self.back() => {}
            Action::Quit | Action::Interrupt => return self.quit(),
            Action::QuitNow => return vec![Effect::Quit],
        }
        Vec::new()
    }

    /// Moves within the focused pane.
    fn go(&mut self, motion: Motion) {
        let pane = self.focus();
        match self.sheets.get_mut((pane as usize).wrapping_sub(1)) {
            Some(sheet) => {
                sheet.go_in(pane, self.list.selected(), self.tab, motion);
                self.pick(pane);
                // Whoever reads does not want the text to be taken away.
                self.list.set_follows(false, &self.store);
            }
            None => self.list.go(motion),
        }
    }

    /// Opens the flow, or the section under the cursor, or goes to what is told of the line under it in the
    /// payload.
    fn open(&mut self) {
        let fold = self.sheet(self.focus()).and_then(|sheet| sheet.current());
        if let Some(fold) = fold.and_then(|line| line.fold.clone()) {
            self.toggle(&fold.key);
            return;
        }
        let is_open = match self.focus() {
            Pane::Requests if self.list.selected().is_some() => {
                self.focus_on(self.wish.detail);
                true
            }
            Pane::Requests | Pane::Payload => false,
            Pane::Output | Pane::Reasoning => self.open_item(),
            Pane::Frames => self.open_frame(),
        };
        if !is_open {
            self.note("nothing to open here".to_owned());
        }
    }

    /// Leaves what is on top or goes back: by a step, or else to the list. Says whether there was something to leave.
    fn back(&mut self) -> bool {
        if self.list.has_range() {
            self.list.toggle_range();
        } else if self.end_search() {
            // The pane stays as it is, without the marks.
        } else if self.is_zoomed_since() {
            self.wish.is_zoomed = false;
        } else if self.step_back() {
            // To where the line was opened.
        } else if self.wish.is_zoomed {
            self.wish.is_zoomed = false;
        } else if self.focus().is_detail() {
            self.focus_on(Pane::Requests);
        } else {
            return false;
        }
        true
    }

    /// Folds the connection, or the section that the cursor is in.
    fn fold(&mut self) {
        let Some(sheet) = self.sheet(self.focus()) else {
            self.list.fold(&self.store);
            return;
        };
        if let Some((row, fold)) = sheet.section() {
            let key = fold.key.clone();
            self.go(Motion::To(row));
            self.toggle(&key);
        }
    }

    /// Opens or closes a section of the focused pane.
    pub(super) fn toggle(&mut self, key: &str) {
        self.folds_of_mut(self.focus()).toggle(key);
    }

    /// Shows another tab of the payload.
    fn turn_tab(&mut self, by: usize) {
        if self.layout.place(Pane::Payload).is_none() {
            self.focus_on(Pane::Payload);
            return;
        }
        self.tab = Tab::ALL[(self.tab as usize + by) % Tab::ALL.len()];
    }

    /// Asks for a filter.
    pub(super) fn ask_filter(&mut self) {
        self.prompt = Some(Prompt::filter(
            self.filter.clone(),
            self.history.clone(),
            Arc::clone(&self.options.filters),
        ));
    }

    /// Clears the filter, or restores the one that was cleared.
    pub(super) fn toggle_filter(&mut self) {
        if self.filter.is_empty() {
            let cleared = std::mem::take(&mut self.cleared_filter);
            self.apply_filter(&cleared);
        } else {
            self.cleared_filter = self.filter.clone();
            self.apply_filter("");
        }
    }

    /// Asks where to write flows as they end, or stops it.
    fn stream(&mut self) -> Vec<Effect> {
        if self.status.stream.is_some() {
            return vec![Effect::EndStream];
        }
        if self.options.is_proxy {
            self.prompt = Some(Prompt::stream(format!("{}.jsonl", self.file_stem())));
        } else {
            self.note("no traffic passes here that could be streamed".to_owned());
        }
        Vec::new()
    }

    /// Copies the flow as a line of a capture.
    fn copy_flow(&mut self) -> Vec<Effect> {
        let Some(flow) = self.selected() else {
            return Vec::new();
        };
        match capture::line(flow, &self.store) {
            Ok(line) => vec![Effect::Copy(String::from_utf8_lossy(&line).into_owned())],
            Err(error) => {
                self.toasts.push(Toast::error(error.to_string()));
                Vec::new()
            }
        }
    }

    /// Changes the list's share of the screen, by ten-thousandths.
    fn resize(&mut self, by: i16) {
        let width = self.layout.list_share();
        let share = match self.layout.shape {
            Shape::Columns => self.wish.shares.list_width.get_or_insert(width),
            Shape::Stacked => &mut self.wish.shares.list_height,
            Shape::Single | Shape::TooSmall => return,
        };
        *share = share.saturating_add_signed(by).clamp(1_600, 7_600);
    }

    /// Pasted text goes to where text is typed.
    fn paste(&mut self, text: &str) {
        if let Some(prompt) = &mut self.prompt {
            prompt.paste(text);
            self.preview();
            return;
        }
        match self.overlay() {
            Some(Overlay::Palette) => self.palette.paste(text),
            Some(Overlay::Help) => self.help.paste(text),
            Some(Overlay::Dialog) => {
                if let Some(dialog) = &mut self.dialog {
                    dialog.paste(text);
                }
            }
            _ => {}
        }
    }

    /// A key for the prompt.
    fn prompt_key(&mut self, key: KeyEvent) -> Vec<Effect> {
        let Some(prompt) = &mut self.prompt else {
            return Vec::new();
        };
        let is_tab = matches!(key.code, KeyCode::Tab | KeyCode::BackTab);
        if is_tab && matches!(prompt.kind(), Kind::Filter { .. }) {
            let store = &self.store;
            let is_back = key.code == KeyCode::BackTab || key.modifiers == KeyModifiers::SHIFT;
            prompt.complete(!is_back, |it| {
                Completion::of(it.text(), it.cursor(), it.names(), store)
            });
            self.preview();
            return Vec::new();
        }
        match prompt.key(key) {
            Answer::Typing => {
                self.preview();
                Vec::new()
            }
            Answer::Left => {
                match self.prompt.take().map(|prompt| prompt.kind().clone()) {
                    Some(Kind::Filter { before }) => self.apply_filter(&before),
                    Some(Kind::Frames { before }) => self.filter_frames(&before),
                    Some(Kind::Search { pane }) => self.leave_search(pane),
                    Some(Kind::Stream | Kind::Comment { .. }) | None => {}
                }
                Vec::new()
            }
            Answer::Given => self.answer(),
        }
    }

    /// Does what the prompt was for.
    fn answer(&mut self) -> Vec<Effect> {
        let Some(prompt) = self.prompt.take() else {
            return Vec::new();
        };
        let text = prompt.text().trim();
        match prompt.kind() {
            Kind::Filter { .. } => {
                self.choose_filter(text);
                Vec::new()
            }
            Kind::Frames { .. } => {
                self.keep_frames(text);
                Vec::new()
            }
            Kind::Search { pane } => {
                self.keep_search(*pane, prompt.text());
                Vec::new()
            }
            Kind::Comment { flow } => {
                self.comment(*flow, text);
                Vec::new()
            }
            Kind::Stream => {
                let effect = Effect::Stream {
                    path: PathBuf::from(text),
                    filter: self.list.filter().map(|(filter, _)| Arc::clone(filter)),
                };
                self.saving = Some(prompt);
                vec![effect]
            }
        }
    }

    /// Says how an effect went. A file that could not be written is asked for again.
    fn done(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Exists { path } => self.save_exists(path),
            Outcome::SaveFailed { path, error } => {
                self.comments.left(false);
                let reason = reason(&path, &error).to_owned();
                if self.save_failed(reason).is_some() {
                    let failed = Outcome::SaveFailed { path, error };
                    self.toasts.push(Toast::from(failed));
                }
            }
            Outcome::Saved { .. } => {
                self.comments.left(true);
                self.writing = None;
                // Unless the next one is asked for already.
                if !self.overlays.contains(&Overlay::Dialog) {
                    self.dialog = None;
                }
                self.toasts.push(Toast::from(outcome));
            }
            Outcome::StreamFailed { path, error } if self.prompt.is_none() => {
                let reason = reason(&path, &error).to_owned();
                if let Some(mut prompt) = self.saving.take() {
                    prompt.refuse(format!("cannot stream: {reason}"));
                    self.prompt = Some(prompt);
                } else {
                    let failed = Outcome::StreamFailed { path, error };
                    self.toasts.push(Toast::from(failed));
                }
            }
            Outcome::Streaming { .. } | Outcome::StreamFailed { .. } => {
                self.saving = None;
                self.toasts.push(Toast::from(outcome));
            }
            Outcome::Streamed { .. }
            | Outcome::Copied { .. }
            | Outcome::CopyFailed { .. }
            | Outcome::ThemeFailed { .. } => self.toasts.push(Toast::from(outcome)),
        }
    }

    /// Takes in flows that were read back.
    fn take_back(&mut self, flows: Vec<(FlowId, Result<Box<Flow>, String>)>) {
        for (id, flow) in flows {
            self.recall.came(id, flow.as_ref().err().cloned());
            if let (Ok(flow), true) = (flow, self.recall.is_shown(id)) {
                self.store.restore(id, *flow);
            }
        }
    }

    /// Takes in what a search found.
    fn found(&mut self, found: Found) {
        self.recall.searched(&found);
        for (id, verdict) in found.verdicts {
            self.list.answer(found.round, id, verdict == Ok(true));
        }
    }

    /// A name for a file that is made now, such as `codextap-2026-11-20-140503`, without what it ends in.
    pub(super) fn file_stem(&self) -> String {
        let micros = self.now.as_micros().cast_signed();
        let moment = jiff::Timestamp::from_microsecond(micros).unwrap_or_default();
        let zone = self.options.time_zone.clone();
        moment
            .to_zoned(zone)
            .strftime("codextap-%Y-%m-%d-%H%M%S")
            .to_string()
    }

    /// Shows what passes the filter while it is being typed.
    fn preview(&mut self) {
        let Some(prompt) = &self.prompt else {
            return;
        };
        if prompt.problem().is_some() {
            return;
        }
        let text = prompt.text().to_owned();
        match prompt.kind() {
            Kind::Filter { .. } => self.apply_filter(&text),
            Kind::Frames { .. } => self.filter_frames(&text),
            Kind::Search { pane } => self.preview_search(*pane, &text),
            Kind::Stream | Kind::Comment { .. } => {}
        }
    }

    /// Says something for a while.
    pub fn note(&mut self, text: String) {
        self.toasts.push(Toast::note(text));
    }
}
