//! Which pieces of a file are there, under way or still to come, for all connections.
//!
//! It must not know how pieces come.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::RANGE;
use super::kept::{Kept, len_of};
use crate::error::HubError;

#[derive(Clone, Copy, PartialEq)]
enum Piece {
    Missing,
    Taken,
    There { sum: u32, is_new: bool },
}

/// Whether the server gives parts of the file.
#[derive(Clone, Copy, PartialEq)]
enum Parts {
    /// Nobody has asked.
    Unknown,
    /// The first request is under way.
    Asked,
    Given,
    /// Only the whole is given, so one connection is enough.
    Ignored,
}

struct State {
    pieces: Vec<Piece>,
    parts: Parts,
    /// How many workers have something to fetch.
    busy: usize,
    failed: Option<HubError>,
    ended: bool,
}

pub(super) struct Board {
    state: Mutex<State>,
    changed: Condvar,
    done: AtomicU64,
    bytes: u64,
}

impl Board {
    pub(super) fn new(bytes: u64, kept: &Kept) -> Self {
        let there = |sum: &Option<u32>| sum.map_or(Piece::Missing, |sum| Piece::There { sum, is_new: false });
        Self {
            state: Mutex::new(State {
                pieces: kept.listed.sums.iter().map(there).collect(),
                parts: Parts::Unknown,
                busy: 0,
                failed: None,
                ended: false,
            }),
            changed: Condvar::new(),
            done: AtomicU64::new(kept.listed.bytes()),
            bytes,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn pieces(&self) -> usize {
        self.state().pieces.len()
    }

    /// How many bytes have come.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, bytes: usize) {
        self.done.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes that have to come again.
    pub(super) fn take_back(&self, bytes: usize) {
        self.done.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    /// Some pieces that are missing, in a row; waits until there are any. `None` at the end.
    pub(super) fn take(&self) -> Option<Range<usize>> {
        let mut state = self.state();
        loop {
            if state.is_over() {
                return None;
            }
            let is_free = match state.parts {
                Parts::Unknown | Parts::Given => true,
                Parts::Asked => false,
                Parts::Ignored => state.busy == 0,
            };
            let first = state.pieces.iter().position(|piece| *piece == Piece::Missing);
            if let Some(first) = first.filter(|_| is_free) {
                let row = state.pieces[first..].iter().take(RANGE);
                let count = row.take_while(|piece| **piece == Piece::Missing).count();
                state.pieces[first..first + count].fill(Piece::Taken);
                state.busy += 1;
                if state.parts == Parts::Unknown {
                    state.parts = Parts::Asked;
                }
                return Some(first..first + count);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// What was taken is fetched.
    pub(super) fn give_back(&self) {
        self.state().busy -= 1;
        self.changed.notify_all();
    }

    /// The server gives parts, or it does not. Says whether that goes together with what it did before.
    pub(super) fn set_parts(&self, given: bool) -> bool {
        let mut state = self.state();
        if state.parts == Parts::Asked || state.parts == Parts::Ignored {
            state.parts = if given { Parts::Given } else { Parts::Ignored };
            self.changed.notify_all();
        }
        given == (state.parts == Parts::Given)
    }

    /// Takes one piece, if it is missing.
    pub(super) fn claim(&self, piece: usize) -> bool {
        let mut state = self.state();
        let is_missing = state.pieces[piece] == Piece::Missing;
        if is_missing {
            state.pieces[piece] = Piece::Taken;
        }
        is_missing
    }

    /// Whether a piece is on the disk.
    pub(super) fn is_there(&self, piece: usize) -> bool {
        matches!(self.state().pieces[piece], Piece::There { .. })
    }

    /// A piece that was claimed did not come.
    pub(super) fn release(&self, piece: usize) {
        self.state().pieces[piece] = Piece::Missing;
        self.changed.notify_all();
    }

    pub(super) fn store(&self, piece: usize, sum: u32) {
        self.state().pieces[piece] = Piece::There { sum, is_new: true };
        self.changed.notify_all();
    }

    /// A piece is not on the disk as it was written down.
    pub(super) fn lose(&self, piece: usize) {
        self.take_back(len_of(piece, self.bytes) as usize);
        self.release(piece);
    }

    /// The checksum of a piece, and whether it came in this run, once it is there; `None` where it is not after a while.
    pub(super) fn wait_for(&self, piece: usize, time: Duration) -> Result<Option<(u32, bool)>, HubError> {
        let end = Instant::now() + time;
        let mut state = self.state();
        loop {
            if let Piece::There { sum, is_new } = state.pieces[piece] {
                return Ok(Some((sum, is_new)));
            }
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits before something is tried again. Says whether it still makes sense.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut state = self.state();
        while !state.is_over() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        false
    }

    pub(super) fn is_over(&self) -> bool {
        self.state().is_over()
    }

    pub(super) fn fail(&self, error: HubError) {
        self.state().failed.get_or_insert(error);
        self.changed.notify_all();
    }

    /// All is done, or given up.
    pub(super) fn end(&self) {
        self.state().ended = true;
        self.changed.notify_all();
    }
}

impl State {
    fn is_over(&self) -> bool {
        self.ended || self.failed.is_some()
    }
}
