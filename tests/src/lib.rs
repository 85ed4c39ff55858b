//! What the end-to-end tests share: the built binaries, a command-line runner, and a language client.
//!
//! The tests know the binaries' contract only: nothing here uses the other crates' code.

mod binaries;
mod client;
mod command;

pub use client::{Client, Encoding, items, position};
pub use command::{Output, command, complete, complete_with, repository};

/// The model that the tests run on, by its name. A machine without it fails the tests, and the message says how to get
/// it: `python3 tests/fetch.py`.
pub const MODEL: &str = "gemma-3-270m";
