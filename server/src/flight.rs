//! One run of the engine and those that wait for it.
//!
//! Editors ask twice at each keystroke, for the popup and for ghost text; the engine serves the newest request only, so
//! two requests for the same place share one run. When nobody waits any more the run is cancelled. This module must
//! not know the protocol or documents.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use codegemma_model::{CancelToken, Completion, CompletionRequest, RequestError};
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::sync::oneshot;

use crate::trigger::Extent;

/// What the engine answered.
pub type Answer = Result<Arc<Completion>, RequestError>;

/// Takes the engine's answer.
pub type Reply = Box<dyn FnOnce(Result<Completion, RequestError>) + Send>;

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
    /// Hands a request to the engine, which is what `submit` does.
    pub fn start(
        key: Key,
        mut request: CompletionRequest,
        submit: impl FnOnce(CompletionRequest, Reply),
    ) -> (Self, Passenger) {
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
        let reply = move |answer: Result<Completion, RequestError>| {
            // Nobody may be waiting any more, and then nobody misses it.
            let _ = landed.send(answer.map(Arc::new));
        };
        submit(request, Box::new(reply));
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

#[cfg(test)]
mod tests {
    use codegemma_model::{Finish, Prompt, Stats};

    use super::*;

    fn key(offset: usize) -> Key {
        Key {
            document: "a".to_owned(),
            version: 1,
            offset,
            extent: Extent::Line,
        }
    }

    /// A run, one who waits for it, and what the engine got.
    fn start() -> (Flight, Passenger, CompletionRequest, Reply) {
        let mut submitted = None;
        let request = CompletionRequest {
            stop_when: Some(Box::new(|text| text == "done")),
            ..CompletionRequest::new(Prompt::Plain("x".to_owned()), 8)
        };
        let (flight, passenger) = Flight::start(key(0), request, |request, reply| submitted = Some((request, reply)));
        let (request, reply) = submitted.unwrap();
        (flight, passenger, request, reply)
    }

    fn completion(text: &str) -> Completion {
        Completion {
            text: text.to_owned(),
            tokens: Vec::new(),
            finish: Finish::Stop,
            prompt_tokens: Vec::new(),
            truncated_tokens: 0,
            logprob: 0.0,
            logprobs: Vec::new(),
            stats: Stats::default(),
        }
    }

    #[tokio::test]
    async fn requests_for_one_place_share_the_answer() {
        let (flight, first, _, reply) = start();
        let second = flight.join(&key(0)).expect("it is the same place");
        assert!(flight.join(&key(1)).is_none());
        reply(Ok(completion("done")));
        assert_eq!(first.landed().await.unwrap().text, "done");
        assert_eq!(second.landed().await.unwrap().text, "done");
        assert!(flight.join(&key(0)).is_none(), "a run that is over is not waited for");
    }

    #[test]
    fn the_run_is_cancelled_when_the_last_one_is_gone() {
        let (flight, first, request, _reply) = start();
        let second = flight.join(&key(0)).unwrap();
        drop(first);
        assert!(!request.cancel.is_cancelled());
        drop(second);
        assert!(request.cancel.is_cancelled());
        assert!(flight.join(&key(0)).is_none());
    }

    #[tokio::test]
    async fn an_engine_that_is_gone_is_an_answer() {
        let (_flight, passenger, _, reply) = start();
        drop(reply);
        assert_eq!(passenger.landed().await, Err(RequestError::Stopped));
    }

    #[tokio::test]
    async fn the_impatient_get_what_there_is_and_the_run_goes_on() {
        let (flight, passenger, mut request, reply) = start();
        let stop_when = request.stop_when.as_mut().unwrap();
        assert!(!stop_when("so far") && stop_when("done") && !stop_when("so far"));
        match passenger.arrives_within(Duration::from_millis(1)).await {
            Arrival::Underway(text) => assert_eq!(text, "so far"),
            Arrival::Landed(answer) => panic!("nothing was answered, but {answer:?} landed"),
        }
        assert!(!request.cancel.is_cancelled());
        let next = flight.join(&key(0)).expect("it is under way");
        reply(Ok(completion("done")));
        assert_eq!(next.landed().await.unwrap().text, "done");
    }
}
