//! Other completions than the first: each leaves its way at a token where another was nearly as likely, and goes on from
//! there greedily. What they have in common is read once.
//!
//! Must not know what the completions are for.

use super::{Run, Tools};
use crate::RequestError;
use crate::request::{Alternative, Completion, Finish, Piece};
use crate::sequence::{LanguageModel, Sequences};

/// How many ways are tried for each completion that is wanted: some lead to the same text.
const TRIES: usize = 2;

/// The least probability of the token that leaves the first way; less likely ones lead nowhere.
const LEAST: f32 = 0.02;

/// Looks for as many as `count`, until it is interrupted.
pub(super) fn find<M: LanguageModel>(
    first: &Run,
    healed: &[u8],
    sequences: &mut Sequences<M>,
    tools: &mut Tools<'_>,
    count: usize,
) -> Result<Vec<Alternative>, RequestError> {
    tools.progress = None;
    let mut found: Vec<Alternative> = Vec::new();
    for way in ways(first).into_iter().take(TRIES * count) {
        if found.len() == count || tools.interrupt.check()?.is_some() {
            break;
        }
        let mut run = Run::new(healed.to_vec(), first.completion.prompt_tokens.clone(), 0);
        let common = first.completion.tokens.iter().zip(&first.choices).take(way.at);
        for (token, choice) in common {
            run.take(*token, choice.logprob, tools.tokenizer);
        }
        let finish = go(&mut run, &way, sequences, tools)?;
        run.decoder.finish(&mut run.completion.text);
        let Completion { text, pieces, .. } = run.completion;
        if text != first.completion.text && found.iter().all(|other| other.text != text) {
            found.push(Alternative { text, pieces, finish });
        }
    }
    Ok(found)
}

/// Goes another way from where a run is.
fn go<M: LanguageModel>(
    run: &mut Run,
    way: &Way,
    sequences: &mut Sequences<M>,
    tools: &mut Tools<'_>,
) -> Result<Finish, RequestError> {
    if tools.tokenizer.is_control(way.token) {
        let end = run.completion.text.len();
        let logprob = way.logprob;
        run.completion.pieces.push(Piece { end, logprob });
        return Ok(Finish::Stop);
    }
    run.take(way.token, way.logprob, tools.tokenizer);
    let Completion { text, pieces, .. } = &run.completion;
    if tools
        .stop_when
        .as_mut()
        .is_some_and(|stop_when| stop_when(text, pieces))
    {
        return Ok(Finish::Stop);
    }
    let read = [&run.completion.prompt_tokens[..], &run.completion.tokens].concat();
    let reused = sequences.begin(&read, tools.reserved).map_err(RequestError::Failed)?;
    let logits = sequences.forward(&read[reused..], true).map_err(RequestError::Failed)?;
    let logits = logits.ok_or_else(|| RequestError::Failed("it gave no logits".to_owned()))?;
    let left = tools.max_tokens.saturating_sub(run.completion.stats.generated_tokens);
    run.decode(sequences, tools, left, logits)
}

/// Where the first completion can be left, and for what.
struct Way {
    /// After how many of its tokens.
    at: usize,
    token: u32,
    logprob: f32,
}

/// The ways from a completion, the likeliest first.
fn ways(first: &Run) -> Vec<Way> {
    let mut before = 0.0;
    let mut ways = Vec::new();
    for (at, choice) in first.choices.iter().enumerate() {
        if let Some((token, logprob)) = choice.second.filter(|(_, logprob)| *logprob >= LEAST.ln()) {
            ways.push((before + logprob, Way { at, token, logprob }));
        }
        before += choice.logprob;
    }
    ways.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    ways.into_iter().map(|(_, way)| way).collect()
}
