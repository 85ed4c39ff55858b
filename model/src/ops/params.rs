//! What operations are told beside their tensors.

use std::ops::Range;

use candle_core::Tensor;

/// A root-mean-square normalization: a row over its root mean square, times the weight.
pub(crate) struct Norm {
    /// [width], with the 1 already in it.
    pub(crate) weight: Tensor,
    /// What is added to the mean square.
    pub(crate) epsilon: f32,
}

/// What is particular to one attention layer and one call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Attention {
    /// The rows of queries that belong to the sequence.
    pub(crate) rows: Range<usize>,
    /// The position of the first of them; row `i` after it sees the positions up to `start + i`.
    pub(crate) start: usize,
    /// How many positions a row sees, itself included; all of them where `None`.
    pub(crate) window: Option<usize>,
    /// What scores are multiplied by.
    pub(crate) scale: f32,
    /// Scores `s` become `cap * tanh(s / cap)`.
    pub(crate) softcap: Option<f32>,
}
