//! Threads that work for the protocol's, each at one kind of work and in the order in which it comes.
//!
//! What gives way to a model that computes on every core runs at a lower priority: a thread of the same priority would be
//! let finish its turn, some milliseconds, before a message is read. Such a thread must never hold a lock that the
//! protocol's waits for, as it may be made to wait while it holds it. This must not know what the work is.

use std::sync::{Mutex, PoisonError, mpsc};

use tokio::sync::oneshot;

use crate::process::panics::fenced;
use crate::process::priority;

type Work = Box<dyn FnOnce() + Send>;

/// A thread, which begins with the first work and ends with the lane.
#[derive(Debug)]
pub(super) struct Lane {
    name: &'static str,
    gives_way: bool,
    sender: Mutex<Option<mpsc::Sender<Work>>>,
}

impl Lane {
    /// A lane at the priority of the protocol.
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            gives_way: false,
            sender: Mutex::default(),
        }
    }

    /// A lane that gives way.
    pub(super) fn of_low_priority(name: &'static str) -> Self {
        Self {
            gives_way: true,
            ..Self::new(name)
        }
    }

    /// Has something done after what was given before, and says whether there is a thread to do it. A panic in it is told
    /// and ends nothing else.
    pub(super) fn post(&self, work: impl FnOnce() + Send + 'static) -> bool {
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if sender.is_none() {
            match self.spawn() {
                Ok(thread) => *sender = Some(thread),
                Err(error) => {
                    tracing::error!("no thread to work ({}: {error}); close other programs", self.name);
                    return false;
                }
            }
        }
        // The thread does not end while there is somebody who sends.
        sender
            .as_ref()
            .is_some_and(|sender| sender.send(Box::new(work)).is_ok())
    }

    /// Waits for something to be done; `None` where it panics or there is no thread. Whoever does not wait any more does
    /// not have it done.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let (sender, done) = oneshot::channel();
        let work = move || {
            if !sender.is_closed() {
                // Nobody may wait any more, and then nobody misses it.
                let _ = sender.send(work());
            }
        };
        if !self.post(work) {
            return None;
        }
        done.await.ok()
    }

    fn spawn(&self) -> std::io::Result<mpsc::Sender<Work>> {
        let (sender, works) = mpsc::channel::<Work>();
        let gives_way = self.gives_way;
        let serve = move || {
            if gives_way {
                priority::give_way();
            }
            for work in works {
                // What panics has said so.
                let _ = fenced(work);
            }
        };
        std::thread::Builder::new().name(self.name.to_owned()).spawn(serve)?;
        Ok(sender)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_in_order_and_a_panic_is_nobody_else_s() {
        let lane = Lane::new("test");
        let (sender, done) = mpsc::channel();
        for number in 0..100 {
            let sender = sender.clone();
            assert!(lane.post(move || {
                sender.send(number).unwrap();
                assert_ne!(number, 50, "a test has this panic");
            }));
        }
        assert_eq!(lane.run(|| 7).await, Some(7));
        assert_eq!(lane.run(|| -> u8 { panic!("a test has this panic") }).await, None);
        assert_eq!(lane.run(|| 8).await, Some(8));
        assert_eq!(done.try_iter().collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_done() {
        let lane = Lane::new("test");
        let (held, hold) = mpsc::channel::<()>();
        lane.post(move || assert!(hold.recv().is_err()));
        let (sender, done) = mpsc::channel();
        let waits = lane.run(move || sender.send(1));
        drop(tokio::time::timeout(std::time::Duration::from_millis(1), waits).await);
        drop(held);
        assert_eq!(lane.run(|| 2).await, Some(2));
        assert!(done.try_recv().is_err());
    }
}
