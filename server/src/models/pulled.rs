//! What was pulled by this program: a small file for each model, so that what was pulled is found by its name, and that no
//! more than that is ever removed.
//!
//! It must not know where models come from.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use codegemma_model::plain_file;
use serde::{Deserialize, Serialize};

use super::known;
use super::path::cache_folder;

/// The longest record, and the most of them.
const MOST_BYTES: u64 = 1 << 20;
const MOST_RECORDS: usize = 10_000;

/// A model that was pulled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PulledModel {
    /// The name that it is used by.
    pub name: String,
    /// What was asked for.
    pub asked: String,
    /// Where it came from, for people.
    pub source: String,
    /// Its licence, for people.
    pub licence: String,
    /// What is loaded: a file or a folder.
    pub path: PathBuf,
    /// All its files.
    pub files: Vec<PulledFile>,
}

/// A file of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PulledFile {
    /// Where it is; in the hub's cache a link.
    pub path: PathBuf,
    /// Where its bytes are, if elsewhere.
    pub blob: Option<PathBuf>,
    /// How long it is.
    pub bytes: u64,
    /// The SHA-256 of its bytes, where it is known.
    pub sha256: Option<String>,
    /// Whether this program put it there, and did not find it.
    pub is_ours: bool,
}

fn folder() -> Result<PathBuf, String> {
    Ok(cache_folder()?.join("pulled"))
}

/// Where models are that belong to no store of another program.
pub(crate) fn own_folder() -> Result<PathBuf, String> {
    Ok(cache_folder()?.join("models"))
}

/// All that were pulled.
pub(crate) fn all() -> Vec<PulledModel> {
    let entries = folder().ok().and_then(|folder| fs::read_dir(folder).ok());
    let paths = entries.into_iter().flatten().take(MOST_RECORDS).flatten();
    let mut paths: Vec<PathBuf> = paths.map(|entry| entry.path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        path.extension().filter(|extension| *extension == "json")?;
        serde_json::from_slice(&plain_file::read(&path, MOST_BYTES).ok()?).ok()
    };
    paths.into_iter().filter_map(read).collect()
}

/// The one that somebody calls by a name or a path, if it is still there.
pub(crate) fn find(name: &str) -> Option<PulledModel> {
    if name.is_empty() {
        return None;
    }
    let full = known::find(name).map(ToString::to_string);
    let is_meant = |model: &PulledModel| {
        let is_called = |called: &str| called.eq_ignore_ascii_case(name);
        is_called(&model.name)
            || is_called(&model.asked)
            || full.as_deref() == Some(model.name.as_str())
            || model.path == Path::new(name)
    };
    all().into_iter().find(|model| is_meant(model) && model.path.exists())
}

/// Notes that it was pulled.
pub(crate) fn remember(model: &PulledModel) -> Result<(), String> {
    let path = record(&model.name)?;
    let write = || -> io::Result<()> {
        let folder = path.parent().unwrap_or(&path);
        fs::create_dir_all(folder)?;
        let file = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&file, model)?;
        file.persist(&path)?;
        Ok(())
    };
    write().map_err(|error| {
        format!(
            "{}: it cannot be written ({error}); check its folder's permissions",
            path.display()
        )
    })
}

/// Removes its files and the record: those that this program fetched and nothing else uses. Says how many bytes that were.
pub(crate) fn remove(model: &PulledModel) -> Result<u64, String> {
    let others: Vec<PulledFile> = all()
        .into_iter()
        .filter(|other| other.name != model.name)
        .flat_map(|other| other.files)
        .collect();
    let mut removed = 0;
    let is_kept = |file: &PulledFile| !file.is_ours || others.iter().any(|other| other.path == file.path);
    for file in model.files.iter().filter(|file| !is_kept(file)) {
        remove_file(&file.path)?;
        let is_used = file.blob.as_ref().is_some_and(|blob| is_linked(blob));
        if let Some(blob) = file.blob.as_ref().filter(|_| !is_used) {
            remove_file(blob)?;
        }
        removed += if is_used { 0 } else { file.bytes };
        remove_empty(&file.path);
        if let Some(blob) = &file.blob {
            remove_empty(blob);
        }
    }
    remove_file(&record(&model.name)?)?;
    Ok(removed)
}

fn remove_file(path: &Path) -> Result<(), String> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(format!(
            "{}: it cannot be removed ({error}); check its folder's permissions",
            path.display()
        )),
        _ => Ok(()),
    }
}

/// Removes the folders around what was removed that have nothing left in them, and what names commits that are gone.
fn remove_empty(path: &Path) {
    for folder in path.ancestors().skip(1).take(3) {
        if fs::remove_dir(folder).is_err() {
            break;
        }
        if folder.file_name().is_some_and(|name| name == "snapshots") {
            // With no commit left there is nothing that a branch could be at.
            let _ = fs::remove_dir_all(folder.with_file_name("refs"));
        }
    }
}

/// Whether a link in the snapshots beside the folder of a blob leads to it.
fn is_linked(blob: &Path) -> bool {
    let Some(repository) = blob.parent().and_then(Path::parent) else {
        return true;
    };
    let mut folders = vec![repository.join("snapshots")];
    let mut looked = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            looked += 1;
            let path = entry.path();
            let kind = entry.file_type();
            // A folder that cannot be looked through may have a link.
            if looked > MOST_RECORDS {
                return true;
            }
            match kind {
                Ok(kind) if kind.is_dir() => folders.push(path),
                Ok(kind) if kind.is_symlink() => {
                    let target = fs::read_link(&path).unwrap_or_default();
                    if target.file_name() == blob.file_name() {
                        return true;
                    }
                }
                _ => {}
            }
        }
    }
    false
}

fn record(name: &str) -> Result<PathBuf, String> {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "._-".contains(c) {
            c
        } else {
            '-'
        }
    };
    let shown: String = name.chars().take(100).map(plain).collect();
    Ok(folder()?.join(format!("{shown}-{:08x}.json", crc32fast::hash(name.as_bytes()))))
}
