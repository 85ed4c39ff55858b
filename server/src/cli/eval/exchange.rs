//! Holes out to other completers, and their completions back in.
//!
//! It must not know who completes.

use std::collections::HashMap;
use std::path::Path;

use codegemma_model::{Finish, ModelInfo, Piece};
use serde::{Deserialize, Serialize};

use super::super::failure::Failure;
use super::super::source;
use super::Task;
use super::judged::{Judged, Plans};
use crate::completion::written::Written;
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

/// A completion as others give it back, or as it was recorded.
#[derive(Serialize, Deserialize)]
struct Imported {
    id: String,
    /// As the model wrote it.
    text: String,
    /// Where each piece of the text ends, and the logarithm of its probability.
    #[serde(default)]
    pieces: Vec<(usize, f32)>,
    /// Why it ended; others say nothing of that, and ended it themselves.
    finish: Option<Finish>,
    /// The loss on the truth.
    bits: Option<f64>,
}

/// The first line of recorded completions.
#[derive(Serialize, Deserialize)]
struct Recorded {
    model: RecordedModel,
}

#[derive(Serialize, Deserialize)]
struct RecordedModel {
    name: String,
    architecture: String,
    quantization: String,
    context_tokens: usize,
    fill_in_the_middle: bool,
}

impl RecordedModel {
    fn info(self) -> ModelInfo {
        ModelInfo {
            name: self.name,
            architecture: self.architecture,
            quantization: self.quantization,
            context_tokens: self.context_tokens,
            fill_in_the_middle: self.fill_in_the_middle,
        }
    }
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

/// What a model wrote, lines of JSON that can be judged again.
pub(super) fn record(model: &ModelInfo, tasks: &[Task<'_>], judged: &[Judged]) -> Result<String, Failure> {
    let model = RecordedModel {
        name: model.name.clone(),
        architecture: model.architecture.clone(),
        quantization: model.quantization.clone(),
        context_tokens: model.context_tokens,
        fill_in_the_middle: model.fill_in_the_middle,
    };
    let mut lines = vec![serde_json::to_string(&Recorded { model }).map_err(Failure::new)?];
    for (task, judged) in tasks.iter().zip(judged) {
        let (written, finish) = &judged.written;
        let completion = Imported {
            id: task.hole.id.clone(),
            text: written.text.clone(),
            pieces: written.pieces.iter().map(|piece| (piece.end, piece.logprob)).collect(),
            finish: Some(*finish),
            bits: judged.outcome.bits,
        };
        lines.push(serde_json::to_string(&completion).map_err(Failure::new)?);
    }
    lines.push(String::new());
    Ok(lines.join("\n"))
}

/// Judges the completions in a file. What is missing in it is empty. Gives the model, where one is named.
pub(super) fn judge(
    path: &Path,
    tasks: &[Task<'_>],
    confidence: Option<f64>,
) -> Result<(Option<ModelInfo>, Vec<Judged>), Failure> {
    let text = source::read(path)?.text;
    let first = text.lines().next().unwrap_or_default();
    let recorded: Option<Recorded> = serde_json::from_str(first).ok();
    let mut completions =
        parse(&text, recorded.is_some(), tasks).map_err(|(line, what)| format!("{}:{line}: {what}", path.display()))?;
    let recorded = recorded.map(|recorded| recorded.model.info());
    // Whoever wrote them ended them himself.
    let model = recorded.clone().unwrap_or_else(|| ModelInfo {
        name: path.display().to_string(),
        architecture: String::new(),
        quantization: String::new(),
        context_tokens: 0,
        fill_in_the_middle: true,
    });
    let judge = |task: &Task<'_>| {
        let mut judged = Judged::new(task);
        let completion = completions.remove(task.hole.id.as_str());
        judged.outcome.bits = completion.as_ref().and_then(|completion| completion.bits);
        if task.hole.kind != HoleKind::Text {
            let finish = completion.as_ref().and_then(|completion| completion.finish);
            let piece = |&(end, logprob): &(usize, f32)| Piece { end, logprob };
            let written = completion.map_or_else(Written::default, |completion| Written {
                pieces: completion.pieces.iter().map(piece).collect(),
                text: completion.text,
            });
            let plans = Plans::new((task.path, &task.prefix, task.after), None, &model, confidence);
            judged.suggest(task, &plans, &written, finish.unwrap_or(Finish::Stop));
        }
        judged
    };
    Ok((recorded, tasks.iter().map(judge).collect()))
}

/// The completions by the holes' ids, from the second line on where the first one names the model. An error names the
/// line, from 1.
fn parse<'a>(text: &str, names_model: bool, tasks: &[Task<'a>]) -> Result<HashMap<&'a str, Imported>, (usize, String)> {
    let ids: HashMap<&str, &'a str> = tasks
        .iter()
        .map(|task| (task.hole.id.as_str(), task.hole.id.as_str()))
        .collect();
    let mut found = HashMap::new();
    for (number, line) in (1..)
        .zip(text.lines())
        .skip(usize::from(names_model))
        .filter(|(_, line)| !line.trim().is_empty())
    {
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
