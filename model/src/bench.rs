//! How fast a model is on this machine, beside what the machine's memory would allow.
//!
//! Times the passes that a completion is made of, without the engine's thread and mailbox. Must not know how the
//! figures are shown.

mod kernels;

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::generate::CHUNK;
use crate::kv_cache::KvCache;
use crate::logits::Logits;
use crate::model::{LoadOptions, Model, ModelInfo, default_threads};
use crate::ops::Isa;
use crate::request::Sampling;
use crate::sampler::Sampler;
use crate::sequence::LanguageModel;
use crate::{LoadError, ModelSource};

pub use kernels::{KernelOptions, KernelTime, kernels};

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BenchOptions {
    /// How many tokens the prompt has.
    pub prefill: usize,
    /// How many tokens are decoded after it.
    pub decode: usize,
    /// How often everything but loading is measured.
    pub reps: usize,
}

/// How many rows the short passes have: a decoded token, and drafts of two lengths.
const ROWS: [usize; 3] = [1, 4, 8];

/// How often each short pass is measured in each repetition.
const ROW_REPS: usize = 3;

impl BenchOptions {
    /// Whether all of it fits into a context.
    fn check(&self, context: usize) -> Result<(), BenchError> {
        let Self { prefill, decode, reps } = *self;
        if prefill == 0 || decode == 0 || reps == 0 {
            let what = format!("{prefill} prompt tokens, {decode} decoded tokens, {reps} repetitions");
            return Err(BenchError::Invalid(format!("{what}: each must be at least 1")));
        }
        let after = decode.max(ROWS[ROWS.len() - 1]);
        if prefill.saturating_add(after) > context {
            return Err(BenchError::Invalid(format!(
                "{prefill} prompt tokens and {after} after them do not fit into a context of {context}; ask for fewer"
            )));
        }
        Ok(())
    }
}

/// Why nothing was measured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BenchError {
    /// The model could not be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// What was asked for cannot be measured.
    #[error("{0}")]
    Invalid(String),
    /// The model failed.
    #[error("the model failed: {0}; please report this")]
    Failed(String),
}

/// What was measured. Rates and times are medians, but loading happens once.
#[derive(Debug, Clone, PartialEq)]
pub struct BenchReport {
    /// What was loaded.
    pub info: ModelInfo,
    /// How many threads computed.
    pub threads: usize,
    /// Prompt tokens a second.
    pub prefill_tps: f64,
    /// Decoded tokens a second, after the prompt.
    pub decode_tps: f64,
    /// From the beginning until the model is ready.
    pub load: Duration,
    /// From the beginning until the logits after a prompt of one token.
    pub first_token: Duration,
    /// The most memory that the process has had, mapped weights included; unknown outside Linux.
    pub peak_rss_bytes: Option<u64>,
    /// Rows, and the time of a pass over so many tokens with the logits of all, after the prompt.
    pub rows: Vec<(usize, Duration)>,
    /// The bytes of weights that a decoded token is multiplied with.
    pub weight_bytes: u64,
    /// The arithmetic of a prompt token's matrix products, without attention and the head.
    pub flops_per_token: u64,
    /// What the same number of threads read from memory, in bytes a second.
    pub memory_bandwidth: f64,
}

/// Loads a model and measures it. Takes the machine for itself: whatever else runs falsifies the figures.
pub fn run(source: &ModelSource, load: &LoadOptions, options: &BenchOptions) -> Result<BenchReport, BenchError> {
    let begin = Instant::now();
    let mut model = Model::load(source, load)?;
    let loaded = begin.elapsed();
    options.check(model.capacity())?;
    let prompt = prompt(&model, options.prefill);
    let mut cache = model.new_cache(model.capacity()).map_err(BenchError::Failed)?;
    model
        .forward(&mut cache, &prompt[..1], 1, &mut Logits::default())
        .map_err(BenchError::Failed)?;
    let first_token = begin.elapsed();

    // Whatever is set up lazily is set up here.
    let warm_up = BenchOptions { decode: 1, ..*options };
    measure(&mut model, &mut cache, &prompt, &warm_up, &mut Samples::default()).map_err(BenchError::Failed)?;
    let mut samples = Samples::default();
    for _ in 0..options.reps {
        measure(&mut model, &mut cache, &prompt, options, &mut samples).map_err(BenchError::Failed)?;
    }

    let peak_rss_bytes = peak_rss_bytes();
    let (info, threads) = (model.info().clone(), model.threads());
    let weights = model.weights();
    // Its memory is needed for the next measurement.
    drop((model, cache));
    Ok(BenchReport {
        info,
        threads,
        prefill_tps: options.prefill as f64 / median(&mut samples.prefill),
        decode_tps: options.decode as f64 / median(&mut samples.decode),
        load: loaded,
        first_token,
        peak_rss_bytes,
        rows: ROWS
            .iter()
            .zip(&mut samples.rows)
            .map(|(rows, times)| (*rows, Duration::from_secs_f64(median(times))))
            .collect(),
        weight_bytes: weights.bytes,
        flops_per_token: 2 * weights.in_layers,
        memory_bandwidth: memory_bandwidth(threads),
    })
}

/// What a short look at a model shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Glance {
    /// What was loaded.
    pub info: ModelInfo,
    /// How many threads computed.
    pub threads: usize,
    /// From the beginning until the model is ready.
    pub load: Duration,
    /// Prompt tokens a second.
    pub prefill_tps: f64,
    /// Decoded tokens a second, after the prompt.
    pub decode_tps: f64,
}

/// How many prompt tokens are read between two looks at the clock.
const PIECE: usize = 32;

/// The most tokens that a glance decodes.
const GLANCE_DECODE: usize = 32;

/// Loads a model and measures, for about as long as `within` says, what a user notices of its speed. Slower models are
/// measured on fewer tokens.
pub fn glance(source: &ModelSource, load: &LoadOptions, within: Duration) -> Result<Glance, BenchError> {
    let begin = Instant::now();
    let mut model = Model::load(source, load)?;
    let loaded = begin.elapsed();
    let mut measure = || {
        let mut cache = model.new_cache(model.capacity())?;
        let room = model.capacity();
        let prompt = prompt(&model, room / 2);
        // Whatever is set up lazily is set up here.
        let (mut read, mut logits) = (0, Logits::default());
        model.forward(&mut cache, &prompt[..1], 1, &mut logits)?;
        model.truncate(&mut cache, 0);
        let begin = Instant::now();
        for piece in prompt.chunks(PIECE) {
            model.forward(&mut cache, piece, 1, &mut logits)?;
            read += piece.len();
            if begin.elapsed() > within / 2 {
                break;
            }
        }
        let prefill_tps = read as f64 / begin.elapsed().as_secs_f64();
        let mut sampler = Sampler::new(&Sampling::default())?;
        let (mut decoded, begin) = (0, Instant::now());
        while decoded == 0 || (decoded < GLANCE_DECODE.min(room - read) && begin.elapsed() < within / 2) {
            let (token, _) = sampler.next(logits.row(0)?)?;
            model.forward(&mut cache, &[token], 1, &mut logits)?;
            decoded += 1;
        }
        Ok((prefill_tps, decoded as f64 / begin.elapsed().as_secs_f64()))
    };
    let (prefill_tps, decode_tps) = measure().map_err(BenchError::Failed)?;
    Ok(Glance {
        info: model.info().clone(),
        threads: model.threads(),
        load: loaded,
        prefill_tps,
        decode_tps,
    })
}

/// The instructions that the kernels use on this machine; `None` where they have no form for what it has and run as plain
/// code, several times slower.
pub fn instructions() -> Option<&'static str> {
    let best = Isa::detect();
    (best != Isa::PORTABLE).then(|| best.name())
}

/// A begin-of-text token, where the model has one, and tokens from all over the vocabulary: what they mean changes no
/// time.
fn prompt(model: &Model, len: usize) -> Vec<u32> {
    let vocabulary = model.tokenizer().vocab_size();
    let spread = (0..).map(|index: usize| ((1000 + index * 7919 % 30_000) % vocabulary) as u32);
    model
        .tokenizer()
        .begin_of_text()
        .into_iter()
        .chain(spread)
        .take(len)
        .collect()
}

/// Seconds of each measurement.
#[derive(Default)]
struct Samples {
    prefill: Vec<f64>,
    decode: Vec<f64>,
    /// In the order of [`ROWS`].
    rows: [Vec<f64>; ROWS.len()],
}

fn measure(
    model: &mut Model,
    cache: &mut KvCache,
    prompt: &[u32],
    options: &BenchOptions,
    samples: &mut Samples,
) -> Result<(), String> {
    model.truncate(cache, 0);
    let mut logits = Logits::default();
    let begin = Instant::now();
    let mut left = prompt.len();
    for chunk in prompt.chunks(CHUNK) {
        left -= chunk.len();
        model.forward(cache, chunk, usize::from(left == 0), &mut logits)?;
    }
    samples.prefill.push(begin.elapsed().as_secs_f64());

    let mut sampler = Sampler::new(&Sampling::default())?;
    let begin = Instant::now();
    for _ in 0..options.decode {
        let (token, _) = sampler.next(logits.row(0)?)?;
        model.forward(cache, &[token], 1, &mut logits)?;
    }
    samples.decode.push(begin.elapsed().as_secs_f64());

    for (rows, times) in ROWS.iter().zip(&mut samples.rows) {
        let draft: Vec<u32> = prompt.iter().copied().cycle().take(*rows).collect();
        for _ in 0..ROW_REPS {
            model.truncate(cache, prompt.len());
            let begin = Instant::now();
            model.forward(cache, &draft, draft.len(), &mut logits)?;
            times.push(begin.elapsed().as_secs_f64());
        }
    }
    Ok(())
}

/// The middle value, or the mean of the two in the middle. NaN where there is none.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.len().saturating_sub(1) / 2, values.len() / 2);
    match (values.get(low), values.get(high)) {
        (Some(low), Some(high)) => (low + high) / 2.0,
        _ => f64::NAN,
    }
}

/// The most memory that this process has had so far. Only Linux tells without a foreign call.
fn peak_rss_bytes() -> Option<u64> {
    high_water_mark(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// `VmHWM` of Linux's `/proc/…/status`, in bytes.
fn high_water_mark(status: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// How fast memory is read, in bytes a second, by so many threads or by as many as compute where nobody says. Takes about half
/// a second and half a GiB.
pub fn bandwidth(threads: Option<usize>) -> f64 {
    memory_bandwidth(threads.unwrap_or_else(default_threads).max(1))
}

/// How fast `threads` threads read memory, in bytes a second: the best of some passes over a buffer that no cache of
/// today holds.
fn memory_bandwidth(threads: usize) -> f64 {
    const NUMBERS: usize = 64 << 20;
    const PASSES: usize = 5;
    let mut buffer = vec![0_u64; NUMBERS];
    let share = NUMBERS.div_ceil(threads);
    std::thread::scope(|scope| {
        for part in buffer.chunks_mut(share) {
            // Pages that were never written to are all one and the same page, which a cache holds.
            scope.spawn(|| part.fill(1));
        }
    });
    let pass = || {
        let begin = Instant::now();
        std::thread::scope(|scope| {
            for part in buffer.chunks(share) {
                scope.spawn(|| black_box(part.iter().fold(0, |sum: u64, number| sum.wrapping_add(*number))));
            }
        });
        begin.elapsed().as_secs_f64()
    };
    let best = (0..PASSES).map(|_| pass()).fold(f64::INFINITY, f64::min);
    size_of_val(buffer.as_slice()) as f64 / best
}

#[cfg(test)]
mod tests;
