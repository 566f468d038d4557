//! Does what the app asked for: saving files, reading flows back, the clipboard, the title.
//!
//! Whatever can wait for a device runs on a thread of its own; how it ended comes back as a
//! message.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::saving::{Source, completions, expanded};
use super::{Screen, Session};
use crate::app::{Effect, Msg, Outcome, Save};
use crate::capture::{self, Choice, Recording, Stream, Written};
use crate::config::environment;
use crate::content::format;
use crate::flow::{Flow, Store};
use crate::tap::Redactor;

/// Performs effects.
pub(super) struct Effects {
    done: mpsc::UnboundedSender<Msg>,
    /// Masks what was recorded in plain.
    redactor: Redactor,
    /// Files that are being saved, opened or closed.
    saving: JoinSet<()>,
    /// A stream that is being opened.
    opening: Option<oneshot::Receiver<Stream>>,
}

impl Effects {
    /// With the receiving end of what came of them.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Msg>) {
        let (done, outcomes) = mpsc::unbounded_channel();
        let effects = Self {
            done,
            redactor: Redactor::new(),
            saving: JoinSet::new(),
            opening: None,
        };
        (effects, outcomes)
    }

    /// Waits for the files that are being saved, but not for ever: a disk may hang.
    pub(super) async fn settle(&mut self) {
        let saved = async { while self.saving.join_next().await.is_some() {} };
        if timeout(PATIENCE, saved).await.is_err() {
            let _ = self.done.send(Msg::Done(Outcome::SaveFailed {
                path: "the last flows".into(),
                error: "the disk does not answer".to_owned(),
            }));
        }
    }

    /// Has chosen flows written to a stream that was opened since this was last called.
    pub(super) fn begin_stream(&mut self, recording: &mut Recording) {
        let opened = self.opening.as_mut().map(oneshot::Receiver::try_recv);
        if let Some(Ok(stream)) = opened {
            self.opening = None;
            self.end_stream(recording.stream_to(Some(stream)));
        }
    }

    /// Where files that are written now get their flows from.
    fn source(&self, session: &Session) -> Source {
        let options = session.app.options();
        Source {
            store: session.app.store().clone(),
            shelf: session.recording.shelf().clone(),
            redactor: if options.is_redacted {
                self.redactor.clone()
            } else {
                Redactor::off()
            },
            is_masked: options.is_proxy,
        }
    }

    /// Writes flows to a file.
    fn write(&mut self, save: Save, session: &Session) {
        let save = Save {
            path: expanded(&save.path),
            ..save
        };
        let (source, told) = (self.source(session), self.done.clone());
        let all = save.flows.len();
        self.save(move || {
            let tell = |number: usize| {
                // A hundred times at most; a loop that ended has no use for it.
                if number.is_multiple_of(all / 100 + 1) {
                    let _ = told.send(Msg::Written(number));
                }
            };
            let saved = source.save(&save, tell);
            let path = save.path;
            match saved {
                Ok(count) => Outcome::Saved { path, count },
                Err(capture::Error::Exists(_)) => Outcome::Exists { path },
                Err(error) => Outcome::SaveFailed {
                    path,
                    error: error.to_string(),
                },
            }
        });
    }

    /// Tells the app how something went.
    pub(super) fn tell(&self, outcome: Outcome) {
        // A loop that ended has no use for it.
        let _ = self.done.send(Msg::Done(outcome));
    }

    /// Closes a stream.
    fn end_stream(&mut self, stream: Option<Stream>) {
        let Some(stream) = stream else { return };
        self.save(move || {
            let Written { path, status } = stream.finish();
            match status.error {
                None => Outcome::Streamed {
                    path,
                    count: status.lines,
                },
                Some(error) => Outcome::StreamFailed { path, error },
            }
        });
    }

    /// Waits for a device on a thread of its own, which the end of the program waits for.
    fn save(&mut self, save: impl FnOnce() -> Outcome + Send + 'static) {
        let done = self.done.clone();
        while self.saving.try_join_next().is_some() {}
        self.saving.spawn_blocking(move || {
            // A loop that ended meanwhile has no use for the outcome.
            let _ = done.send(Msg::Done(save()));
        });
    }

    /// Performs one effect. Quitting and suspending are the loop's own.
    pub(super) fn perform(&mut self, effect: Effect, session: &mut Session, screen: &Screen) {
        match effect {
            Effect::Save(save) => self.write(save, session),
            Effect::Preview { round, form, flows } => {
                let (source, done) = (self.source(session), self.done.clone());
                tokio::task::spawn_blocking(move || {
                    let _ = done.send(Msg::Previewed(source.preview(round, form, &flows)));
                });
            }
            Effect::Complete(text) => {
                let done = self.done.clone();
                tokio::task::spawn_blocking(move || {
                    let names = completions(&text);
                    let _ = done.send(Msg::Completed(text, names));
                });
            }
            Effect::Stream { path, filter } => {
                let path = expanded(&path);
                let passes = move |flow: &Flow, store: &Store| {
                    let filter = filter.as_deref();
                    // Whoever marks a flow does so after it ended.
                    filter.is_none_or(|it| it.matches(flow, it.standing(store, flow.id, false)))
                };
                let capture = session.recording.path().map(Path::to_owned);
                let (opened, opening) = oneshot::channel();
                self.opening = Some(opening);
                self.save(move || {
                    let choice = Choice::new(passes);
                    match Stream::open(&path, BACKLOG, choice, capture.as_deref()) {
                        Ok(stream) => {
                            // Nobody waits for it if another one was asked for meanwhile.
                            let _ = opened.send(stream);
                            Outcome::Streaming { path }
                        }
                        Err(error) => Outcome::StreamFailed {
                            path,
                            error: error.to_string(),
                        },
                    }
                });
            }
            Effect::EndStream => {
                let stream = session.recording.stream_to(None);
                self.end_stream(stream);
            }
            Effect::Read(ids) => {
                let store = session.app.store();
                let wanted: Vec<_> = ids
                    .into_iter()
                    .filter_map(|id| Some((id, store.place(id)?, store.summary(id)?.name.clone())))
                    .collect();
                let files = session.recording.shelf().clone();
                let done = self.done.clone();
                tokio::task::spawn_blocking(move || {
                    let flows = wanted.into_iter().map(|(id, place, name)| {
                        let flow = files.read(place, &name).map(Box::new);
                        (id, flow)
                    });
                    let _ = done.send(Msg::Recalled(flows.collect()));
                });
            }
            Effect::Search(search) => {
                let files = session.recording.shelf().clone();
                let done = self.done.clone();
                tokio::task::spawn_blocking(move || {
                    let _ = done.send(Msg::Found(search.run(&files)));
                });
            }
            Effect::SearchText(search) => {
                let done = self.done.clone();
                tokio::task::spawn_blocking(move || {
                    let _ = done.send(Msg::Hits(search.run()));
                });
            }
            Effect::Extract(extract) => {
                let done = self.done.clone();
                tokio::task::spawn_blocking(move || {
                    let _ = done.send(Msg::Extracted(extract.run()));
                });
            }
            Effect::Copy(text) => {
                let _ = self.done.send(Msg::Done(copy(text, screen)));
            }
            Effect::Title(title) => {
                let mut sequence = String::from("\x1b]2;");
                // Writing to a string cannot fail; the title holds no control character.
                let _ = write!(sequence, "{}\x07", crate::text::Clean::new(&title));
                screen.send(sequence.as_bytes());
            }
            Effect::Theme(name) => match session.theme.other(&name) {
                Ok(theme) => {
                    session.theme = theme;
                    session.app.status_mut().theme = name;
                }
                Err(error) => self.tell(Outcome::ThemeFailed {
                    error: error.to_string(),
                }),
            },
            Effect::Redraw => screen.repaint(),
            Effect::Quit | Effect::Suspend | Effect::View { .. } => {}
        }
    }
}

/// Puts `text` into the clipboard, if terminals take that much.
fn copy(text: String, screen: &Screen) -> Outcome {
    let sequence = clipboard(&text);
    if sequence.len() > MOST_COPIED {
        let [len, most] = [text.len(), MOST_COPIED / 4 * 3].map(|len| format::bytes(len as u64));
        let error = format!("{len} is more than terminals take (OSC 52: {most}); save or view it");
        return Outcome::CopyFailed { error };
    }
    screen.send(sequence.as_bytes());
    let copied = Outcome::Copied {
        chars: text.chars().count(),
        most: (text.len() > SURELY_COPIED).then_some(SURELY_COPIED),
    };
    if environment("TMUX").is_some() {
        tokio::task::spawn_blocking(move || give_to_tmux(&text));
    }
    copied
}

/// The sequence that puts `text` on the clipboard (OSC 52), through SSH and tmux too.
fn clipboard(text: &str) -> String {
    use base64::Engine as _;
    let encoded = base64::engine::general_purpose::STANDARD.encode(text);
    format!("\x1b]52;c;{encoded}\x07")
}

/// Gives `text` to the tmux that this runs in, for a paste buffer and the terminal's clipboard. As it is set up at first
/// (`set-clipboard external`), tmux takes no OSC 52 of the programs in it, but passes on what it is given so.
fn give_to_tmux(text: &str) {
    let mut tmux = Command::new("tmux");
    let tmux = tmux.args(["load-buffer", "-w", "-"]).stdin(Stdio::piped());
    // Where there is no `tmux`, the sequence was all that could be done.
    let Ok(mut tmux) = tmux.stdout(Stdio::null()).stderr(Stdio::null()).spawn() else {
        return;
    };
    if let Some(mut input) = tmux.stdin.take() {
        let _ = input.write_all(text.as_bytes());
    }
    let _ = tmux.wait();
}

/// How long the end of the program waits for files that are being saved.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest sequence that tmux passes on, in bytes (`input-buffer-size`).
const MOST_COPIED: usize = 1 << 20;
/// Bytes of text that every terminal takes which takes any: xterm-like ones have bounds of 100 000 bytes for the
/// whole sequence.
const SURELY_COPIED: usize = 74_994;

/// How many bytes of a stream's lines may wait for the disk. What is more stands in the capture.
const BACKLOG: u64 = 16 << 20;
