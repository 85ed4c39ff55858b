//! A sequence that is read beside the current one, a little at a time: a longer window of the text around the cursor, which
//! requests change over to when it is read.

use std::time::{Duration, Instant};

use super::{Held, LanguageModel, Paused, Sequences, common};
use crate::logits::Logits;

/// The share of the engine's time that it takes while requests are served.
const SHARE: f64 = 0.6;

/// The sequence and what it is to become.
pub(super) struct Growing<C> {
    pub(super) held: Held<C>,
    /// All but the last token of a prompt, since that one's logits are wanted when it is used.
    target: Vec<u32>,
    /// The pass that is under way: over how many tokens, what it has taken, and how far it is.
    chunk: usize,
    chunk_spent: Duration,
    paused: Paused,
    /// What all has taken so far, and since when.
    spent: Duration,
    since: Instant,
}

impl<M: LanguageModel> Sequences<M> {
    /// Reads this prompt from now on. It goes on with what was read of another one that begins like it. False where there
    /// is no room for it beside the current sequence.
    pub(crate) fn grow_to(&mut self, prompt: &[u32], more: usize) -> Result<bool, String> {
        let target = prompt[..prompt.len().saturating_sub(1)].to_vec();
        let room = self.room_for(self.limit_of(prompt, more));
        let shared = self
            .best(&target)
            .map_or(0, |at| common(&self.held[at].tokens, &target));
        if let Some(growing) = &mut self.growing {
            let keep = common(&growing.held.tokens, &target);
            if keep >= shared && growing.held.room >= room {
                // A pass that is under way goes on where its tokens are what they were.
                let end = growing.held.tokens.len() + growing.chunk;
                if keep < growing.held.tokens.len() || growing.target.get(keep..end) != target.get(keep..end) {
                    growing.chunk = 0;
                }
                self.model.truncate(&mut growing.held.cache, keep);
                growing.held.tokens.truncate(keep);
                growing.target = target;
                return Ok(true);
            }
        }
        let old = self.growing.take();
        let current = self.held.last().map_or(0, |current| current.room);
        if current + room > self.budget {
            return Ok(false);
        }
        let best = self.best(&target).map(|at| &self.held[at]);
        let best = best.into_iter().chain(old.as_ref().map(|old| &old.held));
        let best = best.max_by_key(|held| common(&held.tokens, &target));
        let (tokens, cache) = match best {
            Some(best) => {
                let keep = common(&best.tokens, &target);
                (best.tokens[..keep].to_vec(), self.model.fork(&best.cache, keep, room)?)
            }
            None => (Vec::new(), self.model.new_cache(room)?),
        };
        // The current sequence is the last, and stays.
        let last = self.held.pop();
        self.make_room(current + room);
        self.held.extend(last);
        let (spent, since) = old.map_or((Duration::ZERO, Instant::now()), |old| (old.spent, old.since));
        self.growing = Some(Growing {
            held: Held {
                tokens,
                cache,
                room,
                unused: false,
            },
            target,
            chunk: 0,
            chunk_spent: Duration::ZERO,
            paused: Paused::default(),
            spent,
            since,
        });
        Ok(true)
    }

    /// Nothing more is read beside the current sequence.
    pub(crate) fn stop_growing(&mut self) {
        self.growing = None;
    }

    /// How many tokens are read of how many, where some are to be.
    pub(crate) fn growth(&self) -> Option<(usize, usize)> {
        let growing = self.growing.as_ref()?;
        Some((growing.held.tokens.len(), growing.target.len()))
    }

    /// Whether it has had less than its share of the time since it began.
    pub(crate) fn owes_growth(&self) -> bool {
        let behind = |growing: &Growing<_>| growing.spent < growing.since.elapsed().mul_f64(SHARE);
        self.growing.as_ref().is_some_and(behind)
    }

    /// Reads more of its tokens, at most so many in a pass, until `pause` says so. True when all are read: then it is one of
    /// those that are held.
    pub(crate) fn grow(&mut self, most: usize, pause: &dyn Fn() -> bool) -> Result<bool, String> {
        let Some(growing) = &mut self.growing else {
            return Ok(false);
        };
        let held = &mut growing.held;
        let rest = &growing.target[held.tokens.len().min(growing.target.len())..];
        if growing.chunk == 0 {
            growing.chunk = rest.len().min(most);
            (growing.chunk_spent, growing.paused) = (Duration::ZERO, Paused::default());
        }
        let chunk = &rest[..growing.chunk];
        if !chunk.is_empty() {
            let began = Instant::now();
            let (paused, mut logits) = (&mut growing.paused, Logits::default());
            let read = self
                .model
                .forward_on(&mut held.cache, chunk, 0, &mut logits, paused, pause)?;
            growing.spent += began.elapsed();
            growing.chunk_spent += began.elapsed();
            if !read {
                return Ok(false);
            }
            held.tokens.extend_from_slice(chunk);
            self.rate.learn(chunk.len(), growing.chunk_spent);
            growing.chunk = 0;
        }
        let whole = held.tokens.len() >= growing.target.len();
        if whole && let Some(growing) = self.growing.take() {
            let current = self.held.len().saturating_sub(1);
            self.held.insert(current, growing.held);
        }
        Ok(whole)
    }
}
