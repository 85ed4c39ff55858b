//! One run of the engine and those that wait for it.
//!
//! Editors ask twice at each keystroke, for the popup and for ghost text; the engine serves the newest request only, so
//! two requests for the same place share one run. When nobody waits any more the run is cancelled. This module must
//! not know the protocol or documents.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codegemma_model::{CancelToken, Completion, CompletionRequest, Engine, RequestError};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::oneshot;

use crate::trigger::Extent;

/// What the engine answered.
pub type Answer = Result<Arc<Completion>, RequestError>;

/// The place that a run completes. Requests for the same place get the same answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The document's name.
    pub document: String,
    /// Its version.
    pub version: i32,
    /// The cursor, in bytes.
    pub offset: usize,
    /// How much to complete.
    pub extent: Extent,
}

/// A run, as long as somebody waits for it.
pub struct Flight {
    key: Key,
    cancel: CancelToken,
    draft: Arc<Mutex<String>>,
    answer: WeakShared<BoxFuture<'static, Answer>>,
}

/// One who waits.
pub struct Passenger {
    draft: Arc<Mutex<String>>,
    answer: Shared<BoxFuture<'static, Answer>>,
}

/// What there is when somebody has waited long enough.
pub enum Arrival {
    /// The whole answer.
    Landed(Answer),
    /// The text so far; the run goes on.
    Underway(String),
}

/// Cancels the run when the last one who waits is gone.
struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Flight {
    /// Hands a request to the engine.
    pub fn start(engine: &Engine, key: Key, mut request: CompletionRequest) -> (Self, Passenger) {
        let cancel = request.cancel.clone();
        let draft = Arc::new(Mutex::new(String::new()));
        let mut stop_when = request.stop_when.take();
        request.stop_when = Some(Box::new({
            let draft = draft.clone();
            move |text| {
                text.clone_into(&mut draft.lock().unwrap_or_else(PoisonError::into_inner));
                stop_when.as_mut().is_some_and(|stop_when| stop_when(text))
            }
        }));
        let (landed, landing) = oneshot::channel();
        engine.submit(request, move |answer| {
            // Nobody may be waiting any more, and then nobody misses it.
            let _ = landed.send(answer.map(Arc::new));
        });
        let guard = CancelOnDrop(cancel.clone());
        let answer = async move {
            let _guard = guard;
            landing.await.unwrap_or(Err(RequestError::Stopped))
        }
        .boxed()
        .shared();
        let flight = Self {
            key,
            cancel,
            draft: draft.clone(),
            answer: answer.downgrade().expect("it has not been polled to its end"),
        };
        (flight, Passenger { draft, answer })
    }

    /// Waits for this run too, if it completes the same place and is not over.
    pub fn join(&self, key: &Key) -> Option<Passenger> {
        if self.key != *key || self.cancel.is_cancelled() {
            return None;
        }
        Some(Passenger {
            draft: self.draft.clone(),
            answer: self.answer.upgrade()?,
        })
    }

    /// Stops the run, because its document changed or the client is gone.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Whether it completes something in this document.
    pub fn is_in(&self, document: &str) -> bool {
        self.key.document == document
    }
}

impl Passenger {
    /// Waits for the answer.
    pub async fn landed(self) -> Answer {
        self.answer.await
    }

    /// Waits for the answer, but not longer than `patience`. The run goes on after that: what it reads is there for the
    /// next request, and a change to the document or a newer request ends it.
    pub async fn arrives_within(self, patience: Duration) -> Arrival {
        match tokio::time::timeout(patience, self.answer.clone()).await {
            Ok(answer) => Arrival::Landed(answer),
            Err(_) => {
                tokio::spawn(self.answer);
                Arrival::Underway(self.draft.lock().unwrap_or_else(PoisonError::into_inner).clone())
            }
        }
    }
}
