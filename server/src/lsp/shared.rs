//! What handlers, the loading thread and waiting requests have in common: the session behind its lock, and the outbox.
//!
//! Statuses are put into the outbox under the lock, so that they arrive in the order of what they tell. It must not
//! know the shapes of answers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use codegemma_model::{Alternative, RequestError};
use ropey::Rope;
use tokio::sync::watch;
use tower_lsp::ls_types::{TextDocumentPositionParams, Uri};

use super::background::Worker;
use super::configuration::Configuration;
use super::convert;
use super::loading::{LoadEngine, Loader};
use super::outbox::Outbox;
use super::statistics::{Outcome, Statistics};
use super::status::{self, LastRequest};
use crate::anchor::Moved;
use crate::complete::{Plan, Snapshot, Suggestion};
use crate::config::EngineFlags;
use crate::document::Change;
use crate::explain::Explanation;
use crate::flight::{Along, Arrival, Passenger};
use crate::panics::{fault, fenced};
use crate::position::Encoding;
use crate::reason::Reason;
use crate::selected::Selected;
use crate::session::{Prepared, Session};
use crate::trigger::Trigger;
use crate::written::Written;

pub(super) struct Shared {
    session: Mutex<Session>,
    pub(super) outbox: Outbox,
    pub(super) flags: EngineFlags,
    pub(super) keep: bool,
    pub(super) load_engine: LoadEngine,
    pub(super) configuration: Mutex<Configuration>,
    pub(super) loader: Mutex<Loader>,
    statistics: Mutex<Statistics>,
    /// A document was judged.
    pub(super) judged: watch::Sender<()>,
    /// Makes syntax trees.
    parses: Worker,
    /// Chooses what is shown of other files.
    contexts: Worker,
}

/// A request that waits for the engine. It is dropped when it is answered, or when the client cancels it.
pub(super) struct Waiting {
    shared: Arc<Shared>,
    document: String,
    snapshot: Snapshot,
    selected: Option<Selected>,
    version: i32,
    revision: u64,
    encoding: Encoding,
    along: Along,
    moved: Option<Moved>,
    plan: Plan,
    deadline: Duration,
    /// What has been typed since, which the suggestion begins with.
    since: String,
    last_request: Option<LastRequest>,
    /// Why nothing is suggested.
    reason: Option<Reason>,
}

/// What an answer is good for that comes when the document has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// Nothing: the client asks again at each key.
    Nothing,
    /// As long as it begins with what was typed since, the place that was asked for: a client whose popup is not there yet
    /// does not ask again.
    TypedAlong,
}

impl Shared {
    pub(super) fn new(flags: EngineFlags, keep: bool, load_engine: LoadEngine, outbox: Outbox) -> Self {
        Self {
            session: Mutex::default(),
            outbox,
            flags,
            keep,
            load_engine,
            configuration: Mutex::default(),
            loader: Mutex::default(),
            statistics: Mutex::default(),
            judged: watch::Sender::default(),
            parses: Worker::default(),
            contexts: Worker::default(),
        }
    }

    /// A panic elsewhere does not spoil the session: no change of it is left half done.
    pub(super) fn lock(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the client how the session is, unless it is leaving.
    pub(super) fn tell(&self, session: &Session, last_request: Option<LastRequest>) {
        if !session.has_ended() {
            self.outbox.status(status::status(session, last_request));
        }
    }

    /// Counts what became of a suggestion in a document.
    pub(super) fn count(&self, outcome: Outcome, document: Option<&str>) {
        let session = self.lock();
        let language = document.and_then(|document| session.language(document));
        self.statistics().count(outcome, language.unwrap_or("unknown"));
    }

    /// What became of the suggestions so far.
    pub(super) fn statistics(&self) -> MutexGuard<'_, Statistics> {
        self.statistics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has what is wanted done elsewhere: files judged, syntax trees made, contexts chosen, one after the other.
    pub(super) fn tend(self: &Arc<Self>, session: &mut Session) {
        self.judge(session);
        if session.wants_trees() {
            let shared = self.clone();
            self.parses.start("parse", move || shared.parse_next());
        }
        if session.wants_contexts() {
            let shared = self.clone();
            self.contexts.start("context", move || shared.choose_next());
        }
    }

    /// Makes a syntax tree, unless none is wanted.
    fn parse_next(&self) -> bool {
        let mut session = self.lock();
        let Some((document, job)) = session.parse_job() else {
            self.parses.rests();
            return false;
        };
        drop(session);
        let parsed = fenced(|| job.run()).flatten();
        self.lock().parse_done(&document, &job, parsed);
        true
    }

    /// Chooses what is shown with a document, unless none wants that.
    fn choose_next(&self) -> bool {
        let mut session = self.lock();
        let Some(errand) = session.errand() else {
            self.contexts.rests();
            return false;
        };
        drop(session);
        let made = fenced(|| errand.run());
        self.lock().errand_done(made);
        true
    }

    /// What the model is shown at a place, and why.
    pub(super) async fn explain(self: &Arc<Self>, at: &TextDocumentPositionParams) -> Result<Explanation, String> {
        let document = at.text_document.uri.as_str();
        self.is_judged(document).await;
        let prepared = {
            let mut session = self.lock();
            session.prepare(document, convert::line_column(at.position), Trigger::Invoked, None)
        };
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(reason) => return Ok(Explanation::of_nothing(reason)),
        };
        let explain = move || {
            let Prepared {
                engine,
                plan,
                choice,
                moved,
                max_tokens,
                ..
            } = prepared;
            Explanation::new(&plan, &choice, moved, engine.tokenizer(), engine.info(), max_tokens)
        };
        let explained = tokio::task::spawn_blocking(explain).await;
        explained.map_err(|error| format!("the prompt cannot be explained: {error}"))
    }

    /// A document was edited.
    pub(super) fn change(self: &Arc<Self>, uri: &Uri, version: i32, changes: &mut [Change]) {
        let uri = uri.as_str();
        let mut session = self.lock();
        let changed = session.change(uri, version, changes);
        self.tend(&mut session);
        drop(session);
        match changed {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                tracing::warn!(
                    "{uri}: version {version} cannot be applied ({error}); nothing is suggested there until its whole text is sent"
                );
            }
            None => tracing::debug!("{uri}: a change of a document that is not open is ignored"),
        }
    }

    /// Begins a completion; `None` if nothing will be suggested. `entry` is what is selected in the editor's popup. It
    /// waits only where a document was just opened, until it is known whether the model may see it, and completes nothing
    /// where it was edited meanwhile.
    pub(super) async fn board(
        self: &Arc<Self>,
        at: &TextDocumentPositionParams,
        trigger: Trigger,
        entry: Option<&Change>,
    ) -> Option<(Waiting, Passenger)> {
        self.look_at_model();
        let document = at.text_document.uri.as_str();
        let is_same = self.is_judged(document).await;
        let mut session = self.lock();
        let boarded = match is_same {
            true => session.board(document, convert::line_column(at.position), trigger, entry),
            false => Err(Reason::Outdated),
        };
        self.tend(&mut session);
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
                    selected: boarding.selected,
                    version: boarding.version,
                    revision: boarding.revision,
                    encoding: session.encoding,
                    along: boarding.along,
                    moved: boarding.moved,
                    plan: boarding.plan,
                    deadline: session.settings.deadline,
                    since: String::new(),
                    last_request: None,
                    reason: None,
                };
                Some((waiting, boarding.passenger))
            }
            Err(reason) => {
                tracing::debug!("nothing is suggested ({}): {}", reason.as_str(), reason.sentence());
                self.statistics().count_answer(Some(reason));
                self.tell(&session, Some(LastRequest::without_model(reason)));
                None
            }
        }
    }
}

impl Waiting {
    /// The document that the suggestions are for.
    pub(super) fn text(&self) -> &Rope {
        match &self.selected {
            Some(selected) => selected.document(),
            None => &self.snapshot.text,
        }
    }

    /// The URI of its document.
    pub(super) fn document(&self) -> &str {
        &self.document
    }

    /// How long it may take; then what there is gets suggested, and the run goes on for the next request.
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// What has been typed there since.
    pub(super) fn since(&self) -> &str {
        &self.since
    }

    /// How the client counts columns.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Makes suggestions of what arrived, the best first, unless the document is not what it was.
    pub(super) fn judge(&mut self, arrival: Arrival, late: Late) -> Vec<Suggestion> {
        fault("judge");
        let (current, since) = {
            let session = self.shared.lock();
            let renewed = !session.is_revision(self.revision);
            let current = !renewed && session.is_at(&self.document, self.version);
            let since = match late {
                Late::TypedAlong if !renewed && !current => session.typed_since(&self.document, &self.snapshot),
                _ => Vec::new(),
            };
            (current, since)
        };
        let landed = matches!(arrival, Arrival::Landed(_));
        let more = |written: &Written, finish| self.plan.suggest(&written.after(self.along.typed), finish);
        let mut others = Vec::new();
        let (stats, suggestion) = match arrival {
            Arrival::Underway(so_far) => {
                // The prompt's length is known as soon as the engine has begun.
                let begun = so_far.stats.prompt_tokens > 0;
                (
                    begun.then_some(so_far.stats),
                    more(&Written::of(&so_far), so_far.finish),
                )
            }
            Arrival::Landed(Ok(completion)) => {
                if self.along.typed == 0 && current {
                    let written = |other: &Alternative| more(&Written::of_other(other), other.finish).ok();
                    others = completion.alternatives.iter().filter_map(written).collect();
                }
                (
                    (!self.along.landed).then_some(completion.stats),
                    more(&Written::of(&completion), completion.finish),
                )
            }
            Arrival::Landed(Err(error)) => (None, Err(reason(&error))),
        };
        let suggestion = match suggestion {
            suggestion if current => suggestion,
            Ok(suggestion) => self.follow(suggestion, since),
            Err(_) => Err(Reason::Outdated),
        };
        if landed && (current || suggestion.is_ok()) {
            let mut session = self.shared.lock();
            let moves = session.move_anchor_ahead(&self.document, &self.snapshot);
            if let (Ok(suggestion), false) = (&suggestion, moves) {
                session.look_ahead(&self.document, &self.snapshot, suggestion);
            }
        }
        let reason = suggestion.as_ref().err().copied().filter(|_| others.is_empty());
        if let Some(reason) = reason {
            tracing::debug!("nothing is suggested ({}): {}", reason.as_str(), reason.sentence());
        }
        self.reason = reason;
        self.last_request = Some(match self.along.landed {
            true => LastRequest::typed_along(reason),
            false => LastRequest::new(stats.as_ref(), reason, self.moved),
        });
        let mut suggestions = Vec::new();
        for suggestion in suggestion.into_iter().chain(others) {
            let suggestion = match &self.selected {
                Some(selected) => selected.extended(&suggestion),
                None => suggestion,
            };
            // What differed may have been cut away.
            if !suggestions.contains(&suggestion) {
                suggestions.push(suggestion);
            }
        }
        suggestions
    }

    /// A suggestion for an earlier text is good for the text of now where it begins with what was typed since.
    fn follow(&mut self, suggestion: Suggestion, since: Vec<String>) -> Result<Suggestion, Reason> {
        let begins = |since: &String| suggestion.text.len() > since.len() && suggestion.text.starts_with(since);
        self.since = since.into_iter().find(begins).ok_or(Reason::Outdated)?;
        Ok(suggestion)
    }
}

fn reason(error: &RequestError) -> Reason {
    match error {
        RequestError::Superseded => Reason::Superseded,
        RequestError::Invalid(_) | RequestError::Failed(_) | RequestError::ModelChanged(_) | RequestError::Stopped => {
            tracing::error!("{error}");
            Reason::Failed
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut session = self.shared.lock();
        session.waiting -= 1;
        // Without it the client did not wait for the answer.
        if self.last_request.is_some() {
            self.shared.statistics().count_answer(self.reason);
        }
        self.shared.tell(&session, self.last_request.take());
    }
}
