//! Prompts as token ids, in the form that the model was trained on. Pure.
//!
//! CodeGemma was trained on `path⏎<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>M<|file_separator|>`, other files of the
//! repository before it as `path⏎text<|file_separator|>` (CodeGemma report, section 2). What was typed since the anchor is
//! the beginning of M. A model without these tokens gets the text before the cursor alone.
//!
//! The pieces of a text depend on what follows: `retur` is `re`, `tur`, and `return` a piece of its own. So the last
//! pieces before the cursor are not part of the prompt; what is generated has to begin with their text instead.

use crate::encoded::Encoder;
use crate::request::{FimPrompt, Prompt, PromptFile};
use crate::tokenizer::{FimTokens, Tokenizer};

/// A prompt that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rendered {
    pub(crate) tokens: Vec<u32>,
    /// The text before the cursor that is not among the tokens: what is generated begins with it.
    pub(crate) healed: Vec<u8>,
    /// At least how many tokens of the caller's text were left out.
    pub(crate) truncated: usize,
}

/// The tokens of a prompt, at most `limit` of them. What is farthest from the cursor is left out first: context files
/// as a whole, then the beginning of the prefix and the end of the suffix.
pub(crate) fn render(prompt: &Prompt, encoder: &mut Encoder<'_>, limit: usize) -> Rendered {
    let tokenizer = encoder.tokenizer();
    let mut rendered = match (prompt, tokenizer.control().fim) {
        (Prompt::Fim(prompt), Some(fim)) => fill_in_the_middle(prompt, encoder, fim, limit),
        (Prompt::Fim(FimPrompt { prefix, typed, .. }), None) => {
            let mut window = plain(&[prefix.as_str(), typed].concat(), tokenizer, limit);
            window.heal(tokenizer);
            window
        }
        (Prompt::Plain(text), _) => plain(text, tokenizer, limit),
    };
    // A limit smaller than the control tokens alone leaves their end, which is no use to anyone but still fits.
    rendered.drop_first(rendered.tokens.len().saturating_sub(limit), tokenizer);
    rendered
}

/// How much of a context is kept free for the completion: half of it at the most, whatever was asked for.
pub(crate) fn reserved(context_tokens: usize, max_tokens: usize) -> usize {
    max_tokens.min(context_tokens / 2)
}

/// Another file as it stands in the prompt.
pub(crate) fn file_text(file: &PromptFile) -> String {
    format!("{}\n{}", file.path, file.text)
}

fn plain(text: &str, tokenizer: &Tokenizer, limit: usize) -> Rendered {
    let room = limit.saturating_sub(1);
    let mut window =
        Window::of(text, near_end(text, room), |text| tokenizer.encode(text)).without_beginning(room, tokenizer);
    window.tokens.splice(0..0, tokenizer.begin_of_text());
    window
}

fn fill_in_the_middle(prompt: &FimPrompt, encoder: &mut Encoder<'_>, fim: FimTokens, limit: usize) -> Rendered {
    let tokenizer = encoder.tokenizer();
    let path = prompt
        .path
        .as_ref()
        .map_or_else(Vec::new, |path| tokenizer.encode(&format!("{path}\n")));
    let fixed = usize::from(tokenizer.begin_of_text().is_some()) + path.len() + 3;
    let room = limit.saturating_sub(fixed);
    let mut typed = Window::of(&prompt.typed, near_end(&prompt.typed, room / 2), |text| {
        tokenizer.encode(text)
    });
    typed = typed.without_beginning(room / 2, tokenizer);
    // Its room grows in large steps, so that typing does not change what the others have.
    let room = room - typed.tokens.len().next_multiple_of(TYPED_STEP).min(room / 2);
    typed.heal(tokenizer);

    // The suffix gets a quarter where both do not fit, and more, in large steps, where the prefix is short.
    let prefix = Window::of(&prompt.prefix, near_end(&prompt.prefix, room), |text| {
        encoder.encode(text)
    });
    let suffix = Window::of(&prompt.suffix, near_start(&prompt.suffix, room), |text| {
        encoder.encode(text)
    });
    let suffix = suffix.shortened(room, tokenizer);
    let left_by_prefix = room.saturating_sub(prefix.tokens.len());
    let suffix_room = match suffix.tokens.len() <= left_by_prefix {
        true => left_by_prefix,
        false => (room / 4).max(left_by_prefix / 256 * 256),
    };
    let suffix = suffix.shortened(suffix_room, tokenizer);
    let prefix = prefix.without_beginning(room - suffix.tokens.len(), tokenizer);

    let mut room = room - suffix.tokens.len() - prefix.tokens.len();
    let mut truncated = suffix.truncated + prefix.truncated + typed.truncated;
    let mut files = Vec::new();
    for file in prompt.files.iter().rev() {
        let mut tokens = encoder.encode(&file_text(file));
        tokens.push(fim.file_separator);
        match tokens.len() <= room {
            true => {
                room -= tokens.len();
                files.push(tokens);
            }
            false => truncated += tokens.len(),
        }
    }

    let mut tokens: Vec<u32> = tokenizer.begin_of_text().into_iter().collect();
    tokens.extend(files.into_iter().rev().flatten());
    tokens.extend(path);
    tokens.push(fim.prefix);
    tokens.extend(prefix.tokens);
    tokens.push(fim.suffix);
    tokens.extend(suffix.tokens);
    tokens.push(fim.middle);
    tokens.extend(typed.tokens);
    Rendered {
        tokens,
        healed: typed.healed,
        truncated,
    }
}

/// The most bytes of text that are looked at for each token that fits; Gemma's longest common pieces are runs of 31
/// spaces. It bounds the work on a very large file.
const BYTES_A_TOKEN: usize = 32;

/// The steps, in tokens, in which the room for what was typed grows.
const TYPED_STEP: usize = 128;

/// The most pieces that are taken off before the cursor, of a text whose characters are pieces.
const HEALED: usize = 3;

/// Whether a byte is part of a name, or of a character that may be.
fn in_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The end of a text, where it is longer than what fits into so many tokens: more is never looked at. Its start moves in
/// large steps and to the start of a line, so that typing does not move it.
pub fn near_end(text: &str, tokens: usize) -> &str {
    let most = tokens.saturating_mul(BYTES_A_TOKEN);
    let excess = text.len().saturating_sub(most);
    if excess == 0 {
        return text;
    }
    let start = excess.next_multiple_of((most / 4).max(1)).min(text.len());
    let line = text.as_bytes()[start..].iter().position(|byte| *byte == b'\n');
    &text[text.ceil_char_boundary(start + line.map_or(0, |at| at + 1))..]
}

/// The beginning of a text in the same way.
pub fn near_start(text: &str, tokens: usize) -> &str {
    &text[..text.floor_char_boundary(tokens.saturating_mul(BYTES_A_TOKEN))]
}

/// Part of a text, as tokens.
type Window = Rendered;

impl Window {
    /// The tokens of a part of a text.
    fn of(text: &str, part: &str, encode: impl FnOnce(&str) -> Vec<u32>) -> Self {
        Self {
            tokens: encode(part),
            healed: Vec::new(),
            truncated: usize::from(part.len() < text.len()),
        }
    }

    /// Takes the last piece off, and those before it that make up the same word.
    fn heal(&mut self, tokenizer: &Tokenizer) {
        for taken in 1.. {
            let Some(last) = self.tokens.pop_if(|last| !tokenizer.is_control(*last)) else {
                return;
            };
            self.healed.splice(0..0, tokenizer.bytes(last).iter().copied());
            let before = self.tokens.last().and_then(|before| tokenizer.bytes(*before).last());
            let in_word =
                before.is_some_and(|byte| in_word(*byte)) && self.healed.first().is_some_and(|byte| in_word(*byte));
            let in_character = self.healed.first().is_some_and(|byte| is_inside(*byte));
            if !in_character && (!in_word || taken >= HEALED) {
                return;
            }
        }
    }

    /// Leaves tokens out at the end until at most `room` remain, and with them what would be left of a character.
    fn shortened(mut self, room: usize, tokenizer: &Tokenizer) -> Self {
        let before = self.tokens.len();
        if before > room {
            let whole = whole_characters(&self.tokens[..room], tokenizer);
            self.tokens.truncate(whole);
        }
        self.truncated += before - self.tokens.len();
        self
    }

    /// Leaves tokens out at the beginning until at most `room` remain, in steps of a quarter of the room: the window's
    /// start stays where it is over many keystrokes, and with it the keys and values that are held.
    fn without_beginning(mut self, room: usize, tokenizer: &Tokenizer) -> Self {
        let excess = self.tokens.len().saturating_sub(room);
        if excess > 0 {
            self.drop_first(excess.next_multiple_of((room / 4).max(1)), tokenizer);
        }
        self
    }

    /// Leaves out so many tokens at the beginning, and with them what would be left of a character.
    fn drop_first(&mut self, count: usize, tokenizer: &Tokenizer) {
        if count == 0 {
            return;
        }
        let inside = |token: &u32| tokenizer.bytes(*token).first().is_some_and(|byte| is_inside(*byte));
        let rest = self.tokens.get(count..).unwrap_or_default();
        let cut = self.tokens.len() - rest.len() + rest.iter().take_while(|token| inside(token)).count();
        self.tokens.drain(..cut);
        self.truncated += cut;
    }
}

/// Whether a byte goes on with a character that began before it.
fn is_inside(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// How many of the tokens end with a whole character. A vocabulary spells rare characters with a token a byte.
fn whole_characters(tokens: &[u32], tokenizer: &Tokenizer) -> usize {
    let mut end = Vec::new();
    for (at, token) in tokens.iter().enumerate().rev() {
        end.splice(0..0, tokenizer.bytes(*token).iter().copied());
        if end.first().is_some_and(|byte| is_inside(*byte)) && end.len() < 4 {
            continue;
        }
        let is_cut = std::str::from_utf8(&end).is_err_and(|error| error.error_len().is_none());
        return if is_cut { at } else { tokens.len() };
    }
    0
}

#[cfg(test)]
mod tests;
