//! Token counts, as the terminal event of a response reports them.

/// Token counts of one response. Cached tokens are part of the input, reasoning tokens of the output.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Usage {
    /// Tokens of the whole request.
    pub input: u64,
    /// How many of `input` were read from the prompt cache.
    pub cached: u64,
    /// How many of `input` were written to the prompt cache, where the provider tells.
    pub cache_write: Option<u64>,
    /// Tokens that were generated.
    pub output: u64,
    /// How many of `output` were spent on reasoning.
    pub reasoning: u64,
    /// The provider's own total.
    pub total: u64,
}
