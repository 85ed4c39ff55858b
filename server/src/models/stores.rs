//! The models that lie on this machine already, in the stores of other programs and our own, by the names that choose them.
//!
//! A store is only read: names of files, manifests and links. It must not know what is in a model's file.

mod files;
mod hub;
mod ollama;
mod places;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

pub(crate) use places::Places;

use crate::models::known::{self, KnownModel};
use crate::models::pulled;

/// The most entries of a folder that are looked at.
const MOST_ENTRIES: usize = 10_000;

/// Whose store a model lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StoreKind {
    Own,
    HuggingFace,
    Ollama,
    LlamaCpp,
    LmStudio,
}

impl StoreKind {
    /// As people and programs know it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::HuggingFace => "huggingface",
            Self::Ollama => "ollama",
            Self::LlamaCpp => "llama.cpp",
            Self::LmStudio => "lm-studio",
        }
    }
}

/// A model in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredModel {
    /// What chooses it.
    pub name: String,
    /// The file, the first of several, or the folder with safetensors.
    pub path: PathBuf,
    /// Whose store it is in.
    pub kind: StoreKind,
    /// The SHA-256 that the store says the file has.
    pub sha256: Option<String>,
}

/// What lies in a store and is no model that could be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Where it lies.
    pub path: PathBuf,
    /// Why it is none.
    pub reason: String,
}

/// What lies in the stores.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    /// The models, those of our own store first, in the order of their names.
    pub models: Vec<StoredModel>,
    /// What is none.
    pub left_out: Vec<LeftOut>,
}

impl Stored {
    fn leave_out(&mut self, path: &Path, reason: impl Into<String>) {
        self.left_out.push(LeftOut {
            path: path.to_owned(),
            reason: reason.into(),
        });
    }
}

/// Looks through all of them.
pub(crate) fn look(places: &Places) -> Stored {
    let mut stored = Stored::default();
    for folder in &places.own {
        files::flat(folder, StoreKind::Own, &mut stored);
    }
    for folder in &places.hub {
        hub::look(folder, &mut stored);
    }
    for folder in &places.ollama {
        ollama::look(folder, &mut stored);
    }
    for folder in &places.llama_cpp {
        files::flat(folder, StoreKind::LlamaCpp, &mut stored);
        hub::look(folder, &mut stored);
    }
    for folder in &places.lm_studio {
        files::by_publisher(folder, &mut stored);
    }
    stored.models.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    stored
}

/// The same, with a file that has several names listed once, by the shortest way to say which it is.
pub(crate) fn look_once(places: &Places) -> Stored {
    let mut stored = look(places);
    let (known, pulled) = (known::all(), pulled::all());
    for model in &mut stored.models {
        let of_table = known
            .iter()
            .find(|known| model.name == in_hub(known))
            .map(ToString::to_string);
        let of_pull = pulled.iter().find(|pulled| pulled.path == model.path);
        if let Some(name) = of_table.or(of_pull.map(|pulled| pulled.name.clone())) {
            model.name = name;
        }
    }
    let mut seen = HashSet::new();
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    stored.models.retain(|model| seen.insert(real(&model.path)));
    stored
}

/// What a model of the table is called in the hub's cache.
fn in_hub(known: &KnownModel) -> String {
    match known.file {
        Some(file) => format!("hf:{}/{file}", known.repository),
        None => format!("hf:{}", known.repository),
    }
}

/// The model of a path or a name, in letters of any size; also of the beginning of one at a `/`, where only one begins so.
pub(crate) fn find(name: &str, places: &Places) -> Option<StoredModel> {
    let models = look(places).models;
    if let Some(model) = models.iter().find(|model| model.path == Path::new(name)) {
        return Some(model.clone());
    }
    // Of a name without a quantization it is whichever is there.
    let mut of_table = known::all().iter().filter(|known| known.is_called(name)).map(in_hub);
    if let Some(model) = of_table.find_map(|name| models.iter().find(|model| model.name == name)) {
        return Some(model.clone());
    }
    let is_called = |model: &&StoredModel| model.name.eq_ignore_ascii_case(name);
    if let Some(model) = models.iter().find(is_called) {
        return Some(model.clone());
    }
    let begins = |model: &&StoredModel| {
        let (begin, rest) = model.name.split_at_checked(name.len()).unwrap_or_default();
        rest.starts_with('/') && begin.eq_ignore_ascii_case(name)
    };
    let mut found = models.iter().filter(begins);
    found.next().filter(|_| found.next().is_none()).cloned()
}

/// The files of a model with the SHA-256 that its store says each has, where it says one.
pub(crate) fn digests(model: &StoredModel) -> Vec<(PathBuf, Option<String>)> {
    if let Some(digest) = &model.sha256
        && model.kind == StoreKind::Ollama
    {
        return vec![(model.path.clone(), Some(digest.clone()))];
    }
    let files = match model.path.is_dir() {
        true => {
            let names = entries(&model.path, &mut Stored::default()).into_iter();
            let files = names.filter(|(name, metadata)| metadata.is_file() && name.ends_with(".safetensors"));
            files.map(|(name, _)| model.path.join(name)).collect()
        }
        false => files::parts(&model.path),
    };
    files
        .into_iter()
        .map(|path| (path.clone(), hub::digest(&path)))
        .collect()
}

/// The names in a folder, in order, with what they are where links lead to. What cannot be read is said, what is not there
/// is not.
fn entries(folder: &Path, stored: &mut Stored) -> Vec<(String, std::fs::Metadata)> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            stored.leave_out(folder, format!("the folder cannot be read ({error})"));
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    for entry in entries.take(MOST_ENTRIES).flatten() {
        let path = entry.path();
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        match path.metadata() {
            Ok(metadata) => found.push((name, metadata)),
            Err(error) if files::is_model(&name) => {
                stored.leave_out(
                    &path,
                    format!("the file cannot be looked at ({error}); its download may not be complete"),
                );
            }
            Err(_) => {}
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[cfg(test)]
mod tests;
