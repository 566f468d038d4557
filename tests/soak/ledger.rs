//! What both ends say about each exchange, brought together.

use std::collections::BTreeMap;

use crate::plan::{Arrival, End, Exchange, Kind};
use crate::play::{Note, Outcome};

/// Sums over exchanges that were not disturbed, as one end counted them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Counters {
    pub(crate) exchanges: u64,
    /// Bytes of the client and of the upstream, heads, chunk sizes and frame headers included, as far as this end
    /// sent or received them. The capture does not have them all.
    pub(crate) bytes: [u64; 2],
    /// Those of the bodies of HTTP exchanges, on the wire.
    pub(crate) bodies: [u64; 2],
    /// Events of event streams.
    pub(crate) events: u64,
    /// Messages of WebSockets.
    pub(crate) messages: u64,
}

/// What is known so far.
pub(crate) struct Ledger {
    seed: u64,
    host: String,
    /// Notes whose other half is not there yet.
    halves: BTreeMap<u64, Note>,
    /// By number: whether both ends have spoken.
    settled: Vec<bool>,
    /// As the client counted, and as the upstream did.
    pub(crate) counters: [Counters; 2],
    /// Exchanges by kind: undisturbed, and disturbed.
    pub(crate) kinds: BTreeMap<Kind, [u64; 2]>,
    /// Answers of the proxy's own.
    pub(crate) answered: u64,
    /// What should not have been.
    pub(crate) wrongs: Vec<String>,
}

impl Ledger {
    pub(crate) fn new(seed: u64, host: String) -> Self {
        Self {
            seed,
            host,
            halves: BTreeMap::new(),
            settled: Vec::new(),
            counters: Default::default(),
            kinds: BTreeMap::new(),
            answered: 0,
            wrongs: Vec::new(),
        }
    }

    pub(crate) fn take(&mut self, note: Note) {
        let id = note.id as usize;
        if self.settled.len() <= id {
            self.settled.resize(id + 1, false);
        }
        if self.settled[id] {
            self.wrongs.push(format!("#{id} was sent again: {note:?}"));
            return;
        }
        let Some(other) = self.halves.remove(&note.id) else {
            self.halves.insert(note.id, note);
            return;
        };
        if other.end == note.end {
            self.wrongs.push(format!("#{id} was sent again: {note:?}"));
            return;
        }
        self.settled[id] = true;
        let (client, upstream) = match note.end {
            End::Client => (note, other),
            End::Upstream => (other, note),
        };
        self.settle(&client, Some(&upstream));
    }

    /// All have spoken who ever will.
    pub(crate) fn finish(&mut self) {
        for (_, note) in std::mem::take(&mut self.halves) {
            match note.end {
                End::Client => self.settle(&note, None),
                End::Upstream => self.wrongs.push(format!("no client for {note:?}")),
            }
        }
    }

    fn settle(&mut self, client: &Note, upstream: Option<&Note>) {
        let exchange = Exchange::new(self.seed, client.id, &self.host);
        let is_sound = exchange.fault.is_none();
        self.kinds.entry(exchange.kind).or_default()[usize::from(!is_sound)] += 1;
        self.answered += u64::from(client.outcome == Outcome::Answered);
        if let Err(wrong) = judge(&exchange, client, upstream) {
            self.wrongs.push(format!(
                "#{} {:?} {:?}: {wrong}; {client:?}; {upstream:?}",
                exchange.id, exchange.kind, exchange.fault
            ));
        }
        if !is_sound {
            return;
        }
        let notes = [Some(client), upstream];
        for (counters, note) in self.counters.iter_mut().zip(notes) {
            let Some(note) = note else { continue };
            let (up, down) = match note.end {
                End::Client => (note.sent, note.received),
                End::Upstream => (note.received, note.sent),
            };
            let is_whole = u64::from(note.outcome == Outcome::Whole);
            let messages: u64 = exchange.messages.iter().sum();
            counters.exchanges += is_whole;
            counters.bytes[0] += up as u64;
            counters.bytes[1] += down as u64;
            if exchange.kind != Kind::Socket {
                for (sum, body) in counters.bodies.iter_mut().zip(&exchange.bodies) {
                    *sum += body.len() as u64 * is_whole;
                }
            }
            match exchange.kind {
                Kind::Socket => counters.messages += messages * is_whole,
                Kind::Json | Kind::Events | Kind::Refused => counters.events += messages * is_whole,
            }
        }
    }
}

/// Whether it went as it should.
fn judge(exchange: &Exchange, client: &Note, upstream: Option<&Note>) -> Result<(), &'static str> {
    for note in [Some(client), upstream].into_iter().flatten() {
        if matches!(note.outcome, Outcome::Wrong(_)) {
            return Err("other bytes than those sent");
        }
    }
    let Some(upstream) = upstream else {
        return match exchange.arrival()[0] {
            Arrival::Once => Err("the upstream heard nothing of it"),
            Arrival::Perhaps | Arrival::Never => Ok(()),
        };
    };
    if exchange.arrival()[0] == Arrival::Never {
        return Err("the upstream should not have heard of it");
    }
    let lengths = exchange.lengths();
    if exchange.fault.is_none() {
        let is_whole = client.outcome == Outcome::Whole
            && upstream.outcome == Outcome::Whole
            && [client.sent, client.received] == lengths
            && [upstream.received, upstream.sent] == lengths;
        return if is_whole { Ok(()) } else { Err("not whole") };
    }
    if upstream.received > client.sent || client.received > upstream.sent {
        return Err("received more than was sent");
    }
    Ok(())
}
