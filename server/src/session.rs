//! What the server knows at one moment: the open documents, the settings, and how far the engine is.
//!
//! It has one owner, behind one mutex that is never held across an await; requests work on snapshots. It must not know
//! the protocol's types or send anything.

mod ahead;
mod completions;
mod judging;
mod notebooks;
mod requests;
mod trees;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use codegemma_model::Engine;
use ropey::Rope;

use crate::config::roots::Roots;
use crate::config::settings::Settings;
use crate::context::prompt_path;
use crate::context::queue::{ContextJob, ContextQueue, ContextResult};
use crate::documents::document::{Change, Document, Stale};
use crate::documents::notebook::Notebook;
use crate::documents::position::Encoding;
use crate::policy::files::FilePolicy;
use crate::process::panics::fault;
pub use ahead::{Prospect, Reading};
use completions::Completions;
use judging::Judgements;
pub use judging::Judging;
pub use requests::{Begun, Planned, Request};
use trees::Trees;

/// How far the engine is.
#[derive(Clone)]
pub enum EngineState {
    /// The model is being read.
    Loading,
    /// Requests are served.
    Ready(Arc<Engine>),
    /// The model could not be loaded; the message says what to do.
    Failed(String),
}

/// The state of the server.
pub struct Session {
    /// How the client counts columns.
    pub encoding: Encoding,
    /// The folders that are open.
    roots: Roots,
    /// What the configuration says.
    pub settings: Settings,
    /// How far the engine is.
    pub engine: EngineState,
    /// Whether its model is the starter that comes with the program.
    pub starter: bool,
    /// How many requests wait for the engine.
    pub waiting: usize,
    /// How many settings have come that are not taken over yet.
    pub settings_to_come: usize,
    /// The client said that it is going to leave.
    pub shut_down: bool,
    documents: HashMap<String, Document>,
    notebooks: HashMap<String, Notebook>,
    /// What the model is shown with the documents.
    contexts: ContextQueue,
    policy: Arc<FilePolicy>,
    judgements: Judgements,
    trees: Trees,
    completions: Completions,
    ended: bool,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            encoding: Encoding::default(),
            roots: Roots::default(),
            settings: Settings::default(),
            engine: EngineState::Loading,
            starter: false,
            waiting: 0,
            settings_to_come: 0,
            shut_down: false,
            documents: HashMap::new(),
            notebooks: HashMap::new(),
            contexts: ContextQueue::default(),
            policy: Arc::default(),
            judgements: Judgements::default(),
            trees: Trees::default(),
            completions: Completions::default(),
            ended: false,
        }
    }
}

impl Session {
    /// A document was opened, or opened again.
    pub fn open(&mut self, name: String, path: Option<&Path>, language: &str, version: i32, text: &str) {
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
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    /// Another workspace. Documents that are open are called by where they are in it.
    pub fn enter(&mut self, roots: Roots) {
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
    pub fn change(&mut self, name: &str, version: i32, changes: &mut [Change]) -> Option<Result<(), Stale>> {
        let document = self.documents.get_mut(name)?;
        let applied = document.apply(version, changes, self.encoding);
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
    pub fn lose(&mut self, name: &str) {
        self.completions.cancel_in(name);
        if let Some(document) = self.documents.get_mut(name) {
            document.lose();
        }
        self.cell_changed(name);
    }

    /// A document was closed.
    pub fn close(&mut self, name: &str) {
        self.completions.forget(name);
        self.trees.closed(name);
        self.documents.remove(name);
        fault("close");
        self.contexts.closed(name);
        self.judgements.closed(name);
        self.cell_changed(name);
    }

    /// A document was saved: what it imports may be another, and as an ignore file it may hide others.
    pub fn save(&mut self, name: &str) {
        self.contexts.want(name);
        fault("save");
        self.judge_anew();
    }

    /// The next choice of context to make, elsewhere.
    pub fn context_job(&mut self) -> Option<ContextJob> {
        let EngineState::Ready(engine) = &self.engine else {
            return None;
        };
        let context_tokens = engine.info().context_tokens;
        let context_job = (!self.ended).then(|| {
            let visible = |name: &str| self.judgements.is_visible(name) == Some(true);
            let documents = &self.documents;
            self.contexts
                .context_job(documents, visible, self.settings.context, &self.policy, context_tokens)
        })??;
        let above = self.above(context_job.document());
        Some(context_job.below(&above))
    }

    /// It was made, or could not be. Gives the document that is to be read now.
    pub fn context_done(&mut self, made: Option<ContextResult>) -> Option<Reading> {
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
    pub fn configure(&mut self, settings: Settings) -> Vec<String> {
        fault("configure");
        self.settings = settings;
        self.guard()
    }

    /// Another engine is going to be loaded; gives the one that was there.
    pub fn reload(&mut self) -> EngineState {
        self.completions.renew();
        self.take_engine()
    }

    /// The client goes: what runs is stopped, and nothing new begins.
    pub fn end(&mut self) {
        self.ended = true;
        self.completions.cancel();
    }

    /// The engine, which the session has no use for once it has ended.
    pub fn take_engine(&mut self) -> EngineState {
        std::mem::replace(&mut self.engine, EngineState::Loading)
    }

    /// Whether the client is going or gone.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// The version of an open document.
    pub fn version(&self, name: &str) -> Option<i32> {
        self.documents.get(name).map(|document| document.version)
    }

    /// The language of an open document.
    pub fn language(&self, name: &str) -> Option<&str> {
        self.documents.get(name).map(|document| &*document.language)
    }

    /// Whether the settings and the engine still are what they were when a request began.
    pub fn is_revision(&self, revision: u64) -> bool {
        self.completions.revision() == revision
    }

    /// Whether a document still is what it was when a request began.
    pub fn is_at(&self, name: &str, version: i32) -> bool {
        self.documents
            .get(name)
            .is_some_and(|document| document.version == version && document.is_current())
    }

    /// The text of a document, where it is the client's.
    pub fn text(&self, name: &str) -> Option<Rope> {
        let document = self.documents.get(name).filter(|document| document.is_current());
        document.map(|document| document.text.clone())
    }
}

#[cfg(test)]
mod tests;
