//! A capture as a screen opens it.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use codextap::capture::{self, Intake, Shelf, Start};
use codextap::flow::Store;

/// The capture's flows, summaries alone.
pub(crate) fn brief(path: &Path) -> (Store, Shelf) {
    let (mut store, mut intake, mut shelf) =
        (Store::default(), Intake::default(), Shelf::default());
    let file = Arc::new(File::open(path).unwrap());
    let source = shelf.add(Arc::clone(&file));
    capture::scan(&file, "-", source, Start::default(), false, |piece| {
        assert_eq!(piece.skipped, []);
        for item in piece.items {
            intake.take(&mut store, item).unwrap();
        }
        true
    })
    .unwrap();
    (store, shelf)
}
