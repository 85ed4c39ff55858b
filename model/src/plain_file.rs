//! Opening files that come from outside: plain files only, and no longer than what is expected there.
//!
//! A pipe is a file that may never end, opening it waits for a writer, and a device gives bytes for ever. Must not know
//! what the files are for.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

/// Why a file is not read. The text goes on after the file's name and a colon.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is something else than a plain file.
    #[error("it is {0}, not a plain file")]
    NotPlain(&'static str),
    /// It is longer than what is expected.
    #[error("it is longer than {} {}", if *.0 < 1 << 20 { .0 >> 10 } else { .0 >> 20 }, if *.0 < 1 << 20 { "KiB" } else { "MiB" })]
    TooLong(u64),
    /// The system says why.
    #[error("it cannot be read: {0}")]
    System(#[from] io::Error),
}

impl FileError {
    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        use io::ErrorKind::{NotADirectory, NotFound};
        matches!(self, Self::System(error) if matches!(error.kind(), NotFound | NotADirectory))
    }
}

impl From<FileError> for io::Error {
    fn from(error: FileError) -> Self {
        match error {
            FileError::System(error) => error,
            other => Self::new(io::ErrorKind::InvalidInput, other.to_string()),
        }
    }
}

/// Opens a plain file for reading. Never waits for another process.
pub fn open(path: &Path) -> Result<(File, Metadata), FileError> {
    // Some devices do something when they are opened, so the name is looked at first; what was opened may be another
    // file by then, so it is looked at, too.
    check(&fs::metadata(path)?)?;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    check(&metadata)?;
    Ok((file, metadata))
}

/// Fills `bytes` with what an open file has from `at` on.
pub fn read_at(file: &File, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::FileExt::read_exact_at(file, bytes, at);
    #[cfg(not(unix))]
    {
        use std::io::{Seek, SeekFrom};
        let mut file = file;
        file.seek(SeekFrom::Start(at)).and_then(|_| file.read_exact(bytes))
    }
}

/// The bytes of a plain file that has at most `most` of them.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
    read_open(open(path)?.0, most)
}

/// The bytes of a plain file that is open and has at most `most` of them.
pub fn read_open(file: File, most: u64) -> Result<Vec<u8>, FileError> {
    let metadata = file.metadata()?;
    if metadata.len() > most {
        return Err(FileError::TooLong(most));
    }
    let mut bytes = Vec::new();
    let len = usize::try_from(metadata.len()).map_err(|_| FileError::TooLong(most))?;
    bytes.try_reserve_exact(len).map_err(io::Error::from)?;
    // A file may grow meanwhile, and those of the kernel say that they are empty.
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 <= most {
        true => Ok(bytes),
        false => Err(FileError::TooLong(most)),
    }
}

fn check(metadata: &Metadata) -> Result<(), FileError> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    if kind.is_dir() {
        return Err(FileError::NotPlain("a folder"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        if kind.is_fifo() {
            return Err(FileError::NotPlain("a pipe"));
        }
        if kind.is_socket() {
            return Err(FileError::NotPlain("a socket"));
        }
    }
    Err(FileError::NotPlain("a device"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_refused(path: &Path, why: &str) {
        let error = read(path, 1 << 20).unwrap_err().to_string();
        assert!(error.contains(why), "{}: {error}", path.display());
    }

    #[test]
    fn only_plain_files_are_read_and_only_so_much_of_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, vec![b'x'; 2048]).unwrap();
        assert_eq!(read(&file, 2048).unwrap().len(), 2048);
        assert_eq!(read(&file, 2047).unwrap_err().to_string(), "it is longer than 1 KiB");
        check_refused(folder.path(), "it is a folder, not a plain file");
        let missing = read(&folder.path().join("none"), 1).unwrap_err();
        assert!(missing.is_missing(), "{missing}");
        let below = read(&file.join("none"), 1).unwrap_err();
        assert!(below.is_missing(), "{below}");
    }

    #[cfg(unix)]
    #[test]
    fn pipes_sockets_devices_and_loops_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        check_refused(&pipe, "it is a pipe, not a plain file");
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        check_refused(&socket, "it is a socket, not a plain file");
        check_refused(Path::new("/dev/zero"), "it is a device, not a plain file");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&link, &link).unwrap();
        check_refused(&link, "it cannot be read");
        // A link is what it leads to.
        let to_pipe = folder.path().join("to-pipe");
        std::os::unix::fs::symlink(&pipe, &to_pipe).unwrap();
        check_refused(&to_pipe, "it is a pipe");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_of_the_kernel_that_says_it_is_empty_is_bounded() {
        assert_eq!(fs::metadata("/proc/self/maps").unwrap().len(), 0);
        assert!(matches!(
            read(Path::new("/proc/self/maps"), 100),
            Err(FileError::TooLong(100))
        ));
    }
}
