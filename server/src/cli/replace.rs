//! Replacing the text of a file in such a way that nothing is lost, whenever it is interrupted.
//!
//! It must not know why the text is another.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::failure::Failure;

/// Replaces the text of a file as a whole or not at all. Its links, owner, permissions and attributes stay; where its text
/// is no longer `old`, somebody else has written to it, and it is left alone.
pub(super) fn replace(path: &Path, old: &str, new: &str) -> Result<(), Failure> {
    let name = path.display();
    match try_replace(path, old, new) {
        Ok(()) => Ok(()),
        Err(Unwritten::Changed) => Err(Failure::Message(format!(
            "{name}: the file was changed meanwhile and is left as it is; ask again"
        ))),
        Err(Unwritten::Whole(error)) => {
            let remedy = match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on the disk",
                _ => "check its and its folder's permissions",
            };
            Err(Failure::Message(format!(
                "{name}: the file cannot be written ({error}) and is as it was; {remedy}"
            )))
        }
        Err(Unwritten::Partly(error, kept)) => Err(Failure::Message(format!(
            "{name}: the file was written in part only ({error}); its old text is in {}",
            kept.display()
        ))),
    }
}

/// Why there is no new text in a file.
#[derive(Debug)]
enum Unwritten {
    /// It has another text than thought.
    Changed,
    /// It cannot be written, and has its old text.
    Whole(io::Error),
    /// It could be written in part, and the old text is in another file.
    Partly(io::Error, PathBuf),
}

impl From<io::Error> for Unwritten {
    fn from(error: io::Error) -> Self {
        Self::Whole(error)
    }
}

fn try_replace(path: &Path, old: &str, new: &str) -> Result<(), Unwritten> {
    // A link stays a link: what it points to is replaced.
    let path = path.canonicalize()?;
    let metadata = path.metadata()?;
    let refuse = |why: &str| Unwritten::Whole(io::Error::new(io::ErrorKind::PermissionDenied, why));
    if !metadata.is_file() {
        return Err(refuse("it is no ordinary file"));
    }
    if metadata.permissions().readonly() {
        return Err(refuse("it is read-only"));
    }
    if fs::read(&path)? != old.as_bytes() {
        return Err(Unwritten::Changed);
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    match NamedTempFile::new_in(folder) {
        Ok(mut beside) if is_same_but_for_text(&beside, &path, &metadata) => {
            beside.as_file_mut().write_all(new.as_bytes())?;
            beside.as_file().sync_all()?;
            beside.persist(&path).map_err(|error| error.error)?;
            Ok(())
        }
        Ok(backup) => write_through(&path, backup, old, new),
        // In a folder that is read-only a file need not be.
        Err(_) => write_through(&path, NamedTempFile::new()?, old, new),
    }
}

/// Makes a new file what the old one is but for its text, and says whether that could be done: a file with several names
/// is one file, and not everybody may give a file away.
fn is_same_but_for_text(new: &NamedTempFile, path: &Path, old: &Metadata) -> bool {
    let permissions = new.as_file().set_permissions(old.permissions());
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
        let owned = |new: &File| {
            let now = new.metadata()?;
            if (now.uid(), now.gid()) != (old.uid(), old.gid()) {
                fchown(new, Some(old.uid()), Some(old.gid()))?;
                // Giving it away took some of them.
                new.set_permissions(fs::Permissions::from_mode(old.mode() & 0o7777))?;
            }
            io::Result::Ok(())
        };
        if old.nlink() != 1 || owned(new.as_file()).is_err() {
            return false;
        }
    }
    permissions.is_ok() && attributes(path) == attributes(new.path())
}

/// The extended attributes of a file, such as access lists, with their values.
#[cfg(target_os = "linux")]
fn attributes(path: &Path) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut names = Vec::with_capacity(1 << 16);
    let names_len = rustix::fs::listxattr(path, rustix::buffer::spare_capacity(&mut names));
    if names_len == Err(rustix::io::Errno::NOTSUP) {
        return Some(Vec::new());
    }
    names_len.ok()?;
    let value = |name: &[u8]| {
        let mut value = Vec::with_capacity(1 << 16);
        rustix::fs::getxattr(path, name, rustix::buffer::spare_capacity(&mut value)).ok()?;
        Some((name.to_owned(), value))
    };
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let mut attributes = names.map(value).collect::<Option<Vec<_>>>()?;
    attributes.sort();
    Some(attributes)
}

#[cfg(not(target_os = "linux"))]
fn attributes(_: &Path) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    Some(Vec::new())
}

/// Writes over the old text, which a second file keeps until that is done.
fn write_through(path: &Path, mut backup: NamedTempFile, old: &str, new: &str) -> Result<(), Unwritten> {
    backup.as_file_mut().write_all(old.as_bytes())?;
    backup.as_file().sync_all()?;
    let mut file = OpenOptions::new().write(true).open(path)?;
    let Err(error) = overwrite(&mut file, old.len(), new) else {
        return Ok(());
    };
    if overwrite(&mut file, old.len(), old).is_ok() {
        return Err(Unwritten::Whole(error));
    }
    let (_, kept) = backup.keep().map_err(|error| error.error)?;
    Err(Unwritten::Partly(error, kept))
}

/// Writes what is longer than before first: where the disk is full, nothing of the old text is gone by then.
fn overwrite(file: &mut File, length: usize, text: &str) -> io::Result<()> {
    let (begin, more) = text.as_bytes().split_at(length.min(text.len()));
    file.seek(SeekFrom::Start(begin.len() as u64))?;
    file.write_all(more)?;
    file.rewind()?;
    file.write_all(begin)?;
    file.set_len(text.len() as u64)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with a file that says `old`.
    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "old").unwrap();
        (folder, file)
    }

    fn text(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn the_new_text_is_there_and_nothing_besides() {
        let (folder, file) = file();
        replace(&file, "old", "and new").unwrap();
        assert_eq!(text(&file), "and new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_changed_meanwhile_or_is_gone_is_left_alone() {
        let (folder, file) = file();
        assert!(matches!(try_replace(&file, "older", "new"), Err(Unwritten::Changed)));
        assert_eq!(text(&file), "old");
        assert!(matches!(
            try_replace(&folder.path().join("b"), "old", "new"),
            Err(Unwritten::Whole(_))
        ));
        assert!(matches!(
            try_replace(folder.path(), "old", "new"),
            Err(Unwritten::Whole(_))
        ));
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_stay() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
        let (folder, file) = file();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o741)).unwrap();
        let [symbolic, hard] = ["symbolic", "hard"].map(|name| folder.path().join(name));
        symlink(&file, &symbolic).unwrap();
        replace(&symbolic, "old", "new").unwrap();
        assert_eq!((symbolic.is_symlink(), text(&file).as_str()), (true, "new"));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o741);
        fs::hard_link(&file, &hard).unwrap();
        for (old, new) in [("new", "longer text"), ("longer text", "short")] {
            replace(&file, old, new).unwrap();
            assert_eq!((text(&file).as_str(), text(&hard).as_str()), (new, new));
        }
        assert_eq!(fs::metadata(&file).unwrap().nlink(), 2);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "the backup is gone");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn attributes_stay() {
        let (_folder, file) = file();
        rustix::fs::setxattr(&file, "user.origin", b"here", rustix::fs::XattrFlags::empty()).unwrap();
        replace(&file, "old", "new").unwrap();
        let kept = attributes(&file).unwrap();
        assert_eq!(
            (
                text(&file).as_str(),
                kept.contains(&(b"user.origin".to_vec(), b"here".to_vec()))
            ),
            ("new", true)
        );
    }
}
