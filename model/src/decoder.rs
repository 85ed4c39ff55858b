//! The one Gemma graph: tokens and a key/value cache in, logits out. Differences between the models are data in
//! [`ModelConfig`].
//!
//! Sources: the Gemma, Gemma 2 and Gemma 3 reports and their reference implementation in transformers.

use candle_core::{Device, Result, Tensor};

use crate::LoadError;
use crate::config::{LayerConfig, ModelConfig, Rope};
use crate::kv_cache::KvCache;
use crate::ops::{Attention, Matrix, Ops};
use crate::weights::{Format, Tensors};

/// A checkpoint's weights, immutable.
pub(crate) struct Decoder {
    config: ModelConfig,
    /// [vocab_size, hidden_size]; the head as well.
    embedding: Matrix,
    /// What embeddings are multiplied by: the square root of the hidden size.
    embedding_scale: f32,
    layers: Vec<Layer>,
    final_norm: Tensor,
}

/// The size of the matrices that a token is multiplied with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WeightCount {
    /// Bytes as stored, with the head.
    pub(crate) bytes: u64,
    /// Numbers in the layers, without the head.
    pub(crate) in_layers: u64,
}

/// The next tokens of one sequence, and its keys and values so far.
pub(crate) struct Rows<'a> {
    pub(crate) tokens: &'a [u32],
    pub(crate) cache: &'a mut KvCache,
}

struct Layer {
    config: LayerConfig,
    attention_norm: Tensor,
    q: Matrix,
    k: Matrix,
    v: Matrix,
    output: Matrix,
    /// Normalizations of queries and keys, where the model has them.
    qk_norm: Option<(Tensor, Tensor)>,
    post_attention_norm: Option<Tensor>,
    ffn_norm: Tensor,
    gate: Matrix,
    up: Matrix,
    down: Matrix,
    post_ffn_norm: Option<Tensor>,
}

impl Decoder {
    /// Takes every tensor that the configuration asks for, and nothing may be left over.
    pub(crate) fn new(config: ModelConfig, mut tensors: Tensors) -> std::result::Result<Self, LoadError> {
        let hidden = config.hidden_size;
        let embedding = tensors.matrix(None, "token_embd", config.vocab_size, hidden)?;
        let final_norm = tensors.norm(None, "output_norm", hidden)?;
        let layers = config.layers.iter().enumerate();
        let layers = layers.map(|(index, layer)| Layer::new(&config, *layer, index, &mut tensors));
        let layers = layers.collect::<std::result::Result<_, _>>()?;
        let mut embedding_scale = (hidden as f32).sqrt();
        if tensors.scales_in_own_precision() {
            embedding_scale = match embedding.format() {
                Format::BF16 => half::bf16::from_f32(embedding_scale).to_f32(),
                Format::F16 => half::f16::from_f32(embedding_scale).to_f32(),
                _ => embedding_scale,
            };
        }
        tensors.finish()?;
        Ok(Self {
            config,
            embedding,
            embedding_scale,
            layers,
            final_norm,
        })
    }

    pub(crate) fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The format that most of the layers' weights are stored in, by bytes.
    pub(crate) fn main_format(&self) -> Format {
        let mut bytes = std::collections::BTreeMap::<Format, usize>::new();
        for layer in &self.layers {
            for matrix in layer.matrices() {
                *bytes.entry(matrix.format()).or_default() += matrix.rows() * matrix.cols();
            }
        }
        let most = bytes.into_iter().max_by_key(|(_, bytes)| *bytes);
        most.map_or(self.embedding.format(), |(format, _)| format)
    }

    /// How much a token is multiplied with.
    pub(crate) fn weights(&self) -> WeightCount {
        let in_layers = || self.layers.iter().flat_map(Layer::matrices);
        let numbers = |matrix: &Matrix| (matrix.rows() * matrix.cols()) as u64;
        let bytes = |matrix: &Matrix| {
            let format = matrix.format();
            numbers(matrix) / format.block_len() as u64 * format.block_bytes() as u64
        };
        WeightCount {
            bytes: in_layers().chain([&self.embedding]).map(bytes).sum(),
            in_layers: in_layers().map(numbers).sum(),
        }
    }

    /// The precision in which keys and values are best kept: `f32` only for weights in `f32`.
    pub(crate) fn cache_dtype(&self) -> candle_core::DType {
        match self.embedding.format() {
            Format::F32 => candle_core::DType::F32,
            _ => candle_core::DType::F16,
        }
    }

    /// Reads `tokens` after those in the cache, as [`Self::forward_batch`] does.
    pub(crate) fn forward(
        &self,
        ops: &Ops,
        tokens: &[u32],
        cache: &mut KvCache,
        wanted: usize,
    ) -> Result<Option<Tensor>> {
        self.forward_batch(ops, &mut [Rows { tokens, cache }], wanted)
    }

    /// Reads each sequence's tokens after those in its cache and appends their keys and values. Gives the logits after
    /// each of the last `wanted` tokens of all, [wanted, vocab_size], `None` where `wanted` is 0: the head is a large part
    /// of the work. An error leaves the caches as they were.
    pub(crate) fn forward_batch(&self, ops: &Ops, batch: &mut [Rows<'_>], wanted: usize) -> Result<Option<Tensor>> {
        let tokens: Vec<u32> = batch.iter().flat_map(|rows| rows.tokens).copied().collect();
        if wanted > tokens.len() {
            candle_core::bail!("logits of {wanted} out of {} tokens", tokens.len());
        }
        if batch.is_empty() || batch.iter().any(|rows| rows.tokens.is_empty()) {
            candle_core::bail!("a forward pass over no tokens");
        }
        for Rows { tokens, cache } in &*batch {
            let (len, capacity) = (cache.len(), cache.capacity());
            if len + tokens.len() > capacity {
                candle_core::bail!("{} tokens after {len} in a cache of {capacity}", tokens.len());
            }
        }
        if let Some(id) = tokens.iter().find(|id| **id as usize >= self.config.vocab_size) {
            candle_core::bail!("token {id} in a vocabulary of {}", self.config.vocab_size);
        }
        let _awake = ops.awake();
        let mut angles = Angles::new(&self.config, batch);
        let mut x = ops.embed(&tokens, &self.embedding, self.embedding_scale)?;
        for (index, layer) in self.layers.iter().enumerate() {
            let (cos, sin) = angles.of(layer.config.rope)?;
            x = layer.forward(ops, &self.config, index, &x, &cos, &sin, batch)?;
        }
        for rows in batch {
            rows.cache.advance(rows.tokens.len());
        }
        if wanted == 0 {
            return Ok(None);
        }
        let x = x.narrow(0, tokens.len() - wanted, wanted)?;
        let x = ops.rms_norm(&x, &self.final_norm, self.config.norm_epsilon)?;
        let x = ops.matmul(&x, &self.embedding)?;
        Ok(Some(match self.config.logit_softcap {
            Some(cap) => ((x / f64::from(cap))?.tanh()? * f64::from(cap))?,
            None => x,
        }))
    }
}

impl Layer {
    fn new(
        config: &ModelConfig,
        layer: LayerConfig,
        index: usize,
        tensors: &mut Tensors,
    ) -> std::result::Result<Self, LoadError> {
        let (hidden, ffn) = (config.hidden_size, config.intermediate_size);
        let (q_width, kv_width) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let index = Some(index);
        let mut matrix = |part: &str, rows, cols| tensors.matrix(index, part, rows, cols);
        let q = matrix("attn_q", q_width, hidden)?;
        let k = matrix("attn_k", kv_width, hidden)?;
        let v = matrix("attn_v", kv_width, hidden)?;
        let output = matrix("attn_output", hidden, q_width)?;
        let gate = matrix("ffn_gate", ffn, hidden)?;
        let up = matrix("ffn_up", ffn, hidden)?;
        let down = matrix("ffn_down", hidden, ffn)?;
        let mut norm = |wanted: bool, part: &str, len| match wanted {
            true => tensors.norm(index, part, len).map(Some),
            false => Ok(None),
        };
        let q_norm = norm(config.qk_norm, "attn_q_norm", config.head_dim)?;
        let k_norm = norm(config.qk_norm, "attn_k_norm", config.head_dim)?;
        let post_attention_norm = norm(config.post_norms, "post_attention_norm", hidden)?;
        let post_ffn_norm = norm(config.post_norms, "post_ffw_norm", hidden)?;
        Ok(Self {
            config: layer,
            attention_norm: tensors.norm(index, "attn_norm", hidden)?,
            q,
            k,
            v,
            output,
            qk_norm: q_norm.zip(k_norm),
            post_attention_norm,
            ffn_norm: tensors.norm(index, "ffn_norm", hidden)?,
            gate,
            up,
            down,
            post_ffn_norm,
        })
    }

    fn matrices(&self) -> [&Matrix; 7] {
        [
            &self.q,
            &self.k,
            &self.v,
            &self.output,
            &self.gate,
            &self.up,
            &self.down,
        ]
    }

    /// `x` is [n, hidden_size] with the rows of all sequences, `cos` and `sin` [n, head_dim / 2].
    #[expect(clippy::too_many_arguments, reason = "what a layer needs from outside, each once")]
    fn forward(
        &self,
        ops: &Ops,
        config: &ModelConfig,
        index: usize,
        x: &Tensor,
        cos: &Tensor,
        sin: &Tensor,
        batch: &[Rows<'_>],
    ) -> Result<Tensor> {
        let norm = |x: &Tensor, weight: &Tensor| ops.rms_norm(x, weight, config.norm_epsilon);
        let optional_norm = |x: Tensor, weight: &Option<Tensor>| match weight {
            Some(weight) => norm(&x, weight),
            None => Ok(x),
        };
        let n = x.dim(0)?;
        let h = norm(x, &self.attention_norm)?;
        let mut q = ops.matmul(&h, &self.q)?.reshape((n, config.heads, config.head_dim))?;
        let mut k = ops
            .matmul(&h, &self.k)?
            .reshape((n, config.kv_heads, config.head_dim))?;
        let v = ops
            .matmul(&h, &self.v)?
            .reshape((n, config.kv_heads, config.head_dim))?;
        if let Some((q_norm, k_norm)) = &self.qk_norm {
            q = norm(&q, q_norm)?;
            k = norm(&k, k_norm)?;
        }
        let q = ops.rope(&q, cos, sin)?;
        let k = ops.rope(&k, cos, sin)?;
        let mut read = 0;
        let mut attend = |rows: &Rows<'_>| {
            let (from, n) = (read, rows.tokens.len());
            read += n;
            let (keys, values) = rows
                .cache
                .write(index, &k.narrow(0, from, n)?, &v.narrow(0, from, n)?)?;
            let params = Attention {
                start: rows.cache.len(),
                window: self.config.window,
                scale: config.query_scale,
                softcap: config.attention_softcap,
            };
            ops.attention(&q.narrow(0, from, n)?, keys, values, params)
        };
        let h = batch.iter().map(&mut attend).collect::<Result<Vec<_>>>()?;
        let h = Tensor::cat(&h, 0)?.reshape((n, config.heads * config.head_dim))?;
        let h = optional_norm(ops.matmul(&h, &self.output)?, &self.post_attention_norm)?;
        let x = (x + h)?;

        let h = norm(&x, &self.ffn_norm)?;
        let h = ops.gelu_mul(&ops.matmul(&h, &self.gate)?, &ops.matmul(&h, &self.up)?)?;
        let h = optional_norm(ops.matmul(&h, &self.down)?, &self.post_ffn_norm)?;
        x + h
    }
}

/// The sines and cosines of one forward pass, computed once for each rotary embedding that the layers use.
struct Angles {
    head_dim: usize,
    /// Of each row.
    positions: Vec<usize>,
    computed: Vec<(Rope, Tensor, Tensor)>,
}

impl Angles {
    fn new(config: &ModelConfig, batch: &[Rows<'_>]) -> Self {
        let positions = |rows: &Rows<'_>| rows.cache.len()..rows.cache.len() + rows.tokens.len();
        Self {
            head_dim: config.head_dim,
            positions: batch.iter().flat_map(positions).collect(),
            computed: Vec::new(),
        }
    }

    /// Cosines and sines, both [n, head_dim / 2].
    fn of(&mut self, rope: Rope) -> Result<(Tensor, Tensor)> {
        if let Some((_, cos, sin)) = self.computed.iter().find(|(known, ..)| *known == rope) {
            return Ok((cos.clone(), sin.clone()));
        }
        let half = self.head_dim / 2;
        let frequency = |pair: usize| rope.base.powf(-2.0 * pair as f64 / self.head_dim as f64);
        let frequencies: Vec<f64> = (0..half).map(frequency).collect();
        let rows = self.positions.iter().map(|position| *position as f64 / rope.factor);
        let angles: Vec<f64> = rows.flat_map(|row| frequencies.iter().map(move |f| row * f)).collect();
        let table = |f: fn(f64) -> f64| {
            let values = angles.iter().map(|angle| f(*angle) as f32);
            Tensor::from_iter(values, &Device::Cpu)?.reshape((self.positions.len(), half))
        };
        let (cos, sin) = (table(f64::cos)?, table(f64::sin)?);
        self.computed.push((rope, cos.clone(), sin.clone()));
        Ok((cos, sin))
    }
}

#[cfg(test)]
mod tests;
