//! The files that a document's prompt may show: those that are open, and on disk those that it imports, its tests and its
//! siblings.
//!
//! It reads the disk, within bounds and never outside of the workspace, so that it is never called in a handler of the
//! protocol. What is chosen of its findings is for [`context`](crate::context) to say.

mod disk;

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ropey::Rope;

use crate::config::settings::ContextSources;
use crate::context::imports::{ImportPlace, imports};
use crate::context::{Candidate, Why, test_pair};
use crate::documents::language::{self, Language};
use crate::policy::files::{self, Denied, FilePolicy};
use crate::policy::sanitize::{sanitized, unix_lines};
use disk::Disk;

/// How many imports away a file may be.
const FARTHEST: usize = 2;
/// The most open documents that are looked at.
const MOST_OPEN: usize = 32;
/// The most text of a file, in bytes: a longer one is data, or was not written by hand.
pub(crate) const MOST_BYTES: usize = 256 << 10;

/// A document whose context is looked for.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    /// The folder that its files are found in; without one only open documents are.
    pub root: Option<PathBuf>,
    /// Its own path, absolute.
    pub file: Option<PathBuf>,
    /// Its text.
    pub text: Rope,
    /// Its language, where it is known.
    pub language: Option<&'static Language>,
    /// The other open documents, the last used first.
    pub open: Vec<Open>,
    /// Where to look.
    pub sources: ContextSources,
    /// What may be shown of it.
    pub policy: Arc<FilePolicy>,
}

/// Another open document.
#[derive(Debug, Clone)]
pub(crate) struct Open {
    /// Its path, absolute.
    pub file: PathBuf,
    /// Its path as the model sees it.
    pub path: String,
    /// Its text, which need not be that on disk.
    pub text: Rope,
    /// The lines of it that were edited lately.
    pub edited: Vec<Range<usize>>,
}

impl Search {
    /// What may be shown. A file that the model must not see is named too, with the reason.
    pub(crate) fn candidates(&self) -> Vec<Candidate> {
        let mut found = Found {
            policy: &self.policy,
            open: self.open.iter().map(|open| (real(&open.file), open)).collect(),
            files: BTreeMap::new(),
        };
        self.add_open(&mut found);
        if self.sources.imports
            && let Some((root, file)) = self.root.as_deref().zip(self.file.as_deref())
            && let Some(mut disk) = Disk::new(root)
            && let Some(path) = disk.inside(file)
        {
            self.add_imports(&mut found, &mut disk, &path);
            self.add_near(&mut found, &mut disk, &path);
            found.files.remove(&disk.absolute(&path));
        }
        found.files.into_values().collect()
    }

    fn add_open(&self, found: &mut Found<'_>) {
        for (rank, open) in self.open.iter().take(MOST_OPEN).enumerate() {
            let edited = self.sources.recent_edits && !open.edited.is_empty();
            if !self.sources.open_files && !edited {
                continue;
            }
            let why = found.why(real(&open.file), |file| read_open(open, file, &self.policy));
            why.open = self.sources.open_files.then_some(rank);
            if edited {
                why.edited.clone_from(&open.edited);
            }
        }
    }

    /// What the document imports, and what that imports in its turn.
    fn add_imports(&self, found: &mut Found<'_>, disk: &mut Disk, path: &str) {
        let layout = disk.layout(path);
        let mut nearer = vec![(path.to_owned(), self.language, Some(unix_lines(self.text.to_string())))];
        for distance in 1..=FARTHEST {
            let mut farther = Vec::new();
            for (path, language, text) in std::mem::take(&mut nearer) {
                let (Some(language), Some(text)) = (language, text) else {
                    continue;
                };
                for alternatives in imports(&text, language, &path, &layout) {
                    for imported in disk.first(&alternatives, language) {
                        let why = found.on_disk(disk, &imported);
                        if why.imported.is_none() {
                            why.imported = Some(distance);
                            farther.push(imported);
                        }
                    }
                }
            }
            let known = |path: String| {
                let candidate = &found.files[&disk.absolute(&path)];
                let text = candidate.text.as_ref().ok().map(|text| text.to_string());
                (path, candidate.language, text)
            };
            nearer = farther.into_iter().map(known).collect();
        }
    }

    /// The document's test or what it tests, and the files beside it.
    fn add_near(&self, found: &mut Found<'_>, disk: &mut Disk, path: &str) {
        let Some(language) = self.language else { return };
        for test_pair in test_pair::test_pair(path, language.id) {
            if let [test_pair] = disk.first(&[ImportPlace::File(test_pair)], language).as_slice() {
                found.on_disk(disk, test_pair).test_pair = true;
            }
        }
        for sibling in disk.siblings(path, language) {
            found.on_disk(disk, &sibling).sibling = true;
        }
    }
}

/// A file's path without links, as far as it is there.
fn real(file: &Path) -> PathBuf {
    file.canonicalize().unwrap_or_else(|_| file.to_owned())
}

fn read_open(open: &Open, file: &Path, policy: &FilePolicy) -> Candidate {
    let text = match open.text.len_bytes() {
        ..=MOST_BYTES => policy
            .allows(file)
            .map_err(Denied::as_str)
            .map(|()| open.text.to_string()),
        _ => Err(TOO_LONG),
    };
    candidate(&open.path, &open.file, text)
}

const TOO_LONG: &str = "it is longer than what people write";

fn candidate(path: &str, file: &Path, text: Result<String, &'static str>) -> Candidate {
    Candidate {
        path: path.to_owned(),
        language: language::of_path(file),
        text: text
            .and_then(|text| files::admits_text(&text).map_err(Denied::as_str).map(|()| text))
            .map(|text| Arc::from(sanitized(text))),
        why: Why::default(),
    }
}

/// What was found, each file once.
struct Found<'a> {
    policy: &'a FilePolicy,
    open: BTreeMap<PathBuf, &'a Open>,
    files: BTreeMap<PathBuf, Candidate>,
}

impl Found<'_> {
    /// Why a file is looked at, which may grow.
    fn why(&mut self, file: PathBuf, read: impl FnOnce(&Path) -> Candidate) -> &mut Why {
        let candidate = self.files.entry(file).or_insert_with_key(|file| read(file));
        &mut candidate.why
    }

    /// Why a file of the workspace is looked at; its text is that of the open document where it is open.
    fn on_disk(&mut self, disk: &mut Disk, path: &str) -> &mut Why {
        let file = disk.absolute(path);
        let open = self.open.get(&file).copied();
        let policy = self.policy;
        self.why(file, |file| match open {
            Some(open) => read_open(open, file, policy),
            None => {
                // By its name first: what a link of that name leads to has a name of its own.
                let judge = |place: &Path| policy.allows_at(file, place).map_err(Denied::as_str);
                candidate(path, file, disk.read(path, judge))
            }
        })
    }
}

#[cfg(test)]
mod tests;
