//! What a completion of a hole is worth, whoever wrote it.
//!
//! It must not know who wrote it.

use std::path::Path;
use std::sync::Arc;

use codegemma_model::{Finish, ModelInfo};
use ropey::Rope;

use super::Task;
use super::workspace::Workspace;
use crate::completion::gate::Line;
use crate::completion::plan::{self, Plan, Wanted};
use crate::completion::reason::Reason;
use crate::completion::snapshot::{Snapshot, Suggestion};
use crate::completion::trigger::{Multiline, Trigger};
use crate::completion::written::Written;
use crate::documents::language;
use crate::documents::syntax::Parsed;
use crate::eval::{self, Cut, HoleScore, Outcome};

/// A hole with what was suggested for it.
pub(super) struct Judged {
    pub(super) outcome: Outcome,
    /// What was suggested to who asked, and how many bytes after the hole it takes the place of.
    pub(super) suggestion: (String, usize),
    /// What is known of each of its lines.
    pub(super) lines: Vec<Line>,
    /// The kind of place.
    pub(super) place: Option<&'static str>,
    /// How likely the first one is right.
    pub(super) probability: Option<f64>,
    /// What was shown to who did not ask, or why nothing was.
    pub(super) unasked: Result<(String, usize), Reason>,
    /// What the model wrote, and why it ended.
    pub(super) written: (Written, Finish),
}

/// What to ask a model at a hole, and what becomes of its answer: where the user asks, and where the editor does.
pub(super) struct Plans {
    pub(super) asked: Result<Plan, Reason>,
    pub(super) unasked: Result<Plan, Reason>,
}

impl Plans {
    /// Between two texts of a file, as the product plans. `confidence` is the setting; in a workspace the model is shown
    /// other files.
    pub(super) fn new(
        (path, before, after): (&str, &str, &str),
        workspace: Option<&Workspace>,
        model: &ModelInfo,
        confidence: Option<f64>,
    ) -> Self {
        let text = Rope::from_str(&format!("{before}{after}"));
        let language = language::of_path(Path::new(path));
        let mut snapshot = Snapshot {
            language,
            parsed: language.and_then(|language| Parsed::new(language, &text)),
            text,
            offset: before.len(),
            path: Some(path.to_owned()),
            ..Snapshot::default()
        };
        if let Some(workspace) = workspace {
            snapshot.files = workspace.files(&snapshot, model);
        }
        let snapshot = Arc::new(snapshot);
        let plan = |trigger| {
            let wanted = Wanted {
                multiline: Multiline::Auto,
                trigger,
                confidence,
                shift: 0.0,
            };
            plan::plan(&snapshot, None, model, wanted)
        };
        Self {
            asked: plan(Trigger::Invoked),
            unasked: plan(Trigger::Automatic),
        }
    }
}

impl Judged {
    /// A hole of which nothing is known yet.
    pub(super) fn new(task: &Task<'_>) -> Self {
        Self {
            outcome: Outcome::new(task.hole),
            suggestion: (String::new(), 0),
            lines: Vec::new(),
            place: None,
            unasked: Err(Reason::Blank),
            probability: None,
            written: (Written::default(), Finish::Stop),
        }
    }

    /// Judges what a model wrote, as it would be suggested.
    pub(super) fn suggest(&mut self, task: &Task<'_>, plans: &Plans, written: &Written, finish: Finish) {
        self.written = (written.clone(), finish);
        self.place = plans.asked.as_ref().ok().map(Plan::place);
        let score = |suggestion: &Suggestion| {
            let cut = Cut {
                before: &task.prefix,
                truth: task.truth,
                after: task.after,
            };
            let replaces = suggestion.range.len();
            eval::score(task.hole.kind, task.language, &cut, &suggestion.text, replaces)
        };
        let judge = |plan: &Result<Plan, Reason>| match plan {
            Ok(plan) => plan.judge(written, finish),
            Err(reason) => Err(*reason),
        };
        match judge(&plans.asked) {
            Ok((suggestion, lines)) => {
                self.outcome.score = Some(score(&suggestion));
                self.suggestion = (suggestion.text, suggestion.range.len());
                let plan = plans.asked.as_ref().ok();
                self.probability = plan.and_then(|plan| plan.probability(&lines));
                self.lines = lines;
            }
            Err(reason) => {
                self.outcome.score = Some(HoleScore::default());
                self.outcome.empty = Some(reason.as_str());
            }
        }
        let unasked = judge(&plans.unasked);
        self.outcome.shown = unasked.as_ref().ok().map(|(suggestion, _)| score(suggestion));
        self.unasked = unasked.map(|(suggestion, _)| (suggestion.text, suggestion.range.len()));
    }
}
