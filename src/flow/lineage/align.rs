//! Two sequences side by side: what is in both, in order, and what in one alone.

/// A step from one sequence to the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Edit {
    /// In both: its place before and after.
    Kept(usize, usize),
    /// Only before.
    Gone(usize),
    /// Only after.
    Added(usize),
}

/// The steps from `before` to `after`: as many kept as can be, where the middle between what they begin
/// and end with alike is small enough; otherwise all of the middle goes and comes.
pub(super) fn align<T: PartialEq>(before: &[T], after: &[T]) -> Vec<Edit> {
    let same = |(one, other): &(&T, &T)| one == other;
    let start = before.iter().zip(after).take_while(same).count();
    let rest = before[start..].iter().rev();
    let end = rest
        .zip(after[start..].iter().rev())
        .take_while(same)
        .count();
    let (old, new) = (
        &before[start..before.len() - end],
        &after[start..after.len() - end],
    );
    let mut edits: Vec<Edit> = (0..start).map(|at| Edit::Kept(at, at)).collect();
    let (mut i, mut j) = (0, 0);
    if old.len().saturating_mul(new.len()) <= MOST_CELLS {
        let width = new.len() + 1;
        let lengths = common_lengths(old, new);
        while i < old.len() && j < new.len() {
            edits.push(if old[i] == new[j] {
                (i, j) = (i + 1, j + 1);
                Edit::Kept(start + i - 1, start + j - 1)
            } else if lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
                i += 1;
                Edit::Gone(start + i - 1)
            } else {
                j += 1;
                Edit::Added(start + j - 1)
            });
        }
    }
    edits.extend((i..old.len()).map(|at| Edit::Gone(start + at)));
    edits.extend((j..new.len()).map(|at| Edit::Added(start + at)));
    let (old, new) = (before.len() - end, after.len() - end);
    edits.extend((0..end).map(|at| Edit::Kept(old + at, new + at)));
    edits
}

/// How long the longest common subsequence of each pair of tails is, row by row.
fn common_lengths<T: PartialEq>(old: &[T], new: &[T]) -> Vec<u32> {
    let width = new.len() + 1;
    let mut lengths = vec![0; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            lengths[i * width + j] = if old[i] == new[j] {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    lengths
}

/// Cells of the table, four bytes each.
const MOST_CELLS: usize = 4_000_000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_in_both_is_kept() {
        let steps = |before: &str, after: &str| -> String {
            let (before, after) = (before.as_bytes(), after.as_bytes());
            let edits = align(before, after);
            let shown = edits.iter().map(|edit| match *edit {
                Edit::Kept(_, at) => format!("{}", after[at] as char),
                Edit::Gone(at) => format!("-{}", before[at] as char),
                Edit::Added(at) => format!("+{}", after[at] as char),
            });
            shown.collect()
        };
        assert_eq!(steps("abc", "abc"), "abc");
        assert_eq!(steps("abc", "abcde"), "abc+d+e");
        assert_eq!(steps("abcd", "axcd"), "a-b+xcd");
        assert_eq!(steps("xabyc", "abzc"), "-xab-y+zc");
        assert_eq!(steps("", "a"), "+a");
    }

    #[test]
    fn what_is_too_large_is_replaced() {
        let before: Vec<usize> = (0..3_000).collect();
        let after: Vec<usize> = (0..3_000).rev().collect();
        let edits = align(&before, &after);
        assert_eq!(edits.len(), 6_000);
        assert!(!edits.iter().any(|edit| matches!(edit, Edit::Kept(..))));
    }

    proptest! {
        #[test]
        fn both_sequences_are_told_in_order(before in "[ab]{0,12}", after in "[abc]{0,12}") {
            let edits = align(before.as_bytes(), after.as_bytes());
            let (mut olds, mut news) = (0, 0);
            for edit in edits {
                match edit {
                    Edit::Kept(old, new) => {
                        prop_assert_eq!((old, new), (olds, news));
                        prop_assert_eq!(before.as_bytes()[old], after.as_bytes()[new]);
                        (olds, news) = (olds + 1, news + 1);
                    }
                    Edit::Gone(old) => {
                        prop_assert_eq!(old, olds);
                        olds += 1;
                    }
                    Edit::Added(new) => {
                        prop_assert_eq!(new, news);
                        news += 1;
                    }
                }
            }
            prop_assert_eq!((olds, news), (before.len(), after.len()));
        }
    }
}
