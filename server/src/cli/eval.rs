//! `codegemma-complete eval`: how good a model's completions are on real code.
//!
//! What is cut and how it is judged is in [`crate::eval`]; this is the files around it.

mod corpus;
mod exchange;
mod judged;
mod live;
mod report;
mod samples;
mod workspace;

use std::fs;
use std::path::{Path, PathBuf};

use codegemma_model::PromptBudget;

use super::failure::Failure;
use super::output;
use crate::config::EngineFlags;
use crate::documents::language::Language;
use crate::eval::{self, Baseline, Hole, HoleKind, Outcome, SourceFile};
use workspace::Workspace;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  codegemma-complete eval src --holes 100
  codegemma-complete eval src --csv table.csv
  codegemma-complete eval src --baseline table.csv")]
pub(super) struct Flags {
    /// The code: a folder, which is searched, or a file; with --samples a file of tasks
    dir: PathBuf,

    /// How many holes to cut, spread evenly over languages, kinds and files
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = parse_count)]
    holes: usize,

    /// The same seed cuts the same holes
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,

    /// Compare with an earlier table; the exit code is 1 where a count got worse
    #[arg(long, value_name = "CSV", conflicts_with = "export")]
    baseline: Option<PathBuf>,

    /// Write the table into a file, too
    #[arg(long, value_name = "FILE", conflicts_with = "export")]
    csv: Option<PathBuf>,

    /// Which text after the cursor the model is shown
    #[arg(long, value_name = "WHICH", default_value = "true", conflicts_with = "completions")]
    suffix: Suffix,

    /// Show the model nothing of other files
    #[arg(long, conflicts_with = "completions")]
    no_context: bool,

    /// Show the model some lines around each hole in about so many tokens, as an editor does before it has read all
    #[arg(long, value_name = "TOKENS", conflicts_with = "completions")]
    near: Option<usize>,

    /// Write the holes into a file as lines of JSON, and complete none
    #[arg(long, value_name = "FILE", conflicts_with = "completions")]
    export: Option<PathBuf>,

    /// Judge the completions in a file, lines of JSON with id, text and perhaps bits, instead of running a model
    #[arg(long, value_name = "FILE")]
    completions: Option<PathBuf>,

    /// Write what the model wrote into a file, which --completions judges again
    #[arg(long, value_name = "FILE", conflicts_with_all = ["completions", "export"])]
    record: Option<PathBuf>,

    /// Complete HumanEval-Infilling's tasks in DIR, lines of JSON, into a file of samples that its own scorer takes
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = ["holes", "seed", "baseline", "csv", "suffix", "export", "completions", "record", "no_context", "near", "json"])]
    samples: Option<PathBuf>,

    /// With --samples, take what the model writes as it is, not what would be suggested
    #[arg(long, requires = "samples")]
    raw: bool,

    /// Count as shown to who did not ask what is at least so likely right; by the model where it is not given
    #[arg(long, value_name = "P", value_parser = parse_probability)]
    confidence: Option<f64>,

    /// Print one JSON object with the table and every hole
    #[arg(short, long, conflicts_with = "export")]
    json: bool,

    #[command(flatten)]
    engine: EngineFlags,
}

/// Which text after the cursor the model is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Suffix {
    /// The hole's own
    True,
    /// That of another hole in the same language
    Shuffled,
    /// None
    None,
}

/// A hole with its text.
struct Task<'a> {
    hole: &'a Hole,
    path: &'a str,
    language: &'static Language,
    /// What stands before the hole; for a text that is read, its path.
    prefix: String,
    truth: &'a str,
    /// What stands after it.
    after: &'a str,
    /// What the model sees of that.
    suffix: &'a str,
}

pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    if let Some(samples) = &flags.samples {
        return samples::run(&flags.dir, samples, flags.raw, flags.confidence, &flags.engine);
    }
    let files = corpus::read(&flags.dir)?;
    let holes = eval::sample(&files, flags.holes, flags.seed);
    let completed = holes.iter().filter(|hole| hole.kind != HoleKind::Text).count();
    let dir = flags.dir.display();
    if completed == 0 {
        let message = format!("{dir}: there is no place to cut a hole; name a folder with more code");
        return Err(Failure::Message(message));
    }
    if completed < flags.holes {
        output::note(&format!(
            "{dir}: there is room for {completed} of {} holes",
            flags.holes
        ));
    }
    let tasks = tasks(flags, &files, &holes)?;
    if let Some(path) = &flags.export {
        return output::write_file(path, &exchange::export(&tasks)?);
    }
    // What is wrong with the files is said before the long run.
    for path in flags.csv.iter().chain(&flags.record) {
        output::check_writable(path)?;
    }
    let baseline = flags
        .baseline
        .as_deref()
        .map(|path| baseline(path, &holes))
        .transpose()?;
    let (model, judged) = match &flags.completions {
        Some(path) => exchange::judge(path, &tasks, flags.confidence)?,
        None => {
            let workspace = (!flags.no_context).then(|| Workspace::new(&flags.dir)).flatten();
            let budget = flags.near.map_or(PromptBudget::Context, PromptBudget::Near);
            let (engine, confidence) = (&flags.engine, flags.confidence);
            let (model, judged) = live::run(engine, &tasks, workspace.as_ref(), confidence, budget, flags.json)?;
            (Some(model), judged)
        }
    };
    if let (Some(path), Some(model)) = (&flags.record, &model) {
        output::write_file(path, &exchange::record(model, &tasks, &judged)?)?;
    }
    let outcomes: Vec<Outcome> = judged.iter().map(|judged| judged.outcome.clone()).collect();
    let rows = eval::rows(&outcomes);
    if let Some(path) = &flags.csv {
        output::write_file(path, &eval::csv(&rows))?;
    }
    let redacted = report::Redacted::of(&files);
    if flags.json {
        let report = report::Report::new(model.as_ref(), flags.seed, &rows, redacted, &tasks, &judged);
        output::print_json(&report)?;
    } else {
        let heading = report::heading(model.as_ref(), flags);
        let table = eval::readable(&rows, &outcomes);
        output::print_readable(&format!("{heading}\n{table}{}", redacted.readable()))?;
    }
    let Some(baseline) = baseline else { return Ok(()) };
    let changes = baseline.changes(&rows);
    if !flags.json {
        let lines: Vec<&str> = changes.iter().map(|change| change.text.as_str()).collect();
        let lines = if lines.is_empty() {
            "nothing".to_owned()
        } else {
            lines.join("\n  ")
        };
        output::print_readable(&format!("changed since the baseline:\n  {lines}\n"))?;
    }
    let worse: Vec<&str> = changes
        .iter()
        .filter(|change| change.worse)
        .map(|change| change.text.as_str())
        .collect();
    match worse.is_empty() {
        true => Ok(()),
        false => Err(Failure::Message(format!(
            "worse than the baseline: {}",
            worse.join("; ")
        ))),
    }
}

/// Puts the holes together with their texts.
fn tasks<'a>(flags: &Flags, files: &'a [SourceFile], holes: &'a [Hole]) -> Result<Vec<Task<'a>>, Failure> {
    let text = |hole: &Hole| files[hole.file].text.as_str();
    let others = eval::others_suffixes(holes, flags.seed);
    let task = |(at, hole): (usize, &'a Hole)| {
        let file = &files[hole.file];
        let after = match hole.kind {
            HoleKind::Text => "",
            _ => &file.text[hole.range.end..],
        };
        let suffix = match flags.suffix {
            Suffix::True => after,
            Suffix::None => "",
            Suffix::Shuffled if hole.kind == HoleKind::Text => "",
            Suffix::Shuffled => {
                let other = others[at].map(|other| &holes[other]).ok_or_else(|| {
                    Failure::Message(format!(
                        "--suffix shuffled needs two holes of a language, {} has one; ask for more --holes",
                        hole.language
                    ))
                })?;
                &files[other.file].text[other.range.end..]
            }
        };
        let prefix = match hole.kind {
            HoleKind::Text => format!("{}\n", file.path),
            _ => text(hole)[..hole.range.start].to_owned(),
        };
        Ok(Task {
            hole,
            path: &file.path,
            language: file.language,
            prefix,
            truth: &file.text[hole.range.clone()],
            after,
            suffix,
        })
    };
    holes.iter().enumerate().map(task).collect()
}

/// Reads an earlier table and makes sure that it is about these holes.
fn baseline(path: &Path, holes: &[Hole]) -> Result<Baseline, Failure> {
    let name = path.display();
    let text = fs::read_to_string(path).map_err(|error| {
        format!("{name}: the baseline cannot be read ({error}); check the path, or write it with --csv")
    })?;
    let baseline = Baseline::parse(&text).map_err(|(line, what)| {
        format!("{name}:{line}: {what}; this is no table of eval, or it is damaged: write it again with --csv")
    })?;
    let outcomes: Vec<Outcome> = holes.iter().map(Outcome::new).collect();
    baseline
        .check_holes(&eval::rows(&outcomes))
        .map_err(|what| format!("{name}: {what}; use the DIR, --holes and --seed that it was made with"))?;
    Ok(baseline)
}

fn parse_probability(number: &str) -> Result<f64, String> {
    match number.parse() {
        Ok(probability) if (0.0..=1.0).contains(&probability) => Ok(probability),
        _ => Err("expected a number from 0 to 1".to_owned()),
    }
}

fn parse_count(number: &str) -> Result<usize, String> {
    match number.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("expected a number above 0".to_owned()),
    }
}
