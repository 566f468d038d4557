//! Heads as the tap tells them: names and values in order, credentials masked.

use http::{HeaderMap, HeaderValue, Version};

use super::event::{Direction, Kind};
use super::secret::{Redactor, Secret};

/// The head of a request.
#[derive(Clone, PartialEq, Debug)]
pub struct RequestHead {
    /// The method, as sent.
    pub method: String,
    /// The request target (RFC 9112 §3.2): path and query as sent, secrets in the query masked.
    pub target: String,
    /// The protocol version on the client's side.
    pub version: Version,
    /// Header fields in the order of the message, one entry per line.
    pub fields: Vec<Field>,
}

/// The head of a response.
#[derive(Clone, PartialEq, Debug)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// The protocol version on the upstream's side.
    pub version: Version,
    /// Header fields in the order of the message, one entry per line.
    pub fields: Vec<Field>,
}

/// The field that the proxy adds to a response it has changed: what was changed, and to what.
pub const CHANGED: &str = "x-codextap-changed";

/// One header or trailer field line.
#[derive(Clone, PartialEq, Debug)]
pub struct Field {
    /// The field's name, spelt as it was sent.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// A field's value.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Anything that is no credential. Bytes above 0x7f are kept.
    Plain(HeaderValue),
    /// A credential: only its mark is left.
    Secret(Secret),
}

impl Value {
    /// The value as text: bytes that are no UTF-8 become U+FFFD, a secret becomes its mark.
    #[must_use]
    pub fn as_text(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Self::Plain(value) => String::from_utf8_lossy(value.as_bytes()),
            Self::Secret(secret) => secret.as_str().into(),
        }
    }
}

/// Whether a `Content-Type` is that of a form (WHATWG URL §5.1). Case does not matter (RFC 9110 §8.3.1).
#[must_use]
pub fn is_form(content_type: &str) -> bool {
    const FORM: &[u8] = b"application/x-www-form-urlencoded";
    let essence = content_type.trim_start().as_bytes();
    let essence = essence.get(..FORM.len());
    essence.is_some_and(|essence| essence.eq_ignore_ascii_case(FORM))
}

/// The fields of `headers`, each credential replaced by its mark.
#[must_use]
pub fn fields(headers: &HeaderMap, redactor: &Redactor) -> Vec<Field> {
    let lines = headers.iter();
    masked(
        lines.map(|(name, value)| (name.as_str(), value.as_bytes())),
        redactor,
    )
}

/// What was told and may hold credentials still: all that can be done with it is to mask it, or to put it
/// on the [tail](super::tail).
pub(super) enum Unmasked {
    Request {
        method: String,
        target: String,
        version: Version,
        lines: Lines,
    },
    Response {
        status: u16,
        version: Version,
        lines: Lines,
    },
    Trailers {
        dir: Direction,
        lines: Lines,
    },
}

impl Unmasked {
    /// Whether it is the head of a response.
    pub(super) fn is_response(&self) -> bool {
        matches!(self, Self::Response { .. })
    }

    /// What was told, each credential replaced by its mark.
    pub(super) fn masked(self, redactor: &Redactor) -> Kind {
        match self {
            Self::Request {
                method,
                target,
                version,
                lines,
            } => {
                // First, because credentials in the fields may stand in the target as well.
                let fields = lines.masked(redactor);
                Kind::Request(RequestHead {
                    method,
                    target: redactor.target(&target).into_owned(),
                    version,
                    fields,
                })
            }
            Self::Response {
                status,
                version,
                lines,
            } => Kind::Response(ResponseHead {
                status,
                version,
                fields: lines.masked(redactor),
            }),
            Self::Trailers { dir, lines } => Kind::Trailers {
                dir,
                fields: lines.masked(redactor),
            },
        }
    }
}

/// Field lines as they came, kept to be masked.
pub(super) struct Lines {
    /// Names and values, one after another.
    text: Vec<u8>,
    /// Where each name and each value ends.
    ends: Vec<(usize, usize)>,
}

impl Lines {
    pub(super) fn of<'a>(lines: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut kept = Self {
            text: Vec::with_capacity(1024),
            ends: Vec::with_capacity(24),
        };
        for (name, value) in lines {
            kept.text.extend_from_slice(name.as_bytes());
            let name_end = kept.text.len();
            kept.text.extend_from_slice(value);
            kept.ends.push((name_end, kept.text.len()));
        }
        kept
    }

    /// Names and values.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |(name_end, end)| {
            let name = &self.text[start..*name_end];
            start = *end;
            // A name is text, for it was one.
            let name = str::from_utf8(name).unwrap_or_default();
            (name, &self.text[*name_end..*end])
        })
    }

    /// The lines, each credential replaced by its mark.
    fn masked(&self, redactor: &Redactor) -> Vec<Field> {
        masked(self.iter(), redactor)
    }
}

/// Field lines, each credential replaced by its mark. A value that no field may have is left empty.
fn masked<'a>(
    lines: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    redactor: &Redactor,
) -> Vec<Field> {
    let field = |(name, value): (&str, &[u8])| {
        let value = HeaderValue::from_bytes(value).unwrap_or_else(|_| HeaderValue::from_static(""));
        Field {
            name: name.to_owned(),
            value: redactor.field(&name.to_ascii_lowercase(), &value),
        }
    };
    lines.into_iter().map(field).collect()
}

/// The value of the first field called `name`, in any case, as text.
#[must_use]
pub fn field<'a>(fields: &'a [Field], name: &str) -> Option<std::borrow::Cow<'a, str>> {
    fields
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case(name))
        .map(|field| field.value.as_text())
}
