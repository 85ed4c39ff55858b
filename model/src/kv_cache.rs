//! The keys and values of the tokens that have been read, preallocated for all that may be.
//!
//! Must not know which tokens they are; `sequence` does.

use candle_core::{DType, Device, Result, Tensor};
use half::f16;

use crate::config::ModelConfig;
use crate::memory::zeros;

/// One sequence's keys and values. Appending writes in place: nothing is copied or reallocated while decoding.
pub(crate) struct KvCache {
    /// Keys and values of each layer, both [capacity, kv_heads, head_dim].
    layers: Vec<(Tensor, Tensor)>,
    len: usize,
    capacity: usize,
}

impl KvCache {
    /// Room for `capacity` tokens in `dtype`. The memory is reserved now and used as it is filled.
    pub(crate) fn new(config: &ModelConfig, capacity: usize, dtype: DType) -> Result<Self> {
        let shape = (capacity, config.kv_heads, config.head_dim);
        let layer = |_| Ok((zeros(shape, dtype)?, zeros(shape, dtype)?));
        Ok(Self {
            layers: (0..config.layers.len()).map(layer).collect::<Result<_>>()?,
            len: 0,
            capacity,
        })
    }

    /// How much memory a token's keys and values take, in bytes.
    pub(crate) fn token_bytes(config: &ModelConfig, dtype: DType) -> usize {
        2 * config.layers.len() * config.kv_heads * config.head_dim * dtype.size_in_bytes()
    }

    /// A cache with room for `capacity` tokens and the first `len` tokens of this one, which have to fit.
    pub(crate) fn fork(&self, len: usize, capacity: usize) -> Result<Self> {
        let len = len.min(self.len);
        let copy = |from: &Tensor| -> Result<Tensor> {
            let (_, heads, width) = from.dims3()?;
            let to = zeros((capacity, heads, width), from.dtype())?;
            if len > 0 {
                to.slice_set(&from.narrow(0, 0, len)?, 0, 0)?;
            }
            Ok(to)
        };
        let layer = |(keys, values): &(Tensor, Tensor)| -> Result<_> { Ok((copy(keys)?, copy(values)?)) };
        Ok(Self {
            layers: self.layers.iter().map(layer).collect::<Result<_>>()?,
            len,
            capacity,
        })
    }

    /// The keys and values of the first `len` tokens as bytes, layer by layer.
    pub(crate) fn export(&self, len: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for tensor in self.layers.iter().flat_map(|(keys, values)| [keys, values]) {
            let rows = tensor.narrow(0, 0, len)?.flatten_all()?;
            match tensor.dtype() {
                DType::F16 => bytes.extend(rows.to_vec1::<f16>()?.into_iter().flat_map(f16::to_le_bytes)),
                _ => bytes.extend(rows.to_vec1::<f32>()?.into_iter().flat_map(f32::to_le_bytes)),
            }
        }
        Ok(bytes)
    }

    /// Takes what [`KvCache::export`] gave for `len` tokens, in the place of all that was read.
    pub(crate) fn import(&mut self, bytes: &[u8], len: usize) -> Result<()> {
        let tensors = 2 * self.layers.len();
        if len == 0 || len > self.capacity || !bytes.len().is_multiple_of(tensors) {
            candle_core::bail!("{} bytes of {len} tokens for a cache of {}", bytes.len(), self.capacity);
        }
        let parts = bytes.chunks_exact(bytes.len() / tensors);
        for (tensor, part) in self.layers.iter().flat_map(|(keys, values)| [keys, values]).zip(parts) {
            let (_, heads, width) = tensor.dims3()?;
            let rows = Tensor::from_raw_buffer(part, tensor.dtype(), &[len, heads, width], &Device::Cpu)?;
            tensor.slice_set(&rows, 0, 0)?;
        }
        self.len = len;
        Ok(())
    }

    /// How many tokens have been read.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many tokens fit.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Forgets all but the first `len` tokens.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// A layer's keys and values, both [capacity, kv_heads, head_dim]. What a pass stores behind the first `len()`
    /// positions counts only once [`KvCache::advance`] is called, so that one that fails half-way leaves the cache as it
    /// was.
    pub(crate) fn layer(&self, layer: usize) -> &(Tensor, Tensor) {
        &self.layers[layer]
    }

    /// Counts `n` tokens whose keys and values are stored in every layer.
    pub(crate) fn advance(&mut self, n: usize) {
        self.len += n;
        debug_assert!(self.len <= self.capacity, "writes are bounded by the capacity");
    }
}
