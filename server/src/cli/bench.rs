//! `codegemma-complete bench`: how fast a model is on this machine.
//!
//! It must not measure anything itself; the engine does.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use codegemma_model::bench::{self, BenchError, BenchOptions, BenchReport};
use serde::Serialize;

use super::failure::Failure;
use super::{model, output, typing};
use crate::config::EngineFlags;

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  codegemma-complete bench --model ~/models/codegemma-2b.gguf --threads 4
  codegemma-complete bench --typing trace.jsonl --fast")]
pub(super) struct Flags {
    /// How many tokens the prompt has
    #[arg(long, value_name = "N", default_value_t = 512, value_parser = parse_count)]
    prefill: usize,

    /// How many tokens are decoded after it
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = parse_count)]
    decode: usize,

    /// How often to measure, after a warm-up; medians are shown
    #[arg(long, value_name = "R", default_value_t = 5, value_parser = parse_count)]
    reps: usize,

    /// Play what somebody typed into the server, and measure what each keystroke took
    #[arg(long, value_name = "TRACE", conflicts_with_all = ["prefill", "decode", "reps"])]
    typing: Option<PathBuf>,

    /// With --typing: wait for each answer instead of keeping to the trace's times
    #[arg(long, requires = "typing")]
    fast: bool,

    /// Print one JSON object instead of a table
    #[arg(short, long)]
    json: bool,

    #[command(flatten)]
    engine: EngineFlags,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    prefill_tps: f64,
    decode_tps: f64,
    load_ms: f64,
    first_token_ms: f64,
    /// `null` where the system does not tell.
    peak_rss_mib: Option<f64>,
    rows_ms: BTreeMap<usize, f64>,
    prefill_gflops: f64,
    weights_mib: f64,
    decode_gb_per_s: f64,
    memory_gb_per_s: f64,
    threads: usize,
}

impl Report {
    fn new(report: &BenchReport) -> Self {
        Self {
            prefill_tps: round(report.prefill_tps),
            decode_tps: round(report.decode_tps),
            load_ms: millis(report.load),
            first_token_ms: millis(report.first_token),
            peak_rss_mib: report.peak_rss_bytes.map(mib),
            rows_ms: report.rows.iter().map(|(rows, time)| (*rows, millis(*time))).collect(),
            prefill_gflops: round(report.prefill_tps * report.flops_per_token as f64 / 1e9),
            weights_mib: mib(report.weight_bytes),
            decode_gb_per_s: round(report.decode_tps * report.weight_bytes as f64 / 1e9),
            memory_gb_per_s: round(report.memory_bandwidth / 1e9),
            threads: report.threads,
        }
    }

    fn table(&self, report: &BenchReport, options: &BenchOptions) -> Result<String, std::fmt::Error> {
        let BenchOptions { prefill, decode, reps } = *options;
        let info = &report.info;
        let mut out = String::new();
        writeln!(
            out,
            "{} ({}, {}), {} threads, medians of {reps}",
            info.name, info.architecture, info.quantization, self.threads
        )?;
        let mut line = |what: &str, value: String| writeln!(out, "  {what:<28}{value}");
        line("load", format!("{:.0} ms", self.load_ms))?;
        line("load to first token", format!("{:.0} ms", self.first_token_ms))?;
        line(
            &format!("prefill {prefill}"),
            format!("{:.1} tokens/s, {:.1} GFLOP/s", self.prefill_tps, self.prefill_gflops),
        )?;
        line(
            &format!("decode {decode} after it"),
            format!("{:.1} tokens/s", self.decode_tps),
        )?;
        let one = self.rows_ms.values().next().copied().unwrap_or(f64::NAN);
        for (rows, time) in &self.rows_ms {
            line(&format!("rows {rows}"), format!("{time:.1} ms, {:.2} x", time / one))?;
        }
        let peak = self
            .peak_rss_mib
            .map_or_else(|| "unknown".to_owned(), |peak| format!("{peak:.0} MiB"));
        line("peak memory", peak)?;
        line(
            "roofline",
            format!(
                "{:.0} MiB of weights a token; decoding reads {:.1} GB/s of the memory's {:.1} GB/s, {:.0} %",
                self.weights_mib,
                self.decode_gb_per_s,
                self.memory_gb_per_s,
                100.0 * self.decode_gb_per_s / self.memory_gb_per_s
            ),
        )?;
        Ok(out)
    }
}

/// Figures that are shown need no more than hundredths.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn millis(time: Duration) -> f64 {
    round(time.as_secs_f64() * 1000.0)
}

fn mib(bytes: u64) -> f64 {
    round(bytes as f64 / f64::from(1 << 20))
}

pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    if let Some(trace) = &flags.typing {
        return typing::run(trace, !flags.fast, &flags.engine, flags.json);
    }
    let options = BenchOptions {
        prefill: flags.prefill,
        decode: flags.decode,
        reps: flags.reps,
    };
    let choice = model::choice(&flags.engine);
    let measured = bench::run(&model::source(&choice, flags.json)?, &choice.load_options(), &options);
    let measured = measured.map_err(|error| match error {
        BenchError::Invalid(message) => Failure::Usage(message),
        BenchError::Load(error) => Failure::Message(choice.blame(&error.to_string())),
        BenchError::Failed(_) => Failure::new(error),
    })?;
    let report = Report::new(&measured);
    if flags.json {
        return output::print_json(&report);
    }
    output::print_readable(&report.table(&measured, &options).map_err(Failure::new)?)
}

fn parse_count(number: &str) -> Result<usize, String> {
    match number.parse() {
        Ok(count) if count > 0 => Ok(count),
        _ => Err("expected a number above 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use codegemma_model::ModelInfo;

    use super::*;

    fn measured(peak_rss_bytes: Option<u64>) -> BenchReport {
        BenchReport {
            info: ModelInfo {
                name: "Tiny".to_owned(),
                architecture: "gemma".to_owned(),
                quantization: "Q4_K".to_owned(),
                context_tokens: 8192,
                fill_in_the_middle: true,
            },
            threads: 2,
            prefill_tps: 50.0,
            decode_tps: 10.0,
            load: Duration::from_millis(120),
            first_token: Duration::from_millis(220),
            peak_rss_bytes,
            rows: vec![(1, Duration::from_millis(100)), (4, Duration::from_millis(150))],
            weight_bytes: 1_000_000_000,
            flops_per_token: 4_000_000_000,
            memory_bandwidth: 20e9,
        }
    }

    #[test]
    fn the_table_and_the_object_say_the_same() {
        let options = BenchOptions {
            prefill: 512,
            decode: 64,
            reps: 5,
        };
        let measured = measured(Some(3 << 20));
        let report = Report::new(&measured);
        let table = report.table(&measured, &options).unwrap();
        for part in [
            "Tiny (gemma, Q4_K), 2 threads",
            "50.0 tokens/s, 200.0 GFLOP/s",
            "150.0 ms, 1.50 x",
            "3 MiB",
            "50 %",
        ] {
            assert!(table.contains(part), "{part:?} in\n{table}");
        }
        let object = serde_json::to_value(&report).unwrap();
        assert_eq!(object["rows_ms"], serde_json::json!({"1": 100.0, "4": 150.0}));
        assert_eq!(
            (&object["peak_rss_mib"], &object["decode_gb_per_s"]),
            (&3.0.into(), &10.0.into())
        );
    }

    #[test]
    fn a_peak_that_is_not_known_is_not_made_up() {
        let measured = measured(None);
        let report = Report::new(&measured);
        let options = BenchOptions {
            prefill: 1,
            decode: 1,
            reps: 1,
        };
        assert!(report.table(&measured, &options).unwrap().contains("unknown"));
        assert!(serde_json::to_value(&report).unwrap()["peak_rss_mib"].is_null());
    }
}
