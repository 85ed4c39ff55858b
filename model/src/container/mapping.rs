//! A model file that is mapped, and whether it is still the file that was opened.
//!
//! A model is used for hours, and its file may be cut or written over meanwhile. What was computed from other bytes than
//! those that were checked is worth nothing, so who computes asks [`Mapping::check`] after each pass. A file that takes
//! the name of an open one, which is how downloads and package managers do it, changes nothing. Must not know what is in
//! the file.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use memmap2::Mmap;

#[cfg(unix)]
use super::guard::Guard;
use crate::LoadError;
use crate::plain_file::{self, FileError};

/// A whole file, mapped for reading.
pub(crate) struct Mapping {
    /// Before the mapping, so that watching ends first.
    #[cfg(unix)]
    guard: Guard,
    map: Mmap,
    file: File,
    stamp: Stamp,
    path: PathBuf,
}

/// What changes with a file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            len: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }
}

impl Mapping {
    pub(crate) fn open(path: &Path) -> Result<Self, LoadError> {
        let (file, _) = open_for_mapping(path).map_err(|error| {
            let remedy = match error {
                FileError::NotPlain(_) => "name the model's own file",
                _ => "check the path and its permissions",
            };
            LoadError::new(path, error.to_string(), remedy)
        })?;
        let fail = |error: io::Error| match error.kind() {
            io::ErrorKind::OutOfMemory => {
                let size = file.metadata().map_or(0, |metadata| metadata.len());
                LoadError::new(
                    path,
                    format!("there is no memory to map its {} MiB", size.div_ceil(1 << 20)),
                    "choose a smaller model or a file with fewer bits (Q4), or allow the program more memory",
                )
            }
            _ => LoadError::new(
                path,
                format!("it cannot be read: {error}"),
                "check the path and its permissions",
            ),
        };
        // The stamp is older than the bytes: what is written in between is noticed.
        let stamp = Stamp::of(&file).map_err(fail)?;
        // SAFETY: the mapping is private and read-only. Rust's rule that bytes do not change while they are borrowed
        // cannot be had of a file that others may write to. It is not relied on: what is read from here are numbers, for
        // which any bytes will do; text and sizes are copied before they are looked at. Bytes that are gone become zeros
        // (`guard`).
        let map = unsafe { Mmap::map(&file) }.map_err(fail)?;
        Ok(Self {
            #[cfg(unix)]
            guard: Guard::new(&map),
            map,
            file,
            stamp,
            path: path.to_owned(),
        })
    }

    /// Where the file was opened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// An error where the file is no longer what was opened: it says so, and what helps. Costs a system call.
    pub(crate) fn check(&self) -> Result<(), String> {
        #[cfg(unix)]
        let lost = self.guard.is_lost();
        #[cfg(not(unix))]
        let lost = false;
        if !lost && Stamp::of(&self.file).is_ok_and(|now| now == self.stamp) {
            return Ok(());
        }
        Err(format!(
            "{}: the file of the model was cut or written over while it was in use, and what was computed from it is thrown away; to change a model, write the new file beside the old one and rename it",
            self.path.display()
        ))
    }

    /// Copies `bytes.len()` bytes from `at` on.
    pub(crate) fn copy(&self, at: u64, bytes: &mut [u8]) -> Result<(), LoadError> {
        plain_file::read_at(&self.file, at, bytes)
            .map_err(|error| LoadError::new(&self.path, format!("it cannot be read: {error}"), super::REMEDY))
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

/// On Windows a file that is open like this cannot be opened for writing, and a mapped one cannot be cut anyway.
#[cfg(windows)]
fn open_for_mapping(path: &Path) -> Result<(File, std::fs::Metadata), FileError> {
    use std::os::windows::fs::OpenOptionsExt;
    const FILE_SHARE_READ: u32 = 1;
    const FILE_SHARE_DELETE: u32 = 4;
    drop(plain_file::open(path)?);
    let mut options = std::fs::OpenOptions::new();
    let file = options
        .read(true)
        .share_mode(FILE_SHARE_READ | FILE_SHARE_DELETE)
        .open(path)?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

#[cfg(not(windows))]
fn open_for_mapping(path: &Path) -> Result<(File, std::fs::Metadata), FileError> {
    plain_file::open(path)
}
