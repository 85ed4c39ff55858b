//! Causal attention over the key/value cache, with grouped heads, sliding windows and score soft-capping.
//!
//! Queries that share keys and values are taken together, some positions of the cache at a time, with an online softmax
//! (Milakov and Gimelshein, 2018; Dao et al., 2022), so that scores never leave the first-level cache and a long prompt
//! reads keys and values once for many queries. What is computed for a query is the same whatever queries it is taken
//! with.

use std::cell::RefCell;
use std::ops::Range;

use candle_core::{CpuStorage, InplaceOp3, Layout, Result, Tensor};
use half::f16;

use super::{Cpu, InstructionSet, Isa, SharedOut, contiguous_mut};
use crate::ops::params::Attention;
use blocks::{Cached, Element, Scratch};

#[cfg(target_arch = "x86_64")]
mod avx512;
mod blocks;
mod plain;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod wide;

/// Puts attention in the place of the queries that `params` says, of `q` [n, heads * width] in `f32`. Keys and values are
/// [capacity, kv_heads, width] in `f16` or `f32`, and their first positions are filled, those of the queries included.
/// Query head `h` reads key/value head `h / (heads / kv_heads)`.
pub(crate) fn attention(cpu: &Cpu, q: &Tensor, keys: &Tensor, values: &Tensor, params: Attention) -> Result<()> {
    q.inplace_op3(keys, values, &AttentionOp { cpu, params })
}

struct AttentionOp<'a> {
    cpu: &'a Cpu,
    params: Attention,
}

impl InplaceOp3 for AttentionOp<'_> {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        q: &mut CpuStorage,
        q_layout: &Layout,
        keys: &CpuStorage,
        key_layout: &Layout,
        values: &CpuStorage,
        value_layout: &Layout,
    ) -> Result<()> {
        let (n, columns) = q_layout.shape().dims2()?;
        let (capacity, kv_heads, width) = key_layout.shape().dims3()?;
        let whole = |layout: &Layout| layout.is_contiguous() && layout.start_offset() == 0;
        let Range { start, end } = self.params.rows;
        if key_layout.shape() != value_layout.shape()
            || kv_heads * width == 0
            || !columns.is_multiple_of(kv_heads * width)
            || start > end
            || end > n
            || self.params.start + (end - start) > capacity
            || self.params.window == Some(0)
            || !(whole(key_layout) && whole(value_layout))
        {
            let (q, keys) = (q_layout.shape(), key_layout.shape());
            candle_core::bail!("attention of {q:?} over a cache of {keys:?}: {:?}", self.params);
        }
        let q = &mut contiguous_mut(q, q_layout)?[start * columns..end * columns];
        let shape = Heads {
            heads: columns / width,
            kv_heads,
            width,
        };
        match (keys, values) {
            (CpuStorage::F16(keys), CpuStorage::F16(values)) => self.run::<f16>(q, keys, values, shape),
            (CpuStorage::F32(keys), CpuStorage::F32(values)) => self.run::<f32>(q, keys, values, shape),
            _ => candle_core::bail!("attention over a cache that is neither f16 nor f32"),
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Heads {
    heads: usize,
    kv_heads: usize,
    width: usize,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl AttentionOp<'_> {
    fn run<E: Element>(&self, q: &mut [f32], keys: &[E], values: &[E], shape: Heads) {
        let Heads { heads, kv_heads, width } = shape;
        let group = heads / kv_heads;
        // Queries that share a key/value head are taken together, but not so many that threads go idle.
        let (queries, threads) = (q.len() / width / kv_heads, self.cpu.pool.threads());
        let enough = |size: &usize| kv_heads * queries.div_ceil(*size) >= if *size > 4 { 2 * threads } else { threads };
        let together = [64, 32, 16, 8, 4, 2].into_iter().find(enough).unwrap_or(1);
        let parts = queries.div_ceil(together);
        let put = SharedOut::new(q);
        self.cpu.pool.run(kv_heads * parts, |task| {
            let (kv_head, first) = (task / parts, task % parts * together);
            // In the order of their rows, the heads of a row one after the other.
            let task = first..queries.min(first + together);
            let place = |query: usize| (query / group * heads + kv_head * group + query % group) * width;
            SCRATCH.with_borrow_mut(|scratch| {
                scratch.queries.begin(width);
                for query in task.clone() {
                    // SAFETY: `Pool::run` runs each task once, `place` has another place for each query of each task, and the
                    // borrow is not used after the next statement.
                    let q = unsafe { put.slice(place(query), width) };
                    scratch.queries.push(q, self.params.scale, self.sees(query / group));
                }
                let cached = Cached {
                    keys: &keys[kv_head * width..],
                    values: &values[kv_head * width..],
                    stride: kv_heads * width,
                    width,
                };
                attend(self.cpu.isa, &self.params, cached, scratch);
                for query in task {
                    // SAFETY: no other task has this query's place, and the earlier borrow of it has ended.
                    let out = unsafe { put.slice(place(query), width) };
                    scratch.queries.give(query - first, out);
                }
            });
        });
    }

    /// The positions that a row of the sequence sees.
    fn sees(&self, row: usize) -> Range<usize> {
        let end = self.params.start + row + 1;
        self.params.window.map_or(0, |window| end.saturating_sub(window))..end
    }
}

/// Attention of the queries in `scratch`.
fn attend<E: Element>(isa: Isa, params: &Attention, cached: Cached<'_, E>, scratch: &mut Scratch) {
    match isa.set() {
        InstructionSet::Portable => blocks::attend(plain::Plain, plain::Plain, params, cached, scratch),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Isa::available` gives these only where the processor says that it has AVX-512, AVX2, FMA and F16C.
        InstructionSet::Avx512 | InstructionSet::Avx512Vnni => unsafe { avx512::attend(params, cached, scratch) },
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        // SAFETY: `Isa::available` gives all others only where the processor says that it has the instruction set of `simd`.
        _ => unsafe { wide::attend(params, cached, scratch) },
    }
}

#[cfg(test)]
mod tests;
