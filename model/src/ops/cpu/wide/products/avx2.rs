//! AVX2 multiplies unsigned bytes by signed ones and sums products two by two in 16 bits, where a few such sums fit before
//! they are widened.

use std::arch::x86_64::*;

use super::{Products, Rows};
use crate::ops::cpu::simd::Ints;

/// Sums of two products (`vpmaddubsw`).
pub(in crate::ops::cpu) struct Maddubs;

impl Products for Maddubs {
    #[inline(always)]
    unsafe fn unsigned<const V: usize, const DEPTH: usize, const N: usize>(
        x: Rows<'_, N>,
        w: &[Ints; V],
        column: usize,
        scale: Option<Ints>,
        whole: &mut [Ints; N],
    ) {
        // SAFETY: the caller promises the columns that are multiplied, and AVX2.
        unsafe {
            let by = match scale {
                Some(scale) => scale,
                None => _mm256_set1_epi16(1),
            };
            for (part, w) in w.as_chunks::<DEPTH>().0.iter().enumerate() {
                let mut sums = [_mm256_setzero_si256(); N];
                for (at, w) in w.iter().enumerate() {
                    for (row, sums) in sums.iter_mut().enumerate() {
                        let x = broadcast_four(x.at(row, column + 4 * (part * DEPTH + at)));
                        *sums = _mm256_add_epi16(*sums, _mm256_maddubs_epi16(*w, x));
                    }
                }
                for (whole, sums) in whole.iter_mut().zip(sums) {
                    *whole = _mm256_add_epi32(*whole, _mm256_madd_epi16(sums, by));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn signed<const N: usize>(x: Rows<'_, N>, w: &[Ints; 8], column: usize, whole: &mut [Ints; N]) {
        // SAFETY: the caller promises the columns that are multiplied, and AVX2.
        unsafe {
            let ones = _mm256_set1_epi16(1);
            for (at, w) in w.iter().enumerate() {
                let magnitude = _mm256_abs_epi8(*w);
                for (row, whole) in whole.iter_mut().enumerate() {
                    // The magnitude is at most 128 and an activation at most 127: two products fit 16 bits.
                    let x = _mm256_sign_epi8(broadcast_four(x.at(row, column + 4 * at)), *w);
                    let sums = _mm256_maddubs_epi16(magnitude, x);
                    *whole = _mm256_add_epi32(*whole, _mm256_madd_epi16(sums, ones));
                }
            }
        }
    }
}

/// Four activations, eight times over.
#[inline(always)]
unsafe fn broadcast_four(x: *const i8) -> __m256i {
    // SAFETY: the caller promises four bytes at `x`, and AVX2.
    unsafe { _mm256_set1_epi32(x.cast::<i32>().read_unaligned()) }
}
