//! What handlers, the loading thread and waiting requests have in common: the session behind its lock, and the outbox.
//!
//! Statuses are put into the outbox under the lock, so that they arrive in the order of what they tell. It must not
//! know the shapes of answers.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use codegemma_model::{Engine, Finish, ModelSource, RequestError};
use ropey::Rope;
use serde_json::Value;
use tokio::sync::watch;
use tower_lsp::Client;
use tower_lsp::ls_types::{MessageType, TextDocumentPositionParams};

use super::convert;
use super::outbox::{self, Outbox};
use super::status::{self, LastRequest};
use crate::anchor::Moved;
use crate::complete::{Plan, Snapshot, Suggestion};
use crate::config::EngineFlags;
use crate::flight::{Along, Arrival, Passenger};
use crate::model_path;
use crate::position::Encoding;
use crate::reason::Reason;
use crate::session::{EngineState, Session};
use crate::starter;
use crate::trigger::Trigger;
use crate::written::Written;

pub(super) struct Shared {
    session: Mutex<Session>,
    outbox: Outbox,
    flags: EngineFlags,
    keep: bool,
}

/// A request that waits for the engine. It is dropped when it is answered, or when the client cancels it.
pub(super) struct Waiting {
    shared: Arc<Shared>,
    document: String,
    snapshot: Snapshot,
    version: i32,
    encoding: Encoding,
    along: Along,
    moved: Option<Moved>,
    plan: Plan,
    last_request: Option<LastRequest>,
}

impl Shared {
    pub(super) fn new(flags: EngineFlags, keep: bool, outbox: Outbox) -> Self {
        Self {
            session: Mutex::default(),
            outbox,
            flags,
            keep,
        }
    }

    /// A panic elsewhere does not spoil the session: no change of it is left half done.
    pub(super) fn lock(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the client how the session is, unless it is leaving.
    fn tell(&self, session: &Session, last_request: Option<LastRequest>) {
        if !session.has_ended() {
            self.outbox.status(status::status(session, last_request));
        }
    }

    /// Takes over settings of the client.
    pub(super) fn configure(&self, section: &Value) {
        let refused = self.lock().configure(section);
        for message in refused {
            self.outbox.message(MessageType::WARNING, message);
        }
    }

    /// Reads the model in a thread of its own, with progress for a client that shows it.
    pub(super) fn start_loading(self: &Arc<Self>, progress: Option<Client>) {
        self.tell(&self.lock(), None);
        let (loaded, watch) = watch::channel(false);
        if let Some(client) = progress {
            self.outbox.begin(outbox::show_loading(client, watch));
        }
        let shared = self.clone();
        let load = move || {
            let engine = std::panic::catch_unwind(AssertUnwindSafe(|| shared.load()))
                .unwrap_or_else(|_| Err("loading the model panicked; please report this with the log".to_owned()));
            shared.loaded(engine);
            loaded.send_replace(true);
        };
        if let Err(error) = std::thread::Builder::new().name("load".to_owned()).spawn(load) {
            self.loaded(Err(format!(
                "there is no thread to load the model in ({error}); close other programs"
            )));
        }
    }

    fn load(&self) -> Result<Engine, String> {
        let source = self.flags.model_source()?;
        if matches!(source, ModelSource::Embedded(_)) {
            self.lock().starter = true;
            tracing::info!("{}", starter::NOTE);
        }
        let mut options = self.flags.load_options();
        options.keep_sequences = self.keep.then(|| model_path::kept_sequences(&source)).flatten();
        Engine::load(&source, &options).map_err(|error| error.to_string())
    }

    fn loaded(&self, engine: Result<Engine, String>) {
        let mut session = self.lock();
        session.engine = match engine {
            Ok(engine) => EngineState::Ready(Arc::new(engine)),
            Err(message) => {
                tracing::error!("{message}");
                self.outbox.message(MessageType::ERROR, format!("CodeGemma: {message}"));
                EngineState::Failed(message)
            }
        };
        self.tell(&session, None);
    }

    /// Has the syntax tree of a document made where that takes long: after it was opened, or edited beyond recognition.
    pub(super) fn parse(self: &Arc<Self>, session: &mut Session, document: &str) {
        let Some(job) = session.parse_job(document) else {
            return;
        };
        let (shared, document) = (self.clone(), document.to_owned());
        tokio::task::spawn_blocking(move || {
            let parsed = job.run();
            shared.lock().parse_done(&document, &job, parsed);
        });
    }

    /// Begins a completion; `None` if nothing will be suggested.
    pub(super) fn board(
        self: &Arc<Self>,
        at: &TextDocumentPositionParams,
        trigger: Trigger,
    ) -> Option<(Waiting, Passenger)> {
        let mut session = self.lock();
        let document = at.text_document.uri.as_str();
        let boarded = session.board(document, convert::line_column(at.position), trigger);
        self.parse(&mut session, document);
        match boarded {
            Ok(boarding) => {
                session.waiting += 1;
                if session.waiting == 1 {
                    self.tell(&session, None);
                }
                let waiting = Waiting {
                    shared: self.clone(),
                    document: document.to_owned(),
                    snapshot: boarding.snapshot,
                    version: boarding.version,
                    encoding: session.encoding,
                    along: boarding.along,
                    moved: boarding.moved,
                    plan: boarding.plan,
                    last_request: None,
                };
                Some((waiting, boarding.passenger))
            }
            Err(reason) => {
                tracing::debug!("nothing is suggested: {}", reason.as_str());
                self.outbox
                    .status(status::status(&session, Some(LastRequest::without_model(reason))));
                None
            }
        }
    }
}

impl Waiting {
    /// The text that is completed.
    pub(super) fn text(&self) -> &Rope {
        &self.snapshot.text
    }

    /// How the client counts columns.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Makes a suggestion of what arrived, unless the document is not what it was.
    pub(super) fn judge(&mut self, arrival: Arrival) -> Option<Suggestion> {
        let mut session = self.shared.lock();
        let current = session.is_at(&self.document, self.version);
        let landed = matches!(arrival, Arrival::Landed(_));
        let more = |written: &Written, finish| self.plan.suggest(&written.after(self.along.typed), finish);
        let (stats, suggestion) = match arrival {
            Arrival::Underway(written) => (None, more(&written, Finish::Deadline)),
            Arrival::Landed(Ok(completion)) => (
                (!self.along.landed).then_some(completion.stats),
                more(&Written::of(&completion), completion.finish),
            ),
            Arrival::Landed(Err(error)) => (None, Err(reason(&error))),
        };
        let suggestion = if current { suggestion } else { Err(Reason::Outdated) };
        if landed && let Ok(suggestion) = &suggestion {
            session.look_ahead(&self.document, &self.snapshot, suggestion);
        }
        drop(session);
        let reason = suggestion.as_ref().err().copied();
        if let Some(reason) = reason {
            tracing::debug!("nothing is suggested: {}", reason.as_str());
        }
        self.last_request = Some(match self.along.landed {
            true => LastRequest::typed_along(reason),
            false => LastRequest::new(stats.as_ref(), reason, self.moved),
        });
        suggestion.ok()
    }
}

fn reason(error: &RequestError) -> Reason {
    match error {
        RequestError::Superseded => Reason::Superseded,
        RequestError::Invalid(_) | RequestError::Failed(_) | RequestError::Stopped => {
            tracing::error!("{error}");
            Reason::Failed
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut session = self.shared.lock();
        session.waiting -= 1;
        self.shared
            .outbox
            .status(status::status(&session, self.last_request.take()));
    }
}
