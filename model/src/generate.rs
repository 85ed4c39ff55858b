//! One request from prompt to completion: chunked prefill, then token by token until something says stop.
//!
//! Must not know threads or mailboxes; it asks an [`Interrupt`] before each chunk and each step whether to go on.

use std::collections::VecDeque;
use std::time::Instant;

use crate::draft::Drafter;
use crate::prompt;
use crate::request::{Completion, CompletionRequest, Finish, Piece, Stats};
use crate::sampler::{self, Sampler};
use crate::sequence::{LanguageModel, Sequences};
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

/// Runs a request, reusing what `sequences` hold.
pub(crate) fn generate<M: LanguageModel>(
    sequences: &mut Sequences<M>,
    drafter: &mut Drafter,
    tokenizer: &Tokenizer,
    request: &mut CompletionRequest,
    interrupt: &Interrupt<'_>,
) -> Result<Completion, RequestError> {
    let began = Instant::now();
    let mut sampler = Sampler::new(&request.sampling).map_err(RequestError::Invalid)?;
    // Half of the context at the least is the prompt's, whatever was asked for.
    let reserved = request.max_tokens.min(sequences.capacity() / 2);
    let rendered = prompt::render(&request.prompt, tokenizer, sequences.capacity() - reserved);
    let prompt = rendered.tokens;
    if prompt.is_empty() {
        return Err(RequestError::Invalid(
            "the prompt is empty; give the model some text to continue".to_owned(),
        ));
    }
    let reused = sequences.begin(&prompt, reserved).map_err(RequestError::Failed)?;
    let mut run = Run {
        healed: rendered.healed,
        decoder: StreamDecoder::default(),
        completion: Completion {
            text: String::new(),
            tokens: Vec::new(),
            pieces: Vec::new(),
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
    let logits = run.prefill(sequences, reused, interrupt)?;
    let read = Instant::now();
    if let Some(logits) = logits {
        let drafter = (request.drafts && sampler.is_greedy()).then_some(drafter);
        run.completion.finish = run.decode(sequences, drafter, tokenizer, &mut sampler, request, interrupt, logits)?;
    }
    run.decoder.finish(&mut run.completion.text);
    let stats = &mut run.completion.stats;
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
    fn prefill<M: LanguageModel>(
        &mut self,
        sequences: &mut Sequences<M>,
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
            logits = sequences.forward(chunk, left == 0).map_err(RequestError::Failed)?;
            self.completion.stats.forwarded_tokens += chunk.len();
        }
        Ok(logits)
    }

    #[expect(clippy::too_many_arguments, reason = "what a step needs, each once")]
    fn decode<M: LanguageModel>(
        &mut self,
        sequences: &mut Sequences<M>,
        mut drafter: Option<&mut Drafter>,
        tokenizer: &Tokenizer,
        sampler: &mut Sampler,
        request: &mut CompletionRequest,
        interrupt: &Interrupt<'_>,
        logits: Vec<f32>,
    ) -> Result<Finish, RequestError> {
        let completion = &mut self.completion;
        let mut left = request.max_tokens;
        let mut seen = completion.prompt_tokens.clone();
        // The logits after the newest token; then the tokens that were guessed to follow it, and the logits after each.
        let mut rows = VecDeque::from([logits]);
        let mut guessed = VecDeque::new();
        while left > 0 {
            if let Some(finish) = interrupt.check()? {
                return Ok(finish);
            }
            let no_logits = || RequestError::Failed("it gave no logits".to_owned());
            let mut logits = rows.pop_front().ok_or_else(no_logits)?;
            constrain(&mut logits, tokenizer, &self.healed);
            let (token, logprob) = sampler.next(&logits).map_err(RequestError::Failed)?;
            // The end of the text, of a turn or of the middle; any other control token is as little for the reader.
            if tokenizer.is_control(token) {
                let end = completion.text.len();
                completion.pieces.push(Piece { end, logprob });
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
                completion.stats.generated_tokens += 1;
                self.decoder.push(&bytes[typed..], &mut completion.text);
                let end = completion.text.len();
                completion.pieces.push(Piece { end, logprob });
            }
            if request
                .stop_when
                .as_mut()
                .is_some_and(|stop_when| stop_when(&completion.text, &completion.pieces))
            {
                return Ok(Finish::Stop);
            }
            seen.push(token);
            if let Some(guess) = guessed.pop_front() {
                let right = guess == token;
                if let Some(drafter) = &mut drafter {
                    drafter.learn(right);
                }
                if right {
                    completion.stats.accepted_tokens += 1;
                    continue;
                }
                sequences.take_back(rows.len());
                rows.clear();
                guessed.clear();
            }
            if left == 0 || sequences.room() == 0 {
                break;
            }
            if let Some(drafter) = &mut drafter {
                let most = (left - 1).min(sequences.room() - 1);
                guessed.extend(drafter.guess(&seen, most));
                completion.stats.drafted_tokens += guessed.len();
            }
            let next: Vec<u32> = std::iter::once(token).chain(guessed.iter().copied()).collect();
            rows.extend(sequences.forward_all(&next).map_err(RequestError::Failed)?);
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
