//! The word that was meant.

/// The one of `known` that `word` is most likely a slip of; `None` if it is like none of them.
///
/// A letter that is missing, too many, wrong or swapped with the next is one slip. A word of four letters may
/// have one, a longer one two. Shorter ones are close to nearly every word.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let slips = |known: &str| match known.len() {
        ..4 => 0,
        4 => 1,
        _ => MOST,
    };
    known
        .into_iter()
        // One that is much longer or shorter is no slip, however long it is.
        .filter(|known| known.len().abs_diff(word.len()) <= 2 * MOST)
        .map(|known| (strsim::osa_distance(&word, known), known))
        .filter(|(distance, known)| *distance <= slips(known))
        .min()
        .map(|(_, known)| known)
}

/// The most slips that a word may have.
const MOST: usize = 2;

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_told_from_another_word() {
        let known = ["model", "cost", "in", "theme", "log-level", "keep-size"];
        let table = [
            ("mdoel", Some("model")),
            ("Model", Some("model")),
            ("modell", Some("model")),
            ("costs", Some("cost")),
            ("them", Some("theme")),
            ("loglevel", Some("log-level")),
            ("keep_size", Some("keep-size")),
            ("im", None),
            ("cause", None),
            ("http", None),
            ("", None),
            (&"x".repeat(100_000), None),
        ];
        for (word, meant) in table {
            assert_eq!(nearest(word, known), meant, "{word:.20}");
        }
        assert_eq!(nearest("theme", []), None);
    }
}
