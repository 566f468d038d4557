//! The loop: keys and tap events in, frames and effects out.
//!
//! Wait for a key, a tap event, a tick or a signal; do what it asks for; draw, at once after a key
//! and every 16 ms at most after anything else; then take in what is queued, for at most 8 ms, and
//! for 1 ms when a key is waiting. The loop waits for neither the terminal nor the disk: frames go
//! to the screen's thread and lines to the capture's. It runs a tick only while something on the
//! screen moves, so an idle screen costs no CPU.

mod answer;
mod away;
mod canvas;
mod effects;
mod input;
mod pace;
mod run;
mod saving;
mod screen;
mod terminal;

use std::collections::VecDeque;
use std::fs::File;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::Event as Input;
use futures_util::stream::Peekable;
use futures_util::{FutureExt, StreamExt};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::yield_now;
use tokio::time::sleep_until;

pub use saving::Lines;
pub use screen::Screen;
pub use terminal::Terminal;

use crate::app::{self, App, LogLine, Msg, Outcome};
use crate::capture::{Piece, Recording, Stream};
use crate::tap::{self, Clock};
use crate::view::{Ground, Theme};
use away::Away;
use canvas::Canvas;
use effects::Effects;
use pace::Pace;
use run::{Front, Run, window};

/// Everything the loop works on.
pub struct Session {
    /// What the user is doing, and the store.
    pub app: App,
    /// Colours.
    pub theme: Theme,
    /// Tap events into the store and the capture.
    pub recording: Recording,
    /// The clock that the tap uses too.
    pub clock: Clock,
}

/// Where the loop's input comes from and its frames go.
pub struct Devices<'a, K> {
    /// Keys, mouse, paste and resize events.
    pub input: K,
    /// What the proxy tells; `None` when a capture is browsed.
    pub events: Option<tap::Receiver>,
    /// What the program logs; `None` if nobody keeps it for the screen.
    pub log: Option<mpsc::Receiver<LogLine>>,
    /// What is read of captures; `None` when there is none to read.
    pub loading: Option<mpsc::UnboundedReceiver<Loading>>,
    /// How many children of others send their traffic to the proxy; `None` when there is no proxy.
    pub children: Option<watch::Receiver<usize>>,
    /// Comes to know what the terminal's text stands on, to choose the theme by; `None` if that was chosen.
    pub ground: Option<oneshot::Receiver<Ground>>,
    /// Takes the frames.
    pub screen: &'a Screen,
    /// The real terminal, to be released while the program is suspended.
    pub terminal: Option<&'a Terminal>,
    /// Columns and rows to begin with.
    pub size: (u16, u16),
}

/// What becomes of captures that are being read.
#[derive(Debug)]
pub enum Loading {
    /// The next file of the shelf.
    Opened(Arc<File>),
    /// A piece of a file, and how much of all files has been read by now, in percent.
    Piece(Piece, u8),
    /// A file could not be read, or not further, for this reason.
    Failed(String),
    /// Something about a file that was or will be read, in one line.
    Noted(String),
    /// All files were read. What is added to them may follow.
    Done,
}

/// How the loop ended.
pub struct Ended {
    /// What it worked on.
    pub session: Session,
    /// The tap, for what is still in flight to be recorded to its end.
    pub events: Option<tap::Receiver>,
    /// Why.
    pub end: End,
    /// What could not be saved after the last frame, each in one line.
    pub unsaved: Vec<String>,
}

/// Why the loop ended.
#[derive(Debug)]
pub enum End {
    /// The user quit.
    Quit,
    /// The program was told to end.
    Told,
    /// The terminal can no longer be used.
    Lost(io::Error),
}

/// Runs until the user quits, `ending` resolves or the terminal is lost. Files that are being saved
/// then are waited for, within reason.
pub async fn run<K>(
    mut session: Session,
    mut devices: Devices<'_, K>,
    ending: impl Future<Output = ()>,
) -> Ended
where
    K: futures_util::Stream<Item = io::Result<Input>> + Unpin,
{
    let (mut effects, mut outcomes) = Effects::new();
    let mut queue = VecDeque::new();
    let end = repeat(
        &mut session,
        &mut devices,
        &mut effects,
        &mut outcomes,
        &mut queue,
        ending,
    )
    .await;
    // What was taken from the tap is recorded, however the loop ended.
    for event in queue {
        record(&mut session, event);
    }
    effects.settle().await;
    // One that the loop did not live to begin gets what is still in flight.
    effects.begin_stream(&mut session.recording);
    let mut unsaved = Vec::new();
    while let Ok(message) = outcomes.try_recv() {
        if let Msg::Done(
            Outcome::SaveFailed { path, error } | Outcome::StreamFailed { path, error },
        ) = message
        {
            unsaved.push(format!("cannot save {}: {error}", path.display()));
        }
    }
    Ended {
        session,
        events: devices.events,
        end,
        unsaved,
    }
}

/// The loop itself.
async fn repeat<K>(
    session: &mut Session,
    devices: &mut Devices<'_, K>,
    effects: &mut Effects,
    outcomes: &mut mpsc::UnboundedReceiver<Msg>,
    queue: &mut VecDeque<tap::Event>,
    ending: impl Future<Output = ()>,
) -> End
where
    K: futures_util::Stream<Item = io::Result<Input>> + Unpin,
{
    let mut ending = pin!(ending);
    let mut input = (&mut devices.input).peekable();
    let front = Front {
        screen: devices.screen,
        terminal: devices.terminal,
    };
    let mut continued = front.terminal.and_then(|_| continued());
    let mut resized = front.terminal.and_then(|_| resized());
    let mut arrived = Vec::new();
    let mut has_recorded = false;
    tell_status(session, devices.children.as_ref());
    tell_themes(session);
    let coloured = Arc::new(Notify::new());
    let told = Arc::clone(&coloured);
    session.theme.tell_colours(move || told.notify_one());
    let guessed = session.theme.name().to_owned();
    let mut run = Run {
        session,
        effects,
        front,
        canvas: Canvas::new(devices.size),
        pace: Pace::default(),
        away: None,
    };
    loop {
        let mut messages = Vec::new();
        let has_queued = !queue.is_empty();
        let has_screen = run.away.is_none();
        let is_moving = has_screen && run.session.app.is_animating();
        tokio::select! {
            biased;
            () = &mut ending => return End::Told,
            input = input.next() => match input {
                Some(Ok(input)) => {
                    // What was typed before the shell was there is nobody's.
                    messages.extend(message(input).filter(|_| has_screen));
                    run.pace.is_awaited |= !messages.is_empty();
                }
                Some(Err(error)) => return End::Lost(error),
                None => return End::Told,
            },
            () = received(&mut resized), if has_screen => messages.extend(window()),
            why = returned(&mut run.away, &mut continued) => match run.retake(why) {
                Ok(size) => messages.extend(size),
                Err(error) => return End::Lost(error),
            },
            Some(message) = outcomes.recv() => {
                // For what was read back for the panes, a key may have asked.
                run.pace.is_awaited |= matches!(message, Msg::Recalled(_));
                messages.push(message);
            }
            () = coloured.notified() => run.pace.is_dirty = true,
            ground = answered(&mut devices.ground) => run.go_by(ground, &guessed),
            line = logged(&mut devices.log) => match line {
                Some(line) => messages.push(Msg::Logged(line)),
                None => devices.log = None,
            },
            // Not at once: signals and timers are looked at in between.
            () = yield_now(), if has_queued => {}
            news = next(&mut devices.loading) => match news {
                Some(news) => messages.extend(loaded(news, &mut run.session.recording)),
                None => devices.loading = None,
            },
            is_open = changed(&mut devices.children) => if !is_open {
                devices.children = None;
            },
            is_open = receive(&mut devices.events, &mut arrived), if !has_queued => {
                if !is_open {
                    devices.events = None;
                }
                queue.extend(arrived.drain(..));
            }
            () = sleep_until(run.pace.due()), if has_screen && run.pace.is_due_later() => {}
            () = sleep_until(run.pace.next_tick()), if is_moving => {
                messages.push(Msg::Tick(run.session.clock.now()));
                run.pace.ticked();
            }
            () = sleep_until(run.pace.check()), if run.pace.is_check_due() => run.pace.checked(),
            () = yield_now(), if run.session.app.is_busy() => {
                work(run.session, &mut input);
                run.pace.is_dirty = true;
            }
        }
        run.effects.begin_stream(&mut run.session.recording);
        if std::mem::take(&mut has_recorded) {
            messages.insert(0, Msg::Changed);
        }
        if let Some(end) = run.tell(messages) {
            return end;
        }
        run.draw(|| is_typed(&mut input));
        if take_in(run.session, queue, &mut input) {
            has_recorded = true;
            run.pace.is_dirty = true;
            run.pace.recorded();
        }
        run.session.recording.settle(run.session.app.store_mut());
        run.pace.is_dirty |= tell_status(run.session, devices.children.as_ref());
    }
}

/// Whether the user has done something that was not looked at yet.
fn is_typed<K>(input: &mut Peekable<K>) -> bool
where
    K: futures_util::Stream<Item = io::Result<Input>> + Unpin,
{
    Pin::new(input).peek().now_or_never().is_some()
}

/// Takes queued events into the store, for at most one slice; tells whether there were any.
fn take_in<K>(
    session: &mut Session,
    queue: &mut VecDeque<tap::Event>,
    input: &mut Peekable<K>,
) -> bool
where
    K: futures_util::Stream<Item = io::Result<Input>> + Unpin,
{
    if queue.is_empty() {
        return false;
    }
    let began = session.clock.now();
    while let Some(event) = queue.pop_front() {
        record(session, event);
        if is_over(session.clock.now().since(began), input) {
            break;
        }
    }
    true
}

/// Whether what took so long by now is to make way for keys.
fn is_over<K>(spent: Duration, input: &mut Peekable<K>) -> bool
where
    K: futures_util::Stream<Item = io::Result<Input>> + Unpin,
{
    spent > SLICE || (spent > SHORT_SLICE && is_typed(input))
}

/// Takes one event into the store and the capture.
fn record(session: &mut Session, event: tap::Event) {
    if let tap::Kind::Missed { bytes, .. } = event.kind {
        session.app.status_mut().lost += bytes;
    }
    session.recording.apply(session.app.store_mut(), event);
}

/// Lets the app go on with what takes long, for at most one slice.
fn work<K>(session: &mut Session, input: &mut Peekable<K>)
where
    K: futures_util::Stream<Item = io::Result<Input>> + Unpin,
{
    let began = session.clock.now();
    while session.app.is_busy() && !is_over(session.clock.now().since(began), input) {
        session.app.work();
    }
}

/// Tells the app how writing goes and who sends; says whether that is news.
fn tell_status(session: &mut Session, children: Option<&watch::Receiver<usize>>) -> bool {
    let capture = capture_status(&mut session.recording);
    let stream = session.recording.stream().map(stream_status);
    let status = session.app.status_mut();
    let children = children.map_or(0, |children| *children.borrow());
    let told = (&status.capture, &status.stream, status.children);
    let is_news = told != (&capture, &stream, children);
    (status.capture, status.stream, status.children) = (capture, stream, children);
    is_news
}

/// How the capture goes, as far as its thread has told.
fn capture_status(recording: &mut Recording) -> app::Capture {
    match (recording.error(), recording.path()) {
        (Some(error), _) => app::Capture::Failed(error),
        (None, Some(_)) => app::Capture::Recording,
        (None, None) => app::Capture::Off,
    }
}

/// How the stream goes, as far as its thread has told.
fn stream_status(stream: &mut Stream) -> app::Stream {
    app::Stream {
        path: stream.path().display().to_string(),
        problem: stream.problem(),
    }
}

/// The next events of the tap; `false` when it is closed. Without a tap, never.
async fn receive(events: &mut Option<tap::Receiver>, arrived: &mut Vec<tap::Event>) -> bool {
    match events {
        Some(events) => events.recv_many(arrived).await > 0,
        None => std::future::pending().await,
    }
}

/// What the terminal's text stands on, once; `None` if that will not be known. Where nobody asked, never.
async fn answered(asked: &mut Option<oneshot::Receiver<Ground>>) -> Option<Ground> {
    let Some(answer) = asked else {
        return std::future::pending().await;
    };
    let ground = answer.await.ok();
    *asked = None;
    ground
}

/// Resolves once the number of children has changed; `false` when it will not change any more.
/// Without a proxy, never.
async fn changed(children: &mut Option<watch::Receiver<usize>>) -> bool {
    match children {
        Some(children) => children.changed().await.is_ok(),
        None => std::future::pending().await,
    }
}

/// Tells the app which themes there are, and which is in force.
fn tell_themes(session: &mut Session) {
    let (theme, themes) = (session.theme.name().to_owned(), session.theme.others());
    let status = session.app.status_mut();
    (status.theme, status.themes) = (theme, themes);
}

/// What is logged next; where nobody keeps that, never.
async fn logged(log: &mut Option<mpsc::Receiver<LogLine>>) -> Option<LogLine> {
    match log {
        Some(log) => log.recv().await,
        None => std::future::pending().await,
    }
}

/// What is read of captures next; when there is nothing to read, never.
async fn next(loading: &mut Option<mpsc::UnboundedReceiver<Loading>>) -> Option<Loading> {
    match loading {
        Some(loading) => loading.recv().await,
        None => std::future::pending().await,
    }
}

/// What became of a capture that is being read, for the app; files are shelved.
fn loaded(news: Loading, recording: &mut Recording) -> Option<Msg> {
    match news {
        Loading::Opened(file) => {
            recording.shelve(file);
            None
        }
        Loading::Piece(piece, percent) => Some(Msg::Loaded(Box::new(piece), percent)),
        Loading::Failed(why) => Some(Msg::LoadFailed(why)),
        Loading::Noted(what) => Some(Msg::LoadNoted(what)),
        Loading::Done => Some(Msg::AllLoaded),
    }
}

/// Tells each time that the process was continued after a stop; `None` where that cannot be told.
fn continued() -> Option<Signal> {
    let number = rustix::process::Signal::CONT.as_raw();
    signal(SignalKind::from_raw(number)).ok()
}

/// Tells each time that the window got another size.
fn resized() -> Option<Signal> {
    signal(SignalKind::window_change()).ok()
}

/// Resolves when the signal came; without one, never.
async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// What an input event means to the app.
fn message(input: Input) -> Option<Msg> {
    match input {
        Input::Key(key) if key.is_release() => None,
        Input::Key(key) => Some(Msg::Key(key)),
        Input::Mouse(mouse) => Some(Msg::Mouse(mouse)),
        Input::Paste(text) => Some(Msg::Paste(text)),
        Input::Resize(columns, rows) => Some(Msg::Resize(columns, rows)),
        Input::FocusGained | Input::FocusLost => None,
    }
}

/// Resolves when the terminal is the program's again: when the shell that had it was left, or the
/// process was continued after a stop.
///
/// Gives what went wrong with what had the terminal, in one line.
async fn returned(away: &mut Option<Away>, continued: &mut Option<Signal>) -> Option<String> {
    if let Some(away) = away {
        return away.back().await;
    }
    received(continued).await;
    None
}

/// The longest the loop decodes before it looks at timers and signals again.
const SLICE: Duration = Duration::from_millis(8);
/// The longest it does while a key is waiting: keys that never end do not keep it from recording.
const SHORT_SLICE: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    #[test]
    fn what_takes_long_makes_way_for_keys_and_goes_on_all_the_same() {
        let key = || stream::once(async { Ok::<_, io::Error>(Input::FocusGained) });
        let mut typed = Box::pin(key()).peekable();
        let mut nothing = stream::pending::<io::Result<Input>>().peekable();
        let ms = Duration::from_millis;
        for (spent, with_key, without) in [(0, false, false), (2, true, false), (9, true, true)] {
            assert_eq!(is_over(ms(spent), &mut typed), with_key, "{spent} ms");
            assert_eq!(is_over(ms(spent), &mut nothing), without, "{spent} ms");
        }
        // The key is still there.
        assert!(typed.next().now_or_never().flatten().is_some());
        assert!(!is_typed(&mut nothing));
    }
}
