//! Files and where they really lie, by what the system says of them when they are open.
//!
//! A path that was judged may lead elsewhere by the time it is opened. So a file is opened first and judged by the path of
//! its handle, and what is read is that handle. It must not know what is judged.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use codegemma_model::plain_file::{self, FileError};

/// A plain file that is open for reading.
#[derive(Debug)]
pub struct PlacedFile {
    file: File,
    place: PathBuf,
}

impl PlacedFile {
    /// Opens a file without waiting for anyone: of a pipe, a device or a folder it says that it is none. Links on the
    /// way are followed now and never again.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let place = path.canonicalize()?;
        let (file, _) = plain_file::open(&place)?;
        let place = place_of(&file).unwrap_or_else(|| checked(&file, place))?;
        Ok(Self { file, place })
    }

    /// Where the file that is open lies, without links.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// All of it, if it has at most so many bytes.
    pub fn read(self, most: u64) -> Result<Vec<u8>, FileError> {
        plain_file::read_open(self.file, most)
    }
}

/// Where a file that is open lies, by what the system says of its handle; `None` where it cannot say, as of a pipe.
pub fn place_of(file: &File) -> Option<io::Result<PathBuf>> {
    let place = handle_path(file)?;
    // The system adds a word to the name of what was deleted, so that the file is looked at once more.
    place.is_absolute().then(|| checked(file, place))
}

#[cfg(target_os = "linux")]
fn handle_path(file: &File) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
}

#[cfg(target_vendor = "apple")]
fn handle_path(file: &File) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    let path = rustix::fs::getpath(file).ok()?;
    Some(std::ffi::OsString::from_vec(path.into_bytes()).into())
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn handle_path(_: &File) -> Option<PathBuf> {
    None
}

/// The path again, if what lies there without a link in its place is this file.
fn checked(file: &File, place: PathBuf) -> io::Result<PathBuf> {
    let changed = || io::Error::other("it was moved or replaced while it was opened");
    let there = std::fs::symlink_metadata(&place).map_err(|_| changed())?;
    match is_same(&file.metadata()?, &there) {
        true => Ok(place),
        false => Err(changed()),
    }
}

#[cfg(unix)]
fn is_same(a: &std::fs::Metadata, b: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Elsewhere files have no number that the standard library tells.
#[cfg(not(unix))]
fn is_same(a: &std::fs::Metadata, b: &std::fs::Metadata) -> bool {
    !b.is_symlink() && a.len() == b.len() && a.created().ok() == b.created().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_plain_file_is_read_as_a_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("a");
        fs::write(&file, "12345").unwrap();
        let opened = PlacedFile::open(&file).unwrap();
        assert_eq!(opened.place(), file);
        assert_eq!(opened.read(5).unwrap(), b"12345");
        let error = PlacedFile::open(&file).unwrap().read(4).unwrap_err();
        assert!(matches!(error, FileError::TooLong(4)), "{error}");
        assert!(PlacedFile::open(folder.path()).is_err());
        assert!(PlacedFile::open(&folder.path().join("b")).unwrap_err().is_missing());
    }

    #[cfg(unix)]
    mod unix {
        use std::os::unix::fs::symlink;
        use std::sync::atomic::{AtomicBool, Ordering};
        use std::time::Duration;

        use super::*;

        #[test]
        fn a_link_is_where_it_leads() {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().canonicalize().unwrap();
            fs::create_dir(root.join("a")).unwrap();
            fs::write(root.join("a/file"), "").unwrap();
            symlink("a", root.join("b")).unwrap();
            symlink("b/file", root.join("c")).unwrap();
            let place = |name: &str| PlacedFile::open(&root.join(name)).unwrap().place().to_owned();
            assert_eq!(
                [place("c"), place("b/file")],
                [root.join("a/file"), root.join("a/file")]
            );
        }

        /// Who swaps a file, or a folder above it, for a link while it is opened gets nothing read of what the link
        /// leads to: what is read is always what lies at the path that is judged.
        #[test]
        fn what_is_read_is_what_lies_at_the_place_that_is_judged() {
            const TIMES: usize = 5000;
            const PAUSE: Duration = Duration::from_micros(20);
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().canonicalize().unwrap();
            for (name, text) in [("in/d/f", "inside"), ("out/f", "outside")] {
                fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
                fs::write(root.join(name), text).unwrap();
            }
            symlink(root.join("out/f"), root.join("link")).unwrap();
            symlink(root.join("out"), root.join("folder")).unwrap();
            let ends = AtomicBool::new(false);
            let (mut inside, mut refused) = (0, 0);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let at = |name: &str| root.join(name);
                    while !ends.load(Ordering::Relaxed) {
                        for (name, other) in [("in/d/f", "link"), ("in/d", "folder")] {
                            fs::rename(at(name), at("kept")).unwrap();
                            fs::rename(at(other), at(name)).unwrap();
                            std::thread::sleep(PAUSE);
                            fs::rename(at(name), at(other)).unwrap();
                            fs::rename(at("kept"), at(name)).unwrap();
                            std::thread::sleep(PAUSE);
                        }
                    }
                });
                for _ in 0..TIMES {
                    match PlacedFile::open(&root.join("in/d/f")) {
                        Ok(file) if file.place().starts_with(root.join("in")) => {
                            assert_eq!(file.read(100).unwrap(), b"inside");
                            inside += 1;
                        }
                        _ => refused += 1,
                    }
                }
                ends.store(true, Ordering::Relaxed);
            });
            assert!(inside > 100 && refused > 100, "{inside} inside, {refused} refused");
        }
    }
}
