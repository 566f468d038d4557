//! Captures that are being read: their flows into the store, and what to say about it.

use crate::capture::{Intake, Piece, Skipped};
use crate::flow::Store;

/// How reading captures goes.
#[derive(Default, Debug)]
pub struct Loading {
    intake: Intake,
    /// How much was read, in percent; `None` when nothing is being read.
    percent: Option<u8>,
    /// Whether all was read that there was at first; what comes now was added to a file.
    is_done: bool,
    /// The files of which something was read, in order.
    files: Vec<Told>,
    /// Files that could not be read, or not further, each in one line.
    failures: Vec<String>,
}

/// What a file came to.
#[derive(Debug)]
struct Told {
    name: String,
    /// Lines that are flows.
    flows: u64,
    /// Lines that are none.
    foreign: Lines,
    /// Lines with flows that were read already.
    repeated: Lines,
}

/// Lines that gave nothing.
#[derive(Default, Debug)]
struct Lines {
    count: u64,
    first: Option<Skipped>,
}

impl Loading {
    /// How much was read, in percent; `None` when nothing is being read.
    #[must_use]
    pub fn percent(&self) -> Option<u8> {
        self.percent
    }

    /// Whether nothing was read yet.
    pub(super) fn is_new(&self) -> bool {
        self.percent.is_none() && !self.is_done
    }

    /// How many lines gave nothing.
    #[must_use]
    pub fn skips(&self) -> u64 {
        let files = self.files.iter();
        files
            .map(|file| file.foreign.count + file.repeated.count)
            .sum()
    }

    /// What to say of files that were read in part, a line each.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        let files = self.files.iter().filter(|file| !file.is_foreign());
        files.flat_map(|file| {
            let foreign = file.foreign.told("1 line is no flow", "lines are no flows");
            let repeated = file
                .repeated
                .told("1 flow was read already", "flows were read already");
            foreign.into_iter().chain(repeated)
        })
    }

    /// What to say of files that could not be read, a line each: those that are no capture at all, too.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        let foreign = self.files.iter().filter(|file| file.is_foreign());
        let foreign = foreign.filter_map(|file| {
            let Skipped { line, why, .. } = file.foreign.first.as_ref()?;
            let name = &file.name;
            Some(format!(
                "{name} is neither a capture nor a HAR: line {line}: {why}"
            ))
        });
        self.failures.iter().cloned().chain(foreign).collect()
    }

    /// Takes note of a file that could not be read, or not further.
    pub fn fail(&mut self, why: String) {
        self.failures.push(why);
    }

    /// Takes in a piece of a file.
    pub fn take(&mut self, store: &mut Store, piece: Piece, percent: u8) {
        self.percent = (!self.is_done).then_some(percent);
        for skipped in piece.skipped {
            self.file(&skipped.file).foreign.add(skipped);
        }
        for item in piece.items {
            let file = self.file(item.file());
            file.flows += 1;
            if let Err(skipped) = self.intake.take(store, item) {
                self.file(&skipped.file).repeated.add(skipped);
            }
        }
    }

    /// Takes note that all was read.
    pub(super) fn done(&mut self) {
        self.percent = None;
        self.is_done = true;
    }

    /// The file of this name, which is nearly always the one that was read last.
    fn file(&mut self, name: &str) -> &mut Told {
        let place = self.files.iter().rposition(|file| file.name == name);
        let place = place.unwrap_or_else(|| {
            self.files.push(Told {
                name: name.to_owned(),
                flows: 0,
                foreign: Lines::default(),
                repeated: Lines::default(),
            });
            self.files.len() - 1
        });
        &mut self.files[place]
    }
}

impl Told {
    /// Whether it has lines, and none of them is a flow.
    fn is_foreign(&self) -> bool {
        self.flows == 0
    }
}

impl Lines {
    fn add(&mut self, skipped: Skipped) {
        self.count += 1;
        self.first.get_or_insert(skipped);
    }

    /// `one` or, with their count, `several`, and why the first of them gave nothing.
    fn told(&self, one: &str, several: &str) -> Option<String> {
        let Skipped { file, line, why } = self.first.as_ref()?;
        Some(match self.count {
            1 => format!("{file}: {one}, line {line}: {why}"),
            count => format!("{file}: {count} {several}, the first at line {line}: {why}"),
        })
    }
}
