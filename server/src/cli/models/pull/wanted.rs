//! What somebody wants to pull, read from what was written.
//!
//! Pure.

use codegemma_hub::{FileName, OllamaName, RepositoryName, Revision};

use super::failure;
use crate::cli::Failure;
use crate::models::known::{self, KnownModel};

/// A model that is wanted.
#[derive(Debug, PartialEq)]
pub(super) enum Wanted {
    /// One of the table.
    Known(&'static KnownModel),
    /// Of a repository of the hub: this file, or what it has.
    Hub {
        repository: RepositoryName,
        file: Option<FileName>,
        revision: Option<Revision>,
    },
    /// Of Ollama's registry.
    Ollama(OllamaName),
}

impl Wanted {
    pub(super) fn new(name: &str) -> Result<Self, Failure> {
        if let Some(known) = known::find(name) {
            return Ok(Self::Known(known));
        }
        match name.split_once(':') {
            Some(("hf", place)) => Self::of_hub(place),
            Some(("ollama", name)) => OllamaName::new(name).map(Self::Ollama).map_err(failure),
            _ => Err(Failure::Message(unknown(name))),
        }
    }

    fn of_hub(place: &str) -> Result<Self, Failure> {
        let (place, revision) = match place.rsplit_once('@') {
            Some((place, revision)) => (place, Some(Revision::new(revision).map_err(failure)?)),
            None => (place, None),
        };
        let mut parts = place.splitn(3, '/');
        let mut part = || parts.next().unwrap_or_default();
        let repository = format!("{}/{}", part(), part());
        let file = parts.next().map(FileName::new).transpose().map_err(failure)?;
        Ok(Self::Hub {
            repository: RepositoryName::new(&repository).map_err(failure)?,
            file,
            revision,
        })
    }
}

/// What to say of a name that means nothing.
fn unknown(name: &str) -> String {
    let lower = name.to_lowercase();
    let likeness = |known: &KnownModel| {
        let full = strsim::normalized_levenshtein(&lower, &known.to_string());
        full.max(strsim::normalized_levenshtein(&lower, known.name))
    };
    let near = known::all().iter().map(|known| (likeness(known), known));
    // Of several that are as near, the first: of equal ones the last would be taken.
    let nearest = near
        .rev()
        .filter(|(likeness, _)| *likeness > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let meant = nearest.map_or_else(String::new, |(_, known)| format!(" (did you mean {known}?)"));
    format!(
        "{}: no model of that name is known{meant}; there are names such as {}, hf:ORG/REPO[/FILE][@REVISION] and ollama:NAME[:TAG]",
        name.escape_debug(),
        known::default_model()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Result<(&str, Option<&str>, Option<&str>), &str>) {
        match (Wanted::new(name), expected) {
            (
                Ok(Wanted::Hub {
                    repository,
                    file,
                    revision,
                }),
                Ok((wanted, in_it, at)),
            ) => {
                assert_eq!(repository.as_str(), wanted);
                assert_eq!(file.as_ref().map(FileName::as_str), in_it);
                assert_eq!(revision.as_ref().map(Revision::as_str), at);
            }
            (Err(Failure::Message(message)), Err(word)) => {
                assert!(message.contains(word) && !message.contains('\n'), "{name:?}: {message}");
            }
            (found, _) => panic!("{name}: {found:?}"),
        }
    }

    #[test]
    fn places_in_the_hub_are_read() {
        check("hf:a/b", Ok(("a/b", None, None)));
        check("hf:a/b/c.gguf", Ok(("a/b", Some("c.gguf"), None)));
        check("hf:a/b/sub/c.gguf@v1", Ok(("a/b", Some("sub/c.gguf"), Some("v1"))));
        check("hf:a/b@refs/pr/1", Ok(("a/b", None, Some("refs/pr/1"))));
        check("hf:a/b/../c", Err("no name of a file"));
        check("hf:a/b/", Err("no name of a file"));
        check("hf:a", Err("ORG/REPO"));
        check("hf:a/b@", Err("no revision"));
        check("hf:", Err("ORG/REPO"));
        check("hf:../..", Err("ORG/REPO"));
    }

    #[test]
    fn other_names_are_known_or_answered_with_those_that_are() {
        assert_eq!(
            Wanted::new("CodeGemma-2B").ok(),
            known::find("codegemma-2b").map(Wanted::Known)
        );
        let ollama = OllamaName::new("codegemma:2b-code").unwrap();
        assert_eq!(
            Wanted::new("ollama:codegemma:2b-code").ok(),
            Some(Wanted::Ollama(ollama))
        );
        check("codegema-2b", Err("did you mean codegemma-2b:q4_k_m?"));
        check("codegemma-2b:q8_1", Err("did you mean codegemma-2b:q8_0?"));
        check("llama", Err("hf:ORG/REPO"));
        check("ollama:a/b/c", Err("NAME[:TAG]"));
        check("a\nb", Err("hf:ORG/REPO"));
    }
}
