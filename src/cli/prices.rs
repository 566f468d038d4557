//! The table of prices that costs are told by: the one named, the one in the settings directory, or the
//! one that comes with the program.

use std::io::ErrorKind;
use std::path::Path;

use super::args::Common;
use super::error::Error;
use crate::config::paths;
use crate::responses::Prices;

/// Reads it.
pub(super) fn load(common: &Common) -> Result<Prices, Error> {
    if let Some(path) = &common.prices {
        return read(path).unwrap_or_else(|| {
            let (name, path) = (common.settings.name("prices"), path.display());
            Err(Error::usage(format!("{name} {path}: no such file")))
        });
    }
    let settings = paths::settings().ok();
    let own = settings.and_then(|settings| read(&settings.join("prices.toml")));
    own.unwrap_or_else(|| {
        Prices::built_in().map_err(|error| Error::new(format!("the built-in prices: {error}")))
    })
}

/// The table in a file; `None` if there is no such file.
fn read(path: &Path) -> Option<Result<Prices, Error>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        text => text,
    };
    let named = |why: String| Error::new(format!("{}: {why}", path.display()));
    Some(match text {
        Ok(text) => Prices::parse(&text).map_err(|error| {
            named(error.to_string())
                .hint("the layout is that of src/responses/prices.toml in codextap's source")
        }),
        Err(error) => Err(Error::new(format!(
            "cannot read {}: {error}",
            path.display()
        ))),
    })
}
