//! The holes through the product's own pipeline: plan, request, engine, suggestion.
//!
//! It must not know how suggestions are judged.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use codegemma_model::{CompletionRequest, Engine, ModelInfo, Prompt, PromptBudget, RequestError};

use super::super::failure::Failure;
use super::super::{model, output};
use super::Task;
use super::judged::{Judged, Plans};
use super::workspace::Workspace;
use crate::completion::written::Written;
use crate::config::EngineFlags;
use crate::config::settings::Settings;
use crate::eval::HoleKind;

/// How long a hole may take: much longer than a user would wait, so that speed does not change what is measured.
pub(super) const DEADLINE: Duration = Duration::from_secs(120);

/// Loads the model and completes every hole, one after the other.
pub(super) fn run(
    flags: &EngineFlags,
    tasks: &[Task<'_>],
    workspace: Option<&Workspace>,
    confidence: Option<f64>,
    budget: PromptBudget,
    json: bool,
) -> Result<(ModelInfo, Vec<Judged>), Failure> {
    let engine = load(flags, json)?;
    let progress = Progress::new(tasks.len());
    // Holes of a file one after the other, so that what stands above both is read once.
    let mut order: Vec<usize> = (0..tasks.len()).collect();
    order.sort_by_key(|at| (tasks[*at].hole.file, tasks[*at].hole.range.start));
    let mut judged: Vec<Judged> = tasks.iter().map(Judged::new).collect();
    for (done, at) in order.into_iter().enumerate() {
        progress.show(done);
        let task = &tasks[at];
        let outcome =
            one(&engine, task, workspace, confidence, budget).map_err(|error| format!("{}: {error}", task.hole.id));
        judged[at] = outcome?;
    }
    Ok((engine.info().clone(), judged))
}

/// Loads the model; with `json` a program reads what is printed.
pub(super) fn load(flags: &EngineFlags, json: bool) -> Result<Engine, Failure> {
    let engine = model::load(&model::choice(flags), json)?;
    if !engine.info().fill_in_the_middle {
        output::note("this model was not trained to fill in the middle; it sees the text before the cursor only");
    }
    Ok(engine)
}

fn one(
    engine: &Engine,
    task: &Task<'_>,
    workspace: Option<&Workspace>,
    confidence: Option<f64>,
    budget: PromptBudget,
) -> Result<Judged, RequestError> {
    let mut judged = Judged::new(task);
    if task.hole.kind == HoleKind::Text {
        judged.outcome.bits = loss(engine, task, Prompt::Plain(task.prefix.clone()), false)?;
        return Ok(judged);
    }
    let plans = Plans::new(
        (task.path, &task.prefix, task.after),
        workspace,
        engine.info(),
        confidence,
    );
    let plan = match &plans.asked {
        Ok(plan) => plan,
        Err(reason) => {
            judged.outcome.empty = Some(reason.as_str());
            return Ok(judged);
        }
    };
    let mut request = CompletionRequest {
        budget,
        deadline: Instant::now().checked_add(DEADLINE),
        ..plan.request(Settings::default().of("").max_tokens)
    };
    if let Prompt::Fim(prompt) = &mut request.prompt {
        task.suffix.clone_into(&mut prompt.suffix);
    }
    let prompt = request.prompt.clone();
    let completion = engine.complete(request)?;
    judged.suggest(task, &plans, &Written::of(&completion), completion.finish);
    judged.outcome.first_token_ms = Some(completion.stats.prefill.as_secs_f64() * 1000.0);
    // A model that was not trained to has no way to say that the middle ends.
    let ends = engine.info().fill_in_the_middle;
    judged.outcome.bits = loss(engine, task, prompt, ends)?;
    Ok(judged)
}

/// How many bits the truth takes under the model; not known where it is too long for the context.
fn loss(engine: &Engine, task: &Task<'_>, prompt: Prompt, ends: bool) -> Result<Option<f64>, RequestError> {
    match engine.score(prompt, task.truth, ends) {
        Ok(score) => Ok(Some(-score.logprob / std::f64::consts::LN_2)),
        Err(RequestError::Invalid(what)) => {
            output::note(&format!("{}: its loss is not measured: {what}", task.hole.id));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// How far it is, for whoever watches.
pub(super) struct Progress {
    total: usize,
    watched: bool,
}

impl Progress {
    pub(super) fn new(total: usize) -> Self {
        Self {
            total,
            watched: std::io::stderr().is_terminal(),
        }
    }

    pub(super) fn show(&self, done: usize) {
        if self.watched {
            // What cannot be shown is not worth failing for.
            let _ = write!(std::io::stderr().lock(), "\r{done}/{} holes", self.total);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.watched {
            let _ = write!(std::io::stderr().lock(), "\r{:20}\r", "");
        }
    }
}
