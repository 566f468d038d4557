//! However a file is cut up, what is read of it is what whoever reads it line by line gets.

use std::fs::{File, OpenOptions};
use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::capture::line;
use crate::flow::{Flow, Store};
use crate::tap::At;

/// What a scan gave: names and lines of flows with where they stand, lines that were skipped.
#[derive(PartialEq, Default, Debug)]
struct Seen {
    flows: Vec<(String, u64, Place)>,
    skipped: Vec<Skipped>,
    /// Where the last piece ended: bytes, lines.
    end: (u64, u64),
}

/// Scans from `start`; gives where to go on.
fn take(file: &File, sizes: Sizes, start: Start, grows: bool, seen: &mut Seen) -> Start {
    let end = sizes.scan(file, "-", 7, start, grows, |piece| {
        for item in piece.items {
            let Kept::Brief(summary) = item.kept else {
                panic!("a whole flow");
            };
            let place = item.place.unwrap();
            seen.flows
                .push((summary.name.to_string(), item.line, place));
        }
        seen.skipped.extend(piece.skipped);
        seen.end = (piece.end, piece.lines);
        true
    });
    end.unwrap()
}

/// The same, one line after the other.
fn plainly(bytes: &[u8], sizes: Sizes, grows: bool) -> Seen {
    let mut seen = Seen::default();
    let mut offset = 0;
    for text in bytes.split_inclusive(|byte| *byte == b'\n') {
        let is_torn = !text.ends_with(b"\n");
        if is_torn && grows && (text.len() as u64) < sizes.line {
            break;
        }
        let number = seen.end.1 + 1;
        let bytes = text.strip_suffix(b"\n").unwrap_or(text).to_vec();
        let is_too_long = bytes.len() as u64 >= sizes.line;
        let len = bytes.len() as u64;
        let read = Line {
            len,
            bytes: if is_too_long { Vec::new() } else { bytes },
            is_torn: is_torn && !is_too_long,
            is_too_long,
            ..Line::default()
        };
        match read.read(glance) {
            Ok(None) => {}
            Ok(Some(glanced)) => {
                let place = Place {
                    source: 7,
                    len,
                    offset,
                };
                seen.flows
                    .push((glanced.summary.name.to_string(), number, place));
            }
            Err(why) => seen.skipped.push(Skipped {
                file: "-".to_owned(),
                line: number,
                why,
            }),
        }
        offset += text.len() as u64;
        seen.end = (offset, number);
    }
    seen
}

fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// The line of a flow with this number, and something in it to make it longer.
fn flow_line(number: usize, more: usize) -> Vec<u8> {
    let name = format!("f-{number}");
    let mut flow = Flow::new(name, "c".to_owned(), "https://u".into(), At::default());
    flow.gist = "g".repeat(1 + more);
    let mut bytes = line(&flow, &Store::default()).unwrap();
    while bytes.last() == Some(&b'\n') {
        bytes.pop();
    }
    bytes
}

/// A file: flows, other lines, line breaks of both kinds, and perhaps a torn end.
fn any_file() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![
        4 => (0..40_usize).prop_map(|more| flow_line(0, more)),
        1 => Just(Vec::new()),
        1 => Just(b"  ".to_vec()),
        1 => Just(b"no JSON".to_vec()),
        1 => Just(b"{\"v\":99}".to_vec()),
        1 => Just(b"\xff\xfe".to_vec()),
        1 => Just(vec![b'x'; 1500]),
        1 => Just(flow_line(0, 2000)),
    ];
    let lines = prop::collection::vec((kind, any::<bool>()), 0..12);
    (lines, any::<bool>(), 0..60_usize).prop_map(|(lines, is_ended, torn)| {
        let mut bytes = Vec::new();
        let count = lines.len();
        for (number, (line, has_return)) in lines.into_iter().enumerate() {
            let text = String::from_utf8(line.clone());
            match text {
                Ok(text) => bytes.extend(text.replace("f-0", &format!("f-{number}")).bytes()),
                Err(_) => bytes.extend(line),
            }
            if has_return {
                bytes.push(b'\r');
            }
            if is_ended || number + 1 < count {
                bytes.push(b'\n');
            }
        }
        if torn > 30 {
            bytes.extend(&flow_line(99, 0)[..torn]);
        }
        bytes
    })
}

fn any_sizes() -> impl Strategy<Value = Sizes> {
    let sizes = (1..900_u64, 1..900_u64, 1..700_usize, 1..1400_u64);
    sizes.prop_map(|(first, piece, buffer, whole)| Sizes {
        first,
        piece,
        buffer,
        whole,
        line: 1400,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_of_any_size_give_the_same(bytes in any_file(), sizes in any_sizes(), grows: bool) {
        let mut seen = Seen::default();
        let end = take(&file_of(&bytes), sizes, Start::default(), grows, &mut seen);
        let expected = plainly(&bytes, sizes, grows);
        prop_assert_eq!((end.offset, end.lines), expected.end);
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn a_file_that_grows_gives_each_line_once(bytes in any_file(), sizes in any_sizes(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5)) {
        // A line that is too long is given up as such while it is being written.
        let sizes = Sizes { line: u64::from(u32::MAX), ..sizes };
        let path = tempfile::NamedTempFile::new().unwrap();
        let mut writer = OpenOptions::new().append(true).open(path.path()).unwrap();
        let file = File::open(path.path()).unwrap();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        ends.sort_unstable();
        ends.push(bytes.len());
        let (mut seen, mut start, mut written) = (Seen::default(), Start::default(), 0);
        for end in ends {
            writer.write_all(&bytes[written..end]).unwrap();
            written = end;
            start = take(&file, sizes, start, true, &mut seen);
        }
        let expected = plainly(&bytes, sizes, true);
        prop_assert_eq!((start.offset, start.lines), expected.end);
        prop_assert_eq!(seen, expected);
    }
}

#[test]
fn whoever_has_seen_enough_is_given_no_more() {
    let mut bytes = Vec::new();
    for number in 0..50 {
        bytes.extend(flow_line(number, 0));
        bytes.push(b'\n');
    }
    let sizes = Sizes {
        first: 10,
        piece: 10,
        buffer: 64,
        whole: 5000,
        line: 5000,
    };
    let mut pieces = 0;
    let end = sizes
        .scan(&file_of(&bytes), "-", 0, Start::default(), false, |piece| {
            pieces += 1;
            piece.items.is_empty()
        })
        .unwrap();
    assert_eq!((pieces, end.lines), (1, 1));
}
