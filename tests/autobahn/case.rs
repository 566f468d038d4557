//! The result of a case, as the suite's report has it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

/// What came of one case.
pub(crate) struct Case {
    /// Such as `12.1.3`.
    pub(crate) id: String,
    /// The `Sec-WebSocket-Key` of its connection, by which the capture has it.
    pub(crate) key: String,
    /// Frames by opcode: what the client sent and what it received.
    pub(crate) frames: [BTreeMap<u8, u64>; 2],
    /// Bytes: what the client sent and what it received, handshake included.
    pub(crate) octets: [u64; 2],
    /// The code of the close frame that the server sent.
    pub(crate) server_code: Option<u16>,
    /// Everything the report says but times, addresses and what is made up anew for each connection.
    verdict: Map<String, Value>,
}

/// A report's file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    id: String,
    http_request: String,
    rx_frame_stats: BTreeMap<u8, u64>,
    tx_frame_stats: BTreeMap<u8, u64>,
    rx_octet_stats: BTreeMap<u64, u64>,
    tx_octet_stats: BTreeMap<u64, u64>,
    remote_close_code: Option<u16>,
}

/// The reports in a directory, in the order of their cases.
pub(crate) fn read(directory: &Path) -> Vec<Case> {
    let mut cases: Vec<Case> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .filter(|path| !path.ends_with("index.json"))
        .map(|path| Case::read(&fs::read_to_string(path).unwrap()))
        .collect();
    cases.sort_by_cached_key(Case::numbers);
    cases
}

impl Case {
    fn read(text: &str) -> Self {
        // Messages are cut in the middle of characters, and half a surrogate pair is no JSON.
        let text = text.replace("\\ud", "\\\\ud");
        let report: Report = serde_json::from_str(&text).unwrap();
        let mut verdict: Map<String, Value> = serde_json::from_str(&text).unwrap();
        verdict.retain(|name, _| SAME.contains(&name.as_str()));
        let key = report
            .http_request
            .lines()
            .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
        let sum = |octets: &BTreeMap<u64, u64>| octets.iter().map(|(len, count)| len * count).sum();
        Self {
            id: report.id,
            key: key.unwrap().to_owned(),
            octets: [sum(&report.tx_octet_stats), sum(&report.rx_octet_stats)],
            frames: [report.tx_frame_stats, report.rx_frame_stats],
            server_code: report.remote_close_code,
            verdict,
        }
    }

    /// Whether the server failed the connection for what the client did: by its close code
    /// (RFC 6455 §7.4.1), or by going away without a close frame (§7.1.7).
    pub(crate) fn is_failed(&self) -> bool {
        matches!(self.server_code, Some(1002 | 1007)) || !self.frames[1].contains_key(&8)
    }

    /// The first number of its id.
    pub(crate) fn group(&self) -> u32 {
        self.numbers()[0]
    }

    fn numbers(&self) -> Vec<u32> {
        self.id
            .split('.')
            .map(|number| number.parse().unwrap())
            .collect()
    }

    /// In what the two results differ.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        assert_eq!(self.id, other.id, "a case is missing");
        let differing = self
            .verdict
            .iter()
            .filter(|(name, value)| other.verdict.get(*name) != Some(value));
        differing
            .map(|(name, value)| {
                let other = other.verdict.get(name).unwrap_or(&Value::Null);
                format!("{name}: directly {value}, through codextap {other}")
            })
            .collect()
    }
}

/// What has to be the same either way.
const SAME: [&str; 21] = [
    "behavior",
    "behaviorClose",
    "closedByMe",
    "droppedByMe",
    "expected",
    "expectedClose",
    "failedByMe",
    "id",
    "localCloseCode",
    "localCloseReason",
    "received",
    "remoteCloseCode",
    "remoteCloseReason",
    "result",
    "resultClose",
    "rxFrameStats",
    "txFrameStats",
    "wasClean",
    "wasCloseHandshakeTimeout",
    "wasNotCleanReason",
    "wasServerConnectionDropTimeout",
];
