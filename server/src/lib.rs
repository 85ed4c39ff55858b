//! CodeGemma LSP: the language server and the command line around the engine in `codegemma-model`.
//!
//! [`completion`] is the way of one request and is what both share; [`lsp`] is the only place that knows the
//! protocol. This crate must not know tensors or token ids.

pub mod cli;
pub mod completion;
pub mod config;
pub mod context;
pub mod documents;
pub mod eval;
pub mod lsp;
pub mod models;
pub mod policy;
pub mod process;
pub mod serve;
pub mod session;
