//! `codextap report`: what captures come to, and the conversation in them.
//!
//! The tables stand first and are known last, so the conversation waits in a file without a name.

use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::args::Common;
use super::captures::Captures;
use super::error::Error;
use super::export::{existing, redactor};
use super::open::say_chosen;
use super::output::Output;
use super::prefix;
use super::progress::Progress;
use crate::capture::nameless;
use crate::export::{Digest, Lost, Markdown, Statistics, mask_asked};
use crate::flow::lineage::Break;
use crate::flow::sessions::Sessions;

/// Reports on the flows that pass `--filter`.
pub(super) async fn report(
    common: &Common,
    files: &[PathBuf],
    output: Option<&Path>,
    is_forced: bool,
) -> Result<ExitCode, Error> {
    let filter = super::filter(common)?;
    let mut output = Output::open(output, files, existing(is_forced))?;
    let mut progress = Progress::new(common.quiet);
    let (redactor, prices) = (redactor(common), super::prices::load(common)?);
    let captures = Captures::read(files, &redactor, &mut progress).await?;
    let waits = |error| Error::new(format!("cannot write a temporary file: {error}"));
    let mut spool = nameless(&std::env::temp_dir()).map_err(waits)?;
    let (mut log, mut text) = (Markdown::default(), Vec::new());
    let digest = |statistics: &mut Statistics, flow, asked| {
        let (flow, asked) = mask_asked(flow, asked, &redactor);
        statistics.add(&flow);
        Digest::of(flow, asked)
    };
    let gathered = captures.each(filter.as_ref(), &mut progress, digest, |digest| {
        log.add(&digest, &mut text);
        if text.len() >= CHUNK {
            spool.write_all(&text).map_err(waits)?;
            text.clear();
        }
        Ok(())
    })?;
    spool.write_all(&text).map_err(waits)?;
    spool.rewind().map_err(waits)?;
    let mut statistics = Statistics::default();
    for part in gathered {
        statistics.merge(part);
    }
    let names = files.iter().map(|file| match file.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => file.display().to_string(),
    });
    let flows = statistics.flows().iter();
    let summaries = flows.filter_map(|id| captures.store.summary(*id));
    let sessions = Sessions::of(summaries, &prices);
    say_chosen(common, statistics.flows().len() as u64);
    let names: Vec<String> = names.collect();
    let breaks = prefix::breaks(&captures, &sessions, prefix::may_be_broken, &mut progress)?;
    let felt = breaks
        .into_iter()
        .filter(|(_, broken)| broken.found.lost > Break::STEP);
    let lost = felt.map(|(flow, broken)| Lost {
        flow,
        what: redactor.json(&broken.what).into_owned(),
        tokens: broken.found.lost,
    });
    let lost: Vec<Lost> = lost.collect();
    let text = statistics.markdown(&names, &sessions, &lost, &log);
    let mut text = text.into_bytes();
    loop {
        output.write(&mut text)?;
        let mut next = io::Read::by_ref(&mut spool).take(CHUNK as u64);
        if output.is_gone() || next.read_to_end(&mut text).map_err(waits)? == 0 {
            output.finish()?;
            return Ok(captures.code());
        }
    }
}

/// Bytes that are written at once.
const CHUNK: usize = 256 << 10;
