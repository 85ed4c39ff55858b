//! The system asks the process to end, as when a session is logged out or a service stopped: it ends as if the client had
//! left, so that what was read is kept. A second time ends it at once.
//!
//! It must not know what there is to end.

use tokio::sync::oneshot;

/// Comes when the process is asked to end; its sender is gone where that cannot be known. It is to be called before there
/// are other threads, as only those that begin later leave the signals to the one that waits for them.
pub(super) fn asked() -> oneshot::Receiver<()> {
    let (asked, comes) = oneshot::channel();
    #[cfg(unix)]
    {
        let watch = move || {
            if signals::wait() {
                // Where nobody listens the server is ending already.
                let _ = asked.send(());
            }
        };
        signals::hold_back();
        let watched = std::thread::Builder::new().name("signals".to_owned()).spawn(watch);
        if let Err(error) = watched {
            signals::let_through();
            tracing::warn!("a signal ends the server without what it has read being kept: {error}");
        }
    }
    #[cfg(not(unix))]
    drop(asked);
    comes
}

/// The signals that ask a process to end.
#[cfg(unix)]
mod signals {
    use std::mem::MaybeUninit;
    use std::ptr;

    use libc::{SIG_BLOCK, SIG_UNBLOCK, SIGHUP, SIGINT, SIGTERM, c_int, sigset_t};

    fn set() -> sigset_t {
        let mut set = MaybeUninit::uninit();
        // SAFETY: the first call makes an empty set of the local value that it points to, so that the others are given a set,
        // and it is initialized in the end. The signals are constants of this system, for which no call fails.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for signal in [SIGHUP, SIGINT, SIGTERM] {
                libc::sigaddset(set.as_mut_ptr(), signal);
            }
            set.assume_init()
        }
    }

    fn mask(how: c_int) {
        // SAFETY: the pointer is to what `set` has made, which lives until the end of the statement, and no earlier mask is
        // asked for. It fails for a wrong `how` only.
        unsafe { libc::pthread_sigmask(how, &set(), ptr::null_mut()) };
    }

    /// Keeps the signals from ending the process in this thread and those that it starts.
    pub(super) fn hold_back() {
        mask(SIG_BLOCK);
    }

    /// Lets them end the process in this thread.
    pub(super) fn let_through() {
        mask(SIG_UNBLOCK);
    }

    /// Waits for one of them, in a thread that holds them back; the next one ends the process.
    pub(super) fn wait() -> bool {
        let mut signal: c_int = 0;
        // SAFETY: one pointer is to what `set` has made, which lives until the end of the statement, the other to a local
        // number.
        let came = unsafe { libc::sigwait(&set(), &raw mut signal) } == 0;
        let_through();
        came
    }
}
