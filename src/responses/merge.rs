//! How a newer version of an output item takes the place of an older one.
//!
//! What the stream gave is never lost: text that a newer version lacks stays. The moments at which
//! parts began stay too.

use std::mem;

use super::{ItemKind, Part};

/// How a newer version of something compares with the older one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Merged {
    /// It says the same, or more.
    Agreed,
    /// It lacks the text that there was, which stays.
    LeftOut,
    /// It says something else, and counts.
    Differed,
}

/// Puts the newer version of an item in place of the older one; a whole one counts in full.
pub(super) fn merge(known: &mut ItemKind, new: ItemKind, is_whole: bool) -> Merged {
    match (known, new) {
        (
            ItemKind::Message { role, phase, parts },
            ItemKind::Message {
                role: new_role,
                phase: new_phase,
                parts: new_parts,
            },
        ) => {
            *role = new_role;
            *phase = new_phase.or(phase.take());
            merge_parts(parts, new_parts, is_whole)
        }
        (
            ItemKind::Reasoning {
                summary,
                content,
                encrypted,
            },
            ItemKind::Reasoning {
                summary: new_summary,
                content: new_content,
                encrypted: new_encrypted,
            },
        ) => {
            *encrypted = new_encrypted;
            // Raw reasoning that is streamed need not be repeated.
            let content = merge_parts(content, new_content, is_whole);
            let summary = merge_parts(summary, new_summary, is_whole);
            match content {
                Merged::Differed => content,
                Merged::Agreed | Merged::LeftOut => summary,
            }
        }
        (ItemKind::Call(call), ItemKind::Call(mut new)) => {
            let merged = if new.input == call.input || call.input.is_empty() {
                Merged::Agreed
            } else if new.input.is_empty() {
                new.input = mem::take(&mut call.input);
                if is_whole {
                    Merged::LeftOut
                } else {
                    Merged::Agreed
                }
            } else {
                Merged::Differed
            };
            *call = new;
            merged
        }
        (known, new) => {
            let merged = if known.has_text() {
                Merged::Differed
            } else {
                Merged::Agreed
            };
            *known = new;
            merged
        }
    }
}

fn merge_parts(known: &mut Vec<Part>, new: Vec<Part>, is_whole: bool) -> Merged {
    let count = new.len();
    if count == 0 {
        // What was streamed is kept: it did arrive.
        let has_text = known.iter().any(|part| !part.text.is_empty());
        return if has_text && is_whole {
            Merged::LeftOut
        } else {
            Merged::Agreed
        };
    }
    let mut merged = Merged::Agreed;
    for (place, new) in new.into_iter().enumerate() {
        let Some(old) = known.get_mut(place) else {
            known.push(new);
            continue;
        };
        old.kind = new.kind;
        if old.text.is_empty() {
            old.text = new.text;
        } else if new.text.is_empty() {
            merged = merged.max(if is_whole {
                Merged::LeftOut
            } else {
                Merged::Agreed
            });
        } else if old.text != new.text {
            old.text = new.text;
            merged = Merged::Differed;
        }
    }
    if is_whole {
        let extra = known.drain(count..);
        if extra.into_iter().any(|part| !part.text.is_empty()) {
            merged = Merged::Differed;
        }
    }
    merged
}
