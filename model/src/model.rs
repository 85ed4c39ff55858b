//! A loaded checkpoint: decoder, tokenizer and the threads that compute. Keys and values are not part of it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::container::Files;
use crate::decoder::{Decoder, Rows, WeightCount};
use crate::kv_cache::KvCache;
use crate::logits::Logits;
use crate::ops::{self, Ops};
use crate::sequence::{LanguageModel, Paused};
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;
use crate::workspace::Workspace;
use crate::{LoadError, ModelSource};

/// Where a model runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Device {
    /// The best that this build and machine have.
    #[default]
    Auto,
    /// The processor.
    Cpu,
}

/// How to load a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Where to run. Both choices are the processor today.
    pub device: Device,
    /// How many threads compute; by default one for each core, but for one core where there are more than two.
    pub threads: Option<usize>,
    /// The memory for keys and values of sequences that are held for later requests, in bytes; by default 1 GiB. With 0
    /// every request reads its whole prompt.
    pub cache_bytes: Option<usize>,
    /// A file in which the sequences that are held survive the end of the engine; without one they do not. It tells what
    /// the documents say, and only its owner can read it.
    pub keep_sequences: Option<PathBuf>,
    /// The longest sequence, prompt and completion together; by default 8,192 or what the model was trained for, if
    /// that is less.
    pub context_tokens: Option<usize>,
}

/// All cores, but for one that is left to the protocol and the editor where there are more than two.
pub(crate) fn default_threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores > 2 { cores - 1 } else { cores }
}

/// The default of [`LoadOptions::context_tokens`].
pub(crate) const DEFAULT_CONTEXT: usize = 8192;

/// What was loaded.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ModelInfo {
    /// The model's own name for itself, or its file's.
    pub name: String,
    /// `gemma`, `gemma2`, `gemma3`.
    pub architecture: String,
    /// The format of most of the weights, as the file names it (`Q4_K_M`), else that of most numbers (`BF16`).
    pub quantization: String,
    /// The longest sequence it will run.
    #[serde(skip)]
    pub context_tokens: usize,
    /// Whether it was trained to fill in the middle.
    #[serde(skip)]
    pub fill_in_the_middle: bool,
}

/// A checkpoint that can run.
pub(crate) struct Model {
    decoder: Decoder,
    ops: Ops,
    workspace: Workspace,
    tokenizer: Arc<Tokenizer>,
    info: ModelInfo,
    files: Arc<Files>,
}

impl Model {
    /// Loads the weights and the tokenizer of a model.
    pub(crate) fn load(source: &ModelSource, options: &LoadOptions) -> Result<Self, LoadError> {
        if let ModelSource::Path(path) = source
            && !path.exists()
        {
            return Err(source.broken("no such file or folder", "check the path of the model"));
        }
        let Weights {
            name,
            quantization,
            config,
            tensors,
            files,
        } = Weights::open(source)?;
        let tokenizer = Tokenizer::load(source)?;
        if tokenizer.vocab_size() > config.vocab_size {
            let what = format!(
                "the tokenizer has {} entries, the model's vocabulary {}",
                tokenizer.vocab_size(),
                config.vocab_size
            );
            return Err(source.broken(what, "use the tokenizer that belongs to the model"));
        }
        let context_tokens = options
            .context_tokens
            .unwrap_or(DEFAULT_CONTEXT)
            .clamp(2, config.trained_context.max(2));
        let decoder = Decoder::new(config, tensors)?;
        let info = ModelInfo {
            name,
            architecture: decoder.config().architecture.name().to_owned(),
            quantization: quantization.unwrap_or(decoder.main_format().name()).to_owned(),
            context_tokens,
            fill_in_the_middle: tokenizer.control().fim.is_some(),
        };
        let failed = |what: String| source.failed(what, "close other programs or ask for fewer threads");
        let threads = options.threads.unwrap_or_else(default_threads);
        let ops = Ops::new(threads).map_err(|error| failed(format!("cannot start {threads} threads: {error}")))?;
        let workspace = Workspace::new(decoder.config()).map_err(|error| failed(error.to_string()))?;
        // What was taken from the file so far is good only if it stayed what it was.
        files
            .check()
            .map_err(|what| source.failed(what, "load it again when it is whole"))?;
        Ok(Self {
            decoder,
            ops,
            workspace,
            tokenizer: Arc::new(tokenizer),
            info,
            files: Arc::new(files),
        })
    }

    pub(crate) fn info(&self) -> &ModelInfo {
        &self.info
    }

    pub(crate) fn tokenizer(&self) -> &Arc<Tokenizer> {
        &self.tokenizer
    }

    /// The files that it is mapped from.
    pub(crate) fn files(&self) -> &Arc<Files> {
        &self.files
    }

    /// How many threads compute.
    pub(crate) fn threads(&self) -> usize {
        self.ops.threads()
    }

    /// How much a token is multiplied with.
    pub(crate) fn weights(&self) -> WeightCount {
        self.decoder.weights()
    }

    fn no_memory(&self, room: usize, error: &candle_core::Error) -> String {
        format!(
            "there is no memory for a context of {room} tokens, which takes {} MiB ({error}); set contextTokens or cacheMiB lower, or choose a smaller model",
            (room * self.token_bytes()).div_ceil(1 << 20)
        )
    }

    fn read(
        &mut self,
        batch: &mut [Rows<'_>],
        wanted: usize,
        logits: &mut Logits,
        paused: &mut Paused,
        pause: &dyn Fn() -> bool,
    ) -> Result<bool, String> {
        let lens: Vec<usize> = batch.iter().map(|rows| rows.cache.len()).collect();
        let found = self
            .decoder
            .forward(&self.ops, &mut self.workspace, batch, wanted, paused, pause);
        let read = found.and_then(|found| match found {
            Some(found) => ops::read(found, logits.refill(wanted)).map(|()| true),
            None => Ok(false),
        });
        let read = read
            .map_err(|error| error.to_string())
            .and_then(|whole| self.files.check().map(|()| whole));
        if read.is_err() {
            for (rows, len) in batch.iter_mut().zip(lens) {
                rows.cache.truncate(len);
            }
        }
        read
    }
}

impl LanguageModel for Model {
    type Cache = KvCache;

    fn capacity(&self) -> usize {
        self.info.context_tokens
    }

    fn token_bytes(&self) -> usize {
        KvCache::token_bytes(self.decoder.config(), self.decoder.cache_dtype())
    }

    fn new_cache(&self, room: usize) -> Result<KvCache, String> {
        let cache = KvCache::new(self.decoder.config(), room, self.decoder.cache_dtype());
        cache.map_err(|error| self.no_memory(room, &error))
    }

    fn fork(&self, cache: &KvCache, len: usize, room: usize) -> Result<KvCache, String> {
        cache.fork(len, room).map_err(|error| self.no_memory(room, &error))
    }

    fn export(&self, cache: &KvCache, len: usize) -> Result<Vec<u8>, String> {
        cache.export(len).map_err(|error| error.to_string())
    }

    fn import(&self, bytes: &[u8], len: usize) -> Result<KvCache, String> {
        let mut cache = self.new_cache(len)?;
        cache.import(bytes, len).map_err(|error| error.to_string())?;
        Ok(cache)
    }

    fn check(&self) -> Result<(), String> {
        self.files.check()
    }

    fn truncate(&self, cache: &mut KvCache, len: usize) {
        cache.truncate(len);
    }

    fn forward_on(
        &mut self,
        cache: &mut KvCache,
        tokens: &[u32],
        wanted: usize,
        logits: &mut Logits,
        paused: &mut Paused,
        pause: &dyn Fn() -> bool,
    ) -> Result<bool, String> {
        self.read(&mut [Rows { tokens, cache }], wanted, logits, paused, pause)
    }

    fn forward_each(&mut self, rows: Vec<(&mut KvCache, u32)>, logits: &mut Logits) -> Result<(), String> {
        let tokens: Vec<u32> = rows.iter().map(|(_, token)| *token).collect();
        let rows = rows.into_iter().zip(tokens.chunks(1));
        let mut batch: Vec<_> = rows.map(|((cache, _), tokens)| Rows { tokens, cache }).collect();
        let mut paused = Paused::default();
        self.read(&mut batch, tokens.len(), logits, &mut paused, &|| false)
            .map(drop)
    }
}

#[cfg(test)]
mod tests;
