//! WebSocket: the handshake is between client and upstream, and so is every byte after it.

use flate2::{Compress, Compression, FlushCompress};

use crate::difference::{HEAD_HELD, UNREACHABLE};
use crate::faults::SHORT;
use crate::messages::OK;
use crate::script::Role::Client;
use crate::script::{Case, Script, script};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = handshakes();
    cases.extend(paths());
    cases.extend(refusals());
    cases.extend(messages());
    cases.extend(closes());
    cases.extend(violations());
    cases.extend(ends());
    cases
}

const HANDSHAKE: &str = "GET /v1/responses HTTP/1.1\r\nHost: <host>\r\n\
    Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n\
    authorization: Bearer sk-made-up\r\n\r\n";

const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    sec-websocket-extensions: permessage-deflate\r\nx-codex-turn-state: t-1\r\n\r\n";

/// A client whose handshake was accepted.
pub(crate) fn client() -> Script {
    script().send(HANDSHAKE).head()
}

/// An upstream that accepted the handshake.
pub(crate) fn upstream() -> Script {
    script().head().send(ACCEPTED)
}

/// A frame as it stands on the wire.
#[derive(Clone, Copy)]
struct Frame<'a> {
    /// FIN, RSV1–3 and the opcode.
    first: u8,
    payload: &'a [u8],
}

impl Frame<'_> {
    fn unmasked(self) -> Vec<u8> {
        let mut bytes = self.head(0);
        bytes.extend_from_slice(self.payload);
        bytes
    }

    fn masked(self) -> Vec<u8> {
        let mut bytes = self.head(0x80);
        bytes.extend_from_slice(&MASK);
        let masked = self.payload.iter().zip(MASK.iter().cycle());
        bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
        bytes
    }

    /// As the client, or the upstream, has to send it.
    fn of(self, client: bool) -> Vec<u8> {
        if client {
            self.masked()
        } else {
            self.unmasked()
        }
    }

    fn head(self, mask: u8) -> Vec<u8> {
        let len = self.payload.len();
        let mut head = vec![self.first];
        match len {
            0..=125 => head.push(mask | len as u8),
            126..=0xffff => {
                head.push(mask | 0x7e);
                head.extend_from_slice(&(len as u16).to_be_bytes());
            }
            _ => {
                head.push(mask | 0x7f);
                head.extend_from_slice(&(len as u64).to_be_bytes());
            }
        }
        head
    }
}

/// As any key, one that turns payloads into bytes of every kind.
const MASK: [u8; 4] = [0x37, 0xfa, 0x00, 0x0d];

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

fn frame(first: u8, payload: &[u8]) -> Frame<'_> {
    Frame { first, payload }
}

/// An accepted connection on which one end sends `bytes`, and both then go.
fn one_way(name: impl Into<String>, from_client: bool, bytes: &[u8]) -> Case {
    if from_client {
        return Case::new(
            name,
            client().send(bytes).close(),
            upstream().until(bytes).ended(),
        );
    }
    Case::new(
        name,
        client().until(bytes).ended(),
        upstream().send(bytes).close(),
    )
}

fn handshakes() -> Vec<Case> {
    let case = |name: &str, more: &str, answer: &str| {
        let request = HANDSHAKE.replace("authorization", &format!("{more}authorization"));
        let response = ACCEPTED.replace("x-codex", &format!("{answer}x-codex"));
        Case::exchange(format!("websocket/{name}"), request, response)
    };
    let early = frame(TEXT, b"early").unmasked();
    let eager = frame(TEXT, b"eager").masked();
    vec![
        case("handshake", "", ""),
        case(
            "subprotocols",
            "Sec-WebSocket-Protocol: chat, superchat\r\nsec-websocket-protocol: x\r\n",
            "Sec-WebSocket-Protocol: superchat\r\n",
        ),
        case(
            "extension-nobody-knows",
            "Sec-WebSocket-Extensions: x-mux; q=\"a\", y\r\n",
            "Sec-WebSocket-Extensions: y; z=1\r\n",
        ),
        case(
            "codex-fields",
            "openai-beta: responses_websockets=2026-02-06\r\nsession-id: 1\r\n",
            "x-models-etag: \"1\"\r\n",
        ),
        case("wrong-accept-key", "", "Sec-WebSocket-Accept: wrong\r\n"),
        Case::exchange(
            "websocket/names-in-odd-case",
            HANDSHAKE
                .replace("Connection: Upgrade", "cONNECTION: upGRADE")
                .replace("Upgrade: websocket", "uPGRADE: WebSocket"),
            ACCEPTED
                .replace("Connection: Upgrade", "connection:upgrade")
                .replace("Upgrade: websocket", "UPGRADE: WEBSOCKET"),
        ),
        Case::exchange(
            "websocket/keep-alive-besides-upgrade",
            HANDSHAKE.replace("Connection: Upgrade", "Connection: keep-alive, Upgrade"),
            ACCEPTED,
        ),
        Case::exchange(
            "websocket/version-8",
            HANDSHAKE.replace("Version: 13", "Version: 8"),
            "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13, 7\r\n\
             Content-Length: 0\r\n\r\n",
        ),
        Case::new(
            "websocket/frame-in-one-segment-with-the-answer",
            client().until(&early),
            script().head().send([ACCEPTED.as_bytes(), &early].concat()),
        ),
        Case::new(
            "websocket/frame-before-the-answer",
            script()
                .send([HANDSHAKE.as_bytes(), &eager].concat())
                .head()
                .until(&early),
            upstream().until(&eager).send(&early),
        ),
        Case::new(
            "websocket/early-hints-before-the-answer",
            script()
                .send(HANDSHAKE)
                .until("Link: <a>\r\n\r\n")
                .head()
                .send(&eager)
                .close(),
            (script()
                .head()
                .send("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"))
            .send(ACCEPTED)
            .until(&eager)
            .ended(),
        ),
        Case::new(
            "websocket/on-a-connection-used-before",
            script()
                .send(crate::messages::GET)
                .message(OK)
                .send(HANDSHAKE)
                .head()
                .send(&eager)
                .close(),
            script()
                .head()
                .send(OK)
                .head()
                .send(ACCEPTED)
                .until(&eager)
                .ended(),
        ),
    ]
}

/// Every path on which Codex opens a WebSocket, and one that it does not know: messages there and back.
fn paths() -> Vec<Case> {
    let ask = frame(TEXT, br#"{"type":"session.update"}"#).masked();
    let answer = frame(TEXT, br#"{"type":"session.updated"}"#).unmasked();
    let paths = [
        ("realtime", "/v1/realtime?model=gpt-realtime-1.5"),
        ("chatgpt-responses", "/backend-api/codex/responses"),
        (
            "chatgpt-realtime",
            "/backend-api/codex/realtime?intent=quicksilver",
        ),
        ("any-other-path", "/v1/%6Eew//endpoint;a=b?c=d?e&f"),
    ];
    (paths.into_iter())
        .map(|(name, path)| {
            Case::new(
                format!("websocket/path-{name}"),
                script()
                    .send(HANDSHAKE.replace("/v1/responses", path))
                    .head()
                    .send(&ask)
                    .until(&answer)
                    .close(),
                upstream().until(&ask).send(&answer).ended(),
            )
        })
        .collect()
}

fn refusals() -> Vec<Case> {
    let refusals = [
        "401 Unauthorized\r\nWWW-Authenticate: Bearer",
        "403 Forbidden",
        "404 Not Found",
        "426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: websocket",
        "429 Too Many Requests\r\nRetry-After: 7",
        "500 Internal Server Error",
        "503 Service Unavailable\r\nRetry-After: 1",
        "301 Moved Permanently\r\nLocation: /elsewhere",
        "307 Temporary Redirect\r\nLocation: wss://elsewhere.test/v1",
        "200 OK",
    ];
    let post = "POST /v1/responses HTTP/1.1\r\nHost: <host>\r\nContent-Length: 2\r\n\r\n{}";
    let mut cases: Vec<Case> = (refusals.iter())
        .map(|refusal| {
            let answer = format!("HTTP/1.1 {refusal}\r\nContent-Length: 4\r\n\r\nnope");
            // What Codex does after a 426: the same over HTTP.
            Case::new(
                format!("websocket/refused-{}", &refusal[..3]),
                script()
                    .send(HANDSHAKE)
                    .message(&answer)
                    .send(post)
                    .message(OK),
                script().head().send(&answer).message(post).send(OK),
            )
        })
        .collect();
    cases.extend([
        Case::new(
            "websocket/refused-in-chunks",
            script().send(HANDSHAKE).until("0\r\n\r\n"),
            (script().head())
                .send("HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"),
        ),
        Case::new(
            "websocket/refused-up-to-the-close",
            script().send(HANDSHAKE).until("nope").ended(),
            script().head().send("HTTP/1.1 403 No\r\n\r\nnope").close(),
        ),
        Case::new(
            "websocket/dropped-without-an-answer",
            script().send(HANDSHAKE).ended(),
            script().head().close(),
        ),
        Case::new(
            "websocket/reset-without-an-answer",
            script().send(HANDSHAKE).ended(),
            script().head().reset(),
        ),
        Case::new(
            "websocket/dropped-in-the-answer",
            script().send(HANDSHAKE).ended(),
            script().head().send(&ACCEPTED[..40]).close(),
        )
        .dropped(&HEAD_HELD, Client, &ACCEPTED[..40]),
        Case::new(
            "websocket/stalled-until-the-client-gives-up",
            script().send(HANDSHAKE).meet().close(),
            script().head().meet().ended(),
        ),
        Case::new(
            "websocket/stalled-until-the-client-resets",
            script().send(HANDSHAKE).meet().reset(),
            script().head().meet().ended(),
        ),
        Case::new(
            "websocket/stalled-beyond-the-limit",
            script().send(HANDSHAKE).head(),
            script().head(),
        )
        .with(|config| config.upgrade_timeout = SHORT)
        .answered(504, &UNREACHABLE),
    ]);
    cases
}

fn messages() -> Vec<Case> {
    let long: Vec<u8> = (0..70_000_u32).map(|n| (n % 255) as u8).collect();
    let create = br#"{"type":"response.create","input":[]}"#;
    let mut cases = Vec::new();
    for (end, from_client) in [("client", true), ("upstream", false)] {
        let mut case = |name: &str, frames: &[Frame<'_>]| {
            let bytes: Vec<u8> = frames.iter().flat_map(|one| one.of(from_client)).collect();
            let mut case = one_way(format!("websocket/{end}-{name}"), from_client, &bytes);
            case.cut = bytes.len() < 2000;
            cases.push(case);
        };
        case("text", &[frame(TEXT, create)]);
        case("text-of-nothing", &[frame(TEXT, b"")]);
        case("binary", &[frame(BINARY, &long[..300])]);
        case(
            "lengths",
            &[frame(BINARY, &long[..125]), frame(BINARY, &long[..126])],
        );
        case(
            "long-lengths",
            &[frame(BINARY, &long[..0xffff]), frame(BINARY, &long)],
        );
        case(
            "fragments-with-control-frames-between",
            &[
                frame(0x01, b"frag"),
                frame(PING, b"are you there"),
                frame(0x00, b"men"),
                frame(PONG, b""),
                frame(0x00, b""),
                frame(0x80, b"ted"),
            ],
        );
        let (deflated, again) = deflated(create);
        case(
            "compressed-with-context-takeover",
            &[frame(0xc1, &deflated), frame(0xc1, &again)],
        );
        let (first, second) = deflated.split_at(deflated.len() / 2);
        case(
            "compressed-fragments",
            &[frame(0x41, first), frame(PING, b"p"), frame(0x80, second)],
        );
        case("pong-nobody-asked-for", &[frame(PONG, b"hm")]);
        case("ping-of-125-bytes", &[frame(PING, &long[..125])]);
    }
    let (ping, echo) = (frame(PING, b"a"), frame(PONG, b"a"));
    let (ask, say) = (
        frame(TEXT, create),
        frame(TEXT, br#"{"type":"response.completed"}"#),
    );
    cases.extend([
        Case::new(
            "websocket/ping-of-the-upstream",
            client()
                .until(ping.unmasked())
                .send(echo.masked())
                .until(say.unmasked()),
            upstream()
                .send(ping.unmasked())
                .until(echo.masked())
                .send(say.unmasked()),
        ),
        Case::new(
            "websocket/ping-of-the-client",
            client().send(ping.masked()).until(echo.unmasked()).close(),
            upstream()
                .until(ping.masked())
                .send(echo.unmasked())
                .ended(),
        ),
        Case::new(
            "websocket/turns",
            (client().send(ask.masked()).until(say.unmasked()))
                .send(ask.masked())
                .until(say.unmasked())
                .close(),
            (upstream().until(ask.masked()).send(say.unmasked()))
                .until(ask.masked())
                .send(say.unmasked())
                .ended(),
        ),
    ]);
    cases
}

/// Two messages of one compressor (RFC 7692 §7.2.1).
fn deflated(text: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut compress = Compress::new(Compression::default(), false);
    let mut message = || {
        let mut out = Vec::with_capacity(1000);
        (compress.compress_vec(text, &mut out, FlushCompress::Sync)).unwrap();
        out.truncate(out.len() - 4);
        out
    };
    (message(), message())
}

fn closes() -> Vec<Case> {
    let mut cases = Vec::new();
    let codes = (1000..=1015).chain([3000, 3999, 4000, 4500, 4999]);
    for code in codes {
        let mut payload = u16::to_be_bytes(code).to_vec();
        payload.extend_from_slice(b"because");
        let close = frame(CLOSE, &payload);
        // Each code is begun by the client and by the upstream; the other end echoes it.
        let (asked, echoed) = (close.masked(), close.unmasked());
        cases.push(Case::new(
            format!("websocket/close-{code}-by-the-client"),
            client().send(&asked).until(&echoed).ended(),
            upstream().until(&asked).send(&echoed).close(),
        ));
        cases.push(Case::new(
            format!("websocket/close-{code}-by-the-upstream"),
            client().until(&echoed).send(&asked).ended(),
            upstream().send(&echoed).until(&asked).close(),
        ));
    }
    for (end, from_client) in [("client", true), ("upstream", false)] {
        let case = |name: &str, payload: &[u8]| {
            let close = frame(CLOSE, payload).of(from_client);
            one_way(
                format!("websocket/close-{name}-by-the-{end}"),
                from_client,
                &close,
            )
        };
        cases.push(case("without-status", b""));
        cases.push(case("of-one-byte", b"\x03"));
        cases.push(case("with-code-999", b"\x03\xe7"));
        cases.push(case("with-code-5000", b"\x13\x88"));
        cases.push(case("with-invalid-utf-8", b"\x03\xe8\xff\xfe"));
        cases.push(case(
            "with-a-long-reason",
            &[&b"\x03\xe8"[..], &[b'r'; 123]].concat(),
        ));
        let close = frame(CLOSE, b"\x03\xe8").of(from_client);
        let more = [close, frame(TEXT, b"one more").of(from_client)].concat();
        let name = format!("websocket/bytes-after-close-by-the-{end}");
        cases.push(one_way(name, from_client, &more));
    }
    cases
}

/// What RFC 6455 forbids is for the two ends to notice.
fn violations() -> Vec<Case> {
    let mut cases = Vec::new();
    for (end, from_client) in [("client", true), ("upstream", false)] {
        let mut case = |name: &str, bytes: &[u8]| {
            cases.push(one_way(
                format!("websocket/{end}-{name}"),
                from_client,
                bytes,
            ));
        };
        case("masks-wrongly", &frame(TEXT, b"mask").of(!from_client));
        case(
            "invalid-utf-8",
            &frame(TEXT, b"a\xc3\x28\xed\xa0\x80").of(from_client),
        );
        case("reserved-bits", &frame(0xb1, b"r").of(from_client));
        case(
            "unknown-opcodes",
            &[frame(0x83, b"3"), frame(0x8f, b"f")]
                .map(|f| f.of(from_client))
                .concat(),
        );
        case(
            "fragmented-ping",
            &[frame(0x09, b"pi"), frame(0x80, b"ng")]
                .map(|f| f.of(from_client))
                .concat(),
        );
        case("long-ping", &frame(PING, &[7; 200]).of(from_client));
        case(
            "continuation-of-nothing",
            &frame(0x80, b"c").of(from_client),
        );
        case(
            "message-in-a-message",
            &[frame(0x01, b"a"), frame(TEXT, b"b")]
                .map(|f| f.of(from_client))
                .concat(),
        );
        case("length-spelt-too-long", b"\x82\x7e\x00\x01!");
        case(
            "length-beyond-63-bits",
            b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xffabc",
        );
        case(
            "not-inflatable",
            &frame(0xc1, b"\xff\xff\xff\xff").of(from_client),
        );
        case(
            "no-frames-at-all",
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
        );
    }
    cases
}

/// Ends without a close frame.
fn ends() -> Vec<Case> {
    let whole = frame(TEXT, b"whole");
    let mut cases = Vec::new();
    for (phase, cut) in [
        ("between-frames", 0),
        ("in-a-frames-head", 1),
        ("in-a-frame", 3),
    ] {
        for how in ["closes", "resets"] {
            let leaving = |script: Script| match how {
                "resets" => script.meet().reset(),
                _ => script.meet().close(),
            };
            for from_client in [true, false] {
                let mut bytes = whole.of(from_client);
                bytes.extend_from_slice(&whole.of(from_client)[..cut]);
                let end = if from_client { "client" } else { "upstream" };
                let name = format!("fault/websocket-{end}-{how}-{phase}");
                cases.push(if from_client {
                    Case::new(
                        name,
                        leaving(client().send(&bytes)),
                        upstream().until(&bytes).meet().ended(),
                    )
                } else {
                    Case::new(
                        name,
                        client().until(&bytes).meet().ended(),
                        leaving(upstream().send(&bytes)),
                    )
                });
            }
        }
    }
    cases.extend([
        Case::new(
            "websocket/half-closed-by-the-client",
            client()
                .send(whole.masked())
                .fin()
                .until(whole.unmasked().repeat(2))
                .ended(),
            (upstream().until(whole.masked()).ended())
                .send(whole.unmasked().repeat(2))
                .close(),
        ),
        Case::new(
            "websocket/half-closed-by-the-upstream",
            client()
                .until(whole.unmasked())
                .ended()
                .send(whole.masked().repeat(2))
                .close(),
            (upstream().send(whole.unmasked()).fin())
                .until(whole.masked().repeat(2))
                .ended(),
        ),
    ]);
    cases
}
