//! What the ignore files of a workspace say of a file, as git reads them.
//!
//! It reads ignore files and remembers them by their time of change and length. It must not know any rule of its own.

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder, gitconfig_excludes_path};

use super::Shut;

/// The ignore files, the strongest first: the model's own, that of search tools, git's, the private one of a repository,
/// which is in git's folder, and the user's for all repositories, which git's settings name.
const KINDS: [(&str, Shut); 5] = [
    (".codegemmaignore", Shut::CodegemmaIgnore),
    (".ignore", Shut::Ignore),
    (".gitignore", Shut::GitIgnore),
    ("info/exclude", Shut::GitExclude),
    ("", Shut::GitGlobal),
];

/// The longest ignore file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// All ignore files that were read so far.
#[derive(Debug)]
pub(super) struct IgnoreFiles {
    /// The user's for all repositories: `core.excludesFile`, or where git has it by default.
    pub(super) global: Option<PathBuf>,
    parsed: Mutex<HashMap<PathBuf, Parsed>>,
}

/// An ignore file as it was when it was read.
#[derive(Debug)]
struct Parsed {
    version: (Option<SystemTime>, u64),
    rules: Arc<Gitignore>,
}

/// A folder and what its ignore files say, in the order of [`KINDS`].
type Level = (PathBuf, [Option<Arc<Gitignore>>; KINDS.len()]);

impl IgnoreFiles {
    /// Those of the user who runs this: git's settings are read now.
    pub(super) fn new() -> Self {
        Self {
            global: gitconfig_excludes_path(),
            parsed: Mutex::default(),
        }
    }

    /// Whether the ignore files let the file at `path` pass, from the top of the repository around `root`, or else from
    /// `root`, down to the file's folder. Whether git tracks the file makes no difference. A repository inside of another
    /// obeys both.
    pub(super) fn admits(&self, path: &Path, root: &Path) -> Result<(), Shut> {
        let top = root
            .ancestors()
            .find(|folder| folder.join(".git").exists())
            .unwrap_or(root);
        let mut levels: Vec<Level> = Vec::new();
        let mut entry = top.to_path_buf();
        for part in path.strip_prefix(top).into_iter().flatten() {
            levels.push(self.level(&entry)?);
            entry.push(part);
            if let Some(shut) = decide(&levels, &entry, entry != path) {
                return Err(shut);
            }
        }
        Ok(())
    }

    /// The rules in a folder.
    fn level(&self, folder: &Path) -> Result<Level, Shut> {
        let git = git_folder(folder);
        let mut rules = [const { None }; KINDS.len()];
        for (place, (name, shut)) in rules.iter_mut().zip(KINDS) {
            let file = match (shut, &git) {
                (Shut::GitExclude, git) => git.as_ref().map(|git| git.join(name)),
                // It says something of repositories only, as seen from the top of each.
                (Shut::GitGlobal, Some(_)) => self.global.clone(),
                (Shut::GitGlobal, None) => None,
                _ => Some(folder.join(name)),
            };
            if let Some(file) = file {
                *place = self.rules(file).map_err(|_| Shut::UnreadableRules)?;
            }
        }
        Ok((folder.to_path_buf(), rules))
    }

    /// The rules in a file, if it exists.
    fn rules(&self, file: PathBuf) -> io::Result<Option<Arc<Gitignore>>> {
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(metadata) = regular(&file)? else {
            parsed.remove(&file);
            return Ok(None);
        };
        let version = (metadata.modified().ok(), metadata.len());
        if let Some(known) = parsed.get(&file).filter(|known| known.version == version) {
            return Ok(Some(known.rules.clone()));
        }
        let rules = Arc::new(parse(&fs::read(&file)?).map_err(io::Error::other)?);
        let known = Parsed {
            version,
            rules: rules.clone(),
        };
        parsed.insert(file, known);
        Ok(Some(rules))
    }
}

/// What the rules say of a file or folder whose own folder is open: within a kind the deepest file decides.
fn decide(levels: &[Level], entry: &Path, is_folder: bool) -> Option<Shut> {
    for (kind, (_, shut)) in KINDS.into_iter().enumerate() {
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
fn parse(text: &[u8]) -> Result<Gitignore, ignore::Error> {
    let mut builder = GitignoreBuilder::new("");
    builder.allow_unclosed_class(false);
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

/// The folder that git keeps `info/exclude` of the repository in whose top is `folder`, if it is one.
fn git_folder(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    // In a submodule or a second worktree a file says where the folder is, and in that a file where the shared one is.
    let told = |file: &Path| fs::read_to_string(regular(file).ok()?.map(|_| file)?).ok();
    let git = folder.join(told(&git)?.strip_prefix("gitdir:")?.trim());
    match told(&git.join("commondir")) {
        Some(shared) => Some(git.join(shared.trim())),
        None => Some(git),
    }
}

/// The metadata of a file that can be read as a whole, or nothing where there is no such file. A folder of that name is
/// none, and a pipe would never end.
fn regular(file: &Path) -> io::Result<Option<fs::Metadata>> {
    match fs::metadata(file) {
        Ok(metadata) if !metadata.is_file() => Ok(None),
        Ok(metadata) if metadata.len() > MAX_BYTES => Err(ErrorKind::FileTooLarge.into()),
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
