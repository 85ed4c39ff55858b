//! What the model may see: which files ([`files`]), and what of their text ([`secrets`], [`sanitize`]).
//!
//! It must not know what the text is for.

pub mod files;
pub mod placed_file;
pub mod sanitize;
pub mod secrets;
