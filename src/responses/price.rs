//! What a response costs by a table of list prices: exact, dated, and with its confidence.
//!
//! Amounts are whole numbers of picodollars, because the price of one token (0.0625 USD per million)
//! need not be a whole number of anything larger. A table is TOML, such as `prices.toml` beside this
//! file, which says how a row is chosen. A model that is not in the table has no cost: nothing is
//! guessed from its name, except that a snapshot (`gpt-5-2025-08-07`) costs what its model does.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use toml::value::{Date, Datetime};

use super::Usage;

/// List prices by model; none by default.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Prices {
    /// The day on which they were read.
    date: Day,
    models: BTreeMap<String, Vec<Row>>,
}

/// A day, as a number of days since 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Day(pub u32);

/// An amount of US dollars, in picodollars (10⁻¹² USD).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Dollars(pub u128);

/// What something costs, and how sure that is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// How much.
    pub dollars: Dollars,
    /// How sure.
    pub confidence: Confidence,
}

/// How sure a cost is, the surest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Confidence {
    /// The list price of the model and service tier on that day.
    Listed,
    /// The same, of traffic that is not billed by tokens: a ChatGPT plan's.
    Equivalent,
    /// The list price of the model without a service tier: the one asked for is not in the table.
    Assumed,
}

/// What was used, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bill<'a> {
    /// The model that answered.
    pub model: &'a str,
    /// `service_tier`; none, `auto` and `default` are the same.
    pub tier: Option<&'a str>,
    /// When.
    pub day: Day,
    /// The tokens.
    pub usage: Usage,
}

/// Why a text is no table of prices.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct PricesError(String);

impl Prices {
    /// The table that comes with the program.
    ///
    /// # Errors
    /// None in a program whose tests passed.
    pub fn built_in() -> Result<Self, PricesError> {
        Self::parse(include_str!("prices.toml"))
    }

    /// Reads a table.
    ///
    /// # Errors
    /// [`PricesError`] in one line, for anything that is not TOML of this layout.
    pub fn parse(text: &str) -> Result<Self, PricesError> {
        let table: Table = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map(|before| before.matches('\n').count() + 1);
            let place = line.map_or(String::new(), |line| format!("line {line}: "));
            let why = error.message().replace(['\n', '\r'], " ");
            PricesError(format!("{place}{why}"))
        })?;
        let date = Day::of(table.date).ok_or_else(|| PricesError("date: no day".to_owned()))?;
        if let Some((model, _)) = table.models.iter().find(|(_, rows)| rows.is_empty()) {
            return Err(PricesError(format!("{model}: no price")));
        }
        Ok(Self {
            date,
            models: table.models,
        })
    }

    /// The day on which the prices were read.
    #[must_use]
    pub fn date(&self) -> Day {
        self.date
    }

    /// What `bill` costs; `None` for a model that is not in the table.
    #[must_use]
    pub fn cost(&self, bill: Bill<'_>) -> Option<Cost> {
        let rows = self.models.get(bill.model);
        let rows = rows.or_else(|| self.models.get(without_date(bill.model)?))?;
        let tier = bill.tier.filter(|tier| !BASE_TIERS.contains(tier));
        let choose = |tier: Option<&str>| {
            let fits = |row: &&Row| {
                row.tier.as_deref() == tier
                    && row.from.0 <= bill.day
                    && row.above.is_none_or(|above| bill.usage.input > above)
            };
            rows.iter()
                .filter(fits)
                .max_by_key(|row| (row.from.0, row.above))
        };
        let (row, confidence) = match choose(tier) {
            Some(row) => (row, Confidence::Listed),
            None => (choose(None)?, Confidence::Assumed),
        };
        Some(Cost {
            dollars: row.price(&bill.usage),
            confidence,
        })
    }
}

/// The whole table, as it stands in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    date: Datetime,
    models: BTreeMap<String, Vec<Row>>,
}

/// One price of a model.
#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    /// The service tier that it is for.
    #[serde(default)]
    tier: Option<String>,
    /// The first day on which it held; the first of all days if left out.
    #[serde(default)]
    from: From,
    /// It is for requests of more input tokens than that.
    #[serde(default)]
    above: Option<u64>,
    input: Rate,
    /// Input that was read from the cache; as other input if left out.
    #[serde(default)]
    cached: Option<Rate>,
    /// Input that was written to the cache; as other input if left out.
    #[serde(default)]
    cache_write: Option<Rate>,
    output: Rate,
}

impl Row {
    /// Cached and written tokens are part of the input, reasoning tokens of the output.
    fn price(&self, usage: &Usage) -> Dollars {
        let cached = usage.cached.min(usage.input);
        let written = usage.cache_write.unwrap_or(0).min(usage.input - cached);
        let fresh = usage.input - cached - written;
        let parts = [
            (fresh, self.input),
            (cached, self.cached.unwrap_or(self.input)),
            (written, self.cache_write.unwrap_or(self.input)),
            (usage.output, self.output),
        ];
        // No product of two numbers of 64 bits is too large, nor four of them together: a rate has 40.
        let total = parts.map(|(tokens, rate)| u128::from(tokens) * u128::from(rate.0));
        Dollars(total.iter().sum())
    }
}

/// Picodollars for a token: the microdollars for a million of them.
#[derive(Clone, Copy, PartialEq, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Rate(u64);

impl TryFrom<String> for Rate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
        let is_decimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let fits = !whole.is_empty() && whole.len() <= 5 && part.len() <= 6;
        if !fits || !is_decimal(whole) || !is_decimal(part) {
            return Err(format!("{text:.20?} is no price such as \"0.125\""));
        }
        let digits = format!("{whole}{part:0<6}");
        let micros = digits.parse().map_err(|error| format!("{error}"))?;
        Ok(Self(micros))
    }
}

/// The day from which a price holds.
#[derive(Clone, Copy, PartialEq, Default, Debug, Deserialize)]
#[serde(try_from = "Datetime")]
struct From(Day);

impl TryFrom<Datetime> for From {
    type Error = String;

    fn try_from(date: Datetime) -> Result<Self, Self::Error> {
        let day = Day::of(date).ok_or_else(|| "no day from 1970 on".to_owned())?;
        Ok(Self(day))
    }
}

impl Day {
    /// The date of a TOML date or date-time, from 1970 on. The days before a year are
    /// counted in years that begin in March, so that a leap day is the last of its year.
    fn of(date: Datetime) -> Option<Self> {
        let Date { year, month, day } = date.date?;
        let (year, month, day) = (u32::from(year), u32::from(month), u32::from(day));
        let year = if month > 2 {
            year
        } else {
            year.checked_sub(1)?
        };
        let leap_days = year / 4 - year / 100 + year / 400;
        let in_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        (year * 365 + leap_days + in_year)
            .checked_sub(DAYS_BEFORE_1970)
            .map(Self)
    }
}

impl Dollars {
    /// The sum of both.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// With four decimals: `0.0085`.
    #[must_use]
    pub fn rounded(self) -> String {
        const UNIT: u128 = PICO / 10_000;
        let units = self.0.saturating_add(UNIT / 2) / UNIT;
        format!("{}.{:04}", units / 10_000, units % 10_000)
    }
}

/// As a decimal, with all its digits and no more: `0.0085`.
impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / PICO, self.0 % PICO);
        write!(f, "{whole}")?;
        if part == 0 {
            return Ok(());
        }
        write!(f, ".{}", format!("{part:012}").trim_end_matches('0'))
    }
}

impl Confidence {
    /// Its name, as commands print it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Equivalent => "equivalent",
            Self::Assumed => "assumed",
        }
    }
}

/// Whether the model that answered is the one asked for, or a snapshot of it.
#[must_use]
pub fn is_as_asked(served: &str, asked: &str) -> bool {
    served == asked || without_date(served) == Some(asked)
}

/// The model that a name with a day at its end is a snapshot of.
fn without_date(model: &str) -> Option<&str> {
    let (name, date) = model.split_at_checked(model.len().checked_sub("-2025-08-07".len())?)?;
    let is_date = date.bytes().enumerate().all(|(at, byte)| match at {
        0 | 5 | 8 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    is_date.then_some(name)
}

/// Service tiers that are none (API reference, `service_tier`).
const BASE_TIERS: [&str; 2] = ["auto", "default"];

/// Picodollars of a dollar.
const PICO: u128 = 1_000_000_000_000;

/// Days from 1 March of year 0 to 1970-01-01.
const DAYS_BEFORE_1970: u32 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;

    /// Input, cached, written and output tokens.
    fn usage([input, cached, write, output]: [u64; 4]) -> Usage {
        Usage {
            input,
            cached,
            cache_write: (write > 0).then_some(write),
            output,
            ..Usage::default()
        }
    }

    fn day(text: &str) -> Day {
        Day::of(text.parse().unwrap()).unwrap()
    }

    fn cost(prices: &Prices, model: &str, tier: Option<&str>, tokens: [u64; 4]) -> Option<Cost> {
        prices.cost(Bill {
            model,
            tier,
            day: day("2026-11-20"),
            usage: usage(tokens),
        })
    }

    #[test]
    fn costs_are_exact() {
        const CACHED: [u64; 4] = [10_000, 8_000, 0, 500];
        let table = [
            ("gpt-5-codex", None, CACHED, "0.0085"),
            ("gpt-5.1-codex-mini", None, CACHED, "0.0017"),
            ("gpt-5.3-codex", None, CACHED, "0.0119"),
            ("gpt-5.5", None, CACHED, "0.029"),
            ("gpt-6-sol", None, CACHED, "0.0106"),
            ("gpt-6.1-sol", None, CACHED, "0.0098"),
            ("gpt-6.1-sol-2026-10-01", None, CACHED, "0.0098"),
            ("gpt-5.5", Some("auto"), [1_234, 0, 0, 56], "0.00785"),
            ("gpt-5.5", None, [8_704, 8_704, 0, 1], "0.004382"),
            ("gpt-5.5", None, [0; 4], "0"),
            ("gpt-5.5", Some("priority"), CACHED, "0.0725"),
            ("gpt-5.5", Some("flex"), CACHED, "0.0145"),
            // The step is behind the threshold, and takes the whole request.
            ("gpt-5.5", None, [272_000, 0, 0, 1_000], "1.39"),
            ("gpt-5.5", None, [272_001, 0, 0, 1_000], "2.76501"),
            ("gpt-6-sol", None, [300_000, 250_000, 0, 1_000], "0.315"),
            ("gpt-6-sol", None, [10_000, 8_000, 1_500, 500], "0.01135"),
            ("gpt-6-sol", None, [400_000, 300_000, 50_000, 500], "0.5775"),
            // One token of a price that is no whole number of nanodollars.
            ("gpt-6-luna", Some("flex"), [1, 0, 1, 0], "0.0000000625"),
            // More cached than sent: what was sent is all there can be.
            ("gpt-5.5", None, [10, u64::MAX, u64::MAX, 0], "0.000005"),
        ];
        let prices = Prices::built_in().unwrap();
        for (model, tier, tokens, dollars) in table {
            let cost = cost(&prices, model, tier, tokens).unwrap();
            assert_eq!(cost.dollars.to_string(), dollars, "{model} {tokens:?}");
            assert_eq!(cost.confidence, Confidence::Listed);
        }
        let huge = cost(&prices, "gpt-6-astra", None, [u64::MAX, 0, 0, u64::MAX]).unwrap();
        assert_eq!(
            huge.dollars.to_string(),
            "1752440687002407.403425",
            "no overflow"
        );
    }

    #[test]
    fn a_tier_without_a_price_is_assumed_and_a_model_without_one_is_unknown() {
        let prices = Prices::built_in().unwrap();
        let tokens = [10_000, 8_000, 0, 500];
        let flex = cost(&prices, "gpt-5-codex", Some("flex"), tokens).unwrap();
        assert_eq!(flex.dollars.to_string(), "0.0085");
        assert_eq!(flex.confidence, Confidence::Assumed);
        for model in ["gpt-7", "gpt-5.5-codex", "-2025-08-07", "é2025-08-07", ""] {
            assert_eq!(cost(&prices, model, None, tokens), None, "{model}");
        }
    }

    #[test]
    fn a_snapshot_is_the_model_asked_for() {
        assert!(is_as_asked("gpt-5", "gpt-5"));
        assert!(is_as_asked("gpt-5-2025-08-07", "gpt-5"));
        for served in [
            "gpt-5-mini",
            "gpt-5-mini-2025-08-07",
            "gpt-5-2025-08-0x",
            "gpt-5-20250807",
        ] {
            assert!(!is_as_asked(served, "gpt-5"), "{served}");
        }
        assert!(
            !is_as_asked("gpt-5", "gpt-5-2025-08-07"),
            "another snapshot may be served"
        );
    }

    #[test]
    fn the_price_of_the_day_counts() {
        let prices = Prices::built_in().unwrap();
        let costs = ["1970-01-01", "2026-08-20", "2026-08-21", "2030-01-01"].map(|date| {
            let bill = Bill {
                model: "gpt-5.6-sol",
                tier: None,
                day: day(date),
                usage: usage([1_000_000, 0, 0, 0]),
            };
            prices.cost(bill).unwrap().dollars.to_string()
        });
        assert_eq!(costs, ["10", "10", "8", "8"]);
        assert_eq!(day("1970-01-01"), Day(0));
        assert_eq!(day("2000-02-29"), Day(11_016));
        assert_eq!(day("2026-11-20"), Day(20_777));
        assert_eq!(prices.date(), day("2026-11-20"));
    }

    #[test]
    fn what_is_no_table_is_refused_in_one_line() {
        let row = |price: &str| format!("date = 2026-01-01\n[models]\nm = [{{ {price} }}]\n");
        let table = [
            ("", "missing field `date`"),
            ("date = 2026-01-01", "missing field `models`"),
            ("date = 10:00:00\nmodels = {}", "date: no day"),
            ("date = 2026-01-01\nmodels = { m = [] }", "m: no price"),
            (&row("input = \"1\""), "line 3: missing field `output`"),
            (&row("input = 1, output = \"1\""), "line 3: invalid type"),
            (
                &row("input = \"1.2.3\", output = \"1\""),
                "line 3: \"1.2.3\" is no price",
            ),
            (
                &row("input = \"-1\", output = \"1\""),
                "line 3: \"-1\" is no price",
            ),
            (
                &row("input = \"1\", output = \"1\", inputs = \"2\""),
                "line 3: unknown field",
            ),
        ];
        for (text, why) in table {
            let error = Prices::parse(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
