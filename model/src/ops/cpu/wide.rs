//! The kernels of quantized products in vectors, the same for every instruction set: `simd` has its vectors, and
//! [`Products`] says how it multiplies bytes.
//!
//! On x86-64 every function that is not inlined enables the features of `simd` itself. No closures in these modules: one
//! that the compiler does not inline would be compiled without them.
//!
//! # Safety
//! The kernels check no access. They are entered only from `dot` and `packed`, where what they rely on is asserted: stored
//! rows hold their blocks (`Stored::is_whole`), packed columns are within their room (`Operands::fit`), activations have as
//! many rows and columns (`Activations::hold`). That the processor has the instruction set is proved by the
//! [`Isa`](super::Isa) that chooses a kernel. A function that is called with a part of all that has the caller's promise
//! that it is one.

/// Calls `plain::<P, N, DEPTH, ADDED>` or `superblocks::<P, N, RUN, V, DEPTH, OFFSET>` as a format wants it. `DEPTH` says how
/// many products of two fit 16 bits: 8 of 4-bit weights, 4 of 5-bit, 2 of 6-bit; runs of 16 have but 4. 0 stands for
/// signed weights.
macro_rules! by_format {
    ($format:expr, $p:ident, $n:ident, $arguments:tt) => {
        match $format {
            Format::Q4_0 => plain::<$p, $n, 8, false> $arguments,
            Format::Q5_0 => plain::<$p, $n, 4, false> $arguments,
            Format::Q4_1 => plain::<$p, $n, 8, true> $arguments,
            Format::Q5_1 => plain::<$p, $n, 4, true> $arguments,
            Format::Q8_0 | Format::IQ4_NL | Format::IQ4_XS => plain::<$p, $n, 0, false> $arguments,
            Format::Q2_K => superblocks::<$p, $n, 16, 4, 4, false> $arguments,
            Format::Q3_K => superblocks::<$p, $n, 16, 4, 4, true> $arguments,
            Format::Q4_K => superblocks::<$p, $n, 32, 8, 8, false> $arguments,
            Format::Q5_K => superblocks::<$p, $n, 32, 8, 4, false> $arguments,
            Format::Q6_K => superblocks::<$p, $n, 16, 4, 2, true> $arguments,
            Format::F32 | Format::F16 | Format::BF16 => unreachable!("float formats are not packed"),
        }
    };
}

mod floats;
mod gemm;
#[cfg(target_arch = "x86_64")]
pub(super) mod gemm_avx512;
mod gemv;
mod pack;
mod products;
mod transpose;

pub(super) use floats::floats;
pub(super) use gemm::gemm;
pub(super) use gemv::gemv;
#[cfg(target_arch = "x86_64")]
pub(super) use gemv::gemv_avx512_vnni;
pub(super) use pack::pack;
use products::Products;
#[cfg(target_arch = "aarch64")]
pub(super) use products::neon::{Sdot, Widening};
#[cfg(target_arch = "x86_64")]
pub(super) use products::{
    avx2::Maddubs,
    vnni::{Vex, Vnni},
};
