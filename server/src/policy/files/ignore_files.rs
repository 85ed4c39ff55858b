//! What ignore files say of a file, as git reads its own and search tools theirs.
//!
//! It reads ignore files and remembers them as long as they stay what they are. No lock is held while it reads, so that a
//! file that takes long holds nobody else up. It must not know any rule of its own.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::Denied;
use super::repository::{Repositories, Repository};
use crate::policy::placed_file::PlacedFile;

/// The ignore files, the strongest first: the model's own, that of search tools, git's, the private one of a repository,
/// and the user's for all repositories.
const KINDS: [Denied; 5] = [
    Denied::CodegemmaIgnore,
    Denied::Ignore,
    Denied::GitIgnore,
    Denied::GitExclude,
    Denied::GitGlobal,
];

/// The longest ignore file that is read, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;

/// All ignore files that were looked at so far.
#[derive(Debug, Default)]
pub(super) struct IgnoreFiles {
    pub(super) repositories: Repositories,
    known: Mutex<HashMap<(PathBuf, bool), Known>>,
}

/// An ignore file as it was when it was looked at.
#[derive(Debug, Clone)]
struct Known {
    seen: Seen,
    rules: Result<Option<Arc<Gitignore>>, Denied>,
}

/// What lies where an ignore file may be.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    /// No file that can be read as a whole. A folder of that name is none, nor is a pipe.
    Nothing,
    File(Version),
    /// The system does not say.
    Unreadable,
}

impl Seen {
    fn at(file: &Path) -> Self {
        match std::fs::metadata(file) {
            Ok(metadata) if !metadata.is_file() => Self::Nothing,
            Ok(metadata) => Self::File(Version::of(&metadata)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Self::Nothing,
            Err(_) => Self::Unreadable,
        }
    }
}

/// What changes when a file does.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    modified: Option<SystemTime>,
    length: u64,
    /// The file's number, and when that or its content was changed.
    #[cfg(unix)]
    identity: (u64, u64, i64, i64),
}

impl Version {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Self {
            modified: metadata.modified().ok(),
            length: metadata.len(),
            #[cfg(unix)]
            identity: (metadata.dev(), metadata.ino(), metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// What the ignore files of a folder say, in the order of [`KINDS`].
type Rules = [Option<Arc<Gitignore>>; KINDS.len()];

/// A folder and its rules.
type Level = (PathBuf, Rules);

impl IgnoreFiles {
    /// Whether the ignore files let the file at `path` pass. `.codegemmaignore` and `.ignore` hold for all that is below
    /// them. Git's hold within the repository that the file is in, and those of a repository around that do not; where
    /// there is no repository, they hold from `root` on. That the model's own says no comes before all other reasons.
    pub(super) fn allows(&self, path: &Path, root: Option<&Path>) -> Result<(), Denied> {
        let repository = self.repositories.of(path);
        let repository = repository.as_deref();
        let top = repository.map(|repository| repository.top.as_path()).or(root);
        let mut levels: Vec<Level> = Vec::new();
        let mut folders: Vec<&Path> = path.ancestors().skip(1).filter(|folder| folder.has_root()).collect();
        folders.reverse();
        for folder in folders {
            let in_git = top.is_some_and(|top| folder.starts_with(top));
            levels.push((folder.to_owned(), self.level(folder, in_git, repository)?));
        }
        let entries =
            || (1..=levels.len()).map(|count| (&levels[..count], levels.get(count).map_or(path, |level| &level.0)));
        for kinds in [&KINDS[..1], &KINDS[..]] {
            for (levels, entry) in entries() {
                if let Some(shut) = decide(levels, kinds, entry, entry != path) {
                    return Err(shut);
                }
            }
        }
        Ok(())
    }

    /// The rules in a folder, which may be in a repository, or below the folder from which on git's ignore files hold.
    fn level(&self, folder: &Path, in_git: bool, repository: Option<&Repository>) -> Result<Rules, Denied> {
        let top = repository.filter(|repository| repository.top == folder);
        let any_case = in_git && repository.is_some_and(|repository| repository.any_case);
        let mut rules = [const { None }; KINDS.len()];
        for (place, kind) in rules.iter_mut().zip(KINDS) {
            let (file, any_case) = match kind {
                Denied::CodegemmaIgnore => (Some(folder.join(".codegemmaignore")), false),
                Denied::Ignore => (Some(folder.join(".ignore")), false),
                Denied::GitIgnore => (in_git.then(|| folder.join(".gitignore")), any_case),
                Denied::GitExclude => (top.map(|top| top.exclude.clone()), any_case),
                _ => (top.and_then(|top| top.global.clone()), any_case),
            };
            if let Some(file) = file {
                *place = self.rules(file, kind, any_case)?;
            }
        }
        Ok(rules)
    }

    /// Whether an ignore file that was looked at is another one by now, or has come or gone.
    pub(super) fn have_changed(&self) -> bool {
        let known: Vec<_> = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let seen = known
                .iter()
                .map(|((file, _), known)| (file.clone(), known.seen.clone()));
            seen.collect()
        };
        known.into_iter().any(|(file, seen)| Seen::at(&file) != seen)
    }

    /// The rules in a file, if it exists.
    fn rules(&self, file: PathBuf, kind: Denied, any_case: bool) -> Result<Option<Arc<Gitignore>>, Denied> {
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = Seen::at(&file);
        let key = (file, any_case);
        if let Some(known) = lock().get(&key).filter(|known| known.seen == seen) {
            return known.rules.clone();
        }
        let rules = match seen {
            // Git follows no link in a worktree.
            Seen::File(_) if kind == Denied::GitIgnore && key.0.is_symlink() => Ok(None),
            Seen::File(_) => read(&key.0, any_case).map(|rules| Some(Arc::new(rules))),
            Seen::Nothing => Ok(None),
            Seen::Unreadable => Err(Denied::UnreadableRules),
        };
        let known = Known {
            seen,
            rules: rules.clone(),
        };
        lock().insert(key, known);
        rules
    }
}

fn read(file: &Path, any_case: bool) -> Result<Gitignore, Denied> {
    let text = PlacedFile::open(file).and_then(|file| file.read(MOST_BYTES));
    let rules = text.map(|text| parse(&text, any_case).ok());
    rules.ok().flatten().ok_or(Denied::UnreadableRules)
}

/// What the rules say of a file or folder whose own folder is open: within a kind the deepest file decides.
fn decide(levels: &[Level], kinds: &[Denied], entry: &Path, is_folder: bool) -> Option<Denied> {
    for (kind, shut) in kinds.iter().copied().enumerate() {
        for (folder, rules) in levels.iter().rev() {
            let Some(rules) = &rules[kind] else { continue };
            match rules.matched(entry.strip_prefix(folder).unwrap_or(entry), is_folder) {
                Match::Ignore(_) => return Some(shut),
                Match::Whitelist(_) => return None,
                Match::None => {}
            }
        }
    }
    None
}

/// The rules in the text of an ignore file. What is not a pattern is passed over, as git does.
fn parse(text: &[u8], any_case: bool) -> Result<Gitignore, ignore::Error> {
    let mut builder = GitignoreBuilder::new("");
    builder.allow_unclosed_class(false);
    builder.case_insensitive(any_case)?;
    let text = String::from_utf8_lossy(text);
    for line in text.trim_start_matches('\u{feff}').lines() {
        // The only error is a pattern that is not valid.
        let _ = builder.add_line(None, &without_alternatives(line));
    }
    builder.build()
}

/// A pattern with its braces escaped: git takes them as they are, `ignore` for alternatives.
fn without_alternatives(line: &str) -> String {
    let mut pattern = String::with_capacity(line.len());
    let mut escaped = false;
    for c in line.chars() {
        if matches!(c, '{' | '}') && !escaped {
            pattern.push('\\');
        }
        escaped = c == '\\' && !escaped;
        pattern.push(c);
    }
    pattern
}
