//! Attention in vectors of eight.
//!
//! No closures: one that the compiler does not inline would be compiled without the caller's target features.

use std::ops::Range;

use super::super::simd::{self, Floats};
use super::Attention;
use super::blocks::{self, BLOCK, Block, Cached, Element, LANES, Scratch, Vector};

/// Attention of all queries in `scratch`.
///
/// # Safety
/// Needs the instruction set of `simd`.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn attend<E: Element>(params: &Attention, cached: Cached<'_, E>, scratch: &mut Scratch) {
    // SAFETY: the instruction set is the caller's promise.
    let wide = unsafe { Wide::new() };
    blocks::attend(wide, wide, params, cached, scratch);
}

/// Vectors of eight lanes. A value proves that their instruction set is there.
#[derive(Clone, Copy)]
pub(super) struct Wide(());

impl Wide {
    /// # Safety
    /// Needs the instruction set of `simd`.
    #[inline(always)]
    pub(super) unsafe fn new() -> Self {
        Self(())
    }
}

impl<E: Element> Vector<E> for Wide {
    #[inline(always)]
    fn widen(self, from: &[E], to: &mut [f32; 8]) {
        if let Some(eight) = from.as_array() {
            // SAFETY: both arrays have eight numbers; `self` proves the instruction set.
            return unsafe { simd::store_floats(to.as_mut_ptr(), E::widen8(eight)) };
        }
        *to = [0.0; 8];
        for (to, from) in to.iter_mut().zip(from) {
            *to = from.widen();
        }
    }

    #[inline(always)]
    fn dots<const G: usize>(self, q: &[f32], at: Range<usize>, block: Block<'_, E>, scores: &mut [f32]) {
        let mut position = at.start;
        // Eight products at once, so that a query's element is loaded once for some positions and the other way round.
        while position + 8 / G <= at.end {
            match G {
                1 => self.eight_dots::<E, G, 8>(q, position, block, scores),
                2 => self.eight_dots::<E, G, 4>(q, position, block, scores),
                _ => self.eight_dots::<E, G, 2>(q, position, block, scores),
            }
            position += 8 / G;
        }
        while position < at.end {
            // SAFETY: `self` proves the instruction set.
            let products = unsafe { products::<E, G, 1>(q, position, block) };
            for (head, [product]) in products.into_iter().enumerate() {
                // SAFETY: `self` proves the instruction set.
                scores[head * BLOCK + position] = unsafe { simd::sum(product) };
            }
            position += 1;
        }
    }

    #[inline(always)]
    fn add_scaled<const G: usize>(self, scores: &[f32], at: Range<usize>, block: Block<'_, E>, sums: &mut [f32]) {
        blocks::check_sums::<G>(scores, &at, sums);
        let width = sums.len() / G;
        let mut from = at.start;
        while from < at.end {
            let to = at.end.min(from + block.step);
            for column in (0..width).step_by(LANES) {
                // SAFETY: `check_sums` has asserted that rows are whole columns and that each position has a score; `self`
                // proves the instruction set.
                unsafe { add_columns::<E, G>(scores, from..to, block, column, width, sums) };
            }
            from = to;
        }
    }
}

impl Wide {
    /// The products of `G` queries with the keys at `K` positions, eight in all.
    #[inline(always)]
    fn eight_dots<E: Element, const G: usize, const K: usize>(
        self,
        q: &[f32],
        position: usize,
        block: Block<'_, E>,
        scores: &mut [f32],
    ) {
        // SAFETY: `self` proves the instruction set; `sums` has room for the eight numbers that are stored.
        let sums = unsafe {
            let products = products::<E, G, K>(q, position, block);
            let products: &[Floats; 8] = products.as_flattened().as_array().expect("eight products");
            let mut sums = [0.0; 8];
            simd::store_floats(sums.as_mut_ptr(), simd::sums(*products));
            sums
        };
        for (head, sums) in sums.chunks_exact(K).enumerate() {
            scores[head * BLOCK + position..][..K].copy_from_slice(sums);
        }
    }
}

/// The products of `G` queries with the keys at `K` positions, whose lanes are still to be summed.
///
/// # Safety
/// Needs the instruction set.
#[inline(always)]
unsafe fn products<E: Element, const G: usize, const K: usize>(
    q: &[f32],
    position: usize,
    block: Block<'_, E>,
) -> [[Floats; K]; G] {
    let width = q.len() / G;
    let mut keys: [&[E]; K] = [&[]; K];
    for (step, key) in keys.iter_mut().enumerate() {
        *key = block.key(position + step);
        assert!(key.len() == width && width.is_multiple_of(8), "keys as wide as queries");
    }
    // SAFETY: `q` has `G` rows of `width`, and the assertion above says that keys are as wide and that the width is whole
    // eights, so that every load is of eight numbers within a row. The instruction set is the caller's promise.
    unsafe {
        let mut acc = [[simd::zero_floats(); K]; G];
        for column in (0..width).step_by(8) {
            let mut wide = [simd::zero_floats(); K];
            for (wide, key) in wide.iter_mut().zip(keys) {
                *wide = E::widen8(&*key.as_ptr().add(column).cast());
            }
            for (head, acc) in acc.iter_mut().enumerate() {
                let q = simd::load_floats(q.as_ptr().add(head * width + column));
                for (acc, key) in acc.iter_mut().zip(wide) {
                    *acc = simd::mul_add(q, key, *acc);
                }
            }
        }
        acc
    }
}

/// Adds [`LANES`] columns of the values at some positions to `G` rows of `width` sums.
///
/// # Safety
/// Needs the instruction set; the columns must lie within a row, and there must be scores for the positions.
#[inline(always)]
unsafe fn add_columns<E: Element, const G: usize>(
    scores: &[f32],
    at: Range<usize>,
    block: Block<'_, E>,
    column: usize,
    width: usize,
    sums: &mut [f32],
) {
    // SAFETY: the caller promises that the columns lie within the rows, a score for each position and the instruction set;
    // `Block::value` checks its own bounds.
    unsafe {
        let mut acc = [[simd::zero_floats(); LANES / 8]; G];
        for (head, acc) in acc.iter_mut().enumerate() {
            for (eight, acc) in acc.iter_mut().enumerate() {
                *acc = simd::load_floats(sums.as_ptr().add(head * width + column + 8 * eight));
            }
        }
        for position in at {
            let value = block.value(position, column);
            let mut wide = [simd::zero_floats(); LANES / 8];
            for (wide, eight) in wide.iter_mut().zip(value.as_chunks::<8>().0) {
                *wide = E::widen8(eight);
            }
            for (head, acc) in acc.iter_mut().enumerate() {
                let score = simd::all_floats(*scores.get_unchecked(head * BLOCK + position));
                for (acc, wide) in acc.iter_mut().zip(wide) {
                    *acc = simd::mul_add(score, wide, *acc);
                }
            }
        }
        for (head, acc) in acc.into_iter().enumerate() {
            for (eight, acc) in acc.into_iter().enumerate() {
                simd::store_floats(sums.as_mut_ptr().add(head * width + column + 8 * eight), acc);
            }
        }
    }
}
