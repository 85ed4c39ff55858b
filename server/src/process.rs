//! The process itself: its log, its panics, its threads' priorities, its power supply and what a terminal gets.
//!
//! It must not know what the program does.

pub mod logging;
pub mod panics;
pub mod power;
pub mod printable;
pub mod priority;
