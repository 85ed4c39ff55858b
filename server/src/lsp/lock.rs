//! Locks that are taken in one order, so that no two threads can wait for each other, and never by a thread that gives way,
//! which may be made to wait while others wait for it. Builds with debug assertions check both.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::process::priority;

/// The locks of the server in the order in which a thread that holds one may take others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// What is set, and by whom.
    Configuration = 1,
    /// What is being loaded.
    Loader,
    /// Documents, requests and the engine.
    Session,
    /// What became of suggestions.
    Statistics,
}

thread_local! {
    /// The highest rank that this thread holds, or 0.
    static HELD: Cell<u8> = const { Cell::new(0) };
}

/// A lock with a rank. A panic elsewhere does not spoil what it guards: no change of it is left half done.
#[derive(Debug)]
pub(super) struct Lock<T> {
    rank: Rank,
    mutex: Mutex<T>,
}

/// What a lock guards, while it is held.
pub(super) struct Held<'a, T> {
    guard: MutexGuard<'a, T>,
    /// What the thread held before.
    before: u8,
}

impl<T> Lock<T> {
    pub(super) fn new(rank: Rank, value: T) -> Self {
        Self {
            rank,
            mutex: Mutex::new(value),
        }
    }

    /// Waits for the lock.
    pub(super) fn lock(&self) -> Held<'_, T> {
        let before = HELD.get();
        debug_assert!(
            before < self.rank as u8,
            "{:?} is locked by a thread that holds a lock of rank {before}",
            self.rank
        );
        debug_assert!(
            !priority::gives_way(),
            "{:?} is locked by a thread that gives way",
            self.rank
        );
        let guard = self.mutex.lock().unwrap_or_else(PoisonError::into_inner);
        HELD.set(self.rank as u8);
        Held { guard, before }
    }
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.guard
    }
}

impl<T> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.guard
    }
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        HELD.set(self.before);
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn the_order_holds() {
        let (outer, inner) = (Lock::new(Rank::Loader, 1), Lock::new(Rank::Session, 2));
        for _ in 0..2 {
            let first = outer.lock();
            assert_eq!(*first + *inner.lock(), 3);
            // It was given back, so that it can be taken again.
            drop(inner.lock());
        }
        drop(inner.lock());
    }

    #[test]
    #[cfg(debug_assertions)]
    fn another_order_panics_and_so_does_a_thread_that_gives_way() {
        let outside = || {
            let (outer, inner) = (Lock::new(Rank::Loader, ()), Lock::new(Rank::Session, ()));
            let _held = inner.lock();
            drop(outer.lock());
        };
        assert!(catch_unwind(outside).is_err());
        let twice = || {
            let lock = Lock::new(Rank::Session, ());
            let _held = lock.lock();
            drop(lock.lock());
        };
        assert!(catch_unwind(twice).is_err());
        let low = std::thread::spawn(|| {
            priority::give_way();
            drop(Lock::new(Rank::Session, ()).lock());
        });
        assert!(low.join().is_err());
    }
}
