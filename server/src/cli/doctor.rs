//! `codegemma-complete doctor`: whether all is well, in plain words, and what is configured where.
//!
//! It shows settings and places, and must not show what is in the user's other files.

mod checks;

use std::fmt::Write;
use std::path::PathBuf;

use codegemma_model::bench::Glance;
use serde::Serialize;

use super::failure::Failure;
use super::{output, source};
use crate::config::settings::Settings;
use crate::config::{EngineChoice, EngineFlags};
use crate::models::starter;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  codegemma-complete doctor
  codegemma-complete doctor --model ~/models/codegemma-2b.gguf    whether this model would run, and how fast")]
pub(super) struct Flags {
    /// The workspace whose settings hold; by default the repository that encloses the current folder, or that folder
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,

    /// Print one JSON object
    #[arg(short, long)]
    json: bool,

    #[command(flatten)]
    engine: EngineFlags,
}

/// What was found out about one thing.
#[derive(Debug, Serialize)]
struct Check {
    mark: Mark,
    about: &'static str,
    /// What there is and, where it is not well, what to do.
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mark {
    /// All is well.
    Ok,
    /// It works, but not as well as it could.
    Warning,
    /// Nothing is completed until this is mended.
    Problem,
}

impl Mark {
    fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    usable: bool,
    /// All in one line.
    summary: String,
    checks: Vec<Check>,
    settings: Vec<Row>,
}

/// A key and what holds.
#[derive(Serialize)]
struct Row {
    key: String,
    value: String,
    origin: String,
}

impl Report {
    fn text(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        for Check { mark, about, text } in &self.checks {
            writeln!(out, "{:<8} {about}: {text}", mark.as_str())?;
        }
        writeln!(out, "\nsettings:")?;
        let longest = |column: fn(&Row) -> &str| self.settings.iter().map(|row| column(row).chars().count()).max();
        let keys = longest(|row| &row.key).unwrap_or(0);
        for Row { key, value, origin } in &self.settings {
            writeln!(out, "  {key:<keys$}  {value}  ({origin})")?;
        }
        writeln!(out, "\n{}", self.summary)?;
        Ok(out)
    }
}

pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    let config = flags.engine.config(&[workspace(flags)?]);
    let effective = config.effective();
    let choice = effective.engine();
    let mut checks = vec![checks::program()];
    checks.extend(checks::configuration(&config));
    checks.push(checks::switched_on(&Settings::new(&effective)));
    let (found, glance) = checks::model(&choice);
    checks.extend(found);
    checks.push(checks::advised(&choice));
    checks.push(checks::cache_folder());
    checks.push(checks::encodings());
    let usable = checks.iter().all(|check| check.mark != Mark::Problem);
    let settings = effective.list().into_iter().map(|(key, value, origin)| Row {
        value: in_force(&key, value, &choice, glance.as_ref()),
        key,
        origin: origin.to_string(),
    });
    let report = Report {
        usable,
        summary: summary(&checks),
        checks,
        settings: settings.collect(),
    };
    if flags.json {
        output::print_json(&report)?;
    } else {
        output::print_readable(&report.text().map_err(Failure::new)?)?;
    }
    if usable { Ok(()) } else { Err(Failure::Said) }
}

/// The value that a key has on this machine with this model, where that is found out only then.
fn in_force(key: &str, value: String, choice: &EngineChoice, glance: Option<&Glance>) -> String {
    let found = match key {
        "model" if choice.model.is_none() => Some(format!("\"{}\"", starter::NAME)),
        "threads" => glance.map(|glance| glance.threads.to_string()),
        "cacheMiB" => choice.load_options().cache_bytes.map(|bytes| (bytes >> 20).to_string()),
        "contextTokens" => glance.map(|glance| glance.info.context_tokens.to_string()),
        _ => None,
    };
    found.unwrap_or(value)
}

/// What is not well, by name.
fn summary(checks: &[Check]) -> String {
    let marked = |mark: Mark, word: &str| {
        let about: Vec<&str> = checks
            .iter()
            .filter(|check| check.mark == mark)
            .map(|check| check.about)
            .collect();
        let ending = if about.len() == 1 { "" } else { "s" };
        (!about.is_empty()).then(|| format!("{} {word}{ending}: {}", about.len(), about.join(", ")))
    };
    match (marked(Mark::Problem, "problem"), marked(Mark::Warning, "warning")) {
        (None, None) => "all is well".to_owned(),
        (None, Some(warnings)) => format!("it works; {warnings}"),
        (Some(problems), None) => format!("nothing can be completed; {problems}"),
        (Some(problems), Some(warnings)) => format!("nothing can be completed; {problems}; {warnings}"),
    }
}

fn workspace(flags: &Flags) -> Result<PathBuf, Failure> {
    if let Some(folder) = &flags.workspace {
        return match folder.is_dir() {
            true => Ok(folder.clone()),
            false => Err(Failure::Usage(format!(
                "{}: there is no such folder; check --workspace",
                folder.display()
            ))),
        };
    }
    let here = std::env::current_dir().map_err(|error| {
        Failure::Message(format!(
            "the current folder is not known ({error}); name one with --workspace"
        ))
    })?;
    Ok(source::repository(&here.join("file")).unwrap_or(here))
}
