//! The threads that compute. They spin between the small parallel steps of a forward pass, which come microseconds
//! apart, and sleep otherwise.
//!
//! What is computed must not depend on who computes it: a step is a number of tasks, and any thread takes the next.

use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

/// A number of threads, the calling one among them.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Held by the thread whose step runs: there is one at a time.
    turn: Mutex<()>,
}

/// The function of a step, called for each of its tasks.
type Step = *const (dyn Fn(usize) + Sync);

struct Shared {
    /// The number of the step, how many workers are in it, and whether more may join: see the constants.
    state: AtomicU64,
    /// Written only while no step is open and no worker is in one.
    step: UnsafeCell<Option<Step>>,
    tasks: AtomicUsize,
    next: AtomicUsize,
    panicked: AtomicBool,
    /// Whether workers shall spin for the next step.
    awake: AtomicBool,
    stopped: AtomicBool,
    sleep: Mutex<()>,
    wake: Condvar,
}

/// Bit of `state`: workers may join.
const OPEN: u64 = 1;
/// One worker in `state`.
const JOINED: u64 = 1 << 1;
/// All workers in `state`.
const ALL_JOINED: u64 = (1 << 32) - JOINED;
/// One step in `state`.
const NUMBER: u64 = 1 << 32;

// SAFETY: all fields but `step` are safe to share. `step` is written by the thread that holds the turn, while no step is
// open and nobody is in one; opening it releases the write and joining it acquires it.
unsafe impl Sync for Shared {}
// SAFETY: the pointer in `step` is followed only by workers that are in the step, and the thread that runs the step
// keeps the function alive until they have left.
unsafe impl Send for Shared {}

impl Pool {
    /// `threads` threads in all. The error is the system's, where it could not start one.
    pub(crate) fn new(threads: usize) -> std::io::Result<Self> {
        let shared = Shared {
            state: AtomicU64::new(0),
            step: UnsafeCell::new(None),
            tasks: AtomicUsize::new(0),
            next: AtomicUsize::new(0),
            panicked: AtomicBool::new(false),
            awake: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            sleep: Mutex::new(()),
            wake: Condvar::new(),
        };
        let mut pool = Self {
            shared: Arc::new(shared),
            workers: Vec::new(),
            turn: Mutex::new(()),
        };
        for index in 1..threads {
            let shared = Arc::clone(&pool.shared);
            let builder = std::thread::Builder::new().name(format!("compute-{index}"));
            pool.workers.push(builder.spawn(move || shared.work())?);
        }
        Ok(pool)
    }

    /// How many threads compute.
    pub(crate) fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Keeps the workers spinning for the next step until the guard is dropped.
    pub(crate) fn awake(&self) -> Awake<'_> {
        self.shared.set_and_wake(&self.shared.awake);
        Awake(&self.shared)
    }

    /// Calls `task` for each number below `tasks`, on any threads in any order, and returns when all are done. Where
    /// the workers sleep, the calling thread does it all. A task must not run steps itself; its panic is passed on.
    pub(crate) fn run(&self, tasks: usize, task: impl Fn(usize) + Sync) {
        if tasks <= 1 || self.workers.is_empty() {
            return (0..tasks).for_each(task);
        }
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = &*self.shared;
        let step: &(dyn Fn(usize) + Sync) = &task;
        // SAFETY: only the lifetime changes. `Closing` below waits for every worker before this function ends in
        // whatever way, so that the reference is not used after `task` is gone.
        let step: &'static (dyn Fn(usize) + Sync) = unsafe { std::mem::transmute(step) };
        // SAFETY: this thread holds the lock `turn`, and whoever had it before waited until the last step was closed and left
        // by all (`Closing`).
        unsafe { *shared.step.get() = Some(step) };
        shared.tasks.store(tasks, Ordering::Relaxed);
        shared.next.store(0, Ordering::Relaxed);
        shared.panicked.store(false, Ordering::Relaxed);
        shared.state.fetch_add(NUMBER | OPEN, Ordering::Release);
        let closing = Closing(shared);
        shared.take_tasks(&task);
        drop(closing);
        drop(turn);
        assert!(!shared.panicked.load(Ordering::Relaxed), "a compute thread panicked");
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.set_and_wake(&self.shared.stopped);
        for worker in self.workers.drain(..) {
            // Workers fence the panics of tasks, so that joining cannot fail.
            let _ = worker.join();
        }
    }
}

/// See [`Pool::awake`].
pub(crate) struct Awake<'a>(&'a Shared);

impl Drop for Awake<'_> {
    fn drop(&mut self) {
        self.0.awake.store(false, Ordering::Relaxed);
    }
}

/// Lets no more workers join the step, and waits for those that are in it.
struct Closing<'a>(&'a Shared);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        // Where a panic of the calling thread's task ended the step early, the remaining tasks are not begun.
        self.0.next.store(usize::MAX / 2, Ordering::Relaxed);
        self.0.state.fetch_and(!OPEN, Ordering::Relaxed);
        let mut spins = Spins::default();
        while self.0.state.load(Ordering::Acquire) & ALL_JOINED != 0 {
            spins.spin();
        }
    }
}

impl Shared {
    fn set_and_wake(&self, flag: &AtomicBool) {
        {
            // Under the lock, so that a worker that is about to sleep sees it.
            let _sleep = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
            flag.store(true, Ordering::Relaxed);
        }
        self.wake.notify_all();
    }

    fn take_tasks(&self, task: impl Fn(usize)) {
        let tasks = self.tasks.load(Ordering::Relaxed);
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= tasks {
                return;
            }
            task(index);
        }
    }

    /// A worker's loop.
    fn work(&self) {
        let mut seen = 0;
        let mut spins = Spins::default();
        loop {
            let state = self.state.load(Ordering::Relaxed);
            if state & OPEN != 0 && state / NUMBER != seen {
                if self
                    .state
                    .compare_exchange(state, state + JOINED, Ordering::Acquire, Ordering::Relaxed)
                    .is_ok()
                {
                    seen = state / NUMBER;
                    // SAFETY: this worker has joined an open step by the exchange above, and `step` is not written until
                    // all have left.
                    let step = unsafe { (*self.step.get()).expect("an open step has a function") };
                    // SAFETY: the thread that runs the step keeps the function until all have left (`Closing`).
                    let step = unsafe { &*step };
                    if catch_unwind(AssertUnwindSafe(|| self.take_tasks(step))).is_err() {
                        self.panicked.store(true, Ordering::Relaxed);
                    }
                    self.state.fetch_sub(JOINED, Ordering::Release);
                    spins = Spins::default();
                }
            } else if self.stopped.load(Ordering::Relaxed) {
                return;
            } else if self.awake.load(Ordering::Relaxed) {
                spins.spin();
            } else {
                self.sleep_until_awake();
            }
        }
    }

    fn sleep_until_awake(&self) {
        let mut sleep = self.sleep.lock().unwrap_or_else(PoisonError::into_inner);
        while !self.awake.load(Ordering::Relaxed) && !self.stopped.load(Ordering::Relaxed) {
            sleep = self.wake.wait(sleep).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Waiting for microseconds; after that the processor is offered to others now and then, for machines that are busy.
#[derive(Default)]
struct Spins(u32);

impl Spins {
    fn spin(&mut self) {
        self.0 = self.0.wrapping_add(1);
        if self.0.is_multiple_of(4096) {
            std::thread::yield_now();
        } else {
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests;
