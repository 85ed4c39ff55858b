//! From what the user calls a model to where it is read from.
//!
//! It looks at the file system and the environment, and must not read weights or use the network.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use codegemma_model::{ModelSource, SplitPart};

use crate::models::stores::{self, Places};
use crate::models::{known, pulled, starter};

/// The name of the model that `tests/fetch.py` fetches, and the file that it is kept in.
const FETCHED: (&str, &str) = ("gemma-3-270m", "gemma-3-270m-q4_k_m.gguf");

/// The most entries of a folder that are looked at.
const MOST_ENTRIES: usize = 10_000;

/// What somebody calls a model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    /// A known name, or a path.
    pub name: &'a str,
    /// The folder that a relative path begins at, unless it is the current one.
    pub folder: Option<&'a Path>,
    /// What to do when there is no such model.
    pub remedy: &'a str,
}

/// Finds a model.
pub(crate) fn resolve(given: &Given<'_>) -> Result<ModelSource, String> {
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
    }
    if let Some(model) = pulled::find(name) {
        return Ok(ModelSource::Path(model.path));
    }
    let path = at_home(name);
    let path = folder.map_or_else(|| path.clone(), |folder| folder.join(&path));
    if path.is_dir() {
        return in_folder(&path).map(ModelSource::Path);
    }
    if path.exists() {
        return Ok(ModelSource::Path(path));
    }
    if let Some(model) = stores::find(name, &Places::of_this_user()) {
        return Ok(ModelSource::Path(model.path));
    }
    if name == fetched {
        return Err(format!(
            "the model {name} is not at {}; `python3 tests/fetch.py` in the sources of this program fetches it",
            cache_folder()?.join("models").join(file).display()
        ));
    }
    if known::find(name).is_some() {
        return Err(format!(
            "the model {name} is not on this machine; `codegemma-complete model pull {name}` fetches it"
        ));
    }
    Err(format!(
        "{name}: there is no such file or folder, and no model of that name; {remedy}, or see `codegemma-complete model list --all`"
    ))
}

/// The model in a folder: the folder itself where it is a checkpoint, else its only GGUF file. The message says what is
/// there and what is missing.
fn in_folder(folder: &Path) -> Result<PathBuf, String> {
    let entries = std::fs::read_dir(folder);
    let entries = entries.map_err(|error| format!("{}: it cannot be read: {error}", folder.display()))?;
    let names = entries.take(MOST_ENTRIES).flatten().map(|entry| entry.file_name());
    let mut names: Vec<String> = names.filter_map(|name| name.into_string().ok()).collect();
    names.sort();
    let with = |ending: &str| -> Vec<&String> {
        let has = |name: &&String| name.to_lowercase().ends_with(ending);
        names.iter().filter(has).collect()
    };
    let message = |what: String| Err(format!("{}: {what}", folder.display()));
    if !with(".safetensors").is_empty() {
        let missing: Vec<&str> = ["config.json", "tokenizer.json"]
            .into_iter()
            .filter(|file| !names.iter().any(|name| name == file))
            .collect();
        return match missing.is_empty() {
            true => Ok(folder.to_owned()),
            false => message(format!(
                "the folder has safetensors but no {}; download that from the model's page into it",
                missing.join(" and no ")
            )),
        };
    }
    // All parts of a model in several files are one model, which the first of them stands for.
    let is_later_part = |name: &str| SplitPart::of(name).is_some_and(|part| part.number > 1);
    let lacks_first = |name: &str| {
        SplitPart::of(name).is_some_and(|part| {
            !names.iter().any(|other| {
                SplitPart::of(other)
                    .is_some_and(|other| (other.stem, other.count, other.number) == (part.stem, part.count, 1))
            })
        })
    };
    // What reads images lies beside a model and is none.
    let (readers, models): (Vec<&String>, Vec<&String>) = with(".gguf")
        .into_iter()
        .filter(|name| !is_later_part(name) || lacks_first(name))
        .partition(|name| name.to_lowercase().contains("mmproj"));
    match (models.as_slice(), readers.is_empty()) {
        ([model], _) => Ok(folder.join(model)),
        ([], false) => message("the folder has only the part of a model that reads images (mmproj); download the model itself".to_owned()),
        ([], true) if !with(".bin").is_empty() || !with(".pt").is_empty() => message(
            "the folder has weights of PyTorch (.bin, .pt), which this program does not read; download the model as safetensors or as a .gguf file".to_owned(),
        ),
        ([], true) => message(
            "the folder has no model: neither a .gguf file nor config.json with safetensors and tokenizer.json".to_owned(),
        ),
        (several, _) => {
            let shown: Vec<&str> = several.iter().take(8).map(|name| name.as_str()).collect();
            let more = if several.len() > shown.len() { " and more" } else { "" };
            message(format!(
                "the folder has several models; name one of them: {}{more}",
                shown.join(", ")
            ))
        }
    }
}

/// What tells whether the files of a model are others than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Version {
    files: Vec<(PathBuf, u64, Option<SystemTime>)>,
}

impl Version {
    /// That of now; `None` for a model inside the program and where there is no file.
    pub(crate) fn of(source: &ModelSource) -> Option<Self> {
        let ModelSource::Path(path) = source else { return None };
        let mut paths = vec![path.clone()];
        if path.is_dir() {
            // The folder's own time tells of no more than the names in it do.
            let entries = std::fs::read_dir(path).ok()?;
            paths = entries.take(MOST_ENTRIES).flatten().map(|entry| entry.path()).collect();
            paths.sort();
        }
        let files: Vec<_> = paths
            .into_iter()
            .filter_map(|path| {
                let metadata = path.metadata().ok()?;
                Some((path, metadata.len(), metadata.modified().ok()))
            })
            .collect();
        (!files.is_empty()).then_some(Self { files })
    }

    /// Whether nobody has written to any of the files for so long.
    pub(crate) fn is_quiet_for(&self, time: Duration) -> bool {
        let newest = self.files.iter().filter_map(|(_, _, modified)| *modified).max();
        // A time that is yet to come says nothing.
        newest
            .and_then(|newest| newest.elapsed().ok())
            .is_none_or(|age| age >= time)
    }
}

/// A path in which a `~` at the beginning is the user's home.
pub(crate) fn at_home(path: &str) -> PathBuf {
    let below = path
        .strip_prefix('~')
        .filter(|rest| rest.is_empty() || rest.starts_with(std::path::is_separator));
    match (below, dirs::home_dir()) {
        (Some(below), Some(home)) => home.join(below.trim_start_matches(std::path::is_separator)),
        _ => PathBuf::from(path),
    }
}

/// Where the sequences of a model are kept from one run to the next; `None` where there is no cache folder.
pub(crate) fn kept_sequences(source: &ModelSource) -> Option<PathBuf> {
    let name = match source {
        // Files of one name in two folders are two models.
        ModelSource::Path(path) => {
            let place = std::path::absolute(path).ok()?;
            let place = crc32fast::hash(place.as_os_str().as_encoded_bytes());
            format!("{}-{place:08x}", path.file_name()?.to_string_lossy())
        }
        ModelSource::Embedded(_) => starter::NAME.to_owned(),
    };
    Some(cache_folder().ok()?.join("sequences").join(name))
}

/// Where models and what is derived from them are kept: `CODEGEMMA_CACHE`, or a folder in the user's cache folder.
pub(crate) fn cache_folder() -> Result<PathBuf, String> {
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
        for word in ["no/such.gguf", "--model", "CODEGEMMA_MODEL", "model list --all"] {
            assert!(message.contains(word), "no {word} in {message}");
        }
        assert!(!message.contains('\n'), "{message}");
    }

    #[test]
    fn a_path_that_exists_is_taken_as_it_is_or_from_its_folder() {
        assert_eq!(resolve(&given("starter")), Ok(starter::source()));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        std::fs::write(folder.path().join("m.gguf"), "").unwrap();
        let beside = Given {
            folder: Some(folder.path()),
            ..given("m.gguf")
        };
        assert_eq!(resolve(&beside), Ok(folder.path().join("m.gguf").as_path().into()));
        assert_eq!(
            resolve(&Given { name: path, ..beside }),
            Ok(folder.path().join("m.gguf").as_path().into())
        );
    }

    /// What a folder with these files is taken for: a path in it, or words of the message.
    #[track_caller]
    fn check_folder(files: &[&str], expected: Result<&str, &[&str]>) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        match (resolve(&given(folder.path().to_str().unwrap())), expected) {
            (Ok(ModelSource::Path(path)), Ok(file)) => assert_eq!(path, folder.path().join(file), "{files:?}"),
            (Err(message), Err(words)) => {
                for word in words {
                    assert!(message.contains(word), "{files:?}: no {word:?} in {message}");
                }
            }
            (found, _) => panic!("{files:?}: {found:?}"),
        }
    }

    #[test]
    fn a_folder_is_the_model_that_is_in_it() {
        check_folder(&["config.json", "model.safetensors", "tokenizer.json"], Ok(""));
        check_folder(&["b.gguf", "README.md", "config.json"], Ok("b.gguf"));
        check_folder(&["B.GGUF", "mmproj-B.gguf"], Ok("B.GGUF"));
        check_folder(&["a-Q4.gguf", "a-Q8.gguf"], Err(&["several", "a-Q4.gguf, a-Q8.gguf"]));
        check_folder(&["mmproj.gguf"], Err(&["mmproj"]));
        let parts = [
            "m-00001-of-00003.gguf",
            "m-00002-of-00003.gguf",
            "m-00003-of-00003.gguf",
        ];
        check_folder(&parts, Ok(parts[0]));
        // Loading it says that the first is missing.
        check_folder(&parts[1..2], Ok(parts[1]));
        check_folder(
            &[parts[0], parts[1], "n.gguf"],
            Err(&["several", "m-00001-of-00003.gguf, n.gguf"]),
        );
        check_folder(
            &["model.safetensors", "config.json"],
            Err(&["no tokenizer.json; download"]),
        );
        check_folder(&["model.safetensors"], Err(&["no config.json and no tokenizer.json"]));
        check_folder(&["config.json", "pytorch_model.bin"], Err(&["PyTorch"]));
        check_folder(&["a.gguf.part"], Err(&["no model"]));
        check_folder(&[], Err(&["no model", ".gguf", "safetensors"]));
    }

    #[test]
    fn a_model_that_is_written_to_has_another_version_and_is_not_quiet() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.gguf");
        std::fs::write(&file, "one").unwrap();
        let at = |seconds| {
            let file = std::fs::File::options().write(true).open(&file).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(seconds))
                .unwrap();
        };
        for source in [ModelSource::Path(file.clone()), folder.path().into()] {
            at(60);
            let first = Version::of(&source).unwrap();
            assert!(first.is_quiet_for(Duration::from_secs(5)));
            assert_eq!(Version::of(&source).as_ref(), Some(&first));
            at(0);
            let second = Version::of(&source).unwrap();
            assert!(second != first && !second.is_quiet_for(Duration::from_secs(5)));
        }
        assert_eq!(Version::of(&starter::source()), None);
        assert_eq!(Version::of(&ModelSource::Path(folder.path().join("none"))), None);
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
