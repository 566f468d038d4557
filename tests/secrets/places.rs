//! Realistic exchanges with a secret in every place where one may stand.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};

/// A secret, and where it stands.
pub(crate) struct Planted {
    pub(crate) place: String,
    pub(crate) secret: String,
    /// Whether a capture without masks has it: what was refused unread has not.
    pub(crate) is_kept: bool,
}

/// What a client sends, and what the upstream answers.
pub(crate) struct Exchange {
    /// Of the request: what finds the answer.
    pub(crate) path: String,
    pub(crate) request: Vec<u8>,
    pub(crate) response: Vec<u8>,
    /// What both send once upgraded.
    pub(crate) frames: Option<[Vec<u8>; 2]>,
}

/// All exchanges, and the secrets in them.
#[derive(Default)]
pub(crate) struct Garden {
    pub(crate) planted: Vec<Planted>,
    pub(crate) exchanges: Vec<Exchange>,
}

impl Garden {
    /// Everything.
    pub(crate) fn new() -> Self {
        let mut garden = Self::default();
        garden.fields();
        garden.targets();
        garden.bodies();
        garden.coded();
        garden.oauth();
        garden.multipart();
        garden.stream();
        garden.socket();
        garden.shapes();
        garden.pieces();
        garden.refused();
        garden.twins();
        garden
    }

    /// A new secret for a place.
    pub(crate) fn plant(&mut self, place: &str) -> String {
        let number = self.planted.len();
        let secret = format!("zq{number:03}-Secret.Value_{number:03}~x");
        self.planted.push(Planted {
            place: place.to_owned(),
            secret: secret.clone(),
            is_kept: true,
        });
        secret
    }

    pub(crate) fn exchange(&mut self, path: &str, request: Message, response: Message) {
        let target = if request.target.is_empty() {
            path
        } else {
            &request.target
        };
        let line = format!("POST {target} HTTP/1.1");
        let status = "HTTP/1.1 200 OK";
        self.exchanges.push(Exchange {
            path: path.to_owned(),
            request: request.bytes(&line),
            response: response.bytes(status),
            frames: None,
        });
    }

    /// Header and trailer fields of every kind.
    fn fields(&mut self) {
        let mut request = Message::default();
        let mut response = Message::default();
        for name in [
            "Authorization",
            "X-Api-Key",
            "api-key",
            "OpenAI-Api-Key",
            "X-Goog-Api-Key",
            "chatgpt-account-id",
            "ChatGPT-Account-Id",
            "X-Codex-Turn-State",
            "X-Codex-Installation-Id",
            "X-OAI-Attestation",
            "Ocp-Apim-Subscription-Key",
            "X-Amz-Security-Token",
            "X-Client-Secret",
            "X-Auth-Token",
            "X-Csrf-Token",
            "X-Forwarded-Authorization",
            "X-Session-Token",
            "Private-Token",
        ] {
            let secret = self.plant(&format!("request field {name}"));
            let value = if name == "Authorization" {
                format!("Bearer {secret}")
            } else {
                secret
            };
            request.field(name, &value);
        }
        for scheme in ["Basic", "AWS4-HMAC-SHA256 Credential=AKIA/x, Signature="] {
            let secret = self.plant(&format!("request field authorization {scheme}"));
            request.field("Authorization", &format!("{scheme} {secret}"));
        }
        let (a, b) = (self.plant("cookie"), self.plant("second cookie"));
        request.field(
            "Cookie",
            &format!("__Secure-session={a}; theme=dark; cf_clearance={b}"),
        );
        let (a, b) = (
            self.plant("metadata: installation"),
            self.plant("metadata: git remote"),
        );
        request.field(
            "x-codex-turn-metadata",
            &format!(
                r#"{{"installation_id":"{a}","workspaces":{{"/w":{{"associated_remote_urls":{{"origin":"https://oauth2:{b}@git.example.com/a.git"}}}}}}}}"#
            ),
        );
        let (a, b) = (self.plant("referer query"), self.plant("referer user-info"));
        request.field(
            "Referer",
            &format!("https://me:{b}@example.com/cb?state=1&code={a}"),
        );
        let secret = self.plant("any field with a URL");
        request.field(
            "X-Original-URL",
            &format!("https://example.com/x?a=1&access_token={secret}"),
        );
        for name in [
            "X-Codex-Turn-State",
            "ChatGPT-Account-ID",
            "X-Session-Token",
            "X-Api-Key",
        ] {
            let secret = self.plant(&format!("response field {name}"));
            response.field(name, &secret);
        }
        for number in 0..3 {
            let secret = self.plant(&format!("set-cookie {number}"));
            response.field(
                "Set-Cookie",
                &format!("c{number}={secret}; Path=/; HttpOnly"),
            );
        }
        let (a, b) = (
            self.plant("location query"),
            self.plant("location fragment"),
        );
        let location = format!("https://example.com/cb?x=1&code={a}#access_token={b}&state=2");
        response.field("Location", &location);
        let secret = self.plant("relative location");
        response.field(
            "Content-Location",
            &format!("/v1/next?page=2&token={secret}"),
        );
        let secret = self.plant("link");
        response.field(
            "Link",
            &format!("<https://example.com/?sig={secret}>; rel=next"),
        );
        for message in [&mut request, &mut response] {
            for name in ["X-Api-Key", "X-Codex-Turn-State", "X-Trailing-Token"] {
                let secret = self.plant(&format!("trailer {name}"));
                message.trailers.push((name.to_owned(), secret));
            }
        }
        self.exchange("/v1/fields", request, response);
    }

    /// Targets of requests.
    fn targets(&mut self) {
        let mut query = String::new();
        for name in [
            "access_token",
            "api_key",
            "apikey",
            "key",
            "sig",
            "signature",
            "token",
            "code",
            "client_secret",
            "id_token",
            "refresh_token",
            "password",
            "API_KEY",
            "X-Amz-Signature",
            "X-Amz-Security-Token",
            "code_verifier",
            "session_token",
            "auth_token",
            "auth",
            "secret",
        ] {
            let secret = self.plant(&format!("query {name}"));
            write!(query, "&{name}={secret}").unwrap();
        }
        let request = Message {
            target: format!("/v1/target?a=1{query}&{}", self.nested("target")),
            ..Message::default()
        };
        self.exchange("/v1/target", request, Message::default());
    }

    /// A parameter with an encoded URL that has credentials.
    fn nested(&mut self, place: &str) -> String {
        let [user, query, twice] = ["user-info", "query", "query, encoded twice"]
            .map(|what| self.plant(&format!("encoded URL in the {place}: {what}")));
        format!(
            "next=https%3A%2F%2Fme%3A{user}%40example.com%2Fcb%3Fx%3D1%26token%3D{query}%26u%3Dhttps%253A%252F%252Fh%252F%253Fcode%253D{twice}&y=2"
        )
    }

    /// Members of JSON, plain and within strings, in requests and responses.
    fn bodies(&mut self) {
        let (asked, answered) = (self.json("request body"), self.json("response body"));
        let inner = self.json("string in request body");
        let innermost = self.json("string in a string");
        let (remote, escaped) = (
            self.plant("git remote in body"),
            self.plant("escaped URL in body"),
        );
        let (query, escaped_query) = (
            self.plant("query of URL in body"),
            self.plant("escaped query in body"),
        );
        let (installation, redis) = (
            self.plant("installation id in metadata"),
            self.plant("redis URL"),
        );
        let body = serde_json::json!({
            "model": "gpt-5.5",
            "client_metadata": {"x-codex-installation-id": installation, "workspace": inner},
            "input": [
                {"type": "message", "role": "user", "content": [{"type": "input_text",
                    "text": format!("fetch https://x-access-token:{remote}@example.com/r.git and https://example.com/?q=1&token={query}. Then")}]},
                {"type": "function_call_output", "call_id": "c1",
                    "output": serde_json::json!({"stdout": innermost, "url": format!("redis://:{redis}@h:1")}).to_string()},
            ],
            "secrets": serde_json::from_str::<serde_json::Value>(&asked).unwrap(),
        });
        let body = body.to_string();
        let end = body.len() - 1;
        let body = format!(
            r#"{},"php":"https:\/\/u:{escaped}@example.com\/","go":"https://example.com/?a=1\u0026api_key={escaped_query}"}}"#,
            &body[..end]
        );
        self.exchange(
            "/v1/responses",
            Message::json(&body),
            Message::json(&answered),
        );
        let secret = self.plant("plain text with JSON");
        let cut = self.plant("JSON that is cut off");
        let text =
            format!("auth.json:\n{{\n  \"refresh_token\" : \"{secret}\",\n \"id_token\": \"{cut}");
        let mut error = Message::json(&text);
        error.content = "text/plain";
        let latin = self.plant("beside bytes that are no text");
        // The capture has it in Base64.
        self.planted.last_mut().unwrap().is_kept = false;
        let bytes = [&b"\xff{\"api_key\":\""[..], latin.as_bytes(), b"\"}\xfe"].concat();
        let odd = Message {
            body: bytes,
            content: "application/octet-stream",
            ..Message::default()
        };
        self.exchange("/v1/text", odd, error);
    }

    /// JSON whose every member is a secret.
    fn json(&mut self, place: &str) -> String {
        let mut object = serde_json::Map::new();
        for name in MEMBERS {
            let secret = self.plant(&format!("{place}: {name}"));
            object.insert(name.to_owned(), secret.into());
        }
        let cookies = [
            self.plant(&format!("{place}: list")),
            self.plant(&format!("{place}: list")),
        ];
        object.insert("set-cookie".to_owned(), cookies.to_vec().into());
        serde_json::Value::Object(object).to_string()
    }

    /// Bodies with a content coding.
    fn coded(&mut self) {
        let (a, b) = (self.plant("zstd request"), self.plant("gzip response"));
        let mut request = Message::json(&format!(r#"{{"access_token":"{a}"}}"#));
        request.body = zstd::encode_all(request.body.as_slice(), 1).unwrap();
        request.field("Content-Encoding", "zstd");
        let mut response = Message::json(&format!(r#"{{"access_token":"{b}"}}"#));
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&response.body).unwrap();
        response.body = gzip.finish().unwrap();
        response.field("Content-Encoding", "gzip");
        self.exchange("/v1/coded", request, response);
    }

    /// An exchange of a code for tokens and a renewal, as a form and as JSON.
    fn oauth(&mut self) {
        let mut form = "grant_type=authorization_code&client_id=app_1".to_owned();
        for name in [
            "code",
            "code_verifier",
            "refresh_token",
            "client_secret",
            "client_assertion",
            "device_code",
            "password",
        ] {
            let secret = self.plant(&format!("OAuth form {name}"));
            write!(form, "&{name}={secret}").unwrap();
        }
        let mut request = Message::json(&form);
        request.content = "application/x-www-form-urlencoded";
        let answer = self.tokens("OAuth answer");
        self.exchange("/v1/oauth/form", request, Message::json(&answer));
        let mut json = r#"{"client_id":"app_1","grant_type":"refresh_token""#.to_owned();
        for name in ["code", "code_verifier", "refresh_token", "client_secret"] {
            let secret = self.plant(&format!("OAuth JSON {name}"));
            write!(json, r#","{name}":"{secret}""#).unwrap();
        }
        json.push('}');
        let answer = self.tokens("renewal's answer");
        self.exchange(
            "/v1/oauth/token",
            Message::json(&json),
            Message::json(&answer),
        );
    }

    /// An upload with fields beside the file.
    fn multipart(&mut self) {
        let mut body = String::new();
        for name in ["api_key", "password", "client_secret"] {
            let value = self.plant(&format!("multipart field {name}"));
            write!(
                body,
                "--b0undary\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
            .unwrap();
        }
        body += "--b0undary--\r\n";
        let request = Message {
            content: "multipart/form-data; boundary=b0undary",
            body: body.into_bytes(),
            ..Message::default()
        };
        self.exchange("/v1/files", request, Message::default());
    }

    fn tokens(&mut self, place: &str) -> String {
        let [a, b, c] =
            ["access", "refresh", "id"].map(|name| self.plant(&format!("{place}: {name}")));
        format!(
            r#"{{"access_token":"{a}","refresh_token":"{b}","id_token":"{c}","token_type":"Bearer","expires_in":3600}}"#
        )
    }

    /// Events of a stream.
    fn stream(&mut self) {
        let (event, output) = (self.json("event"), self.json("tool output in an event"));
        let (url, comment) = (self.plant("URL in an event"), self.plant("comment"));
        let [first, second] = [1, 2].map(|line| self.plant(&format!("line {line} of a data")));
        let lines = format!(
            "data: {{\"type\":\"x\",\"access_token\":\ndata: \"{first}\",\"cookie\"\ndata::[\ndata:\"{second}\"]}}"
        );
        let nested = self.nested("event");
        let item = serde_json::json!({"type": "response.output_item.done", "output_index": 0, "item":
            {"type": "function_call", "call_id": "c", "name": "shell", "arguments": output}});
        let error = serde_json::json!({"type": "error", "error": {"code": "server_error",
            "message": format!("cannot reach https://svc:{url}@internal.example.com/")}});
        let response = Message {
            content: "text/event-stream",
            body: format!(
            "event: x\ndata: {event}\n\n: {{\"api_key\":\"{comment}\"}}\n\ndata: {item}\n\ndata: {error}\n\n{lines}\n\ndata: {{\"url\":\"https://example.com/?{nested}\"}}\n\n"
        )
        .into_bytes(),
            ..Message::default()
        };
        self.exchange("/v1/responses?stream", Message::json("{}"), response);
    }

    /// Messages on a WebSocket: plain, in fragments, compressed.
    fn socket(&mut self) {
        let [plain, fragments, compressed] = ["plain", "in fragments", "compressed"]
            .map(|how| ["out", "in"].map(|dir| self.json(&format!("message {dir}, {how}"))));
        let ping = self.plant("ping");
        let reason = self.plant("reason of a close frame");
        let frames = [0, 1].map(|dir| {
            let masked = dir == 0;
            let mut bytes = frame(0x81, plain[dir].as_bytes(), masked);
            // A secret is cut in two.
            let half = fragments[dir].find("Secret").unwrap();
            let (first, second) = fragments[dir].as_bytes().split_at(half);
            bytes.extend(frame(0x01, first, masked));
            bytes.extend(frame(
                0x89,
                format!(r#"{{"api_key":"{ping}"}}"#).as_bytes(),
                masked,
            ));
            bytes.extend(frame(0x80, second, masked));
            let mut deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
            deflate.write_all(compressed[dir].as_bytes()).unwrap();
            deflate.flush().unwrap();
            let mut payload = deflate.get_ref().clone();
            payload.truncate(payload.len() - 4);
            bytes.extend(frame(0xC1, &payload, masked));
            let reason = format!("bad https://u:{reason}@h/");
            let reason = [&1000_u16.to_be_bytes()[..], reason.as_bytes()].concat();
            bytes.extend(frame(0x88, &reason, masked));
            bytes
        });
        let (a, b) = (
            self.plant("handshake"),
            self.plant("answer to the handshake"),
        );
        let request = format!(
            "GET /v1/socket HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Extensions: permessage-deflate\r\nAuthorization: Bearer {a}\r\n\r\n"
        );
        let response = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
             Sec-WebSocket-Extensions: permessage-deflate\r\nx-codex-turn-state: {b}\r\n\r\n"
        );
        self.exchanges.push(Exchange {
            path: "/v1/socket".to_owned(),
            request: request.into_bytes(),
            response: response.into_bytes(),
            frames: Some(frames),
        });
    }

    /// Requests that codextap or the upstream's side fails.
    fn refused(&mut self) {
        let routeless = self.plant("target without a route");
        let field = self.plant("field without a route");
        let away = self.plant("target of an upstream that is away");
        let origin = self.plant("target with an origin");
        let host = self.plant("target for another host");
        let absolute = self.plant("absolute target");
        let requests = [
            format!(
                "GET /nowhere?token={routeless} HTTP/1.1\r\nHost: HOST\r\nX-Api-Key: {field}\r\nConnection: close\r\n\r\n"
            ),
            format!(
                "GET /away/x?api_key={away} HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"
            ),
            format!(
                "GET /v1/x?api_key={origin} HTTP/1.1\r\nHost: HOST\r\nOrigin: https://evil.example\r\nConnection: close\r\n\r\n"
            ),
            format!(
                "GET /v1/x?api_key={host} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
            ),
            format!(
                "GET http://me:{absolute}@HOST/v1/broken HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n"
            ),
        ];
        let hidden = [
            "request of two lengths",
            "header line without a colon",
            "bad target",
        ];
        let [lengths, colon, target] = hidden.map(|place| {
            let secret = self.plant(place);
            self.planted.last_mut().unwrap().is_kept = false;
            secret
        });
        let malformed = [
            format!(
                "POST /v1/x?token={lengths} HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
            ),
            format!("GET /v1/x HTTP/1.1\r\nHost: HOST\r\nAuthorization Bearer {colon}\r\n\r\n"),
            format!("GET v1/x?token={target} HTTP/1.1\r\nHost: HOST\r\n\r\n"),
        ];
        let answer = self.plant("response line without a colon");
        self.planted.last_mut().unwrap().is_kept = false;
        for request in requests.into_iter().chain(malformed) {
            self.exchanges.push(Exchange {
                path: "/v1/broken".to_owned(),
                request: request.into_bytes(),
                response: format!("HTTP/1.1 200 OK\r\nSet-Cookie {answer}\r\n\r\n").into_bytes(),
                frames: None,
            });
        }
    }
}

/// Members of JSON that are credentials.
const MEMBERS: [&str; 23] = [
    "access_token",
    "account_id",
    "api_key",
    "apiKey",
    "authorization",
    "chatgpt-account-id",
    "chatgpt_account_id",
    "client_secret",
    "cookie",
    "id_token",
    "installation_id",
    "OPENAI_API_KEY",
    "password",
    "refresh_token",
    "refreshToken",
    "x-codex-installation-id",
    "x-codex-turn-state",
    "x-api-key",
    "aws_secret_access_key",
    "session_token",
    "token",
    "Secret",
    "API-Key",
];

/// A message that is being written.
#[derive(Default)]
pub(crate) struct Message {
    pub(crate) target: String,
    pub(crate) fields: String,
    pub(crate) trailers: Vec<(String, String)>,
    pub(crate) content: &'static str,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn json(body: &str) -> Self {
        Self {
            content: "application/json",
            body: body.as_bytes().to_vec(),
            ..Self::default()
        }
    }

    pub(crate) fn field(&mut self, name: &str, value: &str) {
        write!(self.fields, "{name}: {value}\r\n").unwrap();
    }

    fn bytes(mut self, line: &str) -> Vec<u8> {
        self.field("Connection", "close");
        if line.starts_with("POST") {
            self.field("Host", "HOST");
        }
        if !self.content.is_empty() {
            let content = self.content;
            self.field("Content-Type", content);
        }
        if self.trailers.is_empty() {
            let length = self.body.len().to_string();
            self.field("Content-Length", &length);
            let head = format!("{line}\r\n{}\r\n", self.fields);
            return [head.as_bytes(), &self.body].concat();
        }
        self.field("Transfer-Encoding", "chunked");
        let mut text = format!("{line}\r\n{}\r\n2\r\n{{}}\r\n0\r\n", self.fields);
        for (name, value) in &self.trailers {
            write!(text, "{name}: {value}\r\n").unwrap();
        }
        text += "\r\n";
        text.into_bytes()
    }
}

/// A WebSocket frame; the mask, where there is one, is of zeros.
fn frame(first: u8, payload: &[u8], is_masked: bool) -> Vec<u8> {
    let mut frame = vec![first];
    let mask = if is_masked { 0x80 } else { 0 };
    match payload.len() {
        len @ ..126 => frame.push(mask | len as u8),
        len => {
            frame.push(mask | 0x7E);
            frame.extend((len as u16).to_be_bytes());
        }
    }
    frame.extend(vec![0; if is_masked { 4 } else { 0 }]);
    frame.extend(payload);
    frame
}
