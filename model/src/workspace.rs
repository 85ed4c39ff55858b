//! The buffers of a forward pass. They are kept from pass to pass and grow with the largest, so that decoding allocates
//! none.
//!
//! Must not know what is computed in them.

use candle_core::{DType, Result, Tensor};

use crate::config::{ModelConfig, Rope};
use crate::memory::zeros;

/// Buffers for the rows of a pass. Each is a tensor of its own, so that an operation may read one while it writes
/// another.
pub(crate) struct Workspace {
    /// The tokens of all rows.
    pub(crate) tokens: Vec<u32>,
    /// The positions of all rows.
    pub(crate) positions: Vec<usize>,
    /// What runs through the layers: [n, hidden_size].
    pub(crate) x: Buffer,
    /// What a block reads, and what it gives: [n, hidden_size].
    pub(crate) h: Buffer,
    /// Queries, then attention: [n, heads * head_dim].
    pub(crate) q: Buffer,
    /// [n, kv_heads * head_dim]
    pub(crate) k: Buffer,
    /// [n, kv_heads * head_dim]
    pub(crate) v: Buffer,
    /// [n, intermediate_size]
    pub(crate) gate: Buffer,
    /// [n, intermediate_size]
    pub(crate) up: Buffer,
    /// For each rotary embedding that the layers use.
    pub(crate) angles: Vec<Angles>,
    /// The rows whose logits are wanted, normalized: [wanted, hidden_size].
    pub(crate) last: Buffer,
    /// [wanted, vocab_size]
    pub(crate) logits: Buffer,
}

/// The angles of a rotary embedding.
pub(crate) struct Angles {
    rope: Rope,
    /// How far each pair turns from a position to the next one, in radians: [head_dim / 2].
    pub(crate) frequencies: Vec<f64>,
    /// [n, head_dim]
    pub(crate) angles: Buffer,
}

/// Rows of a tensor with room for more.
pub(crate) struct Buffer {
    whole: Tensor,
    rows: Tensor,
}

impl Buffer {
    fn new(width: usize) -> Result<Self> {
        let whole = zeros((0, width), DType::F32)?;
        let rows = whole.clone();
        Ok(Self { whole, rows })
    }

    /// Takes so many rows. What they hold is left over from before.
    fn resize(&mut self, n: usize) -> Result<()> {
        let width = self.whole.dim(1)?;
        if n > self.whole.dim(0)? {
            // The old memory goes first.
            *self = Self::new(width)?;
            self.whole = zeros((n, width), DType::F32)?;
        }
        if n != self.rows.dim(0)? {
            self.rows = self.whole.narrow(0, 0, n)?;
        }
        Ok(())
    }
}

impl std::ops::Deref for Buffer {
    type Target = Tensor;

    fn deref(&self) -> &Tensor {
        &self.rows
    }
}

impl Workspace {
    /// Buffers of a model's widths, without rows.
    pub(crate) fn new(config: &ModelConfig) -> Result<Self> {
        let (q_width, kv_width) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let mut angles: Vec<Angles> = Vec::new();
        for layer in &config.layers {
            if angles.iter().all(|known| known.rope != layer.rope) {
                angles.push(Angles::new(layer.rope, config.head_dim)?);
            }
        }
        Ok(Self {
            tokens: Vec::new(),
            positions: Vec::new(),
            x: Buffer::new(config.hidden_size)?,
            h: Buffer::new(config.hidden_size)?,
            q: Buffer::new(q_width)?,
            k: Buffer::new(kv_width)?,
            v: Buffer::new(kv_width)?,
            gate: Buffer::new(config.intermediate_size)?,
            up: Buffer::new(config.intermediate_size)?,
            angles,
            last: Buffer::new(config.hidden_size)?,
            logits: Buffer::new(config.vocab_size)?,
        })
    }

    /// Takes rows for a pass over `n` tokens of which the logits of `wanted` are asked for.
    pub(crate) fn resize(&mut self, n: usize, wanted: usize) -> Result<()> {
        let Self {
            x,
            h,
            q,
            k,
            v,
            gate,
            up,
            ..
        } = self;
        for buffer in [x, h, q, k, v, gate, up] {
            buffer.resize(n)?;
        }
        for angles in &mut self.angles {
            angles.angles.resize(n)?;
        }
        self.last.resize(wanted)?;
        self.logits.resize(wanted)
    }

    /// The angles of a rotary embedding.
    pub(crate) fn angles_of(&self, rope: Rope) -> Result<&Tensor> {
        match self.angles.iter().find(|known| known.rope == rope) {
            Some(known) => Ok(&known.angles),
            None => candle_core::bail!("a workspace of another model"),
        }
    }
}

impl Angles {
    fn new(rope: Rope, head_dim: usize) -> Result<Self> {
        let frequency = |pair: usize| rope.base.powf(-2.0 * pair as f64 / head_dim as f64) / rope.factor;
        Ok(Self {
            rope,
            frequencies: (0..head_dim / 2).map(frequency).collect(),
            angles: Buffer::new(head_dim)?,
        })
    }
}
