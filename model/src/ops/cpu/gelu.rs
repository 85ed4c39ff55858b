//! The gated activation of the feed-forward block.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::math::gelu;
use super::matmul::contiguous;
use super::{Cpu, Isa, SharedOut};

/// `gelu(gate) * up`, element by element; both [n, width], `f32`.
pub(crate) fn gelu_mul(cpu: &Cpu, gate: &Tensor, up: &Tensor) -> Result<Tensor> {
    gate.apply_op2_no_bwd(up, &GeluMul { cpu })
}

struct GeluMul<'a> {
    cpu: &'a Cpu,
}

impl CustomOp2 for GeluMul<'_> {
    fn name(&self) -> &'static str {
        "gelu-mul"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let (gate, up) = (contiguous(s1, l1)?, contiguous(s2, l2)?);
        if gate.len() != up.len() {
            candle_core::bail!("gelu-mul of {:?} with {:?}", l1.shape(), l2.shape());
        }
        let mut out = vec![0.0; gate.len()];
        let put = SharedOut::new(&mut out);
        self.cpu.split(gate.len(), 2048, |part| {
            // SAFETY: parts do not overlap.
            let out = unsafe { put.slice(part.start, part.len()) };
            part_of(self.cpu.isa, &gate[part.clone()], &up[part], out);
        });
        Ok((CpuStorage::F32(out), l1.shape().clone()))
    }
}

fn part_of(isa: Isa, gate: &[f32], up: &[f32], out: &mut [f32]) {
    match isa {
        Isa::Portable => generic(gate, up, out),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every other form exists only where the processor has AVX2 and FMA.
        _ => unsafe { avx2(gate, up, out) },
        // The compiler vectorizes it for what the whole program is compiled for, which on aarch64 is NEON.
        #[cfg(not(target_arch = "x86_64"))]
        _ => generic(gate, up, out),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(gate: &[f32], up: &[f32], out: &mut [f32]) {
    generic(gate, up, out);
}

#[inline(always)]
fn generic(gate: &[f32], up: &[f32], out: &mut [f32]) {
    for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
        *out = gelu(*gate) * up;
    }
}
