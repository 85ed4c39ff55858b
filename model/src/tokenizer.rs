//! Text to token ids and back, for Gemma's vocabularies: one [`Tokenizer`] over two sources, the SentencePiece
//! vocabulary inside a GGUF file ([`sentencepiece`]) and a `tokenizer.json` ([`json`]).
//!
//! The rule that both keep: the text of a user never becomes a control token. `<bos>` or `<|fim_prefix|>` in a file is
//! spelled with ordinary pieces; control tokens enter a prompt only by id, through [`ControlTokens`].
//!
//! Must not know prompts, models or weights.

mod control;
mod json;
mod lookup;
mod sentencepiece;
mod stream;
mod vocabulary;

use crate::weights::bytes::Bytes;
use crate::weights::gguf::{self, Gguf};
use crate::{LoadError, ModelSource};

pub(crate) use control::{ControlTokens, FimTokens};
pub(crate) use stream::StreamDecoder;

use json::Bpe;
use sentencepiece::SentencePiece;
use vocabulary::Vocabulary;

/// What to do about a vocabulary that cannot be used.
const FETCH_AGAIN: &str = "use a file made from a Gemma model, or download it again";

/// A Gemma vocabulary: from a GGUF file's SentencePiece vocabulary or from a `tokenizer.json`.
pub struct Tokenizer {
    vocabulary: Vocabulary,
    encoder: Encoder,
    control: ControlTokens,
    add_begin_of_text: bool,
}

enum Encoder {
    SentencePiece(SentencePiece),
    Bpe(Box<Bpe>),
}

impl Tokenizer {
    /// Reads the tokenizer alone, without weights. A path may also be that of a `tokenizer.json`.
    pub fn load(source: &ModelSource) -> Result<Self, LoadError> {
        if let ModelSource::Path(path) = source
            && path.is_dir()
        {
            let file = path.join("tokenizer.json");
            if !file.is_file() {
                return Err(source.broken(
                    "the folder has no tokenizer.json",
                    "download tokenizer.json from the model's repository into it",
                ));
            }
            return Self::load(&ModelSource::Path(file));
        }
        let bytes = Bytes::of(source)?;
        let read = if bytes.starts_with(gguf::MAGIC) {
            Gguf::parse(&bytes).and_then(|gguf| Self::from_gguf(&gguf))
        } else if bytes.trim_ascii_start().starts_with(b"{") {
            json::read(&bytes)
        } else {
            return Err(source.broken(
                "neither a GGUF file nor a tokenizer.json",
                "name a .gguf file or a folder with tokenizer.json",
            ));
        };
        read.map_err(|what| source.broken(what, FETCH_AGAIN))
    }

    /// Takes the vocabulary out of a parsed GGUF header. The error says what is wrong, without the path.
    pub(crate) fn from_gguf(gguf: &Gguf<'_>) -> Result<Self, String> {
        sentencepiece::read(gguf)
    }

    /// The ids of a text. User text never yields a control token; no begin-of-text token is added.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        match &self.encoder {
            Encoder::SentencePiece(encoder) => encoder.encode(&self.vocabulary, text),
            Encoder::Bpe(encoder) => encoder.encode(&self.vocabulary, text),
        }
    }

    /// The begin-of-text token, where the model wants one.
    pub fn begin_of_text(&self) -> Option<u32> {
        self.control.bos.filter(|_| self.add_begin_of_text)
    }

    /// The vocabulary piece of a token, as the vocabulary spells it (`▁def`).
    pub fn piece(&self, id: u32) -> Option<&str> {
        self.vocabulary.piece(id)
    }

    /// How many tokens there are; ids run from 0.
    pub fn vocab_size(&self) -> usize {
        self.vocabulary.len()
    }

    /// The control tokens that the engine puts into prompts and stops at.
    pub(crate) fn control(&self) -> &ControlTokens {
        &self.control
    }

    /// Whether a token is never text: user text cannot become it, and it yields no text. True for ids that do not exist.
    pub fn is_control(&self, id: u32) -> bool {
        self.vocabulary.is_control(id)
    }

    /// The text that a token stands for, perhaps a part of a character; empty for a control token.
    pub fn bytes(&self, id: u32) -> &[u8] {
        self.vocabulary.bytes(id)
    }
}

#[cfg(test)]
mod tests;
