//! The sequences that are held, in a file, so that the next start need not read them again.
//!
//! The file belongs to a model by what the model computes: by the logits after a few tokens, bit for bit. Other weights,
//! another format or other arithmetic give another signature. What is damaged or foreign is left alone with a note in the
//! log, and never used. Each process that runs has a file of its own, and one without begins with another's. It is written
//! now and then, so that little is lost where the process is killed. Must not know where the file lies by default.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::plain_file;
use crate::sequence::{LanguageModel, Sequences};

const MAGIC: &[u8; 4] = b"CGSQ";
const VERSION: u32 = 1;
/// The most bytes to write, and to read.
const MOST_BYTES: usize = 256 << 20;
/// What the name of a file that is being written begins with.
const UNFINISHED: &str = ".unfinished-";
/// How old such a file is when nobody writes to it any more: whoever did was killed.
const ABANDONED: Duration = Duration::from_secs(600);
/// A sequence of fewer tokens is read again in no time.
const LEAST_TOKENS: usize = 64;

/// How many processes have a file of their own at once.
const SLOTS: usize = 8;
/// It is written again after so long at the soonest; later where that would take more than a share of the time in so many,
/// or write more than so many bytes a second.
const INTERVAL: Duration = Duration::from_secs(60);
const TIME_SHARE: u32 = 50;
const BYTES_A_SECOND: f64 = (1 << 20) as f64;

/// The file and the model that it belongs to.
pub(crate) struct Store {
    path: PathBuf,
    signature: u32,
    /// As long as it is locked the file is this process's.
    _lock: File,
    /// What was written last, in short.
    written: u32,
    /// When it may be written again.
    next: Instant,
    writing: Option<JoinHandle<()>>,
}

impl Store {
    /// Takes what the file has for this model into `sequences`.
    pub(crate) fn open<M: LanguageModel>(path: &Path, sequences: &mut Sequences<M>) -> Option<Self> {
        let signature = match signature(sequences) {
            Ok(signature) => signature,
            Err(error) => {
                tracing::warn!("sequences are not kept: the model has no signature ({error})");
                return None;
            }
        };
        let own = private_folder(folder_of(path)).and_then(|()| own_file(path));
        let (own, lock) = match own {
            Ok(own) => own,
            Err(error) => {
                tracing::warn!("{}: sequences are not kept: {error}", folder_of(path).display());
                return None;
            }
        };
        remove_abandoned(folder_of(path));
        let mut store = Self {
            path: own,
            signature,
            _lock: lock,
            written: 0,
            next: Instant::now() + INTERVAL,
            writing: None,
        };
        let mut others = (0..SLOTS)
            .map(|slot| file_of(path, slot))
            .filter(|other| *other != store.path);
        let from = match store.path.exists() {
            true => Some(store.path.clone()),
            false => others.find(|other| other.exists()),
        };
        match from.as_deref().map_or(Ok(0), |from| store.restore(from, sequences)) {
            Ok(0) => {}
            Ok(count) => tracing::info!("{count} sequences are there from the last time"),
            Err(error) => tracing::warn!("{}: {error}; what it holds is read again", path.display()),
        }
        store.written = fingerprint(sequences);
        Some(store)
    }

    /// How long it is until the file may be written again.
    pub(crate) fn due_in(&self) -> Duration {
        self.next.saturating_duration_since(Instant::now())
    }

    /// Has the file written where what is held is another than what was written last. Only the copying takes this thread's
    /// time.
    pub(crate) fn save_soon<M: LanguageModel>(&mut self, sequences: &Sequences<M>) {
        let began = Instant::now();
        let bytes = self.changed(sequences).unwrap_or_default();
        let pause = (began.elapsed() * TIME_SHARE).max(INTERVAL);
        self.next = began + pause.max(Duration::from_secs_f64(bytes.len() as f64 / BYTES_A_SECOND));
        self.finish();
        if !bytes.is_empty() {
            let path = self.path.clone();
            let writer = std::thread::Builder::new().name("keep".to_owned());
            self.writing = writer.spawn(move || write(&path, &bytes)).ok();
        }
    }

    /// Writes what is held, and waits until it is written.
    pub(crate) fn save<M: LanguageModel>(&mut self, sequences: &Sequences<M>) {
        self.finish();
        if let Some(bytes) = self.changed(sequences) {
            write(&self.path, &bytes);
        }
    }

    fn finish(&mut self) {
        if let Some(writing) = self.writing.take() {
            // It says itself where it fails.
            let _ = writing.join();
        }
    }

    /// The file's bytes, where what is held was not written before.
    fn changed<M: LanguageModel>(&mut self, sequences: &Sequences<M>) -> Option<Vec<u8>> {
        let now = fingerprint(sequences);
        if now == self.written {
            return None;
        }
        self.written = now;
        self.encode(sequences).unwrap_or_else(|error| {
            tracing::warn!("sequences are not kept: {error}");
            None
        })
    }

    /// What is held, the newest sequences first where not all fit.
    fn encode<M: LanguageModel>(&self, sequences: &Sequences<M>) -> Result<Option<Vec<u8>>, String> {
        let mut chosen = Vec::new();
        // The header and the checksum have their room, too.
        let mut room = MOST_BYTES - 20;
        for (tokens, cache) in sequences
            .held()
            .rev()
            .filter(|(tokens, _)| tokens.len() >= LEAST_TOKENS)
        {
            let size = 4 + tokens.len() * (4 + sequences.model().token_bytes());
            let Some(left) = room.checked_sub(size) else { break };
            room = left;
            chosen.push((tokens, cache));
        }
        if chosen.is_empty() {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let size = MOST_BYTES - room;
        bytes
            .try_reserve_exact(size)
            .map_err(|_| format!("there is no memory for the {} MiB to write", size.div_ceil(1 << 20)))?;
        bytes.extend(MAGIC);
        for number in [VERSION, self.signature, chosen.len() as u32] {
            bytes.extend(number.to_le_bytes());
        }
        for (tokens, cache) in chosen.into_iter().rev() {
            bytes.extend((tokens.len() as u32).to_le_bytes());
            bytes.extend(tokens.iter().flat_map(|token| token.to_le_bytes()));
            bytes.extend(sequences.model().export(cache, tokens.len())?);
        }
        let checksum = crc32fast::hash(&bytes);
        bytes.extend(checksum.to_le_bytes());
        Ok(Some(bytes))
    }

    /// Gives how many sequences were taken.
    fn restore<M: LanguageModel>(&self, from: &Path, sequences: &mut Sequences<M>) -> Result<usize, String> {
        let bytes = match plain_file::read(from, MOST_BYTES as u64) {
            Ok(bytes) => bytes,
            Err(error) if error.is_missing() => return Ok(0),
            Err(error) => return Err(error.to_string()),
        };
        let mut reader = Reader(&bytes);
        if reader.take(4)? != MAGIC || reader.number()? != VERSION {
            return Err("it is no file of sequences of this version".to_owned());
        }
        if reader.number()? != self.signature {
            return Err("it belongs to another model or build".to_owned());
        }
        let content = bytes.len().checked_sub(4).ok_or("it is cut off")?;
        let checksum = Reader(&bytes[content..]).number()?;
        if crc32fast::hash(&bytes[..content]) != checksum {
            return Err("its checksum is wrong".to_owned());
        }
        let count = reader.number()?;
        for _ in 0..count {
            let len = reader.number()? as usize;
            let tokens = reader.take(len.checked_mul(4).ok_or("a length is wrong")?)?;
            let tokens: Vec<u32> = tokens
                .chunks_exact(4)
                .map(|token| u32::from_le_bytes([token[0], token[1], token[2], token[3]]))
                .collect();
            let size = len.checked_mul(sequences.model().token_bytes());
            let cache = reader.take(size.ok_or("a length is wrong")?)?;
            let cache = sequences.model().import(cache, len)?;
            sequences.hold(tokens, cache);
        }
        Ok(count as usize)
    }
}

/// What a model computes, in short.
fn signature<M: LanguageModel>(sequences: &mut Sequences<M>) -> Result<u32, String> {
    let tokens: Vec<u32> = (1..9).collect();
    let mut logits = sequences.logits_after(&tokens)?;
    let bytes: Vec<u8> = logits.row(0)?.iter().flat_map(|logit| logit.to_le_bytes()).collect();
    Ok(crc32fast::hash(&bytes))
}

/// What is held that would be written, in short.
fn fingerprint<M: LanguageModel>(sequences: &Sequences<M>) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for (tokens, _) in sequences.held().filter(|(tokens, _)| tokens.len() >= LEAST_TOKENS) {
        tokens.iter().for_each(|token| hasher.update(&token.to_le_bytes()));
        hasher.update(&[0xff; 4]);
    }
    hasher.finalize()
}

/// The file of a process, where the first one has `path` itself.
fn file_of(path: &Path, slot: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    if slot > 0 {
        name.push(format!(".{slot}"));
    }
    name.into()
}

/// The first file that is no other process's, and what locks it. A file system that cannot lock has one for all.
fn own_file(path: &Path) -> io::Result<(PathBuf, File)> {
    for slot in 0..SLOTS {
        let file = file_of(path, slot);
        let mut lock = file.as_os_str().to_owned();
        lock.push(".lock");
        let mut options = fs::OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let lock = options.open(lock)?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => {}
            Ok(()) | Err(TryLockError::Error(_)) => return Ok((file, lock)),
        }
    }
    Err(io::Error::other(format!("{SLOTS} other processes keep theirs")))
}

/// Writes a file, or says in the log why not.
fn write(path: &Path, bytes: &[u8]) {
    if let Err(error) = write_whole(path, bytes) {
        tracing::warn!("{}: sequences are not kept: {error}", path.display());
    }
}

/// Writes a file that only its owner can read: it tells what the documents say. It gets its name when it is whole.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path);
    private_folder(folder)?;
    // Private from the beginning, removed where anything fails.
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Makes a folder that only its owner can look into, whatever the process's mask allows others. One that is there is closed
/// to others; one that cannot be, as it is somebody else's, and a link are refused.
fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    if !fs::symlink_metadata(folder)?.is_dir() {
        return Err(io::Error::other(
            "the folder is a link; remove it, or set CODEGEMMA_CACHE to another folder",
        ));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = fs::metadata(folder)?.permissions();
        if permissions.mode() & 0o077 != 0 {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Removes what was being written when its writer was killed. What cannot be removed is left for another time.
fn remove_abandoned(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let unfinished = entry.file_name().to_string_lossy().starts_with(UNFINISHED);
        let age = entry.metadata().and_then(|metadata| metadata.modified());
        let age = age.ok().and_then(|modified| modified.elapsed().ok());
        if unfinished
            && age.is_some_and(|age| age >= ABANDONED)
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::debug!("{}: it stays: {error}", entry.path().display());
        }
    }
}

/// Reads from the beginning of some bytes; an error where there are not as many.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or("it is cut off")?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u32, String> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
}

#[cfg(test)]
mod tests;
