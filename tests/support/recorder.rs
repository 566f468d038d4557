//! `codextap record` as a process of its own, with what it prints.

#[path = "command.rs"]
mod command;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use command::codextap;

/// A recorder that listens.
pub(crate) struct Recorder {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Lines of standard output.
    out: Receiver<String>,
    /// Lines of standard error.
    err: Receiver<String>,
}

impl Recorder {
    /// Starts one in the directory `home`, which is its home too.
    pub(crate) fn start(home: &Path, arguments: &[&str]) -> Self {
        let mut child = codextap(home, ["record", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .spawn()
            .unwrap();
        let out = lines(child.stdout.take().unwrap());
        let err = lines(child.stderr.take().unwrap());
        let first = out.recv_timeout(PATIENCE).unwrap();
        let address = first.strip_prefix("listening on http://").expect(&first);
        Self {
            address: address.parse().unwrap(),
            child,
            out,
            err,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line of standard output.
    pub(crate) fn line(&self) -> String {
        self.out.recv_timeout(PATIENCE).expect("no line")
    }

    /// Waits for a line of standard error that has this in it.
    pub(crate) fn says(&self, part: &str) -> String {
        let mut before = Vec::new();
        loop {
            let Ok(line) = self.err.recv_timeout(PATIENCE) else {
                panic!("nothing says {part}: {before:#?}");
            };
            if line.contains(part) {
                return line;
            }
            before.push(line);
        }
    }

    /// Ends it as Ctrl-C does; gives its exit status and what is left of both outputs.
    pub(crate) fn end(self) -> (ExitStatus, String, String) {
        self.signal("-INT");
        self.wait()
    }

    /// Ends it without leave.
    pub(crate) fn kill(self) {
        self.signal("-KILL");
        self.wait();
    }

    fn signal(&self, name: &str) {
        let kill = Command::new("kill")
            .args([name, &self.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
    }

    fn wait(mut self) -> (ExitStatus, String, String) {
        let rest = |lines: &Receiver<String>| {
            let mut text = String::new();
            while let Ok(line) = lines.recv_timeout(PATIENCE) {
                text += &line;
                text.push('\n');
            }
            text
        };
        let (out, err) = (rest(&self.out), rest(&self.err));
        (self.child.wait().unwrap(), out, err)
    }
}

/// Lines as they are printed.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (tell, told) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    told
}

/// An upstream that answers each request with its own body; gives its origin.
pub(crate) fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A client may leave whenever it likes.
            thread::spawn(move || answer(&stream).ok());
        }
    });
    origin
}

fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(length) = head(&mut reader)? {
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), &body].concat())?;
    }
    Ok(())
}

/// Reads a head; gives the length of the body behind it, or nothing at the end.
fn head(reader: &mut impl BufRead) -> std::io::Result<Option<usize>> {
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        match reader.read_line(&mut line)? {
            0 => return Ok(None),
            2 => return Ok(Some(length)),
            _ => {}
        }
        let field = line.to_ascii_lowercase();
        if let Some(value) = field.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
}

/// Sends `count` requests to `/v1/NAME/NUMBER`, with `body` each, on one connection, and reads all the
/// answers.
pub(crate) fn send(proxy: SocketAddr, name: &str, count: usize, body: &str) {
    let stream = TcpStream::connect(proxy).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut answered = 0;
    for number in 0..count {
        let length = body.len();
        let request = format!(
            "POST /v1/{name}/{number} HTTP/1.1\r\nHost: {proxy}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        (&stream).write_all(request.as_bytes()).unwrap();
        if number + 1 == count || number % WINDOW == WINDOW - 1 {
            while answered <= number {
                let mut answer = vec![0; head(&mut reader).unwrap().expect("no answer")];
                reader.read_exact(&mut answer).unwrap();
                assert_eq!(answer, body.as_bytes(), "{name} {number}");
                answered += 1;
            }
        }
    }
}

/// How many requests go out before their answers are read.
const WINDOW: usize = 16;

/// How long a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
