//! What `eval` prints.
//!
//! It must not know how anything was measured.

use std::collections::BTreeMap;

use codegemma_model::ModelInfo;
use serde::Serialize;

use super::judged::Judged;
use super::{Flags, Task};
use crate::completion::gate::Line;
use crate::eval::{HoleScore, Row, SourceFile};
use crate::policy::secrets;

/// What `--json` prints.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    /// `null` where the completions came from a file.
    model: Option<&'a ModelInfo>,
    seed: u64,
    rows: &'a [Row],
    redacted: Redacted,
    holes: Vec<Entry<'a>>,
}

/// How much of the code looks like a key or a password. In published code hardly anything is one.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Redacted {
    values: usize,
    lines: usize,
}

impl Redacted {
    pub(super) fn of(files: &[SourceFile]) -> Self {
        Self {
            values: files.iter().map(|file| secrets::find(&file.text).len()).sum(),
            lines: files.iter().map(|file| file.text.lines().count()).sum(),
        }
    }

    /// The line below the table.
    pub(super) fn readable(self) -> String {
        format!("redacted: {} values in {} lines of code\n", self.values, self.lines)
    }
}

/// A hole in `--json`. What there is no sense in for a text is `null`.
#[derive(Serialize)]
struct Entry<'a> {
    id: &'a str,
    path: &'a str,
    offset: usize,
    kind: &'static str,
    language: &'a str,
    truth: &'a str,
    text: &'a str,
    /// How many bytes after the hole the text takes the place of.
    replaces: usize,
    reason: Option<&'a str>,
    exact: Option<bool>,
    correct: Option<bool>,
    first_line: Option<bool>,
    duplicated: Option<bool>,
    unmatched: Option<bool>,
    misparsed: Option<bool>,
    open: Option<bool>,
    right: Option<bool>,
    /// What is known of each line of the text, and whether it is right, as far as those before it are.
    lines: Vec<LineEntry>,
    /// The kind of place.
    place: Option<&'static str>,
    /// How likely its first line is right.
    probability: Option<f64>,
    /// What is shown to who did not ask.
    unasked: Unasked<'a>,
    edit_similarity: Option<f64>,
    kept_tokens: Option<usize>,
    shown_tokens: Option<usize>,
    bits: Option<f64>,
    first_token_ms: Option<f64>,
}

/// A line of a text.
#[derive(Serialize)]
struct LineEntry {
    #[serde(flatten)]
    features: BTreeMap<&'static str, f64>,
    right: bool,
}

/// What is shown to who did not ask.
#[derive(Serialize)]
struct Unasked<'a> {
    text: Option<&'a str>,
    replaces: Option<usize>,
    /// Why nothing is.
    reason: Option<&'a str>,
    right: Option<bool>,
    harmful: Option<bool>,
}

impl<'a> Unasked<'a> {
    fn new(judged: &'a Judged) -> Self {
        let shown = judged.outcome.shown.as_ref();
        let (text, reason) = match &judged.unasked {
            Ok(shown) => (Some(shown), None),
            Err(reason) => (None, Some(reason.as_str())),
        };
        Self {
            text: text.map(|(text, _)| text.as_str()),
            replaces: text.map(|(_, replaces)| *replaces),
            reason,
            right: shown.map(HoleScore::is_right),
            harmful: shown.map(HoleScore::is_harmful),
        }
    }
}

fn lines(judged: &Judged) -> Vec<LineEntry> {
    let Some(score) = &judged.outcome.score else {
        return Vec::new();
    };
    let right = |at: usize| {
        if at == 0 {
            score.is_right()
        } else {
            score.right_lines > at
        }
    };
    // What follows a line that is not right tells nothing.
    let until = |at: usize| at == 0 || (score.first_line && score.right_lines >= at);
    let lines = judged.lines.iter().enumerate().take_while(|(at, _)| until(*at));
    let entry = |(at, line): (usize, &Line)| LineEntry {
        features: line.features().into(),
        right: right(at),
    };
    lines.map(entry).collect()
}

impl<'a> Report<'a> {
    pub(super) fn new(
        model: Option<&'a ModelInfo>,
        seed: u64,
        rows: &'a [Row],
        redacted: Redacted,
        tasks: &'a [Task<'a>],
        judged: &'a [Judged],
    ) -> Self {
        let entry = |(task, judged): (&'a Task<'a>, &'a Judged)| {
            let score = judged.outcome.score.as_ref();
            Entry {
                id: &task.hole.id,
                path: task.path,
                offset: task.hole.range.start,
                kind: task.hole.kind.as_str(),
                language: task.hole.language,
                truth: task.truth,
                text: &judged.suggestion.0,
                replaces: judged.suggestion.1,
                reason: judged.outcome.empty,
                exact: score.map(|score| score.exact),
                correct: score.map(|score| score.correct),
                first_line: score.map(|score| score.first_line),
                duplicated: score.map(|score| score.duplicated),
                unmatched: score.map(|score| score.unmatched),
                misparsed: score.map(|score| score.misparsed),
                open: score.map(|score| score.open),
                right: score.map(HoleScore::is_right),
                lines: lines(judged),
                place: judged.place,
                probability: judged.probability,
                unasked: Unasked::new(judged),
                edit_similarity: score.map(|score| score.edit_similarity),
                kept_tokens: score.map(|score| score.kept),
                shown_tokens: score.map(|score| score.shown),
                bits: judged.outcome.bits,
                first_token_ms: judged.outcome.first_token_ms,
            }
        };
        Self {
            model,
            seed,
            rows,
            redacted,
            holes: tasks.iter().zip(judged).map(entry).collect(),
        }
    }
}

/// The line above the table.
pub(super) fn heading(model: Option<&ModelInfo>, flags: &Flags) -> String {
    let who = match (model, &flags.completions) {
        (Some(model), _) => format!("{} ({}, {})", model.name, model.architecture, model.quantization),
        (None, file) => file.as_ref().map(|file| file.display().to_string()).unwrap_or_default(),
    };
    format!("{who} on {}, seed {}", flags.dir.display(), flags.seed)
}
