//! What the server tells the client unasked: one queue, sent in order by one task.
//!
//! Handlers only put messages in, because a handler that awaits the client can wait for ever. It must not know why a
//! message is sent.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};
use tower_lsp::Client;
use tower_lsp::ls_types::request::WorkDoneProgressCreate;
use tower_lsp::ls_types::{MessageType, ProgressToken, WorkDoneProgressCreateParams};

use super::status::{Status, StatusParams};
use crate::panics::fault;

enum Outgoing {
    Status(Box<StatusParams>),
    Message(MessageType, String),
    Begin(BoxFuture<'static, ()>),
}

/// The handlers' end of the queue. Messages wait in it until the client is initialized.
#[derive(Clone)]
pub(super) struct Outbox(mpsc::UnboundedSender<Outgoing>);

/// The sending end of the queue.
pub(super) struct Courier(mpsc::UnboundedReceiver<Outgoing>);

/// A queue.
pub(super) fn outbox() -> (Outbox, Courier) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Outbox(sender), Courier(receiver))
}

impl Outbox {
    pub(super) fn status(&self, status: StatusParams) {
        self.put(Outgoing::Status(Box::new(status)));
    }

    /// A message that the client shows to the user.
    pub(super) fn message(&self, kind: MessageType, text: String) {
        self.put(Outgoing::Message(kind, text));
    }

    /// A conversation of its own, which does not hold up the queue.
    pub(super) fn begin(&self, conversation: impl Future<Output = ()> + Send + 'static) {
        self.put(Outgoing::Begin(conversation.boxed()));
    }

    fn put(&self, message: Outgoing) {
        // Without a courier the client is gone, and there is nobody to tell.
        let _ = self.0.send(message);
    }
}

impl Courier {
    /// Sends what is put into the queue, until there is nobody left to put anything in.
    pub(super) async fn run(mut self, client: Client) {
        while let Some(message) = self.0.recv().await {
            // One that cannot be sent holds up no other; what panics is told where it does.
            let _ = AssertUnwindSafe(send(&client, message)).catch_unwind().await;
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
