//! Causal attention over the key/value cache, with grouped heads, sliding windows and score soft-capping.

use std::cell::RefCell;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use half::f16;

use super::math::{exp, tanh};
use super::matmul::contiguous;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::simd;
use super::{Cpu, Isa, SharedOut};

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod wide;

/// What is particular to one attention layer and one call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attention {
    /// The position of the first query row; row `i` sees the positions up to `start + i`.
    pub(crate) start: usize,
    /// How many positions a row sees, itself included; all of them where `None`.
    pub(crate) window: Option<usize>,
    /// What scores are multiplied by.
    pub(crate) scale: f32,
    /// Scores `s` become `cap * tanh(s / cap)`.
    pub(crate) softcap: Option<f32>,
}

/// Attention of the queries [n, heads, width] over keys and values [capacity, kv_heads, width] in `f16` or `f32`, whose
/// first `start + n` positions are filled. Gives [n, heads, width] in `f32`. Query head `h` reads key/value head
/// `h / (heads / kv_heads)`.
pub(crate) fn attention(cpu: &Cpu, q: &Tensor, keys: &Tensor, values: &Tensor, params: Attention) -> Result<Tensor> {
    q.apply_op3_no_bwd(keys, values, &AttentionOp { cpu, params })
}

struct AttentionOp<'a> {
    cpu: &'a Cpu,
    params: Attention,
}

impl CustomOp3 for AttentionOp<'_> {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        keys: &CpuStorage,
        key_layout: &Layout,
        values: &CpuStorage,
        value_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (n, heads, width) = q_layout.shape().dims3()?;
        let (capacity, kv_heads, kv_width) = key_layout.shape().dims3()?;
        let whole = |layout: &Layout| layout.is_contiguous() && layout.start_offset() == 0;
        if key_layout.shape() != value_layout.shape()
            || kv_width != width
            || kv_heads == 0
            || !heads.is_multiple_of(kv_heads)
            || self.params.start + n > capacity
            || !(whole(key_layout) && whole(value_layout))
        {
            candle_core::bail!(
                "attention of {:?} at position {} over a cache of {:?}",
                q_layout.shape(),
                self.params.start,
                key_layout.shape()
            );
        }
        let q = contiguous(q, q_layout)?;
        let mut out = vec![0.0; q.len()];
        let shape = Heads { heads, kv_heads, width };
        match (keys, values) {
            (CpuStorage::F16(keys), CpuStorage::F16(values)) => self.run(q, keys, values, shape, &mut out),
            (CpuStorage::F32(keys), CpuStorage::F32(values)) => self.run(q, keys, values, shape, &mut out),
            _ => candle_core::bail!("attention over a cache that is neither f16 nor f32"),
        }
        Ok((CpuStorage::F32(out), q_layout.shape().clone()))
    }
}

#[derive(Clone, Copy)]
struct Heads {
    heads: usize,
    kv_heads: usize,
    width: usize,
}

impl AttentionOp<'_> {
    fn run<E: Element>(&self, q: &[f32], keys: &[E], values: &[E], shape: Heads, out: &mut [f32]) {
        thread_local! {
            static SCORES: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
        }
        let Heads { heads, kv_heads, width } = shape;
        let group = heads / kv_heads;
        // Query heads that share a key/value head read it together, but not so many that threads go idle.
        let threads = self.cpu.pool.threads();
        let together = [4, 2]
            .into_iter()
            .find(|size| group.is_multiple_of(*size) && q.len() / width / size >= threads);
        let together = together.unwrap_or(1);
        let (size, put) = (together * width, SharedOut::new(out));
        self.cpu.pool.run(q.len() / size, |task| {
            let q = &q[task * size..][..size];
            // SAFETY: each part of the output belongs to one task.
            let out = unsafe { put.slice(task * size, size) };
            let (row, head) = (task * together / heads, task * together % heads);
            let end = self.params.start + row + 1;
            let first = self.params.window.map_or(0, |window| end.saturating_sub(window));
            let begin = (first * kv_heads + head / group) * width;
            let seen = Seen {
                keys: &keys[begin..],
                values: &values[begin..],
                stride: kv_heads * width,
                len: end - first,
            };
            SCORES.with_borrow_mut(|scores| {
                scores.resize(together * seen.len, 0.0);
                let queries = Queries { q, width, scores, out };
                match together {
                    4 => attend::<E, 4>(self.cpu.isa, self.params, &seen, queries),
                    2 => attend::<E, 2>(self.cpu.isa, self.params, &seen, queries),
                    _ => attend::<E, 1>(self.cpu.isa, self.params, &seen, queries),
                }
            });
        });
    }
}

/// The keys and values that a row sees.
struct Seen<'a, E> {
    /// Begins at the first visible position; the next one is `stride` elements on.
    keys: &'a [E],
    values: &'a [E],
    stride: usize,
    len: usize,
}

impl<'a, E> Seen<'a, E> {
    #[inline(always)]
    fn key(&self, at: usize, width: usize) -> &'a [E] {
        &self.keys[at * self.stride..][..width]
    }

    #[inline(always)]
    fn value(&self, at: usize, width: usize) -> &'a [E] {
        &self.values[at * self.stride..][..width]
    }
}

/// Query heads at one position that share a key/value head.
struct Queries<'a> {
    /// [heads, width]
    q: &'a [f32],
    width: usize,
    /// [heads, positions], to work in.
    scores: &'a mut [f32],
    /// [heads, width]
    out: &'a mut [f32],
}

/// Attention of `G` query heads. The arithmetic for a head is the same whatever `G` is.
fn attend<E: Element, const G: usize>(isa: Isa, params: Attention, seen: &Seen<'_, E>, queries: Queries<'_>) {
    match isa {
        Isa::Portable => generic::<E, Plain, G>(params, seen, queries),
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        // SAFETY: every other form exists only where the processor has its instructions.
        _ => unsafe { wide::attend::<E, G>(params, seen, queries) },
    }
}

/// Scores, softmax and the weighted sum of values, position by position in order.
#[inline(always)]
fn generic<E: Element, V: Vector, const G: usize>(params: Attention, seen: &Seen<'_, E>, queries: Queries<'_>) {
    let Queries { q, width, scores, out } = queries;
    let mut at = 0;
    // Several positions at once, so that a query's element is loaded once for all of them.
    while at + 8 / G <= seen.len {
        match G {
            1 => V::dots::<E, G, 8>(q, at, seen, width, scores),
            2 => V::dots::<E, G, 4>(q, at, seen, width, scores),
            _ => V::dots::<E, G, 2>(q, at, seen, width, scores),
        }
        at += 8 / G;
    }
    while at < seen.len {
        V::dots::<E, G, 1>(q, at, seen, width, scores);
        at += 1;
    }
    for scores in scores.chunks_exact_mut(seen.len) {
        for score in scores.iter_mut() {
            *score *= params.scale;
        }
        if let Some(cap) = params.softcap {
            for score in scores.iter_mut() {
                *score = cap * tanh(*score / cap);
            }
        }
        softmax(scores);
    }
    out.fill(0.0);
    let mut at = 0;
    while at + STEP <= seen.len {
        V::add_scaled::<E, G, STEP>(scores, at, seen, width, out);
        at += STEP;
    }
    while at < seen.len {
        V::add_scaled::<E, G, 1>(scores, at, seen, width, out);
        at += 1;
    }
}

/// Positions whose values are added in one pass over the output.
const STEP: usize = 8;

#[inline(always)]
fn softmax(scores: &mut [f32]) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for score in scores.iter_mut() {
        *score = exp(*score - largest);
    }
    let (chunks, rest) = scores.as_chunks::<8>();
    let mut lanes = [0.0_f32; 8];
    for chunk in chunks {
        for lane in 0..8 {
            lanes[lane] += chunk[lane];
        }
    }
    let inverse = 1.0 / (lanes.iter().sum::<f32>() + rest.iter().sum::<f32>());
    for score in scores.iter_mut() {
        *score *= inverse;
    }
}

/// A number format of the cache.
trait Element: Copy + Send + Sync {
    fn widen(self) -> f32;

    /// # Safety
    /// Needs the instruction set of `simd`.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    unsafe fn widen8(eight: &[Self; 8]) -> simd::Floats;
}

impl Element for f32 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }

    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[inline(always)]
    unsafe fn widen8(eight: &[Self; 8]) -> simd::Floats {
        // SAFETY: reads the eight numbers.
        unsafe { simd::load_floats(eight.as_ptr()) }
    }
}

impl Element for f16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self.to_f32()
    }

    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[inline(always)]
    unsafe fn widen8(eight: &[Self; 8]) -> simd::Floats {
        // SAFETY: reads the eight numbers.
        unsafe { simd::load_halves(eight.as_ptr()) }
    }
}

/// How rows are multiplied and added.
trait Vector {
    /// The products of `G` rows of `q`, one after the other, with the keys at `K` positions from `at`, to their places in
    /// `scores`. The arithmetic of a product is the same whatever `G` and `K` are.
    fn dots<E: Element, const G: usize, const K: usize>(
        q: &[f32],
        at: usize,
        seen: &Seen<'_, E>,
        width: usize,
        scores: &mut [f32],
    );

    /// Adds the values at `N` positions from `at` to each of the `G` rows of `out`, times their scores, in order.
    fn add_scaled<E: Element, const G: usize, const N: usize>(
        scores: &[f32],
        at: usize,
        seen: &Seen<'_, E>,
        width: usize,
        out: &mut [f32],
    );
}

struct Plain;

impl Vector for Plain {
    fn dots<E: Element, const G: usize, const K: usize>(
        q: &[f32],
        at: usize,
        seen: &Seen<'_, E>,
        width: usize,
        scores: &mut [f32],
    ) {
        for (head, q) in q.chunks_exact(width).enumerate() {
            for position in at..at + K {
                let key = seen.key(position, width);
                scores[head * seen.len + position] = q.iter().zip(key).map(|(q, key)| q * key.widen()).sum();
            }
        }
    }

    fn add_scaled<E: Element, const G: usize, const N: usize>(
        scores: &[f32],
        at: usize,
        seen: &Seen<'_, E>,
        width: usize,
        out: &mut [f32],
    ) {
        for (head, out) in out.chunks_exact_mut(width).enumerate() {
            for position in at..at + N {
                let score = scores[head * seen.len + position];
                for (out, value) in out.iter_mut().zip(seen.value(position, width)) {
                    *out += score * value.widen();
                }
            }
        }
    }
}
