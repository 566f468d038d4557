//! Token counts, as the terminal event of a response reports them.

use serde::{Deserialize, Serialize};

use super::lenient::{self, Members};

/// Token counts of one response. Cached tokens are part of the input, reasoning tokens of the
/// output.
///
/// Captures and the documents of `sessions` have the counts under these names, not under the API's.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the whole request.
    pub input: u64,
    /// How many of `input` were read from the prompt cache.
    #[serde(default)]
    pub cached: u64,
    /// How many of `input` were written to the prompt cache, where the provider tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// Tokens that were generated.
    pub output: u64,
    /// How many of `output` were spent on reasoning.
    #[serde(default)]
    pub reasoning: u64,
    /// The provider's own total.
    #[serde(default)]
    pub total: u64,
}

impl Usage {
    /// Adds counts, which are the provider's, and may be of any size.
    pub fn add(&mut self, other: &Self) {
        let counts = [
            (&mut self.input, other.input),
            (&mut self.cached, other.cached),
            (&mut self.output, other.output),
            (&mut self.reasoning, other.reasoning),
            (&mut self.total, other.total),
        ];
        for (sum, count) in counts {
            *sum = sum.saturating_add(count);
        }
        if let Some(written) = other.cache_write {
            let sum = self.cache_write.get_or_insert_default();
            *sum = sum.saturating_add(written);
        }
    }

    /// Reads a `usage` object. Counts that are missing or malformed are 0; `null` is no usage.
    #[must_use]
    pub fn read(json: &str) -> Option<Self> {
        let members = Members::of(json).ok()?;
        let count = |name| members.find(name).and_then(lenient::number);
        let details = |name| {
            let details = members.find(name).map(Members::of);
            details.and_then(Result::ok).unwrap_or_default()
        };
        let input_details = details("input_tokens_details");
        let output_details = details("output_tokens_details");
        let input = count("input_tokens").unwrap_or(0);
        let output = count("output_tokens").unwrap_or(0);
        Some(Self {
            input,
            cached: of(&input_details, "cached_tokens").unwrap_or(0),
            cache_write: of(&input_details, "cache_write_tokens"),
            output,
            reasoning: of(&output_details, "reasoning_tokens").unwrap_or(0),
            total: count("total_tokens").unwrap_or(input.saturating_add(output)),
        })
    }
}

fn of(members: &Members<'_>, name: &str) -> Option<u64> {
    members.find(name).and_then(lenient::number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_as_far_as_they_are_told() {
        let full = r#"{"input_tokens":1200,"input_tokens_details":{"cached_tokens":1024,
            "cache_write_tokens":128},"output_tokens":80,
            "output_tokens_details":{"reasoning_tokens":32},"total_tokens":1280}"#;
        let all = Usage {
            input: 1200,
            cached: 1024,
            cache_write: Some(128),
            output: 80,
            reasoning: 32,
            total: 1280,
        };
        let sparse = Usage {
            input: 7,
            output: 2,
            total: 9,
            ..Usage::default()
        };
        let cases = [
            (full, Some(all)),
            (r#"{"input_tokens":7,"output_tokens":2}"#, Some(sparse)),
            (
                r#"{"input_tokens":7,"input_tokens_details":null,"output_tokens":2,"total_tokens":"x"}"#,
                Some(sparse),
            ),
            ("{}", Some(Usage::default())),
            ("null", None),
            ("[]", None),
        ];
        for (json, usage) in cases {
            assert_eq!(Usage::read(json), usage, "{json}");
        }
    }
}
