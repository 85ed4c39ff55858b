//! Root-mean-square normalization.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::matmul::contiguous;
use super::{Cpu, Isa, SharedOut};

/// Divides each row of the last dimension by its root mean square and multiplies it by `weight`.
pub(crate) fn rms_norm(cpu: &Cpu, x: &Tensor, weight: &Tensor, epsilon: f32) -> Result<Tensor> {
    x.apply_op2_no_bwd(weight, &RmsNorm { cpu, epsilon })
}

struct RmsNorm<'a> {
    cpu: &'a Cpu,
    epsilon: f32,
}

impl CustomOp2 for RmsNorm<'_> {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let (x, weight) = (contiguous(s1, l1)?, contiguous(s2, l2)?);
        let width = weight.len();
        if l1.dims().last() != Some(&width) || width == 0 {
            candle_core::bail!("rms-norm of {:?} with a weight of {width}", l1.shape());
        }
        let mut out = vec![0.0; x.len()];
        let put = SharedOut::new(&mut out);
        self.cpu.split(x.len() / width, 1 + 8192 / width, |rows| {
            for row in rows {
                // SAFETY: each row belongs to one part.
                let out = unsafe { put.slice(row * width, width) };
                normalize(self.cpu.isa, &x[row * width..][..width], weight, self.epsilon, out);
            }
        });
        Ok((CpuStorage::F32(out), l1.shape().clone()))
    }
}

fn normalize(isa: Isa, x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    match isa {
        Isa::Portable => generic(x, weight, epsilon, out),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every other form exists only where the processor has AVX2 and FMA.
        _ => unsafe { avx2(x, weight, epsilon, out) },
        // The compiler vectorizes it for what the whole program is compiled for, which on aarch64 is NEON.
        #[cfg(not(target_arch = "x86_64"))]
        _ => generic(x, weight, epsilon, out),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    generic(x, weight, epsilon, out);
}

#[inline(always)]
fn generic(x: &[f32], weight: &[f32], epsilon: f32, out: &mut [f32]) {
    let (chunks, rest) = x.as_chunks::<8>();
    let mut lanes = [0.0_f32; 8];
    for chunk in chunks {
        for lane in 0..8 {
            lanes[lane] += chunk[lane] * chunk[lane];
        }
    }
    let mut squares = 0.0;
    for lane in lanes {
        squares += lane;
    }
    for x in rest {
        squares += x * x;
    }
    let factor = 1.0 / (squares / x.len() as f32 + epsilon).sqrt();
    for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
        *out = x * factor * weight;
    }
}
