//! Where a running codextap can be found by another one.
//!
//! Each listening codextap keeps a small file `<pid>.json` in the directory `running` of its state
//! directory: its address, the token it asks for, its upstreams, when it began, and a key made for this run. It
//! holds a lock on it, so a file whose lock can be taken was left by a process that is gone; it is
//! removed. That the process which holds the lock is also the one that listens on the address is
//! for it to [prove](super::presence) with the key.
//!
//! Only its owner can read the file, and the directory. Who can read them all the same can read
//! Codex's own login beside them, which is what the token protects.

use std::cmp::Reverse;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use http::Uri;
use serde::{Deserialize, Serialize};

use super::presence;
use crate::proxy::Token;

/// A codextap that listens, as those on this machine see it.
#[derive(Clone, Debug)]
pub(super) struct Running {
    /// The address it listens on.
    pub(super) address: SocketAddr,
    /// What each request must show.
    pub(super) token: Option<Token>,
    /// What it proves with that it is the one.
    pub(super) key: Token,
    /// Whether it takes side channels.
    pub(super) side_channels: bool,
    /// Which path goes where: [`Route::told`](crate::proxy::Route::told).
    pub(super) upstreams: Vec<String>,
    /// When it began, in microseconds since the Unix epoch.
    pub(super) started: u64,
}

/// The file's content.
#[derive(Serialize, Deserialize)]
struct Entry {
    address: SocketAddr,
    token: Option<String>,
    key: String,
    #[serde(default)]
    side_channels: bool,
    #[serde(default)]
    upstreams: Vec<String>,
    started: u64,
}

impl Running {
    /// The address to reach it at: a wildcard is none, but includes loopback.
    #[must_use]
    pub(super) fn reachable(&self) -> SocketAddr {
        let mut address = self.address;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        address
    }

    /// The URL that paths come behind, the token included.
    #[must_use]
    pub(super) fn url(&self) -> String {
        self.url_with(self.token.as_ref().map(Token::as_str))
    }

    /// The same for other eyes.
    #[must_use]
    pub(super) fn shown(&self) -> String {
        self.url_with(self.token.as_ref().map(|_| "TOKEN"))
    }

    fn url_with(&self, token: Option<&str>) -> String {
        let address = self.reachable();
        match token {
            Some(token) => format!("http://{address}/{token}"),
            None => format!("http://{address}"),
        }
    }

    /// Whether it listens on `address`, a wildcard being all of them.
    #[must_use]
    pub(super) fn listens_at(&self, address: SocketAddr) -> bool {
        let own = self.address;
        own.port() == address.port()
            && (own.ip() == address.ip()
                || own.ip().is_unspecified()
                || address.ip().is_unspecified())
    }

    /// Whether `url` leads here, under whichever name of this machine's loopback.
    #[must_use]
    pub(super) fn is_at(&self, url: &str) -> bool {
        let Ok(url) = url.parse::<Uri>() else {
            return false;
        };
        let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
        let ip = host.parse::<IpAddr>().ok();
        url.port_u16().unwrap_or(80) == self.address.port()
            && (host.eq_ignore_ascii_case("localhost")
                || ip.is_some_and(|ip| ip.is_loopback() || ip == self.address.ip()))
    }
}

/// Says that this process listens, as long as it is kept.
#[derive(Debug)]
pub(super) struct Announcement {
    path: PathBuf,
    /// Keeps the lock.
    _file: File,
}

impl Announcement {
    /// Announces that this process is `running`.
    ///
    /// # Errors
    /// When the file cannot be written in `directory`.
    pub(super) fn new(directory: &Path, running: &Running) -> io::Result<Self> {
        private_directory(directory)?;
        let path = directory.join(format!("{}.{EXTENSION}", std::process::id()));
        // One that a process of this number left is for its readers to lock, for a moment.
        let _ = fs::remove_file(&path);
        let mut file = options().write(true).create_new(true).open(&path)?;
        // A reader may hold it for a moment.
        file.lock()?;
        let entry = Entry {
            address: running.address,
            token: running.token.as_ref().map(|it| it.as_str().to_owned()),
            key: running.key.as_str().to_owned(),
            side_channels: running.side_channels,
            upstreams: running.upstreams.clone(),
            started: running.started,
        };
        let mut text = serde_json::to_vec(&entry)?;
        text.push(b'\n');
        // At once: no other one reads the half of it.
        file.write_all(&text)?;
        Ok(Self { path, _file: file })
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // The lock goes with the process in any case, so a file that stays misleads nobody.
        let _ = fs::remove_file(&self.path);
    }
}

/// What the runtime files of a directory come to.
#[derive(Default, Debug)]
pub(super) struct Found {
    /// Those that run and have proved it, the newest first.
    pub(super) running: Vec<Running>,
    /// Files whose process lives and does not answer at its address.
    pub(super) silent: Vec<PathBuf>,
    /// Files that were left behind, and removed.
    pub(super) stale: usize,
}

/// Looks for those that run, and removes what others left behind.
pub(super) async fn find(directory: &Path) -> Found {
    let mut found = Found::default();
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        if path.extension().is_none_or(|name| name != EXTENSION) {
            continue;
        }
        match read(&path) {
            Ok(None) => found.stale += 1,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(Some(running)) if presence::ask(&running).await.is_ok() => {
                found.running.push(running);
            }
            Ok(Some(_)) | Err(_) => found.silent.push(path),
        }
    }
    found
        .running
        .sort_by_key(|running| Reverse(running.started));
    found
}

/// What the file at `path` says, if the process that wrote it still holds its lock; else it is removed.
fn read(path: &Path) -> io::Result<Option<Running>> {
    let mut file = options().read(true).open(path)?;
    if file.try_lock_shared().is_ok() {
        // Its process is about to lock it and to write.
        if file.metadata()?.len() == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        fs::remove_file(path)?;
        return Ok(None);
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let entry: Entry = serde_json::from_str(&text)?;
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let token = entry.token.map(|token| token.parse()).transpose();
    Ok(Some(Running {
        address: entry.address,
        token: token.map_err(invalid)?,
        key: entry.key.parse().map_err(invalid)?,
        side_channels: entry.side_channels,
        upstreams: entry.upstreams,
        started: entry.started,
    }))
}

/// Makes a directory that only its owner can enter, unless it is there.
pub(super) fn private_directory(directory: &Path) -> io::Result<()> {
    let mut private = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut private, 0o700);
    private.recursive(true).create(directory)
}

/// Opens files that only their owner can read.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// What runtime files' names end with.
const EXTENSION: &str = "json";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tokio::sync::watch;

    use super::*;
    use crate::proxy::{Config, Proxy, Stage};
    use crate::tap::{self, Clock, Limits, Redactor};

    /// A proxy that listens until the sender is dropped, and how it is announced.
    async fn listening(started: u64, token: Option<Token>) -> (Running, watch::Sender<Stage>) {
        let key = Token::random().unwrap();
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            token: token.clone(),
            key: Some(key.clone()),
            ..Config::default()
        };
        let (tap, _) = tap::channel(Limits::default(), Clock::start(), Redactor::new());
        let proxy = Proxy::bind(config, tap).await.unwrap();
        let address = proxy.local_addr();
        let (stage, stages) = watch::channel(Stage::Serving);
        tokio::spawn(proxy.serve(stages));
        let running = Running {
            address,
            token,
            key,
            side_channels: false,
            upstreams: Vec::new(),
            started,
        };
        (running, stage)
    }

    #[tokio::test]
    async fn only_one_that_lives_and_proves_it_is_found() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path();
        let urls = |found: &Found| found.running.iter().map(Running::url).collect::<Vec<_>>();
        assert!(find(place).await.running.is_empty());

        let (open, _serving) = listening(1, None).await;
        let announced = Announcement::new(place, &open).unwrap();
        let file = announced.path.clone();
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(urls(&find(place).await), [open.url()]);

        // Another file of the same content, whose lock nobody holds.
        let left = place.join("1.json");
        fs::copy(&file, &left).unwrap();
        let found = find(place).await;
        assert_eq!((urls(&found), found.stale), (vec![open.url()], 1));
        assert!(!left.exists() && file.exists());
        drop(announced);
        assert!(!file.exists());

        // Somebody else listens there, or nobody.
        let (other, serving) = listening(2, None).await;
        let posing = Running {
            address: other.address,
            ..open.clone()
        };
        let _announced = Announcement::new(place, &posing).unwrap();
        let found = find(place).await;
        assert!(found.running.is_empty());
        assert_eq!(found.silent, [file]);
        drop(serving);
    }

    #[tokio::test]
    async fn a_token_is_shown_and_not_told() {
        let directory = tempfile::tempdir().unwrap();
        let token: Token = "open-sesame-0123456789".parse().unwrap();
        let (running, _serving) = listening(1, Some(token)).await;
        let _announced = Announcement::new(directory.path(), &running).unwrap();
        let found = find(directory.path()).await.running.pop().unwrap();
        let root = format!("http://{}", running.address);
        assert_eq!(found.url(), format!("{root}/open-sesame-0123456789"));
        assert_eq!(found.shown(), format!("{root}/TOKEN"));
    }

    #[tokio::test]
    async fn a_child_is_known_as_long_as_its_connection_stands() {
        let key = Token::random().unwrap();
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            key: Some(key.clone()),
            ..Config::default()
        };
        let (tap, _) = tap::channel(Limits::default(), Clock::start(), Redactor::new());
        let proxy = Proxy::bind(config, tap).await.unwrap();
        let mut children = proxy.children();
        let running = Running {
            address: proxy.local_addr(),
            token: None,
            key,
            side_channels: false,
            upstreams: Vec::new(),
            started: 1,
        };
        let (_stage, stages) = watch::channel(Stage::Serving);
        tokio::spawn(proxy.serve(stages));
        let child = presence::stand_for_child(&running).await.unwrap();
        children.wait_for(|count| *count == 1).await.unwrap();
        drop(child);
        children.wait_for(|count| *count == 0).await.unwrap();
    }

    #[test]
    fn an_address_has_several_names() {
        let running = Running {
            address: ([0, 0, 0, 0], 8787).into(),
            token: None,
            key: Token::random().unwrap(),
            side_channels: false,
            upstreams: Vec::new(),
            started: 1,
        };
        for url in [
            "http://127.0.0.1:8787/v1",
            "http://localhost:8787",
            "http://[::1]:8787/v1",
        ] {
            assert!(running.is_at(url), "{url}");
        }
        for url in [
            "http://127.0.0.1:8788/v1",
            "http://localhost/v1",
            "https://api.openai.com/v1",
            "",
        ] {
            assert!(!running.is_at(url), "{url}");
        }
    }
}
