//! What the server knows at one moment: the open documents, the settings, and how far the engine is.
//!
//! It has one owner, behind one mutex that is never held across an await; requests work on snapshots. It must not know
//! the protocol's types or send anything.

mod ahead;
mod completions;
mod engine_slot;
mod judging;
mod notebooks;
mod protocol;
mod requests;
mod trees;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use codegemma_model::Engine;
use ropey::Rope;

use crate::completion::gate::taste::Taste;
use crate::config::roots::Roots;
use crate::config::settings::Settings;
use crate::context::prompt_path;
use crate::context::queue::{ContextJob, ContextQueue, ContextResult};
use crate::documents::document::{Change, Document, Stale};
use crate::documents::notebook::Notebook;
use crate::documents::position::Encoding;
use crate::policy::files::FilePolicy;
use crate::process::panics::fault;
pub(crate) use ahead::Reading;
use completions::Completions;
use engine_slot::EngineSlot;
pub(crate) use engine_slot::EngineState;
use judging::Judgements;
pub(crate) use judging::Judging;
use protocol::ProtocolState;
pub(crate) use requests::{Begun, Planned, Request};
use trees::Trees;

/// The state of the server: documents, completions under way, context jobs, the engine and the conversation with the
/// client, each with an owner of its own.
#[derive(Default)]
pub(crate) struct Session {
    protocol: ProtocolState,
    engine: EngineSlot,
    /// What the configuration says.
    settings: Settings,
    /// The folders that are open.
    roots: Roots,
    documents: HashMap<String, Document>,
    notebooks: HashMap<String, Notebook>,
    trees: Trees,
    /// What the model is shown with the documents.
    contexts: ContextQueue,
    completions: Completions,
    taste: Taste,
    /// Which files the model may see.
    policy: Arc<FilePolicy>,
    judgements: Judgements,
}

impl Session {
    /// A document was opened, or opened again.
    pub(crate) fn open(&mut self, name: String, path: Option<&Path>, language: &str, version: i32, text: &str) {
        self.insert(&name, path, language, version, text);
        self.contexts.opened(&name);
        self.use_tree(&name);
    }

    fn insert(&mut self, name: &str, path: Option<&Path>, language: &str, version: i32, text: &str) {
        self.completions.forget(name);
        let root = path.and_then(|path| self.roots.of(path));
        self.contexts.add(name, path, root);
        self.judgements.opened(name, path);
        let path = path.and_then(|path| prompt_path::name(path, root));
        self.documents
            .insert(name.to_owned(), Document::new(text, version, language, path));
        fault("open");
        self.cell_changed(name);
    }

    /// The folders of the workspace.
    pub(crate) fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Another workspace. Documents that are open are called by where they are in it.
    pub(crate) fn enter(&mut self, roots: Roots) {
        self.roots = roots;
        self.contexts.enter(&self.roots);
        for (name, document) in &mut self.documents {
            let place = self.contexts.place(name);
            let path = place.and_then(|(file, root)| prompt_path::name(file, root));
            document.path = path.map(Into::into);
        }
        fault("enter");
        // What there is to say of the patterns is said when they are set.
        drop(self.guard());
    }

    /// A document was edited. `None` if it is not open.
    pub(crate) fn change(&mut self, name: &str, version: i32, changes: &mut [Change]) -> Option<Result<(), Stale>> {
        let document = self.documents.get_mut(name)?;
        let applied = document.apply(version, changes, self.protocol.encoding);
        fault("change");
        self.completions.changed(name, &document.text);
        match applied {
            Ok(()) => self.contexts.edited(name, changes),
            Err(Stale) => self.contexts.used(name, None),
        }
        self.cell_changed(name);
        Some(applied)
    }

    /// A document was edited in a way that was not understood. Nothing is suggested until its whole text is sent.
    pub(crate) fn lose(&mut self, name: &str) {
        self.completions.cancel_in(name);
        if let Some(document) = self.documents.get_mut(name) {
            document.lose();
        }
        self.cell_changed(name);
    }

    /// A document was closed.
    pub(crate) fn close(&mut self, name: &str) {
        self.completions.forget(name);
        self.trees.closed(name);
        self.documents.remove(name);
        fault("close");
        self.contexts.closed(name);
        self.judgements.closed(name);
        self.cell_changed(name);
    }

    /// A document was saved: what it imports may be another, and as an ignore file it may hide others.
    pub(crate) fn save(&mut self, name: &str) {
        self.contexts.want(name);
        fault("save");
        self.judge_anew();
    }

    /// The next choice of context to make, elsewhere.
    pub(crate) fn context_job(&mut self) -> Option<ContextJob> {
        let engine = self.engine.ready()?;
        let context_tokens = engine.whole_tokens();
        let context_job = (!self.protocol.ended).then(|| {
            let visible = |name: &str| self.judgements.is_visible(name) == Some(true);
            let documents = &self.documents;
            self.contexts
                .context_job(documents, visible, self.settings.context, &self.policy, context_tokens)
        })??;
        let above = self.above(context_job.document());
        Some(context_job.below(above))
    }

    /// A context job was done, or could not be. Gives the document that is to be read now.
    pub(crate) fn context_done(&mut self, made: Option<ContextResult>) -> Option<Reading> {
        // What was chosen by other rules is chosen again.
        let made = made.filter(|made| made.is_by(&self.policy));
        let name = made.as_ref().map(|made| made.document().to_owned());
        self.contexts.done(made);
        fault("context done");
        // What the user does not look at can wait until he does.
        let newest = name.filter(|name| self.contexts.is_newest(name))?;
        self.reading(&newest)
    }

    /// The settings change. Suggestions are made anew.
    ///
    /// Gives what the user should know of the patterns that exclude files.
    pub(crate) fn configure(&mut self, settings: Settings) -> Vec<String> {
        fault("configure");
        self.settings = settings;
        self.guard()
    }

    /// Another engine is going to be loaded; gives the one that was there.
    pub(crate) fn reload(&mut self) -> EngineState {
        self.completions.renew();
        self.take_engine()
    }

    /// The client goes: what runs is stopped, and nothing new begins.
    pub(crate) fn end(&mut self) {
        self.protocol.ended = true;
        self.completions.cancel();
    }

    /// The engine, which the session has no use for once it has ended.
    pub(crate) fn take_engine(&mut self) -> EngineState {
        self.engine.take()
    }

    /// How far the engine is.
    pub(crate) fn engine(&self) -> &EngineState {
        self.engine.state()
    }

    /// Whether the model is the starter that comes with the program.
    pub(crate) fn has_starter(&self) -> bool {
        self.engine.is_starter()
    }

    /// An engine serves from now on.
    pub(crate) fn serve(&mut self, engine: Arc<Engine>, starter: bool) {
        self.engine.serve(engine, starter);
    }

    /// The engine is what it was before another one was tried, or failed.
    pub(crate) fn set_engine(&mut self, state: EngineState) {
        self.engine.set(state);
    }

    /// What the configuration says.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The client counts columns in this way.
    pub(crate) fn count_columns(&mut self, encoding: Encoding) {
        self.protocol.encoding = encoding;
    }

    /// How the client counts columns.
    pub(crate) fn encoding(&self) -> Encoding {
        self.protocol.encoding
    }

    /// A request waits for the engine. Says whether it is the only one.
    pub(crate) fn begin_wait(&mut self) -> bool {
        self.protocol.waiting += 1;
        self.protocol.waiting == 1
    }

    /// A request waits for the engine no more.
    pub(crate) fn end_wait(&mut self) {
        self.protocol.waiting -= 1;
    }

    /// Whether requests wait for the engine.
    pub(crate) fn is_busy(&self) -> bool {
        self.protocol.waiting > 0
    }

    /// Settings have come that are to be taken over.
    pub(crate) fn expect_settings(&mut self) {
        self.protocol.settings_to_come += 1;
    }

    /// Settings that had come were taken over.
    pub(crate) fn settings_taken(&mut self) {
        self.protocol.settings_to_come -= 1;
    }

    /// Whether settings have come that are not taken over yet.
    pub(crate) fn expects_settings(&self) -> bool {
        self.protocol.settings_to_come > 0
    }

    /// The client says that it is going to leave.
    pub(crate) fn shut_down(&mut self) {
        self.protocol.shut_down = true;
        self.end();
    }

    /// Whether the client said that it was going to leave.
    pub(crate) fn is_shut_down(&self) -> bool {
        self.protocol.shut_down
    }

    /// Whether the client is going or gone.
    pub(crate) fn has_ended(&self) -> bool {
        self.protocol.ended
    }

    /// The language of an open document.
    pub(crate) fn language(&self, name: &str) -> Option<&str> {
        self.documents.get(name).map(|document| &*document.language)
    }

    /// The user accepted or dismissed a suggestion in a language, which moves how sure those to come have to be.
    pub(crate) fn judged_by_user(&mut self, language: &str, by: f64) {
        self.taste.moved(language, by);
    }

    /// Whether the settings and the engine still are what they were when a request began.
    pub(crate) fn is_revision(&self, revision: u64) -> bool {
        self.completions.revision() == revision
    }

    /// Whether a document still is what it was when a request began.
    pub(crate) fn is_at(&self, name: &str, version: i32) -> bool {
        self.documents
            .get(name)
            .is_some_and(|document| document.version == version && document.is_current())
    }

    /// The text of a document, where it is the client's.
    pub(crate) fn text(&self, name: &str) -> Option<Rope> {
        let document = self.documents.get(name).filter(|document| document.is_current());
        document.map(|document| document.text.clone())
    }
}

#[cfg(test)]
mod tests;
