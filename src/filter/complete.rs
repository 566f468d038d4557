//! What may be written next: operators, fields, flags, values that flows have, and saved filters.
//!
//! Read off the text before the cursor alone, which need not be a whole expression, nor a right one.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::ops::Range;

use super::field::{self, Choice, FLAGS, Field, Key, PARTS, Value};
use super::fields::{Told, of_summary, statuses};
use super::lex::{self, FRAME, Scope, Sign, is_of_name};
use super::operator::{Argument, OPERATORS, find};
use super::{Names, Op};
use crate::flow::{self, FlowId, Store};
use crate::responses::EventKind;

/// What may stand in place of a part of a text.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Completion {
    /// The part, in bytes of the text: from where the word at the cursor begins to the cursor.
    pub span: Range<usize>,
    /// What may stand there, the likeliest first; not more than some hundred.
    pub candidates: Vec<Candidate>,
}

/// Something that may be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// What it is, as it is written.
    pub text: String,
    /// What it means, or how many flows have it.
    pub doc: Cow<'static, str>,
}

impl Completion {
    /// What may be written at `cursor`, which is in bytes of the text: with the names of saved filters, and the
    /// values that flows of the store have.
    #[must_use]
    pub fn of(text: &str, cursor: usize, names: &Names, store: &Store) -> Self {
        let before = text.get(..cursor).unwrap_or(text);
        let place = Place::of(before);
        let word = &before[place.start..];
        let mut candidates = Candidates::default();
        let mut start = place.start;
        if let Some(op) = place.operator {
            candidates.values(word, op_values(op, store), lex::is_bare);
        } else if let Some(typed) = word.strip_prefix('~').filter(|_| place.is_flow()) {
            candidates.operators(typed);
        } else if let Some(typed) = word.strip_prefix('@').filter(|_| place.is_flow()) {
            candidates.names(typed, names);
        } else if let Some((row, len)) = field_of(word, place.scope) {
            start += len;
            let typed = &word[len..];
            match row.value {
                Value::Flag => candidates.choices(typed, "", FLAGS),
                Value::Part => candidates.choices(typed, "", PARTS),
                Value::Text | Value::Status => {
                    let values = match place.scope {
                        Scope::Flow => seen(row.key, store),
                        Scope::Frame => frame_values(row.key),
                    };
                    candidates.values(typed, values, lex::is_bare_value);
                }
                _ => {}
            }
        } else {
            candidates.fields(word, place.scope);
            if place.is_flow() {
                candidates.choices(word, "is:", FLAGS);
                candidates.choices(word, "has:", PARTS);
                if word.is_empty() {
                    candidates.operators("");
                    candidates.names("", names);
                }
            }
        }
        Self {
            span: start..before.len(),
            candidates: candidates.sorted(),
        }
    }
}

/// Where in an expression a text ends.
struct Place {
    /// Where the last word of it begins.
    start: usize,
    /// Whether that is within `frame( )`.
    scope: Scope,
    /// The operator that the word is the argument of.
    operator: Option<Op>,
}

impl Place {
    fn of(text: &str) -> Self {
        let (mut start, mut word_before) = (0, "");
        let mut scopes = vec![Scope::Flow];
        let mut quote = None;
        let mut chars = text.char_indices();
        while let Some((at, c)) = chars.next() {
            let mut word = &text[start..at];
            if quote.is_none() && word.starts_with(['~', '@']) && !is_of_name(c) {
                // Nothing but a name belongs to these signs.
                (start, word_before, word) = (at, word, "");
            }
            match (quote, c) {
                (Some(_), '\\') => {
                    chars.next();
                }
                (Some(open), _) if c == open => quote = None,
                (None, '"' | '\'') => {
                    let is_quote = word.is_empty() || word.ends_with([':', '=', '~']);
                    quote = is_quote.then_some(c);
                }
                (None, '(') => {
                    let is_frame = word.len() + 1 == FRAME.len() && FRAME.starts_with(word);
                    let outer = scopes.last().copied().unwrap_or(Scope::Flow);
                    scopes.push(if is_frame { Scope::Frame } else { outer });
                    (start, word_before) = (at + 1, "");
                }
                (None, ')') => {
                    scopes.pop();
                    (start, word_before) = (at + 1, "");
                }
                (None, '!' | '&' | '|') if word.is_empty() => {
                    (start, word_before) = (at + 1, "");
                }
                (None, _) if c.is_whitespace() => {
                    if !word.is_empty() {
                        word_before = word;
                    }
                    start = at + c.len_utf8();
                }
                (Some(_) | None, _) => {}
            }
        }
        let operator = word_before.strip_prefix('~').and_then(find);
        let operator = operator.filter(|operator| operator.argument != Argument::None);
        Self {
            start,
            scope: scopes.last().copied().unwrap_or(Scope::Flow),
            operator: operator.map(|operator| operator.op),
        }
    }

    fn is_flow(&self) -> bool {
        self.scope == Scope::Flow
    }
}

/// The field that a word begins with, and how long its name and sign are.
fn field_of(word: &str, scope: Scope) -> Option<(&'static Field, usize)> {
    let end = word.find(|c: char| !is_of_name(c))?;
    let (_, sign) = Sign::read(&word[end..])?;
    Some((field::find(scope.fields(), &word[..end])?, end + sign))
}

/// What was found, each with how late it comes.
#[derive(Default)]
struct Candidates(Vec<(usize, Candidate)>);

impl Candidates {
    /// Adds one if what was typed is in it, those first that begin so.
    fn add(&mut self, typed: &str, name: &str, text: String, doc: impl Into<Cow<'static, str>>) {
        let name = name.to_lowercase();
        let rank = match name.find(typed) {
            Some(0) => 0,
            Some(_) => 1,
            None => return,
        };
        let doc = doc.into();
        self.0.push((rank, Candidate { text, doc }));
    }

    fn operators(&mut self, typed: &str) {
        let typed = typed.to_lowercase();
        for operator in OPERATORS {
            let blank = match operator.argument {
                Argument::None => "",
                Argument::Regex | Argument::Code => " ",
            };
            let text = format!("~{}{blank}", operator.name);
            if operator.name.starts_with(&typed) {
                self.add(&typed, operator.name, text, operator.doc);
            }
        }
    }

    fn names(&mut self, typed: &str, names: &Names) {
        for (name, text) in names.iter() {
            let text = text.to_owned();
            self.add(&typed.to_lowercase(), name, format!("@{name}"), text);
        }
    }

    fn fields(&mut self, typed: &str, scope: Scope) {
        let typed = typed.to_lowercase();
        for field in scope.fields() {
            if field.name.starts_with(&typed) {
                // The sign that is meant most.
                let sign = field.value.usage().chars().next().unwrap_or(':');
                self.add(
                    &typed,
                    field.name,
                    format!("{}{sign}", field.name),
                    field.doc,
                );
            }
        }
        if scope == Scope::Flow && FRAME.starts_with(&typed) {
            self.add(
                &typed,
                FRAME,
                FRAME.to_owned(),
                "has a frame with all of this",
            );
        }
    }

    /// Words that begin with what was typed.
    fn choices<T: Copy>(&mut self, typed: &str, lead: &str, choices: &[Choice<T>]) {
        let typed = typed.to_lowercase();
        if !lead.is_empty() && typed.is_empty() {
            return;
        }
        for choice in choices.iter().filter(|it| it.name.starts_with(&typed)) {
            let text = format!("{lead}{}", choice.name);
            self.add(&typed, choice.name, text, choice.doc);
        }
    }

    /// Values, with how many flows have them.
    fn values(
        &mut self,
        typed: &str,
        values: Vec<(String, usize)>,
        is_bare: impl Fn(&str) -> bool,
    ) {
        let typed = typed.trim_start_matches(['"', '\'']).to_lowercase();
        for (value, count) in values {
            let written = lex::written(&value, &is_bare);
            let doc = match count {
                0 => String::new(),
                1 => "1 flow".to_owned(),
                count => format!("{count} flows"),
            };
            self.add(&typed, &value, written, doc);
        }
    }

    fn sorted(mut self) -> Vec<Candidate> {
        // Stable: those of one rank stay as they are, the most frequent first.
        self.0.sort_by_key(|(rank, _)| *rank);
        let candidates = self.0.into_iter().map(|(_, candidate)| candidate);
        candidates.take(MOST).collect()
    }
}

/// What the newest flows of a store have in a field, with how many do, the most frequent first.
fn seen(key: Key, store: &Store) -> Vec<(String, usize)> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut add = |value: &str| {
        if value.is_empty() || value.len() > LONGEST || value.contains(char::is_control) {
            return;
        }
        if let Some(count) = counts.get_mut(value) {
            *count += 1;
        } else if counts.len() < MOST_SEEN {
            counts.insert(value.to_owned(), 1);
        }
    };
    if key == Key::Type {
        return named(EventKind::ALL.iter().map(|kind| kind.as_str()));
    }
    let ids = (0..store.len() as u32).rev().map(FlowId).take(NEWEST);
    for summary in ids.filter_map(|id| store.summary(id)) {
        match key {
            Key::Status => statuses(&summary).for_each(|status| add(&status)),
            Key::Tool => summary.tools().for_each(&mut add),
            _ => match of_summary(key, &summary) {
                Told::Text(text) => text.into_iter().for_each(&mut add),
                Told::Elsewhere => break,
            },
        }
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by(|one, other| (Reverse(one.1), &one.0).cmp(&(Reverse(other.1), &other.0)));
    counts
}

/// The same of what an operator compares with, as far as it is what a field has.
fn op_values(op: Op, store: &Store) -> Vec<(String, usize)> {
    match op {
        Op::Session => seen(Key::Session, store),
        Op::Thread => seen(Key::Thread, store),
        Op::Status => {
            let mut codes = seen(Key::Status, store);
            codes.retain(|(status, _)| status.bytes().all(|byte| byte.is_ascii_digit()));
            codes
        }
        _ => Vec::new(),
    }
}

/// What a frame may have in a field.
fn frame_values(key: Key) -> Vec<(String, usize)> {
    match key {
        Key::Dir => named(["in", "out"]),
        Key::Op => named(flow::Op::NAMES),
        Key::Type => named(EventKind::ALL.iter().map(|kind| kind.as_str())),
        _ => Vec::new(),
    }
}

fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<(String, usize)> {
    names.into_iter().map(|name| (name.to_owned(), 0)).collect()
}

/// How many candidates there may be.
const MOST: usize = 200;
/// How many flows are looked at for what they have: a few milliseconds' worth.
const NEWEST: usize = 20_000;
/// How many values are told apart.
const MOST_SEEN: usize = 2_000;
/// The longest value, in bytes, that is worth choosing from a list.
const LONGEST: usize = 120;
