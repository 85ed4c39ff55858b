//! Attention over widened blocks in vectors of 64 bytes: eight columns of the keys at two positions, 16 columns of a
//! value. What a lane adds is what it adds in vectors of eight, in the same order, so that the bits are the same.
//!
//! No closures: one that the compiler does not inline would be compiled without the caller's target features.

use std::arch::x86_64::*;
use std::ops::Range;

use super::super::simd;
use super::Attention;
use super::blocks::{self, BLOCK, Block, Cached, Element, LANES, Scratch, Vector};
use super::wide::Wide;

/// Positions whose keys are multiplied together.
const POSITIONS: usize = 8;

/// Attention of all queries in `scratch`.
///
/// # Safety
/// Needs AVX-512 beside AVX2, FMA and F16C.
#[target_feature(enable = "avx2,fma,f16c,avx512f")]
pub(super) unsafe fn attend<E: Element>(params: &Attention, cached: Cached<'_, E>, scratch: &mut Scratch) {
    // SAFETY: the instruction set, of which that of `simd` is a part, is the caller's promise.
    let (wide, avx512) = unsafe { (Wide::new(), Avx512::new()) };
    blocks::attend(wide, avx512, params, cached, scratch);
}

/// Vectors of 16 lanes, and those of eight. A value proves that AVX-512 is there.
#[derive(Clone, Copy)]
struct Avx512(Wide);

impl Avx512 {
    /// # Safety
    /// As for [`attend`].
    #[inline(always)]
    unsafe fn new() -> Self {
        // SAFETY: the caller promises AVX2, FMA and F16C, too.
        Self(unsafe { Wide::new() })
    }
}

impl Vector<f32> for Avx512 {
    const TOGETHER: usize = 2;

    #[inline(always)]
    fn widen(self, from: &[f32], to: &mut [f32; 8]) {
        self.0.widen(from, to);
    }

    #[inline(always)]
    fn dots<const G: usize>(self, q: &[f32], at: Range<usize>, block: Block<'_, f32>, scores: &mut [f32]) {
        for position in (at.start / POSITIONS * POSITIONS..at.end).step_by(POSITIONS) {
            // SAFETY: `self` proves the instruction set.
            let sums = unsafe { products::<G>(q, position, block) };
            for (head, sums) in sums.iter().enumerate() {
                scores[head * BLOCK + position..][..POSITIONS].copy_from_slice(sums);
            }
        }
    }

    #[inline(always)]
    fn add_scaled<const G: usize>(self, scores: &[f32], at: Range<usize>, block: Block<'_, f32>, sums: &mut [f32]) {
        blocks::check_sums::<G>(scores, &at, sums);
        if at.is_empty() {
            return;
        }
        let width = sums.len() / G;
        let mut column = 0;
        // SAFETY: `check_sums` has asserted that rows are whole columns and that each position has a score; `self` proves the
        // instruction set.
        unsafe {
            while column + 4 * LANES <= width {
                add_columns::<G, 4>(scores, at.clone(), block, column, width, sums);
                column += 4 * LANES;
            }
            while column < width {
                add_columns::<G, 1>(scores, at.clone(), block, column, width, sums);
                column += LANES;
            }
        }
    }
}

/// The products of `G` queries with the keys at eight positions.
///
/// # Safety
/// Needs the instruction set.
#[inline(always)]
unsafe fn products<const G: usize>(q: &[f32], position: usize, block: Block<'_, f32>) -> [[f32; POSITIONS]; G] {
    let width = q.len() / G;
    let mut keys: [&[f32]; POSITIONS / 2] = [&[]; POSITIONS / 2];
    for (two, key) in keys.iter_mut().enumerate() {
        *key = block.two_keys(position + 2 * two);
        assert!(
            key.len() == 2 * width && width.is_multiple_of(8),
            "keys as wide as queries"
        );
    }
    // SAFETY: `q` has `G` rows of `width`, and the assertion above says that two keys are twice as wide and that the width is
    // whole eights, so that every load lies within a row or two keys. The instruction set is the caller's promise.
    unsafe {
        let mut acc = [[_mm512_setzero_ps(); POSITIONS / 2]; G];
        for column in (0..width).step_by(8) {
            let mut wide = [_mm512_setzero_ps(); POSITIONS / 2];
            for (wide, key) in wide.iter_mut().zip(keys) {
                *wide = _mm512_loadu_ps(key.as_ptr().add(2 * column));
            }
            for (head, acc) in acc.iter_mut().enumerate() {
                let q = _mm256_loadu_pd(q.as_ptr().add(head * width + column).cast());
                let q = _mm512_castpd_ps(_mm512_broadcast_f64x4(q));
                for (acc, key) in acc.iter_mut().zip(wide) {
                    *acc = _mm512_fmadd_ps(q, key, *acc);
                }
            }
        }
        let mut sums = [[0.0; POSITIONS]; G];
        for (sums, acc) in sums.iter_mut().zip(acc) {
            let mut eights = [simd::zero_floats(); POSITIONS];
            for (two, acc) in eights.as_chunks_mut::<2>().0.iter_mut().zip(acc) {
                let high = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(acc));
                *two = [_mm512_castps512_ps256(acc), _mm256_castpd_ps(high)];
            }
            simd::store_floats(sums.as_mut_ptr(), simd::sums(eights));
        }
        sums
    }
}

/// Adds `C` times [`LANES`] columns of the values at some positions to `G` rows of `width` sums.
///
/// # Safety
/// Needs the instruction set; the columns must lie within a row, and there must be scores for the positions.
#[inline(always)]
unsafe fn add_columns<const G: usize, const C: usize>(
    scores: &[f32],
    at: Range<usize>,
    block: Block<'_, f32>,
    column: usize,
    width: usize,
    sums: &mut [f32],
) {
    // SAFETY: the caller promises that the columns lie within the rows, a score for each position and the instruction set;
    // `Block::value` checks its own bounds.
    unsafe {
        let mut acc = [[_mm512_setzero_ps(); C]; G];
        for (head, acc) in acc.iter_mut().enumerate() {
            for (part, acc) in acc.iter_mut().enumerate() {
                *acc = _mm512_loadu_ps(sums.as_ptr().add(head * width + column + LANES * part));
            }
        }
        for position in at {
            let mut values = [_mm512_setzero_ps(); C];
            for (part, value) in values.iter_mut().enumerate() {
                *value = _mm512_loadu_ps(block.value(position, column + LANES * part).as_ptr());
            }
            for (head, acc) in acc.iter_mut().enumerate() {
                let score = _mm512_set1_ps(*scores.get_unchecked(head * BLOCK + position));
                for (acc, value) in acc.iter_mut().zip(values) {
                    *acc = _mm512_fmadd_ps(score, value, *acc);
                }
            }
        }
        for (head, acc) in acc.into_iter().enumerate() {
            for (part, acc) in acc.into_iter().enumerate() {
                _mm512_storeu_ps(sums.as_mut_ptr().add(head * width + column + LANES * part), acc);
            }
        }
    }
}
