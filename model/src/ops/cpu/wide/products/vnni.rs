//! VNNI multiplies unsigned bytes by signed ones and adds four products to a sum in 32 bits at once (`vpdpbusd`). It
//! comes encoded in two ways, for processors with AVX-512 and for those without.
//!
//! Of processors without AVX-512 only the instruction is named, for the assembler, so that nothing else is compiled for
//! those that have it.

use std::arch::asm;
use std::arch::x86_64::*;

use super::{Products, Rows};
use crate::ops::cpu::simd::{self, Ints};

/// Sums of four products (`vpdpbusd`).
pub(in crate::ops::cpu) struct Vnni<E>(std::marker::PhantomData<E>);

/// How the instruction is encoded.
pub(in crate::ops::cpu) trait Encoding {
    /// Adds to each lane of `sums` the products of 16 columns: the lane's four bytes of each vector of `w` with four of the
    /// activations at `x`.
    ///
    /// # Safety
    /// Needs the instruction; 16 bytes must be at `x`.
    unsafe fn dpbusd(x: *const i8, w: &[Ints; 4], sums: Ints) -> Ints;

    /// Adds to each lane of `sums` the products of its two numbers of two bytes with the two at `x` (`vpdpwssd`).
    ///
    /// # Safety
    /// Needs the instruction; two numbers must be at `x`.
    unsafe fn dpwssd(sums: Ints, w: Ints, x: *const i16) -> Ints;
}

/// As AVX-512 encodes it, which repeats four activations in all lanes while it reads them.
pub(in crate::ops::cpu) struct Evex;

/// As AVX-VNNI encodes it.
pub(in crate::ops::cpu) struct Vex;

impl Encoding for Evex {
    #[inline(always)]
    unsafe fn dpbusd(x: *const i8, w: &[Ints; 4], mut sums: Ints) -> Ints {
        for (at, w) in w.iter().enumerate() {
            // SAFETY: the caller promises 16 bytes at `x`, of which each turn reads four, and the instruction.
            unsafe {
                let x = _mm256_set1_epi32(x.add(4 * at).cast::<i32>().read_unaligned());
                sums = _mm256_dpbusd_epi32(sums, *w, x);
            }
        }
        sums
    }

    #[inline(always)]
    unsafe fn dpwssd(sums: Ints, w: Ints, x: *const i16) -> Ints {
        // SAFETY: the caller promises two numbers at `x`, and the instruction.
        unsafe { _mm256_dpwssd_epi32(sums, w, _mm256_set1_epi32(x.cast::<i32>().read_unaligned())) }
    }
}

impl Encoding for Vex {
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn dpbusd(x: *const i8, w: &[Ints; 4], mut sums: Ints) -> Ints {
        for (at, w) in w.iter().enumerate() {
            // SAFETY: the caller promises 16 bytes at `x`, of which each turn reads four, and the instruction, which
            // reads and writes the named registers only.
            unsafe {
                let x = _mm256_set1_epi32(x.add(4 * at).cast::<i32>().read_unaligned());
                asm!(
                    "{{vex}} vpdpbusd {sums}, {w}, {x}",
                    sums = inout(ymm_reg) sums,
                    w = in(ymm_reg) *w,
                    x = in(ymm_reg) x,
                    options(pure, nomem, nostack, preserves_flags)
                );
            }
        }
        sums
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn dpwssd(mut sums: Ints, w: Ints, x: *const i16) -> Ints {
        // SAFETY: the caller promises two numbers at `x`, and the instruction, which reads and writes the named
        // registers only.
        unsafe {
            let x = _mm256_set1_epi32(x.cast::<i32>().read_unaligned());
            asm!(
                "{{vex}} vpdpwssd {sums}, {w}, {x}",
                sums = inout(ymm_reg) sums,
                w = in(ymm_reg) w,
                x = in(ymm_reg) x,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        sums
    }
}

impl<E: Encoding> Products for Vnni<E> {
    #[inline(always)]
    unsafe fn unsigned<const V: usize, const DEPTH: usize, const N: usize>(
        x: Rows<'_, N>,
        w: &[Ints; V],
        column: usize,
        scale: Option<Ints>,
        whole: &mut [Ints; N],
    ) {
        for (row, whole) in whole.iter_mut().enumerate() {
            // SAFETY: the caller promises the columns that are multiplied, and the instruction. The sums are exact
            // whatever the bytes are, so that no depth counts.
            unsafe {
                let x = x.at(row, column);
                *whole = match scale {
                    None => dot_columns::<E, V, N>(x, w, *whole),
                    Some(scale) => scaled(dot_columns::<E, V, N>(x, w, simd::zero_ints()), scale, *whole),
                };
            }
        }
    }

    /// Signed bytes are raised by 128.
    #[inline(always)]
    unsafe fn signed<const N: usize>(x: Rows<'_, N>, w: &[Ints; 8], column: usize, whole: &mut [Ints; N]) {
        // SAFETY: the caller promises the columns that are multiplied, and the instruction.
        unsafe {
            let mut raised = *w;
            for w in &mut raised {
                *w = _mm256_xor_si256(*w, _mm256_set1_epi8(-128));
            }
            for (row, whole) in whole.iter_mut().enumerate() {
                *whole = dot_columns::<E, 8, N>(x.at(row, column), &raised, *whole);
            }
        }
    }

    #[inline(always)]
    unsafe fn add_pair_products(sums: Ints, w: Ints, x: *const i16) -> Ints {
        // SAFETY: the caller promises two numbers at `x`, and the instruction.
        unsafe { E::dpwssd(sums, w, x) }
    }
}

/// Adds the products of `4 * V` columns to `sums`, one of `N`. Where those are few, sums of every 16 columns are made side
/// by side, so that they need not wait for one another.
#[inline(always)]
unsafe fn dot_columns<E: Encoding, const V: usize, const N: usize>(
    x: *const i8,
    w: &[Ints; V],
    mut sums: Ints,
) -> Ints {
    for (part, w) in w.as_chunks::<4>().0.iter().enumerate() {
        // SAFETY: the caller promises `4 * V` activations at `x`, of which each turn takes 16, and the instruction.
        unsafe {
            let x = x.add(16 * part);
            sums = if part > 0 && N <= 2 {
                simd::add(sums, E::dpbusd(x, w, simd::zero_ints()))
            } else {
                E::dpbusd(x, w, sums)
            };
        }
    }
    sums
}

/// `whole + sums * scale`; a lane of `scale` has the row's number twice, in 16 bits.
#[inline(always)]
unsafe fn scaled(sums: Ints, scale: Ints, whole: Ints) -> Ints {
    // SAFETY: no memory is read; AVX2 is the caller's promise.
    unsafe {
        let scale = _mm256_srai_epi32::<16>(scale);
        _mm256_add_epi32(whole, _mm256_mullo_epi32(sums, scale))
    }
}
