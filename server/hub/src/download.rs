//! One large file, fetched over several connections into a file beside where it belongs, and renamed when it is whole.
//!
//! What has come is written down piece by piece, with a checksum of each, so that a run that was killed goes on where it
//! was, and believes in nothing that is not on the disk: each piece is read once for the digest of the whole, and one that is
//! not as it was written down is fetched again. It must not know the hub or the registry.

mod board;
mod kept;
mod worker;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use crate::client::WebClient;
use crate::digest::{Digest, Hasher};
use crate::endpoint::shown;
use crate::error::HubError;
use crate::hub_cache::cannot_write;
use crate::token::HubToken;
use board::Board;
use kept::Kept;
use worker::Worker;

/// What is written down at once, and so the most that each connection loses.
const PIECE: u64 = 1 << 20;
/// What is asked for at once, in pieces.
const RANGE: usize = 16;
const CONNECTIONS: usize = 4;
/// A longer file is none.
const MOST_BYTES: u64 = 1 << 40;

/// A file that is to come.
pub struct Download<'a> {
    /// What asks for it.
    pub client: &'a WebClient,
    /// What the user may see.
    pub token: Option<&'a HubToken>,
    /// Where it is read from.
    pub url: &'a Url,
    /// How long it is.
    pub bytes: u64,
    /// What names its content, so that what was begun goes on only with the same.
    pub etag: &'a str,
    /// What its bytes have to give.
    pub digest: Option<&'a Digest>,
    /// Where it belongs.
    pub target: &'a Path,
    /// The file that is held locked meanwhile.
    pub lock: &'a Path,
}

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The SHA-256 of its bytes, where it is known.
    pub sha256: Option<String>,
    /// Whether it came just now.
    pub is_new: bool,
}

/// Who is told how it goes.
pub trait Watcher: Sync {
    /// So many bytes are there.
    fn progress(&self, bytes: u64);
    /// Another process fetches the same file and is waited for.
    fn waits(&self);
    /// Something went wrong and is tried again.
    fn retries(&self, message: &str);
}

impl Download<'_> {
    /// How many bytes are still to come.
    pub fn missing(&self) -> u64 {
        match self.is_there() {
            true => 0,
            false => self
                .bytes
                .saturating_sub(Kept::read(&self.working("state"), self.etag, self.bytes).bytes()),
        }
    }

    /// Fetches it, unless it is there.
    pub fn fetch(&self, watcher: &dyn Watcher) -> Result<Fetched, HubError> {
        if self.bytes > MOST_BYTES {
            return Err(HubError::new(format!(
                "{}: the file is announced as {} GiB, which is not believed",
                shown(self.url),
                self.bytes >> 30
            )));
        }
        let _lock = self.locked(watcher)?;
        if self.is_there() {
            let _ = fs::remove_file(self.working("state"));
            let sha256 = match self.digest {
                Some(Digest::Sha256(sha256)) => Some(sha256.clone()),
                _ => None,
            };
            return Ok(Fetched { sha256, is_new: false });
        }
        let (incomplete, state) = (self.working("incomplete"), self.working("state"));
        let kept = Kept::open(&incomplete, &state, self.etag, self.bytes);
        let kept = kept.map_err(|error| cannot_write(&incomplete, &error))?;
        let board = Board::new(self.bytes, &kept);
        let worker = Worker::new(self, &board, &kept, watcher);
        let hashed = std::thread::scope(|scope| {
            for _ in 0..CONNECTIONS {
                scope.spawn(|| worker.work());
            }
            let hashed = self.hash(&board, &kept, watcher);
            board.end();
            hashed
        });
        let (sha256, is_right) = hashed?;
        if !is_right {
            drop(kept);
            let _ = fs::remove_file(&incomplete);
            let _ = fs::remove_file(&state);
            return Err(HubError::new(format!(
                "{}: what came is not the file that was announced (its SHA-256 is {sha256}) and was removed; pull again, and check the proxy",
                shown(self.url)
            )));
        }
        let finish = || {
            kept.data.sync_all()?;
            fs::rename(&incomplete, self.target)?;
            fs::remove_file(&state)
        };
        finish().map_err(|error| cannot_write(self.target, &error))?;
        Ok(Fetched {
            sha256: Some(sha256),
            is_new: true,
        })
    }

    /// Whether it is there as a whole: nothing has the name before.
    fn is_there(&self) -> bool {
        self.target
            .metadata()
            .is_ok_and(|there| there.is_file() && there.len() == self.bytes)
    }

    /// The name of a file beside it that no program takes for a model.
    fn working(&self, kind: &str) -> PathBuf {
        let name = self.target.file_name().unwrap_or_default().to_string_lossy();
        self.target.with_file_name(format!(".codegemma-{name}.{kind}"))
    }

    /// Waits until no other process fetches it. The lock ends with the file, and with the process.
    fn locked(&self, watcher: &dyn Watcher) -> Result<File, HubError> {
        let lock = || {
            for path in [self.lock, self.target] {
                fs::create_dir_all(path.parent().unwrap_or(path))?;
            }
            let file = File::options()
                .create(true)
                .truncate(false)
                .write(true)
                .open(self.lock)?;
            match file.try_lock() {
                Err(TryLockError::WouldBlock) => {
                    watcher.waits();
                    file.lock()?;
                }
                Err(TryLockError::Error(error)) => return Err(error),
                Ok(()) => {}
            }
            Ok(file)
        };
        lock().map_err(|error| cannot_write(self.lock, &error))
    }

    /// The digest of the whole, in order, while it comes.
    fn hash(&self, board: &Board, kept: &Kept, watcher: &dyn Watcher) -> Result<(String, bool), HubError> {
        let mut hasher = Hasher::new(self.digest, self.bytes);
        let mut buffer = Vec::new();
        for piece in 0..board.pieces() {
            loop {
                let (sum, is_new) = loop {
                    watcher.progress(board.done());
                    if let Some(there) = board.wait_for(piece, Duration::from_millis(100))? {
                        break there;
                    }
                };
                let read = kept.read_piece(piece, &mut buffer);
                read.map_err(|error| cannot_write(self.target, &error))?;
                if crc32fast::hash(&buffer) == sum {
                    break;
                }
                if is_new {
                    return Err(HubError::new(format!(
                        "{}: what is read from the disk is not what was written; check the disk",
                        self.target.display()
                    )));
                }
                board.lose(piece);
            }
            hasher.update(&buffer);
        }
        watcher.progress(board.done());
        Ok(hasher.finish(self.digest))
    }
}

/// How many bytes are free where a file is to be.
pub fn free_space(target: &Path) -> Result<u64, HubError> {
    let mut folders = target.ancestors().skip(1);
    let folder = folders.find(|folder| folder.is_dir()).unwrap_or(target);
    let free = fs4::available_space(folder);
    free.map_err(|error| HubError::new(format!("{}: {error}; check the path", folder.display())))
}
