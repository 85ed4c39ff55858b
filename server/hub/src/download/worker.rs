//! One connection: asks for some pieces in a row, writes them as they come, and asks again where that breaks off.
//!
//! It must not know what the file is for.

use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use url::Url;

use super::board::Board;
use super::kept::{Kept, len_of};
use super::{Download, PIECE, Watcher};
use crate::client::{WebAnswer, WebRequest};
use crate::endpoint::shown;
use crate::error::{HubError, Trouble};
use crate::hub_cache::cannot_write;

/// How often something is tried without a byte more.
const TRIES: u32 = 6;
/// How long the first pause is; each is twice as long as the one before.
const PAUSE: Duration = Duration::from_millis(400);

pub(super) struct Worker<'a> {
    download: &'a Download<'a>,
    board: &'a Board,
    kept: &'a Kept,
    watcher: &'a dyn Watcher,
    /// Where the server sends on to, as long as that is good.
    location: Mutex<Option<Url>>,
}

/// Pieces that are fetched, and what has come of the first that is not there.
struct Row {
    pieces: Range<usize>,
    begun: Vec<u8>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(download: &'a Download<'a>, board: &'a Board, kept: &'a Kept, watcher: &'a dyn Watcher) -> Self {
        Self {
            download,
            board,
            kept,
            watcher,
            location: Mutex::new(None),
        }
    }

    /// Fetches what is missing, until all is there.
    pub(super) fn work(&self) {
        while let Some(pieces) = self.board.take() {
            let row = Row {
                pieces,
                begun: Vec::with_capacity(PIECE as usize),
            };
            if let Err(error) = self.fetch(row) {
                self.board.fail(error);
            }
            self.board.give_back();
        }
    }

    fn fetch(&self, mut row: Row) -> Result<(), HubError> {
        let mut tried = 0;
        while !row.pieces.is_empty() {
            let before = self.board.done();
            let (message, wait) = match self.attempt(&mut row) {
                Ok(()) if self.board.is_over() => return Ok(()),
                Ok(()) => continue,
                Err(Trouble::Lasting(error)) => return Err(error),
                Err(Trouble::Busy(message, wait)) => (message, wait),
                Err(Trouble::Cut(message)) => (message, None),
            };
            // Others' bytes count, too: the server is there.
            tried = if self.board.done() > before { 1 } else { tried + 1 };
            if tried == TRIES {
                return Err(HubError::new(format!(
                    "{message}; {TRIES} tries were in vain. What has come is kept: the same command goes on with it"
                )));
            }
            self.watcher.retries(&message);
            if !self.board.pause(wait.unwrap_or(PAUSE * 2_u32.pow(tried - 1))) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Asks once, and writes what comes.
    fn attempt(&self, row: &mut Row) -> Result<(), Trouble> {
        let first = row.pieces.start as u64 * PIECE + row.begun.len() as u64;
        let last = (row.pieces.end as u64 * PIECE).min(self.download.bytes) - 1;
        let known = self.location().clone();
        let asked = self.download.client.ask(WebRequest {
            url: known.as_ref().unwrap_or(self.download.url),
            token: self.download.token,
            head: false,
            range: Some((first, last)),
            accept: None,
        });
        let answer = asked?;
        let host = shown(&answer.url);
        match answer.status {
            200 | 206 if answer.is_html() => Err(Trouble::lasting(format!(
                "{host}: the answer is a web page instead of the file; check HF_ENDPOINT, and whether a proxy asks for a login"
            ))),
            206 => {
                self.check_range(&answer, first, last)?;
                if answer.url != *self.download.url {
                    *self.location() = Some(answer.url.clone());
                }
                self.board.set_parts(true);
                self.read_row(answer, row)
            }
            200 => {
                let len = answer.content_length();
                if len.is_some_and(|len| len != self.download.bytes) {
                    return Err(self.wrong_length(&answer));
                }
                match self.board.set_parts(false) {
                    true => self.read_whole(answer, row),
                    false => Err(Trouble::Cut(format!("{host}: a part was asked for and the whole came"))),
                }
            }
            // Addresses that a server sends on to are good for a while.
            401 | 403 | 404 | 410 if answer.url != *self.download.url => {
                *self.location() = None;
                Err(Trouble::Cut(format!("{host}: the address is not good any more")))
            }
            416 => Err(self.wrong_length(&answer)),
            401 | 403 => Err(Trouble::lasting(format!(
                "{host}: the file may not be read ({}); pull again, and check the token in HF_TOKEN if you have one",
                answer.status
            ))),
            status => Err(Trouble::lasting(format!(
                "{host}: the answer was {status}; try again later"
            ))),
        }
    }

    fn location(&self) -> std::sync::MutexGuard<'_, Option<Url>> {
        self.location.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The part that came has to be the one that was asked for, of a file of the right length.
    fn check_range(&self, answer: &WebAnswer, first: u64, last: u64) -> Result<(), Trouble> {
        let expected = format!("bytes {first}-{last}/{}", self.download.bytes);
        let said = answer.header("Content-Range").unwrap_or_default();
        if !said.trim().eq_ignore_ascii_case(&expected) {
            let length = said.rsplit('/').next().and_then(|length| length.parse::<u64>().ok());
            return Err(match length {
                Some(length) if length != self.download.bytes => self.wrong_length(answer),
                _ => Trouble::lasting(format!(
                    "{}: another part of the file came than was asked for; check the proxy",
                    shown(&answer.url)
                )),
            });
        }
        match answer.content_length() {
            Some(len) if len != last - first + 1 => Err(self.wrong_length(answer)),
            _ => Ok(()),
        }
    }

    fn wrong_length(&self, answer: &WebAnswer) -> Trouble {
        Trouble::lasting(format!(
            "{}: the file is not as long as was announced ({} bytes); pull again later",
            shown(&answer.url),
            self.download.bytes
        ))
    }

    /// Reads the pieces of a row. What has come of a piece when the answer breaks off is kept for the next one.
    fn read_row(&self, answer: WebAnswer, row: &mut Row) -> Result<(), Trouble> {
        let host = shown(&answer.url);
        let mut reader = answer.into_reader();
        while !row.pieces.is_empty() && !self.board.is_over() {
            self.read_piece(&mut reader, row.pieces.start, &mut row.begun)
                .map_err(|error| cut(&host, &error))?;
            self.store(row.pieces.start, &row.begun)?;
            row.begun.clear();
            row.pieces.start += 1;
        }
        // The end of the answer is read, so that the connection can be used again.
        let _ = reader.read(&mut [0]);
        Ok(())
    }

    /// Reads the whole file, and writes the pieces that are missing.
    fn read_whole(&self, answer: WebAnswer, row: &mut Row) -> Result<(), Trouble> {
        let host = shown(&answer.url);
        let mut reader = answer.into_reader();
        self.board.take_back(row.begun.len());
        row.begun.clear();
        for piece in 0..self.board.pieces() {
            if self.board.is_over() {
                return Ok(());
            }
            let is_own = row.pieces.contains(&piece);
            let result = if is_own || self.board.claim(piece) {
                let mut bytes = std::mem::take(&mut row.begun);
                let read = self.read_piece(&mut reader, piece, &mut bytes);
                let stored = read
                    .map_err(|error| cut(&host, &error))
                    .and_then(|()| self.store(piece, &bytes));
                if stored.is_err() {
                    self.board.take_back(bytes.len());
                }
                bytes.clear();
                row.begun = bytes;
                stored
            } else {
                let len = len_of(piece, self.download.bytes);
                let skipped = io::copy(&mut reader.by_ref().take(len), &mut io::sink());
                match skipped {
                    Ok(skipped) if skipped == len => Ok(()),
                    Ok(_) => Err(cut(&host, &io::ErrorKind::UnexpectedEof.into())),
                    Err(error) => Err(cut(&host, &error)),
                }
            };
            match result {
                Ok(()) if is_own => row.pieces.start = piece + 1,
                Ok(()) => {}
                Err(trouble) => {
                    if !is_own && !self.board.is_there(piece) {
                        self.board.release(piece);
                    }
                    return Err(trouble);
                }
            }
        }
        Ok(())
    }

    /// Reads until a piece is whole.
    fn read_piece(&self, reader: &mut impl Read, piece: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
        let len = len_of(piece, self.download.bytes) as usize;
        let mut filled = bytes.len();
        bytes.resize(len, 0);
        while filled < len {
            let read = match reader.read(&mut bytes[filled..]) {
                Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
                read => read,
            };
            match read {
                Ok(read) => {
                    filled += read;
                    self.board.add(read);
                }
                Err(error) => {
                    bytes.truncate(filled);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn store(&self, piece: usize, bytes: &[u8]) -> Result<(), Trouble> {
        let sum = self.kept.write_piece(piece, bytes);
        let sum = sum.map_err(|error| cannot_write(self.download.target, &error))?;
        self.board.store(piece, sum);
        Ok(())
    }
}

fn cut(host: &str, error: &io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Trouble::Cut(format!("{host}: the connection broke off")),
        _ => Trouble::Cut(format!("{host}: {error}")),
    }
}
