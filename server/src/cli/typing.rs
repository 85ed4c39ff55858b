//! `codegemma-complete bench --typing TRACE`: what it is like to type with the server.
//!
//! Plays a trace into a `codegemma-lsp` process, as an editor does, and asks for a suggestion wherever the trace has a
//! cursor. It knows of the protocol what an editor's messages look like, and must not know how the server works.

mod player;
mod report;
mod server;
mod trace;

use std::path::Path;

use super::failure::Failure;
use super::{output, source};
use crate::config::EngineFlags;

/// Plays a trace and shows what it took. Without `paced` each step waits for the answer of the one before.
pub(super) fn run(path: &Path, paced: bool, engine: &EngineFlags, json: bool) -> Result<(), Failure> {
    let steps = trace::parse(&source::read(path)?.text).map_err(|(line, what)| {
        format!(
            "{}:{line}: {what}; a trace has one JSON object a line, see tests/typing/make_traces.py",
            path.display()
        )
    })?;
    let mut server = server::Server::start(&engine.arguments())?;
    let requests = player::play(&mut server, &steps, paced)?;
    let report = report::Report::new(&requests);
    match json {
        true => output::print_json(&report),
        false => output::print_readable(&report.table()),
    }
}
