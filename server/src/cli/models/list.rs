//! `codegemma-complete model list`: the models of this machine, and with `--all` those that could be here.
//!
//! It must not know how a store is laid out.

use std::panic::resume_unwind;
use std::path::Path;

use codegemma_model::{Inspection, LoadError, ModelSource, inspect};
use serde::Serialize;

use super::super::failure::Failure;
use super::super::output;
use super::table;
use crate::models::known::{self, KnownModel};
use crate::models::starter;
use crate::models::stores::{self, LeftOut, Places, StoredModel};
use crate::process::memory;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  codegemma-complete model list
  codegemma-complete model list --all          also what could be pulled, and what is here and cannot be used")]
pub(super) struct Flags {
    /// Also what could be pulled, and what lies in a store and is no model that runs here
    #[arg(short, long)]
    all: bool,

    /// Print {"models": […], "left_out": […]} and with --all also "available"
    #[arg(short, long)]
    json: bool,
}

/// A model as `--json` prints it.
#[derive(Serialize)]
struct Listed {
    name: String,
    path: Option<String>,
    source: &'static str,
    architecture: String,
    quantization: String,
    bytes: u64,
    parameters: u64,
    fill_in_the_middle: bool,
    instruction_tuned: bool,
    images: bool,
    fits: bool,
}

/// What is left out as `--json` prints it.
#[derive(Serialize)]
struct Unusable {
    path: String,
    reason: String,
}

/// A model that could be pulled as `--json` prints it.
#[derive(Serialize)]
struct Available {
    name: String,
    repository: &'static str,
    purpose: &'static str,
    quantization: &'static str,
    parameters: &'static str,
    bytes: u64,
    gated: bool,
    runs: bool,
}

#[derive(Serialize)]
struct Listing {
    models: Vec<Listed>,
    left_out: Vec<Unusable>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    available: Vec<Available>,
}

pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    let listing = listing(flags.all);
    match flags.json {
        true => output::print_json(&listing),
        false => output::print_readable(&text(&listing, flags.all)),
    }
}

fn listing(all: bool) -> Listing {
    let total = memory::total();
    let stored = stores::look_once(&Places::of_this_user());
    let mut left_out: Vec<Unusable> = stored.left_out.iter().map(unusable).collect();
    let mut models = Vec::new();
    if let Ok(inspection) = inspect(&starter::source()) {
        models.push(listed(starter::NAME.to_owned(), None, "built in", &inspection, total));
    }
    for (model, inspection) in stored.models.iter().zip(inspections(&stored.models)) {
        match inspection {
            Ok(inspection) => {
                models.push(listed(
                    model.name.clone(),
                    Some(&model.path),
                    model.kind.name(),
                    &inspection,
                    total,
                ));
            }
            Err(error) => left_out.push(Unusable {
                path: model.path.display().to_string(),
                reason: error.what,
            }),
        }
    }
    let is_here = |known: &KnownModel| models.iter().any(|model| model.name == known.to_string());
    let available = known::all()
        .iter()
        .filter(|known| all && !is_here(known))
        .map(available)
        .collect();
    Listing {
        models,
        left_out,
        available,
    }
}

/// What each model is. Headers are long, so that all cores read them.
fn inspections(models: &[StoredModel]) -> Vec<Result<Inspection, LoadError>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let of = |model: &StoredModel| inspect(&ModelSource::Path(model.path.clone()));
    std::thread::scope(|scope| {
        let parts = models.chunks(models.len().div_ceil(threads).max(1));
        let read: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter().map(of).collect::<Vec<_>>()))
            .collect();
        let joined = read
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
        joined.flatten().collect()
    })
}

fn listed(name: String, path: Option<&Path>, source: &'static str, inspection: &Inspection, total: u64) -> Listed {
    Listed {
        name,
        path: path.map(|path| path.display().to_string()),
        source,
        architecture: inspection.architecture.clone(),
        quantization: inspection.quantization.clone(),
        bytes: inspection.bytes,
        parameters: inspection.parameters,
        fill_in_the_middle: inspection.fill_in_the_middle,
        instruction_tuned: inspection.instruction_tuned,
        images: inspection.images,
        fits: total == 0 || inspection.memory_bytes(inspection.usual_context()) <= total,
    }
}

fn unusable(left: &LeftOut) -> Unusable {
    Unusable {
        path: left.path.display().to_string(),
        reason: left.reason.clone(),
    }
}

fn available(known: &KnownModel) -> Available {
    Available {
        name: known.to_string(),
        repository: known.repository,
        purpose: known.purpose,
        quantization: known.quantization,
        parameters: known.parameters,
        bytes: known.bytes,
        gated: known.is_gated,
        runs: known.runs,
    }
}

fn text(listing: &Listing, all: bool) -> String {
    let mut rows = vec![
        [
            "NAME",
            "ARCHITECTURE",
            "PARAMETERS",
            "STORED AS",
            "SIZE",
            "WHAT IT DOES",
            "WHERE",
        ]
        .map(str::to_owned),
    ];
    for model in &listing.models {
        let path = model.path.as_deref().unwrap_or("inside this program");
        let mut does = vec![match model.fill_in_the_middle {
            true => "fills in the middle",
            false => "continues text",
        }];
        does.extend(model.instruction_tuned.then_some("follows instructions"));
        does.extend(model.images.then_some("saw images, runs as text"));
        does.extend((!model.fits).then_some("TOO LARGE for this machine's memory"));
        rows.push([
            model.name.clone(),
            model.architecture.clone(),
            table::parameters(model.parameters),
            model.quantization.clone(),
            output::size(model.bytes),
            does.join(", "),
            path.to_owned(),
        ]);
    }
    let mut text = table::aligned(&rows);
    if !listing.available.is_empty() {
        let mut rows = vec![["NAME", "PARAMETERS", "STORED AS", "SIZE", "FOR", "FROM"].map(str::to_owned)];
        for model in &listing.available {
            let account = if model.gated {
                ", after accepting its terms there"
            } else {
                ""
            };
            rows.push([
                model.name.clone(),
                model.parameters.to_owned(),
                model.quantization.to_owned(),
                output::size(model.bytes),
                match model.runs {
                    true => model.purpose.to_owned(),
                    false => format!("{}, but it does not run yet", model.purpose),
                },
                format!("{}{account}", model.repository),
            ]);
        }
        text += "\nCan be pulled with `codegemma-complete model pull NAME`:\n";
        text += &table::aligned(&rows);
    }
    if all && !listing.left_out.is_empty() {
        text += "\nHere, and not to be used:\n";
        for left in &listing.left_out {
            text += &format!("{}: {}\n", left.path, left.reason);
        }
    }
    text
}
