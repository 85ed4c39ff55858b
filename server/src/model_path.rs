//! From what the user calls a model to where it is read from.
//!
//! It looks at the file system and the environment, and must not read weights or use the network.

use std::path::{Path, PathBuf};

use codegemma_model::ModelSource;

use crate::starter;

/// The name of the model that `tests/fetch.py` fetches, and the file that it is kept in.
const FETCHED: (&str, &str) = ("gemma-3-270m", "gemma-3-270m-q4_k_m.gguf");

/// Finds a model: a known name, or a path. The starter where nothing is named.
pub fn resolve(name_or_path: Option<&str>) -> Result<ModelSource, String> {
    let given = name_or_path.filter(|given| !given.is_empty()).unwrap_or(starter::NAME);
    if given == starter::NAME {
        return Ok(starter::source());
    }
    let (fetched, file) = FETCHED;
    if given == fetched {
        let path = cache_folder()?.join("models").join(file);
        if path.exists() {
            return Ok(ModelSource::Path(path));
        }
        return Err(format!(
            "the model {given} is not at {}; `python3 tests/fetch.py` in the sources of this program fetches it",
            path.display()
        ));
    }
    let path = Path::new(given);
    if path.exists() {
        return Ok(path.into());
    }
    Err(format!(
        "{given}: there is no such file or folder, and no model of that name; check --model or CODEGEMMA_MODEL (known names: {}, which is inside this program, and {fetched})",
        starter::NAME
    ))
}

/// Where the sequences of a model are kept from one run to the next; `None` where there is no cache folder.
pub fn kept_sequences(source: &ModelSource) -> Option<PathBuf> {
    let name = match source {
        ModelSource::Path(path) => path.file_name()?.to_string_lossy().into_owned(),
        ModelSource::Embedded(_) => starter::NAME.to_owned(),
    };
    Some(cache_folder().ok()?.join("sequences").join(name))
}

/// Where models and what is derived from them are kept: `CODEGEMMA_CACHE`, or a folder in the user's cache folder.
fn cache_folder() -> Result<PathBuf, String> {
    if let Some(folder) = std::env::var_os("CODEGEMMA_CACHE").filter(|folder| !folder.is_empty()) {
        return Ok(PathBuf::from(folder));
    }
    match dirs::cache_dir() {
        Some(folder) => Ok(folder.join("codegemma-lsp")),
        None => Err("there is no cache folder for this user; set CODEGEMMA_CACHE to a folder".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_the_remedy() {
        let message = resolve(Some("no/such.gguf")).unwrap_err();
        for word in ["no/such.gguf", "--model", "CODEGEMMA_MODEL", "starter", "gemma-3-270m"] {
            assert!(message.contains(word), "no {word} in {message}");
        }
        assert!(!message.contains('\n'), "{message}");
    }

    #[test]
    fn the_starter_is_what_is_used_where_nothing_is_named() {
        for given in [None, Some(""), Some("starter")] {
            assert_eq!(resolve(given), Ok(starter::source()), "{given:?}");
        }
    }

    #[test]
    fn a_path_that_exists_is_taken_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let given = folder.path().to_str().unwrap();
        assert_eq!(resolve(Some(given)), Ok(folder.path().into()));
    }
}
