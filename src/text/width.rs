//! Columns: how wide a text is on a terminal's grid, and how to make it fit.
//!
//! A grapheme cluster is the unit: it is drawn into one cell, or into two. The sum over the clusters is what
//! counts, which is not always the width that `unicode-width` gives for the whole text.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// How many columns `text` takes.
#[must_use]
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    Clusters::of(text).map(|cluster| cluster.width).sum()
}

/// `text` in at most `columns`, its end replaced by `…` when it is longer.
#[must_use]
pub fn truncate(text: &str, columns: usize) -> Cow<'_, str> {
    match fitting(text, columns) {
        None => text.into(),
        Some(_) if columns == 0 => "".into(),
        Some(_) => {
            let end = fitting(text, columns - 1).unwrap_or(text.len());
            format!("{}…", &text[..end]).into()
        }
    }
}

/// `text` in at most `columns`, its middle replaced by `…` when it is longer: for paths and ids, whose ends tell most.
#[must_use]
pub fn truncate_middle(text: &str, columns: usize) -> Cow<'_, str> {
    if fitting(text, columns).is_none() {
        return text.into();
    }
    if columns < 3 {
        return truncate(text, columns);
    }
    let start = fitting(text, (columns - 1) / 2).unwrap_or(text.len());
    let mut left = columns - 1 - width(&text[..start]);
    let mut end = text.len();
    // Cells are cut at clusters, found from the front: segmentation backwards would disagree with it in places.
    let clusters: Vec<Cluster> = Clusters::of(&text[start..]).collect();
    for cluster in clusters.iter().rev() {
        if cluster.width > left {
            break;
        }
        left -= cluster.width;
        end = start + cluster.start;
    }
    format!("{}…{}", &text[..start], &text[end..]).into()
}

/// `text` in exactly `columns`: cut, or filled with spaces at its end.
#[must_use]
pub fn pad(text: &str, columns: usize) -> String {
    let text = truncate(text, columns);
    let fill = columns.saturating_sub(width(&text));
    format!("{text}{:fill$}", "")
}

/// `text` in exactly `columns`: cut, or filled with spaces at its start, as numbers are.
#[must_use]
pub fn pad_start(text: &str, columns: usize) -> String {
    let text = truncate(text, columns);
    let fill = columns.saturating_sub(width(&text));
    format!("{:fill$}{text}", "")
}

/// Where `text` has to be cut to fit into `columns`; `None` when it fits whole.
fn fitting(text: &str, columns: usize) -> Option<usize> {
    if text.len() <= columns && text.is_ascii() {
        return None;
    }
    let mut left = columns;
    for cluster in Clusters::of(text) {
        match left.checked_sub(cluster.width) {
            Some(rest) => left = rest,
            None => return Some(cluster.start),
        }
    }
    None
}

/// One grapheme cluster of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cluster {
    /// Offset of its first byte.
    pub(super) start: usize,
    /// Offset after its last byte.
    pub(super) end: usize,
    /// Columns it takes: 0, 1 or 2 (a terminal draws no cell wider).
    pub(super) width: usize,
}

/// The grapheme clusters of a text; runs of ASCII need no tables.
pub(super) struct Clusters<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Clusters<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, at: 0 }
    }
}

impl Iterator for Clusters<'_> {
    type Item = Cluster;

    fn next(&mut self) -> Option<Cluster> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let first = *bytes.get(start)?;
        let stands_alone = first.is_ascii() && bytes.get(start + 1).is_none_or(u8::is_ascii);
        if stands_alone {
            self.at = start + 1;
            let width = 1;
            return Some(Cluster {
                start,
                end: self.at,
                width,
            });
        }
        let cluster = self.text[start..].graphemes(true).next()?;
        self.at = start + cluster.len();
        Some(Cluster {
            start,
            end: self.at,
            width: cluster.width().min(2),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_columns() {
        let table = [
            ("", 0),
            ("abc", 3),
            ("漢字", 4),
            ("e\u{301}", 1),
            ("👍🏽", 2),
            ("👩\u{200d}💻", 2),
            ("a…b", 3),
        ];
        for (text, expected) in table {
            assert_eq!(width(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        let table = [
            ("hello", 5, "hello", "hello"),
            ("hello!", 5, "hell…", "he…o!"),
            ("漢字漢字", 5, "漢字…", "漢…字"),
            ("漢字", 2, "…", "…"),
            ("hello", 1, "…", "…"),
            ("hello", 0, "", ""),
            ("/a/long/path.rs", 9, "/a/long/…", "/a/l…h.rs"),
        ];
        for (text, columns, end, middle) in table {
            assert_eq!(truncate(text, columns), end, "{text:?} in {columns}");
            assert_eq!(
                truncate_middle(text, columns),
                middle,
                "{text:?} in {columns}"
            );
        }
        assert_eq!(pad("漢", 4), "漢  ");
        assert_eq!(pad_start("12", 4), "  12");
        assert_eq!(pad("漢字", 3), "漢…");
    }
}
