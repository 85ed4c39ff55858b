//! The kernels of quantized products in vectors, the same for every instruction set: `simd` has its vectors, and
//! [`Products`] says how it multiplies bytes.
//!
//! On x86-64 every function that is not inlined enables the features of `simd` itself. No closures in these modules: one
//! that the compiler does not inline would be compiled without them.

mod few;
mod floats;
#[cfg(target_arch = "x86_64")]
pub(super) mod pair;
mod products;
mod tile;
mod transpose;
mod unpack;

pub(super) use few::few;
#[cfg(target_arch = "x86_64")]
pub(super) use few::few_in_32_registers;
pub(super) use floats::floats;
use products::Products;
#[cfg(target_arch = "aarch64")]
pub(super) use products::neon::{Fours, Widened};
#[cfg(target_arch = "x86_64")]
pub(super) use products::{
    avx2::Pairs,
    vnni::{Fours, Vex},
};
pub(super) use tile::accumulate;
pub(super) use unpack::unpack;
