//! The angles of a rotary embedding.

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor};

use super::{Cpu, SharedOut, contiguous_mut};

/// Writes the cosines of `position * frequency` for every frequency, then the sines, to each position's row of `out`
/// [positions.len(), 2 * frequencies.len()]. Computed in `f64`: positions are large beside a turn.
pub(crate) fn angles(cpu: &Cpu, positions: &[usize], frequencies: &[f64], out: &Tensor) -> Result<()> {
    let op = Angles {
        cpu,
        positions,
        frequencies,
    };
    out.inplace_op1(&op)
}

struct Angles<'a> {
    cpu: &'a Cpu,
    positions: &'a [usize],
    frequencies: &'a [f64],
}

impl InplaceOp1 for Angles<'_> {
    fn name(&self) -> &'static str {
        "angles"
    }

    fn cpu_fwd(&self, out: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let Self {
            cpu,
            positions,
            frequencies,
        } = *self;
        let half = frequencies.len();
        if layout.shape().dims2()? != (positions.len(), 2 * half) {
            candle_core::bail!("{} rows of {half} angles to {:?}", positions.len(), layout.shape());
        }
        let put = SharedOut::new(contiguous_mut(out, layout)?);
        cpu.split(positions.len(), 4, |rows| {
            for row in rows {
                // SAFETY: `Cpu::split` gives each row to one part, once, and the borrow ends with the loop's turn.
                let (cos, sin) = unsafe { put.slice(row * 2 * half, 2 * half) }.split_at_mut(half);
                for ((cos, sin), frequency) in cos.iter_mut().zip(sin).zip(frequencies) {
                    let angle = positions[row] as f64 * frequency;
                    (*cos, *sin) = (angle.cos() as f32, angle.sin() as f32);
                }
            }
        });
        Ok(())
    }
}
