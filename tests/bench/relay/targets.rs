//! The programs that stand between client and upstream.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Something to send requests to.
pub(crate) struct Target {
    /// Its name in the report.
    pub(crate) name: &'static str,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Processes whose time is counted; none for the direct connection.
    processes: Vec<Child>,
}

impl Target {
    /// User and system time of its processes, their children included (proc(5)).
    pub(crate) fn processor_time(&self) -> Duration {
        let ids: Vec<u32> = self.processes.iter().map(Child::id).collect();
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
            let _ = process.kill();
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
    }
}

/// nginx with everything off that would hold bytes back.
fn nginx(upstream: SocketAddr, state: &Path) -> Option<Target> {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
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
         server {{ listen 127.0.0.1:{port}; tcp_nodelay on; location / {{\n proxy_pass http://up;\n\
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
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    while TcpStream::connect(address).is_err() {
        thread::sleep(Duration::from_millis(10));
    }
    Some(Target {
        name: "nginx",
        address,
        processes: vec![process],
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
