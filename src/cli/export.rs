//! `codextap export`: flows of captures in the form of another tool.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::args::Common;
use super::captures::Captures;
use super::error::Error;
use super::open::say_chosen;
use super::output::Output;
use super::progress::Progress;
use crate::capture::Existing;
use crate::export::{Curl, Format, Har, Markdown, Otlp, mask};
use crate::tap::Redactor;
use crate::tui::Lines;

/// What to export, and how.
#[derive(Args, Debug)]
pub(super) struct Export {
    /// Captures or HAR files to read, one after another; gzip and zstd are undone, `-` is the standard input.
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// The form to write
    #[arg(long, value_enum)]
    pub(super) format: Name,
    /// File to write instead of the standard output
    #[arg(short, long, value_name = "OUT")]
    pub(super) output: Option<PathBuf>,
    /// Write over that file if it exists
    #[arg(long)]
    pub(super) force: bool,
    /// With `--format otlp`, write what was said into the spans, too
    #[arg(long)]
    pub(super) content: bool,
}

/// The forms.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(super) enum Name {
    /// Lines of a capture.
    Jsonl,
    /// HAR 1.2 with the messages of WebSockets and event streams.
    Har,
    /// A log to be read: what was said before is named and not said again.
    Markdown,
    /// A shell command that sends the request again; credentials are `$OPENAI_API_KEY`.
    Curl,
    /// Spans of OpenTelemetry as OTLP/JSON, a line each.
    Otlp,
}

/// Writes the flows that pass `--filter`.
pub(super) async fn export(common: &Common, export: Export) -> Result<ExitCode, Error> {
    if export.content && export.format != Name::Otlp {
        return Err(Error::usage("--content is for --format otlp"));
    }
    let filter = super::filter(common)?;
    let existing = existing(export.force);
    let mut output = Output::open(export.output.as_deref(), &export.files, existing)?;
    let mut progress = Progress::new(common.quiet);
    let redactor = redactor(common);
    let captures = Captures::read(&export.files, &redactor, &mut progress).await?;
    let mut format: Box<dyn Format> = match export.format {
        Name::Jsonl => Box::new(Lines(&captures.store)),
        Name::Curl => Box::new(Curl),
        Name::Otlp => Box::new(Otlp {
            has_content: export.content,
        }),
        Name::Markdown => Box::new(Markdown::default()),
        Name::Har => Box::new(Har::default()),
    };
    let mut text = Vec::new();
    format.begin(&mut text);
    let mut chosen = 0;
    let masked = |(): &mut (), flow, _| mask(flow, &redactor);
    captures.each(filter.as_ref(), &mut progress, masked, |flow| {
        chosen += 1;
        // A long body is here only in part: its line is copied, unless there is something in it to mask.
        let is_long = export.format == Name::Jsonl && !flow.is_at_hand() && !output.is_gone();
        if is_long && captures.is_masked(&flow, &redactor)? {
            captures.line(flow.id, |part| {
                text.extend_from_slice(part);
                output.write(&mut text)
            })?;
            text.push(b'\n');
        } else if !output.is_gone() {
            format.push(flow, &mut text);
        }
        output.write(&mut text)
    })?;
    format.end(&mut text);
    output.write(&mut text)?;
    output.finish()?;
    say_chosen(common, chosen);
    Ok(captures.code())
}

/// What becomes of a file that has the name of the result already.
pub(super) fn existing(is_forced: bool) -> Existing {
    if is_forced {
        Existing::Replace
    } else {
        Existing::Keep
    }
}

/// What masks flows that were recorded without masking.
pub(super) fn redactor(common: &Common) -> Redactor {
    if common.no_redact {
        Redactor::off()
    } else {
        Redactor::new()
    }
}
