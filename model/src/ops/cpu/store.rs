//! Keys and values on their way into the cache.

use std::ops::Range;

use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Tensor};
use half::slice::HalfFloatSliceExt;

use super::contiguous;

/// Writes `rows` of `x` [n, heads * width] to `cache` [capacity, heads, width] from position `at` on, in the cache's
/// format.
pub(crate) fn store(x: &Tensor, rows: Range<usize>, cache: &Tensor, at: usize) -> Result<()> {
    cache.inplace_op2(x, &Store { rows, at })
}

struct Store {
    rows: Range<usize>,
    at: usize,
}

impl InplaceOp2 for Store {
    fn name(&self) -> &'static str {
        "store"
    }

    fn cpu_fwd(&self, cache: &mut CpuStorage, cache_layout: &Layout, x: &CpuStorage, x_layout: &Layout) -> Result<()> {
        let ((capacity, heads, width), (n, columns)) = (cache_layout.shape().dims3()?, x_layout.shape().dims2()?);
        let Range { start, end } = self.rows;
        if columns != heads * width
            || start > end
            || end > n
            || self.at + (end - start) > capacity
            || !cache_layout.is_contiguous()
            || cache_layout.start_offset() != 0
        {
            let cache = cache_layout.shape();
            candle_core::bail!(
                "rows {start} to {end} of {n} to position {} of a cache of {cache:?}",
                self.at
            );
        }
        let x = &contiguous(x, x_layout)?[start * columns..end * columns];
        let to = self.at * columns..self.at * columns + x.len();
        match cache {
            CpuStorage::F16(cache) => cache[to].convert_from_f32_slice(x),
            CpuStorage::F32(cache) => cache[to].copy_from_slice(x),
            _ => candle_core::bail!("a cache that is neither f16 nor f32"),
        }
        Ok(())
    }
}
