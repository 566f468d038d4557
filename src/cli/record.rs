//! `codextap record`: the proxy without a screen, a line per finished flow.

use std::io::Write as _;

use super::args::Common;
use super::error::Error;
use super::line::FlowLine;
use super::signals;
use super::station::{Plan, Station};
use crate::filter::Filter;
use crate::flow::{FlowId, Store};

/// Records until a signal comes.
pub(super) async fn record(common: &Common, plan: Plan) -> Result<(), Error> {
    let filter = super::filter(common)?;
    let station = Station::start(common, plan).await?;
    if !common.quiet {
        print(&format!("listening on http://{}", station.address));
    }
    recording(station, common, filter.as_ref(), signals::ending()).await
}

/// Records until `ending` resolves, drains, and writes the capture to its end.
pub(super) async fn recording(
    station: Station,
    common: &Common,
    filter: Option<&Filter>,
    ending: impl Future<Output = ()>,
) -> Result<(), Error> {
    let clock = station.clock;
    let (mut events, mut recording, proxy) = station.into_parts();
    let mut store = Store::default();
    let mut arrived = Vec::new();
    let mut proxy = Some(proxy);
    let mut drained = std::pin::pin!(async {
        ending.await;
        if let Some(proxy) = proxy.take() {
            proxy.drain().await;
        }
    });
    let mut is_ending = false;
    while !is_ending {
        tokio::select! {
            () = &mut drained => is_ending = true,
            count = events.recv_many(&mut arrived) => is_ending = count == 0,
        }
        if is_ending {
            while events.try_recv_many(&mut arrived) > 0 {}
        }
        for event in arrived.drain(..) {
            let finished = recording.apply(&mut store, event);
            report(&store, &finished, common, filter);
        }
    }
    let finished = recording.cut(&mut store, clock.now());
    report(&store, &finished, common, filter);
    super::close(recording)
}

/// Prints a line for each flow that the filter lets through.
fn report(store: &Store, finished: &[FlowId], common: &Common, filter: Option<&Filter>) {
    if common.quiet {
        return;
    }
    for flow in finished.iter().filter_map(|id| store.get(*id)) {
        if filter.is_none_or(|filter| filter.matches(flow, false)) {
            print(&FlowLine(flow).to_string());
        }
    }
}

/// Prints one line. A reader that went away does not end the recording.
pub(super) fn print(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
