//! Flows as spans of OpenTelemetry: OTLP/JSON, a line each, as its file exporter writes it
//! (<https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/>).
//!
//! A model turn follows the semantic conventions for generative AI
//! (<https://opentelemetry.io/docs/specs/semconv/gen-ai/>), everything else those for HTTP clients. What was said is
//! in the spans only if it is asked for.

use serde_json::{Value, json};

use super::Format;
use crate::flow::{Flow, FlowKind};
use crate::responses::{Item, ItemKind, Part, Request, Status, Turn};
use crate::tap::{At, field};

/// Writes a line for each flow.
#[derive(Default, Debug)]
pub struct Otlp {
    /// Whether instructions, messages and calls are written, too.
    pub has_content: bool,
}

impl Format for Otlp {
    fn push(&mut self, flow: Flow, out: &mut Vec<u8>) {
        let version = env!("CARGO_PKG_VERSION");
        let data = json!({"resourceSpans": [{
            "resource": {"attributes": [text("service.name", "codex")]},
            "scopeSpans": [{
                "scope": {"name": "codextap", "version": version},
                "spans": [span(&flow, self.has_content)],
            }],
        }]});
        out.extend_from_slice(data.to_string().as_bytes());
        out.push(b'\n');
    }
}

fn span(flow: &Flow, has_content: bool) -> Value {
    let asked = flow.turn.as_ref().and_then(|_| flow.request_text());
    let request = asked.and_then(|text| Request::parse(text).ok());
    let (trace, parent) = context(flow, request.as_ref());
    let mut attributes = vec![text("codextap.flow.id", &flow.name)];
    let name = match &flow.turn {
        Some(turn) => {
            of_turn(flow, turn, &mut attributes);
            if has_content {
                content(request.as_ref(), turn, &mut attributes);
            }
            let model = flow.model.as_deref().unwrap_or_default();
            format!("chat {model}").trim_end().to_owned()
        }
        None => flow.method().to_owned(),
    };
    of_exchange(flow, &mut attributes);
    let error = error(flow);
    attributes.extend(error.as_ref().map(|(kind, _)| text("error.type", kind)));
    let status = match &error {
        Some((_, message)) => json!({"code": 2, "message": message}),
        None => json!({}),
    };
    let mut span = json!({
        "traceId": trace,
        "spanId": format!("{:016x}", (hash(&flow.name) & u128::from(u64::MAX))),
        "name": name,
        // A client's.
        "kind": 3,
        "startTimeUnixNano": nanos(flow.started),
        "endTimeUnixNano": nanos(flow.ended.unwrap_or(flow.started)),
        "attributes": attributes,
        "status": status,
    });
    if let (Some(parent), Some(members)) = (parent, span.as_object_mut()) {
        members.insert("parentSpanId".to_owned(), parent.into());
    }
    span
}

/// The trace, and the span that asked: those of the request's own `traceparent` (W3C Trace Context §3.2), or a
/// trace for each turn of Codex.
fn context(flow: &Flow, request: Option<&Request>) -> (String, Option<String>) {
    let fields = flow.request.head.as_ref().map(|head| &*head.fields);
    let mut metadata = request.iter().flat_map(|request| &request.metadata);
    let in_body = metadata.find(|(name, _)| name == "ws_request_header_traceparent");
    let told = in_body
        .map(|(_, value)| value.clone())
        .or_else(|| Some(field(fields?, "traceparent")?.into_owned()));
    if let Some((trace, span)) = told.as_deref().and_then(traceparent) {
        return (trace.to_owned(), Some(span.to_owned()));
    }
    let identity = &flow.identity;
    let known = [&identity.turn, &identity.thread, &identity.session];
    let known = known.into_iter().flatten().next();
    let trace = hash(known.unwrap_or(&flow.name));
    (format!("{trace:032x}"), None)
}

fn traceparent(value: &str) -> Option<(&str, &str)> {
    let mut parts = value.split('-');
    let (_, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let is_id = |text: &str, len| {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        text.len() == len && text.bytes().all(is_hex) && text.bytes().any(|byte| byte != b'0')
    };
    (is_id(trace, 32) && is_id(span, 16)).then_some((trace, span))
}

fn of_turn(flow: &Flow, turn: &Turn, attributes: &mut Vec<Value>) {
    attributes.push(text("gen_ai.operation.name", "chat"));
    attributes.push(text("gen_ai.provider.name", "openai"));
    attributes.push(text("openai.api.type", "responses"));
    attributes.push(list("gen_ai.response.finish_reasons", &[finish(turn)]));
    let told = [
        ("gen_ai.request.model", &flow.model),
        ("gen_ai.response.model", &turn.model),
        ("gen_ai.response.id", &turn.response_id),
        ("gen_ai.conversation.id", &flow.identity.thread),
        ("session.id", &flow.identity.session),
    ];
    let told = told.into_iter();
    attributes.extend(told.filter_map(|(name, value)| Some(text(name, value.as_ref()?))));
    attributes.extend(
        flow.agent()
            .name()
            .map(|name| text("gen_ai.agent.name", name)),
    );
    if let Some(first) = flow.first_delta() {
        let seconds = json!({"doubleValue": first.as_secs_f64()});
        let name = "gen_ai.response.time_to_first_chunk";
        attributes.push(json!({"key": name, "value": seconds}));
    }
    if let Some(usage) = &turn.usage {
        let written = usage.cache_write;
        let counts = [
            ("gen_ai.usage.input_tokens", Some(usage.input)),
            ("gen_ai.usage.cache_read.input_tokens", Some(usage.cached)),
            ("gen_ai.usage.cache_creation.input_tokens", written),
            ("gen_ai.usage.output_tokens", Some(usage.output)),
            (
                "gen_ai.usage.reasoning.output_tokens",
                Some(usage.reasoning),
            ),
        ];
        let counts = counts.into_iter();
        attributes.extend(counts.filter_map(|(name, count)| Some(number(name, count?))));
    }
}

/// Why the model stopped, in the conventions' words.
fn finish(turn: &Turn) -> &str {
    match turn.status {
        Status::Completed if turn.calls().next().is_some() => "tool_call",
        Status::Completed => "stop",
        Status::Incomplete => match turn.incomplete_reason.as_deref() {
            Some("content_filter") => "content_filter",
            _ => "length",
        },
        Status::InProgress | Status::Failed | Status::Cancelled | Status::Error | Status::Lost => {
            "error"
        }
    }
}

fn of_exchange(flow: &Flow, attributes: &mut Vec<Value>) {
    let url = format!("{}{}", flow.upstream, flow.path());
    attributes.push(text("http.request.method", flow.method()));
    attributes.push(text("url.full", &url));
    if let Some((scheme, authority)) = flow.upstream.split_once("://") {
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().ok()),
            _ => (authority, None),
        };
        let port = port.unwrap_or(if scheme == "http" { 80 } else { 443 });
        attributes.push(text("server.address", host));
        attributes.push(number("server.port", port));
    }
    let status = flow.status().map(u64::from);
    attributes.extend(status.map(|status| number("http.response.status_code", status)));
    if flow.kind == FlowKind::Http {
        let (sent, got) = (&flow.request.body, &flow.response.body);
        attributes.push(number("http.request.body.size", sent.wire_len));
        attributes.push(number("http.response.body.size", got.wire_len));
    }
}

/// The class of what failed, and what is said of it.
fn error(flow: &Flow) -> Option<(String, String)> {
    if !flow.is_error() {
        return None;
    }
    let turn = flow.turn.as_ref();
    if let Some(failure) = turn.and_then(|turn| turn.failure.as_ref()) {
        let kind = failure.code.as_ref().or(failure.kind.as_ref());
        let kind = kind.map_or("_OTHER", String::as_str);
        return Some((kind.to_owned(), failure.message.clone()));
    }
    if let Some(failure) = flow.failures.first() {
        return Some((failure.phase.as_str().to_owned(), failure.to_string()));
    }
    let status = flow.status().filter(|status| *status >= 400);
    let kind = status.map_or_else(|| "_OTHER".to_owned(), |status| status.to_string());
    Some((kind, String::new()))
}

/// What was said, as the conventions' JSON schemas for messages have it.
fn content(request: Option<&Request>, turn: &Turn, attributes: &mut Vec<Value>) {
    if let Some(request) = request {
        if let Some(instructions) = &request.instructions {
            let parts = json!([{"type": "text", "content": instructions}]);
            attributes.push(text("gen_ai.system_instructions", &parts.to_string()));
        }
        let messages: Vec<Value> = request.input.iter().filter_map(message).collect();
        let messages = Value::from(messages).to_string();
        attributes.push(text("gen_ai.input.messages", &messages));
    }
    let mut messages: Vec<Value> = turn.items.iter().filter_map(message).collect();
    for message in &mut messages {
        message["finish_reason"] = finish(turn).into();
    }
    let messages = Value::from(messages).to_string();
    attributes.push(text("gen_ai.output.messages", &messages));
}

fn message(item: &Item) -> Option<Value> {
    let texts = |kind: &str, parts: &[Part]| -> Vec<Value> {
        let part = |part: &Part| json!({"type": kind, "content": part.text});
        parts.iter().map(part).collect()
    };
    let (role, parts) = match &item.kind {
        ItemKind::Message { role, parts, .. } => (role.as_str(), texts("text", parts)),
        ItemKind::Reasoning { summary, .. } => ("assistant", texts("reasoning", summary)),
        ItemKind::Call(call) => {
            let (id, name, input) = (&call.call_id, &call.name, &call.input);
            let call = json!({"type": "tool_call", "id": id, "name": name, "arguments": input});
            ("assistant", vec![call])
        }
        ItemKind::Output(output) => {
            let (id, said) = (&output.call_id, &output.text);
            let part = json!({"type": "tool_call_response", "id": id, "response": said});
            ("tool", vec![part])
        }
        ItemKind::Tools(_) | ItemKind::Other { .. } => return None,
    };
    Some(json!({"role": role, "parts": parts}))
}

fn text(name: &str, value: &str) -> Value {
    json!({"key": name, "value": {"stringValue": value}})
}

/// 64-bit numbers are strings (`ProtoJSON`).
fn number(name: &str, value: u64) -> Value {
    json!({"key": name, "value": {"intValue": value.to_string()}})
}

fn list(name: &str, values: &[&str]) -> Value {
    let values: Vec<Value> = values
        .iter()
        .map(|value| json!({"stringValue": value}))
        .collect();
    json!({"key": name, "value": {"arrayValue": {"values": values}}})
}

fn nanos(at: At) -> String {
    format!("{}", u128::from(at.as_micros()) * 1000)
}

/// FNV-1a of 128 bits (RFC 9923): the same text has the same ids in every run.
fn hash(text: &str) -> u128 {
    let step = |hash: u128, byte: u8| (hash ^ u128::from(byte)).wrapping_mul(FNV_PRIME);
    text.bytes().fold(FNV_BASIS, step)
}

const FNV_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const FNV_PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
