//! Rotary position embedding.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use super::matmul::contiguous;
use super::{Cpu, SharedOut};

/// Rotates pairs in the half-split form: element `i` of the first half of each head with element `i` of the second.
/// `x` is [n, heads, width], `cos` and `sin` [n, width / 2].
pub(crate) fn rope(cpu: &Cpu, x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
    x.apply_op3_no_bwd(cos, sin, &Rope { cpu })
}

struct Rope<'a> {
    cpu: &'a Cpu,
}

impl CustomOp3 for Rope<'_> {
    fn name(&self) -> &'static str {
        "rope"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (n, heads, width) = l1.shape().dims3()?;
        let half = width / 2;
        if l2.dims() != [n, half] || l3.dims() != [n, half] || width % 2 != 0 {
            candle_core::bail!("rope of {:?} with angles of {:?}", l1.shape(), l2.shape());
        }
        let (x, cos, sin) = (contiguous(s1, l1)?, contiguous(s2, l2)?, contiguous(s3, l3)?);
        let mut out = vec![0.0; x.len()];
        let put = SharedOut::new(&mut out);
        self.cpu.split(n * heads, 1 + 8192 / width.max(1), |rows| {
            for row in rows {
                let angles = row / heads * half;
                let (x1, x2) = x[row * width..][..width].split_at(half);
                // SAFETY: each row belongs to one part.
                let (out1, out2) = unsafe { put.slice(row * width, width) }.split_at_mut(half);
                for at in 0..half {
                    let (cos, sin) = (cos[angles + at], sin[angles + at]);
                    out1[at] = x1[at] * cos - x2[at] * sin;
                    out2[at] = x2[at] * cos + x1[at] * sin;
                }
            }
        });
        Ok((CpuStorage::F32(out), l1.shape().clone()))
    }
}
