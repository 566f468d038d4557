//! What a turn of the loop does with what it was told: into the app, onto the screen, and to whoever has the
//! terminal meanwhile.

use std::io;

use super::away::Away;
use super::canvas::Canvas;
use super::effects::Effects;
use super::pace::Pace;
use super::{End, Screen, Session, Terminal};
use crate::app::{Effect, Msg};
use crate::view::{self, Ground};

/// What a turn of the loop works on.
pub(super) struct Run<'a> {
    pub(super) session: &'a mut Session,
    pub(super) effects: &'a mut Effects,
    pub(super) front: Front<'a>,
    pub(super) canvas: Canvas,
    pub(super) pace: Pace,
    /// What has the terminal meanwhile.
    pub(super) away: Option<Away>,
}

impl Run<'_> {
    /// Tells the app what happened, and does what it asks for. Gives why the loop is to end, if it is.
    pub(super) fn tell(&mut self, mut messages: Vec<Msg>) -> Option<End> {
        if !messages.is_empty() {
            // On a screen that rested, the last tick is long ago.
            messages.insert(0, Msg::Tick(self.session.clock.now()));
        }
        for message in messages {
            if let Msg::Resize(columns, rows) = message
                && self.canvas.resize((columns, rows))
            {
                self.front.screen.repaint();
            }
            self.pace.is_dirty = true;
            for effect in self.session.app.update(message) {
                match effect {
                    Effect::Quit => return Some(End::Quit),
                    Effect::Suspend | Effect::View { .. } => {
                        match leave(self.session, self.front, effect) {
                            Ok(other) => self.away = other,
                            Err(error) => return Some(End::Lost(error)),
                        }
                    }
                    // The shell's title is its own.
                    Effect::Title(_) if self.away.is_some() => {}
                    effect => self.perform(effect),
                }
            }
        }
        None
    }

    /// Draws a frame if it is time for one; `is_typed` says whether further keys wait.
    pub(super) fn draw(&mut self, is_typed: impl FnOnce() -> bool) {
        for effect in self.session.app.recall() {
            self.perform(effect);
        }
        self.pace.hold(self.session.app.is_waiting());
        if self.away.is_none() && self.pace.may_draw(is_typed) {
            let Session { app, theme, .. } = &mut *self.session;
            app.status_mut().is_patient = self.pace.is_patient();
            app.prepare(self.canvas.size());
            let frame = self.canvas.draw(|frame| view::draw(app, theme, frame));
            self.front.screen.show(frame);
            self.pace.drawn();
        }
    }

    /// Takes the theme that goes with what the terminal's text stands on. Whoever has chosen one since it was
    /// `guessed` knows better.
    pub(super) fn go_by(&mut self, ground: Option<Ground>, guessed: &str) {
        if let Some(ground) = ground.filter(|_| self.session.theme.name() == guessed) {
            self.perform(Effect::Theme(ground.theme().to_owned()));
            self.pace.is_dirty = true;
        }
    }

    fn perform(&mut self, effect: Effect) {
        let screen = self.front.screen;
        self.effects.perform(effect, self.session, screen);
    }

    /// Takes the terminal over again, from a shell or from whoever stopped the program and has left it in
    /// other modes. Gives the size that its window has by now, and says `why` something went wrong there.
    pub(super) fn retake(&mut self, why: Option<String>) -> io::Result<Option<Msg>> {
        if let Some(why) = why {
            self.session.app.note(why);
        }
        if let (None, Some(terminal)) = (self.away.take(), self.front.terminal) {
            self.front.screen.settle();
            terminal.release();
        }
        resume(self.front)?;
        let title = Effect::Title(self.session.app.title().to_owned());
        self.perform(title);
        Ok(window())
    }
}

/// What frames are shown on.
#[derive(Clone, Copy)]
pub(super) struct Front<'a> {
    pub(super) screen: &'a Screen,
    /// The real terminal.
    pub(super) terminal: Option<&'a Terminal>,
}

/// Gives the terminal away: to what shows a text, or to a shell, behind which a proxy goes on. What only
/// reads captures is stopped instead, until the shell that it was started from continues it.
fn leave(session: &mut Session, front: Front<'_>, effect: Effect) -> io::Result<Option<Away>> {
    let Some(terminal) = front.terminal else {
        return Ok(None);
    };
    front.screen.settle();
    terminal.release();
    let away = match effect {
        Effect::View { viewer, text } => Away::view(viewer, &text),
        _ if session.app.options().is_proxy => Away::shell(session.app.options().capture.is_some()),
        _ => {
            #[cfg(unix)]
            rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
            resume(front)?;
            return Ok(None);
        }
    };
    match away {
        Ok(away) => return Ok(Some(away)),
        Err(error) => session.app.note(format!("cannot start {error}")),
    }
    resume(front)?;
    Ok(None)
}

/// Takes the terminal over again after a release.
fn resume(front: Front<'_>) -> io::Result<()> {
    if let Some(terminal) = front.terminal {
        terminal.resume()?;
    }
    front.screen.repaint();
    Ok(())
}

/// The size of the window.
pub(super) fn window() -> Option<Msg> {
    let (columns, rows) = crossterm::terminal::size().ok()?;
    Some(Msg::Resize(columns, rows))
}
