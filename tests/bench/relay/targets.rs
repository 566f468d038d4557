//! The programs that stand between client and upstream.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::client;
use crate::window::Window;

/// Something to send requests to.
pub(crate) struct Target {
    /// Its name in the report.
    pub(crate) name: &'static str,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Processes whose time is counted; none for the direct connection.
    processes: Vec<Child>,
    /// Where it shows a screen.
    window: Option<Window>,
}

impl Target {
    /// Does `work`, while 20 keys a second move the list if it has a screen.
    pub(crate) fn under_keys<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            if let Some(window) = &mut self.window {
                scope.spawn(|| {
                    for key in "jjjjjkkkk".chars().map(String::from).cycle() {
                        if is_done.load(Ordering::Relaxed) {
                            break;
                        }
                        window.press(&key);
                        thread::sleep(Duration::from_millis(50));
                    }
                });
            }
            let done = work();
            is_done.store(true, Ordering::Relaxed);
            done
        })
    }

    /// User and system time of its processes, their children included (proc(5)).
    pub(crate) fn processor_time(&self) -> Duration {
        let children = self.processes.iter().map(Child::id);
        let ids: Vec<u32> = children
            .chain(self.window.as_ref().map(Window::id))
            .collect();
        let mut total = Duration::ZERO;
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
                continue;
            };
            let Some((id, rest)) = stat.split_once(' ') else {
                continue;
            };
            let fields: Vec<&str> = rest
                .rsplit(')')
                .next()
                .unwrap_or_default()
                .split_whitespace()
                .collect();
            let (Ok(id), Some(Ok(parent))) =
                (id.parse::<u32>(), fields.get(1).map(|id| id.parse()))
            else {
                continue;
            };
            if ids.contains(&id) || ids.contains(&parent) {
                let ticks = |at: usize| fields[at].parse::<u64>().unwrap_or(0);
                total += Duration::from_millis((ticks(11) + ticks(12)) * 10);
            }
        }
        total
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // A master that is killed would leave its workers behind.
            let _ = kill_process(Pid::from_child(process), Signal::TERM);
            let _ = process.wait();
        }
    }
}

/// Starts every target there is.
pub(crate) fn start(upstream: SocketAddr, state: &Path) -> Vec<Target> {
    let direct = Target {
        name: "direct",
        address: upstream,
        processes: Vec::new(),
        window: None,
    };
    let mut targets = vec![direct, relay(upstream), codextap(upstream, state)];
    match nginx(upstream, state) {
        Some(nginx) => targets.push(nginx),
        None => eprintln!("nginx is not installed: no ratios"),
    }
    targets
}

/// This program again, as a relay that looks at nothing.
fn relay(upstream: SocketAddr) -> Target {
    if let Ok(upstream) = std::env::var("RELAY_TO") {
        serve_relay(upstream.parse().unwrap());
    }
    let mut process = Command::new(std::env::current_exe().unwrap())
        .env("RELAY_TO", upstream.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let address = first_line(&mut process);
    Target {
        name: "relay",
        address: address.parse().unwrap(),
        processes: vec![process],
        window: None,
    }
}

/// Copies bytes both ways for ever.
fn serve_relay(upstream: SocketAddr) -> ! {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    println!("{}", listener.local_addr().unwrap());
    std::io::stdout().flush().unwrap();
    for client in listener.incoming() {
        let (client, server) = (client.unwrap(), TcpStream::connect(upstream).unwrap());
        let ends = (client.try_clone().unwrap(), server.try_clone().unwrap());
        thread::spawn(move || copy(client, server));
        thread::spawn(move || copy(ends.1, ends.0));
    }
    unreachable!("listeners have no end")
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    from.set_nodelay(true).unwrap();
    to.set_nodelay(true).unwrap();
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read) = from.read(&mut buffer) {
        if read == 0 || to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}

/// The release binary, recording everything to a file.
fn codextap(upstream: SocketAddr, state: &Path) -> Target {
    let url = format!("http://{upstream}");
    let mut process = Command::new(env!("CARGO_BIN_EXE_codextap"))
        .args(["record", "--listen", "127.0.0.1:0", "--api-upstream", &url])
        .arg("--capture")
        .arg(state.join("capture.jsonl"))
        .env("XDG_STATE_HOME", state)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let line = first_line(&mut process);
    let address = line
        .strip_prefix("listening on http://")
        .unwrap()
        .parse()
        .unwrap();
    Target {
        name: "codextap",
        address,
        processes: vec![process],
        window: None,
    }
}

/// The release binary with its screen and 10 000 flows in the list.
pub(crate) fn screen(upstream: SocketAddr, state: &Path) -> Target {
    const FLOWS: usize = 10_000;
    let address = free();
    let (listen, url) = (address.to_string(), format!("http://{upstream}"));
    let capture = state.join("screen.jsonl");
    let capture = ["--capture", capture.to_str().unwrap()];
    let program = env!("CARGO_BIN_EXE_codextap");
    let to = ["--listen", &listen, "--api-upstream", &url];
    let mut window = Window::run(&[&[program][..], &to, &capture].concat(), state);
    window.until(|screen| screen.contains("Requests"));
    client::send(address, FLOWS);
    window.until(|screen| screen.contains(&format!("{FLOWS} flows")));
    Target {
        name: "screen",
        address,
        processes: Vec::new(),
        window: Some(window),
    }
}

/// An address that nobody listens on.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// nginx with everything off that would hold bytes back, or put a chunk's end into a line.
fn nginx(upstream: SocketAddr, state: &Path) -> Option<Target> {
    let address = free();
    let directory = state.join("nginx");
    fs::create_dir(&directory).unwrap();
    let path = directory.display();
    let configuration = format!(
        "daemon off; worker_processes 2; pid {path}/pid; error_log {path}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n access_log off; client_max_body_size 0; keepalive_requests 1000000;\n\
         client_body_temp_path {path}/body; proxy_temp_path {path}/proxy; fastcgi_temp_path {path}/f;\n\
         uwsgi_temp_path {path}/u; scgi_temp_path {path}/s;\n\
         map $http_upgrade $hop {{ default upgrade; '' ''; }}\n\
         upstream up {{ server {upstream}; keepalive 64; }}\n\
         server {{ listen {address}; tcp_nodelay on; chunked_transfer_encoding off;\n\
         location / {{ proxy_pass http://up;\n\
         proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade;\n\
         proxy_set_header Connection $hop; proxy_buffering off; proxy_request_buffering off;\n\
         proxy_read_timeout 1h; }} }} }}\n"
    );
    let file = directory.join("nginx.conf");
    fs::write(&file, configuration).unwrap();
    let process = Command::new("nginx")
        .arg("-c")
        .arg(&file)
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    while TcpStream::connect(address).is_err() {
        thread::sleep(Duration::from_millis(10));
    }
    Some(Target {
        name: "nginx",
        address,
        processes: vec![process],
        window: None,
    })
}

/// The first line that a process prints; the rest is read and dropped.
fn first_line(process: &mut Child) -> String {
    let mut output = BufReader::new(process.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    line.trim().to_owned()
}
