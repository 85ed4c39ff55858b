//! Vectors of eight lanes, and what the wide kernels do with them, in the instruction set of this architecture. The same
//! names stand for the same numbers everywhere, bit for bit.
//!
//! Nothing here is a closure: one that the compiler does not inline would be compiled without the caller's target
//! features.
//!
//! # Safety
//! All functions need the instruction set: AVX2, FMA and F16C on x86-64, nothing on aarch64, where NEON is always there.
//! Those that take pointers read or write what they say at them, at any alignment. Kernels that call them have the
//! instruction set by the [`Isa`](super::Isa) through which they were entered, and each says why its pointers are good.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "aarch64")]
mod neon;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::*;
#[cfg(target_arch = "aarch64")]
pub(super) use neon::*;
