//! Token embeddings.

use candle_core::{CpuStorage, InplaceOp1, Layout, Result, Tensor};

use super::matmul::dequantize_row;
use super::{Cpu, SharedOut, contiguous_mut};
use crate::ops::Matrix;

/// Writes the rows of `table` that `ids` name, times `scale`, to `out` [ids.len(), table.cols].
pub(crate) fn embed(cpu: &Cpu, ids: &[u32], table: &Matrix, scale: f32, out: &Tensor) -> Result<()> {
    let op = Embed { cpu, ids, table, scale };
    out.inplace_op1(&op)
}

struct Embed<'a> {
    cpu: &'a Cpu,
    ids: &'a [u32],
    table: &'a Matrix,
    scale: f32,
}

impl InplaceOp1 for Embed<'_> {
    fn name(&self) -> &'static str {
        "embed"
    }

    fn cpu_fwd(&self, out: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let Self { cpu, ids, table, scale } = *self;
        let width = table.cols();
        if layout.shape().dims2()? != (ids.len(), width) {
            candle_core::bail!("{} embeddings of {width} to {:?}", ids.len(), layout.shape());
        }
        if let Some(id) = ids.iter().find(|id| **id as usize >= table.rows()) {
            candle_core::bail!("token {id} in a vocabulary of {}", table.rows());
        }
        let put = SharedOut::new(contiguous_mut(out, layout)?);
        cpu.split(ids.len(), 4, |rows| {
            for row in rows {
                // SAFETY: `Cpu::split` gives each row to one part, once, and the borrow ends with the loop's turn.
                let out = unsafe { put.slice(row * width, width) };
                dequantize_row(table, ids[row] as usize, out);
                out.iter_mut().for_each(|x| *x *= scale);
            }
        });
        Ok(())
    }
}
