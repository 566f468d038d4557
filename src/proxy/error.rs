//! Why a proxy cannot start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a proxy cannot start. Each message is one line that fits behind `codextap: `.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {}", reason(source))]
    Bind {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Others can reach the address, and there is no token to keep them out.
    #[error("cannot listen on {0} without a token: other machines can reach it")]
    Exposed(SocketAddr),
    /// An upstream is not written as `http://…` or `https://…`.
    #[error("{0:?} is not an http or https URL")]
    NotHttp(String),
    /// An upstream URL has a part that cannot be used.
    #[error("{url:?} must not have a {part}")]
    UrlPart {
        /// The URL as given.
        url: String,
        /// Which part is one too many.
        part: &'static str,
    },
    /// A route's prefix is not a path.
    #[error("{0:?} is not a path that begins with a slash")]
    Prefix(String),
    /// An outer proxy's URL cannot be used; its text is not told, because a password may be in it.
    #[error("{0}")]
    OuterProxy(String),
    /// The file of root certificates cannot be used.
    #[error("cannot use the certificates in {}: {reason}", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// The operating system's word for `error`, in lower case and without its number.
pub(super) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => return "address in use".to_owned(),
        io::ErrorKind::AddrNotAvailable => return "address not available".to_owned(),
        _ => {}
    }
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_read_like_the_middle_of_a_sentence() {
        let in_use = Error::Bind {
            addr: SocketAddr::from(([127, 0, 0, 1], 8787)),
            source: io::ErrorKind::AddrInUse.into(),
        };
        assert_eq!(
            in_use.to_string(),
            "cannot listen on 127.0.0.1:8787: address in use"
        );
        assert_eq!(reason(&io::Error::from_raw_os_error(111)), {
            let text = io::Error::from_raw_os_error(111).to_string();
            text.split(" (").next().unwrap().to_lowercase()
        });
    }
}
