//! Which known name a misspelt one is closest to.

/// The known name that `name` is most likely a misspelling of; `None` where it is close to none.
///
/// A name of four letters may have one slip, a longer one two: a letter more, a letter less, another
/// letter, or two that changed places. Shorter names are close to nearly every word.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let slips = |known: &str| match known.len() {
        ..4 => 0,
        4 => 1,
        _ => MOST,
    };
    known
        .into_iter()
        // One that is much longer or shorter is no slip, however long it is.
        .filter(|known| known.len().abs_diff(name.len()) <= 2 * MOST)
        .map(|known| (strsim::osa_distance(&name, known), known))
        .filter(|(distance, known)| *distance <= slips(known))
        .min()
        .map(|(_, known)| known)
}

/// The most slips that a name may have.
const MOST: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_word() {
        let known = ["model", "cost", "in", "session", "agent"];
        let table = [
            ("mdoel", Some("model")),
            ("Model", Some("model")),
            ("modell", Some("model")),
            ("costs", Some("cost")),
            ("sesion", Some("session")),
            ("im", None),
            ("cause", None),
            ("http", None),
            ("", None),
            (&"x".repeat(100_000), None),
        ];
        for (name, expected) in table {
            assert_eq!(nearest(name, known), expected, "{name:.20}");
        }
    }
}
