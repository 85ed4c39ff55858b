//! Hugging Face's cache on the disk: `models--ORG--REPO` with `blobs`, `snapshots` and `refs`, as the hub's own tools write
//! and read it.
//!
//! It must not know how files come.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::HubError;
use crate::names::{FileName, RepositoryName, Revision};

/// The cache.
#[derive(Debug, Clone)]
pub struct HubCache {
    home: PathBuf,
    root: PathBuf,
}

impl HubCache {
    /// Where the environment says that it is: `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, or below `HF_HOME`.
    pub fn from_environment() -> Result<Self, HubError> {
        let var = |name: &str| {
            std::env::var_os(name)
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
        };
        let cache = || var("XDG_CACHE_HOME").or_else(|| Some(dirs::home_dir()?.join(".cache")));
        let home = var("HF_HOME").or_else(|| Some(cache()?.join("huggingface")));
        let home =
            home.ok_or_else(|| HubError::new("there is no home folder for this user; set HF_HOME to a folder"))?;
        let root = var("HF_HUB_CACHE").or_else(|| var("HUGGINGFACE_HUB_CACHE"));
        let root = root.unwrap_or_else(|| home.join("hub"));
        let absolute = |path: PathBuf| {
            std::path::absolute(&path)
                .map_err(|error| HubError::new(format!("{}: {error}; check HF_HOME", path.display())))
        };
        Ok(Self {
            home: absolute(home)?,
            root: absolute(root)?,
        })
    }

    /// The folder in which the token is.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The folder of all repositories.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn repository(&self, repository: &RepositoryName) -> PathBuf {
        self.root.join(folder(repository))
    }

    /// Where the content of that name is.
    pub fn blob(&self, repository: &RepositoryName, etag: &str) -> PathBuf {
        self.repository(repository).join("blobs").join(etag)
    }

    /// The file that whoever writes that content holds locked; the hub's own tools do so, too.
    pub fn lock(&self, repository: &RepositoryName, etag: &str) -> PathBuf {
        let locks = self.root.join(".locks").join(folder(repository));
        locks.join(format!("{etag}.lock"))
    }

    /// The folder of a commit's files.
    pub fn snapshot(&self, repository: &RepositoryName, commit: &str) -> PathBuf {
        self.repository(repository).join("snapshots").join(commit)
    }

    /// The file of a revision that is there already.
    pub fn cached(&self, repository: &RepositoryName, revision: &Revision, name: &FileName) -> Option<PathBuf> {
        let commit = match revision.is_commit() {
            true => revision.as_str().to_owned(),
            false => {
                let reference = self.repository(repository).join("refs").join(revision.as_str());
                let commit = fs::read_to_string(reference).ok()?.trim().to_owned();
                Revision::new(&commit).ok()?.as_str().to_owned()
            }
        };
        let path = name
            .parts()
            .fold(self.snapshot(repository, &commit), |path, part| path.join(part));
        path.is_file().then_some(path)
    }

    /// Gives a content its name in a commit. Says where, and whether it did not have that before.
    pub fn link(
        &self,
        repository: &RepositoryName,
        commit: &str,
        name: &FileName,
        etag: &str,
    ) -> Result<(PathBuf, bool), HubError> {
        let snapshot = self.snapshot(repository, commit);
        let path = name.parts().fold(snapshot, |path, part| path.join(part));
        let up = "../".repeat(name.parts().count() + 1);
        let target = PathBuf::from(format!("{up}blobs/{etag}"));
        let write = || -> io::Result<bool> {
            if fs::read_link(&path).is_ok_and(|old| old == target) {
                return Ok(false);
            }
            let folder = path.parent().unwrap_or(&self.root);
            fs::create_dir_all(folder)?;
            let new = folder.join(format!(".codegemma-{}-{etag}.link", std::process::id()));
            let _ = fs::remove_file(&new);
            put(&target, &self.blob(repository, etag), &new)?;
            fs::rename(&new, &path)?;
            Ok(true)
        };
        let is_new = write().map_err(|error| cannot_write(&path, &error))?;
        Ok((path, is_new))
    }

    /// Notes which commit a branch or a tag is at.
    pub fn set_revision(&self, repository: &RepositoryName, revision: &Revision, commit: &str) -> Result<(), HubError> {
        if revision.is_commit() {
            return Ok(());
        }
        let path = self.repository(repository).join("refs").join(revision.as_str());
        let write = || -> io::Result<()> {
            let folder = path.parent().unwrap_or(&self.root);
            fs::create_dir_all(folder)?;
            let new = folder.join(format!(".codegemma-{}.ref", std::process::id()));
            File::create(&new)?.write_all(commit.as_bytes())?;
            fs::rename(&new, &path)
        };
        write().map_err(|error| cannot_write(&path, &error))
    }
}

fn folder(repository: &RepositoryName) -> String {
    format!("models--{}", repository.as_str().replace('/', "--"))
}

#[cfg(unix)]
fn put(target: &Path, _: &Path, new: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, new)
}

/// A link, or where the user may make none, another name of the same file.
#[cfg(not(unix))]
fn put(target: &Path, blob: &Path, new: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, new).or_else(|_| fs::hard_link(blob, new))
}

pub(crate) fn cannot_write(path: &Path, error: &io::Error) -> HubError {
    let remedy = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room and pull again: what has come is kept",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "check the permissions of the folder, or choose another with HF_HOME or CODEGEMMA_CACHE"
        }
        _ => "check the path and the disk",
    };
    HubError::new(format!("{}: it cannot be written ({error}); {remedy}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn it_looks_as_the_hubs_own_tools_leave_it() {
        let folder = tempfile::tempdir().unwrap();
        let cache = HubCache {
            home: folder.path().to_owned(),
            root: folder.path().join("hub"),
        };
        let repository = RepositoryName::new("a/b-c").unwrap();
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let (main, name) = (Revision::new("main").unwrap(), FileName::new("sub/m.gguf").unwrap());
        let blob = cache.blob(&repository, "e7a6");
        fs::create_dir_all(blob.parent().unwrap()).unwrap();
        fs::write(&blob, "bytes").unwrap();
        assert_eq!(cache.cached(&repository, &main, &name), None);
        let (path, is_new) = cache.link(&repository, commit, &name, "e7a6").unwrap();
        assert!(is_new);
        assert_eq!(
            cache.link(&repository, commit, &name, "e7a6").unwrap(),
            (path.clone(), false)
        );
        cache.set_revision(&repository, &main, commit).unwrap();
        assert_eq!(
            path,
            folder
                .path()
                .join("hub/models--a--b-c/snapshots")
                .join(commit)
                .join("sub/m.gguf")
        );
        assert_eq!(fs::read_link(&path).unwrap(), Path::new("../../../blobs/e7a6"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "bytes");
        assert_eq!(
            fs::read_to_string(folder.path().join("hub/models--a--b-c/refs/main")).unwrap(),
            commit
        );
        assert_eq!(cache.cached(&repository, &main, &name), Some(path.clone()));
        // A name that stands for another content is replaced.
        fs::write(cache.blob(&repository, "f00d"), "others").unwrap();
        cache.link(&repository, commit, &name, "f00d").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "others");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }
}
