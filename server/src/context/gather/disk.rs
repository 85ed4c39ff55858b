//! The files of a workspace, as far as they are looked at for one document.
//!
//! Links do not lead out of it, and the work is bounded whatever the workspace looks like.

use std::fs;
use std::path::{Path, PathBuf};

use codegemma_model::plain_file::FileError;

use super::{MOST_BYTES, TOO_LONG};
use crate::context::imports::{ImportPlace, Layout};
use crate::context::prompt_path;
use crate::documents::language::{self, Language};
use crate::policy::placed_file::PlacedFile;

/// The most paths that are looked for.
const MOST_LOOKUPS: usize = 2000;
/// The most files that are read.
const MOST_FILES: usize = 48;
/// The most text that is read, in bytes.
const MOST_READ: usize = 2 << 20;
/// The most entries of a folder that are looked at.
const MOST_ENTRIES: usize = 1000;
/// The most files of a folder that are taken.
const MOST_OF_FOLDER: usize = 8;

pub(super) struct Disk {
    root: PathBuf,
    lookups: usize,
    files: usize,
    bytes: usize,
}

impl Disk {
    /// The files below a folder; `None` if it is none.
    pub(super) fn new(root: &Path) -> Option<Self> {
        Some(Self {
            root: root.canonicalize().ok().filter(|root| root.is_dir())?,
            lookups: 0,
            files: 0,
            bytes: 0,
        })
    }

    /// The path of a file from the root, if it is below; it need not be there yet.
    pub(super) fn inside(&self, file: &Path) -> Option<String> {
        let folder = file.parent()?.canonicalize().ok()?;
        let file = folder.join(file.file_name()?);
        file.starts_with(&self.root)
            .then(|| prompt_path::name(&file, Some(&self.root)))?
    }

    pub(super) fn absolute(&self, path: &str) -> PathBuf {
        path.split('/').fold(self.root.clone(), |file, part| file.join(part))
    }

    /// The first of these places that is there: a file, or the files of a folder in the language.
    pub(super) fn first(&mut self, places: &[ImportPlace], language: &'static Language) -> Vec<String> {
        for place in places {
            match place {
                ImportPlace::File(path) if self.is_file(path) => return vec![path.clone()],
                ImportPlace::Folder(path) => {
                    let files = self.folder(path, language);
                    if !files.is_empty() {
                        return files.into_iter().take(MOST_OF_FOLDER).collect();
                    }
                }
                ImportPlace::File(_) => {}
            }
        }
        Vec::new()
    }

    /// The files beside one, in the same language, those whose names are next to its own.
    pub(super) fn siblings(&mut self, path: &str, language: &'static Language) -> Vec<String> {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut files = self.folder(folder, language);
        files.retain(|file| file != path);
        let own = files.partition_point(|file| file.as_str() < path);
        let start = own
            .saturating_sub(MOST_OF_FOLDER / 2)
            .min(files.len().saturating_sub(MOST_OF_FOLDER));
        files.into_iter().skip(start).take(MOST_OF_FOLDER).collect()
    }

    /// What the meaning of imports depends on.
    pub(super) fn layout(&mut self, path: &str) -> Layout {
        let mut folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        loop {
            let file = [folder, "go.mod"].join("/");
            if self.is_file(&file)
                && let Ok(text) = self.read(&file, |_| Ok(()))
                && let Some(name) = text.lines().find_map(|line| line.trim().strip_prefix("module "))
            {
                let name = name.trim().trim_matches('"').to_owned();
                return Layout {
                    go_module: Some((folder.to_owned(), name)),
                };
            }
            if folder.is_empty() {
                return Layout::default();
            }
            folder = folder.rsplit_once('/').map_or("", |(folder, _)| folder);
        }
    }

    /// The text of a file, or why it is not read. `judge` is told where it lies once it is open.
    pub(super) fn read(
        &mut self,
        path: &str,
        judge: impl FnOnce(&Path) -> Result<(), &'static str>,
    ) -> Result<String, &'static str> {
        if self.files >= MOST_FILES || self.bytes >= MOST_READ {
            return Err("enough other files were read");
        }
        let file = PlacedFile::open(&self.absolute(path)).map_err(|_| "it cannot be read")?;
        if !file.place().starts_with(&self.root) {
            return Err("it is outside of the workspace");
        }
        judge(file.place())?;
        self.files += 1;
        let bytes = file.read(MOST_BYTES as u64).map_err(|error| match error {
            FileError::TooLong(_) => TOO_LONG,
            _ => "it cannot be read",
        })?;
        self.bytes += bytes.len();
        String::from_utf8(bytes).map_err(|_| "it is no UTF-8")
    }

    /// Whether there is a file that no link leads to from outside.
    fn is_file(&mut self, path: &str) -> bool {
        self.lookups += 1;
        if self.lookups > MOST_LOOKUPS {
            return false;
        }
        let file = self.absolute(path);
        file.is_file() && file.canonicalize().is_ok_and(|file| file.starts_with(&self.root))
    }

    /// The files of a folder in a language, by their names.
    fn folder(&mut self, path: &str, language: &'static Language) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.absolute(path)) else {
            return Vec::new();
        };
        let of_language =
            |name: &String| language::of_path(Path::new(name)).is_some_and(|found| found.id == language.id);
        let mut names: Vec<String> = entries
            .take(MOST_ENTRIES)
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.') && of_language(name))
            .collect();
        names.sort();
        let paths = names.into_iter().map(|name| match path {
            "" => name,
            path => format!("{path}/{name}"),
        });
        paths
            .collect::<Vec<_>>()
            .into_iter()
            .filter(|path| self.is_file(path))
            .collect()
    }
}
