//! Products of stored weight rows with a few activation rows, for decoding and for checking a short draft.
//!
//! Here reading the weights is the work, so that a block goes from memory through registers into the sums and is never
//! stored in packed form. The two functions for K formats are alike but for the length of runs; one with the length as
//! a parameter made eight rows a sixth slower.

use super::super::activations::Activations;
use super::super::packed::{PackedRows, ROWS, Stored};
use super::super::simd;
use super::Products;
use super::pack::{Iq4Nl, Plain, Q4_0, Q4K, Q5_0, Q5K, Q6K, Q8_0, Super, iq4_xs_run};
#[cfg(target_arch = "x86_64")]
use super::products::vnni::{Evex, Vnni};
use super::products::{Rows, load, store};
use super::transpose::{Blocks, RowsAhead};
use crate::container::Format;

/// Adds the products of eight stored rows with the first `sums.len()` activation rows, eight at the most. `packed` is for
/// working in.
///
/// # Safety
/// Needs the instruction set. The rows must hold the blocks that `stored` says, all those of a row, and the activations
/// must have as many columns, in groups of the format's blocks.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma,f16c"))]
pub(in super::super) unsafe fn gemv<P: Products>(
    format: Format,
    stored: Stored<'_>,
    packed: &mut PackedRows,
    x: &Activations,
    sums: &mut [[f32; ROWS]],
) {
    // SAFETY: `by_count` needs what this function needs, which `dot::gemv` asserts.
    unsafe { by_count::<P>(format, stored, packed, x, sums) }
}

/// What [`gemv`] computes, with VNNI as AVX-512 encodes it, compiled for its 32 registers.
///
/// # Safety
/// As for [`gemv`], and needs AVX-512 with BW, VL and VNNI.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512vnni")]
pub(in super::super) unsafe fn gemv_avx512_vnni(
    format: Format,
    stored: Stored<'_>,
    packed: &mut PackedRows,
    x: &Activations,
    sums: &mut [[f32; ROWS]],
) {
    // SAFETY: `by_count` needs what this function needs, which `dot::gemv` asserts; `Vnni<Evex>` needs what this
    // function is compiled for.
    unsafe { by_count::<Vnni<Evex>>(format, stored, packed, x, sums) }
}

#[inline(always)]
unsafe fn by_count<P: Products>(
    format: Format,
    stored: Stored<'_>,
    packed: &mut PackedRows,
    x: &Activations,
    sums: &mut [[f32; ROWS]],
) {
    // SAFETY: `dot::gemv` has asserted that there are as many activation rows as sums.
    unsafe {
        match sums.len() {
            1 => rows::<P, 1>(format, stored, packed, Rows::new(x, 0, 0), sums),
            2 => rows::<P, 2>(format, stored, packed, Rows::new(x, 0, 0), sums),
            3 => rows::<P, 3>(format, stored, packed, Rows::new(x, 0, 0), sums),
            4 => rows::<P, 4>(format, stored, packed, Rows::new(x, 0, 0), sums),
            5 => rows::<P, 5>(format, stored, packed, Rows::new(x, 0, 0), sums),
            6 => rows::<P, 6>(format, stored, packed, Rows::new(x, 0, 0), sums),
            7 => rows::<P, 7>(format, stored, packed, Rows::new(x, 0, 0), sums),
            8 => rows::<P, 8>(format, stored, packed, Rows::new(x, 0, 0), sums),
            rows => unreachable!("{rows} rows are not a few"),
        }
    }
}

#[inline(always)]
unsafe fn rows<P: Products, const N: usize>(
    format: Format,
    stored: Stored<'_>,
    packed: &mut PackedRows,
    x: Rows<'_, N>,
    sums: &mut [[f32; ROWS]],
) {
    // SAFETY: each type is that of the format, whose blocks `dot::gemv` has asserted that the stored rows hold. The
    // depths are those of the widths of the weights, see `by_format`.
    unsafe {
        match format {
            Format::Q4_0 => plain::<P, Q4_0, N, 8>(stored, x, sums),
            Format::Q5_0 => plain::<P, Q5_0, N, 4>(stored, x, sums),
            Format::Q8_0 => plain::<P, Q8_0, N, 0>(stored, x, sums),
            Format::Q4_K => runs_of_32::<P, Q4K, N, 8>(stored, packed, x, sums),
            Format::Q5_K => runs_of_32::<P, Q5K, N, 4>(stored, packed, x, sums),
            Format::Q6_K => runs_of_16::<P, Q6K, N, 2>(stored, packed, x, sums),
            Format::IQ4_NL => plain::<P, Iq4Nl, N, 0>(stored, x, sums),
            Format::IQ4_XS => iq4_xs::<P, N>(stored, x, sums),
            _ => unreachable!("{format:?} has no form for a few rows"),
        }
    }
}

/// `DEPTH` 0 stands for signed weights.
#[inline(always)]
unsafe fn plain<P: Products, F: Plain, const N: usize, const DEPTH: usize>(
    stored: Stored<'_>,
    x: Rows<'_, N>,
    sums: &mut [[f32; ROWS]],
) {
    let bytes = F::FORMAT.block_bytes();
    let ahead = RowsAhead::new(stored);
    // SAFETY: `dot::gemv` has asserted that each of the eight rows holds all blocks, and that the activation rows have
    // as many columns.
    unsafe {
        let mut acc = load::<N>(sums);
        for at in 0..stored.blocks {
            ahead.fetch(ROWS * bytes * at, ROWS * bytes);
            let block = Blocks::new(stored, at * bytes);
            let w = F::vectors(block);
            let mut whole = x.start(at);
            if DEPTH == 0 {
                P::signed(x, &w, 32 * at, &mut whole);
            } else if DEPTH == 8 {
                P::unsigned::<8, 8, N>(x, &w, 32 * at, None, &mut whole);
            } else {
                P::unsigned::<8, 4, N>(x, &w, 32 * at, None, &mut whole);
            }
            let scale = block.first_halves();
            x.add_plain::<false>(at, whole, scale, scale, &mut acc);
        }
        store(acc, sums);
    }
}

/// A run computes as a block of a plain format.
#[inline(always)]
unsafe fn iq4_xs<P: Products, const N: usize>(stored: Stored<'_>, x: Rows<'_, N>, sums: &mut [[f32; ROWS]]) {
    let bytes = Format::IQ4_XS.block_bytes();
    let ahead = RowsAhead::new(stored);
    // SAFETY: `dot::gemv` has asserted that each of the eight rows holds all blocks, and that the activation rows have
    // as many columns.
    unsafe {
        let mut acc = load::<N>(sums);
        for at in 0..stored.blocks {
            ahead.fetch(ROWS * bytes * at, ROWS * bytes);
            let block = Blocks::new(stored, at * bytes);
            for run in 0..8 {
                let mut whole = x.start(8 * at + run);
                P::signed(x, &iq4_xs_run(block, run), 256 * at + 32 * run, &mut whole);
                let scale = block.iq4_xs_scales(run);
                x.add_plain::<false>(8 * at + run, whole, scale, scale, &mut acc);
            }
        }
        store(acc, sums);
    }
}

#[inline(always)]
unsafe fn runs_of_32<P: Products, F: Super, const N: usize, const DEPTH: usize>(
    stored: Stored<'_>,
    packed: &mut PackedRows,
    x: Rows<'_, N>,
    sums: &mut [[f32; ROWS]],
) {
    let bytes = F::FORMAT.block_bytes();
    let ahead = RowsAhead::new(stored);
    // SAFETY: `dot::gemv` has asserted that each of the eight rows holds all blocks, and that the activation rows have
    // as many columns; `packed` has room for a block's runs by its type.
    unsafe {
        let mut acc = load::<N>(sums);
        for at in 0..stored.blocks {
            let block = Blocks::new(stored, at * bytes);
            let (d, d_min) = F::runs(block, packed, 0);
            let mut products = [simd::zero_ints(); N];
            for half in 0..2 {
                let shared = F::shared(block, half);
                for pair in 2 * half..2 * half + 2 {
                    ahead.fetch(ROWS * bytes * at + ROWS * bytes / 4 * pair, ROWS * bytes / 4);
                    for (run, w) in F::runs_of(pair).into_iter().zip(F::pair(block, pair, shared)) {
                        let scale = simd::load_ints(packed.run_scale.get_unchecked(run));
                        P::unsigned::<8, DEPTH, N>(x, &w, 256 * at + 32 * run, Some(scale), &mut products);
                    }
                }
            }
            x.add_super::<P, 32, false>(at, products, packed.run_min.get_unchecked(..4), d, d_min, &mut acc);
        }
        store(acc, sums);
    }
}

#[inline(always)]
unsafe fn runs_of_16<P: Products, F: Super, const N: usize, const DEPTH: usize>(
    stored: Stored<'_>,
    packed: &mut PackedRows,
    x: Rows<'_, N>,
    sums: &mut [[f32; ROWS]],
) {
    let bytes = F::FORMAT.block_bytes();
    let ahead = RowsAhead::new(stored);
    // SAFETY: `dot::gemv` has asserted that each of the eight rows holds all blocks, and that the activation rows have
    // as many columns; `packed` has room for a block's runs by its type.
    unsafe {
        let mut acc = load::<N>(sums);
        for at in 0..stored.blocks {
            let block = Blocks::new(stored, at * bytes);
            let (d, d_min) = F::runs(block, packed, 0);
            let mut products = [simd::zero_ints(); N];
            for half in 0..2 {
                let shared = F::shared(block, half);
                for pair in 2 * half..2 * half + 2 {
                    ahead.fetch(ROWS * bytes * at + ROWS * bytes / 4 * pair, ROWS * bytes / 4);
                    for (run, w) in F::runs_of(pair).into_iter().zip(F::pair(block, pair, shared)) {
                        let [a, b, c, d, e, f, g, h] = w;
                        for (part, w) in [[a, b, c, d], [e, f, g, h]].iter().enumerate() {
                            let scale = simd::load_ints(packed.run_scale.get_unchecked(2 * run + part));
                            P::unsigned::<4, DEPTH, N>(
                                x,
                                w,
                                256 * at + 32 * run + 16 * part,
                                Some(scale),
                                &mut products,
                            );
                        }
                    }
                }
            }
            x.add_super::<P, 16, true>(at, products, packed.run_min.get_unchecked(..8), d, d_min, &mut acc);
        }
        store(acc, sums);
    }
}
