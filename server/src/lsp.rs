//! The language server: it turns the protocol's messages into changes of the [`Session`] and requests to the engine.
//!
//! Protocol types exist only here and below. Every handler changes the session, or takes its snapshot, before it first
//! awaits, because all handlers are polled in one task; none computes.
//!
//! [`Session`]: crate::session::Session

mod capabilities;
mod configuration;
mod convert;
#[cfg(test)]
mod faults;
mod fence;
mod framing;
mod inbound;
mod judging;
mod lane;
mod loading;
mod lock;
mod notebooks;
mod outbox;
mod presence;
mod requests;
mod shared;
mod statistics;
mod status;
mod termination;
mod uri;

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{self, Either};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tower_lsp::jsonrpc::{Error, ErrorCode, Result};
use tower_lsp::ls_types::{
    CompletionItem, CompletionList, CompletionParams, CompletionResponse, CompletionTriggerKind,
    DidChangeConfigurationParams, DidChangeNotebookDocumentParams, DidChangeTextDocumentParams,
    DidChangeWatchedFilesParams, DidChangeWorkspaceFoldersParams, DidCloseNotebookDocumentParams,
    DidCloseTextDocumentParams, DidOpenNotebookDocumentParams, DidOpenTextDocumentParams, DidSaveTextDocumentParams,
    ExecuteCommandParams, FileEvent, InitializeParams, InitializeResult, InitializedParams, InlineCompletionList,
    InlineCompletionParams, TextDocumentIdentifier, WorkspaceFolder,
};
use tower_lsp::{Client, LanguageServer, LspService, Server};

use crate::completion::in_flight::Awaited;
use crate::completion::trigger::Trigger;
use crate::config::{EngineFlags, FILE_NAME};
use crate::documents::language;
use capabilities::Introduction;
use fence::Fence;
pub(crate) use loading::LoadEngine;
use outbox::Courier;
use presence::{Presence, Watched};
use requests::{Late, Panicked};
use shared::Shared;
use statistics::Outcome;

/// A popup that comes later than this disturbs: what exists by then is shown.
const POPUP_PATIENCE: Duration = Duration::from_millis(250);

/// Where nothing exists by then, a popup that did not follow from an earlier one is waited for so much longer: whoever
/// asks for it would only ask again.
const MORE_PATIENCE: Duration = Duration::from_millis(750);

/// Requests that may be under way at once. With tower-lsp's default of four, that many slow ones keep edits and
/// cancellations from being read.
const CONCURRENCY: usize = 256;

/// How long engines may take to write what they keep, before the process ends without.
const PATIENCE_AT_THE_END: Duration = Duration::from_secs(10);

/// Bytes between the sieve and the protocol's reader.
const PIPE_BYTES: usize = 64 << 10;

/// Serves one client on stdin and stdout until it leaves, or until the system asks the process to end, and says whether it
/// left in good order: after `shutdown`. With `keep`, what was read of the documents is there again after a restart.
pub(crate) async fn serve(flags: EngineFlags, keep: bool, load: LoadEngine) -> bool {
    let asked = termination::asked();
    let end = async {
        if asked.await.is_err() {
            future::pending().await
        }
    };
    serve_streams(end, tokio::io::stdin(), tokio::io::stdout(), true, flags, keep, load).await
}

/// Serves one client on any two streams, as [`serve`] does on stdin and stdout.
#[cfg(test)]
pub(crate) async fn serve_on(
    input: impl AsyncRead + Unpin + Send + 'static,
    output: impl AsyncWrite + Unpin,
    flags: EngineFlags,
    keep: bool,
    load: LoadEngine,
) -> bool {
    serve_streams(future::pending(), input, output, false, flags, keep, load).await
}

/// Serves until the client leaves or `end` comes; `standard` says that the client is behind stdin and stdout.
async fn serve_streams(
    end: impl Future<Output = ()> + Send + 'static,
    input: impl AsyncRead + Unpin + Send + 'static,
    output: impl AsyncWrite + Unpin,
    standard: bool,
    flags: EngineFlags,
    keep: bool,
    load: LoadEngine,
) -> bool {
    let (outbox, courier) = outbox::outbox();
    let shared = Arc::new(Shared::new(flags, keep, load, outbox));
    let presence = Arc::new(Presence::default());
    let (service, socket) = LspService::build(|client| Backend {
        shared: shared.clone(),
        presence: presence.clone(),
        client,
        courier: Mutex::new(Some(courier)),
    })
    .custom_method("textDocument/inlineCompletion", Backend::inline_completion)
    .custom_method(framing::MALFORMED, Backend::malformed)
    .custom_method(framing::LOST, Backend::lost)
    .finish();
    let (sieved, pipe) = tokio::io::duplex(PIPE_BYTES);
    let (reading, seen) = (shared.clone(), presence.clone());
    tokio::spawn(async move {
        // However that ends, the server does, too.
        let sieved = AssertUnwindSafe(framing::sieve(input, pipe)).catch_unwind();
        match future::select(pin!(sieved), pin!(end)).await {
            Either::Left((Ok(Err(error)), _)) => {
                tracing::warn!("the client's messages cannot be read any more: {error}");
            }
            Either::Left(_) => {}
            Either::Right(_) => tracing::info!("the system asks the server to end"),
        }
        seen.input_ended();
        reading.lock().end();
    });
    let output = Watched {
        output,
        presence: &presence,
    };
    let server = Server::new(sieved, output, socket).concurrency_level(CONCURRENCY);
    let fenced = Fence {
        service,
        shared: shared.clone(),
    };
    tokio::select! {
        () = server.serve(fenced) => {}
        how = presence.gone(standard) => tracing::warn!("the client is gone: {how}"),
    }
    let in_good_order = {
        let mut session = shared.lock();
        session.end();
        session.is_shut_down()
    };
    tracing::info!("{}", *shared.statistics());
    shared.end_engines();
    shared.wait_for_engines(PATIENCE_AT_THE_END);
    in_good_order
}

impl From<Panicked> for Error {
    fn from(_: Panicked) -> Self {
        Self::internal_error()
    }
}

struct Backend {
    shared: Arc<Shared>,
    presence: Arc<Presence>,
    client: Client,
    /// Taken when the client is initialized: nothing may be sent before.
    courier: Mutex<Option<Courier>>,
}

/// What a client asks ghost text with.
#[derive(Deserialize)]
struct AskedInline {
    #[serde(flatten)]
    params: InlineCompletionParams,
    /// The document's URI as the client writes it, where that is not its one spelling ([`inbound::SPELLING`]).
    spelling: Option<String>,
}

impl Backend {
    async fn inline_completion(&self, asked: AskedInline) -> Result<InlineCompletionList> {
        let AskedInline { params, spelling } = asked;
        let trigger = convert::trigger(params.context.trigger_kind);
        let entry = params.context.selected_completion_info.map(convert::entry);
        let begun = self
            .shared
            .begin(&params.text_document_position, trigger, entry)
            .await?;
        let Some((mut waiting, waiter)) = begun else {
            return Ok(InlineCompletionList { items: Vec::new() });
        };
        let awaited = waiter.within(waiting.deadline()).await;
        let suggestions = waiting.judge(awaited, Late::Nothing).await?;
        let item = |suggestion| {
            let (document, text) = (spelling.as_deref().unwrap_or(waiting.document()), waiting.text());
            convert::inline_item(document, text, suggestion, waiting.encoding())
        };
        Ok(InlineCompletionList {
            items: suggestions.iter().map(item).collect(),
        })
    }

    /// Takes note of a change that the sieve could not read.
    async fn lost(&self, params: TextDocumentIdentifier) {
        let mut session = self.shared.lock();
        session.lose(params.uri.as_str());
        session.lose_notebook(params.uri.as_str());
    }

    /// Answers a message that the sieve could not read.
    async fn malformed(&self, params: Value) -> Result<()> {
        let code = params
            .get("code")
            .and_then(Value::as_i64)
            .map_or(ErrorCode::InvalidRequest, ErrorCode::from);
        let message = params
            .get("message")
            .and_then(Value::as_str)
            .unwrap_or("the message cannot be read");
        Err(Error {
            message: message.to_owned().into(),
            ..Error::new(code)
        })
    }
}

impl LanguageServer for Backend {
    async fn initialize(&self, params: InitializeParams) -> Result<InitializeResult> {
        // What the client said is all in there: see `inbound`.
        let said = Introduction::read(&params.initialization_options.unwrap_or_default());
        let encoding = said.encoding;
        tracing::info!("columns are counted as {encoding:?}");
        self.shared.lock().count_columns(encoding);
        if let Some(process) = said.process {
            self.presence.is_process(process);
        }
        if said.shows_progress {
            self.shared.show_progress(self.client.clone());
        }
        self.shared.configure_first(said, &self.client).await?;
        Ok(capabilities::answer(encoding))
    }

    async fn initialized(&self, _: InitializedParams) {
        let courier = self.courier.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(courier) = courier {
            tokio::spawn(courier.run(self.client.clone()));
        }
    }

    async fn shutdown(&self) -> Result<()> {
        let mut session = self.shared.lock();
        session.shut_down();
        drop(session);
        // Editors give a server two seconds from here on.
        self.shared.end_engines();
        Ok(())
    }

    async fn did_open(&self, params: DidOpenTextDocumentParams) {
        let document = params.text_document;
        let path = convert::file_path(&document.uri);
        let name = document.uri.as_str().to_owned();
        let by_name = || path.as_deref().and_then(language::of_path).map(|language| language.id);
        let language = match document.language_id.as_str() {
            "" => by_name().unwrap_or_default(),
            id => id,
        };
        let mut session = self.shared.lock();
        session.open(name, path.as_deref(), language, document.version, &document.text);
        self.shared.run_jobs(&mut session);
    }

    async fn did_change(&self, params: DidChangeTextDocumentParams) {
        let mut changes: Vec<_> = params.content_changes.into_iter().map(convert::change).collect();
        let document = params.text_document;
        self.shared.change(&document.uri, document.version, &mut changes);
    }

    async fn did_close(&self, params: DidCloseTextDocumentParams) {
        self.shared.lock().close(params.text_document.uri.as_str());
    }

    async fn notebook_did_open(&self, params: DidOpenNotebookDocumentParams) {
        self.shared.open_notebook(params);
    }

    async fn notebook_did_change(&self, params: DidChangeNotebookDocumentParams) {
        self.shared.change_notebook(params);
    }

    async fn notebook_did_close(&self, params: DidCloseNotebookDocumentParams) {
        self.shared.lock().close_notebook(params.notebook_document.uri.as_str());
    }

    async fn did_change_configuration(&self, params: DidChangeConfigurationParams) {
        self.shared.configure(&params.settings, &self.client);
    }

    async fn did_change_workspace_folders(&self, params: DidChangeWorkspaceFoldersParams) {
        let paths = |folders: Vec<WorkspaceFolder>| -> Vec<PathBuf> {
            let paths = folders.iter().map(|folder| convert::file_path(&folder.uri));
            paths.flatten().collect()
        };
        self.shared
            .enter(paths(params.event.removed), paths(params.event.added));
    }

    async fn did_change_watched_files(&self, params: DidChangeWatchedFilesParams) {
        let is_rules = |change: &FileEvent| convert::is_ignore_file(&change.uri);
        // What else is watched is the files of settings, and the user's own may have any name.
        if params.changes.iter().any(|change| !is_rules(change)) {
            self.shared.reread(false);
        }
        if !params.changes.is_empty() {
            let mut session = self.shared.lock();
            session.judge_anew();
            self.shared.run_jobs(&mut session);
        }
    }

    async fn did_save(&self, params: DidSaveTextDocumentParams) {
        let uri = &params.text_document.uri;
        if convert::is_called(uri, FILE_NAME) {
            self.shared.reread(false);
        }
        let mut session = self.shared.lock();
        session.save(uri.as_str());
        self.shared.run_jobs(&mut session);
    }

    async fn completion(&self, params: CompletionParams) -> Result<Option<CompletionResponse>> {
        // Popups come while typing, whatever the client calls it: most cannot tell.
        let at = &params.text_document_position;
        let begun = self.shared.begin(at, Trigger::Automatic, None).await?;
        let invoked = params
            .context
            .is_some_and(|context| context.trigger_kind == CompletionTriggerKind::INVOKED);
        let mut items = Vec::new();
        if let Some((mut waiting, waiter)) = begun {
            let patience = POPUP_PATIENCE.min(waiting.deadline());
            let awaited = waiter.clone().within(patience).await;
            let underway = matches!(awaited, Awaited::Underway(_));
            let mut suggestions = waiting.judge(awaited, Late::TypedAlong).await?;
            if suggestions.is_empty() && underway && invoked {
                let patience = MORE_PATIENCE.min(waiting.deadline() - patience);
                let awaited = waiter.within(patience).await;
                suggestions = waiting.judge(awaited, Late::TypedAlong).await?;
            }
            if let Some(suggestion) = suggestions.first() {
                let (text, since) = (waiting.text(), waiting.since());
                items.push(convert::popup_item(text, suggestion, since, waiting.encoding()));
            }
        }
        Ok(Some(CompletionResponse::List(CompletionList {
            is_incomplete: true,
            items,
        })))
    }

    /// Everything is in the item already.
    async fn completion_resolve(&self, item: CompletionItem) -> Result<CompletionItem> {
        Ok(item)
    }

    async fn execute_command(&self, params: ExecuteCommandParams) -> Result<Option<Value>> {
        let outcome = match params.command.as_str() {
            capabilities::ACCEPTED => Outcome::Accepted,
            capabilities::PARTIALLY_ACCEPTED => Outcome::PartiallyAccepted,
            capabilities::DISMISSED => Outcome::Dismissed,
            capabilities::RESTART => {
                self.shared.reread(true);
                return Ok(None);
            }
            capabilities::EXPLAIN => {
                let at = convert::place(&params.arguments).map_err(Error::invalid_params)?;
                return Ok(Some(json!(self.shared.explain(&at).await?)));
            }
            other => return Err(Error::invalid_params(format!("there is no command {other}"))),
        };
        self.shared.count(outcome, convert::document_of(&params.arguments));
        Ok(None)
    }
}
