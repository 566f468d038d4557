//! The Autobahn test suite, directly and through codextap: every case has to end the same.
//!
//! `tests/autobahn/run.sh` installs the suite and calls this. Two of the suite's echo servers run, one
//! for each way, and two of its fuzzing clients at once; between one pair stands the release binary, recording.
//! Then every case is compared, and what was recorded is held against what the suite says it
//! sent and received. What failed is named; the suite's reports are in `target/autobahn`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that is run by hand reports and may panic"
)]

mod capture;
mod case;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use case::Case;

fn main() -> ExitCode {
    let patterns: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    // Shares of the cases run at the same time, for most of the time is that of single-threaded programs.
    let shares = if patterns.is_empty() {
        let share = |cases: &[&str]| cases.iter().map(ToString::to_string).collect();
        SHARES.map(share).to_vec()
    } else {
        vec![patterns]
    };
    let state = tempfile::tempdir().unwrap();
    // A pipe, because what the suite sends is many times what a disk should be asked to hold.
    let pipe = state.path().join("capture.jsonl");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success(), "mkfifo: {made}");
    let reading = thread::spawn({
        let pipe = pipe.clone();
        move || capture::read(File::open(pipe).unwrap())
    });
    let holding = File::options().write(true).open(&pipe).unwrap();

    let servers: Vec<[(Running, u16); 2]> = (shares.iter())
        .map(|_| [echo_server(), echo_server()])
        .collect();
    let upstreams: Vec<u16> = servers.iter().map(|[_, (_, port)]| *port).collect();
    let (codextap, port) = codextap(&upstreams, &pipe, state.path());
    for way in WAYS {
        let _ = fs::remove_dir_all(reports(way));
        fs::create_dir_all(reports(way)).unwrap();
    }
    let mut clients = Vec::new();
    for (number, (share, [(_, direct), _])) in shares.iter().zip(&servers).enumerate() {
        let urls = [
            format!("ws://127.0.0.1:{direct}/{number}/"),
            format!("ws://127.0.0.1:{port}/{number}/"),
        ];
        for (way, url) in WAYS.into_iter().zip(urls) {
            clients.push(fuzzing_client(way, number, &url, share));
        }
    }
    for client in &mut clients {
        let ended = client.0.wait().unwrap();
        assert!(ended.success(), "the fuzzing client: {ended}");
    }
    end(codextap);
    drop(holding);
    let recorded = reading.join().unwrap();
    let [direct, proxied] = WAYS.map(|way| case::read(&reports(way)));
    report(&direct, &proxied, &recorded)
}

/// Prints the groups of cases, how many in each are equal, and every difference.
fn report(
    direct: &[Case],
    proxied: &[Case],
    (recorded, others): &(BTreeMap<String, capture::Recorded>, usize),
) -> ExitCode {
    let mut groups: BTreeMap<u32, [usize; 4]> = BTreeMap::new();
    let mut faults = Vec::new();
    assert_eq!(direct.len(), proxied.len(), "cases are missing");
    assert!(!direct.is_empty(), "no such case");
    for (direct, proxied) in direct.iter().zip(proxied) {
        let differences = direct.differences(proxied);
        let wrongs = match recorded.get(&proxied.key) {
            Some(recorded) => recorded.wrongs(proxied),
            None => vec!["not in the capture".to_owned()],
        };
        let group = groups.entry(direct.group()).or_default();
        group[0] += 1;
        group[1] += usize::from(differences.is_empty());
        group[2] += usize::from(direct.octets == proxied.octets);
        group[3] += usize::from(wrongs.is_empty());
        for fault in differences.into_iter().chain(wrongs) {
            faults.push(format!("{}: {fault}", direct.id));
        }
    }
    if recorded.len() != proxied.len() || *others > 0 {
        let connections = recorded.len();
        faults.push(format!(
            "{connections} connections in the capture, {others} other lines"
        ));
    }
    println!(
        "\n| group | what | cases | same result | same number of bytes | recorded as it was |"
    );
    println!("|---|---|---|---|---|---|");
    let mut all = [0; 4];
    for (group, counts) in groups {
        let [cases, same, bytes, sound] = counts;
        let what = GROUPS.get(group as usize).unwrap_or(&"");
        println!("| {group}.* | {what} | {cases} | {same} | {bytes} | {sound} |");
        for (sum, count) in all.iter_mut().zip(counts) {
            *sum += count;
        }
    }
    let [cases, same, bytes, sound] = all;
    println!("| all | | {cases} | {same} | {bytes} | {sound} |\n");
    for fault in &faults {
        println!("{fault}");
    }
    ExitCode::from(u8::from(!faults.is_empty()))
}

/// A program that ends with its owner.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The suite's own echo server, which compresses where it is asked to.
fn echo_server() -> (Running, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("ws://127.0.0.1:{port}");
    let server = Running(
        wstest("testeeserver", &format!("server-{port}"))
            .args(["--wsuri", &url])
            .spawn()
            .unwrap(),
    );
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        thread::sleep(Duration::from_millis(20));
    }
    (server, port)
}

/// Runs the cases of `patterns` against `url`.
fn fuzzing_client(way: &str, share: usize, url: &str, patterns: &[String]) -> Running {
    let spec = serde_json::json!({
        "outdir": reports(way),
        "servers": [{"agent": way, "url": url}],
        "cases": patterns,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    });
    let file = suite().join(format!("{way}-{share}.spec.json"));
    fs::write(&file, spec.to_string()).unwrap();
    let name = format!("{way}-{share}");
    let client = wstest("fuzzingclient", &name)
        .arg("--spec")
        .arg(file)
        .spawn();
    Running(client.unwrap())
}

/// The suite's program; what it prints goes to a file called `name`.
fn wstest(mode: &str, name: &str) -> Command {
    let log = File::create(suite().join(format!("{name}.log"))).unwrap();
    let mut command = Command::new(suite().join("bin/wstest"));
    command
        .args(["--mode", mode, "--webport", "0"])
        .env("PYTHONUSERBASE", suite())
        .stderr(log.try_clone().unwrap())
        .stdout(log);
    command
}

/// The release binary, recording into `capture`; a request to `/0/` goes to the first upstream.
fn codextap(upstreams: &[u16], capture: &Path, state: &Path) -> (Running, u16) {
    let routes = upstreams.iter().enumerate();
    let routes = routes.map(|(number, port)| format!("--route=/{number}=http://127.0.0.1:{port}"));
    let mut codextap = Command::new(env!("CARGO_BIN_EXE_codextap"))
        .args(["record", "--listen", "127.0.0.1:0", "--capture"])
        .arg(capture)
        .args(routes)
        .env("XDG_STATE_HOME", state)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(codextap.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    let (_, port) = line.trim().rsplit_once(':').unwrap();
    (Running(codextap), port.parse().unwrap())
}

/// Lets it write what it has and waits for its end.
fn end(mut codextap: Running) {
    let id = rustix::process::Pid::from_child(&codextap.0);
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    let ended = codextap.0.wait().unwrap();
    assert!(ended.success(), "codextap: {ended}");
}

/// Where the suite is installed.
fn suite() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/autobahn")
}

fn reports(way: &str) -> PathBuf {
    suite().join(way)
}

/// The two ways to the server.
const WAYS: [&str; 2] = ["direct", "proxied"];

/// What runs at the same time when all cases run: each share takes about as long as the others.
const SHARES: [&[&str]; 6] = [
    &[
        "1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*", "12.1.*", "12.2.*",
    ],
    &["12.3.*", "12.4.*"],
    &["12.5.*", "13.1.*"],
    &["13.2.*", "13.3.*"],
    &["13.4.*", "13.5.*"],
    &["13.6.*", "13.7.*"],
];

/// What the groups of cases are about, by number.
const GROUPS: [&str; 14] = [
    "",
    "framing",
    "pings and pongs",
    "reserved bits",
    "opcodes",
    "fragmentation",
    "UTF-8",
    "close",
    "",
    "limits, performance",
    "auto-fragmentation",
    "",
    "compression, five kinds of data",
    "compression, seven sets of parameters",
];
