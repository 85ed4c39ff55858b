//! From what the user calls a model to the file or folder that holds it.
//!
//! It looks at the file system and the environment, and must not read weights or use the network.

use std::path::{Path, PathBuf};

/// The models that have a name, and the file that each is kept in.
const KNOWN: [(&str, &str); 1] = [("gemma-3-270m", "gemma-3-270m-q4_k_m.gguf")];

/// How to get a model, for messages.
const FETCH: &str = "`python3 tests/fetch.py` fetches a small one, gemma-3-270m";

/// Finds the file or folder of a model: a known name, or a path.
pub fn resolve(name_or_path: Option<&str>) -> Result<PathBuf, String> {
    let Some(given) = name_or_path.filter(|given| !given.is_empty()) else {
        return Err(format!(
            "no model was given; pass --model NAME|PATH or set CODEGEMMA_MODEL ({FETCH})"
        ));
    };
    if let Some((_, file)) = KNOWN.iter().find(|(name, _)| *name == given) {
        let path = cache_folder()?.join("models").join(file);
        if path.exists() {
            return Ok(path);
        }
        return Err(format!("the model {given} is not at {}; {FETCH}", path.display()));
    }
    let path = Path::new(given);
    if path.exists() {
        return Ok(path.to_owned());
    }
    let names: Vec<&str> = KNOWN.iter().map(|(name, _)| *name).collect();
    Err(format!(
        "{given}: there is no such file or folder, and no model of that name; check --model or CODEGEMMA_MODEL (known names: {}; {FETCH})",
        names.join(", ")
    ))
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
        for (given, needed) in [
            (None, ["--model", "CODEGEMMA_MODEL", "tests/fetch.py"]),
            (Some(""), ["--model", "CODEGEMMA_MODEL", "tests/fetch.py"]),
            (Some("no/such.gguf"), ["no/such.gguf", "gemma-3-270m", "--model"]),
        ] {
            let message = resolve(given).unwrap_err();
            assert!(needed.iter().all(|word| message.contains(word)), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn a_path_that_exists_is_taken_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let given = folder.path().to_str().unwrap();
        assert_eq!(resolve(Some(given)), Ok(folder.path().to_owned()));
    }
}
