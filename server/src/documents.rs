//! Documents: their text, the places in it, their language and their syntax.
//!
//! It must not know the protocol, or what a document is looked at for.

pub mod document;
pub mod language;
pub mod notebook;
pub mod position;
pub mod syntax;
