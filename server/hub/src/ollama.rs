//! Ollama's registry: what a model's name stands for, and where its weights are.
//!
//! It must not know where files are kept.

use std::fmt;

use serde::Deserialize;
use url::Url;

use crate::api::patiently;
use crate::client::{WebClient, WebRequest};
use crate::digest::Digest;
use crate::endpoint::{Endpoint, shown};
use crate::error::HubError;
use crate::names::is_word;

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const WEIGHTS: &str = "application/vnd.ollama.image.model";
/// The longest manifest.
const MOST_BYTES: u64 = 1 << 20;

/// `NAME[:TAG]` or `NAMESPACE/NAME[:TAG]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OllamaName {
    namespace: String,
    model: String,
    tag: String,
}

/// The weights of a model, as the registry describes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OllamaModel {
    /// Where they are read from.
    pub url: Url,
    /// How long they are.
    pub bytes: u64,
    /// Their SHA-256.
    pub digest: Digest,
    /// The same in the registry's form.
    pub etag: String,
}

/// The registry.
#[derive(Debug)]
pub struct OllamaRegistry<'a> {
    /// What asks it.
    pub client: &'a WebClient,
    /// Where it is.
    pub endpoint: &'a Endpoint,
}

#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    #[serde(rename = "mediaType")]
    kind: String,
    digest: String,
    size: u64,
}

impl OllamaName {
    /// Checks a name.
    pub fn new(name: &str) -> Result<Self, HubError> {
        let (path, tag) = name.split_once(':').unwrap_or((name, "latest"));
        let (namespace, model) = path.split_once('/').unwrap_or(("library", path));
        match [namespace, model, tag].into_iter().all(is_word) {
            true => Ok(Self {
                namespace: namespace.to_owned(),
                model: model.to_owned(),
                tag: tag.to_owned(),
            }),
            false => Err(HubError::new(format!(
                "{}: a model of Ollama is NAME[:TAG], such as codegemma:2b-code",
                name.escape_debug()
            ))),
        }
    }

    /// A name for a file of it.
    pub fn file_stem(&self) -> String {
        match self.namespace.as_str() {
            "library" => format!("{}-{}", self.model, self.tag),
            namespace => format!("{namespace}-{}-{}", self.model, self.tag),
        }
    }
}

impl fmt::Display for OllamaName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace != "library" {
            write!(f, "{}/", self.namespace)?;
        }
        write!(f, "{}:{}", self.model, self.tag)
    }
}

impl OllamaRegistry<'_> {
    /// Finds a model.
    pub fn find(&self, name: &OllamaName) -> Result<OllamaModel, HubError> {
        let OllamaName { namespace, model, tag } = name;
        let url = self.endpoint.below(["v2", namespace, model, "manifests", tag]);
        let host = shown(&url);
        let answer = patiently(
            || {
                self.client.ask(WebRequest {
                    url: &url,
                    token: None,
                    head: false,
                    range: None,
                    accept: Some(MANIFEST),
                })
            },
            "CODEGEMMA_OLLAMA_REGISTRY names a mirror",
        )?;
        match answer.status {
            200 => {}
            401 | 403 => {
                return Err(HubError::new(format!(
                    "{name} is private at {host}; pull it with `ollama pull`, then it is found here, too"
                )));
            }
            404 => {
                return Err(HubError::new(format!(
                    "{name}: {host} has no such model; https://ollama.com/library lists names and tags"
                )));
            }
            status => {
                return Err(HubError::new(format!(
                    "{host}: the answer was {status} for {name}; try again later"
                )));
            }
        }
        let odd = |what: &str| {
            HubError::new(format!(
                "{host}: {what} for {name}; check CODEGEMMA_OLLAMA_REGISTRY and the proxy"
            ))
        };
        if answer.is_html() {
            return Err(odd("the answer is a web page, no manifest,"));
        }
        let manifest = answer.into_bytes(MOST_BYTES)?;
        let manifest: Manifest = serde_json::from_slice(&manifest).map_err(|_| odd("the answer is no manifest"))?;
        let mut weights = manifest.layers.into_iter().filter(|layer| layer.kind == WEIGHTS);
        let Some(layer) = weights.next() else {
            return Err(HubError::new(format!(
                "{name} has no weights as GGUF, which this program could read; choose another tag"
            )));
        };
        if weights.next().is_some() {
            return Err(HubError::new(format!(
                "{name} has its weights in several files, which is not read; choose another tag"
            )));
        }
        let digest = layer.digest.strip_prefix("sha256:").and_then(Digest::of_blob);
        match digest {
            Some(digest @ Digest::Sha256(_)) => Ok(OllamaModel {
                url: self.endpoint.below(["v2", namespace, model, "blobs", &layer.digest]),
                bytes: layer.size,
                digest,
                etag: layer.digest,
            }),
            _ => Err(odd("the manifest names no digest that could be checked")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<(&str, &str)>) {
        let found = OllamaName::new(name)
            .ok()
            .map(|name| (name.to_string(), name.file_stem()));
        let expected = expected.map(|(shown, file)| (shown.to_owned(), file.to_owned()));
        assert_eq!(found, expected, "{name}");
    }

    #[test]
    fn names_are_completed_and_checked() {
        check("codegemma", Some(("codegemma:latest", "codegemma-latest")));
        check("codegemma:2b-code", Some(("codegemma:2b-code", "codegemma-2b-code")));
        check("me/mine:q4_0", Some(("me/mine:q4_0", "me-mine-q4_0")));
        for name in ["", ":", "a:", "../a", "a/../b", "a:..", "a/b/c", "a b", "a:b:c", "a\n"] {
            check(name, None);
        }
    }
}
