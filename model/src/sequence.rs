//! The sequences of tokens whose keys and values are held, and how much of them a new prompt can reuse.
//!
//! A prompt goes on with the sequence that begins as it does. What that sequence has beyond the common beginning is
//! forgotten where it is little, as while typing; else the beginning is copied and both are held, within a budget, the
//! least recently used ones forgotten first. A cache has room for what its prompt asked for, and that is what the budget
//! counts: an allocator gives all of it, however little is used. Must not know what the tokens mean.

mod growing;

use std::time::{Duration, Instant};

use crate::logits::Logits;
use crate::rate::Rate;
use growing::Growing;

/// A pass that has made a pause: how far it is, and what has come of its tokens so far.
#[derive(Debug, Default)]
pub struct Paused {
    /// The layer that is next.
    pub(crate) layer: usize,
    /// [tokens, hidden size].
    pub(crate) x: Vec<f32>,
}

/// What generation needs of a model: forward passes over a cache of keys and values that lies outside of it.
pub trait LanguageModel: Send {
    /// One sequence's keys and values.
    type Cache: Send;

    /// The longest sequence, in tokens.
    fn capacity(&self) -> usize;

    /// How much memory the keys and values of a token take, in bytes.
    fn token_bytes(&self) -> usize;

    /// An empty cache with room for so many tokens.
    fn new_cache(&self, room: usize) -> Result<Self::Cache, String>;

    /// A cache with the first `len` tokens of another and room for `room` in all.
    fn fork(&self, cache: &Self::Cache, len: usize, room: usize) -> Result<Self::Cache, String>;

    /// The keys and values of the first `len` tokens, [`LanguageModel::token_bytes`] each.
    fn export(&self, cache: &Self::Cache, len: usize) -> Result<Vec<u8>, String>;

    /// A cache of what [`LanguageModel::export`] gave for `len` tokens.
    fn import(&self, bytes: &[u8], len: usize) -> Result<Self::Cache, String>;

    /// Forgets all but the first `len` tokens.
    fn truncate(&self, cache: &mut Self::Cache, len: usize);

    /// Reads tokens after those that are held; `logits` gets those after each of the last `wanted` tokens. It makes a pause
    /// where `pause` says so: then it gives false, and goes on when it is called again with the same cache, tokens and
    /// `paused`; other passes may be made meanwhile. Each time it makes some headway. Until it is done, and where there is an
    /// error, what is held is as it was.
    fn forward_on(
        &mut self,
        cache: &mut Self::Cache,
        tokens: &[u32],
        wanted: usize,
        logits: &mut Logits,
        paused: &mut Paused,
        pause: &dyn Fn() -> bool,
    ) -> Result<bool, String>;

    /// Reads tokens in the same way, unless `stop` says so in time; then it gives false, and they are not read.
    fn forward_unless(
        &mut self,
        cache: &mut Self::Cache,
        tokens: &[u32],
        wanted: usize,
        logits: &mut Logits,
        stop: &dyn Fn() -> bool,
    ) -> Result<bool, String> {
        self.forward_on(cache, tokens, wanted, logits, &mut Paused::default(), stop)
    }

    /// Reads tokens, and nothing stops it.
    fn forward(
        &mut self,
        cache: &mut Self::Cache,
        tokens: &[u32],
        wanted: usize,
        logits: &mut Logits,
    ) -> Result<(), String> {
        self.forward_unless(cache, tokens, wanted, logits, &|| false).map(drop)
    }

    /// An error where the model is no longer what was loaded, so that nothing that it says is of any worth.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// Reads a token after those in each of several caches, in one pass; `logits` gets those after each, the same as if
    /// it were read alone.
    fn forward_each(&mut self, rows: Vec<(&mut Self::Cache, u32)>, logits: &mut Logits) -> Result<(), String>;
}

/// How many tokens of a sequence are forgotten rather than kept in a copy: a suggestion that was not taken, and more.
const LITTLE: usize = 192;

/// How many tokens of a sequence are forgotten for what nobody waits for yet.
const IDLE_LITTLE: usize = 16;

/// The steps, in tokens, in which the room of a sequence grows, so that typing seldom copies it.
const STEP: usize = 256;

/// Whoever asks meanwhile waits so long for a measurement.
const WAIT: Duration = Duration::from_millis(150);

/// How many more tokens a completion may take than were asked for: those that spell again what was typed.
const SLACK: usize = 64;

/// A model with the sequences that it holds. One of them is the current one.
pub(crate) struct Sequences<M: LanguageModel> {
    model: M,
    /// The least recently used first; the last is the current one.
    held: Vec<Held<M::Cache>>,
    /// The most tokens to have room for between two requests.
    budget: usize,
    /// How long the current sequence may get.
    limit: usize,
    /// What is read beside the current sequence.
    growing: Option<Growing<M::Cache>>,
    /// How fast prompts are read.
    rate: Rate,
}

/// The list of tokens is exactly as long as the keys and values: only tokens that went through a forward pass are on it.
struct Held<C> {
    tokens: Vec<u32>,
    cache: C,
    /// How many tokens the cache has room for.
    room: usize,
    /// No request has used it.
    unused: bool,
}

/// Another way to go on from a beginning of the current sequence. It is gone with the request.
pub(crate) struct Branch<C> {
    cache: C,
    /// How many more tokens fit.
    pub(crate) room: usize,
}

impl<M: LanguageModel> Sequences<M> {
    /// No sequences yet, and `bytes` of memory for them.
    pub(crate) fn new(model: M, bytes: usize) -> Self {
        Self {
            budget: bytes / model.token_bytes().max(1),
            model,
            held: Vec::new(),
            limit: 0,
            growing: None,
            rate: Rate::default(),
        }
    }

    /// The longest sequence, in tokens.
    pub(crate) fn capacity(&self) -> usize {
        self.model.capacity()
    }

    /// How many more tokens may follow in the current sequence.
    pub(crate) fn room(&self) -> usize {
        self.limit - self.held.last().map_or(0, |current| current.tokens.len())
    }

    /// Makes a sequence the current one that holds a beginning of `prompt`, all but its last token at the most, since
    /// that one's logits are wanted. `more` is how many tokens may follow the prompt. Gives how many tokens are held.
    pub(crate) fn begin(&mut self, prompt: &[u32], more: usize) -> Result<usize, String> {
        let reused = self.begin_beyond(LITTLE, prompt, more)?;
        if let Some(current) = self.held.last_mut() {
            current.unused = false;
        }
        Ok(reused)
    }

    /// Begins a prompt that nobody waits for yet, as [`Self::begin`] does another: `None` where it would take the place of the current sequence or
    /// of the one that it goes on with. One that is `unused` takes the place of another that is.
    pub(crate) fn begin_idle(&mut self, prompt: &[u32], more: usize, unused: bool) -> Result<Option<usize>, String> {
        let mut kept = self.held.last().map_or(0, |current| current.room);
        if let Some(at) = self.best(prompt) {
            let best = &self.held[at];
            let forgotten = best.tokens.len() - common(&best.tokens, prompt);
            if forgotten <= IDLE_LITTLE {
                kept -= if at + 1 == self.held.len() { best.room } else { 0 };
            } else if at + 1 < self.held.len() {
                kept += best.room;
            }
        }
        if kept + self.room_for(self.limit_of(prompt, more)) > self.budget {
            return Ok(None);
        }
        let reused = self.begin_beyond(IDLE_LITTLE, prompt, more)?;
        let last = self.held.len() - 1;
        self.held[last].unused &= unused;
        if self.held[last].unused {
            let mut at = 0..;
            self.held.retain(|held| at.next() == Some(last) || !held.unused);
        }
        Ok(Some(reused))
    }

    /// How long a sequence may get. It follows from the request alone, whatever is held.
    fn limit_of(&self, prompt: &[u32], more: usize) -> usize {
        (prompt.len() + more + SLACK).min(self.capacity())
    }

    /// How many tokens a cache for so long a sequence has room for.
    fn room_for(&self, limit: usize) -> usize {
        limit.next_multiple_of(STEP).min(self.capacity())
    }

    /// The sequence that has most in common with a prompt.
    fn best(&self, prompt: &[u32]) -> Option<usize> {
        (0..self.held.len()).max_by_key(|at| common(&self.held[*at].tokens, prompt))
    }

    /// Begins so that at most `little` tokens of a sequence are forgotten where there is room for two.
    fn begin_beyond(&mut self, little: usize, prompt: &[u32], more: usize) -> Result<usize, String> {
        self.make_room(0);
        self.limit = self.limit_of(prompt, more);
        let room = self.room_for(self.limit);
        let current = match self.best(prompt).map(|at| self.held.remove(at)) {
            None => Held {
                tokens: Vec::new(),
                cache: self.model.new_cache(room)?,
                room,
                unused: true,
            },
            Some(mut best) => {
                let keep = common(&best.tokens, prompt).min(prompt.len().saturating_sub(1));
                let beside = best.tokens.len() - keep > little && best.room + room <= self.budget;
                if beside || best.room < room {
                    let copy = Held {
                        tokens: best.tokens[..keep].to_vec(),
                        cache: self.model.fork(&best.cache, keep, room)?,
                        room,
                        unused: true,
                    };
                    if beside {
                        self.held.push(best);
                    }
                    copy
                } else {
                    self.model.truncate(&mut best.cache, keep);
                    best.tokens.truncate(keep);
                    best
                }
            }
        };
        self.make_room(current.room);
        let keep = current.tokens.len();
        self.held.push(current);
        Ok(keep)
    }

    /// Forgets sequences, the oldest first and what grows at last, until there is room for `more` tokens beside the others.
    fn make_room(&mut self, more: usize) {
        let growing = self.growing.as_ref().map_or(0, |growing| growing.held.room);
        let mut room = growing + self.held.iter().map(|held| held.room).sum::<usize>();
        while room + more > self.budget && !self.held.is_empty() {
            room -= self.held.remove(0).room;
        }
        if room + more > self.budget {
            self.growing = None;
        }
    }

    /// How fast prompts are read.
    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    /// Learns how fast prompts are read, where nothing is known: it reads some tokens into no sequence that is held. What the
    /// first pass takes counts only where nothing else does, as it may have to wait for a disk; and where `enough` says that
    /// somebody waits, that is all, or nearly.
    pub(crate) fn measure(&mut self, enough: &dyn Fn() -> bool) -> Result<(), String> {
        let begun = Instant::now();
        let tokens: Vec<u32> = (1..65).collect();
        let mut cache = self.model.new_cache(tokens.len().min(self.capacity()))?;
        for (at, len) in [8, 16, 64].into_iter().enumerate() {
            let len = len.min(self.capacity());
            let enough = || at > 0 && begun.elapsed() > WAIT && enough();
            self.model.truncate(&mut cache, 0);
            let began = Instant::now();
            let logits = &mut Logits::default();
            if !self
                .model
                .forward_unless(&mut cache, &tokens[..len], 1, logits, &enough)?
            {
                break;
            }
            if at == 1 {
                self.rate = Rate::default();
            }
            self.rate.learn(len, began.elapsed());
            if enough() {
                break;
            }
        }
        Ok(())
    }

    /// How many tokens of a prompt would have to be read, one at the least.
    pub(crate) fn missing(&self, prompt: &[u32]) -> usize {
        let held = self.best(prompt).map_or(0, |at| common(&self.held[at].tokens, prompt));
        (prompt.len() - held).max(1)
    }

    /// The model.
    pub(crate) fn model(&self) -> &M {
        &self.model
    }

    /// The logits after some tokens alone, in no sequence that is held.
    pub(crate) fn logits_after(&mut self, tokens: &[u32]) -> Result<Logits, String> {
        let mut cache = self.model.new_cache(tokens.len())?;
        let mut logits = Logits::default();
        self.model.forward(&mut cache, tokens, 1, &mut logits)?;
        Ok(logits)
    }

    /// What is held, the least recently used first.
    pub(crate) fn held(&self) -> impl DoubleEndedIterator<Item = (&[u32], &M::Cache)> {
        self.held.iter().map(|held| (held.tokens.as_slice(), &held.cache))
    }

    /// Holds a sequence from elsewhere, as the most recently used one, where it fits.
    pub(crate) fn hold(&mut self, tokens: Vec<u32>, cache: M::Cache) {
        let room = tokens.len();
        self.make_room(room);
        if room <= self.budget {
            self.held.push(Held {
                tokens,
                cache,
                room,
                unused: false,
            });
        }
    }

    /// Forgets the current sequence and what grows, after a failure that may have left their state unknown.
    pub(crate) fn forget(&mut self) {
        self.growing = None;
        self.held.pop();
    }

    /// Forgets the last `count` tokens of the current sequence.
    pub(crate) fn take_back(&mut self, count: usize) {
        if let Some(current) = self.held.last_mut() {
            let len = current.tokens.len().saturating_sub(count);
            self.model.truncate(&mut current.cache, len);
            current.tokens.truncate(len);
        }
    }

    /// Reads tokens into the current sequence; `logits` gets those after each of the last `wanted`.
    pub(crate) fn forward(&mut self, tokens: &[u32], wanted: usize, logits: &mut Logits) -> Result<(), String> {
        self.forward_unless(tokens, wanted, logits, &|| false).map(drop)
    }

    /// Reads tokens in the same way, unless `stop` says so in time; then it gives false.
    pub(crate) fn forward_unless(
        &mut self,
        tokens: &[u32],
        wanted: usize,
        logits: &mut Logits,
        stop: &dyn Fn() -> bool,
    ) -> Result<bool, String> {
        let current = self.held.last_mut().ok_or("no sequence was begun")?;
        let began = Instant::now();
        let read = self
            .model
            .forward_unless(&mut current.cache, tokens, wanted, logits, stop)?;
        if read {
            current.tokens.extend_from_slice(tokens);
            // Where more logits are wanted it was no prompt.
            if wanted <= 1 {
                self.rate.learn(tokens.len(), began.elapsed());
            }
        }
        Ok(read)
    }

    /// A branch that leaves the current sequence after its first `len` tokens.
    pub(crate) fn branch(&self, len: usize) -> Result<Branch<M::Cache>, String> {
        let current = self.held.last().ok_or("no sequence was begun")?;
        Ok(Branch {
            cache: self.model.fork(&current.cache, len, current.room)?,
            room: self.limit - len,
        })
    }

    /// How many branches there may be at once, so that they take no more memory than what is held may; one in any case.
    pub(crate) fn branches(&self) -> usize {
        let room = self.held.last().map_or(0, |current| current.room);
        (self.budget / room.max(1)).max(1)
    }

    /// Reads a token into each branch, all in one pass; `logits` gets those after each.
    pub(crate) fn forward_branches(
        &mut self,
        branches: Vec<(&mut Branch<M::Cache>, u32)>,
        logits: &mut Logits,
    ) -> Result<(), String> {
        let mut rows = Vec::with_capacity(branches.len());
        for (branch, token) in branches {
            branch.room = branch.room.saturating_sub(1);
            rows.push((&mut branch.cache, token));
        }
        self.model.forward_each(rows, logits)
    }
}

/// How many tokens two sequences have in common at their beginning.
fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests;
