//! Rows in aligned columns, for a terminal or a pipe.

use std::fmt;

use crate::text::{Clean, pad, pad_start, truncate, width};

/// A table: a heading and rows, every cell clean.
pub(super) struct Table {
    columns: &'static [Column],
    rows: Vec<Vec<String>>,
}

/// A column.
#[derive(Clone, Copy)]
pub(super) struct Column {
    /// What stands above it.
    pub(super) name: &'static str,
    /// Whether it has numbers, which stand at its right.
    pub(super) is_number: bool,
    /// The most columns of the terminal it takes.
    pub(super) widest: usize,
}

impl Table {
    /// A table without rows.
    pub(super) fn new(columns: &'static [Column]) -> Self {
        let rows = Vec::new();
        Self { columns, rows }
    }

    /// Adds a row.
    pub(super) fn push(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells = cells.into_iter().zip(self.columns);
        let cells = cells
            .map(|(cell, column)| truncate(Clean::new(&cell).as_str(), column.widest).into_owned());
        self.rows.push(cells.collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heading: Vec<String> = self.columns.iter().map(|it| it.name.to_owned()).collect();
        let all = || std::iter::once(&heading).chain(&self.rows);
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|at| {
                let cells = all().filter_map(|row| row.get(at));
                cells.map(|cell| width(cell)).max().unwrap_or(0)
            })
            .collect();
        for row in all() {
            let cells = row.iter().zip(self.columns).zip(&widths);
            let cells = cells.map(|((cell, column), width)| {
                if column.is_number {
                    pad_start(cell, *width)
                } else {
                    pad(cell, *width)
                }
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
