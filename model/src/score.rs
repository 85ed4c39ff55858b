//! How likely a model finds a text after a prompt, without generating anything.
//!
//! The text is tokenized by itself, but for the end of what was typed, which goes with it as in generation. Must not
//! know threads or mailboxes.

use crate::RequestError;
use crate::encoded::Encoder;
use crate::generate::{self, CHUNK, Interrupt};
use crate::logits::Logits;
use crate::ops;
use crate::prompt;
use crate::request::{Prompt, Score};
use crate::sequence::{LanguageModel, Sequences};
use crate::tokenizer::Tokenizer;

/// A text to score.
pub(crate) struct ScoreRequest {
    pub(crate) prompt: Prompt,
    pub(crate) text: String,
    /// The text is all that is to be written: the model's end after it counts too.
    pub(crate) ends: bool,
}

/// Scores a text, reusing what `sequences` hold.
pub(crate) fn score<M: LanguageModel>(
    sequences: &mut Sequences<M>,
    encoder: &mut Encoder<'_>,
    request: &ScoreRequest,
    interrupt: &Interrupt<'_>,
) -> Result<Score, RequestError> {
    let tokenizer = encoder.tokenizer();
    // What is healed depends on the prompt's end alone, which every limit leaves.
    let mut healed = prompt::render(&request.prompt, encoder, sequences.capacity()).healed;
    let text = tokenizer.encode(&(String::from_utf8_lossy(&healed) + request.text.as_str()));
    let targets: Vec<Target> = text
        .iter()
        .map(|token| Target::Token(*token))
        .chain(request.ends.then_some(Target::End))
        .collect();
    // An eighth of the context at the least is the prompt's.
    let room = sequences.capacity() / 8 * 7;
    if targets.len() > room {
        return Err(RequestError::Invalid(format!(
            "the text to score has {} tokens, and {room} fit into the context beside a prompt; score a shorter one",
            targets.len(),
        )));
    }
    let rendered = prompt::render(&request.prompt, encoder, sequences.capacity() - targets.len());
    let Some((last, before)) = rendered.tokens.split_last() else {
        return Err(RequestError::Invalid(
            "the prompt is empty; give the model some text to go on from".to_owned(),
        ));
    };
    let stopped = |interrupt: &Interrupt<'_>| match interrupt.check()? {
        None => Ok(()),
        Some(finish) => Err(RequestError::Failed(format!("it was stopped: {finish:?}"))),
    };
    let reused = sequences
        .begin(&rendered.tokens, targets.len())
        .map_err(RequestError::Failed)?;
    let mut rows = Logits::default();
    for chunk in before[reused..].chunks(CHUNK) {
        stopped(interrupt)?;
        sequences.forward(chunk, 0, &mut rows).map_err(RequestError::Failed)?;
    }
    // The logits after each of these are about the next target.
    let read: Vec<u32> = std::iter::once(*last).chain(text).take(targets.len()).collect();
    let mut logprob = 0.0;
    for (chunk, targets) in read.chunks(CHUNK).zip(targets.chunks(CHUNK)) {
        stopped(interrupt)?;
        sequences
            .forward(chunk, chunk.len(), &mut rows)
            .map_err(RequestError::Failed)?;
        for (row, target) in targets.iter().enumerate() {
            let logits = rows.row(row).map_err(RequestError::Failed)?;
            generate::constrain(logits, tokenizer, &healed);
            logprob += f64::from(target.logprob(logits, tokenizer).map_err(RequestError::Failed)?);
            if let Target::Token(token) = target {
                healed.drain(..tokenizer.bytes(*token).len().min(healed.len()));
            }
        }
    }
    Ok(Score {
        tokens: targets.len(),
        logprob,
        truncated_tokens: rendered.truncated,
    })
}

/// What should come next.
enum Target {
    Token(u32),
    /// Any token that ends a completion, as in generation.
    End,
}

impl Target {
    fn logprob(&self, logits: &[f32], tokenizer: &Tokenizer) -> Result<f32, String> {
        let total = ops::log_sum_exp(logits);
        if !total.is_finite() {
            return Err("its logits are not numbers; the weights may be damaged".to_owned());
        }
        let logit = match self {
            Self::Token(token) => logits.get(*token as usize).copied(),
            Self::End => {
                let ends = (0_u32..).zip(logits).filter(|(id, _)| tokenizer.is_control(*id));
                let ends: Vec<f32> = ends.map(|(_, logit)| *logit).collect();
                (!ends.is_empty()).then(|| ops::log_sum_exp(&ends))
            }
        };
        let logit = logit.ok_or("the vocabulary has no such token")?;
        Ok(logit - total)
    }
}

#[cfg(test)]
mod tests;
