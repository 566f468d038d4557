//! Secrets that only their shape tells, whole and in pieces, and one in many places.

use std::fmt::Write as _;

use crate::places::{Garden, Message};

impl Garden {
    /// A new secret of letters, digits and `-`.
    fn plant_key(&mut self, place: &str) -> String {
        let secret = self.plant(place);
        let key = secret.replace(['.', '~'], "x");
        self.planted.last_mut().unwrap().secret.clone_from(&key);
        key
    }

    /// Keys and tokens that only their shape tells, in prose.
    pub(crate) fn shapes(&mut self) {
        let mut prose = String::new();
        for start in ["sk-", "sk-proj-", "sess-", "ghp_", "github_pat_", "ek_"] {
            let key = self.plant_key(&format!("{start} in prose"));
            write!(prose, "use {start}{key}.\nOr\t").unwrap();
        }
        let [claims, signature] = ["claims", "signature"].map(|part| self.plant_key(part));
        write!(prose, "eyJhbGciOiJIUzI1NiJ9.eyJ{claims}.{signature}, then").unwrap();
        let request = serde_json::json!({ "input": prose }).to_string();
        let mut request = Message::json(&request);
        let (field, target) = (self.plant_key("any field"), self.plant_key("any parameter"));
        request.field("X-Note", &format!("see sk-{field}"));
        request.target = format!("/v1/shapes?q=sk-{target}&x=1");
        let mut plain = Message::json(&format!("OPENAI_API_KEY=sk-{}\n", self.plant_key("text")));
        plain.content = "text/plain";
        self.exchange("/v1/shapes", request, plain);
    }

    /// Secrets in pieces, each in a delta of its own, in a stream that ends before their text does.
    pub(crate) fn pieces(&mut self) {
        let mut body = String::new();
        for (index, name) in [
            "output_text",
            "reasoning_summary_text",
            "custom_tool_call_input",
        ]
        .into_iter()
        .enumerate()
        {
            let key = self.plant_key(&format!("pieces of {name}"));
            // What capture without masks has is in pieces.
            self.planted.last_mut().unwrap().is_kept = false;
            let text = format!("say sk-{key} twice");
            let (mut rest, mut number) = (text.as_str(), 0);
            while !rest.is_empty() {
                let (piece, behind) = rest.split_at(rest.len().min(7));
                let event = serde_json::json!({"type": format!("response.{name}.delta"),
                    "output_index": index, "sequence_number": number, "delta": piece});
                write!(body, "event: response.{name}.delta\ndata: {event}\n\n").unwrap();
                (rest, number) = (behind, number + 1);
            }
        }
        let response = Message {
            content: "text/event-stream",
            body: body.into_bytes(),
            ..Message::default()
        };
        self.exchange("/v1/responses?pieces", Message::json("{}"), response);
    }

    /// One secret in three places.
    pub(crate) fn twins(&mut self) {
        let secret = self.plant("twins");
        let mut request =
            Message::json(&format!(r#"{{"api_key":"{secret}","echo":"so {secret}"}}"#));
        request.target = format!("/v1/twins?api_key={secret}");
        request.field("X-Api-Key", &secret);
        self.exchange("/v1/twins", request, Message::default());
    }
}
