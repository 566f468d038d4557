//! Fuzzy matching: whether all letters typed stand in a text in their order, and how well.

/// How well a text matches, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Match {
    /// The more, the better.
    pub(super) score: u32,
    /// The bytes of the text at which the letters stand.
    pub(super) at: Vec<usize>,
}

/// Looks for the letters of `needle`, blanks aside, in `text`, whatever their case. Of all ways to find
/// them the best one counts: letters at the beginning of words and side by side are worth most.
pub(super) fn find(needle: &str, text: &str) -> Option<Match> {
    let lower = |char: char| char.to_lowercase().next().unwrap_or(char);
    let letters = needle.chars().filter(|char| !char.is_whitespace());
    let letters: Vec<char> = letters.map(lower).take(LONGEST).collect();
    let places: Vec<(usize, char)> = text.char_indices().take(LONGEST).collect();
    // The best score of a way that ends at a place with the letters so far, and each letter's best
    // place before.
    let mut scores: Vec<Option<u32>> = vec![Some(0); places.len()];
    let mut ways: Vec<Vec<Option<usize>>> = Vec::new();
    for (number, letter) in letters.iter().enumerate() {
        let mut next = vec![None; places.len()];
        let mut from = vec![None; places.len()];
        let mut best: Option<(u32, usize)> = None;
        for (at, (_, char)) in places.iter().enumerate() {
            let before = at.checked_sub(1);
            if let Some(before) = before.filter(|_| number > 0)
                && let Some(score) = scores[before]
                && best.is_none_or(|(most, _)| score > most)
            {
                best = Some((score, before));
            }
            if lower(*char) != *letter {
                continue;
            }
            let is_first = before.is_none_or(|before| !places[before].1.is_alphanumeric());
            let worth = LETTER + if is_first { WORD } else { 0 };
            let apart = best.map(|(score, place)| (score, Some(place)));
            let apart = if number == 0 { Some((0, None)) } else { apart };
            let beside = before.filter(|_| number > 0);
            let beside = beside.and_then(|place| Some((scores[place]? + BESIDE, Some(place))));
            if let Some((score, place)) = beside.max(apart) {
                next[at] = Some(score + worth);
                from[at] = place;
            }
        }
        scores = next;
        ways.push(from);
    }
    if letters.is_empty() {
        return Some(Match {
            score: 0,
            at: Vec::new(),
        });
    }
    // The first of the best.
    let ends = scores.iter().enumerate().rev();
    let (mut place, score) = ends
        .filter_map(|(at, score)| Some((at, (*score)?)))
        .max_by_key(|(_, score)| *score)?;
    let mut at = Vec::with_capacity(letters.len());
    for from in ways.iter().rev() {
        at.push(places[place].0);
        place = from[place].unwrap_or_default();
    }
    at.reverse();
    Some(Match { score, at })
}

/// What a letter is worth.
const LETTER: u32 = 1;
/// What it is worth at the beginning of a word, besides.
const WORD: u32 = 8;
/// What it is worth right behind the one before it, besides.
const BESIDE: u32 = 6;
/// More letters than this are not looked at.
const LONGEST: usize = 128;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn letters_at_the_beginning_of_words_and_side_by_side_count_most() {
        let score = |needle, text| find(needle, text).map(|found| found.score);
        assert!(score("np", "next-pane") > score("np", "unzip"));
        assert!(score("pane", "next-pane") > score("pane", "previous-range"));
        assert_eq!(find("np", "next-pane").unwrap().at, [0, 5]);
        assert_eq!(find("N P", "next-pane").unwrap().at, [0, 5]);
        assert_eq!(find("pn", "nap"), None);
        assert_eq!(find("", "any").unwrap().at, [0_usize; 0]);
        assert_eq!(find("ü", "grün").unwrap().at, [2]);
    }

    proptest! {
        #[test]
        fn what_is_found_are_the_letters_in_order(needle in "[a-c]{0,4}", text in "[a-d -]{0,12}") {
            let mut rest = text.chars();
            let is_in = needle.chars().all(|letter| rest.any(|char| char == letter));
            let found = find(&needle, &text);
            prop_assert_eq!(found.is_some(), is_in);
            if let Some(found) = found {
                let letters: String = found.at.iter().map(|at| &text[*at..=*at]).collect();
                prop_assert_eq!(letters, needle);
                prop_assert!(found.at.is_sorted_by(|one, other| one < other));
            }
        }
    }
}
