//! Statistics as Markdown.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Lost, Statistics, Structure};
use crate::export::markdown::Markdown;
use crate::export::markdown::text::{END_OF_DETAILS, cell, code, details, duration, inline, share};
use crate::export::time::rfc3339;
use crate::flow::sessions::{LogicalTurn, Purpose, Session, Sessions, Tally};
use crate::text::{count, counted};

impl Statistics {
    /// The report's part before the conversation: `files` are the names of what was read, `sessions` those of
    /// the [`Statistics::flows`], `lost` what turns lost of the cached prefix, and `log` has the conversation.
    #[must_use]
    pub fn markdown(
        &self,
        files: &[String],
        sessions: &Sessions,
        lost: &[Lost],
        log: &Markdown,
    ) -> String {
        let mut out = String::from("# Report of codextap\n\n");
        self.overview(files, sessions, &mut out);
        self.answers(sessions, lost, log, &mut out);
        self.endpoints(&mut out);
        self.statuses(&mut out);
        self.channels(&mut out);
        let mut models: BTreeMap<&str, Use<'_>> = BTreeMap::new();
        for turn in sessions.sessions.iter().flat_map(Session::turns) {
            let model = turn.model().unwrap_or_default();
            models.entry(model).or_default().add(turn);
        }
        users("Models", "model", models.into_iter(), &mut out);
        let by_session = sessions.sessions.iter().map(|session| {
            let mut used = Use::default();
            session.turns().for_each(|turn| used.add(turn));
            (&*session.id, used)
        });
        users("Sessions", "session", by_session, &mut out);
        self.events(&mut out);
        out.push_str("## Payloads\n\nPaths of keys to objects, and their members, with the types of their values and how many ");
        out.push_str(
            "there were, unless each object has one. Of deltas the events' own table tells.\n\n",
        );
        for (what, structures) in [
            ("Request of", &self.requests),
            ("Response of", &self.responses),
        ] {
            for (endpoint, structure) in structures {
                paths(&format!("{what} {endpoint}"), structure, &mut out);
            }
        }
        out.push_str("## Conversation\n\n");
        out
    }

    fn overview(&self, files: &[String], sessions: &Sessions, out: &mut String) {
        let files: Vec<String> = files.iter().map(|file| code(file)).collect();
        put!(out, "Of {}.", files.join(", "));
        if let (Some(began), Some(ended)) = (self.began, self.ended) {
            put!(
                out,
                " {} to {} ({}).",
                rfc3339(began),
                rfc3339(ended),
                duration(ended.since(began))
            );
        }
        let bytes = self.endpoints.values().flat_map(|traffic| traffic.bytes);
        let mut total = Tally::default();
        for session in &sessions.sessions {
            total.merge(&session.total());
        }
        let parts = [
            (total.turns, "turn"),
            (total.warm_ups, "warm-up"),
            (total.compactions, "compaction"),
            (total.retries, "further attempt"),
        ];
        let parts = parts.into_iter().filter(|(number, _)| *number > 0);
        let parts: Vec<String> = parts.map(|(number, what)| counted(number, what)).collect();
        put!(
            out,
            "\n\n{}, {} failed{}{}. {} bytes on the wire. Credentials are masked.\n\n",
            counted(self.flows.len() as u64, "flow"),
            count(self.errors),
            if parts.is_empty() { "" } else { "; " },
            parts.join(", "),
            count(bytes.fold(0, u64::saturating_add))
        );
    }

    fn endpoints(&self, out: &mut String) {
        out.push_str("## Endpoints\n\n");
        out.push_str(
            "| method | path | by | flows | failed | bytes out | bytes in | p50 | p95 |\n",
        );
        out.push_str("|---|---|---|--:|--:|--:|--:|--:|--:|\n");
        for ((method, path, transport), traffic) in &self.endpoints {
            let [half, most] = percentiles(&traffic.durations, [50, 95]);
            put!(
                out,
                "| {} | {} | {transport} | {} | {} | {} | {} | {half} | {most} |\n",
                inline(method, 20),
                cell(path),
                count(traffic.flows),
                count(traffic.errors),
                count(traffic.bytes[0]),
                count(traffic.bytes[1])
            );
        }
        out.push('\n');
    }

    fn statuses(&self, out: &mut String) {
        out.push_str("## Status codes\n\n| status | exchanges |\n|---|--:|\n");
        for (status, exchanges) in &self.statuses {
            let status = status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            put!(out, "| {status} | {} |\n", count(*exchanges));
        }
        out.push('\n');
    }

    fn channels(&self, out: &mut String) {
        out.push_str("## Channels\n\n| channel | flows | bytes |\n|---|--:|--:|\n");
        for (channel, (flows, bytes)) in &self.channels {
            let (flows, bytes) = (count(*flows), count(*bytes));
            put!(out, "| {channel} | {flows} | {bytes} |\n");
        }
        out.push('\n');
    }

    fn events(&self, out: &mut String) {
        out.push_str("## Events\n\n| event | count | bytes |\n|---|--:|--:|\n");
        for (name, (events, bytes)) in &self.events {
            let (events, bytes) = (count(*events), count(*bytes));
            put!(out, "| {} | {events} | {bytes} |\n", cell(name));
        }
        out.push('\n');
    }
}

/// What a model, or a session, was used for.
#[derive(Default)]
struct Use<'a> {
    tally: Tally,
    turns: Vec<&'a LogicalTurn>,
}

impl<'a> Use<'a> {
    fn add(&mut self, turn: &'a LogicalTurn) {
        self.tally.add(turn);
        if turn.purpose == Purpose::Turn {
            self.turns.push(turn);
        }
    }

    /// To the first generated text, of turns that had one, in microseconds.
    fn first(&self) -> Vec<u64> {
        let last = self.turns.iter().filter_map(|turn| turn.last());
        let first = last.filter_map(|attempt| attempt.first_delta);
        first.map(super::micros).collect()
    }

    /// How long each turn took that ended, in microseconds.
    fn durations(&self) -> Vec<u64> {
        let durations = self.turns.iter().filter_map(|turn| turn.duration());
        durations.map(super::micros).collect()
    }
}

/// What each model, or session, was used for.
fn users<'a>(
    title: &str,
    what: &str,
    users: impl ExactSizeIterator<Item = (&'a str, Use<'a>)>,
    out: &mut String,
) {
    put!(
        out,
        "## {title}\n\n| {what} | turns | warm-ups | retries | failed | tokens in | cached | share | "
    );
    out.push_str("tokens out | reasoning | cost | first text p50 | p95 | turn p50 | p95 | p99 |\n");
    out.push_str("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    let more = users.len().saturating_sub(MOST_USERS);
    for (name, used) in users.take(MOST_USERS) {
        let [first, late] = percentiles(&used.first(), [50, 95]);
        let [half, most, all] = percentiles(&used.durations(), [50, 95, 99]);
        let tally = used.tally;
        let numbers = [
            count(tally.turns),
            count(tally.warm_ups),
            count(tally.retries),
            count(tally.errors),
            count(tally.usage.input),
            count(tally.usage.cached),
            share(tally.usage.cached, tally.usage.input),
            count(tally.usage.output),
            count(tally.usage.reasoning),
            cost(&tally),
            first,
            late,
            half,
            most,
            all,
        ];
        let name = if name.is_empty() { NOBODY } else { name };
        put!(out, "| {} | {} |\n", cell(name), numbers.join(" | "));
    }
    if more > 0 {
        put!(out, "| … and {} more |\n", count(more as u64));
    }
    out.push('\n');
}

/// What the tokens cost by list prices; see [`Tally::price`].
pub(super) fn cost(tally: &Tally) -> String {
    tally.price().unwrap_or_default()
}

fn paths(title: &str, structure: &Structure, out: &mut String) {
    let rows = structure.rows();
    if rows.is_empty() {
        return;
    }
    details(out, &format!("{title}: {} paths", structure.len()));
    out.push_str("| path | types | members |\n|---|---|---|\n");
    for row in rows.iter().take(MOST_PATHS) {
        let members = members(&row.members);
        let (path, types) = (cell(&row.path), &row.types);
        put!(out, "| {path} | {types} | {members} |\n");
    }
    if rows.len() > MOST_PATHS {
        put!(out, "| … and {} more | | |\n", rows.len() - MOST_PATHS);
    }
    out.push('\n');
    out.push_str(END_OF_DETAILS);
}

/// The members of an object, those of a type together: ``string `id`, `role` 43 · null `param` ``.
fn members(members: &[(String, String)]) -> String {
    let mut by_type: Vec<(&str, Vec<String>)> = Vec::new();
    for (name, types) in members {
        // One type and a count, or several of both.
        let counted = types.rsplit_once(' ');
        let counted =
            counted.filter(|(of, count)| !of.contains(' ') && count.parse::<u64>().is_ok());
        let (of, count) = counted.unwrap_or((types, ""));
        let member = format!("{} {count}", cell(name)).trim_end().to_owned();
        match by_type.iter_mut().find(|(known, _)| *known == of) {
            Some((_, members)) => members.push(member),
            None => by_type.push((of, vec![member])),
        }
    }
    let groups = by_type.into_iter();
    let groups: Vec<String> = groups
        .map(|(of, members)| format!("{of} {}", members.join(", ")))
        .collect();
    groups.join(" · ")
}

/// Percentiles by the nearest rank, as durations; `–` of nothing.
fn percentiles<const N: usize>(micros: &[u64], percents: [usize; N]) -> [String; N] {
    let mut sorted = micros.to_vec();
    sorted.sort_unstable();
    percents.map(|percent| {
        let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
        sorted.get(rank).map_or_else(
            || "–".to_owned(),
            |micros| duration(Duration::from_micros(*micros)),
        )
    })
}

/// Paths of a payload that are listed.
const MOST_PATHS: usize = 300;
/// Models, or sessions, that are listed.
const MOST_USERS: usize = 500;
/// Whose model or session nobody told.
const NOBODY: &str = "(not told)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::responses::{Confidence, Dollars};

    #[test]
    fn a_cost_says_how_sure_it_is() {
        let user = |cost, confidence, unpriced| Tally {
            cost: Dollars(cost),
            confidence,
            unpriced,
            ..Tally::default()
        };
        for (user, expected) in [
            (user(0, None, 0), ""),
            (user(0, None, 1), "?"),
            (
                user(1_234_560_000_000, Some(Confidence::Listed), 0),
                "$1.2346",
            ),
            (user(50_000_000, Some(Confidence::Assumed), 2), "~$0.0001+?"),
        ] {
            assert_eq!(cost(&user), expected);
        }
    }

    #[test]
    fn members_of_a_type_stand_together() {
        let all = [
            ("a", "string"),
            ("b", "number 2"),
            ("c", "string 1"),
            ("d", "string 1, null 2"),
        ];
        let all = all.map(|(name, types)| (name.to_owned(), types.to_owned()));
        let expected = "string `a`, `c` 1 · number `b` 2 · string 1, null 2 `d`";
        assert_eq!(members(&all), expected);
    }

    #[test]
    fn percentiles_are_values_that_there_were() {
        let micros: Vec<u64> = (1..=100).map(|ms| ms * 1_000).collect();
        assert_eq!(
            percentiles(&micros, [50, 95, 100]),
            ["50 ms", "95 ms", "100 ms"]
        );
        assert_eq!(percentiles(&[7_000], [50, 99]), ["7 ms", "7 ms"]);
        assert_eq!(percentiles(&[], [50]), ["–"]);
    }
}
