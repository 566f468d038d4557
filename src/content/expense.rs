//! What a turn took: tokens, how much of them the cache had, money, and its share of rate limits.

use std::cmp::Ordering;
use std::time::Duration;

use super::{Around, Document, Line, Role, fact, format, items};
use crate::flow::lineage::{Break, Effective, Place, Window, burnt, windows};
use crate::flow::sessions::{self, Tally};
use crate::flow::{Flow, Summary};
use crate::responses::{Confidence, Cost, Usage};

/// Adds what a turn took, as far as it is known.
pub(super) fn expense(document: &mut Document, flow: &Flow, around: &Around<'_>) {
    let usage = flow.turn.as_ref().and_then(|turn| turn.usage);
    let before = around.turn_before.and_then(|turn| turn.last()?.usage);
    if let Some(usage) = usage {
        document.push(tokens(&usage, before));
        if let Some(line) = cache(around, usage, before) {
            document.push(line);
        }
        if let Some(line) = cost(flow, around) {
            document.push(line);
        }
    }
    if let Some(line) = limits(flow, around) {
        document.push(line);
    }
}

/// Counts of tokens; the cached share beside that of the turn before.
fn tokens(usage: &Usage, before: Option<Usage>) -> Line {
    let share = percent(usage);
    let mut line = fact("Tokens")
        .with("in ", Role::Label)
        .with(&format::count(usage.input), Role::Number)
        .with(
            &format!(
                " (cached {} · {}",
                format::count(usage.cached),
                format::share(usage.cached, usage.input)
            ),
            Role::Dim,
        );
    if let Some(before) = before.filter(|before| before.input > 0) {
        let old = percent(&before);
        match share.cmp(&old) {
            Ordering::Less => {
                let has_fallen = old - share >= FALL;
                let role = if has_fallen { Role::Warning } else { Role::Dim };
                line.add(&format!(" ↓ from {old} %"), role);
            }
            Ordering::Equal => line.add(" as before", Role::Dim),
            Ordering::Greater => line.add(&format!(" ↑ from {old} %"), Role::Dim),
        }
    }
    if let Some(written) = usage.cache_write.filter(|written| *written > 0) {
        line.add(&format!(", written {}", format::count(written)), Role::Dim);
    }
    line.with(")", Role::Dim)
        .with(" out ", Role::Label)
        .with(&format::count(usage.output), Role::Number)
        .with(
            &format!(" (reasoning {})", format::count(usage.reasoning)),
            Role::Dim,
        )
        .with(" total ", Role::Label)
        .with(&format::count(usage.total), Role::Number)
}

/// The cached share in whole percent.
fn percent(usage: &Usage) -> u128 {
    let parts = u128::from(usage.cached) * 100 + u128::from(usage.input) / 2;
    parts
        .checked_div(u128::from(usage.input))
        .unwrap_or_default()
}

/// Where the prefix that is shared with the turn before ended, and what that cost.
fn cache(around: &Around<'_>, usage: Usage, before: Option<Usage>) -> Option<Line> {
    let (asked, asked_before) = (around.asked?, around.asked_before?);
    if asked.items.is_empty() {
        return None;
    }
    let line = fact("Cache");
    if asked.badge.is_missing() || asked_before.badge.is_missing() {
        let why = "not known: what the request continues was not captured";
        return Some(line.with(why, Role::Dim));
    }
    let found = Break::between((asked_before, before), (asked, Some(usage)));
    let Some(found) = found else {
        return Some(line.with("goes on from the turn before", Role::Ok));
    };
    let role = if found.lost > 0 {
        Role::Warning
    } else {
        Role::Dim
    };
    let line = line.with(&what_differs(&found.place, asked, asked_before), role);
    let line = if found.place.is_in_prompt() {
        line.with_value("at byte", &format::count(found.byte), Role::Number)
    } else {
        line
    };
    if found.lost == 0 {
        return Some(line);
    }
    let lost = format!("{} tokens", format::count(found.lost));
    Some(line.with_value("read anew", &lost, Role::Warning))
}

/// Where the prefix ended that `asked` shares with the request `before` it, in words.
#[must_use]
pub fn what_differs(place: &Place, asked: &Effective, before: &Effective) -> String {
    match place {
        Place::Model => {
            let old = before.request.model.as_deref().unwrap_or("none");
            format!("another model than the turn before, {old}: caches are not shared")
        }
        Place::Tool(name) => format!("the prefix breaks at the tool {name}"),
        Place::Instructions => "the prefix breaks within the instructions".to_owned(),
        Place::Item(at) => {
            let item = asked.items.get(*at).or_else(|| before.items.get(*at));
            let kind = item.map_or(String::new(), |it| {
                format!(", {}", items::label(&it.item.kind).0)
            });
            format!("the prefix breaks at item {at}{kind}")
        }
        Place::Nothing => "the prefix is the same, but the provider had less of it".to_owned(),
    }
}

/// What the tokens cost by list prices, and how sure that is.
fn cost(flow: &Flow, around: &Around<'_>) -> Option<Line> {
    let prices = around.prices?;
    let line = fact("Cost");
    let Some(cost) = sessions::cost(&Summary::of(flow), prices) else {
        let model = flow.turn.as_ref().and_then(|turn| turn.model.as_deref());
        let model = model.or(flow.model.as_deref()).unwrap_or("the model");
        return Some(line.with(&format!("not known: no price for {model}"), Role::Dim));
    };
    let why = match cost.confidence {
        Confidence::Listed => "by list price",
        Confidence::Equivalent => "by list price; a ChatGPT plan is not billed by tokens",
        Confidence::Assumed => "assumed: the price of its service tier is not known",
    };
    let line = line
        .with(&format::cost(cost), Role::Number)
        .with(&format!(" {why}"), Role::Dim);
    let Some(turn) = around.turn.filter(|turn| turn.attempts.len() > 1) else {
        return Some(line);
    };
    let mut all = Tally::default();
    all.add(turn);
    let Some(confidence) = all.confidence.filter(|_| all.cost != cost.dollars) else {
        return Some(line);
    };
    let all = Cost {
        dollars: all.cost,
        confidence,
    };
    Some(line.with_value("all attempts", &format::cost(all), Role::Number))
}

/// How full the rate-limit windows are, and what the turn burnt of them.
fn limits(flow: &Flow, around: &Around<'_>) -> Option<Line> {
    let windows_now = windows(flow);
    let before = around.flow_before.map(windows).unwrap_or_default();
    let burnt = burnt(&before, &windows_now);
    let mut line = fact("Limits");
    let start = line.spans.len();
    for window in &windows_now {
        if line.spans.len() > start {
            line.add(" · ", Role::Dim);
        }
        let burnt = burnt.iter().find(|(name, _)| *name == window.name);
        line = limit(line, window, burnt.map(|(_, burnt)| *burnt), flow);
    }
    (line.spans.len() > start).then_some(line)
}

fn limit(line: Line, window: &Window, burnt: Option<u64>, flow: &Flow) -> Line {
    let role = match window.used {
        ..8_000 => Role::Number,
        8_000..9_500 => Role::Warning,
        _ => Role::Error,
    };
    let mut line = line
        .with(&window.name, Role::Label)
        .with(" ", Role::Dim)
        .with(&format::hundredths(window.used), role);
    if let Some(length) = window.minutes {
        let length = Duration::from_secs(length.saturating_mul(60));
        line.add(&format!(" of {}", format::span(length)), Role::Dim);
    }
    if let Some(burnt) = burnt {
        line.add(&format!(" +{}", format::hundredths(burnt)), Role::Number);
    }
    let now = flow.ended.unwrap_or(flow.started).as_micros() / 1_000_000;
    if let Some(left) = window.resets.and_then(|resets| resets.checked_sub(now)) {
        let left = format::span(Duration::from_secs(left));
        line.add(&format!(", resets in {left}"), Role::Dim);
    }
    line
}

/// By how many points of percent the cached share has to fall to be pointed out.
const FALL: u128 = 5;

#[cfg(test)]
mod tests {
    use super::super::tests::plain;
    use super::*;

    #[test]
    fn tokens_are_one_line_beside_the_turn_before() {
        let usage = Usage {
            input: 12_345,
            cached: 10_000,
            output: 456,
            reasoning: 128,
            total: 12_801,
            ..Usage::default()
        };
        let before = |cached| {
            Some(Usage {
                input: 1_000,
                cached,
                ..Usage::default()
            })
        };
        let table = [
            (None, ""),
            (before(810), " as before"),
            (before(960), " ↓ from 96 %"),
            (before(0), " ↑ from 0 %"),
            (Some(Usage::default()), ""),
        ];
        for (before, trend) in table {
            let expected = format!(
                "Tokens    in 12,345 (cached 10,000 · 81 %{trend}) out 456 (reasoning 128) total 12,801\n"
            );
            let line = Document::of(tokens(&usage, before));
            assert_eq!(plain(&line), expected);
        }
    }
}
