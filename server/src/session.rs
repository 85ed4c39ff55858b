//! What the server knows at one moment: the open documents, the settings, and how far the engine is.
//!
//! It has one owner, behind one mutex that is never held across an await; requests work on snapshots. It must not know
//! the protocol's types or send anything.

mod ahead;
mod judging;
mod notebooks;
mod trees;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use codegemma_model::{CompletionRequest, Engine};

use crate::anchor::{Anchor, Moved};
use crate::complete::{self, Plan, Snapshot, Wanted};
use crate::context::Choice;
use crate::document::{Change, Document, Stale};
use crate::flight::{self, Along, Flight, Key, Passenger};
use crate::gate::Gate;
use crate::language;
use crate::notebook::Notebook;
use crate::panics::fault;
use crate::position::{self, Encoding, LineColumn};
use crate::prompt_path;
use crate::reason::Reason;
use crate::roots::Roots;
use crate::selected::Selected;
use crate::settings::Settings;
use crate::trigger::Trigger;
use crate::workspace::{Errand, Made, Workspace};
use ahead::NextAnchor;
use judging::Judgements;
pub use judging::Judging;
use trees::Trees;

/// How many other suggestions there are to choose from, where the user asked.
const ALTERNATIVES: usize = 3;

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
    /// The client said that it is going to leave.
    pub shut_down: bool,
    documents: HashMap<String, Document>,
    notebooks: HashMap<String, Notebook>,
    /// Where the prompts of the last requests were split, by document.
    anchors: HashMap<String, Anchor>,
    /// What the model is shown with the documents.
    workspace: Workspace,
    gate: Arc<Gate>,
    judgements: Judgements,
    trees: Trees,
    flight: Option<Flight>,
    /// The run for the document as it will be when the last suggestion is accepted. Dropping the passenger cancels it.
    ahead: Option<(Flight, Passenger)>,
    /// The anchor that takes the place of a document's, which is getting far away.
    next_anchor: Option<NextAnchor>,
    /// How often the settings or the engine have changed.
    revision: u64,
    ended: bool,
}

/// A request that waits for the engine.
pub struct Boarding {
    /// What it completes, with the popup's entry in it.
    pub snapshot: Snapshot,
    /// The popup's entry.
    pub selected: Option<Selected>,
    /// The version of the document that it completes.
    pub version: i32,
    /// The settings and the engine that it is completed with.
    pub revision: u64,
    /// How it goes along with a run that began before.
    pub along: Along,
    /// Why the anchor is not that of the request before.
    pub moved: Option<Moved>,
    /// What becomes of the answer.
    pub plan: Plan,
    /// The wait itself.
    pub passenger: Passenger,
}

/// What a completion would ask the model for.
pub struct Prepared {
    /// The engine that would be asked.
    pub engine: Arc<Engine>,
    /// What would be completed, with the popup's entry in it.
    pub snapshot: Snapshot,
    /// The popup's entry.
    pub selected: Option<Selected>,
    /// What the model would be shown besides.
    pub choice: Arc<Choice>,
    /// Why the anchor is not that of the request before.
    pub moved: Option<Moved>,
    /// The request.
    pub plan: Plan,
    /// The most tokens to generate.
    pub max_tokens: usize,
    version: i32,
    anchor: Anchor,
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
            shut_down: false,
            documents: HashMap::new(),
            notebooks: HashMap::new(),
            anchors: HashMap::new(),
            workspace: Workspace::default(),
            gate: Arc::default(),
            judgements: Judgements::default(),
            trees: Trees::default(),
            flight: None,
            ahead: None,
            next_anchor: None,
            revision: 0,
            ended: false,
        }
    }
}

impl Session {
    /// A document was opened, or opened again.
    pub fn open(&mut self, name: String, path: Option<&Path>, language: &str, version: i32, text: &str) {
        self.insert(&name, path, language, version, text);
        self.workspace.opened(&name);
        self.use_tree(&name);
    }

    fn insert(&mut self, name: &str, path: Option<&Path>, language: &str, version: i32, text: &str) {
        self.cancel_in(name);
        let root = path.and_then(|path| self.roots.of(path));
        self.workspace.add(name, path, root);
        self.judgements.opened(name, path);
        let path = path.and_then(|path| prompt_path::name(path, root));
        self.anchors.remove(name);
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
        self.workspace.enter(&self.roots);
        for (name, document) in &mut self.documents {
            let place = self.workspace.place(name);
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
        if let Some(flight) = self.flight.as_ref().filter(|flight| flight.is_in(name)) {
            flight.changed(&document.text);
        }
        match applied {
            Ok(()) => self.workspace.edited(name, changes),
            Err(Stale) => self.workspace.used(name, None),
        }
        self.cell_changed(name);
        Some(applied)
    }

    /// A document was edited in a way that was not understood. Nothing is suggested until its whole text is sent.
    pub fn lose(&mut self, name: &str) {
        self.cancel_in(name);
        if let Some(document) = self.documents.get_mut(name) {
            document.lose();
        }
        self.cell_changed(name);
    }

    /// A document was closed.
    pub fn close(&mut self, name: &str) {
        self.cancel_in(name);
        self.next_anchor.take_if(|next| next.is_in(name));
        self.trees.closed(name);
        self.documents.remove(name);
        fault("close");
        self.anchors.remove(name);
        self.workspace.closed(name);
        self.judgements.closed(name);
        self.cell_changed(name);
    }

    /// A document was saved: what it imports may be another, and as an ignore file it may hide others.
    pub fn save(&mut self, name: &str) {
        self.workspace.want(name);
        fault("save");
        self.judge_anew();
    }

    /// Whether a choice of context is to be made.
    pub fn wants_contexts(&self) -> bool {
        let visible = |name: &str| self.judgements.is_visible(name) == Some(true);
        matches!(self.engine, EngineState::Ready(_)) && !self.ended && self.workspace.wants(visible)
    }

    /// The next choice of context to make, elsewhere.
    pub fn errand(&mut self) -> Option<Errand> {
        let EngineState::Ready(engine) = &self.engine else {
            return None;
        };
        let context_tokens = engine.info().context_tokens;
        let errand = (!self.ended).then(|| {
            let visible = |name: &str| self.judgements.is_visible(name) == Some(true);
            let documents = &self.documents;
            self.workspace
                .errand(documents, visible, self.settings.context, &self.gate, context_tokens)
        })??;
        let above = self.above(errand.document());
        Some(errand.below(&above))
    }

    /// It was made, or could not be.
    pub fn errand_done(&mut self, made: Option<Made>) {
        // What was chosen by other rules is chosen again.
        let made = made.filter(|made| made.is_by(&self.gate));
        let name = made.as_ref().map(|made| made.document().to_owned());
        self.workspace.done(made);
        fault("context done");
        // What the user does not look at can wait until he does.
        if let Some(name) = name.filter(|name| self.workspace.is_newest(name)) {
            self.read_ahead(&name);
        }
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
        self.renew();
        self.take_engine()
    }

    /// What is under way is not shown any more.
    fn renew(&mut self) {
        self.revision += 1;
        self.ahead = None;
        if let Some(flight) = self.flight.take() {
            flight.cancel();
        }
    }

    /// The client goes: what runs is stopped, and nothing new begins.
    pub fn end(&mut self) {
        self.ended = true;
        self.ahead = None;
        if let Some(flight) = self.flight.take() {
            flight.cancel();
        }
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
        self.revision == revision
    }

    /// Whether a document still is what it was when a request began.
    pub fn is_at(&self, name: &str, version: i32) -> bool {
        self.documents
            .get(name)
            .is_some_and(|document| document.version == version && document.is_current())
    }

    /// What may have been typed at the place of a request since, the longest first; nothing where the document was changed
    /// in another way.
    pub fn typed_since(&self, name: &str, snapshot: &Snapshot) -> Vec<String> {
        let document = self.documents.get(name).filter(|document| document.is_current());
        document.map_or_else(Vec::new, |document| {
            flight::typed_since(&snapshot.text, snapshot.offset, &document.text).collect()
        })
    }

    /// What a completion would ask the model for, or why there is none. `entry` is what is selected in the editor's popup.
    pub fn prepare(
        &mut self,
        name: &str,
        at: LineColumn,
        trigger: Trigger,
        entry: Option<&Change>,
    ) -> Result<Prepared, Reason> {
        fault("prepare");
        if self.ended {
            return Err(Reason::Cancelled);
        }
        if self.settings.is_off() {
            return Err(Reason::Disabled);
        }
        let engine = match &self.engine {
            EngineState::Loading => return Err(Reason::Loading),
            EngineState::Failed(_) => return Err(Reason::NoModel),
            EngineState::Ready(engine) => engine.clone(),
        };
        let document = self.documents.get_mut(name).ok_or(Reason::UnknownDocument)?;
        if !document.is_current() {
            return Err(Reason::StaleDocument);
        }
        let settings = self.settings.of(&document.language);
        if !settings.enabled {
            return Err(Reason::Disabled);
        }
        match self.judgements.is_visible(name) {
            Some(true) => {}
            Some(false) => return Err(Reason::Excluded),
            None => return Err(Reason::Unjudged),
        }
        if document.is_raw_notebook() {
            return Err(Reason::RawNotebook);
        }
        let offset = position::to_offset(&document.text, at, self.encoding);
        let version = document.version;
        let mut snapshot = self.snapshot(name, offset).ok_or(Reason::UnknownDocument)?;
        let selected = entry.and_then(|entry| Selected::new(&snapshot.text, at, entry, self.encoding));
        if let Some(selected) = &selected {
            snapshot = snapshot.with(selected.entry());
        }
        let (text, offset) = (&snapshot.text, snapshot.offset);
        let context_tokens = engine.info().context_tokens;
        let (anchor, moved) = match self.anchors.get(name) {
            Some(anchor) => anchor.follow(text, offset, context_tokens),
            None => (Anchor::new(text, offset, context_tokens), Some(Moved::First)),
        };
        let next = self.next_anchor(name, moved, &snapshot, context_tokens);
        let (anchor, moved) = next.unwrap_or((anchor, moved));
        let wanted = Wanted {
            multiline: settings.multiline,
            trigger,
            // Whoever asks is told what there is.
            confidence: match trigger {
                Trigger::Automatic => settings.confidence,
                Trigger::Invoked => 0.0,
            },
        };
        let plan = complete::plan(&snapshot, Some(&anchor), engine.info(), wanted).inspect_err(|reason| {
            // It knows what the secret was before the user types into it.
            if *reason == Reason::Secret {
                self.anchors.insert(name.to_owned(), anchor.clone());
            }
        })?;
        Ok(Prepared {
            choice: self.workspace.choice(name),
            engine,
            snapshot,
            selected,
            version,
            anchor,
            moved,
            plan,
            max_tokens: settings.max_tokens,
        })
    }

    /// A document as it is, with the cursor in it.
    fn snapshot(&mut self, name: &str, offset: usize) -> Option<Snapshot> {
        let above = self.above(name);
        let document = self.documents.get_mut(name)?;
        Some(Snapshot {
            text: document.text.clone(),
            offset,
            language: language::of_id(&document.language),
            parsed: document.parsed(),
            path: document.path.as_deref().map(str::to_owned),
            above,
            files: self.workspace.files(name),
        })
    }

    /// Begins a completion, or says why there is none. `entry` is what is selected in the editor's popup.
    pub fn board(
        &mut self,
        name: &str,
        at: LineColumn,
        trigger: Trigger,
        entry: Option<&Change>,
    ) -> Result<Boarding, Reason> {
        let last = |document: &Document| document.text.len_lines() - 1;
        let line = self.documents.get(name).map(|document| at.line.min(last(document)));
        self.workspace.used(name, line);
        self.judge_now_and_then();
        let boarding = self.begin(name, at, trigger, entry);
        self.use_tree(name);
        boarding
    }

    fn begin(
        &mut self,
        name: &str,
        at: LineColumn,
        trigger: Trigger,
        entry: Option<&Change>,
    ) -> Result<Boarding, Reason> {
        let Prepared {
            engine,
            snapshot,
            selected,
            version,
            anchor,
            moved,
            plan,
            max_tokens,
            ..
        } = self.prepare(name, at, trigger, entry)?;
        let offset = snapshot.offset;
        self.anchors.insert(name.to_owned(), anchor);
        self.next_anchor.take_if(|next| moved.is_some() || !next.is_in(name));
        let key = Key {
            document: name.to_owned(),
            version,
            offset,
            entry: selected.as_ref().map(|selected| selected.entry().clone()),
            extent: plan.extent(),
            alternatives: match trigger {
                Trigger::Automatic => 0,
                Trigger::Invoked => ALTERNATIVES,
            },
        };
        let alone = Along {
            extent: plan.extent(),
            typed: 0,
            landed: false,
        };
        let flight = self.flight.as_ref();
        let joined = flight.and_then(|flight| Some((flight.join(&key)?, alone)));
        let joined = joined.or_else(|| flight?.along(&key, &snapshot.text));
        let joined = joined.or_else(|| self.arrive_ahead(&key, &snapshot.text));
        let (passenger, along) = match joined {
            Some(joined) => joined,
            None => {
                let request = CompletionRequest {
                    alternatives: key.alternatives,
                    ..plan.request(max_tokens)
                };
                self.ahead = None;
                let submit = |request, reply| engine.submit(request, reply);
                let (flight, passenger) = Flight::start(key, snapshot.text.clone(), request, submit);
                self.flight = Some(flight);
                (passenger, alone)
            }
        };
        Ok(Boarding {
            snapshot,
            selected,
            version,
            revision: self.revision,
            along,
            moved,
            plan: plan.with_extent(along.extent),
            passenger,
        })
    }

    /// Stops what runs for a document that goes away.
    fn cancel_in(&mut self, name: &str) {
        if let Some(flight) = self.flight.take_if(|flight| flight.is_in(name)) {
            flight.cancel();
        }
        self.ahead.take_if(|(flight, _)| flight.is_in(name));
    }
}

#[cfg(test)]
mod tests;
