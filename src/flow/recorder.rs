//! Tap events into flows: the one place where what the proxy copied becomes what happened.
//!
//! The recorder keeps, per exchange, the decoders that its bytes are in the middle of; all that is
//! finished stands in the [`Store`]. It takes events in the order in which they were told, and gives the flows
//! that ended, in the order in which they ended: that is the order of a capture.

use std::collections::HashMap;
use std::sync::Arc;

use super::http::HttpBody;
use super::socket::{Resting, Socket};
use super::{Flow, FlowId, FlowKind, Pending, Spills, Store};
use crate::responses::Status;
use crate::tap::{
    At, Direction, End, Event, ExchangeId, Failure, Kind, Parties, Phase, Redactor, RequestHead,
    ResponseHead, Side, field,
};

/// Makes flows from tap events.
#[derive(Debug)]
pub struct Recorder {
    /// Masks bodies and messages before they are stored.
    redactor: Redactor,
    /// In front of every flow's name, so that names of different runs differ.
    run: String,
    /// What is going on: an exchange enters with its first event and leaves when both directions ended.
    exchanges: HashMap<ExchangeId, Exchange>,
    /// Flows that ended and were not taken yet.
    finished: Vec<FlowId>,
    /// Failures that only what was exchanged tells, and that were not taken yet.
    judged: Vec<(Parties, Failure)>,
    /// Where bodies go that are too long for the memory.
    spills: Option<Arc<dyn Spills>>,
}

/// An exchange that still goes on.
#[derive(Debug)]
struct Exchange {
    /// The flow it is: an HTTP exchange or a connection.
    flow: FlowId,
    /// Between whom it is; unknown to a recorder that goes on with it.
    parties: Option<Parties>,
    /// Decodes what Codex sends.
    request: HttpBody,
    /// Decodes what comes back; made when the response's head tells how.
    response: HttpBody,
    /// Decodes frames, once upgraded.
    socket: Option<Box<Socket>>,
    /// Which directions are over.
    is_over: [bool; 2],
}

impl Recorder {
    /// A recorder for a run that began at `started`, which makes its flows' names unique.
    #[must_use]
    pub fn new(started: At, redactor: Redactor) -> Self {
        Self {
            redactor,
            run: base36(started.as_micros()),
            exchanges: HashMap::new(),
            finished: Vec::new(),
            judged: Vec::new(),
            spills: None,
        }
    }

    /// Has what is too long for the memory go to `spills`. Without, it is counted as missed.
    pub fn spill_to(&mut self, spills: Arc<dyn Spills>) {
        self.spills = Some(spills);
    }

    /// Takes one event into the store.
    pub fn apply(&mut self, store: &mut Store, event: Event) {
        let Event {
            exchange: id,
            at,
            kind,
        } = event;
        if let Kind::Opened {
            connection,
            client,
            upstream,
        } = kind
        {
            let name = self.name(id);
            let parties = Parties {
                connection,
                exchange: id,
                client,
                upstream: Arc::clone(&upstream),
            };
            let flow = store.push(Flow::new(name, client.to_string(), upstream, at));
            self.exchanges
                .insert(id, Exchange::new(flow, Some(parties)));
            return;
        }
        let Some(exchange) = self.exchanges.get_mut(&id) else {
            return;
        };
        match kind {
            Kind::Opened { .. } => {}
            Kind::Request(head) => exchange.begin_request(store, head, self.spills.clone()),
            Kind::Connected(connection) => {
                store.change(exchange.flow, |flow| {
                    flow.connection = Some(connection);
                    flow.connected_at = Some(at);
                });
            }
            Kind::Response(head) => {
                exchange.begin_response(store, head, at, self.spills.clone());
            }
            Kind::Upgraded => exchange.upgrade(store, self.spills.clone()),
            Kind::Data { dir, bytes } => {
                if let Some(socket) = &mut exchange.socket {
                    socket.push(store, dir, &bytes, at, &self.redactor, &mut self.finished);
                } else {
                    let flow = exchange.flow;
                    let body = exchange.body(dir);
                    store.change(flow, |flow| body.push(flow, &bytes, at, &self.redactor));
                }
            }
            Kind::Trailers { dir, fields } => {
                store.change(exchange.flow, |flow| match dir {
                    Direction::Out => flow.request.trailers = fields,
                    Direction::In => flow.response.trailers = fields,
                });
            }
            Kind::Missed { dir, bytes } => {
                if let Some(socket) = &mut exchange.socket {
                    socket.missed(store, dir, bytes, at);
                } else {
                    let flow = exchange.flow;
                    let body = exchange.body(dir);
                    store.change(flow, |flow| body.missed(flow, bytes, at));
                }
            }
            Kind::Failed(failure) => {
                if !exchange.may_leave(store, &failure) {
                    exchange.failed(store, &failure);
                }
            }
            Kind::Ended { dir, how } => {
                exchange.end(store, dir, how, at, &self.redactor, &mut self.finished);
                if exchange.is_over == [true, true]
                    && let Some(exchange) = self.exchanges.remove(&id)
                {
                    exchange.conclude(store, at, &mut self.finished, &mut self.judged);
                }
            }
        }
    }

    /// Failures since this was last called that the proxy could not tell from what is normal, and
    /// between whom they were.
    pub fn take_judged(&mut self) -> Vec<(Parties, Failure)> {
        std::mem::take(&mut self.judged)
    }

    /// The flows that ended since this was last called, in the order in which they ended.
    pub fn take_finished(&mut self) -> Vec<FlowId> {
        std::mem::take(&mut self.finished)
    }

    /// In front of every flow's name: the same for all of a run.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// The name of the flow that an exchange is.
    #[must_use]
    pub fn name(&self, exchange: ExchangeId) -> String {
        format!("{}-{}", self.run, exchange.0)
    }

    /// What masks what is pending.
    #[must_use]
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// The flow and the state of an exchange that is a WebSocket connection at rest.
    #[must_use]
    pub fn resting(&self, exchange: ExchangeId) -> Option<(FlowId, Resting)> {
        let exchange = self.exchanges.get(&exchange)?;
        let resting = exchange.socket.as_ref()?.resting()?;
        (exchange.is_over == [false, false]).then_some((exchange.flow, resting))
    }

    /// Goes on with a connection from where another recorder had it at rest.
    pub fn resume(&mut self, store: &mut Store, id: ExchangeId, flow: Flow, resting: Resting) {
        let extensions = extensions(&flow);
        let flow = store.push(flow);
        let spills = self.spills.clone();
        let socket = Socket::resumed(flow, extensions.as_deref(), resting, spills);
        let mut exchange = Exchange::new(flow, None);
        exchange.socket = Some(Box::new(socket));
        self.exchanges.insert(id, exchange);
    }

    /// The flows of an exchange that goes on, each with what is held back of it.
    pub fn live(&self, exchange: ExchangeId) -> impl Iterator<Item = (FlowId, [Pending<'_>; 2])> {
        self.exchanges
            .get(&exchange)
            .into_iter()
            .flat_map(Exchange::live)
    }

    /// The same of every exchange that goes on.
    pub fn all_live(&self) -> impl Iterator<Item = (FlowId, [Pending<'_>; 2])> {
        self.exchanges.values().flat_map(Exchange::live)
    }

    /// Whether nothing is in flight that may still come to its end: open connections without a turn
    /// in progress do not count.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        let mut sockets = self.exchanges.values().map(|exchange| &exchange.socket);
        sockets.all(|socket| socket.as_ref().is_some_and(|socket| !socket.is_in_turn()))
    }

    /// Ends everything that still goes on, for a program that ends at `at`: each is marked as cut.
    pub fn cut(&mut self, store: &mut Store, at: At) {
        let mut cut: Vec<Exchange> = self
            .exchanges
            .drain()
            .map(|(_, exchange)| exchange)
            .collect();
        cut.sort_by_key(|exchange| exchange.flow);
        for mut exchange in cut {
            let phase = match exchange.socket {
                Some(_) => Phase::Relay,
                None => Phase::Body,
            };
            exchange.failed(store, &Failure::cut(phase));
            for dir in [Direction::Out, Direction::In] {
                exchange.end(
                    store,
                    dir,
                    End::Aborted,
                    at,
                    &self.redactor,
                    &mut self.finished,
                );
            }
            exchange.conclude(store, at, &mut self.finished, &mut self.judged);
        }
    }
}

impl Exchange {
    fn new(flow: FlowId, parties: Option<Parties>) -> Self {
        Self {
            flow,
            parties,
            request: HttpBody::plain(Direction::Out),
            response: HttpBody::plain(Direction::In),
            socket: None,
            is_over: [false, false],
        }
    }

    /// Its flows, each with what is held back of it.
    fn live(&self) -> impl Iterator<Item = (FlowId, [Pending<'_>; 2])> {
        let (owner, pending) = match &self.socket {
            Some(socket) => socket.pending(),
            None => (self.flow, [self.request.pending(), self.response.pending()]),
        };
        let connection = (owner != self.flow).then(|| (self.flow, Default::default()));
        connection.into_iter().chain([(owner, pending)])
    }

    fn body(&mut self, dir: Direction) -> &mut HttpBody {
        match dir {
            Direction::Out => &mut self.request,
            Direction::In => &mut self.response,
        }
    }

    /// Whether a failure is no more than the end of a connection that Codex has closed: the
    /// upstream's close frame, on its way to a Codex that has gone, makes a reset of that.
    fn may_leave(&self, store: &Store, failure: &Failure) -> bool {
        let is_idle = self
            .socket
            .as_ref()
            .is_some_and(|socket| !socket.is_in_turn());
        let flow = store.get(self.flow);
        let close = flow.and_then(|flow| flow.close.as_ref());
        let is_closed = close.is_some_and(|close| close.is_framed && close.dir == Direction::Out);
        is_idle && is_closed && failure.side == Side::Client && failure.phase == Phase::Relay
    }

    fn begin_request(
        &mut self,
        store: &mut Store,
        head: RequestHead,
        spills: Option<Arc<dyn Spills>>,
    ) {
        self.request = HttpBody::new(Direction::Out, &head.fields, spills);
        let upgrades = field(&head.fields, "upgrade")
            .is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"));
        store.change(self.flow, |flow| {
            if upgrades {
                flow.kind = FlowKind::Ws;
            }
            flow.request.body.coding = field(&head.fields, "content-encoding").map(Into::into);
            flow.request.head = Some(head);
            flow.read_heads();
        });
    }

    fn begin_response(
        &mut self,
        store: &mut Store,
        head: ResponseHead,
        at: At,
        spills: Option<Arc<dyn Spills>>,
    ) {
        self.response = HttpBody::new(Direction::In, &head.fields, spills);
        store.change(self.flow, |flow| {
            flow.response.body.coding = field(&head.fields, "content-encoding").map(Into::into);
            flow.response.head = Some(head);
            flow.response.head_at = Some(at);
        });
    }

    fn upgrade(&mut self, store: &Store, spills: Option<Arc<dyn Spills>>) {
        let extensions = store.get(self.flow).and_then(extensions);
        let socket = Socket::new(self.flow, extensions.as_deref(), spills);
        self.socket = Some(Box::new(socket));
        self.is_over = [false, false];
    }

    /// Something failed.
    fn failed(&mut self, store: &mut Store, failure: &Failure) {
        match &mut self.socket {
            Some(socket) => socket.failed(store, failure),
            None => {
                store.change(self.flow, |flow| flow.failures.push(failure.clone()));
            }
        }
    }

    /// One direction is over.
    fn end(
        &mut self,
        store: &mut Store,
        dir: Direction,
        how: End,
        at: At,
        redactor: &Redactor,
        finished: &mut Vec<FlowId>,
    ) {
        let over = &mut self.is_over[usize::from(dir == Direction::In)];
        if std::mem::replace(over, true) {
            return;
        }
        if let Some(socket) = &mut self.socket {
            socket.end(store, dir, at, redactor, finished);
            return;
        }
        let flow = self.flow;
        let body = self.body(dir);
        store.change(flow, |flow| {
            body.finish(flow, how, at, redactor);
            if dir == Direction::Out {
                flow.request.sent_at = Some(at);
                flow.read_request();
            }
        });
    }

    /// Both directions are over.
    fn conclude(
        self,
        store: &mut Store,
        at: At,
        finished: &mut Vec<FlowId>,
        judged: &mut Vec<(Parties, Failure)>,
    ) {
        let cut = self
            .socket
            .and_then(|socket| socket.conclude(store, at, finished));
        let left = store.change(self.flow, |flow| {
            flow.ended = Some(at);
            flow.conclude();
            if flow.response.head.is_none() && flow.failures.is_empty() {
                flow.failures.push(Failure {
                    side: Side::Client,
                    phase: Phase::Head,
                    message: "the client went away before it was answered".to_owned(),
                });
            }
            let is_cut = flow.response.head.is_some()
                && !flow.response.body.is_complete
                && flow.kind == FlowKind::Http
                && flow
                    .turn
                    .as_ref()
                    .is_none_or(|turn| turn.status == Status::Lost);
            if is_cut && flow.failures.is_empty() {
                flow.failures.push(Failure::cut(Phase::Body));
            }
            // Codex leaves as soon as its turn is over, and does not wait for the stream's end.
            let has_all = flow.turn.as_ref().is_some_and(|turn| {
                matches!(
                    turn.status,
                    Status::Completed | Status::Incomplete | Status::Cancelled
                )
            });
            if has_all {
                flow.failures.retain(|failure| failure.side != Side::Client);
            }
            let mut failures = flow.failures.iter();
            failures.find(|failure| failure.is_departure()).cloned()
        });
        if let Some(parties) = self.parties {
            let told = cut.into_iter().chain(left.flatten());
            judged.extend(told.map(|failure| (parties.clone(), failure)));
        }
        finished.push(self.flow);
    }
}

/// What the ends of a connection agreed on.
fn extensions(flow: &Flow) -> Option<String> {
    let head = flow.response.head.as_ref()?;
    field(&head.fields, "sec-websocket-extensions").map(std::borrow::Cow::into_owned)
}

/// A number in base 36, the shortest that is still easy to type.
fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((number % 36) as u32, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}
