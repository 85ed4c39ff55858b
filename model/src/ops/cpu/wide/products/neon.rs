//! NEON multiplies signed bytes by signed ones; the unsigned weights of all formats are below 64, so that they are both.

use std::arch::aarch64::*;
use std::arch::asm;

use super::{Products, Rows};
use crate::ops::cpu::simd::{self, Ints};

/// With the dot product extension (`sdot`): sums of four products, in 32 bits.
pub(in crate::ops::cpu) struct Sdot;

impl Products for Sdot {
    #[inline(always)]
    unsafe fn unsigned<const V: usize, const DEPTH: usize, const N: usize>(
        x: Rows<'_, N>,
        w: &[Ints; V],
        column: usize,
        scale: Option<Ints>,
        whole: &mut [Ints; N],
    ) {
        for (row, whole) in whole.iter_mut().enumerate() {
            // SAFETY: the caller promises the columns that are multiplied, and the extension.
            unsafe {
                let x = x.at(row, column);
                *whole = match scale {
                    None => dot_columns(x, w, *whole),
                    Some(scale) => scaled(dot_columns(x, w, simd::zero_ints()), scale, *whole),
                };
            }
        }
    }

    #[inline(always)]
    unsafe fn signed<const N: usize>(x: Rows<'_, N>, w: &[Ints; 8], column: usize, whole: &mut [Ints; N]) {
        // SAFETY: the caller promises the columns that are multiplied, and the extension. The sums are exact whatever
        // the bytes are, so that no depth counts.
        unsafe { Self::unsigned::<8, 1, N>(x, w, column, None, whole) }
    }
}

/// Adds the products of `4 * V` columns to `sums`.
#[inline(always)]
unsafe fn dot_columns<const V: usize>(x: *const i8, w: &[Ints; V], mut sums: Ints) -> Ints {
    for (part, w) in w.as_chunks::<4>().0.iter().enumerate() {
        // SAFETY: the caller promises `4 * V` activations at `x`, of which each turn reads 16, and the extension.
        unsafe {
            let x = vld1q_s8(x.add(16 * part));
            sums = dot_four::<0>(x, w[0], sums);
            sums = dot_four::<1>(x, w[1], sums);
            sums = dot_four::<2>(x, w[2], sums);
            sums = dot_four::<3>(x, w[3], sums);
        }
    }
    sums
}

/// Adds the products of eight rows' four columns with the four activations of lane `LANE`.
#[inline(always)]
unsafe fn dot_four<const LANE: i32>(x: int8x16_t, w: Ints, sums: Ints) -> Ints {
    // SAFETY: no memory is read; the extension is the caller's promise.
    unsafe { int32x4x2_t(sdot::<LANE>(x, w.0, sums.0), sdot::<LANE>(x, w.1, sums.1)) }
}

/// Adds to each lane of `sums` the products of its four bytes in `w` with the four in lane `LANE` of `x`.
#[inline(always)]
unsafe fn sdot<const LANE: i32>(x: int8x16_t, w: int32x4_t, mut sums: int32x4_t) -> int32x4_t {
    // SAFETY: the instruction reads and writes the named registers only, and leaves flags and memory alone; the
    // extension is the caller's promise. It is named for the assembler only here, so that nothing else is compiled for
    // it.
    unsafe {
        asm!(
            ".arch_extension dotprod",
            "sdot {sums:v}.4s, {w:v}.16b, {x:v}.4b[{lane}]",
            sums = inout(vreg) sums,
            w = in(vreg) w,
            x = in(vreg) x,
            lane = const LANE,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sums
}

/// Without that extension: products in 16 bits, summed while they fit, then widened (`smlal`).
pub(in crate::ops::cpu) struct Widening;

impl Products for Widening {
    #[inline(always)]
    unsafe fn unsigned<const V: usize, const DEPTH: usize, const N: usize>(
        x: Rows<'_, N>,
        w: &[Ints; V],
        column: usize,
        scale: Option<Ints>,
        whole: &mut [Ints; N],
    ) {
        const { assert!(V <= 2 * DEPTH, "the products of all vectors fit 16 bits") };
        for (row, whole) in whole.iter_mut().enumerate() {
            // SAFETY: the caller promises the columns that are multiplied; every aarch64 processor has NEON.
            unsafe {
                let sums = widening(x.at(row, column), w);
                *whole = match scale {
                    None => simd::add(*whole, sums),
                    Some(scale) => scaled(sums, scale, *whole),
                };
            }
        }
    }

    #[inline(always)]
    unsafe fn signed<const N: usize>(x: Rows<'_, N>, w: &[Ints; 8], column: usize, whole: &mut [Ints; N]) {
        for (part, w) in w.as_chunks::<2>().0.iter().enumerate() {
            // SAFETY: the caller promises the columns that are multiplied; every aarch64 processor has NEON. A weight is
            // at least -128 and an activation at most 127 either way: two products fit 16 bits.
            unsafe { Self::unsigned::<2, 1, N>(x, w, column + 8 * part, None, whole) };
        }
    }
}

/// The products of `4 * V` columns, which must fit 16 bits.
#[inline(always)]
unsafe fn widening<const V: usize>(x: *const i8, w: &[Ints; V]) -> Ints {
    // SAFETY: the caller promises `4 * V` activations at `x`, of which each turn reads four; every aarch64 processor has
    // NEON.
    unsafe {
        // Four sums for each row, of two rows a vector.
        let mut sums = [vdupq_n_s16(0); 4];
        for (at, w) in w.iter().enumerate() {
            let x = vdupq_n_s32(x.add(4 * at).cast::<i32>().read_unaligned());
            let x = vreinterpretq_s8_s32(x);
            let (low, high) = (vreinterpretq_s8_s32(w.0), vreinterpretq_s8_s32(w.1));
            sums = [
                vmlal_s8(sums[0], vget_low_s8(low), vget_low_s8(x)),
                vmlal_high_s8(sums[1], low, x),
                vmlal_s8(sums[2], vget_low_s8(high), vget_low_s8(x)),
                vmlal_high_s8(sums[3], high, x),
            ];
        }
        int32x4x2_t(
            vpaddq_s32(vpaddlq_s16(sums[0]), vpaddlq_s16(sums[1])),
            vpaddq_s32(vpaddlq_s16(sums[2]), vpaddlq_s16(sums[3])),
        )
    }
}

/// `whole + sums * scale`; a lane of `scale` has the row's number twice, in 16 bits.
#[inline(always)]
fn scaled(sums: Ints, scale: Ints, whole: Ints) -> Ints {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe {
        int32x4x2_t(
            vmlaq_s32(whole.0, sums.0, vshrq_n_s32::<16>(scale.0)),
            vmlaq_s32(whole.1, sums.1, vshrq_n_s32::<16>(scale.1)),
        )
    }
}
