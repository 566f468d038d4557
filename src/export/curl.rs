//! A flow as a command for a POSIX shell that sends the same request again with curl.
//!
//! The body goes through a pipe, since an argument's length is bounded. A turn on a WebSocket becomes the same
//! request over HTTP. Credentials are variables of the environment; what is masked beyond that is left out.

use std::borrow::Cow;

use http::HeaderName;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Format;
use crate::flow::{Flow, FlowKind};
use crate::responses::Request;
use crate::tap::{Field, Value};
use crate::text::Clean;

/// Writes a command for each exchange and each turn. A connection has none of its own.
#[derive(Default, Debug)]
pub struct Curl;

impl Format for Curl {
    fn push(&mut self, flow: Flow, out: &mut Vec<u8>) {
        if flow.kind != FlowKind::Ws {
            out.extend_from_slice(command(&flow).as_bytes());
        }
    }
}

/// The command, with remarks above it.
fn command(flow: &Flow) -> String {
    let is_turn = matches!(flow.kind, FlowKind::WsTurn { .. });
    let method = if is_turn { "POST" } else { flow.method() };
    let mut text = String::new();
    put!(
        text,
        "# {}: {}\n",
        Clean::new(&flow.name),
        Clean::new(&flow.gist)
    );
    let body = body(flow, &mut text);
    let left_out = flow.request.body.left_out();
    if left_out > 0 {
        put!(
            text,
            "# {left_out} bytes of its body are left out: it is not the same request.\n"
        );
    }
    let fields = flow.request.head.as_ref().map(|head| &*head.fields);
    let headers = headers(fields.unwrap_or_default(), is_turn, &mut text);
    if !body.is_empty() {
        put!(text, "{} |\n", print(&body));
    }
    let url = format!("{}{}", flow.upstream, flow.path());
    text.push_str("curl --silent --show-error --no-buffer --globoff");
    put!(
        text,
        " --request {} --url {}",
        quote(method),
        quote(&graphic(&url))
    );
    for header in headers {
        put!(text, " \\\n  --header {header}");
    }
    if !body.is_empty() {
        text.push_str(" \\\n  --data-binary @-");
    }
    text.push_str("\n\n");
    text
}

/// The bytes to send; remarks on what they are go to `text`.
fn body<'a>(flow: &'a Flow, text: &mut String) -> Cow<'a, [u8]> {
    if !matches!(flow.kind, FlowKind::WsTurn { .. }) {
        return flow.request.body.bytes().into();
    }
    let Some(message) = flow.request_text() else {
        return Cow::default();
    };
    text.push_str("# Was a turn on a WebSocket: the same body over HTTP.\n");
    let request = Request::parse(message).unwrap_or_default();
    if let Some(id) = &request.previous_response_id {
        let id = Clean::new(id);
        put!(
            text,
            "# It continues {id}, which the API has only if that response was stored.\n"
        );
    }
    if request.model.is_none() {
        text.push_str("# It names no model: it went on with the settings of the turn before.\n");
    }
    let Ok(Members(members)) = serde_json::from_str(message) else {
        return message.as_bytes().into();
    };
    let kept = members
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "type" | "generate"));
    let pairs = kept.map(|(name, value)| format!("{}:{}", serde_json::json!(name), value.get()));
    let pairs: Vec<String> = pairs.collect();
    format!("{{{}}}", pairs.join(",")).into_bytes().into()
}

/// The fields to send, quoted; remarks on those that are left out go to `text`.
fn headers(fields: &[Field], is_turn: bool, text: &mut String) -> Vec<String> {
    let mut headers = Vec::new();
    if is_turn {
        headers.push(quote("content-type: application/json"));
        headers.push(quote("accept: text/event-stream"));
    }
    for field in fields {
        let name = field.name.to_ascii_lowercase();
        let is_of_socket = name.starts_with("sec-websocket-") || name == "openai-beta";
        if OF_THE_CONNECTION.contains(&name.as_str()) || is_turn && is_of_socket {
            continue;
        }
        let value = field.value.as_text();
        let is_plain = |text: &str| Clean::new(text).as_str() == text;
        match name.as_str() {
            "authorization" => {
                let scheme = value.split_once(' ').map_or("Bearer", |(scheme, _)| scheme);
                let is_scheme = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
                let scheme = if is_scheme { scheme } else { "Bearer" };
                headers.push(format!("\"{name}: {scheme} $OPENAI_API_KEY\""));
            }
            "api-key" | "x-api-key" => headers.push(format!("\"{name}: $OPENAI_API_KEY\"")),
            "chatgpt-account-id" => headers.push(format!("\"{name}: $CHATGPT_ACCOUNT_ID\"")),
            _ if matches!(field.value, Value::Secret(_)) && !value.contains('{')
                || !is_plain(&value)
                || HeaderName::from_bytes(name.as_bytes()).is_err() =>
            {
                // With a name such as `@file` curl would send the lines of a file.
                put!(text, "# Left out: {}\n", Clean::new(&name));
            }
            // With nothing behind a colon curl sends no such field.
            _ if value.trim().is_empty() => headers.push(quote(&format!("{};", field.name))),
            _ => headers.push(quote(&format!("{}: {value}", field.name))),
        }
    }
    headers
}

/// A command that prints exactly these bytes.
fn print(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).ok();
    let is_plain = |text: &&str| {
        let mut lines = text.split('\n');
        lines.all(|line| Clean::new(line).as_str() == line)
    };
    if let Some(text) = text.filter(is_plain) {
        return format!("printf %s {}", quote(text));
    }
    let mut format = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        match byte {
            // At the beginning it would be an option.
            b'-' if format.is_empty() => format.push_str(r"\055"),
            b'%' => format.push_str("%%"),
            b'\\' => format.push_str("\\\\"),
            b' '..=b'~' => format.push(char::from(*byte)),
            _ => put!(format, "\\{byte:03o}"),
        }
    }
    format!("printf {}", quote(&format))
}

/// The text as one word of a shell (POSIX.1-2017 XCU §2.2.2).
fn quote(text: &str) -> String {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The URL with all that is not graphic ASCII percent-encoded (RFC 3986 §2.1).
fn graphic(url: &str) -> String {
    let mut text = String::with_capacity(url.len());
    for byte in url.bytes() {
        if byte.is_ascii_graphic() {
            text.push(char::from(byte));
        } else {
            put!(text, "%{byte:02X}");
        }
    }
    text
}

/// The members of an object, values unread.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// Fields that are of one connection or of the body as it was coded: curl makes its own.
const OF_THE_CONNECTION: [&str; 14] = [
    "host",
    "connection",
    "upgrade",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "content-length",
    "content-encoding",
    "accept-encoding",
    "expect",
    "proxy-connection",
    "proxy-authorization",
    "x-codextap-token",
];

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn no_field_is_read_from_a_file_and_none_is_lost_for_want_of_a_value() {
        let fields = [
            ("x-mail", "@home"),
            ("@/etc/passwd", "x"),
            (":method", "GET"),
            ("x-none", ""),
        ];
        let fields = fields.map(|(name, value)| Field {
            name: name.to_owned(),
            value: Value::Plain(HeaderValue::from_static(value)),
        });
        let mut text = String::new();
        let headers = headers(&fields, false, &mut text);
        assert_eq!(headers, ["'x-mail: @home'", "'x-none;'"]);
        assert_eq!(text, "# Left out: @/etc/passwd\n# Left out: :method\n");
    }

    #[test]
    fn bytes_that_are_escaped_begin_with_no_option() {
        assert_eq!(print(b"-a"), "printf %s '-a'");
        assert_eq!(print(b"-\x7f-"), r"printf '\055\177-'");
    }
}
