//! From what a user calls a model to where it is read from, and the starter that comes with the program.
//!
//! It must not know what a model is made of.

pub(crate) mod advice;
pub(crate) mod known;
pub(crate) mod path;
pub(crate) mod pulled;
pub(crate) mod starter;
pub(crate) mod stores;
