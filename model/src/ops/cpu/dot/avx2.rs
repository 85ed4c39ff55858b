//! The products with AVX2 and FMA.
//!
//! No closures here: one that the compiler does not inline would be compiled without the caller's target features.

use std::arch::x86_64::*;

use super::super::activations::Activations;
use super::super::blocks::Scaling;
use super::super::panel::{Panel, ROWS};

/// Activation rows that meet a weight vector while it is in a register.
const TILE: usize = 4;

/// # Safety
/// Needs AVX2 and FMA; sizes must agree as `super::accumulate` checks.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn accumulate(
    scaling: Scaling,
    panel: &Panel,
    x: &Activations,
    first: usize,
    column: usize,
    cols: usize,
    sums: &mut [[f32; ROWS]],
) {
    let mut at = 0;
    while at < sums.len() {
        let rows = TILE.min(sums.len() - at);
        let tile = Tile {
            panel,
            x,
            begin: (first + at) * x.cols + column,
            blocks: cols / x.group,
        };
        let sums = &mut sums[at..at + rows];
        // SAFETY: the tile's rows and columns lie within the activations and the panel, by the caller's checks.
        unsafe {
            match rows {
                1 => tile.run::<1>(scaling, sums),
                2 => tile.run::<2>(scaling, sums),
                3 => tile.run::<3>(scaling, sums),
                _ => tile.run::<TILE>(scaling, sums),
            }
        }
        at += rows;
    }
}

/// Some activation rows and the columns that a panel holds.
#[derive(Clone, Copy)]
struct Tile<'a> {
    panel: &'a Panel,
    x: &'a Activations,
    /// The first activation.
    begin: usize,
    blocks: usize,
}

impl Tile<'_> {
    /// # Safety
    /// As for [`accumulate`]; `sums` has `N` vectors.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn run<const N: usize>(self, scaling: Scaling, sums: &mut [[f32; ROWS]]) {
        // How many products of two fit 16 bits: 4-bit weights 8, 5-bit 4, 6-bit 2. The formats with an offset of 8 have 4
        // bits and so on; where two formats share a scaling, the wider one decides.
        // SAFETY: passed on to the caller.
        unsafe {
            match scaling {
                Scaling::Offset(8) => self.plain::<N, 8, true, false>(8, sums),
                Scaling::Offset(offset) => self.plain::<N, 4, true, false>(offset, sums),
                Scaling::Added => self.plain::<N, 4, false, true>(0, sums),
                Scaling::Signed => self.signed::<N>(sums),
                Scaling::Super { run: 32, .. } => self.superblocks::<N, 32, 4, false>(sums),
                Scaling::Super { offset: true, .. } => self.superblocks::<N, 16, 2, true>(sums),
                Scaling::Super { .. } => self.superblocks::<N, 16, 2, false>(sums),
            }
        }
    }

    /// Vector `at` of the panel's weights.
    #[inline(always)]
    unsafe fn weights(self, at: usize) -> __m256i {
        // SAFETY: the caller stays within the panel's columns.
        unsafe { _mm256_loadu_si256(self.panel.q.as_ptr().cast::<__m256i>().add(at)) }
    }

    /// Four activations of a row, eight times over.
    #[inline(always)]
    unsafe fn activations(self, row: usize, column: usize) -> __m256i {
        // SAFETY: the caller stays within the rows and columns of the tile.
        unsafe {
            let at = self.x.q.as_ptr().add(self.begin + row * self.x.cols + column);
            _mm256_set1_epi32(at.cast::<i32>().read_unaligned())
        }
    }

    #[inline(always)]
    unsafe fn scale(self, row: usize, block: usize, group: usize) -> __m256 {
        // SAFETY: the caller stays within the rows and blocks of the tile.
        unsafe {
            let at = (self.begin + row * self.x.cols) / group + block;
            _mm256_broadcast_ss(self.x.scale.get_unchecked(at))
        }
    }

    /// Blocks of 32 unsigned weights, `DEPTH` products of two summed in 16 bits.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn plain<const N: usize, const DEPTH: usize, const OFFSET: bool, const ADDED: bool>(
        self,
        offset: i32,
        sums: &mut [[f32; ROWS]],
    ) {
        let ones = _mm256_set1_epi16(1);
        // SAFETY: rows below N, columns below 32 * blocks, and one scale and sum for each block.
        unsafe {
            let mut acc = load::<N>(sums);
            for block in 0..self.blocks {
                let mut whole = [_mm256_setzero_si256(); N];
                for part in 0..8 / DEPTH {
                    let mut pairs = [_mm256_setzero_si256(); N];
                    for at in part * DEPTH..(part + 1) * DEPTH {
                        let w = self.weights(8 * block + at);
                        for (row, pairs) in pairs.iter_mut().enumerate() {
                            let x = self.activations(row, 32 * block + 4 * at);
                            *pairs = _mm256_add_epi16(*pairs, _mm256_maddubs_epi16(w, x));
                        }
                    }
                    for (whole, pairs) in whole.iter_mut().zip(pairs) {
                        *whole = _mm256_add_epi32(*whole, _mm256_madd_epi16(pairs, ones));
                    }
                }
                let w_scale = _mm256_loadu_ps(self.panel.scale.get_unchecked(block).as_ptr());
                for row in 0..N {
                    let x_scale = self.scale(row, block, 32);
                    let x_sum = i32::from(*self.x.sum.get_unchecked((self.begin + row * self.x.cols) / 32 + block));
                    if OFFSET {
                        whole[row] = _mm256_sub_epi32(whole[row], _mm256_set1_epi32(offset * x_sum));
                    }
                    let scale = _mm256_mul_ps(w_scale, x_scale);
                    acc[row] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole[row]), scale, acc[row]);
                    if ADDED {
                        let w_added = _mm256_loadu_ps(self.panel.min.get_unchecked(block).as_ptr());
                        let added = _mm256_mul_ps(w_added, x_scale);
                        acc[row] = _mm256_fmadd_ps(_mm256_set1_ps(x_sum as f32), added, acc[row]);
                    }
                }
            }
            store(acc, sums);
        }
    }

    /// Blocks of 32 signed weights.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn signed<const N: usize>(self, sums: &mut [[f32; ROWS]]) {
        let ones = _mm256_set1_epi16(1);
        // SAFETY: rows below N, columns below 32 * blocks, and one scale for each block.
        unsafe {
            let mut acc = load::<N>(sums);
            for block in 0..self.blocks {
                let mut whole = [_mm256_setzero_si256(); N];
                for at in 0..8 {
                    let w = self.weights(8 * block + at);
                    let magnitude = _mm256_abs_epi8(w);
                    for (row, whole) in whole.iter_mut().enumerate() {
                        // The magnitude is at most 128 and an activation at most 127: two products fit 16 bits.
                        let x = _mm256_sign_epi8(self.activations(row, 32 * block + 4 * at), w);
                        let pairs = _mm256_maddubs_epi16(magnitude, x);
                        *whole = _mm256_add_epi32(*whole, _mm256_madd_epi16(pairs, ones));
                    }
                }
                let w_scale = _mm256_loadu_ps(self.panel.scale.get_unchecked(block).as_ptr());
                for row in 0..N {
                    let scale = _mm256_mul_ps(w_scale, self.scale(row, block, 32));
                    acc[row] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole[row]), scale, acc[row]);
                }
            }
            store(acc, sums);
        }
    }

    /// Blocks of 256 in runs of `RUN`, `DEPTH` products of two summed in 16 bits.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn superblocks<const N: usize, const RUN: usize, const DEPTH: usize, const OFFSET: bool>(
        self,
        sums: &mut [[f32; ROWS]],
    ) {
        let runs = 256 / RUN;
        // SAFETY: rows below N, columns below 256 * blocks, a scale for each block, and a sum for each run.
        unsafe {
            let mut acc = load::<N>(sums);
            for block in 0..self.blocks {
                let mut products = [_mm256_setzero_si256(); N];
                let mut minima = [_mm256_setzero_si256(); N];
                for run in 0..runs {
                    let w_scale = vector(self.panel.run_scale.get_unchecked(block * runs + run));
                    for part in 0..RUN / 4 / DEPTH {
                        let mut pairs = [_mm256_setzero_si256(); N];
                        for at in part * DEPTH..(part + 1) * DEPTH {
                            let w = self.weights(64 * block + RUN / 4 * run + at);
                            for (row, pairs) in pairs.iter_mut().enumerate() {
                                let x = self.activations(row, 256 * block + RUN * run + 4 * at);
                                *pairs = _mm256_add_epi16(*pairs, _mm256_maddubs_epi16(w, x));
                            }
                        }
                        for (products, pairs) in products.iter_mut().zip(pairs) {
                            *products = _mm256_add_epi32(*products, _mm256_madd_epi16(pairs, w_scale));
                        }
                    }
                }
                for pair in 0..runs / 2 {
                    let w_min = vector(self.panel.run_min.get_unchecked((block * runs) / 2 + pair));
                    for (row, minima) in minima.iter_mut().enumerate() {
                        let at = (self.begin + row * self.x.cols + 256 * block) / RUN + 2 * pair;
                        let x_sums = self.x.sum.as_ptr().add(at).cast::<i32>().read_unaligned();
                        *minima = _mm256_add_epi32(*minima, _mm256_madd_epi16(w_min, _mm256_set1_epi32(x_sums)));
                    }
                }
                let w_scale = _mm256_loadu_ps(self.panel.scale.get_unchecked(block).as_ptr());
                let w_min = _mm256_loadu_ps(self.panel.min.get_unchecked(block).as_ptr());
                for row in 0..N {
                    let x_scale = self.scale(row, block, 256);
                    let scale = _mm256_mul_ps(w_scale, x_scale);
                    if OFFSET {
                        let whole = _mm256_cvtepi32_ps(_mm256_sub_epi32(products[row], minima[row]));
                        acc[row] = _mm256_fmadd_ps(whole, scale, acc[row]);
                    } else {
                        acc[row] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products[row]), scale, acc[row]);
                        let min = _mm256_mul_ps(w_min, x_scale);
                        acc[row] = _mm256_fnmadd_ps(_mm256_cvtepi32_ps(minima[row]), min, acc[row]);
                    }
                }
            }
            store(acc, sums);
        }
    }
}

#[inline(always)]
unsafe fn vector(numbers: &[[i16; 2]; ROWS]) -> __m256i {
    // SAFETY: 32 bytes; the caller has AVX2.
    unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) }
}

#[inline(always)]
unsafe fn load<const N: usize>(sums: &[[f32; ROWS]]) -> [__m256; N] {
    // SAFETY: eight numbers each; the caller has AVX2.
    unsafe {
        let mut acc = [_mm256_setzero_ps(); N];
        for (acc, sums) in acc.iter_mut().zip(sums) {
            *acc = _mm256_loadu_ps(sums.as_ptr());
        }
        acc
    }
}

#[inline(always)]
unsafe fn store<const N: usize>(acc: [__m256; N], sums: &mut [[f32; ROWS]]) {
    for (acc, sums) in acc.into_iter().zip(sums) {
        // SAFETY: eight numbers; the caller has AVX2.
        unsafe { _mm256_storeu_ps(sums.as_mut_ptr(), acc) };
    }
}

/// The sum of the eight lanes, in a fixed order.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(in super::super) fn sum(v: __m256) -> f32 {
    let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
    let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
    _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)))
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn floats(w: &[f32], x: &[f32]) -> [f32; 4] {
    let len = x.len();
    let mut acc = [_mm256_setzero_ps(); 4];
    let (chunks, rest) = x.as_chunks::<8>();
    for (at, x) in chunks.iter().enumerate() {
        for (row, acc) in acc.iter_mut().enumerate() {
            let w: &[f32; 8] = w[row * len + 8 * at..][..8].as_array().expect("eight weights");
            // SAFETY: both point to eight numbers.
            unsafe { *acc = _mm256_fmadd_ps(_mm256_loadu_ps(w.as_ptr()), _mm256_loadu_ps(x.as_ptr()), *acc) };
        }
    }
    let mut out = [0.0; 4];
    for (row, (out, acc)) in out.iter_mut().zip(acc).enumerate() {
        *out = sum(acc);
        let w_rest = &w[row * len + len - rest.len()..][..rest.len()];
        for (w, x) in w_rest.iter().zip(rest) {
            *out += w * x;
        }
    }
    out
}
