//! What becomes of a panic: it is told once, with where it happened, and ends no more than what it happened in.
//!
//! The words of a panic may quote a document, so they are not told. This must not know what is fenced.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

/// Has `tell` say where each panic happens, from now on.
pub(crate) fn tell_with(tell: fn(&str)) {
    let hook = move |panic: &PanicHookInfo<'_>| {
        let place = panic
            .location()
            .map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("without a name");
        tell(&format!(
            "the thread {thread} panicked at {place}, which is a mistake in this program; please report this line"
        ));
    };
    std::panic::set_hook(Box::new(hook));
}

/// Does something whose panic must not go further; `None` where it panicked. What it changes must be whole or healed
/// afterwards.
pub(crate) fn fenced<T>(work: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// A place where a test may inject a panic. It is nothing in the program itself.
#[cfg(not(test))]
pub(crate) fn fault(_place: &'static str) {}

#[cfg(test)]
pub(crate) use faults::fault;

/// Panics that tests inject.
#[cfg(test)]
pub(crate) mod faults {
    use std::sync::{Mutex, PoisonError};

    static ARMED: Mutex<Option<&'static str>> = Mutex::new(None);

    /// Has the next one that comes to this place panic.
    pub(crate) fn arm(place: &'static str) {
        *ARMED.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
    }

    /// Whether somebody came to the place since.
    pub(crate) fn has_struck() -> bool {
        ARMED.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    pub(crate) fn fault(place: &'static str) {
        let armed = ARMED
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take_if(|armed| *armed == place);
        assert!(armed.is_none(), "a test injected this, and it quotes SECRET TEXT");
    }
}
