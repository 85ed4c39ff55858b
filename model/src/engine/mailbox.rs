//! What the engine's thread does next, and what it lets others see. A mailbox of one: the newest request wins.
//!
//! It must not know the model or what is held.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::score::ScoreRequest;
use crate::{CancelToken, Completion, CompletionRequest, PromptProgress, RequestError, Score};

/// Says, when it is asked on the engine's thread, which share of the time may go to what nobody waits for.
pub(super) type Share = Box<dyn FnOnce() -> f64 + Send>;

/// Receives the answer to a request.
pub(super) type Reply<T> = Box<dyn FnOnce(Result<T, RequestError>) + Send>;

/// A request and how it is to be served.
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) submitted: Instant,
    pub(super) superseded: CancelToken,
    /// It is done when there is nothing else to do, and for no longer than this share of the time.
    pub(super) idle: Option<Share>,
}

impl Job {
    pub(super) fn new(work: Work) -> Self {
        Self {
            work,
            submitted: Instant::now(),
            superseded: CancelToken::default(),
            idle: None,
        }
    }
}

pub(super) enum Work {
    Complete(CompletionRequest, Reply<Completion>),
    Score(ScoreRequest, Reply<Score>),
}

impl Work {
    /// Answers a request that is not going to be served.
    pub(super) fn refuse(self, error: RequestError) {
        match self {
            Self::Complete(_, reply) => reply(Err(error)),
            Self::Score(_, reply) => reply(Err(error)),
        }
    }
}

/// What the engine does next.
pub(super) enum Next {
    Job(Box<Job>),
    /// It reads what requests will use.
    Grow,
    /// Nothing was to do for a while: what is held may be kept in a file.
    Keep,
    Stop,
}

#[derive(Default)]
pub(super) struct Mailbox {
    state: Mutex<State>,
    changed: Condvar,
    /// The most tokens of a prompt that requests in a hurry lead to; 0 before the thread has begun.
    whole: AtomicUsize,
    reading: Mutex<PromptProgress>,
}

#[derive(Default)]
struct State {
    /// The request that waits.
    waiting: Option<Job>,
    /// What to do when nothing waits.
    idle: Option<Job>,
    /// Supersedes the request that runs.
    running: Option<CancelToken>,
    stopped: bool,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock, and the state is whole at every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a request in, which supersedes what waits and what runs.
    pub(super) fn post(&self, job: Job) {
        let older = {
            let mut state = self.lock();
            if let Some(running) = &state.running {
                running.cancel();
            }
            [state.waiting.replace(job), state.idle.take()]
        };
        self.changed.notify_one();
        refuse(older, &RequestError::Superseded);
    }

    /// Puts in what is to be done when nothing waits.
    pub(super) fn post_idle(&self, job: Job) {
        let older = self.lock().idle.replace(job);
        self.changed.notify_one();
        refuse([older], &RequestError::Superseded);
    }

    /// Ends what runs and all that waits, and the thread.
    pub(super) fn stop(&self) {
        let left = {
            let mut state = self.lock();
            state.stopped = true;
            if let Some(running) = &state.running {
                running.cancel();
            }
            [state.waiting.take(), state.idle.take()]
        };
        self.changed.notify_one();
        refuse(left, &RequestError::Stopped);
    }

    /// Whether what nobody waits for is to make a pause.
    pub(super) fn interrupts(&self) -> bool {
        let state = self.lock();
        state.stopped || state.waiting.is_some()
    }

    /// Nothing runs any more.
    pub(super) fn done(&self) {
        self.lock().running = None;
    }

    /// Waits for a request, or for something to do while there is none, and marks it as running. Where something `grows`
    /// that comes before what nobody has asked for. `quiet` is how long to wait before something is kept.
    pub(super) fn next(&self, grows: bool, quiet: Option<Duration>) -> Next {
        let until = quiet.map(|quiet| Instant::now() + quiet);
        let mut state = self.lock();
        loop {
            if state.stopped {
                return Next::Stop;
            }
            let waiting = state.waiting.take();
            if waiting.is_none() && grows {
                return Next::Grow;
            }
            if let Some(job) = waiting.or_else(|| state.idle.take()) {
                state.running = Some(job.superseded.clone());
                return Next::Job(Box::new(job));
            }
            state = match until.map(|until| until.saturating_duration_since(Instant::now())) {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Next::Keep,
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// The most tokens of a prompt that requests in a hurry lead to, where that is known.
    pub(super) fn whole(&self) -> Option<usize> {
        Some(self.whole.load(Ordering::Relaxed)).filter(|whole| *whole > 0)
    }

    pub(super) fn set_whole(&self, whole: usize) {
        self.whole.store(whole, Ordering::Relaxed);
    }

    /// How far the reading of what stands around the cursor is.
    pub(super) fn reading(&self) -> PromptProgress {
        // It is whole at every step.
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_reading(&self, reading: PromptProgress) {
        *self.reading.lock().unwrap_or_else(PoisonError::into_inner) = reading;
    }
}

/// Answers requests that are not going to be served.
fn refuse(jobs: impl IntoIterator<Item = Option<Job>>, error: &RequestError) {
    for job in jobs.into_iter().flatten() {
        job.work.refuse(error.clone());
    }
}
