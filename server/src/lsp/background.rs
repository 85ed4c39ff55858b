//! Work that takes a while and that no message waits for, on threads that give way. Where models compute on every core, a
//! thread of the same priority would be let finish its turn, some milliseconds, before a message is read. It must not know
//! what the work is.

/// How much less than the rest of the server they count, as `nice` has it. They still get a quarter of a core that is busy.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

/// Has a thread of its own do it, and says whether there is one. Without one it is not done, which is logged.
pub(super) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> bool {
    let work = move || {
        give_way();
        work();
    };
    let started = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    if let Err(error) = &started {
        tracing::error!("no thread for background work ({name}: {error}); close other programs");
    }
    started.is_ok()
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
        assert!(start("test", move || {
            sender.send(getpriority_process(Some(gettid())).unwrap()).unwrap();
        }));
        assert_eq!(found.recv().unwrap(), NICENESS.max(before));
        assert_eq!(getpriority_process(Some(gettid())).unwrap(), before);
    }
}
