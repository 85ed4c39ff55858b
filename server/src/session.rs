//! What the server knows at one moment: the open documents, the settings, and how far the engine is.
//!
//! It has one owner, behind one mutex that is never held across an await; requests work on snapshots. It must not know
//! the protocol's types or send anything.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use codegemma_model::{CompletionRequest, Engine};
use ropey::Rope;
use serde_json::Value;

use crate::anchor::{Anchor, Moved};
use crate::complete::{self, Plan, Snapshot, Suggestion, Wanted};
use crate::document::{Change, ChangeError, Document};
use crate::flight::{Along, Flight, Key, Passenger};
use crate::language;
use crate::position::{self, Encoding, LineColumn};
use crate::prompt_path;
use crate::reason::Reason;
use crate::settings::Settings;
use crate::syntax::{Job, Parsed};
use crate::trigger::{Multiline, Trigger};

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
    pub roots: Vec<PathBuf>,
    /// What the client set.
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
    /// Where the prompts of the last requests were split, by document.
    anchors: HashMap<String, Anchor>,
    flight: Option<Flight>,
    /// The run for the document as it will be when the last suggestion is accepted. Dropping the passenger cancels it.
    ahead: Option<(Flight, Passenger)>,
    ended: bool,
}

/// A request that waits for the engine.
pub struct Boarding {
    /// What it completes.
    pub snapshot: Snapshot,
    /// The version of the document that it completes.
    pub version: i32,
    /// How it goes along with a run that began before.
    pub along: Along,
    /// Why the anchor is not that of the request before.
    pub moved: Option<Moved>,
    /// What becomes of the answer.
    pub plan: Plan,
    /// The wait itself.
    pub passenger: Passenger,
}

impl Default for Session {
    fn default() -> Self {
        Self {
            encoding: Encoding::default(),
            roots: Vec::new(),
            settings: Settings::default(),
            engine: EngineState::Loading,
            starter: false,
            waiting: 0,
            shut_down: false,
            documents: HashMap::new(),
            anchors: HashMap::new(),
            flight: None,
            ahead: None,
            ended: false,
        }
    }
}

impl Session {
    /// A document was opened, or opened again.
    pub fn open(&mut self, name: String, path: Option<&Path>, language: &str, version: i32, text: &str) {
        self.cancel_in(&name);
        let path = path.and_then(|path| {
            let root = self.roots.iter().find(|root| path.starts_with(root));
            prompt_path::name(path, root.map(PathBuf::as_path))
        });
        self.anchors.remove(&name);
        self.documents
            .insert(name, Document::new(text, version, language, path));
    }

    /// A document was edited. `None` if it is not open.
    pub fn change(&mut self, name: &str, version: i32, changes: &[Change]) -> Option<Result<(), ChangeError>> {
        let document = self.documents.get_mut(name)?;
        let applied = document.apply(version, changes, self.encoding);
        if let Some(flight) = self.flight.as_ref().filter(|flight| flight.is_in(name)) {
            flight.changed(&document.text);
        }
        Some(applied)
    }

    /// A document was edited in a way that was not understood. Nothing is suggested until its whole text is sent.
    pub fn lose(&mut self, name: &str) {
        self.cancel_in(name);
        if let Some(document) = self.documents.get_mut(name) {
            document.lose();
        }
    }

    /// What is to be done, elsewhere, for the syntax tree of a document that was not quick to have.
    pub fn parse_job(&mut self, name: &str) -> Option<Job> {
        self.documents.get_mut(name)?.parse_job()
    }

    /// It was done.
    pub fn parse_done(&mut self, name: &str, job: &Job, parsed: Option<Parsed>) {
        if let Some(document) = self.documents.get_mut(name) {
            document.parse_done(job, parsed);
        }
    }

    /// A document was closed.
    pub fn close(&mut self, name: &str) {
        self.cancel_in(name);
        self.documents.remove(name);
        self.anchors.remove(name);
    }

    /// The client changes its settings; gives what could not be taken over. Suggestions are made anew.
    pub fn configure(&mut self, section: &Value) -> Vec<String> {
        (self.flight, self.ahead) = (None, None);
        self.settings.update(section)
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

    /// Whether a document still is what it was when a request began.
    pub fn is_at(&self, name: &str, version: i32) -> bool {
        self.documents
            .get(name)
            .is_some_and(|document| document.version == version && document.is_current())
    }

    /// Begins a completion, or says why there is none.
    pub fn board(&mut self, name: &str, at: LineColumn, trigger: Trigger) -> Result<Boarding, Reason> {
        if self.ended {
            return Err(Reason::Cancelled);
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
        if !self.settings.is_enabled(&document.language) {
            return Err(Reason::Disabled);
        }
        let offset = position::to_offset(&document.text, at, self.encoding).map_err(|_| Reason::OutsideDocument)?;
        let version = document.version;
        let snapshot = Snapshot {
            text: document.text.clone(),
            offset,
            language: language::of_id(&document.language),
            parsed: document.parsed(),
            path: document.path.as_deref().map(str::to_owned),
            files: Vec::new(),
        };
        let context_tokens = engine.info().context_tokens;
        let (anchor, moved) = match self.anchors.get(name) {
            Some(anchor) => anchor.follow(&snapshot.text, offset, context_tokens),
            None => (Anchor::new(&snapshot.text, offset, context_tokens), Some(Moved::First)),
        };
        let wanted = Wanted {
            multiline: self.settings.multiline,
            trigger,
            // Whoever asks is told what there is.
            confidence: match trigger {
                Trigger::Automatic => self.settings.confidence,
                Trigger::Invoked => 0.0,
            },
        };
        let plan = complete::plan(&snapshot, Some(&anchor), engine.info(), wanted)?;
        self.anchors.insert(name.to_owned(), anchor);
        let key = Key {
            document: name.to_owned(),
            version,
            offset,
            extent: plan.extent(),
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
                    deadline: std::time::Instant::now().checked_add(self.settings.deadline),
                    ..plan.request(self.settings.max_tokens)
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
            version,
            along,
            moved,
            plan: plan.with_extent(along.extent),
            passenger,
        })
    }

    /// Goes on with the run that was begun for the text that the user has accepted.
    fn arrive_ahead(&mut self, key: &Key, text: &Rope) -> Option<(Passenger, Along)> {
        let (flight, passenger) = self.ahead.take()?;
        let joined = flight.along(key, text);
        match joined.is_some() {
            true => self.flight = Some(flight),
            false => self.ahead = Some((flight, passenger)),
        }
        joined
    }

    /// Begins, when the engine has nothing else to do, the run for the document as it will be when a suggestion is
    /// accepted.
    pub fn look_ahead(&mut self, name: &str, snapshot: &Snapshot, suggestion: &Suggestion) {
        let EngineState::Ready(engine) = &self.engine else {
            return;
        };
        let engine = engine.clone();
        let (text, offset) = suggestion.accepted(&snapshot.text);
        let same = |(flight, _): &(Flight, Passenger)| flight.began_with(&text);
        if self.ended || self.ahead.as_ref().is_some_and(same) {
            return;
        }
        let anchor = self.anchors.get(name);
        let anchor = anchor.map(|anchor| anchor.follow(&text, offset, engine.info().context_tokens).0);
        let parsed = snapshot
            .parsed
            .as_ref()
            .and_then(|parsed| parsed.with(&snapshot.text, suggestion.range.clone(), &suggestion.text, &text));
        let snapshot = Snapshot {
            text,
            parsed,
            offset,
            ..snapshot.clone()
        };
        // The line is done; what comes next begins with a line break.
        let wanted = Wanted {
            multiline: match self.settings.multiline {
                Multiline::Never => Multiline::Never,
                Multiline::Auto | Multiline::Always => Multiline::Always,
            },
            trigger: Trigger::Automatic,
            confidence: self.settings.confidence,
        };
        let plan = complete::plan(&snapshot, anchor.as_ref(), engine.info(), wanted);
        let Ok(plan) = plan else { return };
        let key = Key {
            document: name.to_owned(),
            version: 0,
            offset,
            extent: plan.extent(),
        };
        let request = plan.request(self.settings.max_tokens);
        let submit = |request, reply| engine.submit_idle(request, reply);
        self.ahead = Some(Flight::start(key, snapshot.text, request, submit));
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
mod tests {
    use super::*;

    fn start(session: &mut Session) -> Option<Reason> {
        session
            .board("file:///a", LineColumn { line: 0, column: 0 }, Trigger::Invoked)
            .err()
    }

    #[test]
    fn without_an_engine_the_reason_is_its_state() {
        let mut session = Session::default();
        assert_eq!(start(&mut session), Some(Reason::Loading));
        session.engine = EngineState::Failed("no".to_owned());
        assert_eq!(start(&mut session), Some(Reason::NoModel));
        session.end();
        assert_eq!(start(&mut session), Some(Reason::Cancelled));
    }

    #[test]
    fn documents_are_named_after_the_folder_that_holds_them() {
        let folder = std::env::temp_dir();
        let mut session = Session {
            roots: vec![folder.join("other"), folder.join("repo")],
            ..Session::default()
        };
        session.open(
            "a".to_owned(),
            Some(&folder.join("repo").join("src").join("a.rs")),
            "rust",
            1,
            "",
        );
        session.open("b".to_owned(), Some(&folder.join("b.rs")), "rust", 1, "");
        session.open("c".to_owned(), None, "rust", 1, "");
        assert_eq!(session.documents["a"].path.as_deref(), Some("src/a.rs"));
        assert_eq!(session.documents["b"].path.as_deref(), Some("b.rs"));
        assert_eq!(session.documents["c"].path, None);
    }

    #[test]
    fn an_edit_moves_the_version_and_a_failed_one_makes_the_document_stale() {
        let mut session = Session::default();
        assert!(session.change("a", 2, &[]).is_none());
        session.open("a".to_owned(), None, "rust", 1, "x");
        assert!(session.is_at("a", 1));
        let insert = |line| Change {
            range: Some((LineColumn { line, column: 0 }, LineColumn { line, column: 0 })),
            text: "y".to_owned(),
        };
        assert_eq!(session.change("a", 2, &[insert(0)]), Some(Ok(())));
        assert!(session.is_at("a", 2) && !session.is_at("a", 1));
        assert!(
            session
                .change("a", 3, &[insert(9)])
                .is_some_and(|applied| applied.is_err())
        );
        assert!(!session.is_at("a", 3));
        session.close("a");
        assert!(session.change("a", 4, &[]).is_none());
    }
}
