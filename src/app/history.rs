//! What was answered before.

/// Earlier answers to a question, each once, the newest last.
#[derive(Clone, Default, Debug)]
pub struct History(Vec<String>);

impl History {
    /// Adds an answer as the newest one. Nothing is no answer.
    pub fn add(&mut self, text: &str) {
        if !text.is_empty() {
            self.0.retain(|earlier| earlier != text);
            self.0.push(text.to_owned());
        }
    }

    /// The answer that so many newer ones are behind; 0 is the newest.
    #[must_use]
    pub fn back(&self, newer: usize) -> Option<&str> {
        self.0.iter().rev().nth(newer).map(String::as_str)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
