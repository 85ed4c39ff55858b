//! The arithmetic of a block of eight weight rows with `N` activation rows, which every kernel shares: whatever the
//! weights come from, the same operations in the same order give the same bits.

use super::super::activations::Activations;
use super::super::packed::ROWS;
use super::super::simd::{self, Floats, Ints};

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2;
#[cfg(target_arch = "aarch64")]
pub(super) mod neon;
#[cfg(target_arch = "x86_64")]
pub(super) mod vnni;

/// How an instruction set multiplies bytes and sums the products. The sums are exact.
pub(in super::super) trait Products {
    /// Adds to `whole` the products of `4 * V` unsigned columns from `column` on, times the scale of a run (each of the
    /// eight twice, in 16 bits) where there is one. `2 * DEPTH` products fit 16 bits.
    ///
    /// # Safety
    /// Needs the instruction set; the columns must be there.
    unsafe fn unsigned<const V: usize, const DEPTH: usize, const N: usize>(
        x: Rows<'_, N>,
        w: &[Ints; V],
        column: usize,
        scale: Option<Ints>,
        whole: &mut [Ints; N],
    );

    /// Adds to `whole` the products of 32 signed columns, without a scale. A form may add the same number to each weight
    /// and leave it to [`Activations::start`] that the sums come out right.
    ///
    /// # Safety
    /// As for [`Products::unsigned`].
    unsafe fn signed<const N: usize>(x: Rows<'_, N>, w: &[Ints; 8], column: usize, whole: &mut [Ints; N]);

    /// Adds to `sums` the products of numbers of two bytes, in each lane of two with the two at `x`.
    ///
    /// # Safety
    /// Needs the instruction set; two numbers must be at `x`.
    #[inline(always)]
    unsafe fn add_pair_products(sums: Ints, w: Ints, x: *const i16) -> Ints {
        // SAFETY: the caller promises two numbers at `x`, and the instruction set.
        unsafe {
            let x = simd::all_ints(x.cast::<i32>().read_unaligned());
            simd::add(sums, simd::pair_products(w, x))
        }
    }
}

/// `N` activation rows from a column on.
#[derive(Clone, Copy)]
pub(in super::super) struct Rows<'a, const N: usize> {
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

    /// The activations of a row from a column on.
    #[inline(always)]
    unsafe fn at(self, row: usize, column: usize) -> *const i8 {
        // SAFETY: the caller stays within the rows and columns of which `Activations::hold` was asserted.
        unsafe { self.x.q.as_ptr().add(self.begin + row * self.x.cols + column) }
    }

    #[inline(always)]
    unsafe fn scale(self, row: usize, block: usize, group: usize) -> Floats {
        // SAFETY: the caller stays within the rows and blocks of which `Activations::hold` was asserted: there is a
        // scale for each.
        unsafe {
            let at = (self.begin + row * self.x.cols) / group + block;
            simd::all_floats(*self.x.scale.get_unchecked(at))
        }
    }

    /// What the whole products of block `block` of a plain format begin with.
    ///
    /// # Safety
    /// As for [`Products::unsigned`].
    #[inline(always)]
    pub(super) unsafe fn start(self, block: usize) -> [Ints; N] {
        // SAFETY: the caller stays within the rows and blocks of which `Activations::hold` was asserted: there is a
        // start for each block of a plain format.
        unsafe {
            let mut whole = [simd::zero_ints(); N];
            for (row, whole) in whole.iter_mut().enumerate() {
                let at = (self.begin + row * self.x.cols) / 32 + block;
                *whole = simd::all_ints(*self.x.start.get_unchecked(at));
            }
            whole
        }
    }

    /// Adds block `block` of a plain format to `acc`: its whole products and what the format adds.
    ///
    /// # Safety
    /// As for [`Products::unsigned`].
    #[inline(always)]
    pub(super) unsafe fn add_plain<const ADDED: bool>(
        self,
        block: usize,
        whole: [Ints; N],
        w_scale: Floats,
        w_added: Floats,
        acc: &mut [Floats; N],
    ) {
        // SAFETY: the caller stays within the rows and blocks of which `Activations::hold` was asserted: there is a sum
        // for each block of a plain format.
        unsafe {
            for (row, acc) in acc.iter_mut().enumerate() {
                let x_scale = self.scale(row, block, 32);
                *acc = simd::mul_add(simd::to_floats(whole[row]), simd::mul(w_scale, x_scale), *acc);
                if ADDED {
                    let at = (self.begin + row * self.x.cols) / 32 + block;
                    let x_sum = simd::all_floats(f32::from(*self.x.sum.get_unchecked(at)));
                    *acc = simd::mul_add(x_sum, simd::mul(w_added, x_scale), *acc);
                }
            }
        }
    }

    /// Adds block `block` of a K format to `acc`. `OFFSET` formats have one factor for scales and minima.
    ///
    /// # Safety
    /// As for [`Products::unsigned`]; `minima` has a vector for every two of the block's runs of `RUN`.
    #[inline(always)]
    pub(super) unsafe fn add_super<P: Products, const RUN: usize, const OFFSET: bool>(
        self,
        block: usize,
        products: [Ints; N],
        minima: &[[[i16; 2]; ROWS]],
        d: Floats,
        d_min: Floats,
        acc: &mut [Floats; N],
    ) {
        // SAFETY: the caller stays within the rows and blocks of which `Activations::hold` was asserted: there is a sum
        // for each run, those of two runs side by side. It promises minima for each two runs.
        unsafe {
            for (row, acc) in acc.iter_mut().enumerate() {
                let mut minimum = simd::zero_ints();
                let runs = (self.begin + row * self.x.cols + 256 * block) / RUN;
                for pair in 0..128 / RUN {
                    let minima = simd::load_ints(minima.get_unchecked(pair));
                    minimum = P::add_pair_products(minimum, minima, self.x.sum.as_ptr().add(runs + 2 * pair));
                }
                let x_scale = self.scale(row, block, 256);
                let scale = simd::mul(d, x_scale);
                if OFFSET {
                    let whole = simd::to_floats(simd::sub(products[row], minimum));
                    *acc = simd::mul_add(whole, scale, *acc);
                } else {
                    *acc = simd::mul_add(simd::to_floats(products[row]), scale, *acc);
                    *acc = simd::mul_sub(simd::to_floats(minimum), simd::mul(d_min, x_scale), *acc);
                }
            }
        }
    }
}

/// The sums of `N` activation rows as vectors.
#[inline(always)]
pub(super) unsafe fn load<const N: usize>(sums: &[[f32; ROWS]]) -> [Floats; N] {
    // SAFETY: the arrays have the eight numbers that are loaded; the instruction set is the caller's promise.
    unsafe {
        let mut acc = [simd::zero_floats(); N];
        for (acc, sums) in acc.iter_mut().zip(sums) {
            *acc = simd::load_floats(sums.as_ptr());
        }
        acc
    }
}

/// The other way round.
#[inline(always)]
pub(super) unsafe fn store<const N: usize>(acc: [Floats; N], sums: &mut [[f32; ROWS]]) {
    for (acc, sums) in acc.into_iter().zip(sums) {
        // SAFETY: the array has the eight numbers that are stored; the instruction set is the caller's promise.
        unsafe { simd::store_floats(sums.as_mut_ptr(), acc) };
    }
}
