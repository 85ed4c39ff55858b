//! `codegemma-complete doctor`: whether all is well, in plain words, and what is configured where.
//!
//! It shows settings and places, and must not show what is in the user's other files.

mod checks;

use std::fmt::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::failure::Failure;
use super::{output, source};
use crate::config::EngineFlags;
use crate::settings::Settings;

#[derive(clap::Args)]
pub(super) struct Flags {
    /// The workspace whose settings hold; by default the repository that encloses the current folder, or that folder
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
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
    checks.extend(checks::model(&choice));
    checks.push(checks::cache_folder());
    checks.push(checks::encodings());
    let usable = checks.iter().all(|check| check.mark != Mark::Problem);
    let settings = effective.list().into_iter().map(|(key, value, origin)| Row {
        key,
        value,
        origin: origin.to_string(),
    });
    let report = Report {
        usable,
        checks,
        settings: settings.collect(),
    };
    if flags.json {
        output::print_json(&report)?;
    } else {
        output::print_readable(&report.text().map_err(Failure::new)?)?;
    }
    if usable {
        Ok(())
    } else {
        Err(Failure::Message(
            "nothing can be completed until what is marked as a problem is mended".to_owned(),
        ))
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
