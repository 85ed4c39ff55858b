//! `codegemma-complete model quantize`: a model written anew with fewer bits.
//!
//! It must not encode anything itself; the engine does.

use std::io::{self, IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use codegemma_model::{Mixture, quantize};

use super::super::failure::Failure;
use super::super::output;
use crate::models::path::{self, Given};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  codegemma-complete model quantize ~/models/codegemma-2b codegemma-2b-q4_k_m.gguf
  codegemma-complete model quantize gemma-f16.gguf gemma-q8_0.gguf --type Q8_0")]
pub(super) struct Flags {
    /// The model: a folder with safetensors, a .gguf file, or a known name
    #[arg(value_name = "IN")]
    model: String,

    /// The .gguf file to write
    #[arg(value_name = "OUT")]
    out: PathBuf,

    /// Q4_0, Q4_K_M, Q5_K_M, Q6_K, Q8_0, F16 or BF16
    #[arg(long = "type", value_name = "TYPE", default_value = "Q4_K_M", value_parser = parse_mixture)]
    mixture: Mixture,

    /// How many threads compute; by default one for each core
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,

    /// Print one JSON object about what was written
    #[arg(short, long)]
    json: bool,
}

fn parse_mixture(name: &str) -> Result<Mixture, String> {
    let names: Vec<&str> = Mixture::ALL.iter().map(|mixture| mixture.name()).collect();
    Mixture::from_name(name).ok_or_else(|| format!("expected one of {}", names.join(", ")))
}

pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    if !flags
        .out
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("gguf"))
    {
        return Err(Failure::Usage(format!(
            "{}: the file to write has to end in .gguf",
            flags.out.display()
        )));
    }
    let source = path::resolve(&Given {
        name: &flags.model,
        folder: None,
        remedy: "check the name",
    })?;
    let threads = flags.threads.or_else(|| std::thread::available_parallelism().ok());
    let mut progress = Progress::new();
    let done = quantize(
        &source,
        &flags.out,
        flags.mixture,
        threads.map_or(1, NonZeroUsize::get),
        &mut |written, of| progress.show(written, of),
    );
    progress.end();
    let report = done.map_err(Failure::new)?;
    if flags.json {
        return output::print_json(&report);
    }
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let formats: Vec<String> = report
        .formats
        .iter()
        .map(|(format, count)| format!("{count} {format}"))
        .collect();
    output::print_readable(&format!(
        "{}: {}, {} MiB of weights became {} MiB (tensors: {})\n",
        flags.out.display(),
        flags.mixture.name(),
        mib(report.bytes_before),
        mib(report.bytes),
        formats.join(", ")
    ))
}

/// One line on a terminal that says how far it is.
struct Progress {
    is_shown: bool,
    percent: Option<u64>,
}

impl Progress {
    fn new() -> Self {
        Self {
            is_shown: io::stderr().is_terminal(),
            percent: None,
        }
    }

    fn show(&mut self, written: u64, of: u64) {
        let percent = written * 100 / of.max(1);
        if self.is_shown && self.percent != Some(percent) {
            self.percent = Some(percent);
            // stderr may be closed, and progress is not worth failing for.
            let _ = write!(
                io::stderr().lock(),
                "\r{percent} %, {} of {} MiB ",
                written >> 20,
                of >> 20
            );
        }
    }

    fn end(&self) {
        if self.percent.is_some() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_known_by_their_usual_names() {
        assert_eq!(parse_mixture("q4_k_m"), Ok(Mixture::Q4_K_M));
        assert!(
            parse_mixture("Q3")
                .unwrap_err()
                .contains("Q4_0, Q4_K_M, Q5_K_M, Q6_K, Q8_0, F16, BF16")
        );
    }
}
