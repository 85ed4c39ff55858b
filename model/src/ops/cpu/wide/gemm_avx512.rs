//! Products of 16 packed weight rows with many activation rows, in vectors of 64 bytes: each holds four columns of the first
//! eight rows, then of the other eight.
//!
//! The arithmetic for a weight row is that of `gemm`, operation by operation, so that it gives the same bits. It is done
//! for more rows and columns at once: the sums of eight activation rows take turns, none of them waits for itself, and
//! an activation is read once for 16 weight rows.

use std::arch::x86_64::*;

use super::super::activations::Activations;
use super::super::dot::Operands;
use super::super::packed::{PackedRows, ROWS};
use crate::container::Format;

/// Adds the products of the packed columns with the first activation rows to `sums`, those of the first eight weight rows
/// and those of the others.
///
/// # Safety
/// Needs AVX-512 with BW and VL, and operands that [`Operands::fit`] as many activation rows as there are sums of each
/// eight.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl")]
pub(in super::super) unsafe fn gemm_maddubs(operands: &Operands<'_>, sums: [&mut [[f32; ROWS]]; 2]) {
    // SAFETY: `gemm` needs what this function needs, which `dot::gemm` asserts; `Maddubs` needs what this function is
    // compiled for.
    unsafe { gemm::<Maddubs>(operands, sums) };
}

/// What [`gemm_maddubs`] computes, with VNNI.
///
/// # Safety
/// As for [`gemm_maddubs`], and needs AVX512_VNNI.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
pub(in super::super) unsafe fn gemm_vnni(operands: &Operands<'_>, sums: [&mut [[f32; ROWS]]; 2]) {
    // SAFETY: `gemm` needs what this function needs, which `dot::gemm` asserts; `Vnni` needs what this function is
    // compiled for.
    unsafe { gemm::<Vnni>(operands, sums) };
}

/// # Safety
/// As for [`gemm_maddubs`], and needs what `P` does.
#[inline(always)]
unsafe fn gemm<P: Products>(operands: &Operands<'_>, sums: [&mut [[f32; ROWS]]; 2]) {
    let [first, second] = sums;
    let mut row = 0;
    while row < first.len() {
        let sums = [&mut first[row..], &mut second[row..]];
        // SAFETY: `dot::gemm` has asserted that there is an activation row for each sum, and both eights have as many;
        // no tile takes more rows than there are left.
        row += unsafe {
            match sums[0].len() {
                8.. => tile::<P, 8>(operands, row, sums),
                4.. => tile::<P, 4>(operands, row, sums),
                2.. => tile::<P, 2>(operands, row, sums),
                _ => tile::<P, 1>(operands, row, sums),
            }
        };
    }
}

/// Adds the products with `N` activation rows from `row` on. Gives `N`.
#[inline(always)]
unsafe fn tile<P: Products, const N: usize>(
    operands: &Operands<'_>,
    row: usize,
    sums: [&mut [[f32; ROWS]]; 2],
) -> usize {
    let Operands { format, x, column, .. } = *operands;
    let (x, [first, second]) = (Rows { x, row, column }, sums);
    // SAFETY: there are `N` activation rows from `row` on, as the caller promises; the sums are indexed with checks.
    unsafe {
        let mut acc = [_mm512_setzero_ps(); N];
        for (row, acc) in acc.iter_mut().enumerate() {
            *acc = both_floats(&first[row], &second[row]);
        }
        by_format!(format, P, N, (operands, x, &mut acc));
        for (row, acc) in acc.into_iter().enumerate() {
            _mm256_storeu_ps(first[row].as_mut_ptr(), _mm512_castps512_ps256(acc));
            let high = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(acc));
            _mm256_storeu_ps(second[row].as_mut_ptr(), _mm256_castpd_ps(high));
        }
    }
    N
}

/// Blocks of 32 columns. `DEPTH` 0 stands for signed weights.
#[inline(always)]
unsafe fn plain<P: Products, const N: usize, const DEPTH: usize, const ADDED: bool>(
    operands: &Operands<'_>,
    x: Rows<'_>,
    acc: &mut [__m512; N],
) {
    let [a, b] = operands.packed;
    // SAFETY: `dot::gemm` has asserted that the operands fit: there are 32 columns of each block, and with them its
    // scale.
    unsafe {
        for block in 0..operands.cols / 32 {
            let mut whole = [_mm512_setzero_si512(); N];
            for (row, whole) in whole.iter_mut().enumerate() {
                *whole = _mm512_set1_epi32(*x.x.start.get_unchecked(x.group(row, 32) + block));
            }
            if DEPTH == 0 {
                P::signed(operands.packed, x, 8 * block, &mut whole);
            } else {
                P::unsigned::<8, DEPTH, N>(operands.packed, x, 8 * block, None, &mut whole);
            }
            let scale = both_floats(a.scale.get_unchecked(block), b.scale.get_unchecked(block));
            for (row, acc) in acc.iter_mut().enumerate() {
                let at = x.group(row, 32) + block;
                let x_scale = _mm512_set1_ps(*x.x.scale.get_unchecked(at));
                *acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole[row]), _mm512_mul_ps(scale, x_scale), *acc);
                if ADDED {
                    let added = both_floats(a.min.get_unchecked(block), b.min.get_unchecked(block));
                    let x_sum = _mm512_set1_ps(f32::from(*x.x.sum.get_unchecked(at)));
                    *acc = _mm512_fmadd_ps(x_sum, _mm512_mul_ps(added, x_scale), *acc);
                }
            }
        }
    }
}

/// Blocks of 256 columns in runs of `RUN`, which are `V` vectors.
#[inline(always)]
unsafe fn superblocks<
    P: Products,
    const N: usize,
    const RUN: usize,
    const V: usize,
    const DEPTH: usize,
    const OFFSET: bool,
>(
    operands: &Operands<'_>,
    x: Rows<'_>,
    acc: &mut [__m512; N],
) {
    let ([a, b], runs) = (operands.packed, 256 / RUN);
    // SAFETY: `dot::gemm` has asserted that the operands fit: there are 256 columns of each block, and with them its
    // scales and minima.
    unsafe {
        for block in 0..operands.cols / 256 {
            let mut products = [_mm512_setzero_si512(); N];
            for run in runs * block..runs * (block + 1) {
                let scale = both(a.run_scale.get_unchecked(run), b.run_scale.get_unchecked(run));
                P::unsigned::<V, DEPTH, N>(operands.packed, x, V * run, Some(scale), &mut products);
            }
            let mut minimum = [_mm512_setzero_si512(); N];
            for pair in 0..runs / 2 {
                let at = runs / 2 * block + pair;
                let minima = both(a.run_min.get_unchecked(at), b.run_min.get_unchecked(at));
                for (row, minimum) in minimum.iter_mut().enumerate() {
                    let sums = x.x.sum.as_ptr().add(x.group(row, RUN) + 2 * at);
                    let sums = _mm512_set1_epi32(sums.cast::<i32>().read_unaligned());
                    *minimum = P::add_pair_products(*minimum, minima, sums);
                }
            }
            let d = both_floats(a.scale.get_unchecked(block), b.scale.get_unchecked(block));
            let d_min = both_floats(a.min.get_unchecked(block), b.min.get_unchecked(block));
            for (row, acc) in acc.iter_mut().enumerate() {
                let x_scale = _mm512_set1_ps(*x.x.scale.get_unchecked(x.group(row, 256) + block));
                let scale = _mm512_mul_ps(d, x_scale);
                if OFFSET {
                    let whole = _mm512_sub_epi32(products[row], minimum[row]);
                    *acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(whole), scale, *acc);
                } else {
                    *acc = _mm512_fmadd_ps(_mm512_cvtepi32_ps(products[row]), scale, *acc);
                    let (minimum, d_min) = (_mm512_cvtepi32_ps(minimum[row]), _mm512_mul_ps(d_min, x_scale));
                    *acc = _mm512_fnmadd_ps(minimum, d_min, *acc);
                }
            }
        }
    }
}

/// Activation rows from a row and a column on.
#[derive(Clone, Copy)]
struct Rows<'a> {
    x: &'a Activations,
    row: usize,
    column: usize,
}

impl Rows<'_> {
    /// The place of a row's first group of so many columns.
    #[inline(always)]
    fn group(self, row: usize, len: usize) -> usize {
        ((self.row + row) * self.x.cols + self.column) / len
    }

    /// The activations that meet vector `vector`, in all lanes.
    #[inline(always)]
    unsafe fn broadcast_four(self, row: usize, vector: usize) -> __m512i {
        // SAFETY: the caller stays within the rows and columns of which `Activations::hold` was asserted, and promises
        // AVX-512.
        unsafe {
            let x = self.x.q.as_ptr().add(self.group(row, 1) + 4 * vector);
            _mm512_set1_epi32(x.cast::<i32>().read_unaligned())
        }
    }
}

/// How bytes are multiplied and products summed. The sums are exact.
///
/// # Safety
/// All functions need the instruction set, and the vectors and activations that they are to multiply.
trait Products {
    /// Adds to `whole` the products of `V` vectors of unsigned columns from vector `at` on, times the scale of a run (each
    /// of the 16 twice, in 16 bits) where there is one. `2 * DEPTH` products fit 16 bits.
    unsafe fn unsigned<const V: usize, const DEPTH: usize, const N: usize>(
        packed: [&PackedRows; 2],
        x: Rows<'_>,
        at: usize,
        scale: Option<__m512i>,
        whole: &mut [__m512i; N],
    );

    /// Adds to `whole` the products of 32 signed columns. A form may add the same number to each weight and
    /// leave it to [`Activations::start`] that the sums come out right.
    unsafe fn signed<const N: usize>(packed: [&PackedRows; 2], x: Rows<'_>, at: usize, whole: &mut [__m512i; N]);

    /// `sums` and the products of numbers of two bytes, in each lane of two.
    unsafe fn add_pair_products(sums: __m512i, a: __m512i, b: __m512i) -> __m512i;
}

/// Sums of two products (`vpmaddubsw`), added in 16 bits as far as they fit.
struct Maddubs;

impl Products for Maddubs {
    #[inline(always)]
    unsafe fn unsigned<const V: usize, const DEPTH: usize, const N: usize>(
        packed: [&PackedRows; 2],
        x: Rows<'_>,
        at: usize,
        scale: Option<__m512i>,
        whole: &mut [__m512i; N],
    ) {
        // SAFETY: the caller promises the vectors and activations that are multiplied, and AVX-512 with BW.
        unsafe {
            let scale = scale.unwrap_or(_mm512_set1_epi16(1));
            for first in (at..at + V).step_by(DEPTH) {
                let mut sums = [_mm512_setzero_si512(); N];
                for vector in first..first + DEPTH {
                    let w = weights(packed, vector);
                    for (row, sums) in sums.iter_mut().enumerate() {
                        *sums = _mm512_add_epi16(*sums, _mm512_maddubs_epi16(w, x.broadcast_four(row, vector)));
                    }
                }
                for (whole, sums) in whole.iter_mut().zip(sums) {
                    *whole = Self::add_pair_products(*whole, sums, scale);
                }
            }
        }
    }

    /// The weights' signs go to the activations. Two products fit 16 bits, and no more.
    #[inline(always)]
    unsafe fn signed<const N: usize>(packed: [&PackedRows; 2], x: Rows<'_>, at: usize, whole: &mut [__m512i; N]) {
        // SAFETY: the caller promises the vectors and activations that are multiplied, and AVX-512 with BW.
        unsafe {
            for vector in at..at + 8 {
                let w = weights(packed, vector);
                let (negative, w) = (_mm512_movepi8_mask(w), _mm512_abs_epi8(w));
                for (row, whole) in whole.iter_mut().enumerate() {
                    let x = x.broadcast_four(row, vector);
                    let x = _mm512_mask_sub_epi8(x, negative, _mm512_setzero_si512(), x);
                    *whole = Self::add_pair_products(*whole, _mm512_maddubs_epi16(w, x), _mm512_set1_epi16(1));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn add_pair_products(sums: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: AVX-512 with BW is the caller's promise; no memory is read.
        unsafe { _mm512_add_epi32(sums, _mm512_madd_epi16(a, b)) }
    }
}

/// Sums of four products, in 32 bits (`vpdpbusd`).
struct Vnni;

impl Products for Vnni {
    #[inline(always)]
    unsafe fn unsigned<const V: usize, const DEPTH: usize, const N: usize>(
        packed: [&PackedRows; 2],
        x: Rows<'_>,
        at: usize,
        scale: Option<__m512i>,
        whole: &mut [__m512i; N],
    ) {
        // SAFETY: the caller promises the vectors and activations that are multiplied, and AVX512_VNNI.
        unsafe {
            let mut sums = [_mm512_setzero_si512(); N];
            let to = if scale.is_some() { &mut sums } else { &mut *whole };
            for vector in at..at + V {
                add_dpbusd(weights(packed, vector), x, vector, to);
            }
            if let Some(scale) = scale {
                let scale = _mm512_srai_epi32::<16>(scale);
                for (whole, sums) in whole.iter_mut().zip(sums) {
                    *whole = _mm512_add_epi32(*whole, _mm512_mullo_epi32(sums, scale));
                }
            }
        }
    }

    /// Signed bytes are raised by 128.
    #[inline(always)]
    unsafe fn signed<const N: usize>(packed: [&PackedRows; 2], x: Rows<'_>, at: usize, whole: &mut [__m512i; N]) {
        // SAFETY: the caller promises the vectors and activations that are multiplied, and AVX512_VNNI.
        unsafe {
            for vector in at..at + 8 {
                let raised = _mm512_xor_si512(weights(packed, vector), _mm512_set1_epi8(-128));
                add_dpbusd(raised, x, vector, whole);
            }
        }
    }

    #[inline(always)]
    unsafe fn add_pair_products(sums: __m512i, a: __m512i, b: __m512i) -> __m512i {
        // SAFETY: AVX512_VNNI is the caller's promise; no memory is read.
        unsafe { _mm512_dpwssd_epi32(sums, a, b) }
    }
}

/// Adds the products of four columns with those of `N` activation rows.
#[inline(always)]
unsafe fn add_dpbusd<const N: usize>(w: __m512i, x: Rows<'_>, vector: usize, sums: &mut [__m512i; N]) {
    for (row, sums) in sums.iter_mut().enumerate() {
        // SAFETY: the caller promises the activations that are multiplied, and AVX512_VNNI.
        unsafe { *sums = _mm512_dpbusd_epi32(*sums, w, x.broadcast_four(row, vector)) };
    }
}

/// Four columns of all 16 weight rows.
#[inline(always)]
unsafe fn weights(packed: [&PackedRows; 2], vector: usize) -> __m512i {
    let at = 4 * ROWS * vector;
    // SAFETY: the caller stays within the packed columns, which `Operands::fit` bounds by the room.
    unsafe { both(packed[0].q.as_ptr().add(at), packed[1].q.as_ptr().add(at)) }
}

/// 32 bytes of the first eight rows and 32 of the others.
#[inline(always)]
unsafe fn both<T>(a: *const T, b: *const T) -> __m512i {
    // SAFETY: the caller promises 32 bytes at each place, and AVX-512.
    unsafe {
        let low = _mm512_castsi256_si512(_mm256_loadu_si256(a.cast()));
        _mm512_inserti64x4::<1>(low, _mm256_loadu_si256(b.cast()))
    }
}

#[inline(always)]
unsafe fn both_floats(a: &[f32; ROWS], b: &[f32; ROWS]) -> __m512 {
    // SAFETY: the arrays have 32 bytes each; AVX-512 is the caller's promise.
    unsafe { _mm512_castsi512_ps(both(a, b)) }
}
