//! Rotary position embedding, of what is normalized first in some models.

use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Result, Tensor};

use super::norm::factor;
use super::vectorized::Vectorized;
use super::{Cpu, SharedOut, contiguous, contiguous_mut};
use crate::ops::Norm;

/// Normalizes each head of `x` [n, heads * width] where there is a norm, and rotates its pairs in the half-split form:
/// element `i` of the first half with element `i` of the second. `angles` [n, width] has the cosines of a row's angles,
/// then their sines.
pub(crate) fn rope(cpu: &Cpu, x: &Tensor, angles: &Tensor, norm: Option<&Norm>) -> Result<()> {
    match norm {
        Some(Norm { weight, epsilon }) => x.inplace_op3(angles, weight, &Rope { cpu, epsilon: *epsilon }),
        None => x.inplace_op2(angles, &Rope { cpu, epsilon: 0.0 }),
    }
}

struct Rope<'a> {
    cpu: &'a Cpu,
    epsilon: f32,
}

impl InplaceOp2 for Rope<'_> {
    fn name(&self) -> &'static str {
        "rope"
    }

    fn cpu_fwd(&self, x: &mut CpuStorage, x_layout: &Layout, angles: &CpuStorage, angle_layout: &Layout) -> Result<()> {
        self.heads(x, x_layout, angles, angle_layout, None)
    }
}

impl InplaceOp3 for Rope<'_> {
    fn name(&self) -> &'static str {
        "norm-rope"
    }

    fn cpu_fwd(
        &self,
        x: &mut CpuStorage,
        x_layout: &Layout,
        angles: &CpuStorage,
        angle_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<()> {
        self.heads(
            x,
            x_layout,
            angles,
            angle_layout,
            Some(contiguous(weight, weight_layout)?),
        )
    }
}

impl Rope<'_> {
    fn heads(
        &self,
        x: &mut CpuStorage,
        x_layout: &Layout,
        angles: &CpuStorage,
        angle_layout: &Layout,
        weight: Option<&[f32]>,
    ) -> Result<()> {
        let ((n, columns), (rows, width)) = (x_layout.shape().dims2()?, angle_layout.shape().dims2()?);
        if n != rows
            || width == 0
            || !width.is_multiple_of(2)
            || !columns.is_multiple_of(width)
            || weight.is_some_and(|weight| weight.len() != width)
        {
            candle_core::bail!(
                "rope of {:?} with angles of {:?}",
                x_layout.shape(),
                angle_layout.shape()
            );
        }
        let (x, angles) = (contiguous_mut(x, x_layout)?, contiguous(angles, angle_layout)?);
        let heads = columns / width;
        let put = SharedOut::new(x);
        self.cpu.split(n * heads, 1 + 8192 / width, |part| {
            for head in part {
                self.cpu.isa.run(Head {
                    // SAFETY: `Cpu::split` gives each head of a row to one part, once, and the borrow ends with the loop's
                    // turn.
                    x: unsafe { put.slice(head * width, width) },
                    angles: &angles[head / heads * width..][..width],
                    weight,
                    epsilon: self.epsilon,
                });
            }
        });
        Ok(())
    }
}

struct Head<'a> {
    x: &'a mut [f32],
    angles: &'a [f32],
    weight: Option<&'a [f32]>,
    epsilon: f32,
}

impl Vectorized for Head<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        if let Some(weight) = self.weight {
            let factor = factor(self.x, self.epsilon);
            for (x, weight) in self.x.iter_mut().zip(weight) {
                *x = *x * factor * weight;
            }
        }
        let half = self.x.len() / 2;
        let ((x1, x2), (cos, sin)) = (self.x.split_at_mut(half), self.angles.split_at(half));
        for (((x1, x2), cos), sin) in x1.iter_mut().zip(x2).zip(cos).zip(sin) {
            (*x1, *x2) = (*x1 * cos - *x2 * sin, *x2 * cos + *x1 * sin);
        }
    }
}
