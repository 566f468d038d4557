//! Plays a case: directly between the two ends, or with the proxy between them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use codextap::proxy::Route;
use codextap::tap::{Kind, Limits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio::task::yield_now;

use crate::script::{Case, Role, Step, filled};
use crate::support::proxied::Proxied;

/// An upstream's listener, and a proxy in front of it.
pub(crate) struct Stage {
    listener: TcpListener,
    pub(crate) upstream: SocketAddr,
    proxied: Proxied,
    /// What its tap has told so far.
    told: Arc<Told>,
}

/// Whom the client speaks to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    Direct,
    Proxied,
}

/// Where an end cuts what it writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Nowhere,
    /// Once, after so many bytes.
    At(usize),
    /// After each so many bytes.
    Every(usize),
}

/// What came of a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Outcome {
    /// The upstream's address.
    pub(crate) host: String,
    pub(crate) client: Got,
    pub(crate) upstream: Got,
}

/// What one end received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Got {
    /// The bytes of each connection that carried any.
    pub(crate) streams: Vec<Vec<u8>>,
    /// How the connections ended that it waited for the end of.
    pub(crate) ends: Vec<End>,
}

/// How a stream ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Fin,
    Reset,
}

/// What a tap has told.
#[derive(Default)]
struct Told {
    /// Pieces of bodies.
    pieces: AtomicUsize,
    /// Ends of a direction.
    ends: AtomicUsize,
}

impl Stage {
    pub(crate) async fn new(case: &Case) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = listener.local_addr().unwrap();
        let url = format!("http://{upstream}");
        let mut proxied = Proxied::with(&url, Limits::default(), |config| {
            config.routes = vec![Route::new("/", &url).unwrap()];
            (case.change)(config);
        })
        .await;
        // Somebody watches, as in life.
        let mut tap = proxied.tap.take().unwrap();
        let told = Arc::new(Told::default());
        let telling = Arc::clone(&told);
        tokio::spawn(async move {
            let mut events = Vec::new();
            while tap.recv_many(&mut events).await > 0 {
                for event in events.drain(..) {
                    match event.kind {
                        Kind::Data { .. } => telling.pieces.fetch_add(1, Ordering::Relaxed),
                        Kind::Ended { .. } => telling.ends.fetch_add(1, Ordering::Relaxed),
                        _ => 0,
                    };
                }
            }
        });
        Self {
            listener,
            upstream,
            proxied,
            told,
        }
    }

    /// How many pieces of bodies the proxy has told of, when both ways of an exchange are over.
    pub(crate) async fn pieces(&self) -> usize {
        let over = async {
            while self.told.ends.load(Ordering::Relaxed) < 2 {
                settle(1).await;
            }
        };
        tokio::time::timeout(DEADLINE, over).await.unwrap();
        self.told.pieces.load(Ordering::Relaxed)
    }

    /// Plays `case`, the client's bytes cut as `cuts.0` says and the upstream's as `cuts.1`.
    pub(crate) async fn play(
        &self,
        case: &Case,
        way: Way,
        cuts: (Cut, Cut),
    ) -> Result<Outcome, String> {
        let addr = match way {
            Way::Direct => self.upstream,
            Way::Proxied => self.proxied.addr,
        };
        let stream = TcpStream::connect(addr).await.unwrap();
        let lenient = case.is_lenient();
        let mut client = Actor::new(&case.client.steps, None, cuts.0, lenient, addr);
        client.add(stream);
        let listener = Some(&self.listener);
        let mut upstream = Actor::new(&case.upstream.steps, listener, cuts.1, lenient, addr);
        let meeting = Barrier::new(2);
        let both = async { tokio::try_join!(client.run(&meeting), upstream.run(&meeting)) };
        let failure = match tokio::time::timeout(DEADLINE, both).await {
            Ok(Ok(_)) => {
                return Ok(Outcome {
                    host: self.upstream.to_string(),
                    client: client.got(),
                    upstream: upstream.got(),
                });
            }
            Ok(Err(failure)) => failure,
            Err(_) => "it never came to its end".to_owned(),
        };
        Err(format!(
            "{failure} ({way:?}, cut {cuts:?})\n{}{}",
            client.trace(),
            upstream.trace()
        ))
    }
}

/// An end at work.
struct Actor<'a> {
    role: Role,
    steps: &'a [Step],
    /// Where an upstream's connections come from.
    listener: Option<&'a TcpListener>,
    cut: Cut,
    lenient: bool,
    host: String,
    /// Its connections; the last one is spoken on.
    lines: Vec<Line>,
    /// How much of the last connection's bytes the script has taken.
    taken: usize,
    sent: usize,
    ends: Vec<End>,
    /// The step it is at.
    at: usize,
}

/// A connection.
struct Line {
    /// `None` once this end closed it.
    stream: Option<TcpStream>,
    received: Vec<u8>,
    /// How the other end ended it.
    end: Option<End>,
}

impl<'a> Actor<'a> {
    fn new(
        steps: &'a [Step],
        listener: Option<&'a TcpListener>,
        cut: Cut,
        lenient: bool,
        addr: SocketAddr,
    ) -> Self {
        let role = match listener {
            None => Role::Client,
            Some(_) => Role::Upstream,
        };
        Self {
            role,
            steps,
            listener,
            cut,
            lenient,
            host: addr.to_string(),
            lines: Vec::new(),
            taken: 0,
            sent: 0,
            ends: Vec::new(),
            at: 0,
        }
    }

    fn add(&mut self, stream: TcpStream) {
        stream.set_nodelay(true).unwrap();
        self.taken = 0;
        self.lines.push(Line {
            stream: Some(stream),
            received: Vec::new(),
            end: None,
        });
    }

    async fn run(&mut self, meeting: &Barrier) -> Result<(), String> {
        for (at, step) in self.steps.iter().enumerate() {
            self.at = at;
            self.step(step, meeting).await?;
        }
        self.at = self.steps.len();
        meeting.wait().await;
        // Whatever comes now is one byte too many, and part of the outcome.
        if let Some(Line {
            stream: Some(stream),
            ..
        }) = self.lines.last_mut()
        {
            // The other end may be gone already.
            let _ = stream.shutdown().await;
        }
        if self.role == Role::Client {
            self.read_to_end().await?;
        }
        meeting.wait().await;
        self.gather().await;
        Ok(())
    }

    async fn step(&mut self, step: &Step, meeting: &Barrier) -> Result<(), String> {
        match step {
            Step::Send(bytes) => self.send(&filled(bytes, &self.host)).await,
            Step::Until(bytes) => self.read_until(bytes).await,
            Step::Take(len) => self.read_len(*len).await,
            Step::Ended => {
                let end = self.read_to_end().await?;
                self.ends.extend(end);
                Ok(())
            }
            Step::Meet => {
                meeting.wait().await;
                Ok(())
            }
            Step::Fin => {
                let finished = self.stream().await?.shutdown().await;
                self.written(finished)
            }
            Step::Reset => {
                self.stream().await?.set_zero_linger().unwrap();
                self.close();
                Ok(())
            }
            Step::Close => {
                self.stream().await?;
                self.close();
                Ok(())
            }
            Step::Flood(len) => self.flood(*len, meeting).await,
        }
    }

    /// The connection to speak on.
    async fn stream(&mut self) -> Result<&mut TcpStream, String> {
        if self.lines.is_empty() {
            self.accept().await?;
        }
        let stream = self.lines.last_mut().and_then(|line| line.stream.as_mut());
        stream.ok_or_else(|| "the script goes on after its end".to_owned())
    }

    async fn accept(&mut self) -> Result<(), String> {
        let listener = self.listener.ok_or("a client has one connection")?;
        let (stream, _) = listener.accept().await.unwrap();
        self.add(stream);
        Ok(())
    }

    fn close(&mut self) {
        if let Some(line) = self.lines.last_mut() {
            line.stream = None;
        }
    }

    fn written(&self, result: io::Result<()>) -> Result<(), String> {
        match result {
            Err(error) if !self.lenient => Err(format!("{:?} cannot write: {error}", self.role)),
            _ => Ok(()),
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        let (piece, pause) = match self.cut {
            Cut::At(at) if at > self.sent && at < self.sent + bytes.len() => (at - self.sent, 8),
            Cut::Nowhere | Cut::At(_) => (bytes.len(), 0),
            Cut::Every(len) => (len, 3),
        };
        let (first, rest) = bytes.split_at(piece.min(bytes.len()));
        let rest: Vec<&[u8]> = match self.cut {
            Cut::Every(len) => rest.chunks(len).collect(),
            _ if rest.is_empty() => Vec::new(),
            _ => vec![rest],
        };
        self.sent += bytes.len();
        let mut written = self.stream().await?.write_all(first).await;
        for piece in rest {
            settle(pause).await;
            if written.is_err() {
                break;
            }
            written = self.stream().await?.write_all(piece).await;
        }
        self.written(written)
    }

    /// Writes until nothing fits anywhere any more, and the rest when the other end reads.
    async fn flood(&mut self, len: usize, meeting: &Barrier) -> Result<(), String> {
        let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let mut sent = 0;
        let mut standstill = 0;
        while standstill < 200 {
            match self.stream().await?.try_write(&bytes[sent..]) {
                Ok(written) => (sent, standstill) = (sent + written, 0),
                Err(_) => standstill += 1,
            }
            if sent == len {
                return Err(format!("{len} bytes found room though nobody read them"));
            }
            settle(1).await;
        }
        meeting.wait().await;
        let written = self.stream().await?.write_all(&bytes[sent..]).await;
        self.written(written)
    }

    /// Reads what is there, waiting for something. An upstream takes another connection if the
    /// last one has nothing more to say. `Some` at the end of the connection.
    async fn read(&mut self, may_change: bool) -> Result<Option<End>, String> {
        loop {
            let Some(line) = self.lines.last_mut() else {
                self.accept().await?;
                continue;
            };
            let idle = may_change && self.taken == line.received.len();
            let Some(stream) = line.stream.as_mut().filter(|_| line.end.is_none()) else {
                if idle && self.listener.is_some() {
                    self.accept().await?;
                    continue;
                }
                return Ok(line.end);
            };
            line.received.reserve(16 << 10);
            let accepting = async {
                match self.listener {
                    Some(listener) if idle => listener.accept().await.unwrap().0,
                    _ => std::future::pending().await,
                }
            };
            let read = tokio::select! {
                biased;
                read = stream.read_buf(&mut line.received) => read,
                another = accepting => {
                    self.add(another);
                    continue;
                }
            };
            line.end = match read {
                Ok(0) => Some(End::Fin),
                Ok(_) => return Ok(None),
                Err(_) => Some(End::Reset),
            };
            if !(idle && self.listener.is_some()) {
                return Ok(line.end);
            }
        }
    }

    async fn read_until(&mut self, bytes: &[u8]) -> Result<(), String> {
        // What cannot hold a match is not searched again.
        let mut searched = self.taken;
        loop {
            if let Some(line) = self.lines.last() {
                searched = searched.max(self.taken).min(line.received.len());
                if let Some(at) = memchr::memmem::find(&line.received[searched..], bytes) {
                    self.taken = searched + at + bytes.len();
                    return Ok(());
                }
                searched = (line.received.len() + 1).saturating_sub(bytes.len().max(1));
            }
            let connections = self.lines.len();
            if let Some(end) = self.read(true).await? {
                return Err(format!("{:?} got {end:?} too early", self.role));
            }
            if self.lines.len() > connections {
                searched = 0;
            }
        }
    }

    async fn read_len(&mut self, len: usize) -> Result<(), String> {
        while self
            .lines
            .last()
            .is_none_or(|line| line.received.len() < self.taken + len)
        {
            if let Some(end) = self.read(true).await? {
                return Err(format!("{:?} got {end:?} too early", self.role));
            }
        }
        self.taken += len;
        Ok(())
    }

    async fn read_to_end(&mut self) -> Result<Option<End>, String> {
        if self.lines.last().is_some_and(|line| line.stream.is_none()) {
            return Ok(None);
        }
        loop {
            if let Some(end) = self.read(false).await? {
                return Ok(Some(end));
            }
        }
    }

    /// Takes up what arrived and nobody asked for.
    async fn gather(&mut self) {
        settle(4).await;
        if let Some(listener) = self.listener {
            loop {
                let accepted = tokio::select! {
                    biased;
                    accepted = listener.accept() => accepted.unwrap().0,
                    () = settle(2) => break,
                };
                self.add(accepted);
                settle(1).await;
            }
        }
        for line in &mut self.lines {
            let Some(stream) = &line.stream else { continue };
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = stream.try_read(&mut buffer) {
                line.received.extend_from_slice(&buffer[..read]);
            }
        }
    }

    fn got(self) -> Got {
        let streams = self.lines.into_iter().map(|line| line.received);
        Got {
            streams: streams.filter(|bytes| !bytes.is_empty()).collect(),
            ends: self.ends,
        }
    }

    fn trace(&self) -> String {
        use std::fmt::Write as _;
        let mut text = format!("  {:?} at step {}: ", self.role, self.at);
        let _ = match self.steps.get(self.at) {
            None => writeln!(text, "done"),
            Some(Step::Send(bytes)) => writeln!(text, "send {}", shown(bytes)),
            Some(Step::Until(bytes)) => writeln!(text, "until {}", shown(bytes)),
            Some(Step::Take(len)) => writeln!(text, "take {len}"),
            Some(Step::Ended) => writeln!(text, "the end"),
            Some(Step::Meet) => writeln!(text, "meet"),
            Some(Step::Fin) => writeln!(text, "FIN"),
            Some(Step::Reset) => writeln!(text, "RST"),
            Some(Step::Close) => writeln!(text, "close"),
            Some(Step::Flood(len)) => writeln!(text, "flood {len}"),
        };
        for line in &self.lines {
            let _ = writeln!(text, "    got {} {:?}", shown(&line.received), line.end);
        }
        text
    }
}

/// Lets the proxy do all that it can do with what it was given. It runs on this thread, and each
/// turn asks the system for what became ready.
async fn settle(turns: usize) {
    for _ in 0..turns {
        yield_now().await;
    }
}

/// Bytes as a failure shows them.
pub(crate) fn shown(bytes: &[u8]) -> String {
    match bytes {
        [first @ .., _] if first.len() >= 2000 => format!(
            "\"{}\" … {} bytes",
            bytes[..200].escape_ascii(),
            bytes.len()
        ),
        _ => format!("\"{}\"", bytes.escape_ascii()),
    }
}

/// A case that takes longer hangs: far more than any takes, however many programs share the processor.
const DEADLINE: Duration = Duration::from_secs(60);
