//! Rate-limit windows, from header fields (`x-codex-primary-used-percent` and its relatives) and from
//! `codex.rate_limits` messages.

use std::collections::BTreeMap;

use crate::flow::Flow;
use crate::responses::{EventKind, member};

/// How full a rate-limit window is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    /// Its name, such as `codex primary`.
    pub name: String,
    /// How much of it is used, in hundredths of a percent.
    pub used: u64,
    /// Its length in minutes.
    pub minutes: Option<u64>,
    /// When it begins anew, in seconds since 1970.
    pub resets: Option<u64>,
}

/// The windows that a flow tells of, as last told, by name.
#[must_use]
pub fn windows(flow: &Flow) -> Vec<Window> {
    let mut windows: BTreeMap<String, Window> = BTreeMap::new();
    let fields = flow.response.head.iter().flat_map(|head| &head.fields);
    let fields: BTreeMap<String, String> = fields
        .map(|field| {
            (
                field.name.to_ascii_lowercase(),
                field.value.as_text().into_owned(),
            )
        })
        .collect();
    for (name, value) in &fields {
        let Some(window) = name.strip_suffix("-used-percent") else {
            continue;
        };
        let told = window
            .strip_prefix("x-")
            .and_then(|told| told.rsplit_once('-'));
        let (Some((family, which)), Some(used)) = (told, hundredths(value)) else {
            continue;
        };
        let number = |what: &str| fields.get(&format!("{window}-{what}"))?.trim().parse().ok();
        take(
            &mut windows,
            family,
            which,
            used,
            [number("window-minutes"), number("reset-at")],
        );
    }
    for (at, frame) in flow.frames.iter().enumerate() {
        if frame.event != Some(EventKind::RateLimits) {
            continue;
        }
        let Some(text) = flow.event_text(at) else {
            continue;
        };
        let family = crate::responses::text(&text, "metered_limit_name");
        let family = family.unwrap_or_else(|| "codex".to_owned());
        let limits = member(&text, "rate_limits").unwrap_or_default();
        for which in ["primary", "secondary"] {
            let told = member(limits, which).unwrap_or_default();
            if let Some(used) = member(told, "used_percent").and_then(hundredths) {
                let number = |name: &str| member(told, name)?.parse().ok();
                let [minutes, resets] = [number("window_minutes"), number("reset_at")];
                take(&mut windows, &family, which, used, [minutes, resets]);
            }
        }
    }
    windows.into_values().collect()
}

/// How much more of each window was used after a turn than before, in hundredths of a percent; windows
/// that began anew in between are left out.
#[must_use]
pub fn burnt(before: &[Window], after: &[Window]) -> Vec<(String, u64)> {
    let burnt = after.iter().filter_map(|window| {
        let old = before.iter().find(|old| old.name == window.name)?;
        let more = window.used.checked_sub(old.used)?;
        (old.resets == window.resets).then(|| (window.name.clone(), more))
    });
    burnt.collect()
}

fn take(
    windows: &mut BTreeMap<String, Window>,
    family: &str,
    which: &str,
    used: u64,
    [minutes, resets]: [Option<u64>; 2],
) {
    let name = format!("{family} {which}");
    let window = Window {
        name: name.clone(),
        used,
        minutes,
        resets,
    };
    windows.insert(name, window);
}

/// A decimal of percent, `12` or `12.5`, in hundredths; what is finer is cut.
fn hundredths(text: &str) -> Option<u64> {
    let (whole, part) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let is_decimal = part.bytes().all(|byte| byte.is_ascii_digit());
    let part: String = part.chars().chain("00".chars()).take(2).collect();
    let whole: u64 = whole.parse().ok().filter(|_| is_decimal)?;
    whole.checked_mul(100)?.checked_add(part.parse().ok()?)
}
