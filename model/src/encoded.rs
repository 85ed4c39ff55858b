//! Texts as tokens, the last of them remembered: from one keystroke to the next, the text around the anchor and the other
//! files are the same. What comes out does not depend on what is remembered. It must not know prompts.

use std::collections::VecDeque;

use crate::tokenizer::Tokenizer;

/// How many texts are remembered, and how many bytes of them in all.
const MOST: usize = 64;
const MOST_BYTES: usize = 4 << 20;

/// A tokenizer that remembers.
pub(crate) struct Encoder<'a> {
    tokenizer: &'a Tokenizer,
    /// The last used first.
    texts: VecDeque<(String, Vec<u32>)>,
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(tokenizer: &'a Tokenizer) -> Self {
        let texts = VecDeque::new();
        Self { tokenizer, texts }
    }

    pub(crate) fn tokenizer(&self) -> &'a Tokenizer {
        self.tokenizer
    }

    /// The tokens of a text, as [`Tokenizer::encode`] gives them, for a text that will be asked for again.
    pub(crate) fn encode(&mut self, text: &str) -> Vec<u32> {
        let known = self.texts.iter().position(|(known, _)| known == text);
        let entry = known.and_then(|at| self.texts.remove(at));
        let entry = entry.unwrap_or_else(|| (text.to_owned(), self.tokenizer.encode(text)));
        let tokens = entry.1.clone();
        self.texts.push_front(entry);
        self.forget();
        tokens
    }

    fn forget(&mut self) {
        let mut bytes = 0;
        let mut fits = |(text, _): &(String, _)| {
            bytes += text.len();
            bytes <= MOST_BYTES
        };
        let kept = self.texts.iter().take(MOST).take_while(|entry| fits(entry)).count();
        self.texts.truncate(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tokenizer;

    #[test]
    fn the_tokens_are_the_tokenizers() {
        let tokenizer = tokenizer(true);
        let mut encoder = Encoder::new(&tokenizer);
        for text in ["", "one", "two", "one", "one two"] {
            assert_eq!(encoder.encode(text), tokenizer.encode(text));
        }
        let held: Vec<&str> = encoder.texts.iter().map(|(text, _)| text.as_str()).collect();
        assert_eq!(held, ["one two", "one", "two", ""]);
    }

    #[test]
    fn what_was_not_used_for_long_is_forgotten() {
        let tokenizer = tokenizer(true);
        let mut encoder = Encoder::new(&tokenizer);
        for i in 0..2 * MOST {
            encoder.encode(&i.to_string());
        }
        assert_eq!(encoder.texts.len(), MOST);
        encoder.encode(&"x".repeat(MOST_BYTES - 2));
        assert_eq!(encoder.texts.len(), 1, "the others have three bytes each");
        encoder.encode(&"x".repeat(MOST_BYTES + 1));
        assert!(encoder.texts.is_empty());
    }
}
