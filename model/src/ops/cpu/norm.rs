//! Root-mean-square normalization.

use candle_core::{CpuStorage, InplaceOp3, Layout, Result, Tensor};

use super::vectorized::Vectorized;
use super::{Cpu, SharedOut, contiguous, contiguous_mut};
use crate::ops::Norm;

/// Writes each row of `x` [n, width] from row `from` on, over its root mean square and times the weight, to `out`
/// [n - from, width].
pub(crate) fn rms_norm(cpu: &Cpu, x: &Tensor, from: usize, norm: &Norm, out: &Tensor) -> Result<()> {
    let epsilon = norm.epsilon;
    out.inplace_op3(x, &norm.weight, &RmsNorm { cpu, from, epsilon })
}

struct RmsNorm<'a> {
    cpu: &'a Cpu,
    from: usize,
    epsilon: f32,
}

impl InplaceOp3 for RmsNorm<'_> {
    fn name(&self) -> &'static str {
        "rms-norm"
    }

    fn cpu_fwd(
        &self,
        out: &mut CpuStorage,
        out_layout: &Layout,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<()> {
        let ((n, width), (rows, out_width)) = (x_layout.shape().dims2()?, out_layout.shape().dims2()?);
        let weight = contiguous(weight, weight_layout)?;
        if self.from + rows != n || out_width != width || weight.len() != width || width == 0 {
            let (from, x, out) = (self.from, x_layout.shape(), out_layout.shape());
            candle_core::bail!(
                "rms-norm of {x:?} from row {from} to {out:?} with a weight of {}",
                weight.len()
            );
        }
        let x = &contiguous(x, x_layout)?[self.from * width..];
        let out = contiguous_mut(out, out_layout)?;
        let put = SharedOut::new(out);
        self.cpu.split(rows, 1 + 8192 / width, |rows| {
            for row in rows {
                self.cpu.isa.run(Row {
                    x: &x[row * width..][..width],
                    weight,
                    epsilon: self.epsilon,
                    // SAFETY: `Cpu::split` gives each row to one part, once, and the borrow ends with the loop's turn.
                    out: unsafe { put.slice(row * width, width) },
                });
            }
        });
        Ok(())
    }
}

struct Row<'a> {
    x: &'a [f32],
    weight: &'a [f32],
    epsilon: f32,
    out: &'a mut [f32],
}

impl Vectorized for Row<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let factor = factor(self.x, self.epsilon);
        for ((out, x), weight) in self.out.iter_mut().zip(self.x).zip(self.weight) {
            *out = x * factor * weight;
        }
    }
}

/// What a row is multiplied by to have a root mean square of 1.
#[inline(always)]
pub(super) fn factor(x: &[f32], epsilon: f32) -> f32 {
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
    1.0 / (squares / x.len() as f32 + epsilon).sqrt()
}
