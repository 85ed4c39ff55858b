//! Products of stored weight rows with a few activation rows: decoding, and checking a short draft.
//!
//! Here reading the weights is the work, so that a block goes from memory through registers into the sums and is never
//! stored in unpacked form. The two functions for K formats are alike but for the length of runs; one with the length as
//! a parameter made eight rows a sixth slower.

use std::arch::x86_64::*;

use super::super::activations::Activations;
use super::super::panel::{Panel, ROWS, Stored};
use super::products::{Rows, load, store, vector};
use super::transpose::{Ahead, Blocks};
use super::unpack::{Plain, Q4_0, Q4K, Q5_0, Q5K, Q6K, Q8_0, Super};
use crate::weights::Format;

/// The most activation rows that this is good for.
pub(in super::super) const MOST: usize = 8;

/// Adds the products of eight stored rows with the first `sums.len()` activation rows, at most [`MOST`]; `false` where
/// the format has no such form. `panel` is for working in.
///
/// # Safety
/// Needs AVX2, FMA and F16C. The rows must hold the blocks that `stored` says, all those of a row, and the activations
/// must have as many columns, in groups of the format's blocks.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in super::super) unsafe fn few(
    format: Format,
    stored: Stored<'_>,
    panel: &mut Panel,
    x: &Activations,
    sums: &mut [[f32; ROWS]],
) -> bool {
    // SAFETY: passed on to the caller.
    unsafe {
        match sums.len() {
            1 => rows::<1>(format, stored, panel, Rows::new(x, 0, 0), sums),
            2 => rows::<2>(format, stored, panel, Rows::new(x, 0, 0), sums),
            3 => rows::<3>(format, stored, panel, Rows::new(x, 0, 0), sums),
            4 => rows::<4>(format, stored, panel, Rows::new(x, 0, 0), sums),
            5 => rows::<5>(format, stored, panel, Rows::new(x, 0, 0), sums),
            6 => rows::<6>(format, stored, panel, Rows::new(x, 0, 0), sums),
            7 => rows::<7>(format, stored, panel, Rows::new(x, 0, 0), sums),
            8 => rows::<8>(format, stored, panel, Rows::new(x, 0, 0), sums),
            _ => false,
        }
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn rows<const N: usize>(
    format: Format,
    stored: Stored<'_>,
    panel: &mut Panel,
    x: Rows<'_, N>,
    sums: &mut [[f32; ROWS]],
) -> bool {
    // SAFETY: passed on to the caller; the depths are those of the widths of the weights, see `tile`.
    unsafe {
        match format {
            Format::Q4_0 => plain::<Q4_0, N, 8>(stored, x, 8, sums),
            Format::Q5_0 => plain::<Q5_0, N, 4>(stored, x, 16, sums),
            Format::Q8_0 => plain::<Q8_0, N, 0>(stored, x, 0, sums),
            Format::Q4_K => runs_of_32::<Q4K, N, 8>(stored, panel, x, sums),
            Format::Q5_K => runs_of_32::<Q5K, N, 4>(stored, panel, x, sums),
            Format::Q6_K => runs_of_16::<Q6K, N, 2>(stored, panel, x, sums),
            _ => return false,
        }
    }
    true
}

/// `DEPTH` 0 stands for signed weights.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn plain<F: Plain, const N: usize, const DEPTH: usize>(
    stored: Stored<'_>,
    x: Rows<'_, N>,
    offset: i32,
    sums: &mut [[f32; ROWS]],
) {
    let ones = _mm256_set1_epi16(1);
    let bytes = F::FORMAT.block_bytes();
    let mut ahead = Ahead::new(stored, bytes);
    // SAFETY: the blocks of the eight rows are there, and the activations' columns.
    unsafe {
        let mut acc = load::<N>(sums);
        for at in 0..stored.blocks {
            ahead.fetch(ROWS * bytes);
            let block = Blocks::new(stored, at * bytes);
            let w = F::vectors(block);
            let mut whole = [_mm256_setzero_si256(); N];
            if DEPTH == 0 {
                x.signed(&w, 32 * at, &mut whole);
            } else if DEPTH == 8 {
                x.unsigned::<8, 8>(&w, 32 * at, ones, &mut whole);
            } else {
                x.unsigned::<8, 4>(&w, 32 * at, ones, &mut whole);
            }
            let scale = block.halves(0);
            x.add_plain::<false>(at, whole, offset, scale, scale, &mut acc);
        }
        store(acc, sums);
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn runs_of_32<F: Super, const N: usize, const DEPTH: usize>(
    stored: Stored<'_>,
    panel: &mut Panel,
    x: Rows<'_, N>,
    sums: &mut [[f32; ROWS]],
) {
    let bytes = F::FORMAT.block_bytes();
    let mut ahead = Ahead::new(stored, bytes);
    // SAFETY: as above; the panel has room for a block's runs.
    unsafe {
        let mut acc = load::<N>(sums);
        for at in 0..stored.blocks {
            let block = Blocks::new(stored, at * bytes);
            F::runs(block, panel, 0);
            let mut products = [_mm256_setzero_si256(); N];
            for half in 0..2 {
                let shared = F::shared(block, half);
                for pair in 2 * half..2 * half + 2 {
                    ahead.fetch(ROWS * bytes / 4);
                    for (run, w) in F::runs_of(pair).into_iter().zip(F::pair(block, pair, shared)) {
                        let scale = vector(panel.run_scale.get_unchecked(run));
                        x.unsigned::<8, DEPTH>(&w, 256 * at + 32 * run, scale, &mut products);
                    }
                }
            }
            let (d, d_min) = F::factors(block);
            x.add_super::<32, false>(at, products, panel.run_min.get_unchecked(..4), d, d_min, &mut acc);
        }
        store(acc, sums);
    }
}

#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn runs_of_16<F: Super, const N: usize, const DEPTH: usize>(
    stored: Stored<'_>,
    panel: &mut Panel,
    x: Rows<'_, N>,
    sums: &mut [[f32; ROWS]],
) {
    let bytes = F::FORMAT.block_bytes();
    let mut ahead = Ahead::new(stored, bytes);
    // SAFETY: as above.
    unsafe {
        let mut acc = load::<N>(sums);
        for at in 0..stored.blocks {
            let block = Blocks::new(stored, at * bytes);
            F::runs(block, panel, 0);
            let mut products = [_mm256_setzero_si256(); N];
            for half in 0..2 {
                let shared = F::shared(block, half);
                for pair in 2 * half..2 * half + 2 {
                    ahead.fetch(ROWS * bytes / 4);
                    for (run, w) in F::runs_of(pair).into_iter().zip(F::pair(block, pair, shared)) {
                        let [a, b, c, d, e, f, g, h] = w;
                        for (part, w) in [[a, b, c, d], [e, f, g, h]].iter().enumerate() {
                            let scale = vector(panel.run_scale.get_unchecked(2 * run + part));
                            x.unsigned::<4, DEPTH>(w, 256 * at + 32 * run + 16 * part, scale, &mut products);
                        }
                    }
                }
            }
            let (d, d_min) = F::factors(block);
            x.add_super::<16, true>(at, products, panel.run_min.get_unchecked(..8), d, d_min, &mut acc);
        }
        store(acc, sums);
    }
}
