//! Other completions than the first: each leaves its way at a token where another was nearly as likely, and goes on from
//! there greedily. They are decoded side by side, a token of each in a pass, which costs little more than one alone.
//!
//! Must not know what the completions are for.

use super::{Run, Step, Tools};
use crate::RequestError;
use crate::logits::Logits;
use crate::request::{Alternative, Completion, Finish};
use crate::sequence::{Branch, LanguageModel, Sequences};

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
    let mut ways = ways(first);
    ways.truncate(TRIES * count);
    let mut found: Vec<Alternative> = Vec::new();
    while found.len() < count && !ways.is_empty() && tools.interrupt.check()?.is_none() {
        let at_once = (count - found.len()).min(sequences.branches()).min(ways.len());
        let mut side_by_side = Vec::new();
        for way in ways.drain(..at_once) {
            side_by_side.push(Other::new(first, healed, &way, sequences, tools)?);
        }
        go_on(&mut side_by_side, sequences, tools)?;
        for other in side_by_side {
            let finish = other.finish.unwrap_or(Finish::Length);
            let Completion { text, pieces, .. } = other.run.completion;
            if text != first.completion.text && found.iter().all(|known| known.text != text) {
                found.push(Alternative { text, pieces, finish });
            }
        }
    }
    Ok(found)
}

/// Another completion in the making.
struct Other<C> {
    run: Run,
    branch: Branch<C>,
    finish: Option<Finish>,
}

impl<C> Other<C> {
    /// One that has just left the first's way.
    fn new<M: LanguageModel<Cache = C>>(
        first: &Run,
        healed: &[u8],
        way: &Way,
        sequences: &Sequences<M>,
        tools: &mut Tools<'_>,
    ) -> Result<Self, RequestError> {
        let prompt = &first.completion.prompt_tokens;
        let branch = sequences.branch(prompt.len() + way.at);
        let mut run = Run::new(healed.to_vec(), prompt.clone());
        let common = first.completion.tokens.iter().zip(&first.choices).take(way.at);
        for (token, choice) in common {
            run.take(*token, choice.logprob, tools.tokenizer);
        }
        let step = run.go(way.token, way.logprob, tools);
        Ok(Self {
            run,
            branch: branch.map_err(RequestError::Failed)?,
            finish: matches!(step, Step::End).then_some(Finish::Stop),
        })
    }
}

/// Decodes completions until each has ended.
fn go_on<M: LanguageModel>(
    others: &mut [Other<M::Cache>],
    sequences: &mut Sequences<M>,
    tools: &mut Tools<'_>,
) -> Result<(), RequestError> {
    let mut logits = Logits::default();
    loop {
        let interrupted = tools.interrupt.check()?;
        for other in &mut *others {
            let full = other.branch.room == 0 || other.run.left(tools) == 0;
            other.finish = other.finish.or(interrupted).or(full.then_some(Finish::Length));
        }
        let mut live: Vec<_> = others.iter_mut().filter(|other| other.finish.is_none()).collect();
        if live.is_empty() {
            return Ok(());
        }
        let rows = live.iter_mut().filter_map(|other| {
            let newest = other.run.completion.tokens.last().copied();
            newest.map(|newest| (&mut other.branch, newest))
        });
        sequences
            .forward_branches(rows.collect(), &mut logits)
            .map_err(RequestError::Failed)?;
        for (row, other) in live.into_iter().enumerate() {
            let logits = logits.row(row).map_err(RequestError::Failed)?;
            if let Step::End = other.run.step(logits, tools)? {
                other.finish = Some(Finish::Stop);
            }
        }
    }
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
