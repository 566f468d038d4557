//! Statistics as Markdown.

use std::time::Duration;

use super::{Statistics, Structure, Use};
use crate::export::markdown::text::{END_OF_DETAILS, code, details, duration, inline, share};
use crate::export::time::rfc3339;
use crate::responses::Confidence;
use crate::text::count;

impl Statistics {
    /// The report's part before the conversation: `files` are the names of what was read.
    #[must_use]
    pub fn markdown(&self, files: &[String]) -> String {
        let mut out = String::from("# Report of codextap\n\n");
        self.overview(files, &mut out);
        self.endpoints(&mut out);
        self.statuses(&mut out);
        self.channels(&mut out);
        users("Models", "model", &self.models, &mut out);
        users("Sessions", "session", &self.sessions, &mut out);
        self.events(&mut out);
        out.push_str("## Payloads\n\nPaths of keys to objects, and their members, with the types of their values and how many ");
        out.push_str("there were. Of deltas the events' own table tells.\n\n");
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

    fn overview(&self, files: &[String], out: &mut String) {
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
        put!(
            out,
            "\n\n{} flows, {} of them model turns; {} failed. {} bytes on the wire. Credentials are masked.\n\n",
            count(self.flows),
            count(self.turns),
            count(self.errors),
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
                code(path),
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
            put!(out, "| {} | {events} | {bytes} |\n", code(name));
        }
        out.push('\n');
    }
}

/// What each model, or session, was used for.
fn users(
    title: &str,
    what: &str,
    users: &std::collections::BTreeMap<String, Use>,
    out: &mut String,
) {
    put!(
        out,
        "## {title}\n\n| {what} | turns | failed | tokens in | cached | share | "
    );
    out.push_str("tokens out | reasoning | cost | first text p50 | p95 | turn p50 | p95 | p99 |\n");
    out.push_str("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
    for (name, user) in users {
        let [first, late] = percentiles(&user.first, [50, 95]);
        let [half, most, all] = percentiles(&user.durations, [50, 95, 99]);
        let numbers = [
            count(user.turns),
            count(user.errors),
            count(user.usage.input),
            count(user.usage.cached),
            share(user.usage.cached, user.usage.input),
            count(user.usage.output),
            count(user.usage.reasoning),
            cost(user),
            first,
            late,
            half,
            most,
            all,
        ];
        put!(out, "| {} | {} |\n", code(name), numbers.join(" | "));
    }
    out.push('\n');
}

/// What the tokens cost by list prices, in hundredths of a cent: `~` where traffic is not billed so, or the price of its
/// tier is not known; `+?` where turns have none.
fn cost(user: &Use) -> String {
    let more = if user.unpriced > 0 { "+?" } else { "" };
    let about = match user.confidence {
        None => return more.trim_start_matches('+').to_owned(),
        Some(Confidence::Listed) => "",
        Some(Confidence::Equivalent | Confidence::Assumed) => "~",
    };
    let parts = (user.cost.0 + 50_000_000) / 100_000_000;
    let (dollars, parts) = (parts / 10_000, parts % 10_000);
    format!("{about}${dollars}.{parts:04}{more}")
}

fn paths(title: &str, structure: &Structure, out: &mut String) {
    let rows = structure.rows();
    if rows.is_empty() {
        return;
    }
    details(out, &format!("{title}: {} paths", structure.len()));
    out.push_str("| path | types | members |\n|---|---|---|\n");
    for row in rows.iter().take(MOST_PATHS) {
        let members = row.members.iter();
        let members: Vec<String> = members
            .map(|(name, types)| format!("{} {types}", code(name)))
            .collect();
        let (path, types) = (code(&row.path), &row.types);
        put!(out, "| {path} | {types} | {} |\n", members.join(" · "));
    }
    if rows.len() > MOST_PATHS {
        put!(out, "| … and {} more | | |\n", rows.len() - MOST_PATHS);
    }
    out.push('\n');
    out.push_str(END_OF_DETAILS);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::responses::Dollars;

    #[test]
    fn a_cost_says_how_sure_it_is() {
        let user = |cost, confidence, unpriced| Use {
            cost: Dollars(cost),
            confidence,
            unpriced,
            ..Use::default()
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
