//! One run of the engine and those that wait for it.
//!
//! Editors ask twice at each keystroke, for the popup and for ghost text; the engine serves the newest request only, so
//! two requests for the same place share one run. What a user types that agrees with what was written keeps a run going,
//! and is answered by one that is over. When nobody waits any more a run is cancelled. This module must not know the
//! protocol.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use codegemma_model::{CancelToken, Completion, CompletionRequest, Finish, RequestError};
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture, Shared, WeakShared};
use ropey::Rope;
use tokio::sync::oneshot;

use crate::completion::anchor::{follows, may_follow};
use crate::completion::snapshot::{Snapshot, Suggestion};
use crate::completion::trigger::Extent;
use crate::completion::written::Written;
use crate::policy::sanitize::unix_lines;

/// What the engine answered.
pub(crate) type Answer = Result<Arc<Completion>, RequestError>;

/// Takes the engine's answer.
pub(crate) type Reply = Box<dyn FnOnce(Result<Completion, RequestError>) + Send>;

/// What a run was asked for, beside the cursor. Requests for the same at the same cursor get the same answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunKey {
    /// The document's name.
    pub document: String,
    /// Its version.
    pub version: i32,
    /// The entry of a popup that stands before the cursor as if it had been accepted.
    pub entry: Option<Suggestion>,
    /// How much to complete.
    pub extent: Extent,
    /// How many other completions there are to be.
    pub alternatives: usize,
}

/// A run, under way or over.
pub(crate) struct Run {
    key: RunKey,
    /// The document when it began.
    snapshot: Arc<Snapshot>,
    cancel: CancelToken,
    progress: Arc<Mutex<Progress>>,
    answer: WeakShared<BoxFuture<'static, Answer>>,
}

/// How far a run is.
#[derive(Default)]
struct Progress {
    /// What there is so far.
    so_far: Completion,
    /// The whole answer, once it is there.
    finished: Option<Arc<Completion>>,
    /// What may have been typed since it began: more than one text where an editor may have paired in what ends it.
    typed: Vec<String>,
}

impl Progress {
    /// Whether what is written goes on as something that may have been typed, or is not so far yet.
    fn agrees(&self) -> bool {
        let so_far = &self.so_far.text;
        let agrees = |typed: &String| so_far.starts_with(typed) || typed.starts_with(so_far);
        self.typed.is_empty() || self.typed.iter().any(agrees)
    }
}

/// One who waits.
#[derive(Clone)]
pub(crate) struct Waiter {
    progress: Arc<Mutex<Progress>>,
    answer: Shared<BoxFuture<'static, Answer>>,
}

/// How a request goes on with a run that began before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Continuation {
    /// How much it completes: a suggestion stays what it is while it is typed.
    pub extent: Extent,
    /// How many bytes of what was written are typed already.
    pub typed: usize,
    /// The run was over, so that the model has nothing to do.
    pub finished: bool,
}

impl Continuation {
    /// That of a request for the place itself, of which nothing is typed.
    pub(crate) fn whole(extent: Extent) -> Self {
        Self {
            extent,
            typed: 0,
            finished: false,
        }
    }
}

/// What there is when somebody has waited long enough.
pub(crate) enum Awaited {
    /// The whole answer.
    Finished(Answer),
    /// What there is so far; the run goes on.
    Underway(Box<Completion>),
}

/// Cancels the run when the last one who waits is gone.
struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Run {
    /// Hands a request to the engine, which is what `submit` does.
    pub(crate) fn start(
        key: RunKey,
        snapshot: Arc<Snapshot>,
        mut request: CompletionRequest,
        submit: impl FnOnce(CompletionRequest, Reply),
    ) -> (Self, Waiter) {
        let cancel = request.cancel.clone();
        let progress = Arc::new(Mutex::new(Progress::default()));
        request.progress = Some(Box::new({
            let (progress, cancel) = (progress.clone(), cancel.clone());
            move |completion| {
                let mut progress = lock(&progress);
                completion.clone_into(&mut progress.so_far);
                if !progress.agrees() {
                    cancel.cancel();
                }
            }
        }));
        let (finished, landing) = oneshot::channel();
        let reply = {
            let progress = progress.clone();
            move |answer: Result<Completion, RequestError>| {
                let answer = answer.map(Arc::new);
                lock(&progress).finished = answer.as_ref().ok().cloned();
                // Nobody may be waiting any more, and then nobody misses it.
                let _ = finished.send(answer);
            }
        };
        submit(request, Box::new(reply));
        let guard = CancelOnDrop(cancel.clone());
        let answer = async move {
            let _guard = guard;
            landing.await.unwrap_or(Err(RequestError::Stopped))
        }
        .boxed()
        .shared();
        let run = Self {
            key,
            snapshot,
            cancel,
            progress: progress.clone(),
            answer: answer.downgrade().expect("it has not been polled to its end"),
        };
        (run, Waiter { progress, answer })
    }

    /// Waits for this run too, if it completes the same place and is not over.
    pub(crate) fn join(&self, key: &RunKey, snapshot: &Snapshot) -> Option<Waiter> {
        if self.key != *key || self.snapshot.offset != snapshot.offset || self.cancel.is_cancelled() {
            return None;
        }
        Some(Waiter {
            progress: self.progress.clone(),
            answer: self.answer.upgrade()?,
        })
    }

    /// Shares this run with a place further on, if what was typed since it began is how its text begins and there is
    /// more of it. Gives how many bytes of the text are typed already.
    pub(crate) fn continuation(&self, key: &RunKey, snapshot: &Snapshot) -> Option<(Waiter, Continuation)> {
        if self.key.document != key.document || self.key.alternatives < key.alternatives {
            return None;
        }
        let typed = follows(
            &self.snapshot.text,
            self.snapshot.offset,
            &snapshot.text,
            snapshot.offset,
        )?;
        let typed = unix_lines(typed.into());
        let progress = lock(&self.progress);
        let answer = match &progress.finished {
            Some(finished) => {
                let more = finished.text.strip_prefix(&typed)?;
                // One that was ended because it could not be shown says nothing of a place further on.
                let whole = match finished.finish {
                    Finish::Stop => more.contains('\n') || Written::of(finished).is_ended(),
                    finish => finish == Finish::Length,
                };
                (whole && !more.trim().is_empty()).then(|| future::ready(Ok(finished.clone())).boxed().shared())?
            }
            None if self.cancel.is_cancelled() || !progress.so_far.text.starts_with(&typed) => return None,
            None => self.answer.upgrade()?,
        };
        let continuation = Continuation {
            extent: self.key.extent,
            typed: typed.len(),
            finished: progress.finished.is_some(),
        };
        let waiter = Waiter {
            progress: self.progress.clone(),
            answer,
        };
        Some((waiter, continuation))
    }

    /// The document was changed: a run whose text cannot be used any more is stopped.
    pub(crate) fn changed(&self, text: &Rope) {
        let mut progress = lock(&self.progress);
        progress.typed = typed_since(&self.snapshot, text).map(unix_lines).collect();
        if self.leads_to_entry(text) {
            progress.typed.push(String::new());
        }
        if progress.typed.is_empty() || !progress.agrees() {
            self.cancel.cancel();
        }
    }

    /// Whether a text lacks nothing but the end of the popup's entry, which the user may go on to type or accept.
    fn leads_to_entry(&self, text: &Rope) -> bool {
        let Some(entry) = &self.key.entry else { return false };
        let Snapshot {
            text: begun, offset, ..
        } = &*self.snapshot;
        let lacks = begun.len_bytes().checked_sub(text.len_bytes());
        lacks.filter(|lacks| *lacks <= entry.text.len()).is_some_and(|lacks| {
            let cursor = offset - lacks;
            text.get_byte_slice(..cursor) == begun.get_byte_slice(..cursor)
                && text.get_byte_slice(cursor..) == begun.get_byte_slice(*offset..)
        })
    }

    /// Stops the run, because its document or the client is gone.
    pub(crate) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Whether it began with this text.
    pub(crate) fn began_with(&self, text: &Rope) -> bool {
        self.snapshot.text == *text
    }

    /// Whether it completes something in this document.
    pub(crate) fn is_in(&self, document: &str) -> bool {
        self.key.document == document
    }
}

impl Waiter {
    /// Waits for the answer, but not longer than `patience`. The run goes on after that: what it reads is there for the
    /// next request, and a change to the document or a newer request ends it.
    pub(crate) async fn within(self, patience: Duration) -> Awaited {
        match tokio::time::timeout(patience, self.answer.clone()).await {
            Ok(answer) => Awaited::Finished(answer),
            Err(_) => {
                tokio::spawn(self.answer);
                Awaited::Underway(Box::new(lock(&self.progress).so_far.clone()))
            }
        }
    }
}

/// What may have been typed at a snapshot's cursor since, the longest first. An editor may have paired closers in behind the
/// cursor, wherever that is now.
pub(crate) fn typed_since(earlier: &Snapshot, text: &Rope) -> impl Iterator<Item = String> {
    may_follow(&earlier.text, earlier.offset, text).map(String::from)
}

/// Nothing that can panic happens under the lock.
fn lock(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
