//! Tasks in the form of HumanEval-Infilling, completed into samples in the form that its own scorer takes.
//!
//! It must not know what is right: that is for the scorer, which runs the samples.

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use codegemma_model::{CompletionRequest, Engine, Prompt, RequestError};
use serde::{Deserialize, Serialize};

use super::super::failure::Failure;
use super::super::{output, source};
use super::judged::Plans;
use super::live::{self, DEADLINE, Progress};
use crate::completion::written::Written;
use crate::config::EngineFlags;

/// The name of the file that a task is shown as: the tasks are in Python, and name none.
const PATH: &str = "solution.py";
/// The most tokens of a completion, unless that is more than a quarter of the model's context: a body of several lines
/// is wrong when it is cut.
const MAX_TOKENS: usize = 256;

/// A task. Its tests are not needed here.
#[derive(Deserialize)]
struct Task {
    task_id: String,
    prompt: String,
    suffix: String,
    canonical_solution: String,
}

/// A sample.
#[derive(Serialize)]
struct Sample<'a> {
    task_id: &'a str,
    completion: &'a str,
}

/// Completes every task in a file and writes the samples into another one, in the same order: `raw` as the model writes,
/// with nothing cut or left out, and with a `confidence` only what is shown to who did not ask.
pub(super) fn run(
    tasks: &Path,
    samples: &Path,
    raw: bool,
    confidence: Option<f64>,
    flags: &EngineFlags,
) -> Result<(), Failure> {
    let name = tasks.display();
    if tasks.extension().is_some_and(|end| end == "gz") {
        let message = format!("{name}: packed tasks are not read; unpack them first: gunzip --keep {name}");
        return Err(Failure::Message(message));
    }
    let tasks = parse(&source::read(tasks)?.text).map_err(|(line, what)| format!("{name}:{line}: {what}"))?;
    if tasks.is_empty() {
        return Err(Failure::Message(format!(
            "{name}: there is no task in it; check the path"
        )));
    }
    output::check_writable(samples)?;
    let engine = live::load(flags, false)?;
    let (mut exact, mut empty, mut out) = (0, 0, String::new());
    let progress = Progress::new(tasks.len());
    for (at, task) in tasks.iter().enumerate() {
        progress.show(at);
        let completion =
            complete(&engine, task, raw, confidence).map_err(|error| format!("{}: {error}", task.task_id))?;
        exact += usize::from(completion.trim_end() == task.canonical_solution.trim_end());
        empty += usize::from(completion.is_empty());
        let sample = Sample {
            task_id: &task.task_id,
            completion: &completion,
        };
        out += &serde_json::to_string(&sample).map_err(Failure::new)?;
        out.push('\n');
    }
    drop(progress);
    output::write_file(samples, &out)?;
    let count = tasks.len();
    output::print_readable(&format!(
        "{count} samples, {exact} as the canonical solution, {empty} empty\n"
    ))
}

/// The tasks, a line each. An error names the line, from 1.
fn parse(text: &str) -> Result<Vec<Task>, (usize, String)> {
    let mut ids = HashSet::new();
    let mut tasks = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let task: Task = serde_json::from_str(line).map_err(|error| {
            let form = "task_id, prompt, suffix and canonical_solution, all texts";
            (
                number,
                format!("not a task ({error}); each line is a JSON object with {form}"),
            )
        })?;
        if !ids.insert(task.task_id.clone()) {
            return Err((number, format!("a second task {}; leave one out", task.task_id)));
        }
        tasks.push(task);
    }
    Ok(tasks)
}

/// What goes between a task's prompt and its suffix; nothing where nothing is suggested.
fn complete(engine: &Engine, task: &Task, raw: bool, confidence: Option<f64>) -> Result<String, RequestError> {
    let max_tokens = MAX_TOKENS.min(engine.info().context_tokens / 4);
    let deadline = Instant::now().checked_add(DEADLINE);
    let after = if raw { task.suffix.clone() } else { below(task) };
    let plans = Plans::new((PATH, &task.prompt, &after), None, engine.info(), confidence);
    let plan = if confidence.is_some() {
        plans.unasked
    } else {
        plans.asked
    };
    let Ok(plan) = plan else {
        return Ok(String::new());
    };
    if raw {
        let request = CompletionRequest {
            deadline,
            ..CompletionRequest::new(Prompt::Fim(plan.prompt().clone()), max_tokens)
        };
        return Ok(engine.complete(request)?.text);
    }
    let completion = engine.complete(CompletionRequest {
        deadline,
        ..plan.request(max_tokens)
    })?;
    let suggestion = plan.suggest(&Written::of(&completion), completion.finish);
    Ok(suggestion.map_or(String::new(), |suggestion| {
        let text = between(&suggestion.text, &after[..suggestion.range.len()]);
        let line_end = &after[..after.len() - task.suffix.len()];
        format!("{text}{line_end}")
    }))
}

/// What stands right of and below the cursor. A task of whole lines is completed where a user would write them, on a
/// line of its own, whose end belongs to the completion.
fn below(task: &Task) -> String {
    let whole_lines = task.prompt.is_empty() || task.prompt.ends_with('\n');
    let own = if whole_lines && !task.suffix.starts_with('\n') {
        "\n"
    } else {
        ""
    };
    format!("{own}{}", task.suffix)
}

/// The part of a suggestion that can stand before what it would replace. What the suggestion goes on with behind that
/// has no place in a sample.
fn between<'a>(text: &'a str, replaced: &str) -> &'a str {
    text.rfind(replaced).map_or(text, |at| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_lines_have_a_line_of_their_own() {
        let check = |prompt: &str, suffix: &str, expected: &str| {
            let task = Task {
                task_id: "x".to_owned(),
                prompt: prompt.to_owned(),
                suffix: suffix.to_owned(),
                canonical_solution: String::new(),
            };
            assert_eq!(below(&task), expected, "{prompt:?} {suffix:?}");
        };
        check("def f():\n", "    return x\n", "\n    return x\n");
        check("def f():\n", "", "\n");
        check("", "x = 1\n", "\nx = 1\n");
        check("def f():\n", "\n    return x\n", "\n    return x\n");
        check("def f():\n    return ", "\n", "\n");
        check("def f(", "):\n", "):\n");
    }

    #[test]
    fn what_a_suggestion_replaces_is_left_to_the_suffix() {
        assert_eq!(between("a, b)", ")"), "a, b");
        assert_eq!(between("a, b)", ""), "a, b)");
        assert_eq!(between("a, b);", ")"), "a, b");
        assert_eq!(between("a, b", ")"), "a, b");
    }
}
