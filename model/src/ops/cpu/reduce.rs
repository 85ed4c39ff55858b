//! Reductions over logits.

use super::Isa;
use super::math::exp;
use super::vectorized::Vectorized;

/// `ln(sum(e^x))` without overflow. NaN where any `x` is.
pub(crate) fn log_sum_exp(isa: Isa, x: &[f32]) -> f32 {
    isa.run(LogSumExp(x))
}

struct LogSumExp<'a>(&'a [f32]);

impl Vectorized for LogSumExp<'_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        let largest = self.0.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let (chunks, rest) = self.0.as_chunks::<8>();
        let mut lanes = [0.0_f32; 8];
        for chunk in chunks {
            for lane in 0..8 {
                lanes[lane] += exp(chunk[lane] - largest);
            }
        }
        let total = lanes.iter().sum::<f32>() + rest.iter().map(|x| exp(x - largest)).sum::<f32>();
        largest + total.ln()
    }
}
