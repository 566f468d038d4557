//! A file of settings: keys and values with their lines, and no notion of what they mean.
//!
//! The file is TOML 1.0: settings at the top, more of them in tables that have a name each. What is
//! nested deeper is no setting, and is told as a value of the wrong type by whoever reads it.

use std::fs::File as Disk;
use std::io::{self, ErrorKind, Read as _};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

/// What a file of settings says.
#[derive(Clone, Default, Debug)]
pub struct File {
    /// Where it is.
    path: PathBuf,
    /// What it sets, in its order.
    entries: Vec<Entry>,
    /// Its tables, with the line that begins each.
    tables: Vec<(String, usize)>,
}

/// A key with its value.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The table that it stands in; empty at the top.
    pub table: String,
    /// The key.
    pub key: String,
    /// What it is set to.
    pub value: Value,
    /// The line that it begins on, from 1.
    pub line: usize,
}

/// What a key is set to.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// A string.
    Text(String),
    /// A whole number.
    Number(i64),
    /// `true` or `false`.
    Truth(bool),
    /// An array of strings.
    Texts(Vec<String>),
    /// Anything else: what it is, with its article.
    Other(&'static str),
}

impl Value {
    /// What it is, with its article, for messages.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Number(_) => "a number",
            Self::Truth(_) => "a boolean",
            Self::Texts(_) => "a list",
            Self::Other(kind) => kind,
        }
    }
}

/// Why a file of settings cannot be used: the file, the line if there is one, and what is wrong.
#[derive(thiserror::Error, Debug)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// It is no TOML.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What was found or expected there.
        message: String,
    },
}

impl File {
    /// Reads the file at `path`; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read, is longer than a person's settings can be, or is no TOML.
    pub fn read(path: &Path) -> Result<Option<Self>, FileError> {
        let failed = |error| FileError::Read {
            path: path.to_owned(),
            error,
        };
        let file = match Disk::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file.map_err(failed)?,
        };
        let mut text = String::new();
        let length = file.take(LIMIT + 1).read_to_string(&mut text);
        if length.map_err(failed)? as u64 > LIMIT {
            let error = io::Error::new(ErrorKind::FileTooLarge, "longer than 1 MiB");
            return Err(failed(error));
        }
        Self::parse(path, &text).map(Some)
    }

    /// Reads the text of the file at `path`.
    ///
    /// # Errors
    /// When it is no TOML.
    pub fn parse(path: &Path, text: &str) -> Result<Self, FileError> {
        let line = |span: &Range<usize>| {
            let before = text.get(..span.start).unwrap_or(text);
            1 + before.bytes().filter(|byte| *byte == b'\n').count()
        };
        let document = DeTable::parse(text).map_err(|error| FileError::Syntax {
            path: path.to_owned(),
            line: error.span().map_or(1, |span| line(&span)),
            message: error.message().lines().collect::<Vec<_>>().join(", "),
        })?;
        let mut entries = Vec::new();
        let mut tables = Vec::new();
        let entry = |table: &str, key: &str, value: &DeValue<'_>, span: &Range<usize>| Entry {
            table: table.to_owned(),
            key: key.to_owned(),
            value: value_of(value),
            line: line(span),
        };
        for (key, value) in document.get_ref() {
            let name = key.get_ref();
            let DeValue::Table(table) = value.get_ref() else {
                entries.push(entry("", name, value.get_ref(), &key.span()));
                continue;
            };
            tables.push((name.to_string(), line(&key.span())));
            for (key, value) in table {
                entries.push(entry(name, key.get_ref(), value.get_ref(), &key.span()));
            }
        }
        entries.sort_by_key(|entry| entry.line);
        tables.sort_by_key(|(_, line)| *line);
        Ok(Self {
            path: path.to_owned(),
            entries,
            tables,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it sets, in its order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The names of its tables, with the line that begins each.
    #[must_use]
    pub fn tables(&self) -> &[(String, usize)] {
        &self.tables
    }
}

fn value_of(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("a number out of range"), Value::Number),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Boolean(truth) => Value::Truth(*truth),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Table(_) => Value::Other("a table"),
        DeValue::Array(values) => {
            let texts = values.iter().map(|value| match value.get_ref() {
                DeValue::String(text) => Some(text.to_string()),
                _ => None,
            });
            let texts = texts.collect::<Option<_>>();
            texts.map_or(Value::Other("a list of other things"), Value::Texts)
        }
    }
}

/// Bytes of a file that are read. A person's settings are some thousands.
const LIMIT: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<File, String> {
        File::parse(Path::new("config.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn values_have_their_lines() {
        let file = parse(
            "theme = 'ember'\n# why\nkeep-count = 0x10\nroute = [\n  'a', \"b\",\n]\n\n[keys]\n\
             no.such = 1\nzoom = []\nx = 1.5\ny = [1]\nz = 99999999999999999999\nw = true\n[empty]\n",
        )
        .unwrap();
        let found = file.entries().iter();
        let found: Vec<_> = found
            .map(|entry| {
                let Entry { table, key, .. } = entry;
                (
                    entry.line,
                    table.as_str(),
                    key.as_str(),
                    entry.value.clone(),
                )
            })
            .collect();
        let texts = |texts: &[&str]| Value::Texts(texts.iter().map(ToString::to_string).collect());
        assert_eq!(
            found,
            [
                (1, "", "theme", Value::Text("ember".to_owned())),
                (3, "", "keep-count", Value::Number(16)),
                (4, "", "route", texts(&["a", "b"])),
                (9, "keys", "no", Value::Other("a table")),
                (10, "keys", "zoom", texts(&[])),
                (11, "keys", "x", Value::Other("a number with a fraction")),
                (12, "keys", "y", Value::Other("a list of other things")),
                (13, "keys", "z", Value::Other("a number out of range")),
                (14, "keys", "w", Value::Truth(true)),
            ]
        );
        let tables = [("keys".to_owned(), 8), ("empty".to_owned(), 15)];
        assert_eq!(file.tables(), tables);
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        for (text, begins) in [
            ("a = 1\nb = \n", "config.toml:2: "),
            ("a = 1\na = 2\n", "config.toml:2: duplicate key"),
            ("\n\n[x\n", "config.toml:3: "),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(begins), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn a_file_that_is_missing_or_endless_is_no_settings() {
        assert!(File::read(Path::new("/nonexistent")).unwrap().is_none());
        let error = File::read(Path::new("/dev/zero")).unwrap_err().to_string();
        assert_eq!(error, "cannot read /dev/zero: longer than 1 MiB");
        assert!(File::read(Path::new("/")).is_err());
    }
}
