//! CodeGemma LSP: the language server and the command line around the engine in `codegemma-model`.
//!
//! `completion` is the way of one request and is what both share; `lsp` is the only place that knows the
//! protocol. This crate must not know tensors or token ids.

pub mod cli;
mod completion;
mod config;
mod context;
pub mod documents;
mod eval;
pub mod framing;
mod lsp;
mod models;
pub mod policy;
mod process;
pub mod serve;
mod session;
