//! Activations quantized to 8 bits, in the groups over which a weight format shares its scales.

use super::blocks::Scaling;
use super::math::ROUND;
use super::vectorized::Vectorized;
use super::{Cpu, Isa, SharedOut};

/// The rows of one matrix product. `x = scale * q` within a group of 32 or 256.
#[derive(Default)]
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

/// By how much a form raises signed bytes of weights to multiply them as unsigned ones.
fn signed_bytes_are_raised_by(isa: Isa) -> i32 {
    match isa.set() {
        #[cfg(target_arch = "x86_64")]
        super::InstructionSet::AvxVnni | super::InstructionSet::Avx512Vnni => 128,
        _ => 0,
    }
}

impl Activations {
    /// Whether there are so many rows, quantized for a format that is scaled in this way. The kernels rely on it and check no
    /// access.
    pub(super) fn hold(&self, rows: usize, scaling: Scaling) -> bool {
        let run = scaling.run();
        let starts = if run == self.group {
            self.start.len()
        } else {
            usize::MAX
        };
        let Some(numbers) = rows.checked_mul(self.cols) else {
            return false;
        };
        (self.group, self.run) == (scaling.block(), run)
            && self.cols.is_multiple_of(self.group)
            && numbers <= self.q.len()
            && numbers / self.group <= self.scale.len().min(starts)
            && numbers / run <= self.sum.len()
    }

    /// Quantizes rows of `cols` numbers, a multiple of the format's block, in the place of what was there. A group with a
    /// number that is not finite gets a scale that is not finite, so that the fault shows in the result.
    pub(super) fn fill(&mut self, cpu: &Cpu, scaling: Scaling, x: &[f32], cols: usize) {
        let (group, run) = (scaling.block(), scaling.run());
        let above = match scaling {
            Scaling::Super { .. } => None,
            Scaling::Offset(offset) => Some(offset),
            Scaling::Added => Some(0),
            Scaling::Signed => Some(signed_bytes_are_raised_by(cpu.isa)),
        };
        let groups = x.len() / group;
        (self.cols, self.run, self.group) = (cols, run, group);
        self.q.resize(x.len(), 0);
        self.scale.resize(groups, 0.0);
        self.sum.resize(x.len() / run, 0);
        let (put_q, put_scale, put_sum) = (
            SharedOut::new(&mut self.q),
            SharedOut::new(&mut self.scale),
            SharedOut::new(&mut self.sum),
        );
        cpu.split(groups, 8192 / group, |part| {
            for at in part {
                // SAFETY: `Cpu::split` gives each group to one part, once, and with it its bytes, its scale and its sums; `slice`
                // checks the bounds.
                let (q, scale, sum) = unsafe {
                    (
                        put_q.slice(at * group, group),
                        put_scale.slice(at, 1),
                        put_sum.slice(at * (group / run), group / run),
                    )
                };
                let x = &x[at * group..][..group];
                scale[0] = cpu.isa.run(Quantize { x, q, sum });
            }
        });
        self.start.clear();
        if let Some(above) = above {
            self.start.extend(self.sum.iter().map(|sum| -above * i32::from(*sum)));
        }
    }
}

/// Quantizes a group into `q` and gives its scale. `sum` gets the sums of its runs, all as long as one another.
struct Quantize<'a> {
    x: &'a [f32],
    q: &'a mut [i8],
    sum: &'a mut [i16],
}

impl Vectorized for Quantize<'_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        // The bits of absolute values order as the values do, with NaN above infinity.
        let mut largest = 0;
        for x in self.x {
            largest = largest.max(x.abs().to_bits());
        }
        let scale = f32::from_bits(largest) / 127.0;
        let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
        // The whole number is at most 127 where the scale is a number; where it is not, any byte will do.
        for (q, x) in self.q.iter_mut().zip(self.x) {
            *q = (x * inverse + ROUND).to_bits() as i8;
        }
        let run = self.q.len() / self.sum.len();
        for (sum, q) in self.sum.iter_mut().zip(self.q.chunks_exact(run)) {
            *sum = q.iter().map(|&q| i16::from(q)).sum();
        }
        scale
    }
}
