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
        _ => 2,
    };
    known
        .into_iter()
        .map(|known| (distance(&name, known), known))
        .filter(|(distance, known)| *distance <= slips(known))
        .min()
        .map(|(_, known)| known)
}

/// How many slips make one word of the other (optimal string alignment).
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    if one.len().abs_diff(other.len()) > MOST {
        return usize::MAX;
    }
    let mut rows = vec![vec![0; other.len() + 1]; one.len() + 1];
    for at in 0..=one.len() {
        for to in 0..=other.len() {
            rows[at][to] = if at == 0 || to == 0 {
                at + to
            } else {
                let differs = usize::from(one[at - 1] != other[to - 1]);
                let replaced = rows[at - 1][to - 1] + differs;
                let mut least = replaced.min(rows[at - 1][to] + 1).min(rows[at][to - 1] + 1);
                let are_swapped = at > 1
                    && to > 1
                    && one[at - 1] == other[to - 2]
                    && one[at - 2] == other[to - 1];
                if are_swapped {
                    least = least.min(rows[at - 2][to - 2] + 1);
                }
                least
            };
        }
    }
    rows[one.len()][other.len()]
}

/// The most slips that are looked for.
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
