//! Reductions over logits.

use super::Isa;
use super::math::exp;

/// `ln(sum(e^x))` without overflow. NaN where any `x` is.
pub(crate) fn log_sum_exp(isa: Isa, x: &[f32]) -> f32 {
    match isa {
        Isa::Portable => generic(x),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every other form exists only where the processor has AVX2 and FMA.
        _ => unsafe { avx2(x) },
        // The compiler vectorizes it for what the whole program is compiled for, which on aarch64 is NEON.
        #[cfg(not(target_arch = "x86_64"))]
        _ => generic(x),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(x: &[f32]) -> f32 {
    generic(x)
}

#[inline(always)]
fn generic(x: &[f32]) -> f32 {
    let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (chunks, rest) = x.as_chunks::<8>();
    let mut lanes = [0.0_f32; 8];
    for chunk in chunks {
        for lane in 0..8 {
            lanes[lane] += exp(chunk[lane] - largest);
        }
    }
    let total = lanes.iter().sum::<f32>() + rest.iter().map(|x| exp(x - largest)).sum::<f32>();
    largest + total.ln()
}
