//! The soft cap of logits.

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor};

use super::math::tanh;
use super::vectorized::Vectorized;
use super::{Cpu, SharedOut, contiguous_mut};

/// Makes every `x` `cap * tanh(x / cap)`.
pub(crate) fn softcap(cpu: &Cpu, x: &Tensor, cap: f32) -> Result<()> {
    x.inplace_op1(&Softcap { cpu, cap })
}

struct Softcap<'a> {
    cpu: &'a Cpu,
    cap: f32,
}

impl InplaceOp1 for Softcap<'_> {
    fn name(&self) -> &'static str {
        "softcap"
    }

    fn cpu_fwd(&self, x: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let x = contiguous_mut(x, layout)?;
        let total = x.len();
        let put = SharedOut::new(x);
        self.cpu.split(total, 2048, |part| {
            // SAFETY: `Cpu::split` gives each number to one part, once.
            let x = unsafe { put.slice(part.start, part.len()) };
            self.cpu.isa.run(Part { x, cap: self.cap });
        });
        Ok(())
    }
}

struct Part<'a> {
    x: &'a mut [f32],
    cap: f32,
}

impl Vectorized for Part<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for x in self.x {
            *x = self.cap * tanh(*x / self.cap);
        }
    }
}
