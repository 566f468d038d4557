//! Reading what a killed program left of its tail.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    /// Connections of which there is not all: what [`Tail::rest`](super::Tail::rest) was given of each.
    pub resting: Vec<(ExchangeId, Bytes)>,
    /// What was told besides, in the order of time, masked; at the end of each exchange, that the program was killed.
    pub events: Vec<Event>,
    /// Turns of exchanges that are not to stand in the capture.
    pub left_out: HashSet<(ExchangeId, u32)>,
}

/// What a slot has.
#[derive(Default)]
struct Contents {
    /// What stands for all that was told before.
    rested: Option<Bytes>,
    /// How many bytes were relayed since the upgrade, or told without one.
    reach: u64,
    told: Vec<(At, Told)>,
    left_out: Vec<u32>,
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
        let mut slots: HashMap<ExchangeId, Contents> = HashMap::new();
        for entry in std::fs::read_dir(&self.directory)? {
            let path = entry?.path();
            let is_slot = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(is_slot)
                && let Some((exchange, slot)) = Contents::of(std::fs::read(path)?.into())
            {
                let before = slots.entry(exchange).or_default();
                // One may be about to be replaced by another one, which may not be written yet.
                if before.rank() < slot.rank() {
                    *before = slot;
                }
            }
        }
        let mut in_flight = InFlight::default();
        let mut told = Vec::new();
        for (exchange, slot) in slots {
            let turns = slot.left_out.into_iter().map(|turn| (exchange, turn));
            in_flight.left_out.extend(turns);
            let rested = slot.rested.map(|rest| (exchange, rest));
            in_flight.resting.extend(rested);
            let of_it = slot.told.into_iter();
            told.extend(of_it.map(|(at, told)| (exchange, at, told)));
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
        match remove(&self.directory) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes what nobody will recover, of all tails in `directory` whose programs are gone: those that do not say whose they
    /// are, because they were being made or removed, those whose capture's directory is gone, and those that have not
    /// changed for a week.
    pub fn sweep(directory: &Path) {
        // One that is being made may not be locked yet: nobody makes one meanwhile.
        let Ok(place) = File::open(directory) else {
            return;
        };
        if place.try_lock().is_err() {
            return;
        }
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        for tail in entries.filter(|it| it.file_type().is_ok_and(|kind| kind.is_dir())) {
            let tail = tail.path();
            let lock = File::open(&tail).and_then(|lock| Ok(lock.try_lock().map(|()| lock)?));
            if lock.is_ok() && is_abandoned(&tail) {
                // One that stays is there at the next start.
                let _ = remove(&tail);
            }
        }
    }
}

/// Whether nobody will recover a tail.
fn is_abandoned(tail: &Path) -> bool {
    let name = tail.file_name().unwrap_or_default();
    if name.as_encoded_bytes().starts_with(b".") {
        return true;
    }
    let is_lost = match Label::read(tail) {
        Ok(label) => {
            (label.capture.parent()).is_none_or(|home| matches!(home.try_exists(), Ok(false)))
        }
        Err(error) => error.kind() == ErrorKind::NotFound,
    };
    let files = std::fs::read_dir(tail).into_iter().flatten().flatten();
    let changed = files.filter_map(|file| file.metadata().ok()?.modified().ok());
    let age = changed.max().and_then(|last| last.elapsed().ok());
    is_lost || age.is_some_and(|age| age > KEPT)
}

/// Removes a tail; last of all what says whose it is, without which nobody would come back for the rest.
pub(super) fn remove(tail: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(tail)? {
        let path = entry?.path();
        if !path.ends_with(LABEL) {
            std::fs::remove_file(path)?;
        }
    }
    std::fs::remove_dir_all(tail)
}

impl Label {
    fn read(directory: &Path) -> io::Result<Self> {
        let text = std::fs::read(directory.join(LABEL))?;
        Ok(serde_json::from_slice(&text)?)
    }
}

impl Contents {
    /// What a slot has, and whose it is.
    fn of(bytes: Bytes) -> Option<(ExchangeId, Self)> {
        let mut records = records(bytes);
        let Some(Record::Begun(exchange)) = records.next() else {
            return None;
        };
        let mut slot = Self::default();
        let mut standing: Option<Standing> = None;
        for record in records {
            match record {
                Record::Told(at, told) => {
                    let standing = standing.get_or_insert(Standing::new(at));
                    // The order counts, whatever the clock says.
                    standing.last = standing.last.max(at);
                    standing.take(&told);
                    match &told {
                        Told::Kind(Kind::Upgraded) => slot.reach = 0,
                        Told::Kind(Kind::Data { bytes, .. }) => slot.reach += bytes.len() as u64,
                        _ => {}
                    }
                    slot.told.push((standing.last, told));
                }
                Record::Rested(relayed, at, rest) => {
                    slot.rested = Some(rest);
                    slot.reach = relayed;
                    standing = Some(Standing {
                        phase: Phase::Relay,
                        ..Standing::new(at)
                    });
                }
                Record::LeftOut(turn) => slot.left_out.push(turn),
                Record::Begun(_) => break,
            }
        }
        if let Some(standing) = standing {
            let rest = standing.rest();
            slot.told
                .extend(rest.map(|kind| (standing.last, kind.into())));
        }
        Some((exchange, slot))
    }

    /// Of two slots of an exchange the greater one counts.
    fn rank(&self) -> impl Ord + use<> {
        (self.reach, self.rested.is_some(), self.told.len())
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

/// How long a tail waits for somebody who names its capture.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
