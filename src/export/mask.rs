//! Masking what a capture was recorded with in plain: `--no-redact` then is not for what leaves the machine.

use std::borrow::Cow;

use crate::flow::Flow;
use crate::responses::Request;
use crate::tap::{Direction, Field, Redactor, Value, field, is_form};

/// The flow with every credential masked, as live recording masks them. One that was masked
/// already is given back as it is.
#[must_use]
pub fn mask(flow: Flow, redactor: &Redactor) -> Flow {
    mask_asked(flow, None, redactor).0
}

/// The same with the flow's request, which is read again where it changes.
#[must_use]
pub fn mask_asked(
    mut flow: Flow,
    mut asked: Option<Request>,
    redactor: &Redactor,
) -> (Flow, Option<Request>) {
    if !redactor.is_active() {
        return (flow, asked);
    }
    let (request, response) = (&mut flow.request, &mut flow.response);
    if let Some(head) = &mut request.head {
        fields(&mut head.fields, redactor);
        head.target = redactor.target(&head.target).into_owned();
    }
    if let Some(head) = &mut response.head {
        fields(&mut head.fields, redactor);
    }
    fields(&mut request.trailers, redactor);
    fields(&mut response.trailers, redactor);
    let is_changed = [Direction::Out, Direction::In].map(|dir| body(&mut flow, dir, redactor));
    if is_changed.contains(&true) {
        // What was decoded quotes the text as it was.
        flow.turn = None;
        asked = flow.replay();
    }
    let flow = flow.without_pieces(redactor).unwrap_or(flow);
    (flow, asked)
}

fn fields(fields: &mut [Field], redactor: &Redactor) {
    for field in fields {
        if let Value::Plain(value) = &field.value {
            field.value = redactor.field(&field.name.to_ascii_lowercase(), value);
        }
    }
}

/// Masks the body of one direction, and tells whether there was anything to mask.
fn body(flow: &mut Flow, dir: Direction, redactor: &Redactor) -> bool {
    let (request, response) = (&flow.request, &flow.response);
    let (fields, body) = match dir {
        Direction::Out => (
            request.head.as_ref().map(|head| &*head.fields),
            &request.body,
        ),
        Direction::In => (
            response.head.as_ref().map(|head| &*head.fields),
            &response.body,
        ),
    };
    let content_type = fields.and_then(|fields| field(fields, "content-type"));
    let is_form = content_type.is_some_and(|content_type| is_form(&content_type));
    let masked = |bytes: &[u8]| redactor.bytes(bytes, is_form).into_owned();
    match redactor.bytes(body.bytes(), is_form) {
        Cow::Owned(masked) if masked != body.bytes() => {}
        _ => return false,
    }
    flow.rewrite(dir, |_, bytes| masked(bytes));
    true
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::{HeaderValue, Version};

    use super::*;
    use crate::flow::{FlowId, FlowKind, Frame, Op};
    use crate::tap::{At, RequestHead};

    #[test]
    fn heads_and_messages_are_masked_and_spans_follow() {
        let mut flow = Flow::new("f".into(), String::new(), Arc::from(""), At::default());
        flow.kind = FlowKind::WsTurn {
            connection: FlowId(0),
            number: 1,
        };
        flow.request.head = Some(RequestHead {
            method: "GET".into(),
            target: "/v1/responses?token=sk-query".into(),
            version: Version::HTTP_11,
            fields: vec![Field {
                name: "Authorization".into(),
                value: Value::Plain(HeaderValue::from_static("Bearer sk-plain-credential")),
            }],
        });
        for text in [
            r#"{"type":"response.create","api_key":"sk-1"}"#,
            r#"{"a":"b"}"#,
        ] {
            let span = flow.request.body.push(text.as_bytes());
            flow.frames.push(Frame {
                at: At::default(),
                dir: Direction::Out,
                op: Op::Text,
                wire: 0,
                len: 0,
                span,
                is_compressed: false,
                is_final: true,
                event: None,
                ordinal: None,
                fault: None,
            });
        }
        let masked = mask(flow, &Redactor::new());
        let shown = format!("{masked:?}");
        assert!(!shown.contains("sk-"), "{shown}");
        assert_eq!(masked.frame_bytes(&masked.frames[1]), br#"{"a":"b"}"#);
        let again = mask(masked.clone(), &Redactor::new());
        assert_eq!(again.request.body, masked.request.body);
    }
}
