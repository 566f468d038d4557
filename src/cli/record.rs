//! `codextap record`: the proxy without a screen, a line per finished flow.

use rustix::process::Signal;

use super::args::Common;
use super::ending::Record;
use super::error::Error;
use super::line::FlowLine;
use super::printer::Printer;
use super::signals::Signals;
use super::station::{Plan, Station};
use crate::capture::Choice;
use crate::flow::{FlowId, Store, Summary};
use crate::proxy::Stage;

/// Records until a signal comes; gives the second one, if it was needed.
pub(super) async fn record(common: &Common, plan: Plan) -> Result<Option<Signal>, Error> {
    let choice = super::choice(common)?;
    let mut signals = Signals::listen();
    let mut station = Station::start(common, plan).await?;
    station.announce();
    station.tell_removed(common);
    let mut printer = Printer::start(std::io::stdout());
    if !common.quiet {
        printer.print(format!("listening on http://{}", station.running.address));
        if let Some(file) = &station.token_file {
            printer.print(format!("its token is in {}", file.display()));
        }
    }
    let ending = async {
        signals.next().await;
        signals
    };
    let is_known = common.has_known_capture();
    let recorded = recording(station, ending, choice, is_known, |summary| {
        if !common.quiet {
            printer.print(FlowLine(summary).to_string());
        }
    })
    .await;
    printer.finish();
    recorded
}

/// Records until `ending` resolves, lets what is in flight end until the next signal that it gives,
/// and writes the capture to its end; shows each flow that ended to `finished`. With a `choice`, all of
/// that is about flows that are chosen only.
pub(super) async fn recording(
    station: Station,
    ending: impl Future<Output = Signals>,
    choice: Option<Choice>,
    is_quiet: bool,
    mut finished: impl FnMut(&Summary),
) -> Result<Option<Signal>, Error> {
    let clock = station.clock;
    let (mut events, mut recording, proxy) = station.into_parts();
    if let Some(choice) = choice {
        recording.choose(choice);
    }
    let mut record = Record {
        events: &mut events,
        recording: &mut recording,
        store: &mut Store::default(),
        finished: |store: &mut Store, ids: Vec<FlowId>| {
            for id in ids {
                if let Some(summary) = store.summary(id) {
                    finished(&summary);
                }
                // Its line is made, and nobody will look at it here.
                store.forget(id);
            }
        },
    };
    let signals = record.until(ending).await;
    let mut signals = signals.unwrap_or_else(Signals::listen);
    let cut = record
        .end(proxy, Stage::Draining, &mut signals, clock)
        .await;
    super::close(recording, is_quiet)?;
    Ok(cut)
}
