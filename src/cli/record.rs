//! `codextap record`: the proxy without a screen, a line per finished flow.

use rustix::process::Signal;

use super::args::Common;
use super::ending::Record;
use super::error::Error;
use super::line::FlowLine;
use super::printer::Printer;
use super::signals::Signals;
use super::station::{Plan, Station};
use crate::filter::Filter;
use crate::flow::{Flow, FlowId, Store, Summary};
use crate::proxy::Stage;

/// Records until a signal comes; gives the second one, if it was needed.
pub(super) async fn record(common: &Common, plan: Plan) -> Result<Option<Signal>, Error> {
    let filter = super::filter(common)?;
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
    let recorded = recording(station, ending, |summary, flow| {
        let is_chosen = |filter: &Filter| filter.judge(summary, Some(flow), false);
        if !common.quiet && filter.as_ref().and_then(is_chosen).unwrap_or(true) {
            printer.print(FlowLine(summary).to_string());
        }
    })
    .await;
    printer.finish();
    recorded
}

/// Records until `ending` resolves, lets what is in flight end until the next signal that it gives,
/// and writes the capture to its end; shows each flow that ended to `finished`.
pub(super) async fn recording(
    station: Station,
    ending: impl Future<Output = Signals>,
    mut finished: impl FnMut(&Summary, &Flow),
) -> Result<Option<Signal>, Error> {
    let clock = station.clock;
    let (mut events, mut recording, proxy) = station.into_parts();
    let mut record = Record {
        events: &mut events,
        recording: &mut recording,
        store: &mut Store::default(),
        finished: |store: &mut Store, ids: Vec<FlowId>| {
            for id in ids {
                if let (Some(summary), Some(flow)) = (store.summary(id), store.get(id)) {
                    finished(&summary, flow);
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
    super::close(recording)?;
    Ok(cut)
}
