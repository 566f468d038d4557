//! The token that clients show when more than this machine can reach the proxy.

use std::fmt;
use std::str::FromStr;

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

/// A shared secret between the proxy and its clients.
///
/// It is made of characters that a URL's path carries as they are (RFC 3986 §2.3), so that a base
/// URL can hold it. Its [`fmt::Debug`] does not show it.
#[derive(Clone)]
pub struct Token(String);

/// Why a text cannot be a token. No message repeats the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// It could be guessed, or does not fit into a head with everything else.
    #[error("a token has {MIN} to {MAX} characters")]
    Length,
    /// It would not stand in a URL as it is.
    #[error("a token is made of letters, digits, '-', '.', '_' and '~'")]
    Character,
    /// The system has no randomness to make one of.
    #[error("the system gives no random bytes")]
    Randomness,
}

impl Token {
    /// A token of 128 random bits.
    pub fn random() -> Result<Self, TokenError> {
        let mut bytes = [0; 16];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| TokenError::Randomness)?;
        digits(&bytes).parse()
    }

    /// The secret itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What only a holder of this token can say to `challenge`: an HMAC-SHA-256 (RFC 2104), in
    /// hexadecimal digits.
    #[must_use]
    pub fn prove(&self, challenge: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_bytes());
        digits(hmac::sign(&key, challenge.as_bytes()).as_ref())
    }

    /// Whether `shown` is this token. How long it takes tells nothing about the token: hashes of
    /// the same length are compared, in constant time.
    pub(super) fn is(&self, shown: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let key = hmac::Key::new(hmac::HMAC_SHA256, own);
        hmac::verify(&key, shown, hmac::sign(&key, own).as_ref()).is_ok()
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        if !(MIN..=MAX).contains(&text.len()) {
            return Err(TokenError::Length);
        }
        let is_unreserved =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        if !text.bytes().all(is_unreserved) {
            return Err(TokenError::Character);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// `bytes` in hexadecimal digits.
fn digits(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
    text
}

/// The request field that may carry the token.
pub(super) const FIELD: &str = "x-codextap-token";

/// The shortest token: 16 hexadecimal digits are 64 bits, too many to try over a network.
const MIN: usize = 16;

/// The longest token.
const MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_token_is_the_token() {
        let token: Token = "correct-horse_battery.staple~".parse().unwrap();
        assert!(token.is(b"correct-horse_battery.staple~"));
        for wrong in [
            "",
            "correct-horse_battery.staple",
            "correct-horse_battery.staple~~",
            "Correct-horse_battery.staple~",
            " correct-horse_battery.staple~",
            "correct-horse_battery.staple%7E",
        ] {
            assert!(!token.is(wrong.as_bytes()), "{wrong}");
        }
        assert!(!token.is("c".repeat(1 << 16).as_bytes()));
        assert_eq!(format!("{token:?}"), "Token");
    }

    #[test]
    fn what_cannot_stand_in_a_url_or_be_kept_secret_is_no_token() {
        let fault = |text: &str| text.parse::<Token>().unwrap_err();
        assert_eq!(fault(""), TokenError::Length);
        assert_eq!(fault("fifteen-letters"), TokenError::Length);
        assert_eq!(fault(&"x".repeat(129)), TokenError::Length);
        for bad in ["/", "%2f", " ", "?", "é", "\r\n", "\0", ":"] {
            let text = format!("sixteen-letters-{bad}");
            assert_eq!(fault(&text), TokenError::Character, "{text:?}");
        }
        assert!("x".repeat(128).parse::<Token>().is_ok());
    }

    #[test]
    fn random_tokens_differ() {
        let (one, other) = (Token::random().unwrap(), Token::random().unwrap());
        assert_eq!(one.as_str().len(), 32);
        assert!(!one.is(other.as_str().as_bytes()));
    }
}
