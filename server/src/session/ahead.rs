//! What the engine does while nobody waits: it goes on after a suggestion as if that were accepted, reads a document that
//! was just opened, and reads what comes to stand around an anchor that has to move soon.
//!
//! What is to be done is decided without the session's lock, from what is taken out under it. All of it takes a share of
//! the engine's time, and none on battery. It must not hold a request up for longer than the engine needs to notice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use codegemma_model::{CompletionRequest, Engine, Finish, Prompt, PromptBudget};
use ropey::Rope;

use super::Session;
use crate::completion::anchor::{Anchor, Moved};
use crate::completion::in_flight::{Run, RunKey};
use crate::completion::plan::{self, Wanted};
use crate::completion::snapshot::{Snapshot, Suggestion};
use crate::completion::trigger::{Multiline, Trigger};
use crate::config::settings::LanguageSettings;
use crate::context::Choice;
use crate::documents::language;
use crate::documents::notebook::Above;
use crate::process::panics::fault;
use crate::process::power;

/// The most bytes of a document for each token of the context that are taken to fit. In a longer one what the model is
/// shown depends on where the cursor is.
const BYTES_THAT_FIT: usize = 2;

/// An anchor that is meant to take the place of a document's.
#[derive(Clone)]
pub(crate) struct NextAnchor {
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

    fn holds(&self, snapshot: &Snapshot, context_tokens: usize) -> bool {
        self.anchor.holds(&snapshot.text, snapshot.offset, context_tokens)
    }

    /// The anchor for a request, where it is time to take it: it is read, or the one before, which `moved`, is too far away.
    pub(super) fn due(
        self,
        moved: Option<Moved>,
        snapshot: &Snapshot,
        context_tokens: usize,
    ) -> Option<(Anchor, Option<Moved>)> {
        let due = match moved {
            None => self.read.load(Ordering::Relaxed),
            Some(moved) => moved == Moved::Long,
        };
        let holds = due && self.holds(snapshot, context_tokens);
        holds.then(|| (self.anchor, Some(moved.unwrap_or(Moved::Ahead))))
    }
}

/// Work for the engine when it has nothing else to do, with the share of the time that it may take.
struct Idle {
    engine: Arc<Engine>,
    share: f64,
}

impl Idle {
    /// The share, which is found out when the work begins.
    fn share(&self) -> impl FnOnce() -> f64 + Send + 'static {
        let share = self.share;
        move || {
            fault("idle");
            if power::on_battery() { 0.0 } else { share }
        }
    }

    /// Has the engine read a prompt; `read` is set when it has.
    fn read(&self, request: CompletionRequest, read: Arc<AtomicBool>) {
        self.engine.submit_idle(request, self.share(), move |answer| {
            let whole = answer.is_ok_and(|completion| completion.finish == Finish::Stop);
            read.store(whole, Ordering::Relaxed);
        });
    }
}

/// The request that has a model read what it will be shown around an anchor.
fn reading(snapshot: &Snapshot, anchor: &Anchor, engine: &Engine, max_tokens: usize) -> CompletionRequest {
    let prompt = plan::prompt(snapshot, anchor, engine.info().context_tokens);
    CompletionRequest::reading(Prompt::Fim(prompt), max_tokens)
}

/// A document that is to be read before anybody asks in it.
pub(crate) struct Reading {
    document: String,
    text: Rope,
    language: Arc<str>,
    path: Option<Arc<str>>,
    above: Arc<Above>,
    choice: Arc<Choice>,
    anchor: Option<Anchor>,
    settings: LanguageSettings,
    /// Nobody typed or asked in it yet.
    unused: bool,
    idle: Idle,
}

impl Reading {
    /// What the model is to be shown: what stands around the document's anchor where there was a request before; else the
    /// cursor may be anywhere, and it is what most places have in common, the context and the beginning of the document.
    /// `None` where the document is too long for that.
    pub(crate) fn request(&self) -> Option<CompletionRequest> {
        let engine = &self.idle.engine;
        let context_tokens = engine.whole_tokens();
        let text = &self.text;
        let held = self.anchor.as_ref().and_then(|anchor| {
            let cursor = text.len_bytes().checked_sub(anchor.suffix().len_bytes())?;
            let holds = anchor.holds(text, cursor, context_tokens);
            holds.then(|| (anchor.clone(), cursor))
        });
        let (anchor, offset) = match held {
            Some(held) => held,
            None if text.len_bytes() > BYTES_THAT_FIT * context_tokens => return None,
            None => beginning(text, context_tokens),
        };
        let snapshot = Snapshot {
            text: text.clone(),
            offset,
            language: language::of_id(&self.language),
            parsed: None,
            path: self.path.as_deref().map(str::to_owned),
            above: self.above.text(),
            files: self.choice.files(),
        };
        Some(CompletionRequest {
            // What is read of such documents is held of one at a time.
            unused: self.unused,
            ..reading(&snapshot, &anchor, engine, self.settings.max_tokens)
        })
    }
}

/// What the next step in a document is decided with, after a suggestion.
pub(crate) struct Prospect {
    document: String,
    anchor: Option<Anchor>,
    next_anchor: Option<NextAnchor>,
    settings: LanguageSettings,
    /// How much surer than these say a suggestion has to be.
    shift: f64,
    first_token: Duration,
    revision: u64,
    idle: Idle,
}

/// What the engine does next if nobody asks.
pub(crate) enum Step {
    /// It reads what stands around an anchor that takes the place of a document's.
    Read(NextAnchor, CompletionRequest),
    /// It goes on in this document.
    Run(RunKey, Arc<Snapshot>, CompletionRequest),
}

impl Prospect {
    /// The next step after a suggestion, or after nothing was suggested.
    pub(crate) fn step(&self, snapshot: &Snapshot, suggestion: Option<&Suggestion>) -> Option<Step> {
        match self.next_anchor(snapshot) {
            Some(next) => {
                let request = reading(snapshot, &next.anchor, &self.idle.engine, self.settings.max_tokens);
                Some(Step::Read(next, request))
            }
            None => self.run(snapshot, suggestion?),
        }
    }

    /// The anchor that takes the place of the document's, where that is getting far away.
    fn next_anchor(&self, snapshot: &Snapshot) -> Option<NextAnchor> {
        let context_tokens = self.idle.engine.whole_tokens();
        let anchor = self.anchor.as_ref()?;
        if !anchor.is_far(snapshot.offset, context_tokens) {
            return None;
        }
        let begun = self.next_anchor.as_ref();
        let begun = begun.filter(|next| next.holds(snapshot, context_tokens)).cloned();
        Some(begun.unwrap_or_else(|| NextAnchor {
            document: self.document.clone(),
            anchor: Anchor::new(&snapshot.text, snapshot.offset, context_tokens),
            read: Arc::default(),
        }))
    }

    /// The run for the document as it will be when a suggestion is accepted.
    fn run(&self, snapshot: &Snapshot, suggestion: &Suggestion) -> Option<Step> {
        let engine = &self.idle.engine;
        let snapshot = Arc::new(snapshot.with(suggestion));
        let anchor = self.anchor.as_ref();
        let anchor = anchor.map(|anchor| anchor.follow(&snapshot.text, snapshot.offset, engine.whole_tokens()).0);
        // The line is done; what comes next begins with a line break.
        let wanted = Wanted {
            multiline: match self.settings.multiline {
                Multiline::Never => Multiline::Never,
                Multiline::Auto | Multiline::Always => Multiline::Always,
            },
            trigger: Trigger::Automatic,
            confidence: self.settings.confidence,
            shift: self.shift,
        };
        let plan = plan::plan(&snapshot, anchor.as_ref(), engine.info(), wanted).ok()?;
        let key = RunKey {
            document: self.document.clone(),
            version: 0,
            entry: None,
            extent: plan.extent(),
            alternatives: 0,
        };
        let request = CompletionRequest {
            budget: PromptBudget::FirstToken(self.first_token),
            ..plan.request(self.settings.max_tokens)
        };
        Some(Step::Run(key, snapshot, request))
    }
}

impl Session {
    fn idle(&self) -> Option<Idle> {
        let engine = self.engine.ready()?;
        (!self.protocol.ended).then(|| Idle {
            engine: engine.clone(),
            share: self.settings.idle_share,
        })
    }

    /// What is to be read of a document that was opened, or whose context is another one than before.
    pub(super) fn reading(&mut self, name: &str) -> Option<Reading> {
        let idle = self.idle()?;
        let document = self.documents.get(name)?;
        let settings = self.settings.of(&document.language);
        let visible = self.judgements.is_visible(name) == Some(true);
        if !visible || !settings.enabled || !document.is_current() || document.is_raw_notebook() {
            return None;
        }
        let (text, language, path) = (document.text.clone(), document.language.clone(), document.path.clone());
        Some(Reading {
            document: name.to_owned(),
            text,
            language,
            path,
            above: self.above(name),
            choice: self.contexts.choice(name),
            anchor: self.completions.anchors.get(name).cloned(),
            settings,
            unused: !self.contexts.is_used(name),
            idle,
        })
    }

    /// Has a document read that may still be.
    pub(crate) fn read_ahead(&self, reading: &Reading, request: CompletionRequest) {
        if self.judgements.is_visible(&reading.document) == Some(true) && !self.protocol.ended {
            reading.idle.read(request, Arc::default());
        }
    }

    /// What the next step in a document is decided with.
    pub(crate) fn prospect(&self, name: &str) -> Option<Prospect> {
        let completions = &self.completions;
        let language = self.language(name)?;
        Some(Prospect {
            document: name.to_owned(),
            anchor: completions.anchors.get(name).cloned(),
            next_anchor: completions.next_anchor.clone().filter(|next| next.is_in(name)),
            settings: self.settings.of(language),
            shift: self.taste.shift(language),
            first_token: self.settings.first_token,
            revision: completions.revision(),
            idle: self.idle()?,
        })
    }

    /// Has the engine take a step, unless things are not what they were.
    pub(crate) fn go_ahead(&mut self, prospect: &Prospect, step: Step) {
        if self.protocol.ended
            || !self.is_revision(prospect.revision)
            || !self.documents.contains_key(&prospect.document)
        {
            return;
        }
        match step {
            Step::Read(next, request) => {
                prospect.idle.read(request, next.read.clone());
                self.completions.next_anchor = Some(next);
            }
            Step::Run(_, snapshot, _) if self.completions.is_ahead(&snapshot.text) => {}
            Step::Run(key, snapshot, request) => {
                let idle = &prospect.idle;
                let submit = |request, reply| idle.engine.submit_idle(request, idle.share(), reply);
                self.completions.goes_ahead(Run::start(key, snapshot, request, submit));
            }
        }
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
