//! Activations quantized to 8 bits, in the groups over which a weight format shares its scales.

use super::blocks::Scaling;
use super::{Cpu, Isa, SharedOut};

/// The rows of one matrix product. `x = scale * q` within a group of 32 or 256.
pub(super) struct Activations {
    /// Numbers in a row.
    pub(super) cols: usize,
    /// One signed byte a number, -127 to 127.
    pub(super) q: Vec<i8>,
    /// One scale a group.
    pub(super) scale: Vec<f32>,
    /// Sums of `q`: over each group of 32, or over each run of a K format.
    pub(super) sum: Vec<i16>,
    /// For each group of 32, what the products of the stored bytes of weights have to begin with to become those of the
    /// weights: less the sum, times what stored bytes are above the weights. Empty for K formats.
    pub(super) start: Vec<i32>,
    /// Numbers in a sum.
    pub(super) run: usize,
    /// Numbers in a group.
    pub(super) group: usize,
}

impl Activations {
    /// Quantizes rows of `cols` numbers, a multiple of the format's block. A group with a number that is not finite gets
    /// a scale that is not finite, so that the fault shows in the result.
    pub(super) fn new(cpu: &Cpu, scaling: Scaling, x: &[f32], cols: usize) -> Self {
        let group = scaling.block();
        let (run, above) = match scaling {
            Scaling::Super { run, .. } => (run, None),
            Scaling::Offset(offset) => (32, Some(offset)),
            Scaling::Added => (32, Some(0)),
            Scaling::Signed => (32, Some(cpu.isa.raises_signed_bytes())),
        };
        let groups = x.len() / group;
        let (mut q, mut scale, mut sum) = (vec![0; x.len()], vec![0.0; groups], vec![0; x.len() / run]);
        let (put_q, put_scale, put_sum) = (
            SharedOut::new(&mut q),
            SharedOut::new(&mut scale),
            SharedOut::new(&mut sum),
        );
        cpu.split(groups, 8192 / group, |part| {
            for at in part {
                // SAFETY: each group belongs to one part, and with it its bytes, its scale and its sums.
                let (q, scale, sum) = unsafe {
                    (
                        put_q.slice(at * group, group),
                        put_scale.slice(at, 1),
                        put_sum.slice(at * (group / run), group / run),
                    )
                };
                scale[0] = quantize(cpu.isa, &x[at * group..][..group], q, sum);
            }
        });
        let start = above.map_or_else(Vec::new, |above| {
            sum.iter().map(|sum| -above * i32::from(*sum)).collect()
        });
        Self {
            cols,
            q,
            scale,
            sum,
            start,
            run,
            group,
        }
    }
}

/// Quantizes a group into `q` and gives its scale. `sum` gets the sums of its runs, all as long as one another.
fn quantize(isa: Isa, x: &[f32], q: &mut [i8], sum: &mut [i16]) -> f32 {
    match isa {
        Isa::Portable => generic(x, q, sum),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every other form exists only where the processor has AVX2.
        _ => unsafe { avx2(x, q, sum) },
        // The compiler vectorizes it for what the whole program is compiled for, which on aarch64 is NEON.
        #[cfg(not(target_arch = "x86_64"))]
        _ => generic(x, q, sum),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2(x: &[f32], q: &mut [i8], sum: &mut [i16]) -> f32 {
    generic(x, q, sum)
}

#[inline(always)]
fn generic(x: &[f32], q: &mut [i8], sum: &mut [i16]) -> f32 {
    // The bits of absolute values order as the values do, with NaN above infinity.
    let mut largest = 0;
    for x in x {
        largest = largest.max(x.abs().to_bits());
    }
    let scale = f32::from_bits(largest) / 127.0;
    let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
    for (q, x) in q.iter_mut().zip(x) {
        // At most 127 where the scale is a number; where it is not, any byte will do.
        *q = (x * inverse).round_ties_even() as i32 as i8;
    }
    let run = q.len() / sum.len();
    for (sum, q) in sum.iter_mut().zip(q.chunks_exact(run)) {
        *sum = q.iter().map(|&q| i16::from(q)).sum();
    }
    scale
}
