//! Compression of WebSocket messages: permessage-deflate (RFC 7692).
//!
//! Takes what the server agreed to in the handshake, and the payloads of one direction's compressed
//! messages; gives the messages. It negotiates nothing: the two ends have, and we only watch.

use flate2::{Decompress, FlushDecompress, Status};

use super::amount;

/// What the two ends agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// Each message of the server is compressed on its own.
    pub server_no_context_takeover: bool,
    /// Each message of the client is compressed on its own.
    pub client_no_context_takeover: bool,
    /// The server's window, as the base-2 logarithm of its size: 8 to 15.
    pub server_max_window_bits: u8,
    /// The client's window, as the base-2 logarithm of its size: 8 to 15.
    pub client_max_window_bits: u8,
}

impl Parameters {
    /// Reads the `Sec-WebSocket-Extensions` field of a 101 response, several values joined by
    /// commas. `None` if permessage-deflate was not accepted. Parameters we do not know, and values
    /// out of range, are passed over.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        value.split(',').find_map(|extension| {
            let mut parts = extension.split(';').map(str::trim);
            let name = parts.next()?;
            name.eq_ignore_ascii_case("permessage-deflate")
                .then(|| Self::collect(parts))
        })
    }

    fn collect<'a>(parts: impl Iterator<Item = &'a str>) -> Self {
        let mut parameters = Self::default();
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            // The value may be a quoted string (RFC 6455 §9.1).
            let bits = value.trim().trim_matches('"').parse().ok();
            let bits = bits.filter(|bits| (8..=15).contains(bits));
            match name.trim().to_ascii_lowercase().as_str() {
                "server_no_context_takeover" => parameters.server_no_context_takeover = true,
                "client_no_context_takeover" => parameters.client_no_context_takeover = true,
                "server_max_window_bits" => {
                    parameters.server_max_window_bits = bits.unwrap_or(MOST_WINDOW_BITS);
                }
                "client_max_window_bits" => {
                    parameters.client_max_window_bits = bits.unwrap_or(MOST_WINDOW_BITS);
                }
                _ => {}
            }
        }
        parameters
    }
}

impl Parameters {
    /// Whether messages of the client, or of the server, may refer to earlier ones.
    pub(super) fn has_takeover(self, of_client: bool) -> bool {
        !if of_client {
            self.client_no_context_takeover
        } else {
            self.server_no_context_takeover
        }
    }
}

impl Default for Parameters {
    /// What `permessage-deflate` without parameters means.
    fn default() -> Self {
        Self {
            server_no_context_takeover: false,
            client_no_context_takeover: false,
            server_max_window_bits: MOST_WINDOW_BITS,
            client_max_window_bits: MOST_WINDOW_BITS,
        }
    }
}

/// Inflates the compressed messages of one direction.
///
/// For each message, [`push`](Self::push) its payload in any portions, then
/// [`end_message`](Self::end_message). With context takeover a message can refer to those before
/// it: once one could not be inflated whole, no later one can.
#[derive(Debug)]
pub struct Inflater {
    /// Always with the largest window, which reads data made for any other.
    inner: Decompress,
    /// The window is kept from one message to the next.
    has_takeover: bool,
    /// A deflate block of this message has begun, whose end is the tail that was not sent.
    lacks_tail: bool,
    /// Why this message, and with takeover every later one, cannot be inflated.
    failure: Option<String>,
    /// With takeover, the end of what earlier messages inflated to: at least as much as later ones may refer to.
    context: Vec<u8>,
    /// Where in this message its last final block ended, behind which nothing refers to what was before.
    begin: usize,
}

impl Inflater {
    /// An inflater for messages that refer to earlier ones (`has_takeover`), or do not.
    #[must_use]
    pub fn new(has_takeover: bool) -> Self {
        Self {
            inner: Decompress::new(false),
            has_takeover,
            lacks_tail: false,
            failure: None,
            context: Vec::new(),
            begin: 0,
        }
    }

    /// An inflater for the messages behind those that another one has inflated; `context` is [its own](Self::context).
    #[must_use]
    pub fn resumed(has_takeover: bool, context: &[u8]) -> Self {
        let mut resumed = Self::new(has_takeover);
        if resumed.inner.set_dictionary(context).is_err() {
            resumed.abandon();
        }
        context.clone_into(&mut resumed.context);
        resumed
    }

    /// What later messages may refer to, between two messages. `None` where they cannot be inflated.
    #[must_use]
    pub fn context(&self) -> Option<&[u8]> {
        let start = self.context.len().saturating_sub(WINDOW);
        (self.failure.is_none()).then(|| self.context.get(start..).unwrap_or_default())
    }

    /// Appends to `out` what the next bytes of the message inflate to, up to a length of `limit`.
    pub fn push(&mut self, payload: &[u8], limit: usize, out: &mut Vec<u8>) {
        let mut rest = payload;
        while self.failure.is_none() && !rest.is_empty() {
            self.lacks_tail = true;
            // One byte more than allowed shows whether it is too long.
            out.reserve(
                limit
                    .saturating_add(1)
                    .saturating_sub(out.len())
                    .clamp(1, CHUNK),
            );
            let length = out.len();
            let before = self.inner.total_in();
            let result = self.inner.decompress_vec(rest, out, FlushDecompress::None);
            let consumed = (self.inner.total_in() - before) as usize;
            rest = rest.get(consumed..).unwrap_or_default();
            match result {
                // RFC 7692 §7.2.3.4: a final block may stand in the middle of a message.
                Ok(Status::StreamEnd) => {
                    self.inner.reset(false);
                    self.lacks_tail = false;
                    self.context.clear();
                    self.begin = out.len();
                }
                Ok(Status::Ok | Status::BufError) if consumed == 0 && out.len() == length => break,
                Ok(Status::Ok | Status::BufError) => {}
                // The library's reason depends on how the bytes were cut.
                Err(_) => self.failure = Some("message cannot be inflated".to_owned()),
            }
            if out.len() > limit {
                out.truncate(limit);
                let most = amount(limit as u64);
                self.failure = Some(format!("message inflates to more than {most}"));
            }
        }
    }

    /// Ends a message: appends the rest of it to `out`, or says why it is not whole.
    pub fn end_message(&mut self, limit: usize, out: &mut Vec<u8>) -> Result<(), String> {
        // RFC 7692 §7.2.2: the sender has removed the tail of its last, empty block.
        if self.lacks_tail {
            self.push(&TAIL, limit, out);
        }
        self.lacks_tail = false;
        let begin = std::mem::take(&mut self.begin);
        let failure = self.failure.take();
        if !self.has_takeover {
            self.inner.reset(false);
        } else if failure.is_some() {
            self.abandon();
        } else {
            self.remember(out.get(begin..).unwrap_or_default());
        }
        failure.map_or(Ok(()), Err)
    }

    /// Adds to the context.
    fn remember(&mut self, message: &[u8]) {
        let new = &message[message.len().saturating_sub(WINDOW)..];
        // Not with every message: most are far shorter than the window.
        if self.context.len() + new.len() > 2 * WINDOW {
            let old = self.context.len().saturating_sub(WINDOW);
            self.context.drain(..old);
        }
        self.context.extend_from_slice(new);
    }

    /// Says that bytes of this direction are lost.
    pub fn abandon(&mut self) {
        if self.has_takeover {
            let message = "message cannot be inflated after an earlier one was not whole";
            self.failure = Some(message.to_owned());
        } else {
            self.inner.reset(false);
            self.lacks_tail = false;
            self.failure = None;
        }
    }
}

/// What the sender of a compressed message removes from its end (RFC 7692 §7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xFF, 0xFF];

/// Window size unless agreed otherwise (RFC 7692 §7.1.2).
const MOST_WINDOW_BITS: u8 = 15;

/// The bytes of the largest window.
const WINDOW: usize = 1 << MOST_WINDOW_BITS;

/// Room made for inflated bytes at once.
const CHUNK: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    use flate2::{Compress, Compression, FlushCompress};

    #[test]
    fn parameters_are_read_from_the_response() {
        let plain = Parameters::default();
        let cases = [
            ("", None),
            ("x-webkit-deflate-frame", None),
            ("permessage-deflate", Some(plain)),
            ("foo; a=b, PerMessage-Deflate;unknown=1", Some(plain)),
            (
                "permessage-deflate; server_no_context_takeover; client_max_window_bits=\"9\"",
                Some(Parameters {
                    server_no_context_takeover: true,
                    client_max_window_bits: 9,
                    ..plain
                }),
            ),
            (
                "permessage-deflate; client_no_context_takeover; server_max_window_bits = 77",
                Some(Parameters {
                    client_no_context_takeover: true,
                    ..plain
                }),
            ),
        ];
        for (value, parameters) in cases {
            assert_eq!(Parameters::parse(value), parameters, "{value}");
        }
    }

    fn compress(compressor: &mut Compress, text: &[u8]) -> Vec<u8> {
        let mut wire = Vec::with_capacity(text.len() + 100);
        compressor
            .compress_vec(text, &mut wire, FlushCompress::Sync)
            .expect("compress");
        assert!(wire.ends_with(&TAIL));
        wire.truncate(wire.len() - TAIL.len());
        wire
    }

    fn inflate(inflater: &mut Inflater, wire: &[u8], limit: usize) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        inflater.push(wire, limit, &mut out);
        inflater.end_message(limit, &mut out).map(|()| out)
    }

    #[test]
    fn messages_refer_to_earlier_ones_with_takeover_only() {
        let mut compressor = Compress::new(Compression::default(), false);
        let first = compress(&mut compressor, b"a message, a message");
        let second = compress(&mut compressor, b"a message, a message");
        assert!(second.len() < first.len());
        let mut inflater = Inflater::new(true);
        for wire in [&first, &second] {
            let text = inflate(&mut inflater, wire, 100);
            assert_eq!(text.as_deref(), Ok(&b"a message, a message"[..]));
        }
        let mut inflater = Inflater::new(false);
        assert!(inflate(&mut inflater, &first, 100).is_ok());
        let failure = inflate(&mut inflater, &second, 100);
        assert_eq!(failure, Err("message cannot be inflated".into()));
        assert!(inflate(&mut inflater, &first, 100).is_ok());
    }

    #[test]
    fn another_inflater_goes_on_with_the_context_of_one() {
        let mut compressor = Compress::new(Compression::default(), false);
        let mut inflater = Inflater::new(true);
        let mut seed = 1_u32;
        for round in 0..40 {
            // Words that come again, some of them from far behind.
            let text: Vec<u8> = (0..3000)
                .flat_map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    format!("word{} ", seed >> 20).into_bytes()
                })
                .collect();
            let wire = compress(&mut compressor, &text);
            assert_eq!(inflate(&mut inflater, &wire, 1 << 20), Ok(text), "{round}");
            let context = inflater.context().unwrap();
            assert!(context.len() <= WINDOW);
            inflater = Inflater::resumed(true, context);
        }
        inflater.push(b"\xff\xff", 100, &mut Vec::new());
        assert_eq!(inflater.context(), None);
    }

    #[test]
    fn a_message_above_the_limit_is_cut_and_the_context_is_lost() {
        let mut compressor = Compress::new(Compression::default(), false);
        let wire = compress(&mut compressor, &[b'x'; 1000]);
        let mut inflater = Inflater::new(true);
        assert_eq!(
            inflate(&mut inflater, &wire, 1000).map(|out| out.len()),
            Ok(1000)
        );
        let mut inflater = Inflater::new(true);
        let mut out = Vec::new();
        inflater.push(&wire, 999, &mut out);
        let failure = inflater.end_message(999, &mut out);
        assert_eq!(
            failure,
            Err("message inflates to more than 999 bytes".into())
        );
        assert_eq!(out, [b'x'; 999]);
        assert!(
            inflate(&mut inflater, b"", 999).is_err(),
            "the context is lost"
        );
    }

    #[test]
    fn a_final_block_may_end_a_message() {
        let mut compressor = Compress::new(Compression::default(), false);
        let mut wire = Vec::with_capacity(100);
        compressor
            .compress_vec(b"final", &mut wire, FlushCompress::Finish)
            .expect("compress");
        let mut inflater = Inflater::new(true);
        for end in [&b""[..], b"\0"] {
            let text = inflate(&mut inflater, &[&wire[..], end].concat(), 100);
            assert_eq!(text.as_deref(), Ok(&b"final"[..]));
        }
    }
}
