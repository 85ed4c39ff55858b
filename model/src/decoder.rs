//! The one Gemma graph: tokens and a key/value cache in, logits out. Differences between the models are data in
//! [`ModelConfig`]. Weights, keys and values, and the buffers of a pass lie apart.
//!
//! Sources: the Gemma, Gemma 2 and Gemma 3 reports and their reference implementation in transformers.

use candle_core::{Result, Tensor};

use crate::LoadError;
use crate::config::{LayerConfig, ModelConfig};
use crate::container::Format;
use crate::kv_cache::KvCache;
use crate::ops::{self, Attention, Matrix, Norm, Ops};
use crate::sequence::Paused;
use crate::weights::Tensors;
use crate::workspace::Workspace;

/// A checkpoint's weights, immutable.
pub(crate) struct Decoder {
    config: ModelConfig,
    /// [vocab_size, hidden_size]; the head as well.
    embedding: Matrix,
    /// What embeddings are multiplied by: the square root of the hidden size.
    embedding_scale: f32,
    layers: Vec<Layer>,
    final_norm: Norm,
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
    attention_norm: Norm,
    q: Matrix,
    k: Matrix,
    v: Matrix,
    output: Matrix,
    /// Normalizations of queries and keys, where the model has them.
    qk_norm: Option<(Norm, Norm)>,
    post_attention_norm: Option<Norm>,
    ffn_norm: Norm,
    gate: Matrix,
    up: Matrix,
    down: Matrix,
    post_ffn_norm: Option<Norm>,
}

impl Decoder {
    /// Takes every tensor that the configuration asks for, and nothing may be left over.
    pub(crate) fn new(config: ModelConfig, mut tensors: Tensors) -> std::result::Result<Self, LoadError> {
        let hidden = config.hidden_size;
        let embedding = tensors.matrix(None, "token_embd", config.vocab_size, hidden)?;
        let final_norm = Norm {
            weight: tensors.norm(None, "output_norm", hidden)?,
            epsilon: config.norm_epsilon,
        };
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

    /// Reads each sequence's tokens after those in its cache and appends their keys and values. Gives the logits after
    /// each of the last `wanted` tokens of all, [wanted, vocab_size]: the head is a large part of the work. Between two
    /// layers `pause` is asked; where it says so, `None` is given, `paused` says how far it is, and the next call with that
    /// goes on. Until it is done, and where there is an error, the caches are as they were.
    pub(crate) fn forward<'w>(
        &self,
        ops: &Ops,
        workspace: &'w mut Workspace,
        batch: &mut [Rows<'_>],
        wanted: usize,
        paused: &mut Paused,
        pause: &dyn Fn() -> bool,
    ) -> Result<Option<&'w Tensor>> {
        let (tokens, positions) = (&mut workspace.tokens, &mut workspace.positions);
        tokens.clear();
        positions.clear();
        for rows in &*batch {
            let (len, n, capacity) = (rows.cache.len(), rows.tokens.len(), rows.cache.capacity());
            if n == 0 {
                candle_core::bail!("a forward pass over no tokens");
            }
            if len + n > capacity {
                candle_core::bail!("{n} tokens after {len} in a cache of {capacity}");
            }
            tokens.extend_from_slice(rows.tokens);
            positions.extend(len..len + n);
        }
        let n = tokens.len();
        if n == 0 || wanted > n {
            candle_core::bail!("logits of {wanted} out of {n} tokens");
        }
        if let Some(id) = tokens.iter().find(|id| **id as usize >= self.config.vocab_size) {
            candle_core::bail!("token {id} in a vocabulary of {}", self.config.vocab_size);
        }
        let _awake = ops.awake();
        workspace.resize(n, wanted)?;
        let Workspace {
            tokens, positions, x, ..
        } = &*workspace;
        let begin = paused.layer;
        match begin {
            0 => ops.embed(tokens, &self.embedding, self.embedding_scale, x)?,
            _ => x.slice_set(&Tensor::from_slice(&paused.x, x.shape(), x.device())?, 0, 0)?,
        }
        for angles in &workspace.angles {
            ops.angles(positions, &angles.frequencies, &angles.angles)?;
        }
        for (index, layer) in self.layers.iter().enumerate().skip(begin) {
            if index > begin && pause() {
                paused.layer = index;
                paused.x.clear();
                ops::read(x, &mut paused.x)?;
                return Ok(None);
            }
            layer.forward(ops, &self.config, index, workspace, batch)?;
        }
        let Workspace { x, last, logits, .. } = &*workspace;
        if wanted > 0 {
            ops.rms_norm(x, n - wanted, &self.final_norm, last)?;
            ops.matmul(last, &self.embedding, logits)?;
            if let Some(cap) = self.config.logit_softcap {
                ops.softcap(logits, cap)?;
            }
        }
        for rows in batch {
            rows.cache.advance(rows.tokens.len());
        }
        paused.layer = 0;
        Ok(Some(logits))
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
        let epsilon = config.norm_epsilon;
        let mut norm = |part: &str, len| {
            let weight = tensors.norm(index, part, len)?;
            Ok::<_, LoadError>(Norm { weight, epsilon })
        };
        let attention_norm = norm("attn_norm", hidden)?;
        let ffn_norm = norm("ffn_norm", hidden)?;
        let mut optional_norm = |wanted: bool, part: &str, len| wanted.then(|| norm(part, len)).transpose();
        let q_norm = optional_norm(config.qk_norm, "attn_q_norm", config.head_dim)?;
        let k_norm = optional_norm(config.qk_norm, "attn_k_norm", config.head_dim)?;
        let post_attention_norm = optional_norm(config.post_norms, "post_attention_norm", hidden)?;
        let post_ffn_norm = optional_norm(config.post_norms, "post_ffw_norm", hidden)?;
        Ok(Self {
            config: layer,
            attention_norm,
            q,
            k,
            v,
            output,
            qk_norm: q_norm.zip(k_norm),
            post_attention_norm,
            ffn_norm,
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

    /// Reads the rows of all sequences, which are in `workspace.x`, and leaves what comes of them there.
    fn forward(
        &self,
        ops: &Ops,
        config: &ModelConfig,
        index: usize,
        workspace: &Workspace,
        batch: &[Rows<'_>],
    ) -> Result<()> {
        let Workspace {
            x,
            h,
            q,
            k,
            v,
            gate,
            up,
            ..
        } = workspace;
        let angles = workspace.angles_of(self.config.rope)?;
        let (q_norm, k_norm) = self.qk_norm.as_ref().map(|(q, k)| (q, k)).unzip();
        ops.rms_norm(x, 0, &self.attention_norm, h)?;
        ops.matmul(h, &self.q, q)?;
        ops.matmul(h, &self.k, k)?;
        ops.matmul(h, &self.v, v)?;
        ops.rope(q, angles, q_norm)?;
        ops.rope(k, angles, k_norm)?;
        let mut end = 0;
        for Rows { tokens, cache } in batch {
            let rows = end..end + tokens.len();
            end = rows.end;
            let (keys, values) = cache.layer(index);
            ops.store(k, rows.clone(), keys, cache.len())?;
            ops.store(v, rows.clone(), values, cache.len())?;
            let params = Attention {
                rows,
                start: cache.len(),
                window: self.config.window,
                scale: config.query_scale,
                softcap: config.attention_softcap,
            };
            ops.attention(q, keys, values, params)?;
        }
        ops.matmul(q, &self.output, h)?;
        ops.add(x, h, self.post_attention_norm.as_ref())?;

        ops.rms_norm(x, 0, &self.ffn_norm, h)?;
        ops.matmul(h, &self.gate, gate)?;
        ops.matmul(h, &self.up, up)?;
        ops.gelu_mul(gate, up)?;
        ops.matmul(gate, &self.down, h)?;
        ops.add(x, h, self.post_ffn_norm.as_ref())
    }
}

#[cfg(test)]
mod tests;
