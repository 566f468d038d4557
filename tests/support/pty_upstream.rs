//! An upstream on loopback that answers every request with the same small turn, a client for it,
//! and codextap between the two.

#[path = "serve.rs"]
mod serve;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Starts an upstream; gives its origin.
pub(crate) fn upstream() -> String {
    serve::serve(answer)
}

/// Reads one request and answers it.
fn answer(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        let field = line.to_ascii_lowercase();
        if let Some(value) = field.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    reader.read_exact(&mut vec![0; length])?;
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
    stream.write_all(head.as_bytes())?;
    stream.write_all(EVENTS.as_bytes())
}

/// Asks for a turn through the proxy at `proxy`; gives all of the answer.
pub(crate) fn ask(proxy: SocketAddr, question: &str) -> String {
    let body = format!(
        r#"{{"model":"gpt-5.5","instructions":"Be brief.","input":[{{"type":"message","role":"user","content":[{{"type":"input_text","text":"{question}"}}]}}],"stream":true}}"#
    );
    let mut stream = TcpStream::connect(proxy).unwrap();
    write!(
        stream,
        "POST /v1/responses HTTP/1.1\r\nHost: {proxy}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.contains("response.completed"), "{answer}");
    answer
}

/// A capture of as many turns as there are questions, made by `codextap record` at `file`.
pub(crate) fn record(file: &Path, home: &Path, questions: &[&str]) {
    let mut child = recorder(&["--api-upstream", &upstream(), "--capture"], file, home);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let proxy = first.strip_prefix("listening on http://").expect(&first);
    for question in questions {
        ask(proxy.parse().unwrap(), question);
        let line = lines.next().unwrap().unwrap();
        assert!(line.contains(question), "{line}");
    }
    interrupt(&child);
    assert!(child.wait().unwrap().success());
}

/// `codextap record` on any free port, with `file` as its last argument.
pub(crate) fn recorder(arguments: &[&str], file: &Path, home: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_codextap"));
    command
        .env_clear()
        .env("HOME", home)
        .args(["record", "--listen", "127.0.0.1:0"])
        .args(arguments)
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command.spawn().unwrap()
}

/// Asks a process to end, as Ctrl-C does.
pub(crate) fn interrupt(child: &Child) {
    let mut kill = Command::new("kill");
    let status = kill.args(["-INT", &child.id().to_string()]).status();
    assert!(status.unwrap().success());
}

/// The turn: a summary of its reasoning, and its answer.
pub(crate) const EVENTS: &str = r#"event: response.created
data: {"type":"response.created","response":{"id":"resp_1","object":"response","status":"in_progress","model":"gpt-5.5","output":[]}}

event: response.output_item.added
data: {"type":"response.output_item.added","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[]}}

event: response.reasoning_summary_text.delta
data: {"type":"response.reasoning_summary_text.delta","item_id":"rs_1","output_index":0,"summary_index":0,"delta":"**Adding it up**"}

event: response.output_item.done
data: {"type":"response.output_item.done","output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"**Adding it up**"}]}}

event: response.output_item.added
data: {"type":"response.output_item.added","output_index":1,"item":{"id":"msg_1","type":"message","role":"assistant","status":"in_progress","content":[]}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","item_id":"msg_1","output_index":1,"content_index":0,"delta":"Forty-two, as ever."}

event: response.output_item.done
data: {"type":"response.output_item.done","output_index":1,"item":{"id":"msg_1","type":"message","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Forty-two, as ever.","annotations":[]}]}}

event: response.completed
data: {"type":"response.completed","response":{"id":"resp_1","object":"response","status":"completed","model":"gpt-5.5","output":[],"usage":{"input_tokens":120,"input_tokens_details":{"cached_tokens":100},"output_tokens":30,"output_tokens_details":{"reasoning_tokens":10},"total_tokens":150}}}

"#;
