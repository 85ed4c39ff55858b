//! The repository that a file is in, and what git's settings say there of ignored files.
//!
//! Git itself is asked for its settings, once for each repository, because it reads them from the system, the user, the
//! repository, the worktree, files that these include and the environment. It must not know what ignore files say.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::policy::placed_file::PlacedFile;

/// How long git may take for an answer. It waits itself where its settings include what never ends.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long an answer holds. Settings of git seldom change.
const KEPT: Duration = Duration::from_secs(60);

/// The longest of the small files in which git names a folder.
const MOST_BYTES: u64 = 16 << 10;

/// What decides over the files of a repository, besides the ignore files in it.
#[derive(Debug)]
pub(super) struct Repository {
    /// The folder of its files.
    pub(super) top: PathBuf,
    /// The ignore file that is private to the repository.
    pub(super) exclude: PathBuf,
    /// The user's ignore file for all repositories, `core.excludesFile`.
    pub(super) global: Option<PathBuf>,
    /// Whether patterns match in any case, `core.ignoreCase`.
    pub(super) any_case: bool,
}

/// The repositories that were found so far.
#[derive(Debug, Default)]
pub(super) struct Repositories {
    known: Mutex<HashMap<PathBuf, (Instant, Arc<Repository>)>>,
    /// What takes the place of variables of the environment, for tests.
    #[cfg(test)]
    pub(super) environment: Vec<(&'static str, OsString)>,
}

impl Repositories {
    /// The repository that a file is in: the one that the environment names, if the file is in its worktree, else that of
    /// the nearest folder above it that has one. Whether git tracks the file makes no difference.
    pub(super) fn of(&self, file: &Path) -> Option<Arc<Repository>> {
        let found = self.named(file).or_else(|| {
            let mut above = file.ancestors().skip(1);
            above.find_map(|folder| Some((folder.to_owned(), git_folder(folder)?)))
        });
        let (top, git) = found?;
        let known = self
            .known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&top)
            .cloned();
        if let Some((_, repository)) = known.filter(|(asked, _)| asked.elapsed() < KEPT) {
            return Some(repository);
        }
        // Not under the lock: git may take long.
        let repository = Arc::new(Repository {
            exclude: shared(&git).join("info/exclude"),
            global: self.global(&top, &git),
            any_case: self.setting(&top, &git, "--type=bool", "core.ignoreCase").as_deref() == Some("true"),
            top: top.clone(),
        });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(top, (Instant::now(), repository.clone()));
        Some(repository)
    }

    /// The repository that `GIT_DIR` names, such as a bare one with the home folder for its worktree.
    fn named(&self, file: &Path) -> Option<(PathBuf, PathBuf)> {
        let git = std::path::absolute(self.variable("GIT_DIR")?)
            .ok()?
            .canonicalize()
            .ok()?;
        let top = match self.variable("GIT_WORK_TREE") {
            Some(top) => std::path::absolute(top).ok()?,
            None => std::env::current_dir().ok()?,
        };
        let top = top.canonicalize().ok()?;
        (file.starts_with(&top) && is_git_folder(&git)).then_some((top, git))
    }

    /// The ignore file for all repositories: what git's settings name, or where it is by default.
    fn global(&self, top: &Path, git: &Path) -> Option<PathBuf> {
        match self.setting(top, git, "--type=path", "core.excludesFile") {
            Some(named) if named.is_empty() => None,
            Some(named) => Some(top.join(named)),
            None => {
                let home = || {
                    Some(
                        PathBuf::from(self.variable("HOME").or_else(|| dirs::home_dir().map(Into::into))?)
                            .join(".config"),
                    )
                };
                let folder = self.variable("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home)?;
                Some(folder.join("git/ignore"))
            }
        }
    }

    fn variable(&self, name: &str) -> Option<OsString> {
        #[cfg(test)]
        if let Some((_, value)) = self.environment.iter().find(|(known, _)| *known == name) {
            return Some(value.clone()).filter(|value| !value.is_empty());
        }
        std::env::var_os(name).filter(|value| !value.is_empty())
    }

    /// What git says is set for a repository; `None` where nothing is, or git is not there or says that it is wrong.
    fn setting(&self, top: &Path, git: &Path, kind: &str, key: &str) -> Option<String> {
        let mut command = Command::new("git");
        command.arg("-C").arg(top);
        // What the environment says of some repository need not be meant for this one.
        for name in [
            "GIT_DIR",
            "GIT_WORK_TREE",
            "GIT_COMMON_DIR",
            "GIT_INDEX_FILE",
            "GIT_PREFIX",
        ] {
            command.env_remove(name);
        }
        if self.variable("GIT_DIR").is_some() {
            command.arg("--git-dir").arg(git).arg("--work-tree").arg(top);
        }
        #[cfg(test)]
        command.envs(
            self.environment
                .iter()
                .filter(|(name, _)| !matches!(*name, "GIT_DIR" | "GIT_WORK_TREE"))
                .cloned(),
        );
        #[cfg(windows)]
        {
            use std::os::windows::process::CommandExt;
            /// No window appears for it.
            const CREATE_NO_WINDOW: u32 = 0x0800_0000;
            command.creation_flags(CREATE_NO_WINDOW);
        }
        command.args(["config", "-z", kind, "--get", key]);
        match output(command) {
            Ok(value) => value.map(|value| value.trim_end_matches('\0').to_owned()),
            Err(error) => {
                tracing::debug!("git does not say what {key} is in {}: {error}", top.display());
                None
            }
        }
    }
}

/// What a command prints, in time; `None` where it ends with an error.
fn output(mut command: Command) -> std::io::Result<Option<String>> {
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn()?;
    let begin = Instant::now();
    let mut pause = Duration::from_micros(500);
    // Its answer is shorter than a pipe holds, so that it ends without being read from.
    while child.try_wait()?.is_none() {
        if begin.elapsed() > PATIENCE {
            child.kill()?;
            child.wait()?;
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
    let output = child.wait_with_output()?;
    Ok(output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// Git's own folder of the repository or worktree in whose top is `folder`, if it is one.
fn git_folder(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    if git.is_dir() {
        return is_git_folder(&git).then_some(git);
    }
    // In a submodule or a second worktree a file says where the folder is.
    let git = folder.join(told(&git)?.strip_prefix("gitdir:")?.trim());
    is_git_folder(&git).then_some(git)
}

/// Git takes a folder without these for none of its own.
fn is_git_folder(git: &Path) -> bool {
    let shared = shared(git);
    std::fs::symlink_metadata(git.join("HEAD")).is_ok()
        && shared.join("objects").is_dir()
        && shared.join("refs").is_dir()
}

/// The folder that all worktrees of a repository have in common.
fn shared(git: &Path) -> PathBuf {
    match told(&git.join("commondir")) {
        Some(shared) => git.join(shared.trim()),
        None => git.to_owned(),
    }
}

/// What a small file says.
fn told(file: &Path) -> Option<String> {
    String::from_utf8(PlacedFile::open(file).ok()?.read(MOST_BYTES).ok()?).ok()
}
