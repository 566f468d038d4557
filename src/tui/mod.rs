//! The loop: keys and tap events in, frames and effects out.
//!
//! Wait for a key, a tap event, a tick or a signal; take in what is queued, for at most
//! [`SLICE`]; draw if something changed and the last frame is [`PACE`] old. The loop waits for neither
//! the terminal nor the disk: frames go to the screen's thread and lines to the capture's. It
//! runs a tick only while something on the screen moves, so an idle screen costs no CPU.

mod canvas;
mod effects;
mod screen;
mod terminal;

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use crossterm::event::Event as Input;
use futures_util::{Stream, StreamExt};
use tokio::time::{Instant, sleep_until};

pub use screen::Screen;
pub use terminal::Terminal;

use crate::app::{self, App, Effect, Msg};
use crate::capture::Recording;
use crate::tap::{self, Clock};
use crate::view::{self, Theme};
use canvas::Canvas;
use effects::Effects;

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
    /// Takes the frames.
    pub screen: &'a Screen,
    /// The real terminal, to be released while the program is suspended.
    pub terminal: Option<&'a Terminal>,
    /// Columns and rows to begin with.
    pub size: (u16, u16),
}

/// How the loop ended.
pub struct Ended {
    /// What it worked on.
    pub session: Session,
    /// The tap, for what is still in flight to be recorded to its end.
    pub events: Option<tap::Receiver>,
    /// Whether the user quit; if not, the program was told to end.
    pub by_user: bool,
}

/// Runs until the user quits or `ending` resolves.
///
/// # Errors
/// When the terminal can no longer be read.
pub async fn run<K>(
    mut session: Session,
    mut devices: Devices<'_, K>,
    ending: impl Future<Output = ()>,
) -> io::Result<Ended>
where
    K: Stream<Item = io::Result<Input>> + Unpin,
{
    let mut ending = pin!(ending);
    let (mut effects, mut outcomes) = Effects::new();
    let mut canvas = Canvas::new(devices.size);
    let mut size = devices.size;
    let mut queue: VecDeque<tap::Event> = VecDeque::new();
    let mut arrived = Vec::new();
    let mut pace = Pace::default();
    loop {
        let mut messages = Vec::new();
        let has_queued = !queue.is_empty();
        tokio::select! {
            biased;
            () = &mut ending => {
                return Ok(Ended { session, events: devices.events, by_user: false });
            }
            input = devices.input.next() => match input {
                Some(Ok(input)) => messages.extend(message(input)),
                Some(Err(error)) => return Err(error),
                None => return Ok(Ended { session, events: devices.events, by_user: false }),
            },
            Some(outcome) = outcomes.recv() => messages.push(Msg::Done(outcome)),
            () = std::future::ready(()), if has_queued => {}
            is_open = receive(&mut devices.events, &mut arrived), if !has_queued => {
                if !is_open {
                    devices.events = None;
                }
                queue.extend(arrived.drain(..));
            }
            () = sleep_until(pace.due()), if pace.is_due_later() => {}
            () = sleep_until(pace.next_tick()), if session.app.is_animating() => {
                messages.push(Msg::Tick(session.clock.now()));
                pace.ticked();
            }
        }
        if take_in(&mut session, &mut queue) {
            messages.push(Msg::Changed);
        }
        for message in messages {
            if let Msg::Resize(columns, rows) = message {
                size = (columns, rows);
                canvas = Canvas::new(size);
                devices.screen.repaint();
            }
            pace.is_dirty = true;
            for effect in session.app.update(message) {
                match effect {
                    Effect::Quit => {
                        return Ok(Ended {
                            session,
                            events: devices.events,
                            by_user: true,
                        });
                    }
                    Effect::Redraw => devices.screen.repaint(),
                    Effect::Suspend => {
                        if let Some(terminal) = devices.terminal {
                            suspend(devices.screen, terminal)?;
                        }
                    }
                    effect => effects.perform(effect, &session, devices.screen),
                }
            }
        }
        if pace.may_draw() {
            session.app.prepare(size);
            let frame = canvas.draw(|frame| view::draw(&session.app, &session.theme, frame));
            devices.screen.show(frame);
            pace.drawn();
        }
    }
}

/// Takes queued events into the store, for at most one slice; tells whether there were any.
fn take_in(session: &mut Session, queue: &mut VecDeque<tap::Event>) -> bool {
    if queue.is_empty() {
        return false;
    }
    let began = session.clock.now();
    while let Some(event) = queue.pop_front() {
        session.recording.apply(session.app.store_mut(), event);
        if session.clock.now().since(began) > SLICE {
            break;
        }
    }
    session.app.status_mut().capture = match (session.recording.error(), session.recording.path()) {
        (Some(error), _) => app::Capture::Failed(error),
        (None, Some(_)) => app::Capture::Recording,
        (None, None) => app::Capture::Off,
    };
    true
}

/// The next events of the tap; `false` when it is closed. Without a tap, never.
async fn receive(events: &mut Option<tap::Receiver>, arrived: &mut Vec<tap::Event>) -> bool {
    match events {
        Some(events) => events.recv_many(arrived).await > 0,
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

/// Stops the process until the shell continues it, with the terminal given back meanwhile.
fn suspend(screen: &Screen, terminal: &Terminal) -> io::Result<()> {
    screen.settle();
    terminal.release();
    #[cfg(unix)]
    rustix::process::kill_current_process_group(rustix::process::Signal::TSTP)?;
    terminal.resume()?;
    screen.repaint();
    Ok(())
}

/// When to draw and when to tick.
#[derive(Debug)]
struct Pace {
    /// Something changed since the last frame.
    is_dirty: bool,
    drawn: Option<Instant>,
    ticked: Instant,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            is_dirty: true,
            drawn: None,
            ticked: Instant::now(),
        }
    }
}

impl Pace {
    /// When the next frame may be drawn.
    fn due(&self) -> Instant {
        self.drawn.map_or_else(Instant::now, |drawn| drawn + PACE)
    }

    fn may_draw(&self) -> bool {
        self.is_dirty && self.due() <= Instant::now()
    }

    fn is_due_later(&self) -> bool {
        self.is_dirty
    }

    fn drawn(&mut self) {
        self.is_dirty = false;
        self.drawn = Some(Instant::now());
    }

    fn next_tick(&self) -> Instant {
        self.ticked + TICK
    }

    fn ticked(&mut self) {
        self.ticked = Instant::now();
    }
}

/// The longest the loop decodes before it looks at keys again.
const SLICE: Duration = Duration::from_millis(8);
/// The shortest time between two frames.
const PACE: Duration = Duration::from_millis(16);
/// How often a moving screen moves.
const TICK: Duration = Duration::from_millis(100);
