//! A line that may be very long, without more of its bodies and frames than stays in memory.
//!
//! Up to [`WHOLE`] bytes a line is taken as it is. Of a longer one, the strings that are members of its
//! messages (a body, as text or in base64) are cut behind [`STRING`] bytes, where no character, escape or group
//! of base64 is cut in two; it is JSON still. Of its lists (the frames of a turn) what is behind [`LIST`] bytes is
//! left out, but for the last element, which tells how a turn ended. How long a body or all texts of frames were stands in `length`.

use std::io::{self, BufRead, ErrorKind};

/// A line as far as it came.
#[derive(Debug)]
pub(super) struct Excerpt {
    bounds: Bounds,
    /// What is kept of it.
    bytes: Vec<u8>,
    /// How long it is.
    len: u64,
    /// Where it stands in the JSON, once strings are cut.
    scanner: Option<Scanner>,
}

/// What is long.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// [`WHOLE`].
    whole: u64,
    /// [`STRING`].
    string: usize,
    /// [`LIST`].
    list: usize,
}

/// A place in a JSON text.
#[derive(Default, Debug)]
struct Scanner {
    /// How many objects and arrays are open.
    depth: usize,
    string: Option<Quoted>,
    list: Option<List>,
}

/// A place in a list that is a member of the line.
#[derive(Debug)]
struct List {
    /// Where it begins in what is kept.
    start: usize,
    /// Once that is enough, the latest element, and the comma before it.
    latest: Option<Vec<u8>>,
}

/// A place in a string.
#[derive(Default, Debug)]
struct Quoted {
    /// Bytes of it so far.
    len: usize,
    /// Whether what comes is left out.
    is_cut: bool,
    /// Bytes of an escape so far; 0 outside one.
    escape: usize,
    /// Whether the last escape is the first half of a surrogate pair (RFC 8259 §7).
    is_half: bool,
}

impl Default for Excerpt {
    fn default() -> Self {
        Self::new(Bounds {
            whole: WHOLE,
            string: STRING,
            list: LIST,
        })
    }
}

impl Excerpt {
    fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            bytes: Vec::new(),
            len: 0,
            scanner: None,
        }
    }

    /// Takes the next bytes of the line.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.len += bytes.len() as u64;
        let bounds = self.bounds;
        match &mut self.scanner {
            Some(scanner) => scanner.copy(bytes, bounds, &mut self.bytes),
            None if self.len <= bounds.whole => self.bytes.extend_from_slice(bytes),
            None => {
                let mut scanner = Scanner::default();
                let whole = std::mem::take(&mut self.bytes);
                scanner.copy(&whole, bounds, &mut self.bytes);
                drop(whole);
                scanner.copy(bytes, bounds, &mut self.bytes);
                self.scanner = Some(scanner);
            }
        }
    }

    /// How long the line is.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// How many bytes of it are kept.
    pub(super) fn kept(&self) -> u64 {
        let list = self.scanner.as_ref().and_then(|it| it.list.as_ref());
        let latest = list.and_then(|list| list.latest.as_ref());
        (self.bytes.len() + latest.map_or(0, Vec::len)) as u64
    }

    /// What is kept of it.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Takes the rest of a line, at most `most` bytes kept, and its line break. Says whether it had one,
    /// and whether there was room.
    pub(super) fn read(
        &mut self,
        source: &mut impl BufRead,
        most: u64,
    ) -> io::Result<(bool, bool)> {
        let mut has_room = true;
        loop {
            let bytes = match source.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                bytes => bytes?,
            };
            let end = memchr::memchr(b'\n', bytes);
            let part = &bytes[..end.unwrap_or(bytes.len())];
            if has_room {
                self.push(part);
                has_room = self.kept() < most;
            } else {
                self.len += part.len() as u64;
            }
            let passed = part.len() + usize::from(end.is_some());
            source.consume(passed);
            if end.is_some() || passed == 0 {
                return Ok((end.is_some(), has_room));
            }
        }
    }
}

impl Scanner {
    /// Copies the next bytes, those aside that are left out.
    fn copy(&mut self, mut bytes: &[u8], bounds: Bounds, out: &mut Vec<u8>) {
        while let Some(byte) = bytes.first() {
            let mut passed = 1;
            if let Some(string) = &mut self.string {
                let is_body = self.depth == MEMBER && self.list.is_none();
                let most = if is_body { bounds.string } else { usize::MAX };
                let kept = List::kept(self.list.as_mut(), out);
                passed = string.copy(bytes, most, kept);
                if passed == 0 {
                    kept.push(b'"');
                    self.string = None;
                    passed = 1;
                }
            } else {
                self.take(*byte, bounds, out);
            }
            bytes = &bytes[passed..];
        }
    }

    /// Copies a byte outside strings.
    fn take(&mut self, byte: u8, bounds: Bounds, out: &mut Vec<u8>) {
        match byte {
            b'"' => self.string = Some(Quoted::default()),
            b'{' | b'[' => {
                self.depth += 1;
                if byte == b'[' && self.depth == MEMBER {
                    let start = out.len();
                    self.list = Some(List {
                        start,
                        latest: None,
                    });
                }
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth < MEMBER
                    && let Some(list) = self.list.take()
                {
                    out.extend(list.latest.unwrap_or_default());
                }
            }
            b',' if self.depth == MEMBER => {
                if let Some(list) = &mut self.list
                    && out.len() - list.start >= bounds.list
                {
                    list.latest.get_or_insert_default().clear();
                }
            }
            _ => {}
        }
        List::kept(self.list.as_mut(), out).push(byte);
    }
}

impl List {
    /// Where to keep what comes, of which no list may be.
    fn kept<'a>(list: Option<&'a mut Self>, out: &'a mut Vec<u8>) -> &'a mut Vec<u8> {
        list.and_then(|list| list.latest.as_mut()).unwrap_or(out)
    }
}

impl Quoted {
    /// Copies some bytes of the string, of which there is one at least; gives how many, none at its end.
    fn copy(&mut self, bytes: &[u8], most: usize, out: &mut Vec<u8>) -> usize {
        if self.escape == 0 {
            let plain = memchr::memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
            if plain > 0 {
                self.plain(&bytes[..plain], most, out);
                return plain;
            }
            if bytes[0] == b'"' {
                return 0;
            }
            self.is_cut |= self.len >= most && self.may_end();
        }
        let byte = bytes[0];
        self.escape += 1;
        // `\n` has two bytes, `\u00e9` six.
        match (self.escape, byte) {
            (1, _) => self.is_half = false,
            (2, b'u') | (5, _) => {}
            (3, _) => self.is_half = matches!(byte, b'd' | b'D'),
            (4, _) => self.is_half &= matches!(byte, b'8'..=b'9' | b'a'..=b'b' | b'A'..=b'B'),
            _ => self.escape = 0,
        }
        self.add(&[byte], out);
        1
    }

    /// Copies bytes that stand for themselves.
    fn plain(&mut self, bytes: &[u8], most: usize, out: &mut Vec<u8>) {
        let mut kept = bytes.len();
        if !self.is_cut && self.len + kept >= most {
            let sure = most.saturating_sub(self.len);
            let end = (sure..bytes.len()).find(|at| {
                let continues = bytes[*at] & 0xc0 == 0x80;
                !continues && (self.len + at).is_multiple_of(4) && (*at > 0 || self.may_end())
            });
            kept = end.unwrap_or(kept);
        }
        self.add(&bytes[..kept], out);
        self.is_half = false;
        if kept < bytes.len() {
            self.is_cut = true;
        }
    }

    fn add(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        if !self.is_cut {
            out.extend_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    /// Whether the string may be cut here, what comes next aside.
    fn may_end(&self) -> bool {
        self.len.is_multiple_of(4) && !self.is_half
    }
}

/// A line up to this length is taken as it is: none but of long bodies is longer, as a rule.
pub(super) const WHOLE: u64 = 24 << 20;

/// How much of a string is kept: what [`crate::flow::LIMIT`] takes in base64, and a little more.
const STRING: usize = 12 << 20;

/// How much of a list is kept: at least what versions without [`crate::flow::Spilled`] wrote of one direction of a turn.
const LIST: usize = 40 << 20;

/// How deep the members of the line's members stand.
const MEMBER: usize = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    const SMALL: Bounds = Bounds {
        whole: 2000,
        string: 1000,
        list: 1500,
    };

    /// An excerpt of the line, given in parts of these sizes.
    fn excerpt(line: &str, sizes: &[usize]) -> (Vec<u8>, u64) {
        let mut excerpt = Excerpt::new(SMALL);
        let (mut rest, mut turn) = (line.as_bytes(), 0);
        while !rest.is_empty() {
            let (part, after) = rest.split_at(sizes[turn % sizes.len()].min(rest.len()));
            excerpt.push(part);
            (rest, turn) = (after, turn + 1);
        }
        let len = excerpt.len();
        (excerpt.into_bytes(), len)
    }

    #[test]
    fn a_line_of_usual_length_is_as_it_was() {
        let line = r#"{"request":{"body":"a\"b"},"x":"#;
        assert_eq!(
            excerpt(line, &[3]),
            (line.as_bytes().to_vec(), line.len() as u64)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_long_body_is_cut_and_nothing_else(
            piece in r#"([a-z]{1,3}|é|\n|"|\\|€|😀|\x01){1,12}"#,
            is_escaped: bool,
            sizes in proptest::collection::vec(1..300_usize, 1..4),
        ) {
            let body = piece.repeat(SMALL.whole as usize / piece.len() + 1);
            let frame = "f".repeat(SMALL.string + 10);
            let mut text = serde_json::to_string(&body).unwrap();
            if is_escaped {
                text = text.replace('😀', r"\ud83d\ude00").replace('é', r"\u00e9");
            }
            let line = format!(
                r#"{{"request":{{"body":{text},"length":{}}},"frames":[{{"text":"{frame}"}}],"end":[{{}}]}}"#,
                body.len(),
            );
            let (kept, len) = excerpt(&line, &sizes);
            prop_assert_eq!(len, line.len() as u64);
            let read: Value = serde_json::from_slice(&kept).unwrap();
            let cut = read["request"]["body"].as_str().unwrap();
            prop_assert!(cut.len() < body.len() && body.starts_with(cut));
            prop_assert_eq!(read["request"]["length"].as_u64(), Some(body.len() as u64));
            prop_assert_eq!(read["frames"][0]["text"].as_str(), Some(frame.as_str()));
            prop_assert!(kept.len() < 2 * SMALL.string + 200);
        }
    }

    #[test]
    fn of_a_long_list_the_beginning_and_the_last_element_are_kept() {
        let frames: Vec<String> = (0..100)
            .map(|number| format!(r#"{{"t":{number},"text":"[{{\",]{}"}}"#, "x".repeat(40)))
            .collect();
        let line = format!(
            r#"{{"request":{{"headers":[["a","b"]]}},"frames":[{}],"close":{{"code":1000}}}}"#,
            frames.join(",")
        );
        for sizes in [[1], [7], [9999]] {
            let kept = excerpt(&line, &sizes).0;
            assert!((SMALL.list..SMALL.list + 300).contains(&kept.len()));
            let read: Value = serde_json::from_slice(&kept).unwrap();
            assert_eq!(read["close"]["code"], 1000);
            let times = read["frames"].as_array().unwrap().iter();
            let times: Vec<u64> = times.filter_map(|frame| frame["t"].as_u64()).collect();
            let (last, first) = times.split_last().unwrap();
            assert_eq!(*last, 99);
            assert!(first.len() > 10 && first.len() < 30, "{first:?}");
            assert!(first.iter().copied().eq(0..first.len() as u64));
        }
    }

    #[test]
    fn base64_is_cut_between_its_groups() {
        let line = format!(
            r#"{{"r":{{"base64":"{}"}}}}"#,
            "A".repeat(SMALL.whole as usize + 7)
        );
        let read: Value = serde_json::from_slice(&excerpt(&line, &[999]).0).unwrap();
        let cut = read["r"]["base64"].as_str().unwrap().len();
        assert_eq!((cut, cut % 4), (SMALL.string, 0));
    }
}
