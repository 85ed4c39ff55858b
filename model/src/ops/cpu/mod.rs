//! The processor kernels. Each comes in a portable form and in forms for instruction sets that are chosen at run time.
//!
//! They are candle operations that write to a tensor that is there: a forward pass allocates no buffers.
//!
//! Kernels are batch-invariant: what is computed for a row depends neither on the rows beside it, nor on the number of
//! threads, nor on how a prompt is cut into chunks. Cold, warm and partly reused runs therefore give the same text.

mod activations;
mod add;
mod angles;
mod attention;
mod blocks;
mod dot;
mod embed;
mod gelu;
mod math;
mod matmul;
mod norm;
mod packed;
mod reduce;
mod rope;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod simd;
mod softcap;
mod store;
mod threads;
mod vectorized;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod wide;

use candle_core::{CpuStorage, Layout, Result};

pub(crate) use add::add;
pub(crate) use angles::angles;
pub(crate) use attention::attention;
pub(crate) use blocks::dequantize;
pub(crate) use embed::embed;
pub(crate) use gelu::gelu_mul;
pub(crate) use matmul::{dequantize_row, matmul};
pub(crate) use norm::rms_norm;
pub(crate) use reduce::log_sum_exp;
pub(crate) use rope::rope;
pub(crate) use softcap::softcap;
pub(crate) use store::store;
use threads::Pool;

use crate::ops::isa::{InstructionSet, Isa};

/// What kernels run on: an instruction set and threads.
pub(crate) struct Cpu {
    pub(crate) isa: Isa,
    pub(crate) pool: Pool,
}

impl Cpu {
    /// The best instruction set of this machine and `threads` threads. The error is the system's, where it could not
    /// start one.
    pub(crate) fn new(threads: usize) -> std::io::Result<Self> {
        Ok(Self {
            isa: Isa::detect(),
            pool: Pool::new(threads)?,
        })
    }

    /// Calls `work(range)` for parts of `0..total` of at least `least` elements, in parallel. Each element is in one part.
    fn split(&self, total: usize, least: usize, work: impl Fn(std::ops::Range<usize>) + Sync) {
        // More parts than threads, so that one that is held up does not hold up all.
        let parts = (total / least.max(1)).clamp(1, 4 * self.pool.threads());
        self.pool
            .run(parts, |part| work(part * total / parts..(part + 1) * total / parts));
    }
}

/// The numbers of a contiguous `f32` tensor.
fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => candle_core::bail!("a kernel needs contiguous input"),
    }
}

/// The numbers of a contiguous `f32` tensor, to write to.
fn contiguous_mut<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> Result<&'a mut [f32]> {
    let CpuStorage::F32(numbers) = storage else {
        candle_core::bail!("a kernel writes 32-bit floats");
    };
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&mut numbers[start..end]),
        None => candle_core::bail!("a kernel needs contiguous output"),
    }
}

/// Output that several threads fill, each its own elements.
struct SharedOut<'a, T> {
    start: *mut T,
    len: usize,
    whole: std::marker::PhantomData<&'a mut [T]>,
}

// SAFETY: elements are reached only through `slice`, whose callers owe that no two borrows of one element exist at a time,
// so that sharing the pointer adds no race; `T: Send` lets the elements be written from other threads.
unsafe impl<T: Send> Sync for SharedOut<'_, T> {}

impl<'a, T> SharedOut<'a, T> {
    fn new(whole: &'a mut [T]) -> Self {
        Self {
            start: whole.as_mut_ptr(),
            len: whole.len(),
            whole: std::marker::PhantomData,
        }
    }

    /// Borrows `len` elements from `at`.
    ///
    /// # Safety
    /// No other borrow of any of these elements may exist at the same time.
    #[expect(
        clippy::mut_from_ref,
        reason = "disjointness is the caller's promise, that is what the type is for"
    )]
    unsafe fn slice(&self, at: usize, len: usize) -> &mut [T] {
        assert!(
            at <= self.len && len <= self.len - at,
            "{len} elements from {at} on, of {}",
            self.len
        );
        // SAFETY: the assertion above says that the elements lie within the whole, whose exclusive borrow lasts as long as
        // this value; that nobody else borrows them is the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(at), len) }
    }
}

#[cfg(test)]
mod tests;
