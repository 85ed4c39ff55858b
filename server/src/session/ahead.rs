//! What the engine does while nobody waits: it goes on after a suggestion as if that were accepted, reads a document that
//! was just opened, and reads what comes to stand around an anchor that has to move soon.
//!
//! All of it takes a share of the time, and none on battery. It must not hold a request up for longer than the engine
//! needs to notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use codegemma_model::{CompletionRequest, Finish, Prompt};
use ropey::Rope;

use super::{EngineState, Session};
use crate::anchor::{Anchor, Moved};
use crate::complete::{self, Snapshot, Suggestion, Wanted};
use crate::flight::{Along, Flight, Key, Passenger};
use crate::panics::fault;
use crate::power;
use crate::trigger::{Multiline, Trigger};

/// The most bytes of a document for each token of the context that are taken to fit. In a longer one what the model is
/// shown depends on where the cursor is.
const BYTES_THAT_FIT: usize = 2;

/// An anchor that is meant to take the place of a document's.
pub(super) struct NextAnchor {
    document: String,
    anchor: Anchor,
    /// The engine has read what stands around it.
    read: Arc<AtomicBool>,
}

impl NextAnchor {
    /// Whether it is one of this document.
    pub(super) fn is_in(&self, document: &str) -> bool {
        self.document == document
    }
}

impl Session {
    /// The share of the time that idle work may take, which is found out when it begins.
    fn share(&self) -> impl FnOnce() -> f64 + Send + 'static {
        let share = self.settings.idle_share;
        move || {
            fault("idle");
            if power::on_battery() { 0.0 } else { share }
        }
    }

    /// Has the engine read, when it has nothing else to do, what the model will be shown around an anchor. `read` is set
    /// when it has. What it reads of documents that are `unused` is held of one at a time.
    fn read_around(&self, snapshot: &Snapshot, anchor: &Anchor, language: &str, unused: bool, read: Arc<AtomicBool>) {
        let EngineState::Ready(engine) = &self.engine else {
            return;
        };
        let prompt = Prompt::Fim(complete::prompt(snapshot, anchor, engine.info().context_tokens));
        let request = CompletionRequest {
            unused,
            ..CompletionRequest::reading(prompt, self.settings.of(language).max_tokens)
        };
        engine.submit_idle(request, self.share(), move |answer| {
            let whole = answer.is_ok_and(|completion| completion.finish == Finish::Stop);
            read.store(whole, Ordering::Relaxed);
        });
    }

    /// Has a document read that was opened, or whose context is another one than before.
    ///
    /// Where there was a request before, that is what stands around its anchor. Else the cursor may be anywhere, and what
    /// most places have in common is read: the context and the beginning of the document.
    pub(super) fn read_ahead(&mut self, name: &str) {
        let EngineState::Ready(engine) = self.engine.clone() else {
            return;
        };
        let Some(document) = self.documents.get(name) else {
            return;
        };
        let settings = self.settings.of(&document.language);
        if self.ended
            || !document.is_current()
            || !settings.enabled
            || self.judgements.is_visible(name) != Some(true)
            || document.is_raw_notebook()
        {
            return;
        }
        let context_tokens = engine.info().context_tokens;
        let (text, language) = (document.text.clone(), document.language.clone());
        let anchor = self.anchors.get(name).and_then(|anchor| {
            let cursor = text.len_bytes().checked_sub(anchor.suffix().len_bytes())?;
            let holds = anchor.holds(&text, cursor, context_tokens);
            holds.then(|| (anchor.clone(), cursor))
        });
        let (anchor, cursor) = match anchor {
            Some(found) => found,
            None if text.len_bytes() > BYTES_THAT_FIT * context_tokens => return,
            None => beginning(&text, context_tokens),
        };
        if let Some(snapshot) = self.snapshot(name, cursor) {
            let unused = !self.workspace.is_used(name);
            self.read_around(&snapshot, &anchor, &language, unused, Arc::default());
        }
    }

    /// Has what stands around the next anchor of a document read, where the one that it has is getting far away. Says
    /// whether it does.
    pub fn move_anchor_ahead(&mut self, name: &str, snapshot: &Snapshot) -> bool {
        let EngineState::Ready(engine) = self.engine.clone() else {
            return false;
        };
        let context_tokens = engine.info().context_tokens;
        let far = |anchor: &Anchor| anchor.is_far(snapshot.offset, context_tokens);
        if self.ended || !self.anchors.get(name).is_some_and(far) {
            return false;
        }
        let begun = self
            .next_anchor
            .take()
            .filter(|next| next.is_in(name) && next.anchor.holds(&snapshot.text, snapshot.offset, context_tokens));
        let next = begun.unwrap_or_else(|| NextAnchor {
            document: name.to_owned(),
            anchor: Anchor::new(&snapshot.text, snapshot.offset, context_tokens),
            read: Arc::default(),
        });
        let language = self.language(name).unwrap_or_default();
        self.read_around(snapshot, &next.anchor, language, false, next.read.clone());
        self.next_anchor = Some(next);
        true
    }

    /// The anchor that was prepared for this document, where it is time to take it.
    pub(super) fn next_anchor(
        &self,
        name: &str,
        moved: Option<Moved>,
        snapshot: &Snapshot,
        context_tokens: usize,
    ) -> Option<(Anchor, Option<Moved>)> {
        let next = self.next_anchor.as_ref().filter(|next| next.is_in(name))?;
        let due = match moved {
            None => next.read.load(Ordering::Relaxed),
            Some(moved) => moved == Moved::Long,
        };
        let holds = due && next.anchor.holds(&snapshot.text, snapshot.offset, context_tokens);
        holds.then(|| (next.anchor.clone(), Some(moved.unwrap_or(Moved::Ahead))))
    }

    /// Goes on with the run that was begun for the text that the user has accepted.
    pub(super) fn arrive_ahead(&mut self, key: &Key, text: &Rope) -> Option<(Passenger, Along)> {
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
        let EngineState::Ready(engine) = self.engine.clone() else {
            return;
        };
        let (text, offset) = suggestion.accepted(&snapshot.text);
        let same = |(flight, _): &(Flight, Passenger)| flight.began_with(&text);
        if self.ended || self.ahead.as_ref().is_some_and(same) {
            return;
        }
        let anchor = self.anchors.get(name);
        let anchor = anchor.map(|anchor| anchor.follow(&text, offset, engine.info().context_tokens).0);
        let snapshot = snapshot.clone().with(suggestion);
        let settings = self.settings.of(self.language(name).unwrap_or_default());
        // The line is done; what comes next begins with a line break.
        let wanted = Wanted {
            multiline: match settings.multiline {
                Multiline::Never => Multiline::Never,
                Multiline::Auto | Multiline::Always => Multiline::Always,
            },
            trigger: Trigger::Automatic,
            confidence: settings.confidence,
        };
        let plan = complete::plan(&snapshot, anchor.as_ref(), engine.info(), wanted);
        let Ok(plan) = plan else { return };
        let key = Key {
            document: name.to_owned(),
            version: 0,
            offset,
            entry: None,
            extent: plan.extent(),
            alternatives: 0,
        };
        let request = plan.request(settings.max_tokens);
        let share = self.share();
        let submit = |request, reply| engine.submit_idle(request, share, reply);
        self.ahead = Some(Flight::start(key, snapshot.text, request, submit));
    }
}

/// The beginning of a document, as if the user were about to type at its end: all of it where it is short.
fn beginning(text: &Rope, most: usize) -> (Anchor, usize) {
    let cursor = match text.len_bytes() <= most {
        true => text.len_bytes(),
        false => text.line_to_byte(text.byte_to_line(most)),
    };
    (Anchor::at_end(&text.byte_slice(..cursor).into()), cursor)
}
