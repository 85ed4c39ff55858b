//! One request from prompt to completion: chunked prefill, then token by token until something says stop.
//!
//! Must not know threads or mailboxes; it asks an [`Interrupt`] before each chunk and each step whether to go on.

use std::time::Instant;

use crate::prompt;
use crate::request::{Completion, CompletionRequest, Finish, Stats};
use crate::sampler::{self, Sampler};
use crate::sequence::Sequence;
use crate::tokenizer::{StreamDecoder, Tokenizer};
use crate::{CancelToken, RequestError};

/// How many prompt tokens go through the model in one pass. After a cancel at most one chunk is still computed; larger
/// chunks unpack the weights less often.
pub(crate) const CHUNK: usize = 64;

/// What can end a request early.
pub(crate) struct Interrupt<'a> {
    /// The caller's wish to stop.
    pub(crate) cancel: &'a CancelToken,
    /// Set when a newer request has arrived.
    pub(crate) superseded: &'a CancelToken,
    /// When to give back what there is.
    pub(crate) deadline: Option<Instant>,
}

impl Interrupt<'_> {
    /// Why to stop now, if so.
    pub(crate) fn check(&self) -> Result<Option<Finish>, RequestError> {
        if self.superseded.is_cancelled() {
            return Err(RequestError::Superseded);
        }
        if self.cancel.is_cancelled() {
            return Ok(Some(Finish::Cancelled));
        }
        let late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        Ok(late.then_some(Finish::Deadline))
    }
}

/// Runs a request on `sequence`, reusing what it holds.
pub(crate) fn generate(
    sequence: &mut Sequence,
    tokenizer: &Tokenizer,
    request: &mut CompletionRequest,
    interrupt: &Interrupt<'_>,
) -> Result<Completion, RequestError> {
    let began = Instant::now();
    let mut sampler = Sampler::new(&request.sampling).map_err(RequestError::Invalid)?;
    // Half of the context at the least is the prompt's, whatever was asked for.
    let reserved = request.max_tokens.min(sequence.capacity() / 2);
    let rendered = prompt::render(&request.prompt, tokenizer, sequence.capacity() - reserved);
    let prompt = rendered.tokens;
    if prompt.is_empty() {
        return Err(RequestError::Invalid(
            "the prompt is empty; give the model some text to continue".to_owned(),
        ));
    }
    let reused = sequence.keep_common(&prompt);
    let mut run = Run {
        healed: rendered.healed,
        decoder: StreamDecoder::default(),
        completion: Completion {
            text: String::new(),
            tokens: Vec::new(),
            finish: Finish::Length,
            truncated_tokens: rendered.truncated,
            logprob: 0.0,
            logprobs: Vec::new(),
            stats: Stats {
                prompt_tokens: prompt.len(),
                reused_tokens: reused,
                ..Stats::default()
            },
            prompt_tokens: prompt,
        },
    };
    let logits = run.prefill(sequence, reused, interrupt)?;
    let read = Instant::now();
    if let Some(logits) = logits {
        run.completion.finish = run.decode(sequence, tokenizer, &mut sampler, request, interrupt, logits)?;
    }
    run.decoder.finish(&mut run.completion.text);
    let stats = &mut run.completion.stats;
    stats.generated_tokens = run.completion.tokens.len();
    stats.prefill = read - began;
    stats.decode = read.elapsed();
    Ok(run.completion)
}

/// A completion in the making.
struct Run {
    /// What the tokens still have to spell before the completion begins.
    healed: Vec<u8>,
    decoder: StreamDecoder,
    completion: Completion,
}

impl Run {
    /// Reads the prompt from `reused` on. Gives the logits after its last token, or `None` with the finish set where
    /// it was interrupted.
    fn prefill(
        &mut self,
        sequence: &mut Sequence,
        reused: usize,
        interrupt: &Interrupt<'_>,
    ) -> Result<Option<Vec<f32>>, RequestError> {
        let mut logits = None;
        let mut left = self.completion.prompt_tokens.len() - reused;
        for chunk in self.completion.prompt_tokens[reused..].chunks(CHUNK) {
            if let Some(finish) = interrupt.check()? {
                self.completion.finish = finish;
                return Ok(None);
            }
            left -= chunk.len();
            logits = sequence.forward(chunk, left == 0).map_err(RequestError::Failed)?;
            self.completion.stats.forwarded_tokens += chunk.len();
        }
        Ok(logits)
    }

    fn decode(
        &mut self,
        sequence: &mut Sequence,
        tokenizer: &Tokenizer,
        sampler: &mut Sampler,
        request: &mut CompletionRequest,
        interrupt: &Interrupt<'_>,
        mut logits: Vec<f32>,
    ) -> Result<Finish, RequestError> {
        let completion = &mut self.completion;
        let mut left = request.max_tokens;
        while left > 0 {
            if let Some(finish) = interrupt.check()? {
                return Ok(finish);
            }
            constrain(&mut logits, tokenizer, &self.healed);
            let (token, logprob) = sampler.next(&logits).map_err(RequestError::Failed)?;
            // The end of the text, of a turn or of the middle; any other control token is as little for the reader.
            if tokenizer.is_control(token) {
                return Ok(Finish::Stop);
            }
            completion.tokens.push(token);
            completion.logprob += f64::from(logprob);
            if let Some(count) = request.logprobs {
                completion
                    .logprobs
                    .push(sampler::with_alternatives(token, logprob, &logits, count));
            }
            let bytes = tokenizer.bytes(token);
            let typed = bytes.len().min(self.healed.len());
            self.healed.drain(..typed);
            if typed == 0 || typed < bytes.len() {
                left -= 1;
                self.decoder.push(&bytes[typed..], &mut completion.text);
            }
            if request
                .stop_when
                .as_mut()
                .is_some_and(|stop_when| stop_when(&completion.text))
            {
                return Ok(Finish::Stop);
            }
            if left == 0 || sequence.room() == 0 {
                break;
            }
            let next = sequence.forward(&[token], true).map_err(RequestError::Failed)?;
            logits = next.ok_or_else(|| RequestError::Failed("it gave no logits".to_owned()))?;
        }
        Ok(Finish::Length)
    }
}

/// Rules out the tokens that neither begin with `healed` nor are a beginning of it.
pub(crate) fn constrain(logits: &mut [f32], tokenizer: &Tokenizer, healed: &[u8]) {
    if healed.is_empty() {
        return;
    }
    for (id, logit) in (0_u32..).zip(logits) {
        let bytes = tokenizer.bytes(id);
        if bytes.is_empty() || !(bytes.starts_with(healed) || healed.starts_with(bytes)) {
            *logit = f32::NEG_INFINITY;
        }
    }
}

#[cfg(test)]
mod tests;
