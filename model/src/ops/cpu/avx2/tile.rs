//! Products of an unpacked panel with many activation rows.

use std::arch::x86_64::*;

use super::super::activations::Activations;
use super::super::panel::{Panel, ROWS};
use super::products::{Rows, load, store, vector};
use crate::weights::Format;

/// Activation rows that meet a weight vector while it is in a register.
const TILE: usize = 4;

/// Adds the products of the panel's columns, which begin at `column`, with the activation rows that `sums` stand for.
///
/// # Safety
/// Needs AVX2 and FMA; the panel must hold `cols` columns of the format, whole blocks, and the activations must have
/// them too, in groups of the format's blocks.
#[target_feature(enable = "avx2,fma")]
pub(in super::super) unsafe fn accumulate(
    format: Format,
    panel: &Panel,
    x: &Activations,
    column: usize,
    cols: usize,
    sums: &mut [[f32; ROWS]],
) {
    let blocks = cols / format.block_len();
    for (tile, sums) in sums.chunks_mut(TILE).enumerate() {
        // SAFETY: passed on to the caller.
        unsafe {
            match sums.len() {
                1 => rows::<1>(format, panel, Rows::new(x, TILE * tile, column), blocks, sums),
                2 => rows::<2>(format, panel, Rows::new(x, TILE * tile, column), blocks, sums),
                3 => rows::<3>(format, panel, Rows::new(x, TILE * tile, column), blocks, sums),
                _ => rows::<TILE>(format, panel, Rows::new(x, TILE * tile, column), blocks, sums),
            }
        }
    }
}

/// How many products of two fit 16 bits: 8 of 4-bit weights, 4 of 5-bit, 2 of 6-bit; runs of 16 have but 4.
#[target_feature(enable = "avx2,fma")]
unsafe fn rows<const N: usize>(format: Format, panel: &Panel, x: Rows<'_, N>, blocks: usize, sums: &mut [[f32; ROWS]]) {
    // SAFETY: passed on to the caller.
    unsafe {
        match format {
            Format::Q4_0 => plain::<N, 8, false>(panel, x, blocks, 8, sums),
            Format::Q5_0 => plain::<N, 4, false>(panel, x, blocks, 16, sums),
            Format::Q4_1 => plain::<N, 8, true>(panel, x, blocks, 0, sums),
            Format::Q5_1 => plain::<N, 4, true>(panel, x, blocks, 0, sums),
            Format::Q8_0 => signed::<N>(panel, x, blocks, sums),
            Format::Q2_K => superblocks::<N, 16, 4, 4, false>(panel, x, blocks, sums),
            Format::Q3_K => superblocks::<N, 16, 4, 4, true>(panel, x, blocks, sums),
            Format::Q4_K => superblocks::<N, 32, 8, 8, false>(panel, x, blocks, sums),
            Format::Q5_K => superblocks::<N, 32, 8, 4, false>(panel, x, blocks, sums),
            Format::Q6_K => superblocks::<N, 16, 4, 2, true>(panel, x, blocks, sums),
            Format::F32 | Format::F16 | Format::BF16 => unreachable!("float formats are not unpacked to panels"),
        }
    }
}

/// `V` vectors of the panel's weights from vector `at` on.
#[inline(always)]
unsafe fn weights<const V: usize>(panel: &Panel, at: usize) -> [__m256i; V] {
    // SAFETY: the caller has AVX2 and stays within the panel's columns.
    unsafe {
        let mut w = [_mm256_setzero_si256(); V];
        for (step, w) in w.iter_mut().enumerate() {
            *w = _mm256_loadu_si256(panel.q.as_ptr().cast::<__m256i>().add(at + step));
        }
        w
    }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn plain<const N: usize, const DEPTH: usize, const ADDED: bool>(
    panel: &Panel,
    x: Rows<'_, N>,
    blocks: usize,
    offset: i32,
    sums: &mut [[f32; ROWS]],
) {
    let ones = _mm256_set1_epi16(1);
    // SAFETY: 32 columns and a scale for each block.
    unsafe {
        let mut acc = load::<N>(sums);
        for block in 0..blocks {
            let mut whole = [_mm256_setzero_si256(); N];
            x.unsigned::<8, DEPTH>(&weights(panel, 8 * block), 32 * block, ones, &mut whole);
            let scale = _mm256_loadu_ps(panel.scale.get_unchecked(block).as_ptr());
            let added = _mm256_loadu_ps(panel.min.get_unchecked(block).as_ptr());
            x.add_plain::<ADDED>(block, whole, offset, scale, added, &mut acc);
        }
        store(acc, sums);
    }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn signed<const N: usize>(panel: &Panel, x: Rows<'_, N>, blocks: usize, sums: &mut [[f32; ROWS]]) {
    // SAFETY: 32 columns and a scale for each block.
    unsafe {
        let mut acc = load::<N>(sums);
        for block in 0..blocks {
            let mut whole = [_mm256_setzero_si256(); N];
            x.signed(&weights(panel, 8 * block), 32 * block, &mut whole);
            let scale = _mm256_loadu_ps(panel.scale.get_unchecked(block).as_ptr());
            x.add_plain::<false>(block, whole, 0, scale, scale, &mut acc);
        }
        store(acc, sums);
    }
}

/// A K format with runs of `RUN` columns, which are `V` vectors.
#[target_feature(enable = "avx2,fma")]
unsafe fn superblocks<const N: usize, const RUN: usize, const V: usize, const DEPTH: usize, const OFFSET: bool>(
    panel: &Panel,
    x: Rows<'_, N>,
    blocks: usize,
    sums: &mut [[f32; ROWS]],
) {
    let runs = 256 / RUN;
    // SAFETY: 256 columns, a scale for each run and minima for each two runs of a block.
    unsafe {
        let mut acc = load::<N>(sums);
        for block in 0..blocks {
            let mut products = [_mm256_setzero_si256(); N];
            for run in runs * block..runs * (block + 1) {
                let scale = vector(panel.run_scale.get_unchecked(run));
                x.unsigned::<V, DEPTH>(&weights(panel, V * run), RUN * run, scale, &mut products);
            }
            let minima = panel.run_min.get_unchecked(runs / 2 * block..runs / 2 * (block + 1));
            let d = _mm256_loadu_ps(panel.scale.get_unchecked(block).as_ptr());
            let d_min = _mm256_loadu_ps(panel.min.get_unchecked(block).as_ptr());
            x.add_super::<RUN, OFFSET>(block, products, minima, d, d_min, &mut acc);
        }
        store(acc, sums);
    }
}
