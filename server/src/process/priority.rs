//! How soon threads of the server run when every core is busy: those that messages pass through before those that compute.
//!
//! Linux only; elsewhere the scheduler is left to itself. This must not know what the threads do.

use std::cell::Cell;

/// How much less than the rest of the server a thread counts that gives way, as `nice` has it. It still gets a quarter of a
/// core that is busy.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;

/// How long a thread that is to run soon may run at a time, in nanoseconds, before others have their turn. From Linux 6.12
/// on, a thread that asks for less at a time gets it sooner (sched(7), EEVDF); before, it makes no difference.
#[cfg(target_os = "linux")]
const SOON: u64 = 100_000;

thread_local! {
    static GIVES_WAY: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread gives way, so that nobody may have to wait for it.
pub(crate) fn gives_way() -> bool {
    GIVES_WAY.get()
}

/// Has this thread give way to all others of the server.
pub(crate) fn give_way() {
    GIVES_WAY.set(true);
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

/// Has this thread run soon when it has something to do, which never takes it long. Threads that it starts are ordinary
/// ones.
pub(crate) fn run_soon() {
    #[cfg(target_os = "linux")]
    if let Err(error) = linux::set_slice(SOON) {
        tracing::debug!("messages are not read before other work: {error}");
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;

    /// `struct sched_attr` in its first version, which every kernel knows.
    #[repr(C)]
    #[derive(Debug, Default)]
    struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }

    /// Threads that this one starts do not inherit what is set.
    const RESET_ON_FORK: u64 = 1;

    /// Sets how long this thread runs at a time. Its niceness stays.
    pub(super) fn set_slice(nanoseconds: u64) -> io::Result<()> {
        let own = Some(rustix::thread::gettid());
        let attributes = Attributes {
            size: size_of::<Attributes>() as u32,
            flags: RESET_ON_FORK,
            nice: rustix::process::getpriority_process(own)?,
            runtime: nanoseconds,
            ..Attributes::default()
        };
        // SAFETY: the kernel reads as many bytes of the structure as its field `size` says, which is its size; thread 0 is
        // the calling one.
        let code = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
        match code {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    #[cfg(test)]
    #[test]
    fn the_kernel_takes_it_and_threads_do_not_inherit_it() {
        /// As the kernel prints it, where it does.
        fn slice() -> Option<String> {
            let path = format!("/proc/self/task/{}/sched", rustix::thread::gettid().as_raw_nonzero());
            let text = std::fs::read_to_string(path).ok()?;
            Some(text.lines().find(|line| line.contains("slice"))?.to_owned())
        }
        std::thread::spawn(|| {
            let before = slice();
            set_slice(super::SOON).unwrap();
            let set = slice();
            let inherited = std::thread::spawn(slice).join().unwrap();
            assert_eq!(inherited, before);
            assert_eq!(set == before, before.is_none());
        })
        .join()
        .unwrap();
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::getpriority_process;
    use rustix::thread::gettid;

    #[test]
    fn a_thread_gives_way_and_nobody_else_does() {
        let priority = || getpriority_process(Some(gettid())).unwrap();
        let before = priority();
        let lowered = std::thread::spawn(move || {
            super::give_way();
            priority()
        });
        assert_eq!(lowered.join().unwrap(), super::NICENESS.max(before));
        assert_eq!(priority(), before);
    }
}
