//! Logits to a token: the most likely one, or one drawn with a seed. Pure: the same seed and logits give the same
//! tokens.

use candle_core::{Device, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling as Drawing};

use crate::ops;
use crate::request::{Sampling, TokenLogprob};

/// Draws the tokens of one completion.
pub(crate) enum Sampler {
    Greedy,
    Drawing(Box<LogitsProcessor>),
}

impl Sampler {
    /// The error names the setting that is out of range.
    pub(crate) fn new(sampling: &Sampling) -> Result<Self, String> {
        let Sampling {
            temperature,
            top_k,
            top_p,
            seed,
        } = *sampling;
        if !(temperature.is_finite() && temperature >= 0.0) {
            return Err(format!("temperature is {temperature}, expected a number from 0"));
        }
        if top_k == Some(0) {
            return Err("top-k is 0, expected at least 1".to_owned());
        }
        if let Some(p) = top_p.filter(|p| !(*p > 0.0 && *p <= 1.0)) {
            return Err(format!("top-p is {p}, expected a number above 0 and at most 1"));
        }
        if temperature == 0.0 {
            return Ok(Self::Greedy);
        }
        let drawing = match (top_k, top_p) {
            (None, None) => Drawing::All { temperature },
            (Some(k), None) => Drawing::TopK { k, temperature },
            (None, Some(p)) => Drawing::TopP { p, temperature },
            (Some(k), Some(p)) => Drawing::TopKThenTopP { k, p, temperature },
        };
        Ok(Self::Drawing(Box::new(LogitsProcessor::from_sampling(seed, drawing))))
    }

    /// Whether the most likely token is taken, always.
    pub(crate) fn is_greedy(&self) -> bool {
        matches!(self, Self::Greedy)
    }

    /// The next token and its log-probability under the model's own distribution, whatever the temperature.
    pub(crate) fn next(&mut self, logits: &[f32]) -> Result<(u32, f32), String> {
        let total = ops::log_sum_exp(logits);
        if !total.is_finite() {
            return Err("its logits are not numbers; the weights may be damaged".to_owned());
        }
        let token = match self {
            Self::Greedy => most_likely(logits),
            Self::Drawing(processor) => {
                let logits =
                    Tensor::from_slice(logits, logits.len(), &Device::Cpu).map_err(|error| error.to_string())?;
                processor.sample(&logits).map_err(|error| error.to_string())?
            }
        };
        Ok((token, logits[token as usize] - total))
    }
}

/// The index of the largest logit, the first of equals.
fn most_likely(logits: &[f32]) -> u32 {
    let better = |best: usize, at: usize| if logits[at] > logits[best] { at } else { best };
    (0..logits.len()).reduce(better).unwrap_or(0) as u32
}

/// The most likely token but `token`, and how far its logit lies below that one's.
pub(crate) fn runner_up(logits: &[f32], token: u32) -> Option<(u32, f32)> {
    let others = (0..logits.len()).filter(|at| *at != token as usize);
    let second = others.reduce(|best, at| if logits[at] > logits[best] { at } else { best })?;
    Some((second as u32, logits[second] - logits[token as usize]))
}

/// A token's log-probability beside those of the `count` most likely tokens.
pub(crate) fn with_alternatives(token: u32, logprob: f32, logits: &[f32], count: usize) -> TokenLogprob {
    let total = logits[token as usize] - logprob;
    let mut order: Vec<u32> = (0..logits.len() as u32).collect();
    let by_logit = |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
    let count = count.min(order.len());
    if count < order.len() {
        order.select_nth_unstable_by(count, by_logit);
        order.truncate(count);
    }
    order.sort_unstable_by(by_logit);
    TokenLogprob {
        token,
        logprob,
        top: order.into_iter().map(|id| (id, logits[id as usize] - total)).collect(),
    }
}

#[cfg(test)]
mod tests;
