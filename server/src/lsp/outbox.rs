//! What the server tells the client unasked: one queue, sent in order by one task.
//!
//! Handlers only put messages in, because a handler that awaits the client can wait for ever. A client that does not read
//! makes the queue no longer than [`MOST`]. It must not know why a message is sent.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{Notify, watch};
use tower_lsp::Client;
use tower_lsp::ls_types::request::WorkDoneProgressCreate;
use tower_lsp::ls_types::{MessageType, ProgressToken, WorkDoneProgressCreateParams};

use super::status::{Status, StatusParams};
use crate::process::panics::fault;

/// The most messages that wait. Beyond it the oldest status goes, as a newer one says what holds, or else the oldest message.
const MOST: usize = 1000;

enum Outgoing {
    Status(Box<StatusParams>),
    Message(MessageType, String),
    Begin(BoxFuture<'static, ()>),
}

/// The handlers' end of the queue. Messages wait in it until the client is initialized.
#[derive(Clone)]
pub(super) struct Outbox(Arc<Queue>);

/// The sending end of the queue.
pub(super) struct Courier(Arc<Queue>);

#[derive(Default)]
struct Queue {
    waiting: Mutex<VecDeque<Outgoing>>,
    put: Notify,
}

/// A queue.
pub(super) fn outbox() -> (Outbox, Courier) {
    let queue = Arc::new(Queue::default());
    (Outbox(queue.clone()), Courier(queue))
}

impl Outbox {
    pub(super) fn status(&self, status: StatusParams) {
        self.put(Outgoing::Status(Box::new(status)));
    }

    /// A message that the client shows to the user.
    pub(super) fn message(&self, kind: MessageType, text: String) {
        self.put(Outgoing::Message(kind, text));
    }

    /// A conversation of its own, which does not hold up the queue. There must not be many.
    pub(super) fn begin(&self, conversation: impl Future<Output = ()> + Send + 'static) {
        self.put(Outgoing::Begin(conversation.boxed()));
    }

    fn put(&self, message: Outgoing) {
        let mut waiting = self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MOST {
            let of_status = |message: &Outgoing| matches!(message, Outgoing::Status(_));
            let of_text = |message: &Outgoing| matches!(message, Outgoing::Message(..));
            let oldest = waiting.iter().position(of_status);
            if let Some(oldest) = oldest.or_else(|| waiting.iter().position(of_text)) {
                waiting.remove(oldest);
            }
        }
        waiting.push_back(message);
        drop(waiting);
        self.0.put.notify_one();
    }
}

impl Courier {
    /// Sends what is put into the queue, as long as the server runs.
    pub(super) async fn run(self, client: Client) {
        loop {
            let message = self.next().await;
            // One that cannot be sent holds up no other; what panics is told where it does.
            let _ = AssertUnwindSafe(send(&client, message)).catch_unwind().await;
        }
    }

    async fn next(&self) -> Outgoing {
        loop {
            let next = self
                .0
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            match next {
                Some(next) => return next,
                None => self.0.put.notified().await,
            }
        }
    }
}

async fn send(client: &Client, message: Outgoing) {
    fault("send");
    match message {
        Outgoing::Status(status) => client.send_notification::<Status>(*status).await,
        Outgoing::Message(kind, text) => client.show_message(kind, text).await,
        Outgoing::Begin(conversation) => drop(tokio::spawn(conversation)),
    }
}

/// Shows work-done progress until it is said how loading ended. Each `load` needs a number of its own.
pub(super) async fn show_loading(client: Client, load: u64, mut ended: watch::Receiver<Option<String>>) {
    let token = ProgressToken::String(format!("codegemma/loading/{load}"));
    let params = WorkDoneProgressCreateParams { token: token.clone() };
    if client.send_request::<WorkDoneProgressCreate>(params).await.is_err() {
        return;
    }
    let progress = client
        .progress(token, "CodeGemma")
        .with_message("loading the model")
        .begin()
        .await;
    // The sender is gone only when the server is.
    let words = ended.wait_for(Option::is_some).await;
    let words = words.ok().and_then(|words| words.clone()).unwrap_or_default();
    // Helix shows these words in the place of an error message that came before, and nothing if there are none.
    progress.finish_with_message(words).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Session;

    #[tokio::test]
    async fn what_a_client_does_not_read_is_the_oldest_statuses() {
        let (outbox, courier) = outbox();
        let status = || super::super::status::status(&Session::default(), None);
        outbox.status(status());
        outbox.message(MessageType::WARNING, "first".to_owned());
        for _ in 0..3 * MOST {
            outbox.status(status());
        }
        outbox.begin(async {});
        outbox.message(MessageType::WARNING, "last".to_owned());
        let mut texts = Vec::new();
        let mut begun = 0;
        for _ in 0..MOST {
            match courier.next().await {
                Outgoing::Message(_, text) => texts.push(text),
                Outgoing::Begin(_) => begun += 1,
                Outgoing::Status(_) => {}
            }
        }
        assert_eq!((texts, begun), (vec!["first".to_owned(), "last".to_owned()], 1));
        assert!(courier.next().now_or_never().is_none());
        for number in 0..2 * MOST {
            outbox.message(MessageType::WARNING, number.to_string());
        }
        assert!(matches!(courier.next().await, Outgoing::Message(_, text) if text == MOST.to_string()));
    }
}
