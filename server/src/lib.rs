//! CodeGemma LSP: the language server and the command line around the engine in `codegemma-model`.
//!
//! [`complete`] is the pipeline of one request and is what both share; [`lsp`] is the only place that knows the
//! protocol. This crate must not know tensors or token ids.

pub mod anchor;
pub mod cli;
pub mod complete;
pub mod config;
pub mod context;
pub mod document;
pub mod eval;
pub mod explain;
pub mod fit;
pub mod gate;
pub mod gather;
pub mod in_flight;
pub mod language;
pub mod logging;
pub mod lsp;
pub mod model_path;
pub mod notebook;
pub mod panics;
pub mod placed_file;
pub mod position;
pub mod postprocess;
pub mod power;
pub mod printable;
pub mod priority;
pub mod prompt_path;
pub mod reason;
pub mod roots;
pub mod secrets;
pub mod selected;
pub mod serve;
pub mod session;
pub mod settings;
pub mod shown;
pub mod starter;
pub mod syntax;
pub mod trigger;
pub mod version;
pub mod workspace;
pub mod written;
