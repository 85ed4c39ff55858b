//! Whether the client still is there. A server that nobody can reach any more must end, however the client went: its
//! process died while something else holds stdin open, it closed stdout, or it never reads.
//!
//! It must not know what the client says.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, System};
use tokio::io::AsyncWrite;
use tokio::sync::Notify;

/// How often what does not tell of its end is looked at.
const PERIOD: Duration = Duration::from_secs(2);

/// What is written last may take so long to be read.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known of the client's end of things.
#[derive(Default)]
pub(super) struct Presence {
    /// The process that the client said it is, if that was alive then: a number from another container is none of these.
    process: OnceLock<Process>,
    input_ended: AtomicBool,
    output: Mutex<Output>,
    output_broke: Notify,
}

#[derive(Debug, PartialEq, Eq)]
struct Process {
    id: u32,
    /// Numbers are used again, but not with the same start, in seconds.
    start: u64,
}

#[derive(Default)]
struct Output {
    /// Since when the client has not read what is written.
    stuck: Option<Instant>,
}

impl Presence {
    /// The client said that the server has no use without this process.
    pub(super) fn is_process(&self, id: u32) {
        match living(id) {
            Some(process) => drop(self.process.set(process)),
            None => tracing::debug!("the client's process {id} is not one of this machine, or not visible"),
        }
    }

    /// Nothing more will be read.
    pub(super) fn input_ended(&self) {
        self.input_ended.store(true, Ordering::Relaxed);
    }

    /// Waits until the client is gone, and says how. `standard` says that it is behind stdin and stdout.
    pub(super) async fn gone(&self, standard: bool) -> &'static str {
        loop {
            tokio::select! {
                () = self.output_broke.notified() => return "it does not take answers any more",
                () = tokio::time::sleep(PERIOD) => {}
            }
            if let Some(how) = self.is_gone(standard) {
                return how;
            }
        }
    }

    fn is_gone(&self, standard: bool) -> Option<&'static str> {
        let stuck = self.output().stuck.is_some_and(|since| since.elapsed() >= PATIENCE);
        let input_ended = || self.input_ended.load(Ordering::Relaxed) || (standard && stdin_is_closed());
        if self
            .process
            .get()
            .is_some_and(|process| living(process.id).as_ref() != Some(process))
        {
            Some("its process has ended")
        } else if standard && stdout_is_closed() {
            Some("it has closed stdout")
        } else if stuck && input_ended() {
            Some("it has left without reading the last answers")
        } else {
            None
        }
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn written<T>(&self, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match &result {
            Poll::Pending => drop(self.output().stuck.get_or_insert_with(Instant::now)),
            Poll::Ready(Ok(_)) => self.output().stuck = None,
            Poll::Ready(Err(_)) => self.output_broke.notify_one(),
        }
        result
    }
}

/// A stream to the client, of which it is known whether the client reads.
pub(super) struct Watched<'a, O> {
    pub(super) output: O,
    pub(super) presence: &'a Presence,
}

impl<O: AsyncWrite + Unpin> AsyncWrite for Watched<'_, O> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.output).poll_write(context, bytes);
        self.presence.written(result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.output).poll_flush(context);
        self.presence.written(result)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.output).poll_shutdown(context)
    }
}

/// A process that runs. One that has ended and that its parent has not asked for does not.
fn living(id: u32) -> Option<Process> {
    let pid = Pid::from_u32(id);
    let mut system = System::new();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, ProcessRefreshKind::nothing());
    let process = system.process(pid)?;
    let runs = !matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead);
    runs.then(|| Process {
        id,
        start: process.start_time(),
    })
}

/// Whether nobody can read what is written there.
fn stdout_is_closed() -> bool {
    #[cfg(unix)]
    {
        use rustix::event::PollFlags;
        is_so(io::stdout(), PollFlags::ERR | PollFlags::HUP)
    }
    // Elsewhere the next message says so.
    #[cfg(not(unix))]
    false
}

/// Whether nobody can write there any more; what was written may still wait to be read.
fn stdin_is_closed() -> bool {
    #[cfg(unix)]
    {
        use rustix::event::PollFlags;
        #[cfg(target_os = "linux")]
        let closed = PollFlags::HUP | PollFlags::RDHUP;
        #[cfg(not(target_os = "linux"))]
        let closed = PollFlags::HUP;
        is_so(io::stdin(), closed)
    }
    #[cfg(not(unix))]
    false
}

#[cfg(unix)]
fn is_so(stream: impl std::os::fd::AsFd, flags: rustix::event::PollFlags) -> bool {
    let mut polled = [rustix::event::PollFd::new(&stream, flags)];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    let found = rustix::event::poll(&mut polled, Some(&now));
    found.is_ok() && polled[0].revents().intersects(flags)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use futures_util::FutureExt;
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_process_lives_until_it_has_ended() {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let found = living(child.id());
        assert_eq!(found.as_ref().map(|found| found.id), Some(child.id()));
        assert_eq!(found, living(child.id()));
        child.kill().unwrap();
        // It has ended, and nobody has asked how.
        let ended = (0..1000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            living(child.id()).is_none()
        });
        assert!(ended);
        child.wait().unwrap();
        assert_eq!(living(child.id()), None);
        assert_eq!(living(u32::MAX - 1), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_closed_when_its_other_end_is() {
        use rustix::event::PollFlags;
        let (reader, writer) = io::pipe().unwrap();
        let (in_closed, out_closed) = (PollFlags::HUP, PollFlags::ERR | PollFlags::HUP);
        assert!(!is_so(&reader, in_closed) && !is_so(&writer, out_closed));
        drop(reader);
        assert!(is_so(&writer, out_closed));
        let (reader, writer) = io::pipe().unwrap();
        io::Write::write_all(&mut &writer, b"x").unwrap();
        drop(writer);
        assert!(is_so(&reader, in_closed));
    }

    #[tokio::test]
    async fn who_leaves_without_reading_is_gone_and_who_stays_is_not() {
        let presence = Presence::default();
        let (output, unread) = tokio::io::duplex(4);
        let mut output = Watched {
            output,
            presence: &presence,
        };
        let mut write = Box::pin(output.write_all(b"more than fits"));
        assert!((&mut write).now_or_never().is_none());
        presence.output().stuck = Instant::now().checked_sub(PATIENCE);
        assert_eq!(presence.is_gone(false), None);
        presence.input_ended();
        assert!(presence.is_gone(false).is_some());
        drop(unread);
        assert!(write.await.is_err());
        assert!(tokio::time::timeout(PERIOD / 2, presence.gone(false)).await.is_ok());
    }
}
