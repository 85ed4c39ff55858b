//! Where the server's own log goes, an entry a line. stdout belongs to the protocol, so never there.
//!
//! It must not know what is logged.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::filter::LevelFilter;

use crate::process::printable::Entries;

/// Starts logging to a file, or to stderr.
pub(crate) fn start(file: Option<&Path>, level: LevelFilter) -> Result<(), String> {
    let builder = tracing_subscriber::fmt().with_max_level(level).with_ansi(false);
    match file {
        None => builder.with_writer(|| Entries(std::io::stderr())).init(),
        Some(path) => {
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .map_err(|error| {
                    format!(
                        "{}: the log cannot be written ({error}); check the path given with --log",
                        path.display()
                    )
                })?;
            builder.with_writer(Mutex::new(Entries(file))).init();
        }
    }
    Ok(())
}
