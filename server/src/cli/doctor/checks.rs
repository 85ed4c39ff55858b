//! What `doctor` looks at, one thing after the other.
//!
//! It must not know how the findings are shown.

use std::path::Path;
use std::time::Duration;

use codegemma_model::ModelSource;
use codegemma_model::bench::{self, BenchError, Glance};

use super::{Check, Mark};
use crate::cli::{output, version};
use crate::config::settings::Settings;
use crate::config::{Config, EngineChoice, Origin};
use crate::models::advice::{self, Advised};
use crate::models::path::{self, Given};
use crate::models::starter;
use crate::process::memory;

/// How long the speed is measured.
const PATIENCE: Duration = Duration::from_secs(3);

/// Fewer decoded tokens a second than this are slower than a user types.
const SLOW: f64 = 8.0;

fn check(mark: Mark, about: &'static str, text: impl Into<String>) -> Check {
    Check {
        mark,
        about,
        text: text.into(),
    }
}

pub(super) fn program() -> Check {
    let program = format!("codegemma {} on {}", env!("CARGO_PKG_VERSION"), version::system());
    match bench::instructions() {
        Some(_) => check(Mark::Ok, "program", program),
        None => check(
            Mark::Warning,
            "program",
            format!(
                "{program}; it has fast code for processors with AVX2, FMA and F16C or with NEON only, so here a small model is best"
            ),
        ),
    }
}

pub(super) fn configuration(config: &Config) -> Vec<Check> {
    let problems = config.problems();
    if !problems.is_empty() {
        let warning = |problem| check(Mark::Warning, "configuration", problem);
        return problems.into_iter().map(warning).collect();
    }
    let read: Vec<String> = config
        .files()
        .filter(|file| file.exists())
        .map(|file| file.display().to_string())
        .collect();
    let text = match (read.is_empty(), config.user_file()) {
        (false, _) => format!("nothing is wrong in {}", read.join(" and ")),
        (true, Some(user)) => format!("there is no file of settings; yours would be {}", user.display()),
        (true, None) => "no file of settings is read".to_owned(),
    };
    vec![check(Mark::Ok, "configuration", text)]
}

pub(super) fn switched_on(settings: &Settings) -> Check {
    if settings.is_off() {
        let text = "the server suggests nothing, because enabled is false; see below where that is set, and remove it";
        check(Mark::Problem, "suggestions", text)
    } else {
        check(Mark::Ok, "suggestions", "they are switched on")
    }
}

/// Whether there is a model, whether it runs, in how much memory and how fast.
pub(super) fn model(choice: &EngineChoice) -> (Vec<Check>, Option<Glance>) {
    let source = match choice.source() {
        Ok(source) => source,
        Err(message) => return (vec![check(Mark::Problem, "model", message)], None),
    };
    let origin = match &choice.model {
        Some((_, origin)) => origin.clone(),
        None => Origin::Default,
    };
    let place = match &source {
        ModelSource::Path(path) => path.display().to_string(),
        ModelSource::Embedded(_) => format!("the {}", starter::KIND),
    };
    let size = size(&source);
    let mut checks = Vec::new();
    let chosen = format!("{place}, {} MiB ({origin})", size >> 20);
    checks.push(match choice.model {
        Some(_) => check(Mark::Ok, "model", chosen),
        None => check(Mark::Warning, "model", format!("{chosen}; {}", starter::ADVICE)),
    });
    checks.push(needs_memory(size, choice));
    let glance = bench::glance(&source, &choice.load_options(), PATIENCE);
    match &glance {
        Ok(glance) => checks.extend(glanced(glance)),
        Err(BenchError::Load(error)) => {
            checks.push(check(Mark::Problem, "loading", choice.blame(&error.to_string())));
        }
        Err(error) => checks.push(check(Mark::Problem, "speed", error.to_string())),
    }
    (checks, glance.ok())
}

fn glanced(glance: &Glance) -> [Check; 4] {
    let info = &glance.info;
    let loading = format!(
        "{} ({}, {}) is ready after {} ms, for up to {} tokens of context",
        info.name,
        info.architecture,
        info.quantization,
        glance.load.as_millis(),
        info.context_tokens
    );
    let filling = if info.fill_in_the_middle {
        check(Mark::Ok, "fill in the middle", "the model was trained for it")
    } else {
        let text = "the model was not trained for it and sees the text before the cursor only; CodeGemma was";
        check(Mark::Warning, "fill in the middle", text)
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let device = format!("the processor, {} threads on {cores} cores", glance.threads);
    let device = if glance.threads > cores {
        let text = format!(
            "{} threads on {cores} cores hinder each other; set threads to {cores} or less",
            glance.threads
        );
        check(Mark::Warning, "device", text)
    } else {
        check(Mark::Ok, "device", device)
    };
    let speed = format!(
        "{:.0} prompt tokens and {:.1} suggested tokens a second",
        glance.prefill_tps, glance.decode_tps
    );
    let speed = if glance.decode_tps < SLOW {
        let remedy = "that is slow: end other programs, or choose a smaller model or a Q4 file of it";
        check(Mark::Warning, "speed", format!("{speed}; {remedy}"))
    } else {
        check(Mark::Ok, "speed", speed)
    };
    [check(Mark::Ok, "loading", loading), filling, device, speed]
}

/// Which model would be best here.
pub(super) fn advised(choice: &EngineChoice) -> Check {
    let about = "a model for this machine";
    let bandwidth = bench::bandwidth(choice.load_options().threads);
    let Some(Advised { model, tokens_a_second }) = advice::advise(memory::total(), bandwidth) else {
        let text = "there is too little memory for CodeGemma, so the starter is what runs here";
        return check(Mark::Ok, about, text);
    };
    let given = Given {
        name: &model.to_string(),
        folder: None,
        remedy: "",
    };
    let how = match path::resolve(&given) {
        Ok(_) => format!("is here: choose it with --model {model}"),
        Err(_) => format!(
            "`codegemma-complete model pull {model} --use` fetches it ({})",
            output::size(model.bytes)
        ),
    };
    let text = format!(
        "{model} would write about {tokens_a_second:.0} tokens a second, by the {:.0} GB/s of memory; {how}",
        bandwidth / 1e9
    );
    check(Mark::Ok, about, text)
}

/// How many bytes a model has on disk, or inside the program.
fn size(source: &ModelSource) -> u64 {
    let length = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
    match source {
        ModelSource::Embedded(embedded) => embedded.bytes.len() as u64,
        ModelSource::Path(path) if path.is_dir() => {
            let files = std::fs::read_dir(path)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path());
            let weights = files.filter(|file| file.extension().is_some_and(|extension| extension == "safetensors"));
            weights.map(|file| length(&file)).sum()
        }
        ModelSource::Path(path) => length(path),
    }
}

fn needs_memory(model: u64, choice: &EngineChoice) -> Check {
    let free = memory::free();
    let cache = choice.load_options().cache_bytes.map_or(0, |bytes| bytes as u64);
    let text = format!(
        "{} MiB of weights and up to {} MiB for places that were completed; {} MiB are free",
        model >> 20,
        cache >> 20,
        free >> 20
    );
    if free > 0 && model + cache > free {
        let remedy = "set cacheMiB to less, choose a smaller model, or end other programs";
        check(Mark::Warning, "memory", format!("{text}; {remedy}"))
    } else {
        check(Mark::Ok, "memory", text)
    }
}

/// Whether what was read of the documents can be there again after a restart.
pub(super) fn cache_folder() -> Check {
    let about = "cache folder";
    let folder = match path::cache_folder() {
        Ok(folder) => folder,
        Err(message) => return check(Mark::Warning, about, message),
    };
    // It is made when it is needed; what matters until then is the folder that it will be in.
    let sequences = folder.join("sequences");
    let there = sequences.ancestors().find(|folder| folder.exists()).unwrap_or(&folder);
    let name = folder.display();
    match tempfile::tempfile_in(there) {
        Ok(_) => check(
            Mark::Ok,
            about,
            format!("{name} can be written, which the server's --keep needs"),
        ),
        Err(error) => check(
            Mark::Warning,
            about,
            format!(
                "{name} cannot be written ({}), so the server's --keep has no effect; check its permissions or set CODEGEMMA_CACHE",
                error.kind()
            ),
        ),
    }
}

pub(super) fn encodings() -> Check {
    let text = "the server counts columns in UTF-8 where the editor offers that, else in UTF-16, which every editor knows; its log at the level info says which";
    check(Mark::Ok, "editor", text)
}
