//! The Headers tab: both heads as they passed, trailers, and the facts of the connection.

use super::json::{is_json, json};
use super::{Document, Folds, Line, Role, format};
use crate::flow::{Body, Flow, FlowKind};
use crate::tap::{Direction, Field, Value, field};
use crate::text::{Clean, pad};

/// Adds the request line and fields, the status line and fields, and what else is known.
pub(super) fn headers(document: &mut Document, flow: &Flow, folds: &Folds) {
    match &flow.request.head {
        Some(head) => {
            let line = Line::of(&head.method, Role::Strong)
                .with(" ", Role::Text)
                .with(&head.target, Role::Heading)
                .with(&format!(" {:?}", head.version), Role::Dim);
            document.push(line.hanging(4));
            fields(document, &head.fields, "headers/out", folds);
        }
        None => document.push(Line::of("the request's head was not captured", Role::Dim)),
    }
    trailers(
        document,
        &flow.request.trailers,
        "headers/trailers/out",
        folds,
    );
    document.gap();
    match &flow.response.head {
        Some(head) => {
            let line = Line::of(&head.status.to_string(), status_role(head.status))
                .with(&format!(" {:?}", head.version), Role::Dim);
            document.push(line);
            fields(document, &head.fields, "headers/in", folds);
        }
        None if flow.is_live() => document.push(Line::of("no response yet", Role::Live)),
        None => document.push(Line::of("no response came", Role::Warning)),
    }
    trailers(
        document,
        &flow.response.trailers,
        "headers/trailers/in",
        folds,
    );
    document.gap();
    document.push(Line::of("Connection", Role::Heading));
    for (name, value, role) in facts(flow) {
        document.push(
            row(name, Role::Label, FACT_COLUMNS)
                .with(&value, role)
                .hanging(FACT_COLUMNS + 3),
        );
    }
}

/// The role of a status code.
pub(super) fn status_role(status: u16) -> Role {
    match status {
        0..300 => Role::Ok,
        300..400 => Role::Warning,
        _ => Role::Error,
    }
}

/// Adds fields; JSON in a value is laid out behind a fold.
fn fields(document: &mut Document, fields: &[Field], key: &str, folds: &Folds) {
    let columns = fields
        .iter()
        .map(|field| field.name.len())
        .max()
        .unwrap_or_default()
        .min(MAX_NAME);
    for field in fields {
        let role = match field.value {
            Value::Plain(_) => Role::HeaderValue,
            Value::Secret(_) => Role::Secret,
        };
        let name = row(&field.name, Role::HeaderName, columns);
        let value = field.value.as_text();
        let line = name.with(&value, role).hanging(columns + 3);
        let has_json = value.starts_with(['{', '[']) && is_json(&value);
        if !has_json {
            document.push(line);
            continue;
        }
        let key = format!("{key}/{}", field.name);
        if document.section(&key, false, folds, line) {
            json(document, &value, 3, 4, &key, folds);
        }
    }
}

fn trailers(document: &mut Document, trailers: &[Field], key: &str, folds: &Folds) {
    if !trailers.is_empty() {
        document.push(Line::of("Trailers", Role::Heading));
        fields(document, trailers, key, folds);
    }
}

fn row(name: &str, role: Role, columns: usize) -> Line {
    let name = Clean::new(name);
    Line::of(&pad(name.as_str(), columns.max(name.width())), role).with("  ", Role::Dim)
}

fn facts(flow: &Flow) -> Vec<(&'static str, String, Role)> {
    let mut facts = vec![
        ("client", flow.client.clone(), Role::Text),
        ("upstream", flow.upstream.to_string(), Role::Text),
        ("connection", connection(flow), Role::Text),
        ("transport", transport(flow), Role::Text),
        ("channel", flow.channel.as_str().to_owned(), Role::Text),
        ("flow", flow.name.clone(), Role::Text),
        ("started", format::moment(flow.started), Role::Number),
    ];
    if let Some(at) = flow.response.head_at {
        facts.push((
            "answered",
            format!("after {}", format::duration(at.since(flow.started))),
            Role::Number,
        ));
    }
    match flow.ended.zip(flow.duration()) {
        Some((at, duration)) => {
            let text = format!(
                "{}, after {}",
                format::moment(at),
                format::duration(duration)
            );
            facts.push(("ended", text, Role::Number));
        }
        None => facts.push(("ended", "not yet".to_owned(), Role::Live)),
    }
    facts.push(("phases", phases(flow), Role::Number));
    facts.extend(sizes("sent", "digest sent", &flow.request.body));
    facts.extend(sizes("received", "digest received", &flow.response.body));
    if let Some(head) = &flow.response.head {
        for (name, label) in [
            ("sec-websocket-extensions", "extensions"),
            ("sec-websocket-protocol", "subprotocol"),
        ] {
            if let Some(value) = field(&head.fields, name) {
                facts.push((label, value.into_owned(), Role::Text));
            }
        }
    }
    facts.extend(close(flow));
    facts.retain(|(_, value, _)| !value.is_empty());
    facts
}

/// Whether the connection to the upstream was there already, and the outer proxy on its way.
fn connection(flow: &Flow) -> String {
    let Some(connection) = &flow.connection else {
        return String::new();
    };
    let age = if connection.is_reused {
        "reused"
    } else {
        "new"
    };
    match &connection.proxy {
        Some(proxy) => format!("{age}, through {proxy}"),
        None => age.to_owned(),
    }
}

/// Where the time went.
fn phases(flow: &Flow) -> String {
    let phases = flow.phases();
    let phases: Vec<String> = (phases.iter())
        .map(|(name, time)| format!("{name} {}", format::duration(time)))
        .collect();
    phases.join(" · ")
}

fn transport(flow: &Flow) -> String {
    let name = flow.transport().as_str();
    match flow.kind {
        FlowKind::WsTurn { number, .. } => format!("{name}, turn {number} of its connection"),
        FlowKind::Http | FlowKind::Ws => name.to_owned(),
    }
}

fn sizes(
    label: &'static str,
    digest: &'static str,
    body: &Body,
) -> Vec<(&'static str, String, Role)> {
    let mut size = format!("{} bytes on the wire", format::count(body.wire_len));
    if let Some(coding) = &body.coding {
        let decoded = format::count(body.bytes().len() as u64);
        size = format!("{size}, {coding}, {decoded} bytes decoded");
    }
    let mut facts = vec![(label, size, Role::Number)];
    if let Some(value) = &body.digest {
        facts.push((digest, format!("sha-256 {value}"), Role::Dim));
    }
    facts
}

/// How a WebSocket was closed: what is told, the text, and its role.
pub(super) fn close(flow: &Flow) -> Option<(&'static str, String, Role)> {
    let close = flow.close.as_ref()?;
    let side = match close.dir {
        _ if flow.is_closed_by_proxy() => "by codextap",
        Direction::Out => "by Codex",
        Direction::In => "by the upstream",
    };
    // Codex ends its sockets without a close frame: that is no fault.
    if !close.is_framed {
        return Some((
            "closed",
            format!("{side}, without a close frame"),
            Role::Text,
        ));
    }
    let code = close
        .code
        .map_or_else(|| "no code".to_owned(), |code| code.to_string());
    let role = match close.code {
        None | Some(1000 | 1001 | 1005) => Role::FrameClose,
        Some(_) => Role::Warning,
    };
    Some(("closed", format!("{side}, {code} {}", close.reason), role))
}

/// Columns of a field's name, unless it is longer.
const MAX_NAME: usize = 32;
/// Columns of a fact's name.
const FACT_COLUMNS: usize = 15;
