//! Products of two unpacked panels with many activation rows, in vectors of 64 bytes: each holds four columns of the
//! eight weight rows of one panel, then of the other.
//!
//! The arithmetic for a weight row is that of `tile`, operation by operation, so that it gives the same bits. It is done
//! for more rows and columns at once: the sums of eight activation rows take turns, none of them waits for itself, and
//! an activation is read once for 16 weight rows.

use std::arch::x86_64::*;

use super::super::activations::Activations;
use super::super::panel::{Panel, ROWS};
use crate::weights::Format;

/// Adds the products of the panels' columns, which begin at `column`, with the first activation rows to `sums`, those of
/// one panel and those of the other.
///
/// # Safety
/// Needs AVX-512 with VNNI. The panels must hold `cols` columns of the format, whole blocks, and the activations must have
/// them too, in groups of the format's blocks, in as many rows as there are sums of each panel.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512vnni")]
pub(in super::super) unsafe fn accumulate(
    format: Format,
    panels: [&Panel; 2],
    x: &Activations,
    column: usize,
    cols: usize,
    sums: [&mut [[f32; ROWS]]; 2],
) {
    let blocks = cols / format.block_len();
    let [first, second] = sums;
    let mut row = 0;
    while row < first.len() {
        let rows = Rows { x, row, column };
        let sums = [&mut first[row..], &mut second[row..]];
        // SAFETY: passed on to the caller; there are as many rows left.
        row += unsafe {
            match sums[0].len() {
                8.. => tile::<8>(format, panels, rows, blocks, sums),
                4.. => tile::<4>(format, panels, rows, blocks, sums),
                2.. => tile::<2>(format, panels, rows, blocks, sums),
                _ => tile::<1>(format, panels, rows, blocks, sums),
            }
        };
    }
}

/// Adds the products with `N` activation rows. Gives `N`.
///
/// # Safety
/// As for [`accumulate`].
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512vnni")]
unsafe fn tile<const N: usize>(
    format: Format,
    panels: [&Panel; 2],
    x: Rows<'_>,
    blocks: usize,
    sums: [&mut [[f32; ROWS]]; 2],
) -> usize {
    let [first, second] = sums;
    // SAFETY: passed on to the caller; there are sums of `N` rows.
    unsafe {
        let mut acc = [_mm512_setzero_ps(); N];
        for (row, acc) in acc.iter_mut().enumerate() {
            *acc = both_floats(&first[row], &second[row]);
        }
        match format {
            Format::Q4_0 | Format::Q5_0 => plain::<N, false, false>(panels, x, blocks, &mut acc),
            Format::Q4_1 | Format::Q5_1 => plain::<N, true, false>(panels, x, blocks, &mut acc),
            Format::Q8_0 => plain::<N, false, true>(panels, x, blocks, &mut acc),
            Format::Q2_K => superblocks::<N, 16, 4, false>(panels, x, blocks, &mut acc),
            Format::Q3_K | Format::Q6_K => superblocks::<N, 16, 4, true>(panels, x, blocks, &mut acc),
            Format::Q4_K | Format::Q5_K => superblocks::<N, 32, 8, false>(panels, x, blocks, &mut acc),
            Format::F32 | Format::F16 | Format::BF16 => unreachable!("float formats are not unpacked to panels"),
        }
        for (row, acc) in acc.into_iter().enumerate() {
            _mm256_storeu_ps(first[row].as_mut_ptr(), _mm512_castps512_ps256(acc));
            let high = _mm512_extractf64x4_pd::<1>(_mm512_castps_pd(acc));
            _mm256_storeu_ps(second[row].as_mut_ptr(), _mm256_castpd_ps(high));
        }
    }
    N
}

/// Blocks of 32 columns. Signed weights are raised by 128.
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512vnni")]
unsafe fn plain<const N: usize, const ADDED: bool, const SIGNED: bool>(
    panels: [&Panel; 2],
    x: Rows<'_>,
    blocks: usize,
    acc: &mut [__m512; N],
) {
    let [a, b] = panels;
    // SAFETY: 32 columns and a scale for each block.
    unsafe {
        for block in 0..blocks {
            let mut whole = [_mm512_setzero_si512(); N];
            for (row, whole) in whole.iter_mut().enumerate() {
                *whole = _mm512_set1_epi32(*x.x.start.get_unchecked(x.group(row, 32) + block));
            }
            for vector in 8 * block..8 * block + 8 {
                let mut w = weights(panels, vector);
                if SIGNED {
                    w = _mm512_xor_si512(w, _mm512_set1_epi8(-128));
                }
                x.add_products(w, vector, &mut whole);
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
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512vl,avx512vnni")]
unsafe fn superblocks<const N: usize, const RUN: usize, const V: usize, const OFFSET: bool>(
    panels: [&Panel; 2],
    x: Rows<'_>,
    blocks: usize,
    acc: &mut [__m512; N],
) {
    let ([a, b], runs) = (panels, 256 / RUN);
    // SAFETY: 256 columns, a scale for each run and minima for each two runs of a block.
    unsafe {
        for block in 0..blocks {
            let mut products = [_mm512_setzero_si512(); N];
            for run in runs * block..runs * (block + 1) {
                let mut whole = [_mm512_setzero_si512(); N];
                for vector in V * run..V * run + V {
                    x.add_products(weights(panels, vector), vector, &mut whole);
                }
                let scale = both(a.run_scale.get_unchecked(run), b.run_scale.get_unchecked(run));
                let scale = _mm512_srai_epi32::<16>(scale);
                for (products, whole) in products.iter_mut().zip(whole) {
                    *products = _mm512_add_epi32(*products, _mm512_mullo_epi32(whole, scale));
                }
            }
            let mut minimum = [_mm512_setzero_si512(); N];
            for pair in 0..runs / 2 {
                let at = runs / 2 * block + pair;
                let minima = both(a.run_min.get_unchecked(at), b.run_min.get_unchecked(at));
                for (row, minimum) in minimum.iter_mut().enumerate() {
                    let sums = x.x.sum.as_ptr().add(x.group(row, RUN) + 2 * at);
                    let sums = _mm512_set1_epi32(sums.cast::<i32>().read_unaligned());
                    *minimum = _mm512_dpwssd_epi32(*minimum, minima, sums);
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

    /// Adds the products of four columns, those of vector `vector`, to the whole sums of `N` rows.
    #[inline(always)]
    unsafe fn add_products<const N: usize>(self, w: __m512i, vector: usize, whole: &mut [__m512i; N]) {
        for (row, whole) in whole.iter_mut().enumerate() {
            // SAFETY: the columns are there, and the caller has the instructions.
            unsafe {
                let x = self.x.q.as_ptr().add(self.group(row, 1) + 4 * vector);
                let x = _mm512_set1_epi32(x.cast::<i32>().read_unaligned());
                *whole = _mm512_dpbusd_epi32(*whole, w, x);
            }
        }
    }
}

/// Four columns of all 16 weight rows.
#[inline(always)]
unsafe fn weights(panels: [&Panel; 2], vector: usize) -> __m512i {
    let at = 4 * ROWS * vector;
    // SAFETY: the caller stays within the panels' columns.
    unsafe { both(panels[0].q.as_ptr().add(at), panels[1].q.as_ptr().add(at)) }
}

/// 32 bytes from one panel and 32 from the other.
#[inline(always)]
unsafe fn both<T>(a: *const T, b: *const T) -> __m512i {
    // SAFETY: the caller gives as many bytes and has AVX-512.
    unsafe {
        let low = _mm512_castsi256_si512(_mm256_loadu_si256(a.cast()));
        _mm512_inserti64x4::<1>(low, _mm256_loadu_si256(b.cast()))
    }
}

#[inline(always)]
unsafe fn both_floats(a: &[f32; ROWS], b: &[f32; ROWS]) -> __m512 {
    // SAFETY: eight numbers each; the caller has AVX-512.
    unsafe { _mm512_castsi512_ps(both(a, b)) }
}
