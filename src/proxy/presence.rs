//! How others on this machine find out that it is codextap that listens.
//!
//! `GET /.well-known/codextap` (RFC 8615) is answered by the proxy itself where it has a key: it
//! leads to no upstream and makes no flow. The answer is one line of JSON, with how many exchanges
//! there were so far, and with `?challenge=TEXT` the [proof](Token::prove) that whoever answers
//! holds the key, which stands in a file that only its owner can read.
//!
//! With `&child` the answer does not end. The connection then stands for a child that the asker has
//! started and whose traffic comes here: whoever shows this traffic knows by it whether the child
//! still runs. It ends with the asker, however that ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;

use super::client::After;
use super::head::RequestHead;
use super::listen::{Stage, reached};
use super::token::Token;
use super::wire::Source;

/// What is told of a proxy that listens.
#[derive(Debug)]
pub(super) struct Presence {
    key: Option<Token>,
    exchanges: AtomicU64,
    children: Arc<watch::Sender<usize>>,
}

/// A child that runs, as long as this is kept.
struct Child<'a>(&'a watch::Sender<usize>);

impl Presence {
    pub(super) fn new(key: Option<Token>) -> Self {
        Self {
            key,
            exchanges: AtomicU64::new(0),
            children: Arc::new(watch::Sender::new(0)),
        }
    }

    /// How many children there are.
    pub(super) fn children(&self) -> watch::Receiver<usize> {
        self.children.subscribe()
    }

    /// Counts an exchange that is told to the tap.
    pub(super) fn count(&self) {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether `head` asks for this.
    pub(super) fn is_asked(&self, head: &RequestHead) -> bool {
        self.key.is_some() && &head.method[..] == b"GET" && head.path() == PATH.as_bytes()
    }

    /// Answers it. A child lasts until its end or the proxy's.
    pub(super) async fn answer<R, W>(
        &self,
        head: &RequestHead,
        source: &mut Source<R>,
        sink: &mut W,
        stage: &mut watch::Receiver<Stage>,
    ) -> After
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin,
    {
        let query = String::from_utf8_lossy(&head.path_and_query()[PATH.len()..]);
        let mut parts = query.trim_start_matches('?').split('&');
        let is_child = parts.clone().any(|part| part == "child");
        let challenge = parts.find_map(|part| part.strip_prefix("challenge="));
        let proof = challenge.zip(self.key.as_ref());
        let _child = is_child.then(|| Child::new(&self.children));
        let told = serde_json::json!({
            "codextap": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "exchanges": self.exchanges.load(Ordering::Relaxed),
            "proof": proof.map(|(challenge, key)| key.prove(challenge)),
        });
        // The end of the connection is the end of the body (RFC 9112 §6.3).
        let text = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncache-control: no-store\r\n\
             connection: close\r\n\r\n{told}\n"
        );
        if sink.write_all(text.as_bytes()).await.is_err() {
            return After::Drop;
        }
        if is_child {
            tokio::select! {
                () = closed(source) => {}
                () = reached(stage, Stage::Draining) => {}
            }
        }
        After::Close
    }
}

impl<'a> Child<'a> {
    fn new(children: &'a watch::Sender<usize>) -> Self {
        children.send_modify(|count| *count += 1);
        Self(children)
    }
}

impl Drop for Child<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// Resolves when the other end is gone. What it says is not listened to.
async fn closed<R: AsyncRead + Unpin>(source: &mut Source<R>) {
    while let Ok(1..) = source.fill().await {
        source.buffer.clear();
    }
}

/// Where it is asked for.
const PATH: &str = "/.well-known/codextap";
