//! The arithmetic of a block of eight weight rows with `N` activation rows, which every kernel shares: whatever the
//! weights come from, the same operations in the same order give the same bits.

use std::arch::x86_64::*;

use super::super::activations::Activations;
use super::super::panel::ROWS;

/// `N` activation rows from a column on.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, const N: usize> {
    x: &'a Activations,
    /// Where the first row's column is.
    begin: usize,
}

impl<'a, const N: usize> Rows<'a, N> {
    /// The rows from `first` on must be there, and as many columns as are used.
    pub(super) fn new(x: &'a Activations, first: usize, column: usize) -> Self {
        Self {
            x,
            begin: first * x.cols + column,
        }
    }

    /// Four activations of a row, eight times over.
    #[inline(always)]
    unsafe fn four(self, row: usize, column: usize) -> __m256i {
        // SAFETY: the caller stays within the rows and columns.
        unsafe {
            let at = self.x.q.as_ptr().add(self.begin + row * self.x.cols + column);
            _mm256_set1_epi32(at.cast::<i32>().read_unaligned())
        }
    }

    #[inline(always)]
    unsafe fn scale(self, row: usize, block: usize, group: usize) -> __m256 {
        // SAFETY: the caller stays within the rows and blocks.
        unsafe {
            let at = (self.begin + row * self.x.cols) / group + block;
            _mm256_broadcast_ss(self.x.scale.get_unchecked(at))
        }
    }

    #[inline(always)]
    unsafe fn sum(self, row: usize, block: usize) -> i32 {
        // SAFETY: as above.
        unsafe { i32::from(*self.x.sum.get_unchecked((self.begin + row * self.x.cols) / 32 + block)) }
    }

    /// Adds to `whole` the products of `4 * V` unsigned columns from `column` on, times `by`: ones, or the scale of a
    /// run. `DEPTH` products of two are summed in 16 bits before that, which their sizes must allow.
    ///
    /// # Safety
    /// Needs AVX2; the columns must be there.
    #[inline(always)]
    pub(super) unsafe fn unsigned<const V: usize, const DEPTH: usize>(
        self,
        w: &[__m256i; V],
        column: usize,
        by: __m256i,
        whole: &mut [__m256i; N],
    ) {
        // SAFETY: passed on to the caller.
        unsafe {
            for (part, w) in w.as_chunks::<DEPTH>().0.iter().enumerate() {
                let mut pairs = [_mm256_setzero_si256(); N];
                for (at, w) in w.iter().enumerate() {
                    for (row, pairs) in pairs.iter_mut().enumerate() {
                        let x = self.four(row, column + 4 * (part * DEPTH + at));
                        *pairs = _mm256_add_epi16(*pairs, _mm256_maddubs_epi16(*w, x));
                    }
                }
                for (whole, pairs) in whole.iter_mut().zip(pairs) {
                    *whole = _mm256_add_epi32(*whole, _mm256_madd_epi16(pairs, by));
                }
            }
        }
    }

    /// The same for 32 signed columns.
    ///
    /// # Safety
    /// As for [`Rows::unsigned`].
    #[inline(always)]
    pub(super) unsafe fn signed(self, w: &[__m256i; 8], column: usize, whole: &mut [__m256i; N]) {
        // SAFETY: passed on to the caller.
        unsafe {
            let ones = _mm256_set1_epi16(1);
            for (at, w) in w.iter().enumerate() {
                let magnitude = _mm256_abs_epi8(*w);
                for (row, whole) in whole.iter_mut().enumerate() {
                    // The magnitude is at most 128 and an activation at most 127: two products fit 16 bits.
                    let x = _mm256_sign_epi8(self.four(row, column + 4 * at), *w);
                    let pairs = _mm256_maddubs_epi16(magnitude, x);
                    *whole = _mm256_add_epi32(*whole, _mm256_madd_epi16(pairs, ones));
                }
            }
        }
    }

    /// Adds block `block` of a plain format to `acc`: its whole products less `offset` times the activations' sum, and
    /// what the format adds.
    ///
    /// # Safety
    /// As for [`Rows::unsigned`].
    #[inline(always)]
    pub(super) unsafe fn add_plain<const ADDED: bool>(
        self,
        block: usize,
        whole: [__m256i; N],
        offset: i32,
        w_scale: __m256,
        w_added: __m256,
        acc: &mut [__m256; N],
    ) {
        // SAFETY: passed on to the caller.
        unsafe {
            for (row, acc) in acc.iter_mut().enumerate() {
                let x_scale = self.scale(row, block, 32);
                let mut whole = whole[row];
                if offset != 0 {
                    whole = _mm256_sub_epi32(whole, _mm256_set1_epi32(offset * self.sum(row, block)));
                }
                *acc = _mm256_fmadd_ps(_mm256_cvtepi32_ps(whole), _mm256_mul_ps(w_scale, x_scale), *acc);
                if ADDED {
                    let x_sum = _mm256_set1_ps(self.sum(row, block) as f32);
                    *acc = _mm256_fmadd_ps(x_sum, _mm256_mul_ps(w_added, x_scale), *acc);
                }
            }
        }
    }

    /// Adds block `block` of a K format to `acc`. `OFFSET` formats have one factor for scales and minima.
    ///
    /// # Safety
    /// As for [`Rows::unsigned`]; `minima` has a vector for every two of the block's runs of `RUN`.
    #[inline(always)]
    pub(super) unsafe fn add_super<const RUN: usize, const OFFSET: bool>(
        self,
        block: usize,
        products: [__m256i; N],
        minima: &[[[i16; 2]; ROWS]],
        d: __m256,
        d_min: __m256,
        acc: &mut [__m256; N],
    ) {
        // SAFETY: passed on to the caller; the sums of two runs lie side by side.
        unsafe {
            for (row, acc) in acc.iter_mut().enumerate() {
                let mut minimum = _mm256_setzero_si256();
                let runs = (self.begin + row * self.x.cols + 256 * block) / RUN;
                for pair in 0..128 / RUN {
                    let x_sums = self.x.sum.as_ptr().add(runs + 2 * pair).cast::<i32>().read_unaligned();
                    let products = _mm256_madd_epi16(vector(minima.get_unchecked(pair)), _mm256_set1_epi32(x_sums));
                    minimum = _mm256_add_epi32(minimum, products);
                }
                let x_scale = self.scale(row, block, 256);
                let scale = _mm256_mul_ps(d, x_scale);
                if OFFSET {
                    let whole = _mm256_cvtepi32_ps(_mm256_sub_epi32(products[row], minimum));
                    *acc = _mm256_fmadd_ps(whole, scale, *acc);
                } else {
                    *acc = _mm256_fmadd_ps(_mm256_cvtepi32_ps(products[row]), scale, *acc);
                    *acc = _mm256_fnmadd_ps(_mm256_cvtepi32_ps(minimum), _mm256_mul_ps(d_min, x_scale), *acc);
                }
            }
        }
    }
}

/// Pairs of numbers of eight rows as a vector.
#[inline(always)]
pub(super) unsafe fn vector(numbers: &[[i16; 2]; ROWS]) -> __m256i {
    // SAFETY: 32 bytes; the caller has AVX2.
    unsafe { _mm256_loadu_si256(numbers.as_ptr().cast()) }
}

/// The sums of `N` activation rows as vectors.
#[inline(always)]
pub(super) unsafe fn load<const N: usize>(sums: &[[f32; ROWS]]) -> [__m256; N] {
    // SAFETY: eight numbers each; the caller has AVX2.
    unsafe {
        let mut acc = [_mm256_setzero_ps(); N];
        for (acc, sums) in acc.iter_mut().zip(sums) {
            *acc = _mm256_loadu_ps(sums.as_ptr());
        }
        acc
    }
}

/// The other way round.
#[inline(always)]
pub(super) unsafe fn store<const N: usize>(acc: [__m256; N], sums: &mut [[f32; ROWS]]) {
    for (acc, sums) in acc.into_iter().zip(sums) {
        // SAFETY: eight numbers; the caller has AVX2.
        unsafe { _mm256_storeu_ps(sums.as_mut_ptr(), acc) };
    }
}
