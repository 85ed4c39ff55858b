//! The kernels of quantized products with AVX2, FMA and F16C.
//!
//! No closures in these modules: one that the compiler does not inline would be compiled without the caller's target
//! features.

mod few;
mod floats;
mod products;
mod tile;
mod transpose;
mod unpack;

pub(super) use few::{MOST as FEW, few};
pub(super) use floats::{floats, sum};
pub(super) use tile::accumulate;
pub(super) use unpack::unpack;
