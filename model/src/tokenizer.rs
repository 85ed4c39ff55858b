//! Text to token ids and back, for Gemma's vocabularies: one [`Tokenizer`] over two sources, the SentencePiece
//! vocabulary inside a GGUF file ([`sentencepiece`]) and a `tokenizer.json` ([`json`]).
//!
//! The rule that both keep: the text of a user never becomes a control token. `<bos>` or `<|fim_prefix|>` in a file is
//! spelled with ordinary pieces; control tokens enter a prompt only by id, through [`ControlTokens`].
//!
//! Must not know prompts, models or weights.

mod control;
mod export;
mod json;
mod lookup;
mod sentencepiece;
mod stream;
mod vocabulary;

use std::path::Path;

use crate::container::Bytes;
use crate::container::gguf::{self, Gguf};
use crate::container::{kind, split};
use crate::{LoadError, ModelSource, plain_file};

pub(crate) use control::{ControlTokens, FimTokens};
pub(crate) use export::GgufVocabulary;
pub(crate) use stream::StreamDecoder;

use json::Bpe;
use sentencepiece::SentencePiece;
use vocabulary::Vocabulary;

/// What to do about a vocabulary that cannot be used.
const FETCH_AGAIN: &str = "use a file made from a Gemma model, or download it again";

/// A longer `tokenizer.json` is none; Gemma 3's has 32 MiB.
const MOST_JSON_BYTES: usize = 128 << 20;

/// The most pieces of a vocabulary; Gemma 3's has 262,144.
const MOST_PIECES: usize = 1 << 20;

/// The longest piece in bytes; Gemma's longest is 31 spaces of three bytes.
const LONGEST_PIECE: usize = 1024;

/// The most pieces that are cut out of a text before it is merged; Gemma's has some two hundred. At each byte of a text
/// those that begin with it are tried.
const WORDS: usize = 4096;

/// Refuses a vocabulary that no Gemma has and that would take memory or time without bounds.
fn check_pieces<'a>(pieces: impl ExactSizeIterator<Item = &'a str>) -> Result<(), String> {
    if pieces.len() > MOST_PIECES {
        return Err(format!(
            "the vocabulary has {} pieces, more than any Gemma's",
            pieces.len()
        ));
    }
    for (id, piece) in pieces.enumerate() {
        if piece.len() > LONGEST_PIECE {
            return Err(format!(
                "the piece of token {id} has {} bytes, more than any Gemma's",
                piece.len()
            ));
        }
    }
    Ok(())
}

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
            if std::fs::symlink_metadata(&file).is_err() {
                return Err(source.broken(
                    "the folder has no tokenizer.json",
                    "download tokenizer.json from the model's repository into it",
                ));
            }
            return Self::load(&ModelSource::Path(file));
        }
        // The first part of a model in several files has the vocabulary.
        let source = &split::parts(source)?[0];
        let bytes = Bytes::of(source)?;
        let beginning = bytes.beginning(kind::LOOKED_AT)?;
        let read = if beginning.starts_with(gguf::MAGIC) {
            let header = gguf::header(&bytes)?;
            Gguf::parse(&header, bytes.size()).and_then(|gguf| Self::from_gguf(&gguf))
        } else if beginning.trim_ascii_start().starts_with(b"{") {
            if bytes.size() > MOST_JSON_BYTES {
                let what = format!("it is longer than {} MiB", MOST_JSON_BYTES >> 20);
                return Err(source.broken(what, FETCH_AGAIN));
            }
            json::read(&bytes.beginning(MOST_JSON_BYTES)?)
        } else {
            let (what, remedy) = kind::of_beginning(&beginning, bytes.size());
            return Err(source.broken(what, remedy));
        };
        read.map_err(|what| source.broken(what, FETCH_AGAIN))
    }

    /// Takes the vocabulary out of a parsed GGUF header. The error says what is wrong, without the path.
    pub(crate) fn from_gguf(gguf: &Gguf<'_>) -> Result<Self, String> {
        sentencepiece::read(gguf)
    }

    /// The control tokens of a GGUF file of which only the first pieces may be known; they are among those in Gemma's.
    pub(crate) fn control_in_gguf(gguf: &Gguf<'_>) -> Result<ControlTokens, String> {
        let Some(pieces) = gguf.array("tokenizer.ggml.tokens")? else {
            return Ok(ControlTokens::default());
        };
        let declared = sentencepiece::declared(gguf, pieces.len())?;
        let pieces = pieces.texts()?;
        let known: Vec<(u32, &str)> = (0..).zip(pieces).collect();
        Ok(ControlTokens::among(&known, |role| {
            declared
                .iter()
                .find(|(declared, _)| *declared == role)
                .map(|&(_, id)| id)
        }))
    }

    /// The control tokens that the beginning of a `tokenizer.json` names, as far as it lists them among what was added to
    /// its vocabulary, which stands first.
    pub(crate) fn control_in_json(beginning: &[u8]) -> ControlTokens {
        json::control(beginning)
    }

    /// The vocabulary as GGUF files have it; `path` is that of the `tokenizer.json` that this was read from.
    pub(crate) fn export(&self, path: &Path) -> Result<GgufVocabulary, LoadError> {
        let broken = |what: String| LoadError::new(path, what, FETCH_AGAIN);
        let json = plain_file::read(path, MOST_JSON_BYTES as u64).map_err(|error| broken(error.to_string()))?;
        export::export(self, &json).map_err(broken)
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
