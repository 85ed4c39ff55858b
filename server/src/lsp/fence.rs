//! A fence around every handler: where one panics, its request is answered with an error, and a document that it may have
//! left half changed is not completed any more.
//!
//! It stands where messages come in, so that no handler can be forgotten. It must not know what handlers do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tower_lsp::jsonrpc::{Error, Id, Request, Response};
use tower_service::Service;

use super::framing;
use super::shared::Shared;
use crate::process::panics::fenced;

/// The protocol's service behind a fence.
pub(super) struct Fence<S> {
    pub(super) service: S,
    pub(super) shared: Arc<Shared>,
}

/// What is to be done where the handler of a message panics.
struct Rescue {
    shared: Arc<Shared>,
    id: Option<Id>,
    method: String,
    document: Option<String>,
}

impl<S> Service<Request> for Fence<S>
where
    S: Service<Request, Response = Option<Response>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Option<Response>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let document = request.params().and_then(|params| {
            let places = ["/textDocument/uri", "/notebookDocument/uri", "/uri"];
            let uri = places.iter().find_map(|place| params.pointer(place))?;
            Some(uri.as_str()?.to_owned())
        });
        let rescue = Rescue {
            shared: self.shared.clone(),
            id: request.id().cloned(),
            method: request.method().to_owned(),
            document,
        };
        let Some(handled) = fenced(|| self.service.call(request)) else {
            return async move { Ok(rescue.rescue()) }.boxed();
        };
        async move {
            match AssertUnwindSafe(handled).catch_unwind().await {
                Ok(answer) => answer,
                Err(_) => Ok(rescue.rescue()),
            }
        }
        .boxed()
    }
}

impl Rescue {
    /// Gives the answer, where one is owed.
    fn rescue(self) -> Option<Response> {
        // It may be the second panic here.
        let forgotten = catch_unwind(AssertUnwindSafe(|| self.forget()));
        if forgotten.is_err() {
            tracing::error!(
                "what {} left behind may be out of order; codegemma.restart helps",
                self.method
            );
        }
        let error = Error {
            message: format!(
                "{} failed by a mistake in this program; its log says where",
                self.method
            )
            .into(),
            ..Error::internal_error()
        };
        Some(Response::from_error(self.id?, error))
    }

    /// Nobody knows how far a change of a document came.
    fn forget(&self) {
        let Some(document) = &self.document else { return };
        let mut session = self.shared.lock();
        match self.method.as_str() {
            "textDocument/didChange" | framing::LOST => session.lose(document),
            "textDocument/didOpen" | "textDocument/didClose" => session.close(document),
            "notebookDocument/didOpen" | "notebookDocument/didChange" => session.lose_notebook(document),
            "notebookDocument/didClose" => session.close_notebook(document),
            _ => {}
        }
    }
}
