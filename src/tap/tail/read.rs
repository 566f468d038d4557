//! Reading what a killed program left of its tail.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::record::{Record, records};
use super::{LABEL, Label};
use crate::tap::channel::Told;
use crate::tap::clock::At;
use crate::tap::event::{Direction, End, Event, ExchangeId, Failure, Kind, Phase};
use crate::tap::secret::Redactor;

/// A tail whose program is gone. As long as it is kept nobody else takes it.
#[derive(Debug)]
pub struct Remains {
    directory: PathBuf,
    /// Keeps the lock.
    _lock: File,
    started: At,
    redactor: Redactor,
}

/// What was in flight when a program was killed.
#[derive(Default, Debug)]
pub struct InFlight {
    /// What was told, in the order of time, masked; at the end of each exchange, that the program was killed.
    pub events: Vec<Event>,
    /// Turns of exchanges that are not to stand in the capture.
    pub left_out: HashSet<(ExchangeId, u32)>,
}

/// What an exchange is known to have come to.
struct Standing {
    last: At,
    phase: Phase,
    is_over: [bool; 2],
}

impl Remains {
    /// The tails in a directory that such may be in: the name of each, which is that of its run, and the capture that its flows
    /// belong to.
    #[must_use]
    pub fn list(directory: &Path) -> Vec<(String, PathBuf)> {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let tails = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let label = Label::read(&entry.path()).ok()?;
            // Others are being made.
            let is_named = !name.starts_with('.');
            is_named.then_some((name, label.capture))
        });
        tails.collect()
    }

    /// Takes the tail of the run `name`; `None` if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::WouldBlock`] if the program lives that writes it; else what the operating system says, or that the tail is
    /// not to be understood.
    pub fn take(directory: &Path, name: &str) -> io::Result<Option<Self>> {
        let directory = directory.join(name);
        let lock = match File::open(&directory) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        lock.try_lock()?;
        let label = match Label::read(&directory) {
            // Somebody else has recovered it at this moment.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        Ok(Some(Self {
            directory,
            _lock: lock,
            started: At::from_micros(label.started),
            redactor: Redactor::remembering(label.memory),
        }))
    }

    /// When the run began.
    #[must_use]
    pub fn started(&self) -> At {
        self.started
    }

    /// What masks what the run had in flight, with the run's own marks.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// What there is.
    ///
    /// # Errors
    /// What reading gives.
    pub fn read(&self) -> io::Result<InFlight> {
        let mut in_flight = InFlight::default();
        let mut told = Vec::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let is_slot = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(is_slot) {
                let slot = Bytes::from(std::fs::read(path)?);
                take(slot, &mut told, &mut in_flight.left_out);
            }
        }
        // As they were masked: what one exchange shows to be a credential is one in those behind it.
        told.sort_by_key(|(_, at, _)| *at);
        let events = told.into_iter().map(|(exchange, at, told)| Event {
            exchange,
            at,
            kind: told.masked(&self.redactor),
        });
        in_flight.events = events.collect();
        Ok(in_flight)
    }

    /// Removes it.
    ///
    /// # Errors
    /// What removing gives.
    pub fn remove(self) -> io::Result<()> {
        match std::fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Label {
    fn read(directory: &Path) -> io::Result<Self> {
        let text = std::fs::read(directory.join(LABEL))?;
        Ok(serde_json::from_slice(&text)?)
    }
}

/// Takes what a slot has.
fn take(
    slot: Bytes,
    told: &mut Vec<(ExchangeId, At, Told)>,
    left_out: &mut HashSet<(ExchangeId, u32)>,
) {
    let mut records = records(slot);
    let Some(Record::Begun(exchange)) = records.next() else {
        return;
    };
    let mut standing: Option<Standing> = None;
    for record in records {
        match record {
            Record::Told(at, kind) => {
                let standing = standing.get_or_insert(Standing::new(at));
                // The order counts, whatever the clock says.
                standing.last = standing.last.max(at);
                standing.take(&kind);
                told.push((exchange, standing.last, kind));
            }
            Record::LeftOut(turn) => {
                left_out.insert((exchange, turn));
            }
            Record::Begun(_) => return,
        }
    }
    if let Some(standing) = standing {
        let rest = standing.rest();
        told.extend(rest.map(|kind| (exchange, standing.last, kind.into())));
    }
}

impl Standing {
    fn new(at: At) -> Self {
        Self {
            last: at,
            phase: Phase::Head,
            is_over: [false, false],
        }
    }

    fn take(&mut self, told: &Told) {
        match told {
            Told::Kind(Kind::Upgraded) => {
                *self = Self {
                    phase: Phase::Relay,
                    ..Self::new(self.last)
                }
            }
            Told::Kind(Kind::Ended { dir, .. }) => {
                self.is_over[usize::from(*dir == Direction::In)] = true;
            }
            Told::Unmasked(head) if head.is_response() => self.phase = Phase::Body,
            _ => {}
        }
    }

    /// What ends an exchange that was in flight.
    fn rest(&self) -> impl Iterator<Item = Kind> + use<> {
        let open = [Direction::Out, Direction::In]
            .into_iter()
            .zip(self.is_over)
            .filter(|(_, is_over)| !is_over)
            .map(|(dir, _)| Kind::Ended {
                dir,
                how: End::Aborted,
            });
        let is_live = self.is_over != [true, true];
        let killed = is_live.then(|| Kind::Failed(Failure::killed(self.phase)));
        killed.into_iter().chain(open)
    }
}
