//! The word that was meant.

/// The one of `known` that `word` is most likely a slip of; `None` if it is like none of them. A letter
/// that is missing, too many, wrong or swapped with the next is one slip, and a word of `n` letters has
/// at most `1 + n / 4`.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = word.chars().count();
    let word = word.to_lowercase();
    let slips = |known: &&str| strsim::osa_distance(&word, known);
    let nearest = known.into_iter().min_by_key(slips)?;
    (slips(&nearest) <= 1 + letters / 4).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_found_and_other_words_are_not() {
        let known = ["theme", "listen", "log", "log-level", "keep-size"];
        for (word, meant) in [
            ("them", Some("theme")),
            ("tehme", Some("theme")),
            ("Listen", Some("listen")),
            ("lgo", Some("log")),
            ("loglevel", Some("log-level")),
            ("keep_size", Some("keep-size")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
        assert_eq!(nearest("theme", []), None);
    }
}
