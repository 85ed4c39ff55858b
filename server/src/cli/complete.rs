//! `codegemma-complete complete`: the completion at a place in a file.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::builder::RangedU64ValueParser;
use codegemma_model::{Completion, CompletionRequest, Engine, Finish, ModelInfo, PromptBudget, PromptWindow, Sampling};
use ropey::Rope;
use serde::Serialize;

use super::failure::Failure;
use super::place::{Place, PlaceFlags};
use super::stats::Stats;
use super::{diff, model, output, replace};
use crate::completion::plan::{self, Plan, Wanted};
use crate::completion::reason::Reason;
use crate::completion::snapshot::{Snapshot, Suggestion};
use crate::completion::trigger::{Multiline, Trigger};
use crate::completion::written::Written;
use crate::config::EngineFlags;
use crate::config::settings::Settings;
use crate::documents::position::{self, Encoding};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  codegemma-complete src/main.rs:12:5              prints the completion and nothing else
  codegemma-complete src/main.rs:12 --in-place     writes what goes at the end of line 12 into the file
  codegemma-complete src/main.rs:12:5 -d | git apply
  git show HEAD:a.py | codegemma-complete - --path a.py")]
pub(super) struct Flags {
    #[command(flatten)]
    pub(super) place: PlaceFlags,

    /// The most tokens to generate; by default what is configured, or 64
    #[arg(short = 'n', long, value_name = "N", allow_negative_numbers = true)]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=8192))]
    max_tokens: Option<usize>,

    /// 0 always takes the most likely token; more is more random
    #[arg(long, value_name = "T", default_value_t = 0.0, allow_negative_numbers = true, value_parser = parse_temperature)]
    temperature: f64,

    /// Draw from the most likely tokens whose probabilities add up to P
    #[arg(long, value_name = "P", allow_negative_numbers = true, value_parser = parse_top_p)]
    top_p: Option<f64>,

    /// Draw from the K most likely tokens
    #[arg(long, value_name = "K", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..))]
    top_k: Option<u32>,

    /// The same seed gives the same completion
    #[arg(long, value_name = "S", default_value_t = 0, allow_negative_numbers = true)]
    seed: u64,

    /// How many completions to draw, each with the next seed; the most likely one is printed, --json lists all
    #[arg(long, value_name = "N", default_value_t = 1, allow_negative_numbers = true)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    candidates: u32,

    /// Give what there is after this many milliseconds
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    deadline: Option<u64>,

    /// Show the model what is read in this many milliseconds, some lines around the place, and not everything
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    first_token_ms: Option<u64>,

    /// When the completion may be longer than a line; by default what is configured, or auto
    #[arg(long, value_name = "WHEN")]
    multiline: Option<Multiline>,

    /// Show the model these files instead of those that belong to the place, the most important last
    #[arg(long, value_name = "FILE", num_args = 1..)]
    context: Vec<PathBuf>,

    /// Show the model no other file
    #[arg(long, conflicts_with = "context")]
    no_context: bool,

    /// Write the completion into the file instead of printing it
    #[arg(short, long)]
    in_place: bool,

    /// Print the change as a unified diff
    #[arg(short, long, conflicts_with = "json")]
    diff: bool,

    /// Print one JSON object
    #[arg(short, long)]
    json: bool,

    #[command(flatten)]
    engine: EngineFlags,
}

/// What `--json` prints. Lines and columns count as in the argument.
#[derive(Serialize)]
struct Report<'a> {
    text: &'a str,
    range: Span,
    finish: Finish,
    reason: Option<&'static str>,
    model: &'a ModelInfo,
    candidates: Vec<Candidate>,
    window: PromptWindow,
    /// How likely the suggestion is right.
    probability: Option<f64>,
    stats: Stats,
}

#[derive(Serialize)]
struct Span {
    start: Position,
    end: Position,
}

#[derive(Serialize)]
struct Position {
    line: usize,
    column: usize,
}

#[derive(Serialize)]
struct Candidate {
    text: String,
    logprob: f64,
}

pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    if flags.place.target.is_stdin() && flags.in_place {
        return Err(Failure::Usage(
            "--in-place needs a file to write to; leave it out to print the completion".to_owned(),
        ));
    }
    if flags.candidates > 1 && flags.temperature == 0.0 {
        let message = "--candidates needs a --temperature above 0: at 0 every candidate is the same";
        return Err(Failure::Usage(message.to_owned()));
    }
    let mut place = Place::read(&flags.place, None)?;
    let effective = place.effective(&flags.engine);
    let settings = Settings::new(&effective);
    let hidden = place.guard(&settings.exclude);
    if let Some(shut) = hidden {
        output::note(&format!("{}: {}", flags.place.target.file.display(), shut.as_str()));
    }
    let language = settings.of(place.snapshot.language.map_or("", |language| language.id));
    let multiline = flags.multiline.unwrap_or(language.multiline);
    let max_tokens = flags.max_tokens.unwrap_or(language.max_tokens);
    let begin = Instant::now();
    let engine = model::load(&effective.engine(), flags.json)?;
    let load = begin.elapsed();
    if !flags.context.is_empty() {
        place.show_files(&flags.context)?;
    } else if !flags.no_context {
        place.show_context(settings.context, engine.info());
    }
    let name = place.diff_name(&flags.place);
    let (snapshot, mark) = (place.snapshot, place.mark);
    let with_mark = |text: &Rope| format!("{mark}{text}");
    let accepted = |suggestion: &Suggestion| suggestion.accepted(&snapshot.text).0;
    let wanted = Wanted {
        multiline,
        trigger: Trigger::Invoked,
        confidence: None,
        shift: 0.0,
    };
    let plan = match hidden {
        Some(_) => Err(Reason::Excluded),
        None => plan::plan(&snapshot, None, engine.info(), wanted),
    };
    if !engine.info().fill_in_the_middle {
        output::note("this model was not trained to fill in the middle; it sees the text before the cursor only");
    }
    let completions = match &plan {
        Ok(plan) => generate(flags, max_tokens, &engine, plan)?,
        Err(_) => Vec::new(),
    };
    let suggestion = plan.and_then(|_| {
        let (best, suggestion, _) = completions.first().expect("--candidates is at least 1");
        note_truncation(best);
        suggestion.as_ref().map_err(|reason| *reason)
    });
    if flags.in_place
        && let Ok(suggestion) = &suggestion
    {
        replace::replace(
            &flags.place.target.file,
            &with_mark(&snapshot.text),
            &with_mark(&accepted(suggestion)),
        )?;
    }
    if flags.json {
        return output::print_json(&report(&snapshot, &engine, suggestion, &completions, load));
    }
    let suggestion = match suggestion {
        Ok(suggestion) => suggestion,
        Err(reason) => {
            output::note(&format!("nothing is suggested: {}", reason.sentence()));
            return Ok(());
        }
    };
    if flags.diff {
        let (old, new) = (with_mark(&snapshot.text), with_mark(&accepted(suggestion)));
        output::print(&diff::unified(&name, &old, &new))
    } else if flags.in_place {
        Ok(())
    } else {
        output::print(&suggestion.text)
    }
}

/// Says what the model could not see.
pub(super) fn note_truncation(completion: &Completion) {
    if completion.truncated_tokens > 0 {
        output::note(&format!(
            "at least {} tokens of the prompt did not fit into the model's context and were left out",
            completion.truncated_tokens
        ));
    }
}

/// A candidate: what was written, what is suggested of it, and how likely that is right.
type Judged = (Completion, Result<Suggestion, Reason>, Option<f64>);

/// Draws the candidates, the most likely first; the same text counts once.
fn generate(flags: &Flags, max_tokens: usize, engine: &Engine, plan: &Plan) -> Result<Vec<Judged>, Failure> {
    let mut drawn: Vec<Judged> = Vec::new();
    for n in 0..u64::from(flags.candidates) {
        let request = CompletionRequest {
            sampling: Sampling {
                temperature: flags.temperature,
                top_k: flags.top_k.map(|k| k as usize),
                top_p: flags.top_p,
                seed: flags.seed.wrapping_add(n),
            },
            deadline: flags
                .deadline
                .and_then(|millis| Instant::now().checked_add(Duration::from_millis(millis))),
            budget: flags.first_token_ms.map_or(PromptBudget::Context, |millis| {
                PromptBudget::FirstToken(Duration::from_millis(millis))
            }),
            ..plan.request(max_tokens)
        };
        let completion = engine.complete(request).map_err(Failure::new)?;
        let judged = plan.judge(&Written::of(&completion), completion.finish);
        let probability = judged.as_ref().ok().and_then(|(_, lines)| plan.probability(lines));
        let suggestion = judged.map(|(suggestion, _)| suggestion);
        if !drawn.iter().any(|(_, other, _)| *other == suggestion) {
            drawn.push((completion, suggestion, probability));
        }
    }
    // What suggests something goes before what does not, however likely that is.
    drawn.sort_by(|(a, a_text, _), (b, b_text, _)| {
        a_text
            .is_err()
            .cmp(&b_text.is_err())
            .then(b.logprob.total_cmp(&a.logprob))
    });
    Ok(drawn)
}

fn report<'a>(
    snapshot: &Snapshot,
    engine: &'a Engine,
    suggestion: Result<&'a Suggestion, Reason>,
    completions: &'a [Judged],
    load: Duration,
) -> Report<'a> {
    let best = completions.first().map(|(best, ..)| best);
    let place = |offset| {
        let at = position::from_offset(&snapshot.text, offset, Encoding::Utf32);
        Position {
            line: at.line + 1,
            column: at.column + 1,
        }
    };
    let range = suggestion
        .as_ref()
        .map_or(snapshot.offset..snapshot.offset, |suggestion| suggestion.range.clone());
    Report {
        text: suggestion.as_ref().map_or("", |suggestion| suggestion.text.as_str()),
        range: Span {
            start: place(range.start),
            end: place(range.end),
        },
        // Where the model was not asked, there is nothing to wait for.
        finish: best.map_or(Finish::Stop, |best| best.finish),
        reason: suggestion.err().map(Reason::as_str),
        model: engine.info(),
        candidates: completions
            .iter()
            .filter_map(|(completion, suggestion, _)| {
                Some(Candidate {
                    text: suggestion.as_ref().ok()?.text.clone(),
                    logprob: completion.logprob,
                })
            })
            .collect(),
        probability: completions.first().and_then(|(.., probability)| *probability),
        window: best.map_or(PromptWindow::Whole, |best| best.stats.reading.window),
        stats: Stats::new(&best.map(|best| best.stats).unwrap_or_default(), load),
    }
}

fn parse_temperature(number: &str) -> Result<f64, String> {
    match number.parse() {
        Ok(temperature) if (0.0..=100.0).contains(&temperature) => Ok(temperature),
        _ => Err("expected a number from 0 to 100".to_owned()),
    }
}

fn parse_top_p(number: &str) -> Result<f64, String> {
    match number.parse() {
        Ok(p) if p > 0.0 && p <= 1.0 => Ok(p),
        _ => Err("expected a number above 0, up to 1".to_owned()),
    }
}
