//! The residual connection: what a block computed is added to what went into it, normalized first in some models.

use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Result, Tensor};

use super::norm::factor;
use super::vectorized::Vectorized;
use super::{Cpu, SharedOut, contiguous, contiguous_mut};
use crate::ops::Norm;

/// Adds `h`, normalized where there is a norm, to `x`; both [n, width].
pub(crate) fn add(cpu: &Cpu, x: &Tensor, h: &Tensor, norm: Option<&Norm>) -> Result<()> {
    match norm {
        Some(Norm { weight, epsilon }) => x.inplace_op3(h, weight, &Add { cpu, epsilon: *epsilon }),
        None => x.inplace_op2(h, &Add { cpu, epsilon: 0.0 }),
    }
}

struct Add<'a> {
    cpu: &'a Cpu,
    epsilon: f32,
}

impl InplaceOp2 for Add<'_> {
    fn name(&self) -> &'static str {
        "add"
    }

    fn cpu_fwd(&self, x: &mut CpuStorage, x_layout: &Layout, h: &CpuStorage, h_layout: &Layout) -> Result<()> {
        self.rows(x, x_layout, h, h_layout, None)
    }
}

impl InplaceOp3 for Add<'_> {
    fn name(&self) -> &'static str {
        "add-norm"
    }

    fn cpu_fwd(
        &self,
        x: &mut CpuStorage,
        x_layout: &Layout,
        h: &CpuStorage,
        h_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<()> {
        self.rows(x, x_layout, h, h_layout, Some(contiguous(weight, weight_layout)?))
    }
}

impl Add<'_> {
    fn rows(
        &self,
        x: &mut CpuStorage,
        x_layout: &Layout,
        h: &CpuStorage,
        h_layout: &Layout,
        weight: Option<&[f32]>,
    ) -> Result<()> {
        let (rows, width) = x_layout.shape().dims2()?;
        if h_layout.shape() != x_layout.shape() || weight.is_some_and(|weight| weight.len() != width) {
            candle_core::bail!("{:?} added to {:?}", h_layout.shape(), x_layout.shape());
        }
        let (x, h) = (contiguous_mut(x, x_layout)?, contiguous(h, h_layout)?);
        let put = SharedOut::new(x);
        self.cpu.split(rows, 1 + 8192 / width.max(1), |rows| {
            for row in rows {
                self.cpu.isa.run(Row {
                    // SAFETY: `Cpu::split` gives each row to one part, once, and the borrow ends with the loop's turn.
                    x: unsafe { put.slice(row * width, width) },
                    h: &h[row * width..][..width],
                    weight,
                    epsilon: self.epsilon,
                });
            }
        });
        Ok(())
    }
}

struct Row<'a> {
    x: &'a mut [f32],
    h: &'a [f32],
    weight: Option<&'a [f32]>,
    epsilon: f32,
}

impl Vectorized for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        match self.weight {
            Some(weight) => {
                let factor = factor(self.h, self.epsilon);
                for ((x, h), weight) in self.x.iter_mut().zip(self.h).zip(weight) {
                    *x += h * factor * weight;
                }
            }
            None => self.x.iter_mut().zip(self.h).for_each(|(x, h)| *x += h),
        }
    }
}
