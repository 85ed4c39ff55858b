//! The folders of a workspace, by the names that the client has for them and by those that links lead to.
//!
//! Links are looked up once. It must not know documents, settings or the protocol.

use std::path::{Path, PathBuf};

/// The folders of a workspace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roots {
    /// As the client names them, none twice.
    folders: Vec<PathBuf>,
    /// All their names.
    names: Vec<PathBuf>,
}

impl Roots {
    /// The folders of a workspace.
    pub(crate) fn new(folders: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut roots = Self::default();
        for folder in folders {
            roots.add(folder);
        }
        roots
    }

    /// The folders as the client names them.
    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// The name of the innermost folder that a file is in, in the form in which the file's path begins with it.
    pub(crate) fn of(&self, file: &Path) -> Option<&Path> {
        let around = self.names.iter().filter(|name| file.starts_with(name));
        let innermost = around.max_by_key(|name| name.components().count());
        innermost.map(PathBuf::as_path)
    }

    /// The folders after some have gone and others have come.
    #[must_use]
    pub(crate) fn changed(&self, removed: &[PathBuf], added: impl IntoIterator<Item = PathBuf>) -> Self {
        let stay = self.folders.iter().filter(|folder| !removed.contains(folder));
        Self::new(stay.cloned().chain(added))
    }

    fn add(&mut self, folder: PathBuf) {
        // A slash at the end makes no other folder.
        let folder: PathBuf = folder.components().collect();
        if self.folders.contains(&folder) {
            return;
        }
        if let Ok(real) = folder.canonicalize()
            && !self.names.contains(&real)
        {
            self.names.push(real);
        }
        if !self.names.contains(&folder) {
            self.names.push(folder.clone());
        }
        self.folders.push(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(folders: &[&str], file: &str, expected: Option<&str>) {
        let roots = Roots::new(folders.iter().map(PathBuf::from));
        assert_eq!(roots.of(Path::new(file)), expected.map(Path::new), "{folders:?} {file}");
    }

    #[test]
    fn the_innermost_folder_counts() {
        check(
            &["/no/such", "/no/such/inner"],
            "/no/such/inner/a.py",
            Some("/no/such/inner"),
        );
        check(
            &["/no/such/inner", "/no/such"],
            "/no/such/inner/a.py",
            Some("/no/such/inner"),
        );
        check(
            &["/no/such/inner", "/no/such"],
            "/no/such/innermost/a.py",
            Some("/no/such"),
        );
        check(&["/no/such"], "/elsewhere/a.py", None);
        check(&[], "/a.py", None);
    }

    #[test]
    fn folders_come_and_go_and_none_is_there_twice() {
        let path = PathBuf::from;
        let roots = Roots::new([path("/no/a"), path("/no/a/"), path("/no/b")]);
        assert_eq!(roots.folders(), [path("/no/a"), path("/no/b")]);
        let roots = roots.changed(&[path("/no/a/"), path("/no/c")], [path("/no/b"), path("/no/d")]);
        assert_eq!(roots.folders(), [path("/no/b"), path("/no/d")]);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_behind_a_link_has_two_names() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let (real, link) = (base.join("real"), base.join("link"));
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let roots = Roots::new([link.clone()]);
        assert_eq!(roots.of(&link.join("a.py")), Some(link.as_path()));
        assert_eq!(roots.of(&real.join("a.py")), Some(real.as_path()));
        assert_eq!(roots.folders(), [link]);
    }
}
