//! Credentials are masked where the tap's events are received, so nothing behind it can print one.
//!
//! A secret is replaced by a mark such as `Bearer <redacted:3fa9c1d2>`. The hexadecimal digits are a
//! keyed hash (HMAC-SHA-256, 32 bits of it, under a key drawn anew for every run): equal secrets have equal
//! marks within a run, and no character of the secret can be read off it.
//!
//! Masked are: credential header fields; in URLs, wherever they stand, user-info and secret parameters of
//! the query and the fragment, percent-encoded URLs within them included; in JSON text, the members
//! that `names` lists, at any depth and inside JSON that is itself a string, and fields of
//! `multipart/form-data` of the same names; and in any text keys and tokens that show by their shape. A
//! credential that was seen in a header field is masked in later bodies too, under whatever name.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use http::HeaderValue;
use memchr::memmem;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use super::head::Value;
use super::names::{is_lasting, is_secret_field};
use super::shape::{self, Sign, Signs};
use super::{multipart, url};

/// What is shown in place of a credential. It holds no part of the credential itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Secret(String);

impl Secret {
    /// The mark, with the authentication scheme in front where there was one.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A mark that was read back from a capture.
    #[must_use]
    pub fn from_mark(mark: &str) -> Option<Self> {
        mark.contains(MARK).then(|| Self(mark.to_owned()))
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Replaces credentials by their marks. Clones share one key.
#[derive(Clone)]
pub struct Redactor {
    /// `None` keeps everything readable: the user asked for it with `--no-redact`.
    key: Option<Arc<Key>>,
    /// Credentials seen in header fields, to be masked wherever else they turn up: an account's id
    /// stands under other names in the bodies of its own requests. The newest comes first.
    seen: Arc<RwLock<VecDeque<String>>>,
    /// The proxy's own credential, which no other one displaces.
    own: Arc<OnceLock<String>>,
}

/// What marks are made with.
struct Key {
    /// The same, to be [remembered](Memory).
    bytes: [u8; KEY],
    hmac: hmac::Key,
}

impl Key {
    fn new(bytes: [u8; KEY]) -> Self {
        let hmac = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        Self { bytes, hmac }
    }
}

/// All that a redactor knows: another one that is made of it masks the same, with the same marks. It is
/// as secret as what it hides.
#[derive(Serialize, Deserialize)]
pub(super) struct Memory {
    key: Option<[u8; KEY]>,
    own: Option<String>,
    seen: VecDeque<String>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor")
            .field("active", &self.is_active())
            .finish()
    }
}

impl Redactor {
    /// A redactor with a fresh random key.
    ///
    /// Should the system have no randomness to give, a fixed key is used: marks can then be
    /// compared with those of another run, and still hide what they stand for.
    #[must_use]
    pub fn new() -> Self {
        let mut bytes = *b"codextap, without any randomness";
        // It leaves the bytes as they are where it fails.
        let _ = SystemRandom::new().fill(&mut bytes);
        Self {
            key: Some(Arc::new(Key::new(bytes))),
            seen: Arc::default(),
            own: Arc::default(),
        }
    }

    /// A redactor that knows what another one knew.
    pub(super) fn remembering(memory: Memory) -> Self {
        Self {
            key: memory.key.map(|bytes| Arc::new(Key::new(bytes))),
            seen: Arc::new(RwLock::new(memory.seen)),
            own: Arc::new(memory.own.map_or_else(OnceLock::new, OnceLock::from)),
        }
    }

    /// What it knows now.
    pub(super) fn memory(&self) -> Memory {
        Memory {
            key: self.key.as_ref().map(|key| key.bytes),
            own: self.own.get().cloned(),
            seen: self.lock_seen().clone(),
        }
    }

    /// Whether it has learned a credential since.
    pub(super) fn knows_more(&self, than: &Memory) -> bool {
        self.lock_seen().front() != than.seen.front()
    }

    fn lock_seen(&self) -> RwLockReadGuard<'_, VecDeque<String>> {
        self.seen.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A redactor that changes nothing.
    #[must_use]
    pub fn off() -> Self {
        Self {
            key: None,
            seen: Arc::default(),
            own: Arc::default(),
        }
    }

    /// Whether anything is masked at all.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.key.is_some()
    }

    /// The value of the header field `name` (lower case).
    #[must_use]
    pub fn field(&self, name: &str, value: &HeaderValue) -> Value {
        if !self.is_active() {
            return Value::Plain(value.clone());
        }
        if is_secret_field(name) {
            let text = String::from_utf8_lossy(value.as_bytes());
            if is_lasting(name) {
                self.learn(text.rsplit(' ').next().unwrap_or_default());
            }
            return Value::Secret(Secret(self.credential(&text)));
        }
        // A byte that is no UTF-8 must not hide what stands beside it.
        let text = String::from_utf8_lossy(value.as_bytes());
        let masked = self.json(&text);
        let masked = match name {
            // What a browser has in place of `Authorization` on a WebSocket of the Realtime API.
            "sec-websocket-protocol" => {
                let keys = shape::protocol_keys(&masked);
                self.marked_more(masked, keys)
            }
            "location" | "content-location" | "referer" => match self.target(&masked) {
                Cow::Borrowed(_) => masked,
                Cow::Owned(target) => target.into(),
            },
            _ => masked,
        };
        if masked == text {
            return Value::Plain(value.clone());
        }
        HeaderValue::from_str(&masked)
            .map_or_else(|_| Value::Secret(Secret(masked.into_owned())), Value::Plain)
    }

    /// A request target or URL: user-info, secret query parameters and credentials that are known
    /// masked.
    #[must_use]
    pub fn target<'a>(&self, target: &'a str) -> Cow<'a, str> {
        if !self.is_active() {
            return Cow::Borrowed(target);
        }
        let target = self.marked(target, url::in_target(target));
        let shapes = shape::in_text(&target);
        let target = self.marked_more(target, shapes);
        match self.mask_seen(&target) {
            Some(masked) => Cow::Owned(masked),
            None => target,
        }
    }

    /// The text with its `secrets`, which stand in order, masked; one within another is part of that.
    fn marked<'a>(&self, text: &'a str, secrets: Vec<Range<usize>>) -> Cow<'a, str> {
        let mut masked = String::new();
        let mut kept = 0;
        for secret in secrets {
            if secret.start >= kept && !secret.is_empty() {
                masked.push_str(&text[kept..secret.start]);
                masked.push_str(&self.mark(&text[secret.clone()]));
                kept = secret.end;
            }
        }
        if kept == 0 {
            return Cow::Borrowed(text);
        }
        masked.push_str(&text[kept..]);
        Cow::Owned(masked)
    }

    /// The same of a text that may have been masked already.
    fn marked_more<'a>(&self, text: Cow<'a, str>, secrets: Vec<Range<usize>>) -> Cow<'a, str> {
        match self.marked(&text, secrets) {
            Cow::Borrowed(_) => text,
            Cow::Owned(masked) => masked.into(),
        }
    }

    /// JSON text with the credentials in it masked and every other byte kept.
    ///
    /// Text that is no JSON is scanned the same way: whatever looks like a secret member in it is masked.
    #[must_use]
    pub fn json<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.json_begun(text, false)
    }

    /// The same of a text of which more may come.
    pub(super) fn json_begun<'a>(&self, text: &'a str, may_go_on: bool) -> Cow<'a, str> {
        if !self.is_active() {
            return Cow::Borrowed(text);
        }
        let signs = Signs::of(text.as_bytes());
        let mut masked = super::mask::json(text, may_go_on || signs.has(Sign::Grant), self);
        if signs.has(Sign::Field) {
            let values = multipart::in_text(&masked).into_iter();
            let values = values.filter_map(|secret| secret.value).collect();
            masked = self.marked_more(masked, values);
        }
        if signs.has(Sign::Url) {
            let secrets = url::in_text(&masked);
            masked = self.marked_more(masked, secrets);
        }
        if signs.has(Sign::Shape) {
            let secrets = shape::in_text(&masked);
            masked = self.marked_more(masked, secrets);
        }
        match self.mask_seen(&masked) {
            Some(masked) => Cow::Owned(masked),
            None => masked,
        }
    }

    /// A form (WHATWG URL §5.1) with the values of secret names and credentials that are known
    /// masked.
    #[must_use]
    pub fn form<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.is_active() {
            return Cow::Borrowed(text);
        }
        // What is called a form may be JSON: it is what `curl --data` calls everything.
        match self.marked(text, url::in_pairs(text, 0..text.len())) {
            Cow::Borrowed(text) => self.json(text),
            Cow::Owned(form) => self.json(&form).into_owned().into(),
        }
    }

    /// The text without the credentials that were seen in header fields; `None` if it has none.
    fn mask_seen(&self, text: &str) -> Option<String> {
        let seen = self.lock_seen();
        let mut masked: Option<String> = None;
        for secret in self.own.get().into_iter().chain(seen.iter()) {
            let text = masked.as_deref().unwrap_or(text);
            if memmem::find(text.as_bytes(), secret.as_bytes()).is_some() {
                masked = Some(text.replace(secret.as_str(), &self.mark(secret)));
            }
        }
        masked
    }

    /// The credentials that are masked wherever they turn up.
    pub(super) fn known(&self) -> Vec<String> {
        let seen = self.lock_seen();
        self.own
            .get()
            .into_iter()
            .chain(seen.iter())
            .cloned()
            .collect()
    }

    /// Masks `secret`, the proxy's own, wherever it turns up; only the first one counts.
    pub(super) fn hide(&self, secret: &str) {
        self.own.get_or_init(|| secret.to_owned());
    }

    /// Remembers a credential, to be masked wherever it turns up.
    fn learn(&self, secret: &str) {
        if !(SHORTEST_SEEN..=LONGEST_SEEN).contains(&secret.len()) {
            return;
        }
        let is_new = |seen: &VecDeque<String>| !seen.iter().any(|known| known == secret);
        if is_new(&self.lock_seen()) {
            let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
            if is_new(&seen) {
                // The oldest are the least likely to turn up again: tokens are renewed.
                seen.truncate(MOST_SEEN - 1);
                seen.push_front(secret.to_owned());
            }
        }
    }

    /// The mark that stands for `secret`.
    #[must_use]
    pub fn mark(&self, secret: &str) -> String {
        let Some(key) = &self.key else {
            return secret.to_owned();
        };
        if secret.contains(MARK) {
            return secret.to_owned();
        }
        let tag = hmac::sign(&key.hmac, secret.as_bytes());
        let hash = tag
            .as_ref()
            .iter()
            .take(4)
            .fold(0_u32, |hash, byte| hash << 8 | u32::from(*byte));
        format!("{MARK}{hash:08x}>")
    }

    /// Whether a text has a mark in it.
    #[must_use]
    pub fn has_mark(text: &str) -> bool {
        memmem::find(text.as_bytes(), MARK.as_bytes()).is_some()
    }

    /// Masks a credential but keeps its authentication scheme (RFC 9110 §11.4).
    fn credential(&self, value: &str) -> String {
        match value.split_once(' ') {
            Some((scheme, secret))
                if scheme
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-') =>
            {
                format!("{scheme} {}", self.mark(secret))
            }
            _ => self.mark(value),
        }
    }
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new()
    }
}

/// Bytes of the key: as many as the hash has (RFC 2104 §3).
const KEY: usize = 32;
/// Shorter values are not looked for: they would be found in ordinary words.
const SHORTEST_SEEN: usize = 8;
/// Longer ones neither: they are no credential of any service known.
const LONGEST_SEEN: usize = 8192;
/// How many credentials are remembered.
const MOST_SEEN: usize = 32;

/// How every mark begins.
const MARK: &str = "<redacted:";

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(redactor: &Redactor, name: &str, value: &str) -> String {
        redactor
            .field(name, &HeaderValue::from_str(value).unwrap())
            .as_text()
            .into_owned()
    }

    #[test]
    fn keys_of_the_realtime_api_are_masked_where_it_puts_them() {
        let redactor = Redactor::new();
        let protocols = "realtime, openai-insecure-api-key.sk-secret_1, openai-beta.realtime-v1";
        let protocols = shown(&redactor, "sec-websocket-protocol", protocols);
        assert!(
            protocols.starts_with("realtime, openai-insecure-api-key.<redacted:")
                && protocols.ends_with(">, openai-beta.realtime-v1"),
            "{protocols}"
        );
        for text in [
            r#"{"value":"ek_68af296e8e408191","expires_at":1}"#,
            r#"{"client_secret":{"value":"ek_68af296e8e408191"}}"#,
            r#"{"text":"{\"value\":\"ek_68af296e8e408191\"}"}"#,
        ] {
            let masked = redactor.json(text);
            assert!(!masked.contains("68af"), "{masked}");
            assert!(
                serde_json::from_str::<serde_json::Value>(&masked).is_ok(),
                "{masked}"
            );
        }
        assert_eq!(redactor.json(r#"["ek_"]"#), r#"["ek_"]"#);
    }

    #[test]
    fn json_that_is_called_a_form_is_masked_as_json() {
        let redactor = Redactor::new();
        let masked = redactor.form(r#"{"password":"hunter2","c":1}"#);
        assert!(
            !masked.contains("hunter2") && masked.ends_with(r#","c":1}"#),
            "{masked}"
        );
    }

    #[test]
    fn a_credential_keeps_its_scheme_and_nothing_else() {
        let redactor = Redactor::new();
        let mark = shown(&redactor, "authorization", "Bearer sk-secret");
        assert!(
            mark.starts_with("Bearer <redacted:") && !mark.contains("sk-"),
            "{mark}"
        );
        assert_eq!(mark, shown(&redactor, "authorization", "Bearer sk-secret"));
        assert_ne!(mark, shown(&redactor, "authorization", "Bearer sk-other"));
        assert_eq!(
            shown(&redactor, "cookie", "a=b; c=d").len(),
            "<redacted:00000000>".len()
        );
    }

    #[test]
    fn a_credential_of_a_header_is_masked_in_bodies_under_any_name() {
        let redactor = Redactor::new();
        shown(&redactor, "chatgpt-account-id", "acct-12345678");
        shown(&redactor, "authorization", "Bearer sk-12345678");
        let body = r#"{"accounts":[{"id":"acct-12345678"}],"echo":"key sk-12345678!"}"#;
        let masked = redactor.json(body);
        assert!(!masked.contains("12345678"), "{masked}");
        assert!(masked.contains(&redactor.mark("acct-12345678")), "{masked}");
        assert_eq!(redactor.json(r#"{"id":"acct"}"#), r#"{"id":"acct"}"#);
    }

    #[test]
    fn a_credential_of_a_header_is_masked_in_targets() {
        let redactor = Redactor::new();
        shown(&redactor, "chatgpt-account-id", "acct-12345678");
        let mark = redactor.mark("acct-12345678");
        assert_eq!(
            redactor.target("/backend-api/accounts/acct-12345678/x?a=1"),
            format!("/backend-api/accounts/{mark}/x?a=1")
        );
    }

    #[test]
    fn a_renewed_credential_is_learnt_however_many_came_before_it() {
        let redactor = Redactor::new();
        redactor.hide("own-token");
        for number in 0..=MOST_SEEN {
            shown(
                &redactor,
                "authorization",
                &format!("Bearer token-{number:04}"),
            );
        }
        let newest = format!("token-{MOST_SEEN:04}");
        assert!(!redactor.json(&newest).contains(&newest));
        assert!(!redactor.json("own-token").contains("own-token"));
    }

    #[test]
    fn a_byte_beyond_ascii_hides_no_secret_in_a_field() {
        let redactor = Redactor::new();
        for cwd in [&b"\xc3\xa9"[..], b"\xff"] {
            let value = [br#"{"cwd":""#, cwd, br#"","installation_id":"i-123"}"#].concat();
            let value = HeaderValue::from_bytes(&value).unwrap();
            let text = redactor.field("x-codex-turn-metadata", &value);
            assert!(!text.as_text().contains("i-123"), "{text:?}");
        }
        let plain = HeaderValue::from_bytes(b"caf\xe9").unwrap();
        assert_eq!(redactor.field("x-a", &plain), Value::Plain(plain.clone()));
    }

    #[test]
    fn fields_are_secret_by_the_ends_of_their_names_and_urls_by_their_queries() {
        let redactor = Redactor::new();
        for name in [
            "proxy-authorization",
            "x-goog-api-key",
            "api-key",
            "openai-api-key",
            "x-amz-security-token",
            "x-client-secret",
            "x-codextap-token",
        ] {
            assert_eq!(
                shown(&redactor, name, "abc"),
                redactor.mark("abc"),
                "{name}"
            );
        }
        for name in [
            "sec-websocket-key",
            "idempotency-key",
            "x-ratelimit-limit-tokens",
        ] {
            assert_eq!(shown(&redactor, name, "abc"), "abc");
        }
        let mark = redactor.mark("abc");
        assert_eq!(
            shown(&redactor, "location", "https://h/cb?state=1&code=abc"),
            format!("https://h/cb?state=1&code={mark}")
        );
    }

    #[test]
    fn another_run_has_another_key() {
        assert_ne!(Redactor::new().mark("x"), Redactor::new().mark("x"));
    }

    #[test]
    fn off_changes_nothing() {
        let redactor = Redactor::off();
        assert_eq!(shown(&redactor, "authorization", "Bearer x"), "Bearer x");
        assert_eq!(redactor.target("/a?token=x"), "/a?token=x");
        assert_eq!(redactor.json(r#"{"api_key":"x"}"#), r#"{"api_key":"x"}"#);
    }

    #[test]
    fn query_secrets_and_user_info_are_masked() {
        let redactor = Redactor::new();
        let mark = redactor.mark("abc");
        assert_eq!(
            redactor.target("/v1/x?token=abc&a=1"),
            format!("/v1/x?token={mark}&a=1")
        );
        assert_eq!(redactor.target("/v1/x?a=1"), "/v1/x?a=1");
        let userinfo = redactor.mark("me:pw");
        assert_eq!(
            redactor.json("see https://me:pw@host/x and http://plain/y@z"),
            format!("see https://{userinfo}@host/x and http://plain/y@z")
        );
    }

    #[test]
    fn a_mark_is_not_masked_again() {
        let redactor = Redactor::new();
        let mark = redactor.mark("abc");
        assert_eq!(Redactor::new().mark(&mark), mark);
    }
}
