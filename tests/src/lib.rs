//! What the end-to-end tests share: the built binaries, a command-line runner, and a language client.
//!
//! The tests know the binaries' contract only: nothing here uses the other crates' code.

mod binaries;
mod client;
mod command;
pub mod hub;
mod ledger;
mod probe;
mod random;

pub use client::{Client, Encoding, items, position, uri};
pub use command::{Output, binary, command, complete, complete_with, repository};
pub use ledger::Ledger;
pub use probe::check_text;
pub use random::Random;

/// The model that the tests run on where any will do: it is inside the program. What it writes is not what they test.
pub const MODEL: &str = "starter";

/// The model for tests that need a slow one, or one that writes what can be foretold. A machine without it fails them,
/// and the message says how to get it: `python3 tests/fetch.py`.
pub const GEMMA: &str = "gemma-3-270m";
