//! Holes out to other completers, and their completions back in.
//!
//! It must not know who completes.

use std::collections::HashMap;
use std::path::Path;

use codegemma_model::{Finish, ModelInfo};
use serde::{Deserialize, Serialize};

use super::super::failure::Failure;
use super::super::source;
use super::Task;
use super::judged::{Judged, plan};
use crate::completion::confidence::Written;
use crate::completion::reason::Reason;
use crate::eval::HoleKind;

/// A hole as others get it.
#[derive(Serialize)]
struct Exported<'a> {
    id: &'a str,
    path: &'a str,
    language: &'a str,
    kind: &'a str,
    prefix: &'a str,
    suffix: &'a str,
    middle: &'a str,
}

/// A completion as others give it back.
#[derive(Deserialize)]
struct Imported {
    id: String,
    /// As the model wrote it.
    text: String,
    /// The loss on the truth.
    bits: Option<f64>,
}

/// The holes, a line of JSON each.
pub(super) fn export(tasks: &[Task<'_>]) -> Result<String, Failure> {
    let mut out = String::new();
    for task in tasks {
        let exported = Exported {
            id: &task.hole.id,
            path: task.path,
            language: task.hole.language,
            kind: task.hole.kind.as_str(),
            prefix: &task.prefix,
            suffix: task.suffix,
            middle: task.truth,
        };
        out += &serde_json::to_string(&exported).map_err(Failure::new)?;
        out.push('\n');
    }
    Ok(out)
}

/// Judges the completions in a file. What is missing in it is empty.
pub(super) fn judge(path: &Path, tasks: &[Task<'_>]) -> Result<Vec<Judged>, Failure> {
    let mut completions =
        parse(&source::read(path)?.text, tasks).map_err(|(line, what)| format!("{}:{line}: {what}", path.display()))?;
    // Whoever wrote them ended them himself.
    let model = ModelInfo {
        name: path.display().to_string(),
        architecture: String::new(),
        quantization: String::new(),
        context_tokens: 0,
        fill_in_the_middle: true,
    };
    let judge = |task: &Task<'_>| {
        let mut judged = Judged::new(task);
        let completion = completions.remove(task.hole.id.as_str());
        judged.outcome.bits = completion.as_ref().and_then(|completion| completion.bits);
        if task.hole.kind != HoleKind::Text {
            let written = Written {
                text: completion.map(|completion| completion.text).unwrap_or_default(),
                pieces: Vec::new(),
            };
            let plan: Result<_, Reason> = plan(task.path, &task.prefix, task.after, &model, 0.0);
            judged.suggest(task, plan.as_ref().map_err(|reason| *reason), &written, Finish::Stop);
        }
        judged
    };
    Ok(tasks.iter().map(judge).collect())
}

/// The completions by the holes' ids. An error names the line, from 1.
fn parse<'a>(text: &str, tasks: &[Task<'a>]) -> Result<HashMap<&'a str, Imported>, (usize, String)> {
    let ids: HashMap<&str, &'a str> = tasks
        .iter()
        .map(|task| (task.hole.id.as_str(), task.hole.id.as_str()))
        .collect();
    let mut found = HashMap::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let imported: Imported = serde_json::from_str(line).map_err(|error| {
            let what =
                format!("not a completion ({error}); each line is {{\"id\": …, \"text\": …}}, perhaps with \"bits\"");
            (number, what)
        })?;
        let Some(&id) = ids.get(imported.id.as_str()) else {
            let what = format!(
                "no hole is called {:?}; use the DIR, --holes and --seed of --export",
                imported.id
            );
            return Err((number, what));
        };
        if found.insert(id, imported).is_some() {
            return Err((number, format!("a second completion of {id}; leave one out")));
        }
    }
    Ok(found)
}
