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
pub(crate) use attention::{Attention, attention};
pub(crate) use embed::embed;
pub(crate) use gelu::gelu_mul;
pub(crate) use matmul::{dequantize_row, matmul};
pub(crate) use norm::rms_norm;
pub(crate) use reduce::log_sum_exp;
pub(crate) use rope::rope;
pub(crate) use softcap::softcap;
pub(crate) use store::store;
use threads::Pool;

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

    /// Calls `work(range)` for parts of `0..total` of at least `least` elements, in parallel.
    fn split(&self, total: usize, least: usize, work: impl Fn(std::ops::Range<usize>) + Sync) {
        // More parts than threads, so that one that is held up does not hold up all.
        let parts = (total / least.max(1)).clamp(1, 4 * self.pool.threads());
        self.pool
            .run(parts, |part| work(part * total / parts..(part + 1) * total / parts));
    }
}

/// An instruction set that the kernels have a form for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    /// Plain Rust, for any processor.
    Portable,
    /// AVX2 with FMA and F16C. Exists only where the processor has all three: make it through [`Isa::detect`] or
    /// [`Isa::available`].
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX2 with FMA and F16C, and with vectors of 64 bytes for prompts: AVX-512 with BW and VL.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2 with AVX-VNNI: products of bytes are summed four at a time.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// AVX-512 with its form of that instruction (AVX512_VNNI).
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// NEON.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// NEON with the dot product extension. Exists only where the processor has that: make it as above.
    #[cfg(target_arch = "aarch64")]
    NeonDot,
}

impl Isa {
    /// The best of this machine.
    pub(crate) fn detect() -> Self {
        *Self::available().last().expect("the portable form is always there")
    }

    /// By how much the form raises signed bytes of weights to multiply them as unsigned ones.
    fn raises_signed_bytes(self) -> i32 {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni | Self::Avx512Vnni => 128,
            _ => 0,
        }
    }

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Portable => "plain code",
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => "AVX2, FMA and F16C",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Self::AvxVnni => "AVX2 with AVX-VNNI",
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => "AVX-512 with VNNI",
            #[cfg(target_arch = "aarch64")]
            Self::Neon => "NEON",
            #[cfg(target_arch = "aarch64")]
            Self::NeonDot => "NEON with dot products",
        }
    }

    /// Every form that runs on this machine, the best last.
    pub(crate) fn available() -> &'static [Self] {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c") {
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl");
            let vnni = avx512 && is_x86_feature_detected!("avx512vnni");
            return match (avx512, is_x86_feature_detected!("avxvnni"), vnni) {
                (false, false, _) => &[Self::Portable, Self::Avx2],
                (false, true, _) => &[Self::Portable, Self::Avx2, Self::AvxVnni],
                (true, false, false) => &[Self::Portable, Self::Avx2, Self::Avx512],
                (true, true, false) => &[Self::Portable, Self::Avx2, Self::Avx512, Self::AvxVnni],
                (true, false, true) => &[Self::Portable, Self::Avx2, Self::Avx512, Self::Avx512Vnni],
                (true, true, true) => &[
                    Self::Portable,
                    Self::Avx2,
                    Self::Avx512,
                    Self::AvxVnni,
                    Self::Avx512Vnni,
                ],
            };
        }
        // The vectors' lanes are taken to lie in memory from the lowest byte on.
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        return if std::arch::is_aarch64_feature_detected!("dotprod") {
            &[Self::Portable, Self::Neon, Self::NeonDot]
        } else {
            &[Self::Portable, Self::Neon]
        };
        #[cfg(not(all(target_arch = "aarch64", target_endian = "little")))]
        &[Self::Portable]
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

// SAFETY: `set` requires that no two threads touch one element, so sharing the pointer adds no race; `T: Send` lets the
// elements be written from other threads.
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
        assert!(at + len <= self.len, "elements {at}..{} of {}", at + len, self.len);
        // SAFETY: in bounds by the assertion, from a live exclusive borrow of the whole, disjoint by the contract.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(at), len) }
    }
}

#[cfg(test)]
mod tests;
