//! What handlers, the loading thread and the lanes have in common: the session behind its lock, and the outbox.
//!
//! Statuses are put into the outbox under the lock, so that they arrive in the order of what they tell. It must not
//! know the shapes of answers.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::watch;
use tower_lsp::ls_types::Uri;

use super::configuration::Configuration;
use super::lane::Lane;
use super::loading::{LoadEngine, Loader};
use super::lock::{Held, Lock, Rank};
use super::outbox::Outbox;
use super::statistics::{Outcome, Statistics};
use super::status::{self, LastRequest};
use crate::config::EngineFlags;
use crate::documents::document::Change;
use crate::process::panics::fenced;
use crate::session::{Reading, Session};

pub(super) struct Shared {
    session: Lock<Session>,
    pub(super) outbox: Outbox,
    pub(super) flags: EngineFlags,
    pub(super) keep: bool,
    pub(super) load_engine: LoadEngine,
    pub(super) configuration: Lock<Configuration>,
    pub(super) loader: Lock<Loader>,
    statistics: Lock<Statistics>,
    /// A document was judged, or settings were taken over.
    pub(super) known: watch::Sender<()>,
    pub(super) lanes: Lanes,
    /// Somebody is about to look at the model's files.
    pub(super) looks_at_model: AtomicBool,
}

/// The threads that work for the protocol's.
pub(super) struct Lanes {
    /// Plans and launches requests, the newest last.
    pub(super) requests: Lane,
    /// Judges what the model wrote, and publishes what others have made.
    pub(super) results: Lane,
    /// Reads files of settings, and looks at those of the model.
    pub(super) files: Lane,
    /// Makes syntax trees.
    trees: Lane,
    /// Chooses what is shown of other files.
    contexts: Lane,
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            requests: Lane::new("requests"),
            results: Lane::new("results"),
            files: Lane::new("files"),
            trees: Lane::of_low_priority("trees"),
            contexts: Lane::of_low_priority("contexts"),
        }
    }
}

impl Shared {
    pub(super) fn new(flags: EngineFlags, keep: bool, load_engine: LoadEngine, outbox: Outbox) -> Self {
        Self {
            session: Lock::new(Rank::Session, Session::default()),
            outbox,
            flags,
            keep,
            load_engine,
            configuration: Lock::new(Rank::Configuration, Configuration::default()),
            loader: Lock::new(Rank::Loader, Loader::default()),
            statistics: Lock::new(Rank::Statistics, Statistics::default()),
            known: watch::Sender::default(),
            lanes: Lanes::default(),
            looks_at_model: AtomicBool::default(),
        }
    }

    /// The session.
    pub(super) fn lock(&self) -> Held<'_, Session> {
        self.session.lock()
    }

    /// Tells the client how the session is, unless it is leaving.
    pub(super) fn tell(&self, session: &Session, last_request: Option<LastRequest>) {
        if !session.has_ended() {
            self.outbox.status(status::status(session, last_request));
        }
    }

    /// Counts what became of a suggestion in a document.
    pub(super) fn count(&self, outcome: Outcome, document: Option<&str>) {
        let mut session = self.lock();
        let language = document.and_then(|document| session.language(document));
        self.statistics().count(outcome, language.unwrap_or("unknown"));
        if let Some(language) = language.map(str::to_owned) {
            session.judged_by_user(&language, outcome.shift());
        }
    }

    /// What became of the suggestions so far.
    pub(super) fn statistics(&self) -> Held<'_, Statistics> {
        self.statistics.lock()
    }

    /// Has what is wanted done elsewhere: files judged, syntax trees made, contexts chosen, one of each kind at a time.
    pub(super) fn run_jobs(self: &Arc<Self>, session: &mut Session) {
        self.judge(session);
        if let Some((document, job)) = session.parse_job() {
            let shared = self.clone();
            let parse = move || {
                let parsed = fenced(|| job.run()).flatten();
                shared.make_known(move |shared, session| {
                    session.parse_done(&document, &job, parsed);
                    shared.run_jobs(session);
                });
            };
            if !self.lanes.trees.post(parse) {
                session.no_parse();
            }
        }
        if let Some(context_job) = session.context_job() {
            let shared = self.clone();
            let choose = move || {
                let made = fenced(|| context_job.run());
                shared.make_known(move |shared, session| {
                    let reading = session.context_done(made);
                    shared.run_jobs(session);
                    if let Some(reading) = reading {
                        shared.read_ahead(reading);
                    }
                });
            };
            if !self.lanes.contexts.post(choose) {
                session.context_done(None);
            }
        }
    }

    /// Has a change of the session made that a lane of low priority has prepared, which must not take the lock itself.
    fn make_known(self: &Arc<Self>, change: impl FnOnce(&Arc<Self>, &mut Session) + Send + 'static) {
        let shared = self.clone();
        self.lanes.results.post(move || change(&shared, &mut shared.lock()));
    }

    /// Has a document read by the engine when it has nothing else to do.
    fn read_ahead(self: &Arc<Self>, reading: Reading) {
        let shared = self.clone();
        self.lanes.contexts.post(move || {
            if let Some(request) = reading.request() {
                shared.make_known(move |_, session| session.read_ahead(&reading, request));
            }
        });
    }

    /// A document was edited.
    pub(super) fn change(self: &Arc<Self>, uri: &Uri, version: i32, changes: &mut [Change]) {
        let uri = uri.as_str();
        let mut session = self.lock();
        let changed = session.change(uri, version, changes);
        self.run_jobs(&mut session);
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
}
