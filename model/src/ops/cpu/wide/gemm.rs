//! Products of packed weight rows with many activation rows.

use super::super::dot::Operands;
use super::super::packed::{PackedRows, ROWS};
use super::super::simd::{self, Ints};
use super::Products;
use super::products::{Rows, load, store};
use crate::container::Format;

/// Activation rows that meet a weight vector while it is in a register.
const TILE: usize = 4;

/// Adds the products of the packed columns with the first activation rows to the sums of each eight weight rows.
///
/// # Safety
/// Needs the instruction set, and operands that [`Operands::fit`] as many activation rows as there are sums of each eight.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma,f16c"))]
pub(in super::super) unsafe fn gemm<P: Products>(operands: &Operands<'_>, sums: [&mut [[f32; ROWS]]; 2]) {
    let Operands {
        format,
        x,
        column,
        cols,
        ..
    } = *operands;
    let blocks = cols / x.group;
    for (packed, sums) in operands.packed.into_iter().zip(sums) {
        for (tile, sums) in sums.chunks_mut(TILE).enumerate() {
            // SAFETY: `dot::gemm` has asserted that the operands fit as many activation rows as there are sums, and each
            // tile begins within those.
            unsafe {
                match sums.len() {
                    1 => rows::<P, 1>(format, packed, Rows::new(x, TILE * tile, column), blocks, sums),
                    2 => rows::<P, 2>(format, packed, Rows::new(x, TILE * tile, column), blocks, sums),
                    3 => rows::<P, 3>(format, packed, Rows::new(x, TILE * tile, column), blocks, sums),
                    _ => rows::<P, TILE>(format, packed, Rows::new(x, TILE * tile, column), blocks, sums),
                }
            }
        }
    }
}

#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn rows<P: Products, const N: usize>(
    format: Format,
    packed: &PackedRows,
    x: Rows<'_, N>,
    blocks: usize,
    sums: &mut [[f32; ROWS]],
) {
    // SAFETY: the depths and runs are those of the format, of which `dot::gemm` has asserted that there are whole
    // blocks.
    unsafe {
        by_format!(format, P, N, (packed, x, blocks, sums));
    }
}

/// `V` vectors of packed weights from vector `at` on.
#[inline(always)]
unsafe fn weights<const V: usize>(packed: &PackedRows, at: usize) -> [Ints; V] {
    // SAFETY: the caller promises the instruction set and stays within the packed columns, which `Operands::fit` bounds
    // by the room.
    unsafe {
        let mut w = [simd::zero_ints(); V];
        for (step, w) in w.iter_mut().enumerate() {
            *w = simd::load_ints(packed.q.as_ptr().add(32 * (at + step)));
        }
        w
    }
}

/// Blocks of 32 columns. Depths are written out, as a multiplication of depth 0 does not compile everywhere.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn plain<P: Products, const N: usize, const DEPTH: usize, const ADDED: bool>(
    packed: &PackedRows,
    x: Rows<'_, N>,
    blocks: usize,
    sums: &mut [[f32; ROWS]],
) {
    // SAFETY: `dot::gemm` has asserted that the operands fit: there are 32 columns of each block, and with them its
    // scale.
    unsafe {
        let mut acc = load::<N>(sums);
        for block in 0..blocks {
            let mut whole = x.start(block);
            if DEPTH == 0 {
                P::signed(x, &weights(packed, 8 * block), 32 * block, &mut whole);
            } else if DEPTH == 8 {
                P::unsigned::<8, 8, N>(x, &weights(packed, 8 * block), 32 * block, None, &mut whole);
            } else {
                P::unsigned::<8, 4, N>(x, &weights(packed, 8 * block), 32 * block, None, &mut whole);
            }
            let scale = simd::load_floats(packed.scale.get_unchecked(block).as_ptr());
            let added = simd::load_floats(packed.min.get_unchecked(block).as_ptr());
            x.add_plain::<ADDED>(block, whole, scale, added, &mut acc);
        }
        store(acc, sums);
    }
}

/// A K format with runs of `RUN` columns, which are `V` vectors.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn superblocks<
    P: Products,
    const N: usize,
    const RUN: usize,
    const V: usize,
    const DEPTH: usize,
    const OFFSET: bool,
>(
    packed: &PackedRows,
    x: Rows<'_, N>,
    blocks: usize,
    sums: &mut [[f32; ROWS]],
) {
    let runs = 256 / RUN;
    // SAFETY: `dot::gemm` has asserted that the operands fit: there are 256 columns of each block, and with them its
    // scales and minima.
    unsafe {
        let mut acc = load::<N>(sums);
        for block in 0..blocks {
            let mut products = [simd::zero_ints(); N];
            for run in runs * block..runs * (block + 1) {
                let scale = simd::load_ints(packed.run_scale.get_unchecked(run));
                P::unsigned::<V, DEPTH, N>(x, &weights(packed, V * run), RUN * run, Some(scale), &mut products);
            }
            let minima = packed.run_min.get_unchecked(runs / 2 * block..runs / 2 * (block + 1));
            let d = simd::load_floats(packed.scale.get_unchecked(block).as_ptr());
            let d_min = simd::load_floats(packed.min.get_unchecked(block).as_ptr());
            x.add_super::<P, RUN, OFFSET>(block, products, minima, d, d_min, &mut acc);
        }
        store(acc, sums);
    }
}
