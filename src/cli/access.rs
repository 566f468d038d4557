//! Who may use the proxy, as the command line says it.

use std::convert::Infallible;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use http::uri::Authority;

use super::error::Error;
use super::runtime::private_directory;
use crate::config::paths;
use crate::proxy::{Token, TokenError};

/// Options that say who may use the proxy.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Access")]
pub(super) struct Access {
    /// What every request must show, or `auto` for one that is made and kept
    ///
    /// Needed where other machines can reach --listen. It comes in front of the path, as in
    /// http://HOST:PORT/TOKEN/v1, or in the field X-Codextap-Token, and goes no further. `auto` keeps
    /// it in the file `token` of the state directory.
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "CODEXTAP_TOKEN",
        hide_env_values = true,
        value_parser = TokenArg::parse
    )]
    token: Option<TokenArg>,
    /// Another name for --listen that requests may have as `Host`; repeatable
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        value_delimiter = ' ',
        value_parser = host_name,
        env = "CODEXTAP_ALLOW_HOST"
    )]
    pub(super) allow_host: Vec<String>,
}

/// A token as it was given. That it may be wrong is told later, because the parser of the command
/// line would repeat it.
#[derive(Clone, Debug)]
enum TokenArg {
    Auto,
    Given(Result<Token, TokenError>),
}

impl TokenArg {
    #[expect(clippy::unnecessary_wraps, reason = "the parser asks for a result")]
    fn parse(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "auto" => Self::Auto,
            text => Self::Given(text.parse()),
        })
    }
}

impl Access {
    /// Whether there is to be a token.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// The token that requests must show, and the file that `auto` keeps it in. Messages call the option `name`.
    pub(super) fn token(&self, name: &str) -> Result<(Option<Token>, Option<PathBuf>), Error> {
        match &self.token {
            None => Ok((None, None)),
            Some(TokenArg::Given(token)) => {
                let token = token
                    .clone()
                    .map_err(|error| Error::usage(format!("{name}: {error}")));
                let token = token.map_err(|error| error.hint("or let --token auto make one"))?;
                Ok((Some(token), None))
            }
            Some(TokenArg::Auto) => {
                let state = paths::state().map_err(|error| Error::new(error.to_string()))?;
                let path = state.join("token");
                let kept = kept(&path).map_err(|error| {
                    Error::new(format!("{name} auto: {}: {error}", path.display()))
                        .hint("remove the file for a new token")
                })?;
                Ok((Some(kept), Some(path)))
            }
        }
    }
}

/// The token in the file `path`, which only its owner can read; a new one if there is no such file.
fn kept(path: &Path) -> io::Result<Token> {
    let invalid = |error: TokenError| io::Error::new(io::ErrorKind::InvalidData, error);
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        read => return read?.trim().parse().map_err(invalid),
    }
    let token = Token::random().map_err(invalid)?;
    if let Some(directory) = path.parent() {
        private_directory(directory)?;
    }
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.write(true).create_new(true).open(path)?;
    writeln!(file, "{}", token.as_str())?;
    Ok(token)
}

/// A host as `Host` has it, without a port.
fn host_name(text: &str) -> Result<String, &'static str> {
    match text.parse::<Authority>() {
        // A pattern would match nothing.
        Ok(authority) if authority.host() == text && !text.contains('*') => Ok(text.to_owned()),
        _ => Err("expected a host name without scheme, port and path"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_token_that_was_made_is_kept_for_its_owner() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("state/token");
        let made = kept(&path).unwrap();
        assert_eq!(kept(&path).unwrap().as_str(), made.as_str());
        let rights = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(rights(&path), 0o600);
        assert_eq!(rights(path.parent().unwrap()), 0o700);
        fs::write(&path, "short\n").unwrap();
        let error = kept(&path).unwrap_err().to_string();
        assert_eq!(error, "a token has 16 to 128 characters");
    }

    #[test]
    fn hosts_have_no_port() {
        for name in ["host.docker.internal", "box", "10.0.0.1", "[::1]"] {
            assert_eq!(host_name(name).as_deref(), Ok(name));
        }
        for name in ["", "box:80", "http://box", "box/", "a b", "me@box", "*.box"] {
            assert!(host_name(name).is_err(), "{name}");
        }
    }
}
