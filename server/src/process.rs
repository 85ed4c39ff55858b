//! The process itself: its log, its panics, its threads' priorities, its power supply and what a terminal gets.
//!
//! It must not know what the program does.

pub(crate) mod logging;
pub(crate) mod memory;
pub(crate) mod panics;
pub(crate) mod power;
pub(crate) mod printable;
pub(crate) mod priority;
