//! From what the user calls a model to where it is read from.
//!
//! It looks at the file system and the environment, and must not read weights or use the network.

use std::path::{Path, PathBuf};

use codegemma_model::ModelSource;

use crate::starter;

/// The name of the model that `tests/fetch.py` fetches, and the file that it is kept in.
const FETCHED: (&str, &str) = ("gemma-3-270m", "gemma-3-270m-q4_k_m.gguf");

/// What somebody calls a model.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// A known name, or a path.
    pub name: &'a str,
    /// The folder that a relative path begins at, unless it is the current one.
    pub folder: Option<&'a Path>,
    /// What to do when there is no such model.
    pub remedy: &'a str,
}

/// Finds a model.
pub fn resolve(given: &Given<'_>) -> Result<ModelSource, String> {
    let Given { name, folder, remedy } = *given;
    if name == starter::NAME {
        return Ok(starter::source());
    }
    let (fetched, file) = FETCHED;
    if name == fetched {
        let path = cache_folder()?.join("models").join(file);
        if path.exists() {
            return Ok(ModelSource::Path(path));
        }
        return Err(format!(
            "the model {name} is not at {}; `python3 tests/fetch.py` in the sources of this program fetches it",
            path.display()
        ));
    }
    let path = at_home(name);
    let path = folder.map_or_else(|| path.clone(), |folder| folder.join(&path));
    if path.exists() {
        return Ok(ModelSource::Path(path));
    }
    Err(format!(
        "{name}: there is no such file or folder, and no model of that name; {remedy} (known names: {}, which is inside this program, and {fetched})",
        starter::NAME
    ))
}

/// A path in which a `~` at the beginning is the user's home.
pub fn at_home(path: &str) -> PathBuf {
    let below = path
        .strip_prefix('~')
        .filter(|rest| rest.is_empty() || rest.starts_with(std::path::is_separator));
    match (below, dirs::home_dir()) {
        (Some(below), Some(home)) => home.join(below.trim_start_matches(std::path::is_separator)),
        _ => PathBuf::from(path),
    }
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
pub fn cache_folder() -> Result<PathBuf, String> {
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

    fn given(name: &str) -> Given<'_> {
        Given {
            name,
            folder: None,
            remedy: "check --model or CODEGEMMA_MODEL",
        }
    }

    #[test]
    fn what_is_missing_is_said_with_the_remedy() {
        let message = resolve(&given("no/such.gguf")).unwrap_err();
        for word in ["no/such.gguf", "--model", "CODEGEMMA_MODEL", "starter", "gemma-3-270m"] {
            assert!(message.contains(word), "no {word} in {message}");
        }
        assert!(!message.contains('\n'), "{message}");
    }

    #[test]
    fn a_path_that_exists_is_taken_as_it_is_or_from_its_folder() {
        assert_eq!(resolve(&given("starter")), Ok(starter::source()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        assert_eq!(resolve(&given(path)), Ok(folder.path().into()));
        std::fs::write(folder.path().join("m.gguf"), "").unwrap();
        let beside = Given {
            folder: Some(folder.path()),
            ..given("m.gguf")
        };
        assert_eq!(resolve(&beside), Ok(folder.path().join("m.gguf").as_path().into()));
        assert_eq!(resolve(&Given { name: path, ..beside }), Ok(folder.path().into()));
    }

    #[test]
    fn the_home_folder_has_a_short_name() {
        let home = dirs::home_dir().unwrap();
        assert_eq!(at_home("~/models"), home.join("models"));
        assert_eq!(at_home("~"), home);
        assert_eq!(at_home("~x/y"), PathBuf::from("~x/y"));
        assert_eq!(at_home("/a/~"), PathBuf::from("/a/~"));
    }
}
