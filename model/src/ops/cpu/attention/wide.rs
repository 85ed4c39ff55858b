//! Attention in vectors of eight.
//!
//! No closures: one that the compiler does not inline would be compiled without the caller's target features.

use super::super::simd;
use super::{Attention, Element, Queries, Seen, Vector, generic};

/// Attention of `G` query heads.
///
/// # Safety
/// Needs the instruction set of `simd`.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma,f16c"))]
pub(super) unsafe fn attend<E: Element, const G: usize>(params: Attention, seen: &Seen<'_, E>, queries: Queries<'_>) {
    generic::<E, Wide, G>(params, seen, queries);
}

/// Used only inside [`attend`].
struct Wide;

impl Vector for Wide {
    #[inline(always)]
    fn dots<E: Element, const G: usize, const K: usize>(
        q: &[f32],
        at: usize,
        seen: &Seen<'_, E>,
        width: usize,
        scores: &mut [f32],
    ) {
        assert!(q.len() == G * width, "as many rows as heads");
        let mut keys: [&[E]; K] = [&[]; K];
        for (step, key) in keys.iter_mut().enumerate() {
            *key = seen.key(at + step, width);
        }
        let whole = width / 8 * 8;
        // SAFETY: loads are of eight numbers within a row each; `attend` has the instruction set.
        let sums = unsafe {
            let mut acc = [[simd::zero_floats(); K]; G];
            for column in (0..whole).step_by(8) {
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
            let mut sums = [[0.0; K]; G];
            for (sums, acc) in sums.iter_mut().zip(acc) {
                for (sum, acc) in sums.iter_mut().zip(acc) {
                    *sum = simd::sum(acc);
                }
            }
            sums
        };
        for (head, sums) in sums.into_iter().enumerate() {
            for (step, mut sum) in sums.into_iter().enumerate() {
                for column in whole..width {
                    sum += q[head * width + column] * keys[step][column].widen();
                }
                scores[head * seen.len + at + step] = sum;
            }
        }
    }

    #[inline(always)]
    fn add_scaled<E: Element, const G: usize, const N: usize>(
        scores: &[f32],
        at: usize,
        seen: &Seen<'_, E>,
        width: usize,
        out: &mut [f32],
    ) {
        assert!(out.len() == G * width, "as many rows as heads");
        let mut factors: [&[f32]; G] = [&[]; G];
        for (head, factors) in factors.iter_mut().enumerate() {
            *factors = &scores[head * seen.len + at..][..N];
        }
        let mut values: [&[E]; N] = [&[]; N];
        for (step, value) in values.iter_mut().enumerate() {
            *value = seen.value(at + step, width);
        }
        let mut column = 0;
        // SAFETY: `C` eights from the column on lie within a row; `attend` has the instruction set.
        unsafe {
            while column + 16 <= width {
                columns::<E, G, N, 2>(factors, values, column, width, out);
                column += 16;
            }
            while column + 8 <= width {
                columns::<E, G, N, 1>(factors, values, column, width, out);
                column += 8;
            }
        }
        for (head, factors) in factors.into_iter().enumerate() {
            for column in column..width {
                for (factor, value) in factors.iter().zip(values) {
                    out[head * width + column] += factor * value[column].widen();
                }
            }
        }
    }
}

/// Adds `C` eights of columns of `N` values to `G` rows.
///
/// # Safety
/// Needs the instruction set; the columns must lie within `width`, the length of each value and of each row of `out`.
#[inline(always)]
unsafe fn columns<E: Element, const G: usize, const N: usize, const C: usize>(
    factors: [&[f32]; G],
    values: [&[E]; N],
    column: usize,
    width: usize,
    out: &mut [f32],
) {
    // SAFETY: as the caller promises.
    unsafe {
        let mut acc = [[simd::zero_floats(); C]; G];
        for (head, acc) in acc.iter_mut().enumerate() {
            for (eight, acc) in acc.iter_mut().enumerate() {
                *acc = simd::load_floats(out.as_ptr().add(head * width + column + 8 * eight));
            }
        }
        for (step, value) in values.into_iter().enumerate() {
            let mut wide = [simd::zero_floats(); C];
            for (eight, wide) in wide.iter_mut().enumerate() {
                *wide = E::widen8(&*value.as_ptr().add(column + 8 * eight).cast());
            }
            for (factors, acc) in factors.iter().zip(acc.iter_mut()) {
                let factor = simd::all_floats(*factors.get_unchecked(step));
                for (acc, wide) in acc.iter_mut().zip(wide) {
                    *acc = simd::mul_add(factor, wide, *acc);
                }
            }
        }
        for (head, acc) in acc.into_iter().enumerate() {
            for (eight, acc) in acc.into_iter().enumerate() {
                simd::store_floats(out.as_mut_ptr().add(head * width + column + 8 * eight), acc);
            }
        }
    }
}
