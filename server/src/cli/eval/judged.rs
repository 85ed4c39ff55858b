//! What a completion of a hole is worth, whoever wrote it.
//!
//! It must not know who wrote it.

use std::path::Path;
use std::sync::Arc;

use codegemma_model::{Finish, ModelInfo};
use ropey::Rope;

use super::Task;
use crate::completion::confidence::{self, Written};
use crate::completion::plan::{self, Plan, Wanted};
use crate::completion::reason::Reason;
use crate::completion::snapshot::Snapshot;
use crate::completion::trigger::{Multiline, Trigger};
use crate::documents::language;
use crate::documents::syntax::Parsed;
use crate::eval::{self, Cut, HoleScore, Outcome};

/// A hole with what was suggested for it.
pub(super) struct Judged {
    pub(super) outcome: Outcome,
    /// What was suggested, and how many bytes after the hole it takes the place of.
    pub(super) suggestion: (String, usize),
    /// What the model wrote, and why it ended.
    pub(super) written: (Written, Finish),
}

/// What to ask `model` between two texts of a file, as the product does where the user asks for a completion.
pub(super) fn plan(path: &str, before: &str, after: &str, model: &ModelInfo, confidence: f64) -> Result<Plan, Reason> {
    let text = Rope::from_str(&format!("{before}{after}"));
    let language = language::of_path(Path::new(path));
    let snapshot = Arc::new(Snapshot {
        language,
        parsed: language.and_then(|language| Parsed::new(language, &text)),
        text,
        offset: before.len(),
        path: Some(path.to_owned()),
        ..Snapshot::default()
    });
    let wanted = Wanted {
        multiline: Multiline::Auto,
        trigger: Trigger::Invoked,
        confidence,
    };
    plan::plan(&snapshot, None, model, wanted)
}

impl Judged {
    /// A hole of which nothing is known yet.
    pub(super) fn new(task: &Task<'_>) -> Self {
        Self {
            outcome: Outcome::new(task.hole),
            suggestion: (String::new(), 0),
            written: (Written::default(), Finish::Stop),
        }
    }

    /// Judges what a model wrote, as it would be suggested.
    pub(super) fn suggest(&mut self, task: &Task<'_>, plan: Result<&Plan, Reason>, written: &Written, finish: Finish) {
        self.written = (written.clone(), finish);
        let said = !written.pieces.is_empty();
        self.outcome.confidence = said.then(|| confidence::first_line(&written.text, &written.pieces));
        match plan.and_then(|plan| plan.suggest(written, finish)) {
            Ok(suggestion) => {
                let cut = Cut {
                    before: &task.prefix,
                    truth: task.truth,
                    after: task.after,
                };
                let replaces = suggestion.range.len();
                self.outcome.score = Some(eval::score(
                    task.hole.kind,
                    task.language,
                    &cut,
                    &suggestion.text,
                    replaces,
                ));
                self.suggestion = (suggestion.text, replaces);
            }
            Err(reason) => {
                self.outcome.score = Some(HoleScore::default());
                self.outcome.empty = Some(reason.as_str());
            }
        }
    }
}
