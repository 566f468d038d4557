//! `codextap record`: the proxy without a screen, a line per finished flow.

use super::args::Common;
use super::error::Error;
use super::line::FlowLine;
use super::printer::Printer;
use super::signals::Signals;
use super::station::{self, Plan, Station};
use crate::flow::{Flow, FlowId, Store};

/// Records until a signal comes.
pub(super) async fn record(common: &Common, plan: Plan) -> Result<(), Error> {
    let filter = super::filter(common)?;
    let mut signals = Signals::listen();
    let mut station = Station::start(common, plan).await?;
    station.announce();
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
    let recorded = recording(station, ending, |flow| {
        if !common.quiet
            && filter
                .as_ref()
                .is_none_or(|filter| filter.matches(flow, false))
        {
            printer.print(FlowLine(flow).to_string());
        }
    })
    .await;
    printer.finish();
    recorded
}

/// Records until `ending` resolves, drains until the next signal that it gives, and writes the
/// capture to its end; shows each flow that ended to `finished`.
pub(super) async fn recording(
    station: Station,
    ending: impl Future<Output = Signals>,
    mut finished: impl FnMut(&Flow),
) -> Result<(), Error> {
    let clock = station.clock;
    let (mut events, mut recording, mut proxy) = station.into_parts();
    let mut store = Store::default();
    let mut tell = |store: &mut Store, ids: Vec<FlowId>| {
        for id in ids {
            if let Some(flow) = store.get(id) {
                finished(flow);
            }
            // It is in the capture; a recording of a week must not grow with what passed.
            store.change(id, Flow::shed);
        }
    };
    let ended = async {
        let signals = ending.await;
        proxy.drain(signals).await;
    };
    station::record_until(ended, &mut events, |event| {
        let ids = recording.apply(&mut store, event);
        tell(&mut store, ids);
    })
    .await;
    let ids = recording.cut(&mut store, clock.now());
    tell(&mut store, ids);
    proxy.cut();
    super::close(recording)
}
