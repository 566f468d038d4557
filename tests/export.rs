//! Flows in the forms of other tools, held against what those tools demand of them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::borrow::Cow;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use codextap::capture;
use codextap::export::{Curl, Digest, Format, Har, Markdown, Otlp, Statistics, mask, read_archive};
use codextap::flow::sessions::Sessions;
use codextap::flow::{Flow, FlowKind, Store, Summary};
use codextap::responses::Prices;
use codextap::tap::{At, Field, Redactor, RequestHead, Value as FieldValue};
use http::{HeaderValue, Version};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Captures with exchanges, event streams, WebSockets and failures.
const CAPTURES: [&str; 3] = [
    "tests/fixtures/demo.jsonl",
    "tests/fixtures/v1.jsonl",
    "tests/fixtures/v1-outcome.jsonl",
];

#[test]
fn an_archive_fits_the_schema() {
    let schema = serde_json::from_str(include_str!("fixtures/har-1.2.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for capture in CAPTURES {
        let archive: Value = serde_json::from_str(&written(Har::default(), capture)).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&archive)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{capture}: {errors:#?}");
    }
    let mut broken: Value = serde_json::from_str(&written(Har::default(), CAPTURES[0])).unwrap();
    broken["log"]["entries"][0]["time"] = Value::Null;
    assert!(!validator.is_valid(&broken));
}

#[test]
fn a_connection_is_one_entry_with_the_messages_of_its_turns_in_order() {
    let archive: Value = serde_json::from_str(&written(Har::default(), CAPTURES[0])).unwrap();
    let entries = archive["log"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 11, "16 flows, 5 of them turns");
    let messages = entries[1]["_webSocketMessages"].as_array().unwrap();
    let times: Vec<f64> = messages
        .iter()
        .map(|message| message["time"].as_f64().unwrap())
        .collect();
    assert!(times.is_sorted());
    let asked = messages.iter().filter(|message| {
        let data = message["data"].as_str().unwrap();
        message["type"] == "send" && data.contains("response.create")
    });
    assert_eq!(asked.count(), 5);
}

#[test]
fn turns_without_their_connection_stand_on_one_made_of_their_handshake() {
    let store = store(CAPTURES[0]);
    let mut har = Har::default();
    let mut text = Vec::new();
    har.begin(&mut text);
    for flow in flows(&store).filter(|flow| flow.name.contains('.')) {
        har.push(flow.clone(), &mut text);
    }
    har.end(&mut text);
    let archive: Value = serde_json::from_slice(&text).unwrap();
    let entries = archive["log"]["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["response"]["status"], 101);
    assert!(entries[0]["_webSocketMessages"].as_array().unwrap().len() > 100);
}

#[test]
fn an_archive_comes_back_as_the_flows_it_was_made_of() {
    for capture in CAPTURES {
        let archive = written(Har::default(), capture);
        let read = archived(&archive);
        let (before, after) = (store(capture), read);
        let names =
            |store: &Store| -> Vec<String> { flows(store).map(|flow| flow.name.clone()).collect() };
        assert_eq!(names(&before), names(&after), "{capture}");
        for (before, after) in flows(&before).zip(flows(&after)) {
            assert_eq!(shown(before), shown(after), "{capture} {}", before.name);
        }
        let mut again = Har::default();
        let mut text = Vec::new();
        again.begin(&mut text);
        for flow in flows(&after) {
            again.push(flow.clone(), &mut text);
        }
        again.end(&mut text);
        assert_eq!(String::from_utf8(text).unwrap(), archive, "{capture}");
    }
}

#[test]
fn archives_of_others_are_read_and_masked() {
    let archive = include_str!("fixtures/others.har");
    let store = archived(archive);
    let [plain, stream, refused, socket, turn, second] = flows(&store).collect::<Vec<_>>()[..]
    else {
        panic!("{} flows", store.len());
    };
    assert_eq!(plain.path(), "/v1/models");
    assert_eq!(
        plain.response.body.text(),
        Some("{\"models\":[]}"),
        "base64"
    );
    assert_eq!(plain.upstream.as_ref(), "https://api.example.com");
    assert_eq!(stream.frames.len(), 2);
    assert_eq!(stream.turn.as_ref().unwrap().output_text(), "hi");
    assert_eq!(refused.status(), None);
    assert_eq!(refused.failures[0].message, "net::ERR_CONNECTION_REFUSED");
    assert_eq!(socket.kind, FlowKind::Ws);
    assert_eq!(socket.close.as_ref().unwrap().code, Some(1000));
    assert_eq!(turn.turn.as_ref().unwrap().usage.unwrap().input, 7);
    assert!(second.is_error(), "it was closed in the middle");
    let said = format!("{store:?}");
    assert!(!said.contains("sk-other-program"), "{said}");
}

#[test]
fn forms_and_bodies_that_are_no_text_are_masked() {
    const FORM: &str = "application/x-www-form-urlencoded";
    let secrets = "grant_type=refresh_token&refresh_token=rt-plain";
    let binary = b"\xff{\"refresh_token\":\"rt-plain\"}";
    let mut archive: Value = serde_json::from_str(include_str!("fixtures/others.har")).unwrap();
    let entry = &mut archive["log"]["entries"][0];
    entry["request"]["postData"] = json!({ "mimeType": FORM, "text": secrets });
    entry["response"]["content"]["text"] = STANDARD.encode(binary).into();
    let store = archived(&archive.to_string());
    let read = flows(&store).next().unwrap();
    let mut flow = Flow::new("f".into(), String::new(), Arc::from(""), At::default());
    flow.request.head = Some(RequestHead {
        method: "POST".into(),
        target: "/oauth/token".into(),
        version: Version::HTTP_11,
        fields: vec![Field {
            name: "Content-Type".into(),
            value: FieldValue::Plain(HeaderValue::from_static(
                "Application/X-WWW-Form-Urlencoded",
            )),
        }],
    });
    flow.request.body.push(secrets.as_bytes());
    flow.response.body.push(binary);
    for flow in [read, &mask(flow, &Redactor::new())] {
        for body in [&flow.request.body, &flow.response.body] {
            let shown = String::from_utf8_lossy(body.bytes());
            assert!(shown.contains("refresh_token"), "{shown}");
            assert!(!shown.contains("rt-plain"), "{shown}");
        }
        let again = mask(flow.clone(), &Redactor::new());
        assert_eq!(again.request.body, flow.request.body);
    }
}

#[test]
fn what_is_no_archive_is_told_with_its_place() {
    for (text, why) in [
        (
            "{\"log\":{\"version\":\"1.2\"}}",
            "no member `entries` at line 1",
        ),
        (
            "{\"log\":{\"entries\":[{\"request\":{}}]}}",
            "missing field `method`",
        ),
        ("{\"log\":{\"entries\":[{", "EOF while parsing"),
        ("[]", "invalid type: sequence, expected the log of a HAR"),
    ] {
        let error = read_archive(text.as_bytes(), &Redactor::new(), |_| Ok(())).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
}

#[test]
fn a_report_has_every_section_and_says_nothing_twice() {
    let capture = CAPTURES[0];
    let (mut statistics, mut log, mut text) =
        (Statistics::default(), Markdown::default(), Vec::new());
    let prices = Prices::built_in().unwrap();
    let store = store(capture);
    for flow in flows(&store) {
        let mut part = Statistics::default();
        part.add(flow);
        statistics.merge(part);
        log.add(&Digest::of(flow.clone(), None), &mut text);
    }
    let sessions = Sessions::of(store.summaries(), &prices);
    let tables = statistics.markdown(&["demo.jsonl".to_owned()], &sessions, &[], &log);
    let log = String::from_utf8(text).unwrap();
    insta::assert_snapshot!("report_tables", tables);
    insta::assert_snapshot!("report_log", log);
    let size = std::fs::metadata(capture).unwrap().len() as usize;
    let share = (tables.len() + log.len()) * 1000 / size;
    assert!(share < 150, "{share} ‰ of a short capture");
    let repeated = "You are Codex";
    assert!(
        log.matches(repeated).count() <= 2,
        "instructions stand once per agent"
    );
}

#[test]
fn an_item_is_new_in_its_thread_whatever_stood_in_others() {
    let mut log = Markdown::default();
    let asked = |thread: &str| {
        let mut flow = Flow::new("f".into(), String::new(), Arc::from(""), At::default());
        flow.request.head = Some(RequestHead {
            method: "POST".into(),
            target: "/v1/responses".into(),
            version: Version::HTTP_11,
            fields: vec![Field {
                name: "x-codex-turn-metadata".into(),
                value: FieldValue::Plain(
                    HeaderValue::from_str(&format!(
                        r#"{{"thread_id":"{thread}","sandbox":"seccomp"}}"#
                    ))
                    .unwrap(),
                ),
            }],
        });
        let said = "Rules of the house that are the same for every thread";
        let item = json!({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": said}]});
        flow.request
            .body
            .push(json!({"input": [item]}).to_string().as_bytes());
        flow.replay();
        flow.identity.thread = Some(thread.into());
        flow
    };
    let mut told = |thread: &str| {
        let mut text = Vec::new();
        log.push(asked(thread), &mut text);
        String::from_utf8(text).unwrap()
    };
    let first = told("a");
    assert!(first.contains("Input: 1 item, 1 new.\n"), "{first}");
    assert!(first.contains("| Rules of the house"), "{first}");
    let again = told("a");
    assert!(again.contains("Input: 1 item, 0 new.\n"), "{again}");
    let other = told("b");
    assert!(
        other.contains("Input: 1 item, 1 new: 0 as in 1.\n"),
        "{other}"
    );
    assert!(
        other.contains("x-codex-turn-metadata: {\"thread_id\":\"b\",…}\n"),
        "{other}"
    );
}

#[test]
fn counts_of_any_size_are_added() {
    let store = store(CAPTURES[0]);
    let mut flow = flows(&store)
        .find(|flow| flow.turn.is_some())
        .unwrap()
        .clone();
    let usage = flow.turn.as_mut().unwrap().usage.get_or_insert_default();
    (usage.input, usage.output) = (u64::MAX, u64::MAX);
    let body = &mut flow.request.body;
    (body.wire_len, body.missed) = (u64::MAX, u64::MAX);
    body.leave(1);
    let prices = Prices::built_in().unwrap();
    let mut statistics = Statistics::default();
    statistics.add(&flow);
    statistics.add(&flow);
    statistics.merge(statistics.clone());
    let twice = [0; 2].map(|_| Cow::Owned(Summary::of(&flow)));
    let tables = statistics.markdown(
        &[],
        &Sessions::of(twice, &prices),
        &[],
        &Markdown::default(),
    );
    assert!(tables.contains("18"), "{tables}");
    assert!(capture::line(&flow, &store).is_ok());
}

#[test]
fn what_a_form_leaves_out_of_a_body_is_told() {
    let mut flow = Flow::new("f".into(), String::new(), Arc::from(""), At::default());
    for body in [&mut flow.request.body, &mut flow.response.body] {
        body.push(br#"{"api_key":"sk-plain"}"#);
        body.missed = 1;
        body.leave(1234);
    }
    let flow = mask(flow, &Redactor::new());
    let text = |mut format: Box<dyn Format>| {
        let mut text = Vec::new();
        format.begin(&mut text);
        format.push(flow.clone(), &mut text);
        format.end(&mut text);
        String::from_utf8(text).unwrap()
    };
    let command = text(Box::new(Curl));
    assert!(
        command.contains("\n# 1235 bytes of its body are left out"),
        "{command}"
    );
    let log = text(Box::<Markdown>::default());
    for body in ["Request", "Response"] {
        assert!(
            log.contains(&format!("{body} body: 1,235 bytes are left out")),
            "{log}"
        );
    }
    let archive = archived(&text(Box::<Har>::default()));
    let read = flows(&archive).next().unwrap();
    assert_eq!(
        (read.request.body.missed, read.response.body.missed),
        (1235, 1235)
    );
}

#[test]
fn a_model_is_the_one_that_answered() {
    let store = store(CAPTURES[0]);
    let asks = |flow: &&Flow| flow.turn.is_some() && flow.model.as_deref() == Some("gpt-5.5");
    let mut flow = flows(&store).find(asks).unwrap().clone();
    flow.turn.as_mut().unwrap().model = Some("gpt-other".into());
    let sessions = Sessions::of([Cow::Owned(Summary::of(&flow))], &Prices::default());
    let tables = Statistics::default().markdown(&[], &sessions, &[], &Markdown::default());
    assert!(
        tables.contains("| `gpt-other` |") && !tables.contains("| `gpt-5.5` |"),
        "{tables}"
    );
}

#[test]
fn paths_without_number_are_told_together() {
    let (mut statistics, mut log) = (Statistics::default(), Markdown::default());
    let mut text = Vec::new();
    for number in (0..600).chain([0, 599]) {
        let mut flow = Flow::new("f".into(), String::new(), Arc::from(""), At::default());
        flow.request.head = Some(RequestHead {
            method: "GET".into(),
            target: format!("/{number}"),
            version: Version::HTTP_11,
            fields: vec![Field {
                name: "accept".into(),
                value: FieldValue::Plain(HeaderValue::from_static("*/*")),
            }],
        });
        statistics.add(&flow);
        text.clear();
        log.push(flow, &mut text);
        let text = String::from_utf8_lossy(&text);
        assert_eq!(
            text.contains("accept"),
            text.contains("### 602.") || !text.contains("### 601.")
        );
    }
    let mut merged = statistics.clone();
    merged.merge(statistics);
    let tables = merged.markdown(&[], &Sessions::default(), &[], &Markdown::default());
    let rows = tables.lines().filter(|line| line.starts_with("| GET | "));
    assert_eq!(rows.count(), 500);
    assert!(tables.contains("(others)"), "{tables}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn a_shell_reads_the_same_bytes_from_a_command(
        body in prop_oneof![
            "[ -~\n'\"$`\\\\%!é\u{202e}]{1,60}".prop_map(String::into_bytes),
            proptest::collection::vec(any::<u8>(), 1..60),
        ],
        value in "[ -~]{0,20}[!-~]",
        query in "[!-~]{0,20}",
    ) {
        let mut flow = Flow::new("f\necho x >&2".into(), String::new(), Arc::from("https://h"), At::default());
        flow.gist = "a\nrm -rf x".into();
        flow.request.head = Some(RequestHead {
            method: "POST".into(),
            target: format!("/v1/responses?{query}"),
            version: Version::HTTP_11,
            fields: vec![
                Field {
                    name: "x-note".into(),
                    value: FieldValue::Plain(HeaderValue::from_str(&value).unwrap()),
                },
                Field {
                    name: "authorization".into(),
                    value: FieldValue::Plain(HeaderValue::from_static("Bearer sk-1")),
                },
            ],
        });
        flow.request.body.push(&body);
        let mut text = Vec::new();
        Curl.push(flow, &mut text);
        let text = String::from_utf8(text).unwrap();
        prop_assert!(!text.contains("sk-1"));
        // In place of curl: what it would read, then its arguments.
        let script = format!("curl() {{ cat; printf '\\0%s' \"$@\"; }}\n{text}");
        let output = Command::new("sh").arg("-c").arg(&script).env("OPENAI_API_KEY", "key").output().unwrap();
        prop_assert_eq!(output.stderr, b"");
        let mut expected = body.clone();
        for argument in [
            "--silent", "--show-error", "--no-buffer", "--globoff", "--request", "POST",
            "--url", &format!("https://h/v1/responses?{query}"),
            "--header", &format!("x-note: {value}"),
            "--header", "authorization: Bearer key",
            "--data-binary", "@-",
        ] {
            expected.push(0);
            expected.extend_from_slice(argument.as_bytes());
        }
        prop_assert_eq!(String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&expected));
    }
}

#[test]
fn a_turn_on_a_websocket_becomes_the_same_request_over_http() {
    let text = written(Curl, CAPTURES[0]);
    let commands: Vec<&str> = text.split("\n\n").filter(|text| !text.is_empty()).collect();
    assert_eq!(commands.len(), 14, "two of 16 flows are connections");
    let turn = commands[2];
    assert!(turn.starts_with("# hock9y1136-2.2: "), "{turn}");
    assert!(turn.contains("\n# It continues resp_"), "{turn}");
    assert!(turn.contains("--request POST --url 'http://127.0.0.1:37577/v1/responses'"));
    assert!(turn.contains("\n  --header \"authorization: Bearer $OPENAI_API_KEY\""));
    assert!(turn.contains("\n  --header 'content-type: application/json'"));
    assert!(
        !turn.contains("response.create") && !turn.contains("sec-websocket"),
        "{turn}"
    );
}

#[test]
fn spans_follow_the_conventions_and_have_content_only_on_demand() {
    let lines = written(Otlp::default(), CAPTURES[0]);
    let said = "changelog";
    assert!(!lines.contains(said));
    let spans: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|data| data["resourceSpans"][0]["scopeSpans"][0]["spans"][0].clone())
        .collect();
    assert_eq!(spans.len(), 16);
    for span in &spans {
        assert_eq!(span["traceId"].as_str().unwrap().len(), 32);
        assert_eq!(span["spanId"].as_str().unwrap().len(), 16);
        assert_eq!(span["kind"], 3);
    }
    let attributes = |span: &Value| -> Vec<String> {
        let attributes = span["attributes"].as_array().unwrap().iter();
        attributes
            .map(|one| format!("{}={}", one["key"].as_str().unwrap(), one["value"]))
            .collect()
    };
    let turn = spans
        .iter()
        .find(|span| span["name"] == "chat gpt-5.5")
        .unwrap();
    let all = attributes(turn);
    for expected in [
        "gen_ai.operation.name={\"stringValue\":\"chat\"}",
        "gen_ai.provider.name={\"stringValue\":\"openai\"}",
        "gen_ai.request.model={\"stringValue\":\"gpt-5.5\"}",
        "server.port={\"intValue\":\"37577\"}",
    ] {
        assert!(
            all.iter().any(|one| one == expected),
            "{expected} in {all:#?}"
        );
    }
    assert!(
        all.iter()
            .any(|one| one.starts_with("gen_ai.usage.input_tokens={\"intValue\":\""))
    );
    let failed = spans.iter().filter(|span| span["status"]["code"] == 2);
    assert_eq!(failed.count(), 2);
    let full = written(Otlp { has_content: true }, CAPTURES[0]);
    assert!(full.contains(said) && full.contains("gen_ai.input.messages"));
}

#[test]
fn a_request_of_a_trace_is_a_span_of_it() {
    let store = store(CAPTURES[0]);
    let mut flow = flows(&store).next().unwrap().clone();
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let value = HeaderValue::try_from(format!("00-{trace}-{parent}-01")).unwrap();
    flow.request.head.as_mut().unwrap().fields.push(Field {
        name: "traceparent".into(),
        value: FieldValue::Plain(value),
    });
    let mut text = Vec::new();
    Otlp::default().push(flow, &mut text);
    let data: Value = serde_json::from_slice(&text).unwrap();
    let span = &data["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!(
        (&span["traceId"], &span["parentSpanId"]),
        (&trace.into(), &parent.into())
    );
}

/// The flows of an archive, in a store.
fn archived(archive: &str) -> Store {
    let mut store = Store::default();
    read_archive(archive.as_bytes(), &Redactor::new(), |flows| {
        let mut connection = None;
        for mut flow in flows {
            if let (FlowKind::WsTurn { number, .. }, Some(connection)) = (flow.kind, connection) {
                flow.kind = FlowKind::WsTurn { connection, number };
            }
            let kind = flow.kind;
            let id = store.push(flow);
            if kind == FlowKind::Ws {
                connection = Some(id);
            }
        }
        Ok(())
    })
    .unwrap();
    store
}

/// What an archive keeps of a flow.
fn shown(flow: &Flow) -> String {
    let fields = |fields: &[Field]| -> Vec<String> {
        let shown = |field: &Field| format!("{}: {}", field.name, field.value.as_text());
        fields.iter().map(shown).collect()
    };
    let head = flow.request.head.as_ref();
    let request = head.map(|head| {
        (
            &head.method,
            &head.target,
            head.version,
            fields(&head.fields),
        )
    });
    let head = flow.response.head.as_ref();
    let response = head.map(|head| (head.status, head.version, fields(&head.fields)));
    let frames: Vec<_> = flow
        .frames
        .iter()
        .map(|frame| {
            (
                frame.at,
                frame.dir,
                frame.op,
                flow.frame_bytes(frame).to_vec(),
            )
        })
        .collect();
    format!(
        "{:?} {:?} {:?} {request:?} {response:?} {:?} {:?} {:?} {frames:?} {:?} {:?} {:?} {:?} {:?}",
        flow.kind,
        flow.started,
        flow.upstream,
        flow.request.body.text(),
        (flow.kind == FlowKind::Http).then(|| flow.response.body.clone().text().map(str::to_owned)),
        flow.turn
            .as_ref()
            .map(|turn| (turn.status, turn.usage, turn.output_text())),
        flow.model,
        // A turn's is found again from its messages, and earlier versions worded it otherwise.
        (!matches!(flow.kind, FlowKind::WsTurn { .. })).then_some(&flow.gist),
        flow.identity,
        flow.client,
        flow.failures,
    )
}

fn store(capture: &str) -> Store {
    let loaded = capture::load(Path::new(capture)).unwrap();
    assert_eq!(loaded.skipped, []);
    loaded.store
}

/// The flows in the order of the list.
fn flows(store: &Store) -> impl Iterator<Item = &Flow> {
    store.rows().iter().map(|id| store.get(*id).unwrap())
}

/// The whole of a capture in a form.
fn written(mut format: impl Format, capture: &str) -> String {
    let mut text = Vec::new();
    format.begin(&mut text);
    for flow in flows(&store(capture)) {
        format.push(flow.clone(), &mut text);
    }
    format.end(&mut text);
    String::from_utf8(text).unwrap()
}
