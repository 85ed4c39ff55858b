//! The completions under way: the run that the engine works on, the one that it does ahead, and where the prompts of each
//! document are split.
//!
//! It must not know documents as they are now, or the protocol.

use std::collections::HashMap;
use std::sync::Arc;

use codegemma_model::{CompletionRequest, Engine};
use ropey::Rope;

use super::ahead::NextAnchor;
use crate::completion::anchor::Anchor;
use crate::completion::in_flight::{Continuation, Run, RunKey, Waiter};
use crate::completion::snapshot::Snapshot;

/// The state of all completions.
#[derive(Default)]
pub(super) struct Completions {
    /// Where the prompts of the last requests were split, by document.
    pub(super) anchors: HashMap<String, Anchor>,
    /// The anchor that takes the place of a document's, which is getting far away.
    pub(super) next_anchor: Option<NextAnchor>,
    run: Option<Run>,
    /// The run for the document as it will be when the last suggestion is accepted. Dropping the waiter cancels it.
    ahead: Option<(Run, Waiter)>,
    /// How often the settings or the engine have changed.
    revision: u64,
    /// How many requests there were.
    requests: u64,
    /// The newest request that a run was begun for.
    newest: u64,
}

impl Completions {
    /// The number of a new request.
    pub(super) fn number(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    /// How often the settings or the engine have changed so far.
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// A document has another text.
    pub(super) fn changed(&self, document: &str, text: &Rope) {
        if let Some(run) = self.run.as_ref().filter(|run| run.is_in(document)) {
            run.changed(text);
        }
    }

    /// Stops what runs for a document that goes away.
    pub(super) fn cancel_in(&mut self, document: &str) {
        if let Some(run) = self.run.take_if(|run| run.is_in(document)) {
            run.cancel();
        }
        self.ahead.take_if(|(run, _)| run.is_in(document));
    }

    /// A document goes away, or may not be completed any more.
    pub(super) fn forget(&mut self, document: &str) {
        self.cancel_in(document);
        self.anchors.remove(document);
        self.next_anchor.take_if(|next| next.is_in(document));
    }

    /// Stops what runs.
    pub(super) fn cancel(&mut self) {
        self.ahead = None;
        if let Some(run) = self.run.take() {
            run.cancel();
        }
    }

    /// Other settings or another engine: nothing that is under way is shown any more.
    pub(super) fn renew(&mut self) {
        self.revision += 1;
        self.cancel();
    }

    /// A wait for a run that began before and is good for this place, too.
    pub(super) fn join(&mut self, key: &RunKey, snapshot: &Snapshot) -> Option<(Waiter, Continuation)> {
        let whole = Continuation::whole(key.extent);
        let run = self.run.as_ref();
        let joined = run.and_then(|run| Some((run.join(key, snapshot)?, whole)));
        let joined = joined.or_else(|| run?.continuation(key, snapshot));
        joined.or_else(|| self.join_ahead(key, snapshot))
    }

    /// Goes on with the run that was begun for the text that the user has accepted.
    fn join_ahead(&mut self, key: &RunKey, snapshot: &Snapshot) -> Option<(Waiter, Continuation)> {
        let (run, waiter) = self.ahead.take()?;
        let joined = run.continuation(key, snapshot);
        match joined.is_some() {
            true => self.run = Some(run),
            false => self.ahead = Some((run, waiter)),
        }
        joined
    }

    /// Has the engine work for a request, unless a newer one was begun before.
    pub(super) fn start(
        &mut self,
        number: u64,
        engine: &Engine,
        key: RunKey,
        snapshot: Arc<Snapshot>,
        request: CompletionRequest,
    ) -> Option<Waiter> {
        if number < self.newest {
            return None;
        }
        self.newest = number;
        self.ahead = None;
        let submit = |request, reply| engine.submit(request, reply);
        let (run, waiter) = Run::start(key, snapshot, request, submit);
        self.run = Some(run);
        Some(waiter)
    }

    /// Whether the run for a text that is to be has begun.
    pub(super) fn is_ahead(&self, text: &Rope) -> bool {
        self.ahead.as_ref().is_some_and(|(run, _)| run.began_with(text))
    }

    /// A run that nobody waits for yet was begun.
    pub(super) fn goes_ahead(&mut self, run: (Run, Waiter)) {
        self.ahead = Some(run);
    }
}
