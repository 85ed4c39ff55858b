//! Causal attention over the key/value cache, with grouped heads, sliding windows and score soft-capping.

use std::cell::RefCell;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use half::f16;
use rayon::prelude::*;

use super::Isa;
use super::math::{exp, tanh};
use super::matmul::contiguous;

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
pub(crate) fn attention(isa: Isa, q: &Tensor, keys: &Tensor, values: &Tensor, params: Attention) -> Result<Tensor> {
    q.apply_op3_no_bwd(keys, values, &AttentionOp { isa, params })
}

struct AttentionOp {
    isa: Isa,
    params: Attention,
}

impl CustomOp3 for AttentionOp {
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

impl AttentionOp {
    fn run<E: Element>(&self, q: &[f32], keys: &[E], values: &[E], shape: Heads, out: &mut [f32]) {
        thread_local! {
            static SCORES: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
        }
        let Heads { heads, kv_heads, width } = shape;
        let rows = out.par_chunks_exact_mut(width).zip(q.par_chunks_exact(width)).enumerate();
        rows.for_each(|(at, (out, q))| {
            let end = self.params.start + at / heads + 1;
            let first = self.params.window.map_or(0, |window| end.saturating_sub(window));
            let kv_head = at % heads / (heads / kv_heads);
            let row = Row {
                q,
                keys: &keys[(first * kv_heads + kv_head) * width..],
                values: &values[(first * kv_heads + kv_head) * width..],
                stride: kv_heads * width,
                len: end - first,
            };
            SCORES.with_borrow_mut(|scores| {
                scores.resize(row.len, 0.0);
                match self.isa {
                    Isa::Portable => row.attend::<Plain>(self.params, scores, out),
                    #[cfg(target_arch = "x86_64")]
                    // SAFETY: `Isa::Avx2` exists only where the processor has AVX2, FMA and F16C.
                    Isa::Avx2 => unsafe { attend_avx2(&row, self.params, scores, out) },
                }
            });
        });
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn attend_avx2<E: Element>(row: &Row<'_, E>, params: Attention, scores: &mut [f32], out: &mut [f32]) {
    row.attend::<avx2::Avx2>(params, scores, out);
}

/// One query head at one position, with the keys and values that it sees.
struct Row<'a, E> {
    q: &'a [f32],
    /// Begins at the first visible position; the next one is `stride` elements on.
    keys: &'a [E],
    values: &'a [E],
    stride: usize,
    len: usize,
}

impl<E: Element> Row<'_, E> {
    /// Scores, softmax and the weighted sum of values, position by position in order.
    #[inline(always)]
    fn attend<V: Vector>(&self, params: Attention, scores: &mut [f32], out: &mut [f32]) {
        let width = self.q.len();
        let mut largest = f32::NEG_INFINITY;
        for (at, score) in scores.iter_mut().enumerate() {
            let product = V::dot(self.q, &self.keys[at * self.stride..][..width]) * params.scale;
            *score = match params.softcap {
                Some(cap) => cap * tanh(product / cap),
                None => product,
            };
            largest = largest.max(*score);
        }
        let mut total = 0.0;
        for score in scores.iter_mut() {
            *score = exp(*score - largest);
            total += *score;
        }
        out.fill(0.0);
        for (at, score) in scores.iter().enumerate() {
            V::add_scaled(*score / total, &self.values[at * self.stride..][..width], out);
        }
    }
}

/// A number format of the cache.
trait Element: Copy + Send + Sync {
    fn widen(self) -> f32;

    /// # Safety
    /// Needs AVX and F16C.
    #[cfg(target_arch = "x86_64")]
    unsafe fn widen8(eight: &[Self; 8]) -> std::arch::x86_64::__m256;
}

impl Element for f32 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn widen8(eight: &[Self; 8]) -> std::arch::x86_64::__m256 {
        // SAFETY: reads the eight numbers; the caller vouches for AVX.
        unsafe { std::arch::x86_64::_mm256_loadu_ps(eight.as_ptr()) }
    }
}

impl Element for f16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self.to_f32()
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    unsafe fn widen8(eight: &[Self; 8]) -> std::arch::x86_64::__m256 {
        use std::arch::x86_64::{_mm_loadu_si128, _mm256_cvtph_ps};
        // SAFETY: reads the sixteen bytes of the eight numbers; the caller vouches for F16C.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(eight.as_ptr().cast())) }
    }
}

/// How whole rows are multiplied and added.
trait Vector {
    fn dot<E: Element>(a: &[f32], b: &[E]) -> f32;
    fn add_scaled<E: Element>(factor: f32, v: &[E], out: &mut [f32]);
}

struct Plain;

impl Vector for Plain {
    #[inline(always)]
    fn dot<E: Element>(a: &[f32], b: &[E]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b.widen()).sum()
    }

    #[inline(always)]
    fn add_scaled<E: Element>(factor: f32, v: &[E], out: &mut [f32]) {
        for (out, v) in out.iter_mut().zip(v) {
            *out += factor * v.widen();
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    use super::{Element, Vector};

    /// Used only inside `attend_avx2`, which enables AVX2, FMA and F16C.
    pub(super) struct Avx2;

    impl Vector for Avx2 {
        #[inline(always)]
        fn dot<E: Element>(a: &[f32], b: &[E]) -> f32 {
            let (a_chunks, a_rest) = a.as_chunks::<8>();
            let (b_chunks, b_rest) = b.as_chunks::<8>();
            // SAFETY: loads are of eight numbers each; the features are enabled by the only caller.
            let sum = unsafe {
                // Two sums, so that one addition need not wait for the other.
                let mut acc = [_mm256_setzero_ps(); 2];
                for (at, (a, b)) in a_chunks.iter().zip(b_chunks).enumerate() {
                    acc[at % 2] = _mm256_fmadd_ps(_mm256_loadu_ps(a.as_ptr()), E::widen8(b), acc[at % 2]);
                }
                super::super::dot::avx2::sum(_mm256_add_ps(acc[0], acc[1]))
            };
            a_rest.iter().zip(b_rest).fold(sum, |sum, (a, b)| sum + a * b.widen())
        }

        #[inline(always)]
        fn add_scaled<E: Element>(factor: f32, v: &[E], out: &mut [f32]) {
            let (v_chunks, v_rest) = v.as_chunks::<8>();
            let (out_chunks, out_rest) = out.as_chunks_mut::<8>();
            for (out, v) in out_chunks.iter_mut().zip(v_chunks) {
                // SAFETY: loads and stores are of eight numbers each; the features are enabled by the only caller.
                unsafe {
                    let sum = _mm256_fmadd_ps(_mm256_set1_ps(factor), E::widen8(v), _mm256_loadu_ps(out.as_ptr()));
                    _mm256_storeu_ps(out.as_mut_ptr(), sum);
                }
            }
            for (out, v) in out_rest.iter_mut().zip(v_rest) {
                *out += factor * v.widen();
            }
        }
    }
}
