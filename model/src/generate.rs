//! One request from prompt to completion: chunked prefill, then token by token until something says stop.
//!
//! Must not know threads or mailboxes; it asks an [`Interrupt`] before each chunk and each step whether to go on.

mod alternatives;
pub(crate) mod windows;

use std::time::{Duration, Instant};

use crate::draft::Drafter;
use crate::encoded::Encoder;
use crate::logits::Logits;
use crate::prompt::{self, Rendered};
use crate::request::{Completion, CompletionRequest, Finish, Piece, Progress, PromptBudget, Stats, StopWhen};
use crate::sampler::{self, Sampler};
use crate::sequence::{LanguageModel, Sequences};
use crate::tokenizer::{StreamDecoder, Tokenizer};
use crate::{CancelToken, RequestError};
use windows::Windows;

/// The most prompt tokens that go through the model in one pass. Larger chunks unpack the weights less often.
pub(crate) const CHUNK: usize = 64;

/// The most while nobody waits.
const IDLE_CHUNK: usize = 16;

/// The least: fewer take no less time.
const LEAST_CHUNK: usize = 4;

/// How long a pass over a prompt takes, about. A newer request waits for one at the most, as what it reads is what that one
/// needs, too. Shorter ones would take longer in all: a pass over few tokens takes as long as one over a single token.
const CHUNK_TIME: Duration = Duration::from_millis(700);
const IDLE_CHUNK_TIME: Duration = Duration::from_millis(50);

/// So long after a cancel a pass goes on: a newer request, which comes at once where the user types on, uses what it reads.
const GRACE: Duration = Duration::from_millis(10);

/// Has what grows beside a request go on for a moment.
fn grow<M: LanguageModel>(sequences: &mut Sequences<M>) -> Result<bool, RequestError> {
    let began = Instant::now();
    let most = chunk(sequences, false);
    sequences
        .grow(most, &|| began.elapsed() >= windows::SLICE)
        .map_err(RequestError::Failed)
}

/// How many prompt tokens go through the model in the next pass.
pub(crate) fn chunk<M: LanguageModel>(sequences: &Sequences<M>, idle: bool) -> usize {
    let (time, most) = match idle {
        true => (IDLE_CHUNK_TIME, IDLE_CHUNK),
        false => (CHUNK_TIME, CHUNK),
    };
    sequences.rate().tokens_in(time).clamp(LEAST_CHUNK, most)
}

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

    /// Whether a pass is to stop that is under way: it was cancelled for good.
    fn stops(&self) -> impl Fn() -> bool {
        || !self.superseded.is_cancelled() && self.cancel.cancelled_for().is_some_and(|since| since >= GRACE)
    }
}

/// Runs a request, reusing what `sequences` hold.
pub(crate) fn generate<M: LanguageModel>(
    sequences: &mut Sequences<M>,
    drafter: &mut Drafter,
    encoder: &mut Encoder<'_>,
    windows: &mut Windows,
    request: &mut CompletionRequest,
    interrupt: &Interrupt<'_>,
) -> Result<Completion, RequestError> {
    let began = Instant::now();
    let mut sampler = Sampler::new(&request.sampling).map_err(RequestError::Invalid)?;
    let reserved = prompt::reserved(sequences.capacity(), request.max_tokens);
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
    // A machine that has become slow is found out while it reads; then it is asked for half as much, once.
    let mut budget = request.budget;
    let mut hurry = match budget {
        PromptBudget::FirstToken(time) if !interrupt.idle => Some(time),
        _ => None,
    };
    let (mut run, healed, logits, read) = loop {
        let (prompt, idle) = (&request.prompt, interrupt.idle);
        let chosen = windows.choose(sequences, encoder, prompt, budget, reserved, idle);
        let Some(chosen) = chosen else {
            return Ok(Completion::cancelled());
        };
        if chosen.rendered.tokens.is_empty() {
            return Err(RequestError::Invalid(
                "the prompt is empty; give the model some text to continue".to_owned(),
            ));
        }
        let tokens = &chosen.rendered.tokens;
        let begun = match idle {
            true => sequences.begin_idle(tokens, reserved, request.unused),
            false => sequences.begin(tokens, reserved).map(Some),
        };
        let Some(reused) = begun.map_err(RequestError::Failed)? else {
            return Ok(Completion::cancelled());
        };
        let progress = chosen.progress();
        if !idle {
            windows.begun(progress);
            windows.grow(sequences, encoder).map_err(RequestError::Failed)?;
        }
        let Rendered {
            tokens,
            healed,
            truncated,
        } = chosen.rendered;
        let mut run = Run::new(healed.clone(), tokens);
        run.completion.truncated_tokens = truncated;
        run.completion.stats.reused_tokens = reused;
        run.completion.stats.reading = progress;
        tools.show(&run.completion);
        let mut logits = Logits::default();
        match (
            run.prefill(sequences, reused, &mut tools, &mut logits, hurry)?,
            hurry.take(),
        ) {
            (Prefilled::Late, Some(time)) => {
                windows.narrow();
                budget = PromptBudget::FirstToken(time / 2);
            }
            (read, _) => break (run, healed, logits, read),
        }
    };
    let first = Instant::now();
    run.completion.stats.prefill = first - began;
    if let Prefilled::Stopped(finish) = read {
        run.completion.finish = finish;
    } else {
        run.completion.finish = run.decode(sequences, &mut tools, logits)?;
        if request.alternatives > 0 && tools.sampler.is_greedy() {
            tools.show(&run.completion);
            let found = alternatives::find(&run, &healed, sequences, &mut tools, request.alternatives)?;
            run.completion.alternatives = found;
        }
    }
    run.completion.stats.reading.next = sequences.growth();
    run.completion.stats.decode = first.elapsed();
    if !interrupt.idle && run.completion.finish != Finish::Cancelled {
        windows.answered();
    }
    Ok(run.completion)
}

/// How the reading of a prompt went.
enum Prefilled {
    /// All of it is read.
    Whole,
    /// It was interrupted.
    Stopped(Finish),
    /// It takes much longer than it was to take.
    Late,
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
    fn new(healed: Vec<u8>, prompt: Vec<u32>) -> Self {
        Self {
            healed,
            decoder: StreamDecoder::default(),
            completion: Completion {
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

    /// Reads the prompt from `reused` on; `logits` gets those after its last token. Gives up where a machine that has become
    /// slow would take longer for the rest than the whole was to take in a `hurry`.
    fn prefill<M: LanguageModel>(
        &mut self,
        sequences: &mut Sequences<M>,
        reused: usize,
        tools: &mut Tools<'_>,
        logits: &mut Logits,
        hurry: Option<Duration>,
    ) -> Result<Prefilled, RequestError> {
        let (mut read, end) = (reused, self.completion.prompt_tokens.len());
        while read < end {
            if let Some(finish) = tools.interrupt.check()? {
                return Ok(Prefilled::Stopped(finish));
            }
            let most = chunk(sequences, tools.interrupt.idle);
            if read > reused && hurry.is_some_and(|time| end - read > sequences.rate().tokens_in(time).max(most)) {
                return Ok(Prefilled::Late);
            }
            let chunk = &self.completion.prompt_tokens[read..end.min(read + most)];
            let wanted = usize::from(read + chunk.len() == end);
            let whole = sequences.forward_unless(chunk, wanted, logits, &tools.interrupt.stops());
            if !whole.map_err(RequestError::Failed)? {
                return Ok(Prefilled::Stopped(Finish::Cancelled));
            }
            read += chunk.len();
            self.completion.stats.forwarded_tokens += chunk.len();
            tools.show(&self.completion);
        }
        Ok(Prefilled::Whole)
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
            // Somebody may look at the first token by now.
            if !tools.interrupt.idle && !self.completion.pieces.is_empty() && sequences.owes_growth() {
                grow(sequences)?;
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
