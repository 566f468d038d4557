//! Writes flows to files in any form, and tells what such a file begins with. Both take their time, so
//! they run on threads of their own.

use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::app::{Form, Preview, Save};
use crate::capture::{self, Error, Existing, Shelf};
use crate::config::paths;
use crate::export::{Curl, Format, Har, Markdown, Otlp, mask};
use crate::flow::{Body, Flow, FlowId, Store};
use crate::tap::Redactor;

/// Where flows come from.
pub(super) struct Source {
    /// Those in memory, as they were when the file was asked for.
    pub(super) store: Store,
    /// The files in which the others stand.
    pub(super) shelf: Shelf,
    /// Masks what was recorded in plain.
    pub(super) redactor: Redactor,
    /// Whether everything is masked already, as what this program recorded is.
    pub(super) is_masked: bool,
}

impl Source {
    /// Writes flows to a file, or their bodies to a directory; calls `tell` with every flow that is written.
    /// Gives how many there are.
    ///
    /// # Errors
    /// As [`capture::save`], and when the file is one that flows are read from.
    pub(super) fn save(&self, save: &Save, mut tell: impl FnMut(usize)) -> Result<usize, Error> {
        let path = &save.path;
        if self.shelf.has(path) {
            let why = "flows are read from it; name another file";
            return Err(failed(path, io::Error::other(why)));
        }
        let flows = save.flows.iter().copied();
        let flows = flows.enumerate().inspect(|(number, _)| tell(*number));
        let is_copied = self.is_masked || !self.redactor.is_active();
        match save.form {
            Form::Jsonl if is_copied => {
                let flows = flows.map(|(_, id)| id);
                capture::save(path, &self.store, &self.shelf, flows, save.existing)?;
            }
            Form::Bodies => self.write_bodies(path, flows)?,
            form => capture::whole(path, save.existing, |out| {
                let mut format = format(form, &self.store);
                let mut text = Vec::new();
                format.begin(&mut text);
                for (_, id) in flows {
                    format.push(self.flow(id)?, &mut text);
                    out.write_all(&text)?;
                    text.clear();
                }
                format.end(&mut text);
                out.write_all(&text)
            })?,
        }
        Ok(save.flows.len())
    }

    /// What a file with these flows begins with.
    pub(super) fn preview(&self, round: u64, form: Form, flows: &[FlowId]) -> Preview {
        let mut text = Vec::new();
        let mut number = 0;
        let mut format = (form != Form::Bodies).then(|| format(form, &self.store));
        if let Some(format) = &mut format {
            format.begin(&mut text);
        }
        let mut masked = 0;
        for (place, id) in flows.iter().enumerate() {
            let begin = text.len();
            match (self.flow(*id), &mut format) {
                (Ok(flow), Some(format)) => format.push(flow, &mut text),
                (Ok(flow), None) => {
                    for (name, body) in bodies(place, &flow) {
                        masked += marks(body.bytes());
                        text.extend_from_slice(
                            format!("{name}  {} bytes\n", body.len()).as_bytes(),
                        );
                    }
                }
                (Err(error), _) => text.extend_from_slice(format!("{error}\n").as_bytes()),
            }
            masked += marks(&text[begin..]);
            number += 1;
            if text.len() > PREVIEWED {
                break;
            }
        }
        text.truncate(SHOWN);
        Preview {
            round,
            text: String::from_utf8_lossy(&text).into_owned(),
            masked,
            flows: number,
        }
    }

    /// The bodies of flows, each in a file of a new directory.
    fn write_bodies(
        &self,
        path: &Path,
        flows: impl Iterator<Item = (usize, FlowId)>,
    ) -> Result<(), Error> {
        let made = DirBuilder::new().mode(0o700).create(path);
        made.map_err(|error| failed(path, error))?;
        for (number, id) in flows {
            let flow = self.flow(id).map_err(|error| failed(path, error))?;
            for (name, body) in bodies(number, &flow) {
                capture::whole(&path.join(name), Existing::Keep, |out| {
                    io::copy(&mut body.reader(), out).map(|_| ())
                })?;
            }
        }
        Ok(())
    }

    /// A flow, whole and masked.
    fn flow(&self, id: FlowId) -> io::Result<Flow> {
        let flow = match (self.store.get(id), self.store.place(id)) {
            (Some(flow), _) => flow.clone(),
            (None, Some(place)) => {
                let summary = self.store.summary(id);
                let summary = summary.ok_or_else(|| io::Error::other("a flow is gone"))?;
                let flow = self.shelf.read(place, &summary.name);
                let flow = flow.map_err(io::Error::other)?;
                Flow {
                    id,
                    kind: summary.kind,
                    ..flow
                }
            }
            (None, None) => {
                let why = "a flow is neither in memory nor in the capture any more";
                return Err(io::Error::other(why));
            }
        };
        Ok(mask(flow, &self.redactor))
    }
}

/// Lines of a capture.
pub struct Lines<'a>(pub &'a Store);

impl Format for Lines<'_> {
    fn push(&mut self, flow: Flow, out: &mut Vec<u8>) {
        // A flow that was read from a line has times that a line can have.
        if let Ok(line) = capture::line(&flow, self.0) {
            out.extend_from_slice(&line);
            out.push(b'\n');
        }
    }
}

/// What writes a form.
fn format(form: Form, store: &Store) -> Box<dyn Format + '_> {
    match form {
        Form::Jsonl | Form::Bodies => Box::new(Lines(store)),
        Form::Har => Box::new(Har::default()),
        Form::Markdown => Box::new(Markdown::default()),
        Form::Curl => Box::new(Curl),
        Form::Otlp => Box::new(Otlp { has_content: false }),
    }
}

/// The bodies of a flow that has any, and the names of their files.
fn bodies(number: usize, flow: &Flow) -> Vec<(String, &Body)> {
    let sides = [
        ("request", &flow.request.body),
        ("response", &flow.response.body),
    ];
    let bodies = sides.into_iter().filter(|(_, body)| !body.is_empty());
    let named = bodies.map(|(side, body)| {
        let extension = match body.bytes().first() {
            Some(b'{' | b'[') => "json",
            _ if body.is_text() => "txt",
            _ => "bin",
        };
        (format!("{:04}-{side}.{extension}", number + 1), body)
    });
    named.collect()
}

/// The path that a user means: `~` is home.
pub(super) fn expanded(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), paths::home()) {
        (Ok(rest), Ok(home)) => home.join(rest),
        _ => path.to_owned(),
    }
}

/// The paths that begin with `text`, spelt as it is; those of directories end in `/`.
pub(super) fn completions(text: &str) -> Vec<String> {
    let (parent, begin) = match text.rfind('/') {
        Some(at) => text.split_at(at + 1),
        None => ("", text),
    };
    if text == "~" {
        return vec!["~/".to_owned()];
    }
    let folder = if parent.is_empty() { "." } else { parent };
    let Ok(entries) = fs::read_dir(expanded(Path::new(folder))) else {
        return Vec::new();
    };
    let names = entries.filter_map(Result::ok).filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        // Hidden files are for those who ask for them.
        let is_meant = name.starts_with(begin) && (!name.starts_with('.') || !begin.is_empty());
        let is_folder = entry.path().is_dir();
        is_meant.then(|| format!("{parent}{name}{}", if is_folder { "/" } else { "" }))
    });
    let mut names: Vec<String> = names.take(MOST_NAMES).collect();
    names.sort();
    names
}

/// How many masked values a text has.
fn marks(text: &[u8]) -> usize {
    text.windows(MARK.len())
        .filter(|bytes| *bytes == MARK)
        .count()
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}

/// How a masked value begins ([`Redactor`]).
const MARK: &[u8] = b"<redacted:";
/// How many bytes a preview looks at, or a flow more.
const PREVIEWED: usize = 256 << 10;
/// How many bytes of them are shown.
const SHOWN: usize = 16 << 10;
/// How many names are looked at.
const MOST_NAMES: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_go_on_as_they_were_begun() {
        let home = tempfile::tempdir().unwrap();
        let path = |name: &str| format!("{}/{name}", home.path().display());
        fs::create_dir(path("captures")).unwrap();
        for name in ["cap.jsonl", "other", ".hidden"] {
            fs::write(path(name), "").unwrap();
        }
        assert_eq!(
            completions(&path("ca")),
            [path("cap.jsonl"), path("captures/")]
        );
        assert_eq!(completions(&path("")).len(), 3);
        assert_eq!(completions(&path(".h")), [path(".hidden")]);
        assert!(completions(&path("none/x")).is_empty());
        assert_eq!(completions("~"), ["~/"]);
    }

    #[test]
    fn a_tilde_is_home_only_in_front() {
        let home = paths::home().unwrap();
        assert_eq!(expanded(Path::new("~/a.har")), home.join("a.har"));
        assert_eq!(expanded(Path::new("a/~")), Path::new("a/~"));
        assert_eq!(expanded(Path::new("~a")), Path::new("~a"));
    }
}
