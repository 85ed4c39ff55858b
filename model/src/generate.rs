//! One request from prompt to completion: chunked prefill, then token by token until something says stop.
//!
//! Must not know threads or mailboxes; it asks an [`Interrupt`] before each chunk and each step whether to go on.

mod alternatives;

use std::time::Instant;

use crate::draft::Drafter;
use crate::encoded::Encoder;
use crate::logits::Logits;
use crate::prompt;
use crate::request::{Completion, CompletionRequest, Finish, Piece, Progress, Stats, StopWhen};
use crate::sampler::{self, Sampler};
use crate::sequence::{LanguageModel, Sequences};
use crate::tokenizer::{StreamDecoder, Tokenizer};
use crate::{CancelToken, RequestError};

/// How many prompt tokens go through the model in one pass. After a cancel at most one chunk is still computed; larger
/// chunks unpack the weights less often.
pub(crate) const CHUNK: usize = 64;

/// How many prompt tokens go through the model in one pass while nobody waits: a request that comes then waits for one of these at the most.
pub(crate) const IDLE_CHUNK: usize = 16;

/// What can end a request early.
pub(crate) struct Interrupt<'a> {
    /// The caller's wish to stop.
    pub(crate) cancel: &'a CancelToken,
    /// Set when a newer request has arrived.
    pub(crate) superseded: &'a CancelToken,
    /// When to give back what there is.
    pub(crate) deadline: Option<Instant>,
    /// Nobody waits for it: it makes way quickly, and forgets nothing that requests may need.
    pub(crate) idle: bool,
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
    encoder: &mut Encoder<'_>,
    request: &mut CompletionRequest,
    interrupt: &Interrupt<'_>,
) -> Result<Completion, RequestError> {
    let began = Instant::now();
    let mut sampler = Sampler::new(&request.sampling).map_err(RequestError::Invalid)?;
    let reserved = prompt::reserved(sequences.capacity(), request.max_tokens);
    let rendered = prompt::render(&request.prompt, encoder, sequences.capacity() - reserved);
    let prompt = rendered.tokens;
    if prompt.is_empty() {
        return Err(RequestError::Invalid(
            "the prompt is empty; give the model some text to continue".to_owned(),
        ));
    }
    let begun = match interrupt.idle {
        true => sequences.begin_idle(&prompt, reserved, request.unused),
        false => sequences.begin(&prompt, reserved).map(Some),
    };
    let begun = begun.map_err(RequestError::Failed)?;
    let mut run = Run::new(rendered.healed.clone(), prompt, rendered.truncated);
    let Some(reused) = begun else {
        run.completion.finish = Finish::Cancelled;
        return Ok(run.completion);
    };
    run.completion.stats.reused_tokens = reused;
    let mut tools = Tools {
        tokenizer: encoder.tokenizer(),
        drafter: (request.drafts && sampler.is_greedy()).then_some(drafter),
        sampler: &mut sampler,
        stop_when: &mut request.stop_when,
        progress: request.progress.as_mut(),
        logprobs: request.logprobs,
        max_tokens: request.max_tokens,
        interrupt,
    };
    tools.show(&run.completion);
    let mut logits = Logits::default();
    let interrupted = run.prefill(sequences, reused, &mut tools, &mut logits)?;
    let read = Instant::now();
    run.completion.stats.prefill = read - began;
    if let Some(finish) = interrupted {
        run.completion.finish = finish;
    } else {
        run.completion.finish = run.decode(sequences, &mut tools, logits)?;
        if request.alternatives > 0 && tools.sampler.is_greedy() {
            tools.show(&run.completion);
            let found = alternatives::find(&run, &rendered.healed, sequences, &mut tools, request.alternatives)?;
            run.completion.alternatives = found;
        }
    }
    run.completion.stats.decode = read.elapsed();
    Ok(run.completion)
}

/// What every completion of a request is made with.
struct Tools<'a> {
    tokenizer: &'a Tokenizer,
    drafter: Option<&'a mut Drafter>,
    sampler: &'a mut Sampler,
    stop_when: &'a mut Option<StopWhen>,
    progress: Option<&'a mut Progress>,
    logprobs: Option<usize>,
    max_tokens: usize,
    interrupt: &'a Interrupt<'a>,
}

impl Tools<'_> {
    /// Shows what there is to who watches.
    fn show(&mut self, completion: &Completion) {
        if let Some(progress) = &mut self.progress {
            progress(completion);
        }
    }
}

/// A completion in the making.
struct Run {
    /// What the tokens still have to spell before the completion begins.
    healed: Vec<u8>,
    decoder: StreamDecoder,
    completion: Completion,
    /// The choices that were made, the end included.
    choices: Vec<Choice>,
}

/// The log-probability of the token that was taken, and the one that was second with its own.
#[derive(Clone, Copy)]
struct Choice {
    logprob: f32,
    second: Option<(u32, f32)>,
}

/// What follows from a token.
enum Step {
    /// It is to be read.
    On(u32),
    /// It ends the completion.
    End,
}

impl Run {
    fn new(healed: Vec<u8>, prompt: Vec<u32>, truncated_tokens: usize) -> Self {
        Self {
            healed,
            decoder: StreamDecoder::default(),
            completion: Completion {
                truncated_tokens,
                stats: Stats {
                    prompt_tokens: prompt.len(),
                    ..Stats::default()
                },
                prompt_tokens: prompt,
                ..Completion::default()
            },
            choices: Vec::new(),
        }
    }

    /// Reads the prompt from `reused` on; `logits` gets those after its last token. Gives how it was interrupted, where
    /// it was.
    fn prefill<M: LanguageModel>(
        &mut self,
        sequences: &mut Sequences<M>,
        reused: usize,
        tools: &mut Tools<'_>,
        logits: &mut Logits,
    ) -> Result<Option<Finish>, RequestError> {
        let most = if tools.interrupt.idle { IDLE_CHUNK } else { CHUNK };
        let (mut read, end) = (reused, self.completion.prompt_tokens.len());
        while read < end {
            if let Some(finish) = tools.interrupt.check()? {
                return Ok(Some(finish));
            }
            let chunk = &self.completion.prompt_tokens[read..end.min(read + most)];
            read += chunk.len();
            let wanted = usize::from(read == end);
            sequences.forward(chunk, wanted, logits).map_err(RequestError::Failed)?;
            self.completion.stats.forwarded_tokens += chunk.len();
            tools.show(&self.completion);
        }
        Ok(None)
    }

    /// Generates tokens after the logits of the newest one.
    fn decode<M: LanguageModel>(
        &mut self,
        sequences: &mut Sequences<M>,
        tools: &mut Tools<'_>,
        mut logits: Logits,
    ) -> Result<Finish, RequestError> {
        let mut seen = self.completion.prompt_tokens.clone();
        // The last tokens that were read, all but the first of them guessed; and which of them the newest token is,
        // after which the logits are in that row.
        let (mut next, mut newest) = (Vec::new(), 0);
        while self.left(tools) > 0 {
            if let Some(finish) = tools.interrupt.check()? {
                return Ok(finish);
            }
            let row = logits.row(newest).map_err(RequestError::Failed)?;
            let token = match self.step(row, tools)? {
                Step::On(token) => token,
                Step::End => return Ok(Finish::Stop),
            };
            seen.push(token);
            let completion = &mut self.completion;
            newest += 1;
            if let Some(guess) = next.get(newest) {
                let right = *guess == token;
                if let Some(drafter) = &mut tools.drafter {
                    drafter.learn(right);
                }
                if right {
                    completion.stats.accepted_tokens += 1;
                    continue;
                }
                sequences.take_back(logits.rows() - newest);
            }
            next.clear();
            next.push(token);
            newest = 0;
            let left = self.left(tools);
            if left == 0 || sequences.room() == 0 {
                break;
            }
            if let Some(drafter) = &mut tools.drafter {
                let most = (left - 1).min(sequences.room() - 1);
                // The last sequence is this one.
                let others = sequences.held().rev().skip(1).map(|(tokens, _)| tokens);
                next.extend(drafter.guess(&seen, others, most));
                self.completion.stats.drafted_tokens += next.len() - 1;
            }
            sequences
                .forward(&next, next.len(), &mut logits)
                .map_err(RequestError::Failed)?;
        }
        Ok(Finish::Length)
    }

    /// How many more tokens are wanted.
    fn left(&self, tools: &Tools<'_>) -> usize {
        tools.max_tokens.saturating_sub(self.completion.stats.generated_tokens)
    }

    /// Chooses the next token by the logits after the newest one.
    fn step(&mut self, logits: &mut [f32], tools: &mut Tools<'_>) -> Result<Step, RequestError> {
        let tokenizer = tools.tokenizer;
        constrain(logits, tokenizer, &self.healed);
        let (token, logprob) = tools.sampler.next(logits).map_err(RequestError::Failed)?;
        let second = sampler::runner_up(logits, token).map(|(token, below)| (token, logprob + below));
        self.choices.push(Choice { logprob, second });
        if let Some(count) = tools.logprobs.filter(|_| !tokenizer.is_control(token)) {
            let alternatives = sampler::with_alternatives(token, logprob, logits, count);
            self.completion.logprobs.push(alternatives);
        }
        Ok(self.go(token, logprob, tools))
    }

    /// Goes on with a token.
    fn go(&mut self, token: u32, logprob: f32, tools: &mut Tools<'_>) -> Step {
        // The end of the text, of a turn or of the middle; any other control token is as little for the reader.
        if tools.tokenizer.is_control(token) {
            let end = self.completion.text.len();
            self.completion.pieces.push(Piece { end, logprob });
            return Step::End;
        }
        self.take(token, logprob, tools.tokenizer);
        tools.show(&self.completion);
        let Completion { text, pieces, .. } = &self.completion;
        let stop_when = tools.stop_when.as_mut();
        match stop_when.is_some_and(|stop_when| stop_when(text, pieces)) {
            true => Step::End,
            false => Step::On(token),
        }
    }

    /// Adds a token to the completion.
    fn take(&mut self, token: u32, logprob: f32, tokenizer: &Tokenizer) {
        let completion = &mut self.completion;
        completion.tokens.push(token);
        completion.logprob += f64::from(logprob);
        let bytes = tokenizer.bytes(token);
        let typed = bytes.len().min(self.healed.len());
        self.healed.drain(..typed);
        if typed > 0 && typed == bytes.len() {
            // It is what was typed, and no new text.
            return;
        }
        completion.stats.generated_tokens += 1;
        self.decoder.push(&bytes[typed..], &mut completion.text);
        let end = completion.text.len();
        completion.pieces.push(Piece { end, logprob });
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
