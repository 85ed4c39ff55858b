//! The gated activation of the feed-forward block.

use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Tensor};

use super::math::gelu;
use super::vectorized::Vectorized;
use super::{Cpu, SharedOut, contiguous, contiguous_mut};

/// Makes `gate` `gelu(gate) * up`, element by element; both [n, width].
pub(crate) fn gelu_mul(cpu: &Cpu, gate: &Tensor, up: &Tensor) -> Result<()> {
    gate.inplace_op2(up, &GeluMul { cpu })
}

struct GeluMul<'a> {
    cpu: &'a Cpu,
}

impl InplaceOp2 for GeluMul<'_> {
    fn name(&self) -> &'static str {
        "gelu-mul"
    }

    fn cpu_fwd(&self, gate: &mut CpuStorage, gate_layout: &Layout, up: &CpuStorage, up_layout: &Layout) -> Result<()> {
        if gate_layout.shape() != up_layout.shape() {
            candle_core::bail!("gelu-mul of {:?} with {:?}", gate_layout.shape(), up_layout.shape());
        }
        let (gate, up) = (contiguous_mut(gate, gate_layout)?, contiguous(up, up_layout)?);
        let total = gate.len();
        let put = SharedOut::new(gate);
        self.cpu.split(total, 2048, |part| {
            self.cpu.isa.run(Part {
                // SAFETY: `Cpu::split` gives each number to one part, once.
                gate: unsafe { put.slice(part.start, part.len()) },
                up: &up[part],
            });
        });
        Ok(())
    }
}

struct Part<'a> {
    gate: &'a mut [f32],
    up: &'a [f32],
}

impl Vectorized for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (gate, up) in self.gate.iter_mut().zip(self.up) {
            *gate = gelu(*gate) * up;
        }
    }
}
