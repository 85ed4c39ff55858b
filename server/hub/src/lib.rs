//! Downloads of models: from Hugging Face's hub, into its own cache layout, and from Ollama's registry.
//!
//! All that speaks HTTP is here and nothing else is. This crate must not know what a model is made of, the engine or the
//! command line, and it prints nothing.

mod api;
mod client;
mod digest;
mod download;
mod endpoint;
mod error;
mod hub_cache;
mod names;
mod ollama;
mod refusal;
mod token;

pub use api::{FoundFile, Hub, ListedFile};
pub use client::WebClient;
pub use digest::Digest;
pub use download::{Download, Fetched, Watcher, free_space};
pub use endpoint::Endpoint;
pub use error::HubError;
pub use hub_cache::HubCache;
pub use names::{FileName, RepositoryName, Revision};
pub use ollama::{OllamaModel, OllamaName, OllamaRegistry};
pub use token::HubToken;
pub use url::Url;
