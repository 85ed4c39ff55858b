//! Which part of a prompt a request is served with, and which is read meanwhile.
//!
//! A request that is in a hurry gets the whole prompt where what is missing of it is read in time, else the largest window
//! of which that holds, else a new one of just that size. Beside it larger windows are read, each some times as large as
//! the one before, up to the whole prompt. Must not know threads or clocks.

use std::time::Duration;

use crate::encoded::Encoder;
use crate::prompt::{self, Rendered};
use crate::request::{FimPrompt, Prompt, PromptBudget, PromptProgress, PromptWindow};
use crate::sequence::{LanguageModel, Sequences};
use crate::window::Window;

/// How many times as large the next window is. All of them together take half as long again as the whole prompt.
const FACTOR: usize = 3;

/// The share of a request's time that is for reading; the rest is for planning it and for its first token.
const READING: f64 = 0.8;

/// Where what is missing is no more than this it is read, whatever it takes: it is what was typed.
const LEAST_TOKENS: usize = 12;

/// A whole prompt is read in about this time, so that no machine is kept busy for minutes; in more where a request waits for
/// more.
const WHOLE: Duration = Duration::from_secs(20);

/// It has at least so many tokens.
const LEAST_WHOLE: usize = 512;

/// So long what is read beside a request may hold it up.
pub(super) const SLICE: Duration = Duration::from_millis(50);

/// So long where the one before it came to nothing, as the user types faster than the model answers.
const LONG_SLICE: Duration = Duration::from_millis(200);

/// What is read next, beside what requests use.
enum Next {
    Nothing,
    Near(Window),
    Whole,
}

/// The windows at the place where the user is.
pub(crate) struct Windows {
    /// Those that were begun, the smallest first, and about how many tokens the largest has.
    near: Vec<Window>,
    size: usize,
    next: Next,
    /// The prompt of the newest request, and how many tokens may follow it.
    newest: Option<(FimPrompt, usize)>,
    /// The most tokens of a whole prompt. It stays until the rate is quite another one, and while one is read: with
    /// another limit it would be another prompt, and what is read of it for nothing.
    whole: usize,
    /// How long the last request in a hurry was ready to wait.
    time: Duration,
    /// What the last request was served with.
    used: PromptProgress,
    /// Whether the last request came to nothing, as a newer one came.
    outrun: bool,
}

/// What a request is served with.
pub(crate) struct Chosen {
    pub(crate) rendered: Rendered,
    pub(crate) window: PromptWindow,
    /// How many tokens the whole prompt has.
    pub(crate) whole_tokens: usize,
}

impl Chosen {
    /// As nothing more is read of it.
    pub(crate) fn progress(&self) -> PromptProgress {
        PromptProgress {
            window: self.window,
            window_tokens: self.rendered.tokens.len(),
            whole_tokens: self.whole_tokens,
            next: None,
        }
    }
}

impl Windows {
    pub(crate) fn new() -> Self {
        Self {
            near: Vec::new(),
            size: 0,
            next: Next::Nothing,
            newest: None,
            whole: usize::MAX,
            time: Duration::ZERO,
            used: PromptProgress::default(),
            outrun: false,
        }
    }

    /// The most tokens of a whole prompt for requests that are in a hurry, with what follows it.
    pub(crate) fn whole<M: LanguageModel>(&mut self, sequences: &Sequences<M>) -> usize {
        if self.newest.is_none() {
            self.limit(sequences);
        }
        self.whole.min(sequences.capacity())
    }

    /// Takes that limit from the rate, where it is quite another one than it was.
    fn limit<M: LanguageModel>(&mut self, sequences: &Sequences<M>) {
        let now = sequences.rate().tokens_in(WHOLE.max(self.time)).max(LEAST_WHOLE);
        if now < self.whole / 2 || now / 2 > self.whole || self.whole < LEAST_WHOLE {
            self.whole = now;
        }
    }

    /// What a request is served with that asks for at most `reserved` tokens; `None` where nobody waits for it and what
    /// it needs is not read.
    pub(crate) fn choose<M: LanguageModel>(
        &mut self,
        sequences: &Sequences<M>,
        encoder: &mut Encoder<'_>,
        prompt: &Prompt,
        budget: PromptBudget,
        reserved: usize,
        idle: bool,
    ) -> Option<Chosen> {
        if let PromptBudget::FirstToken(time) = budget
            && time != self.time
        {
            self.time = time;
            self.limit(sequences);
        }
        let most = match budget {
            PromptBudget::Context | PromptBudget::Near(_) => sequences.capacity(),
            PromptBudget::Idle | PromptBudget::FirstToken(_) => self.whole(sequences),
        };
        let most = most - reserved.min(most / 2);
        let rendered = prompt::render(prompt, encoder, most);
        let whole_tokens = rendered.tokens.len();
        let whole = |rendered| Chosen {
            rendered,
            window: PromptWindow::Whole,
            whole_tokens,
        };
        let near = |rendered| Chosen {
            rendered,
            window: PromptWindow::Near,
            whole_tokens,
        };
        let (time, prompt) = match (budget, prompt) {
            (PromptBudget::FirstToken(time), Prompt::Fim(prompt)) => (time, prompt),
            (PromptBudget::Near(tokens), Prompt::Fim(prompt)) if tokens < whole_tokens => {
                let cut = Window::new(prompt, tokens, encoder).cut(prompt).unwrap_or_default();
                return Some(near(prompt::render(&Prompt::Fim(cut), encoder, most)));
            }
            _ => return Some(whole(rendered)),
        };
        let in_time = sequences.rate().tokens_in(time.mul_f64(READING)).max(LEAST_TOKENS);
        if sequences.missing(&rendered.tokens) <= in_time {
            if !idle {
                *self = Self {
                    whole: self.whole,
                    time: self.time,
                    ..Self::new()
                };
            }
            return Some(whole(rendered));
        }
        self.near.retain(|window| window.cut(prompt).is_some());
        let mut largest = self.near.iter().rev().filter_map(|window| window.cut(prompt));
        let found = largest.find_map(|cut| {
            let rendered = prompt::render(&Prompt::Fim(cut), encoder, most);
            (sequences.missing(&rendered.tokens) <= in_time).then_some(rendered)
        });
        if idle {
            return found.map(near);
        }
        self.newest = Some((prompt.clone(), reserved));
        if let Some(rendered) = found {
            return Some(near(rendered));
        }
        self.narrow();
        self.limit(sequences);
        self.size = in_time;
        let window = Window::new(prompt, in_time, encoder);
        let cut = window.cut(prompt).unwrap_or_default();
        self.near.push(window);
        Some(near(prompt::render(&Prompt::Fim(cut), encoder, most)))
    }

    /// The windows that there are take too long.
    pub(crate) fn narrow(&mut self) {
        self.near.clear();
        self.next = Next::Nothing;
    }

    /// Has what comes after the largest window read beside it, up to where the newest request is.
    pub(crate) fn grow<M: LanguageModel>(
        &mut self,
        sequences: &mut Sequences<M>,
        encoder: &mut Encoder<'_>,
    ) -> Result<(), String> {
        let most = self.whole(sequences);
        let Some((prompt, reserved)) = self.newest.as_ref() else {
            sequences.stop_growing();
            return Ok(());
        };
        let most = most - reserved.min(&(most / 2));
        let mut cut = match &self.next {
            Next::Near(window) => window.cut(prompt),
            Next::Whole => Some(prompt.clone()),
            Next::Nothing => None,
        };
        if cut.is_none() {
            let size = self.size.saturating_mul(FACTOR);
            let whole = prompt::render(&Prompt::Fim(prompt.clone()), encoder, most).tokens;
            let is_whole = whole.len() <= size + size / 2 || sequences.missing(&whole) <= size;
            self.next = match is_whole {
                true => Next::Whole,
                false => Next::Near(Window::new(prompt, size, encoder)),
            };
            self.size = size;
            cut = match &self.next {
                Next::Near(window) => window.cut(prompt),
                _ => Some(prompt.clone()),
            };
        }
        let rendered = prompt::render(&Prompt::Fim(cut.unwrap_or_default()), encoder, most);
        if !sequences.grow_to(&rendered.tokens, *reserved)? {
            // There is no memory for both.
            self.next = Next::Nothing;
            self.newest = None;
        }
        Ok(())
    }

    /// A request is begun with this.
    pub(crate) fn begun(&mut self, used: PromptProgress) {
        self.used = used;
        self.outrun = true;
    }

    /// It was not for nothing.
    pub(crate) fn answered(&mut self) {
        self.outrun = false;
    }

    /// How long what is read beside requests may hold up the next one.
    pub(crate) fn slice(&self) -> Duration {
        if self.outrun { LONG_SLICE } else { SLICE }
    }

    /// How far the reading of what stands around the cursor is.
    pub(crate) fn progress<M: LanguageModel>(&self, sequences: &Sequences<M>) -> PromptProgress {
        PromptProgress {
            next: sequences.growth(),
            ..self.used
        }
    }

    /// Whether something is to be read beside what requests use.
    pub(crate) fn is_reading(&self) -> bool {
        !matches!(self.next, Next::Nothing)
    }

    /// What was read beside is read: goes on with the next.
    pub(crate) fn grown<M: LanguageModel>(
        &mut self,
        sequences: &mut Sequences<M>,
        encoder: &mut Encoder<'_>,
    ) -> Result<(), String> {
        let Next::Near(window) = std::mem::replace(&mut self.next, Next::Nothing) else {
            self.newest = None;
            return Ok(());
        };
        self.near.push(window);
        self.grow(sequences, encoder)
    }
}
