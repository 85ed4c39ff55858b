//! A language model that follows a script. It must not know the protocol or documents: it gets tokens, as a real one does.

use std::collections::HashMap;
use std::sync::Arc;

use codegemma_model::{LanguageModel, Logits, Paused, Tokenizer};

use crate::script::Script;

/// The logit of the likeliest token. Each after it has one less, and so half to a third of its probability.
const LIKELIEST: f32 = 40.0;

/// How much less likely a token is for each of its bytes where the script says nothing: what has to be spelled is spelled
/// with short ones.
const A_BYTE: f32 = 0.01;

/// A script, read with a tokenizer. What it keeps of a sequence is its tokens.
pub(crate) struct Scripted {
    script: Script,
    tokenizer: Arc<Tokenizer>,
    capacity: usize,
    control: Control,
    /// The tokens of each text.
    tokens: HashMap<Vec<u8>, u32>,
    longest: usize,
}

/// The tokens of CodeGemma's prompt.
struct Control {
    prefix: u32,
    suffix: u32,
    middle: u32,
    end: u32,
}

impl Scripted {
    pub(crate) fn new(script: Script, tokenizer: Arc<Tokenizer>, capacity: usize) -> Self {
        let ids = 0..u32::try_from(tokenizer.vocab_size()).expect("ids are 32 bits");
        let named = |name: &str| {
            let mut ids = ids.clone();
            ids.find(|id| tokenizer.piece(*id) == Some(name))
                .expect("the starter fills in the middle")
        };
        let control = Control {
            prefix: named("<|fim_prefix|>"),
            suffix: named("<|fim_suffix|>"),
            middle: named("<|fim_middle|>"),
            end: named("<|file_separator|>"),
        };
        let tokens: HashMap<_, _> = ids
            .clone()
            .filter(|id| !tokenizer.is_control(*id))
            .map(|id| (tokenizer.bytes(id).to_vec(), id))
            .collect();
        Self {
            longest: tokens.keys().map(Vec::len).max().unwrap_or(0),
            script,
            tokenizer,
            capacity,
            control,
            tokens,
        }
    }

    /// The end of the text before the place that the tokens lead to: of the prefix, and of the middle that follows it.
    fn seen(&self, held: &[u32]) -> Vec<u8> {
        let last = |token: u32| held.iter().rposition(|held| *held == token);
        let (Some(prefix), Some(suffix), Some(middle)) = (
            last(self.control.prefix),
            last(self.control.suffix),
            last(self.control.middle),
        ) else {
            return Vec::new();
        };
        let before = held[middle + 1..]
            .iter()
            .rev()
            .chain(held[prefix + 1..suffix].iter().rev());
        let mut bytes = Vec::new();
        for token in before {
            bytes.extend(self.tokenizer.bytes(*token).iter().rev());
            if bytes.len() >= self.script.reach() {
                break;
            }
        }
        bytes.reverse();
        bytes
    }

    /// The token with which a text begins: the longest.
    fn first(&self, text: &[u8]) -> u32 {
        let lengths = (1..=self.longest.min(text.len())).rev();
        let mut found = lengths.filter_map(|len| self.tokens.get(&text[..len]));
        *found.next().unwrap_or(&self.control.end)
    }

    fn row(&self, held: &[u32], numbers: &mut Vec<f32>) {
        let begin = numbers.len();
        let ids = 0..u32::try_from(self.tokenizer.vocab_size()).expect("ids are 32 bits");
        numbers.extend(ids.map(|id| -A_BYTE * self.tokenizer.bytes(id).len() as f32));
        let mut logit = LIKELIEST;
        let mut texts = self.script.after(&self.seen(held));
        if texts.is_empty() {
            texts.push(Vec::new());
        }
        for text in texts {
            let at = begin + self.first(&text) as usize;
            if numbers[at] <= 0.0 {
                numbers[at] = logit;
                logit -= 1.0;
            }
        }
    }
}

impl LanguageModel for Scripted {
    type Cache = Vec<u32>;

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn token_bytes(&self) -> usize {
        size_of::<u32>()
    }

    fn new_cache(&self, room: usize) -> Result<Vec<u32>, String> {
        Ok(Vec::with_capacity(room))
    }

    fn fork(&self, held: &Vec<u32>, len: usize, _: usize) -> Result<Vec<u32>, String> {
        Ok(held[..len].to_vec())
    }

    fn export(&self, held: &Vec<u32>, len: usize) -> Result<Vec<u8>, String> {
        Ok(held[..len].iter().flat_map(|token| token.to_le_bytes()).collect())
    }

    fn import(&self, bytes: &[u8], len: usize) -> Result<Vec<u32>, String> {
        let (tokens, rest) = bytes.as_chunks();
        if tokens.len() != len || !rest.is_empty() {
            return Err("the file holds another number of tokens".to_owned());
        }
        Ok(tokens.iter().map(|token| u32::from_le_bytes(*token)).collect())
    }

    fn truncate(&self, held: &mut Vec<u32>, len: usize) {
        held.truncate(len);
    }

    fn forward_on(
        &mut self,
        held: &mut Vec<u32>,
        tokens: &[u32],
        wanted: usize,
        logits: &mut Logits,
        _: &mut Paused,
        _: &dyn Fn() -> bool,
    ) -> Result<bool, String> {
        held.extend_from_slice(tokens);
        let numbers = logits.refill(wanted);
        for end in held.len() + 1 - wanted..=held.len() {
            self.row(&held[..end], numbers);
        }
        Ok(true)
    }

    fn forward_each(&mut self, rows: Vec<(&mut Vec<u32>, u32)>, logits: &mut Logits) -> Result<(), String> {
        let numbers = logits.refill(rows.len());
        for (held, token) in rows {
            held.push(token);
            self.row(held, numbers);
        }
        Ok(())
    }
}
