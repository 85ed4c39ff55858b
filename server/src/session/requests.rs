//! The way of a request: it takes the document as it is, is planned elsewhere with what is known for it, and is launched.
//!
//! Both ends are short and under the session's lock; planning, which parses and hides secrets, is done without.

use std::sync::Arc;

use codegemma_model::{CompletionRequest, Engine, PromptBudget};
use ropey::Rope;

use super::ahead::NextAnchor;
use super::{EngineState, Session};
use crate::completion::anchor::{Anchor, Moved};
use crate::completion::in_flight::{Continuation, RunKey, Waiter};
use crate::completion::plan::{self, Plan, Wanted};
use crate::completion::reason::Reason;
use crate::completion::selected::Selected;
use crate::completion::snapshot::Snapshot;
use crate::completion::trigger::Trigger;
use crate::config::settings::LanguageSettings;
use crate::context::Choice;
use crate::documents::document::Change;
use crate::documents::language;
use crate::documents::notebook::Above;
use crate::documents::position::{self, Encoding, LineColumn};
use crate::documents::syntax::{Basis, Parsed};
use crate::process::panics::fault;

/// How many other suggestions there are to choose from, where the user asked.
const ALTERNATIVES: usize = 3;

/// A request for a completion, with the document as it was when it came.
#[derive(Debug)]
pub(crate) struct Request {
    number: u64,
    document: String,
    at: LineColumn,
    trigger: Trigger,
    /// What is selected in the editor's popup.
    entry: Option<Change>,
    encoding: Encoding,
    version: i32,
    text: Rope,
    language: Arc<str>,
    path: Option<Arc<str>>,
    basis: Option<Basis>,
    /// The tree that was made from it.
    parsed: Option<Parsed>,
}

/// What a request is planned with.
pub(crate) struct Planning {
    engine: Arc<Engine>,
    settings: LanguageSettings,
    /// How much surer than the settings say a suggestion has to be.
    shift: f64,
    choice: Arc<Choice>,
    above: Arc<Above>,
    anchor: Option<Anchor>,
    next_anchor: Option<NextAnchor>,
    revision: u64,
}

/// A request that was planned.
pub(crate) struct Planned {
    /// The engine that is to be asked.
    pub engine: Arc<Engine>,
    /// What is completed, with the popup's entry in it.
    pub snapshot: Arc<Snapshot>,
    /// The popup's entry.
    pub selected: Option<Selected>,
    /// What the model is shown besides.
    pub choice: Arc<Choice>,
    /// Why the anchor is not that of the request before.
    pub moved: Option<Moved>,
    /// What becomes of the answer.
    pub plan: Plan,
    /// The most tokens to generate.
    pub max_tokens: usize,
    anchor: Anchor,
    revision: u64,
}

/// Why a request was not planned.
pub(crate) struct Unplanned {
    /// What the user is told.
    pub reason: Reason,
    /// The anchor, which knows that the cursor stands in a secret.
    in_secret: Option<Anchor>,
}

/// A request that waits for the engine.
pub(crate) struct Begun {
    /// What it completes, with the popup's entry in it.
    pub snapshot: Arc<Snapshot>,
    /// The popup's entry.
    pub selected: Option<Selected>,
    /// The document that it completes.
    pub document: String,
    /// The document's version.
    pub version: i32,
    /// The settings and the engine that it is completed with.
    pub revision: u64,
    /// How it goes on with a run that began before.
    pub continuation: Continuation,
    /// Why the anchor is not that of the request before.
    pub moved: Option<Moved>,
    /// What becomes of the answer.
    pub plan: Plan,
}

impl Request {
    /// The document.
    pub(crate) fn document(&self) -> &str {
        &self.document
    }

    /// Plans it: makes the document's tree, decides what the model is shown, and what becomes of its answer. It takes
    /// a while and needs no lock.
    pub(crate) fn plan(&mut self, with: Planning) -> Result<Planned, Unplanned> {
        self.parsed = self.basis.as_ref().and_then(|basis| basis.parsed(&self.text));
        let mut snapshot = Snapshot {
            text: self.text.clone(),
            offset: position::to_offset(&self.text, self.at, self.encoding),
            language: language::of_id(&self.language),
            parsed: self.parsed.clone(),
            path: self.path.as_deref().map(str::to_owned),
            above: with.above.text(),
            files: with.choice.files(),
        };
        let entry = self.entry.as_ref();
        let selected = entry.and_then(|entry| Selected::new(&snapshot.text, self.at, entry, self.encoding));
        if let Some(selected) = &selected {
            snapshot = snapshot.with(selected.entry());
        }
        let snapshot = Arc::new(snapshot);
        let (text, offset) = (&snapshot.text, snapshot.offset);
        let context_tokens = with.engine.whole_tokens();
        let (anchor, moved) = match with.anchor {
            Some(anchor) => anchor.follow(text, offset, context_tokens),
            None => (Anchor::new(text, offset, context_tokens), Some(Moved::First)),
        };
        let next = with.next_anchor;
        let next = next.and_then(|next| next.due(moved, &snapshot, context_tokens));
        let (anchor, moved) = next.unwrap_or((anchor, moved));
        let wanted = Wanted {
            multiline: with.settings.multiline,
            trigger: self.trigger,
            confidence: with.settings.confidence,
            shift: with.shift,
        };
        let plan = plan::plan(&snapshot, Some(&anchor), with.engine.info(), wanted);
        let plan = plan.map_err(|reason| Unplanned {
            reason,
            // It knows what the secret was before the user types into it.
            in_secret: (reason == Reason::Secret).then(|| anchor.clone()),
        })?;
        Ok(Planned {
            engine: with.engine,
            snapshot,
            selected,
            choice: with.choice,
            moved,
            plan,
            max_tokens: with.settings.max_tokens,
            anchor,
            revision: with.revision,
        })
    }
}

impl Session {
    /// Takes a request, or says why nothing will be suggested. `entry` is what is selected in the editor's popup.
    pub(crate) fn request(
        &mut self,
        name: &str,
        at: LineColumn,
        trigger: Trigger,
        entry: Option<Change>,
    ) -> Result<Request, Reason> {
        fault("prepare");
        let last = self.documents.get(name).map(|document| document.text.len_lines() - 1);
        self.contexts.used(name, last.map(|last| at.line.min(last)));
        self.judge_now_and_then();
        // Settings that have come may switch on what is off.
        if !self.expects_settings() {
            self.engine_for(None)?;
        }
        let document = self.documents.get(name).ok_or(Reason::UnknownDocument)?;
        if !document.is_current() {
            return Err(Reason::StaleDocument);
        }
        if document.is_raw_notebook() {
            return Err(Reason::RawNotebook);
        }
        Ok(Request {
            number: self.completions.number(),
            document: name.to_owned(),
            at,
            trigger,
            entry,
            encoding: self.encoding(),
            version: document.version,
            text: document.text.clone(),
            language: document.language.clone(),
            path: document.path.clone(),
            basis: document.basis(),
            parsed: None,
        })
    }

    /// The engine, where one serves and something is to be suggested, in this language if one is given.
    fn engine_for(&self, language: Option<&str>) -> Result<Arc<Engine>, Reason> {
        if self.protocol.ended {
            return Err(Reason::Cancelled);
        }
        let is_off = language.is_some_and(|language| !self.settings.of(language).enabled);
        if is_off || self.settings.is_off() {
            return Err(Reason::Disabled);
        }
        match self.engine() {
            EngineState::Loading => Err(Reason::Loading),
            EngineState::Failed(_) => Err(Reason::NoModel),
            EngineState::Ready(engine) => Ok(engine.clone()),
        }
    }

    /// What a request is to be planned with, or why nothing will be suggested.
    pub(crate) fn planning(&mut self, request: &Request) -> Result<Planning, Reason> {
        let name = request.document();
        let engine = self.engine_for(Some(&request.language))?;
        match self.judgements.is_visible(name) {
            Some(true) => {}
            Some(false) => return Err(Reason::Excluded),
            None if self.documents.contains_key(name) => return Err(Reason::Unjudged),
            None => return Err(Reason::UnknownDocument),
        }
        Ok(Planning {
            engine,
            settings: self.settings.of(&request.language),
            shift: self.taste.shift(&request.language),
            choice: self.contexts.choice(name),
            above: self.above(name),
            anchor: self.completions.anchors.get(name).cloned(),
            next_anchor: self.completions.next_anchor.clone().filter(|next| next.is_in(name)),
            revision: self.completions.revision(),
        })
    }

    /// Has the engine work for a request that was planned, or says why it does not. With it comes the wait.
    pub(crate) fn launch(
        &mut self,
        request: Request,
        planned: Result<Planned, Unplanned>,
    ) -> Result<(Begun, Waiter), Reason> {
        let name = &request.document;
        if let Some(document) = self.documents.get_mut(name)
            && let (Some(basis), Some(parsed)) = (&request.basis, &request.parsed)
        {
            document.tree_made(basis, parsed);
        }
        self.use_tree(name);
        let planned = planned.map_err(|unplanned| {
            if let Some(anchor) = unplanned.in_secret.filter(|_| self.documents.contains_key(name)) {
                self.completions.anchors.insert(name.clone(), anchor);
            }
            unplanned.reason
        })?;
        if self.protocol.ended {
            return Err(Reason::Cancelled);
        }
        let document = self.documents.get(name).ok_or(Reason::UnknownDocument)?;
        if planned.revision != self.completions.revision() {
            return Err(Reason::Outdated);
        }
        let now = document.text.clone();
        let Planned {
            engine,
            snapshot,
            selected,
            moved,
            plan,
            ..
        } = planned;
        let completions = &mut self.completions;
        completions.anchors.insert(name.clone(), planned.anchor);
        completions
            .next_anchor
            .take_if(|next| moved.is_some() || !next.is_in(name));
        let key = RunKey {
            document: name.clone(),
            version: request.version,
            entry: selected.as_ref().map(|selected| selected.entry().clone()),
            extent: plan.extent(),
            alternatives: match request.trigger {
                Trigger::Automatic => 0,
                Trigger::Invoked => ALTERNATIVES,
            },
        };
        let (waiter, continuation) = match completions.join(&key, &snapshot) {
            Some(joined) => joined,
            None => {
                let whole = Continuation::whole(plan.extent());
                let asked = CompletionRequest {
                    alternatives: key.alternatives,
                    budget: PromptBudget::FirstToken(self.settings.first_token),
                    ..plan.request(planned.max_tokens)
                };
                let waiter = completions.start(request.number, &engine, key, snapshot.clone(), asked);
                let waiter = waiter.ok_or(Reason::Superseded)?;
                if !now.is_instance(&request.text) {
                    // It was edited while this was planned.
                    completions.changed(name, &now);
                }
                (waiter, whole)
            }
        };
        let begun = Begun {
            snapshot,
            selected,
            version: request.version,
            revision: planned.revision,
            continuation,
            moved,
            plan: plan.with_extent(continuation.extent),
            document: request.document,
        };
        Ok((begun, waiter))
    }
}
