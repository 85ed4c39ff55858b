//! `codegemma-complete explain`: what the model is shown at a place, and why.

use std::fmt::Write;
use std::path::PathBuf;

use super::failure::Failure;
use super::place::{Place, PlaceFlags};
use super::{model, output};
use crate::completion::anchor::Moved;
use crate::completion::plan::{self, Wanted};
use crate::completion::trigger::Trigger;
use crate::config::EngineFlags;
use crate::config::settings::Settings;
use crate::context::explain::Explanation;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  codegemma-complete explain src/main.rs:12:5
  codegemma-complete explain src/main.rs:12:5 --json | jq -r .prompt")]
pub(super) struct Flags {
    #[command(flatten)]
    place: PlaceFlags,

    /// The folder whose files may be shown; by default the repository that the file is in
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,

    /// Print one JSON object
    #[arg(short, long)]
    json: bool,

    #[command(flatten)]
    engine: EngineFlags,
}

pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    let mut place = Place::read(&flags.place, flags.workspace.as_deref())?;
    // The weights are mapped and not read: nothing is computed.
    let effective = place.effective(&flags.engine);
    let settings = Settings::new(&effective);
    if let Some(shut) = place.guard(&settings.exclude) {
        let name = flags.place.target.file.display();
        return Err(Failure::Message(format!(
            "{name}: nothing of it is shown to a model: {}",
            shut.as_str()
        )));
    }
    let language = settings.of(place.snapshot.language.map_or("", |language| language.id));
    let engine = model::load(&effective.engine(), flags.json)?;
    let choice = place.show_context(settings.context, engine.info());
    let wanted = Wanted {
        multiline: language.multiline,
        trigger: Trigger::Invoked,
        confidence: None,
        shift: 0.0,
    };
    let plan = plan::plan(&place.snapshot, None, engine.info(), wanted);
    let explanation = match plan {
        Ok(plan) => Explanation::new(
            &plan,
            &choice,
            Some(Moved::First),
            engine.tokenizer(),
            engine.info(),
            engine.info().context_tokens,
            language.max_tokens,
        ),
        Err(reason) => Explanation::of_nothing(reason),
    };
    match flags.json {
        true => output::print_json(&explanation),
        false => output::print_readable(&table(&explanation).map_err(Failure::new)?),
    }
}

/// A line for each piece, then the prompt as it is.
fn table(explanation: &Explanation) -> Result<String, std::fmt::Error> {
    let pieces = || explanation.pieces.iter();
    let wide = pieces()
        .map(|piece| piece.path.chars().count())
        .max()
        .unwrap_or_default();
    let mut table = String::new();
    for piece in pieces() {
        let (included, about) = if piece.included { ("+", " ") } else { ("-", "~") };
        writeln!(
            table,
            "{included} {:<8}  {:<wide$}  {about}{:>5}  {}",
            piece.source, piece.path, piece.tokens, piece.reason
        )?;
    }
    let total: usize = pieces().filter(|piece| piece.included).map(|piece| piece.tokens).sum();
    writeln!(
        table,
        "\n{total} tokens; anchor {}; completes: {}\n",
        explanation.anchor, explanation.trigger
    )?;
    table.push_str(&explanation.prompt);
    table.push('\n');
    Ok(table)
}
