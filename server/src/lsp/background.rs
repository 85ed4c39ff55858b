//! Work that takes a while and that no message waits for: syntax trees, and what is shown of other files. Two threads do
//! it, one for each kind, so that neither waits for the other, and they end when there is nothing to do. Where no thread
//! can be had, the work waits until it is asked for again.
//!
//! They give way: where models compute on every core, a thread of the same priority would be let finish its turn, some
//! milliseconds, before a message is read. This must not know what the work is; whoever starts a worker knows what is to
//! be done next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::panics::fenced;

/// How much less than the rest of the server the threads count, as `nice` has it. They still get a quarter of a core that
/// is busy.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

/// A thread of one kind of work, which is there while there is work.
#[derive(Debug, Default)]
pub(super) struct Worker {
    runs: Arc<AtomicBool>,
}

impl Worker {
    /// Has a thread work until `step` finds nothing to do and says so; that thread may be there already. Before it says
    /// so, `step` calls [`Self::rests`] under the lock that work is added under, so that none is overlooked. Where it
    /// panics, the thread ends too.
    pub(super) fn start(&self, name: &str, mut step: impl FnMut() -> bool + Send + 'static) {
        if self.runs.swap(true, Ordering::AcqRel) {
            return;
        }
        let runs = self.runs.clone();
        let work = move || {
            give_way();
            loop {
                match fenced(&mut step) {
                    Some(true) => {}
                    Some(false) => break,
                    None => break runs.store(false, Ordering::Release),
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name(name.to_owned()).spawn(work) {
            self.rests();
            tracing::warn!("no thread for background work ({name}: {error}); it is done later");
        }
    }

    /// There is nothing to do: the thread ends, and the next work begins another.
    pub(super) fn rests(&self) {
        self.runs.store(false, Ordering::Release);
    }
}

/// A thread has a priority of its own on Linux; elsewhere the scheduler is left to itself.
fn give_way() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        let own = Some(rustix::thread::gettid());
        let lowered = getpriority_process(own).and_then(|now| setpriority_process(own, now.max(NICENESS)));
        if let Err(error) = lowered {
            tracing::debug!("background work does not give way: {error}");
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::mpsc;

    use rustix::process::getpriority_process;
    use rustix::thread::gettid;

    use super::*;

    #[test]
    fn it_gives_way_and_nobody_else_does() {
        let before = getpriority_process(Some(gettid())).unwrap();
        let (sender, found) = mpsc::channel();
        Worker::default().start("test", move || {
            sender.send(getpriority_process(Some(gettid())).unwrap()).unwrap();
            false
        });
        assert_eq!(found.recv().unwrap(), NICENESS.max(before));
        assert_eq!(getpriority_process(Some(gettid())).unwrap(), before);
    }
}
