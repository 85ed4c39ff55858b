//! Encodes text with a Hugging Face `tokenizer.json`, through the `tokenizers` crate.
//!
//! The crate would find every "added token" of the file in text. Here only those that are ordinary words of the
//! vocabulary (`\n\n`, `<table>`) are given to it; control tokens are not, so that no text can become one.

use serde::Deserialize;
use tokenizers::models::bpe::BPE;
use tokenizers::{AddedToken, Model, NormalizerWrapper, PreTokenizerWrapper};

use super::control::{ControlTokens, is_control_name};
use super::vocabulary::{Use, Vocabulary, named_byte};
use super::{Encoder, Tokenizer};

/// The parts of the file that are used.
#[derive(Deserialize)]
struct File {
    model: BPE,
    normalizer: Option<NormalizerWrapper>,
    pre_tokenizer: Option<PreTokenizerWrapper>,
    #[serde(default)]
    added_tokens: Vec<Added>,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    #[serde(flatten)]
    token: AddedToken,
}

/// Reads a `tokenizer.json`. The error says what is wrong, without the path.
pub(super) fn read(bytes: &[u8]) -> Result<Tokenizer, String> {
    let mut file: File = serde_json::from_slice(bytes).map_err(|error| format!("not a BPE tokenizer: {error}"))?;
    if !file.model.byte_fallback {
        return Err("its model has no byte fallback, expected Gemma's with \"byte_fallback\": true".to_owned());
    }
    let in_model = file.model.get_vocab_size();
    let mut tokens = Vec::with_capacity(in_model + file.added_tokens.len());
    for id in 0..in_model as u32 {
        let piece = file.model.id_to_token(id);
        let piece = piece.ok_or_else(|| format!("the vocabulary has {in_model} pieces, but none with the id {id}"))?;
        let role = if named_byte(&piece).is_some() {
            Use::Byte
        } else {
            Use::Text
        };
        tokens.push((piece, role));
    }
    file.added_tokens.sort_by_key(|added| added.id);
    let mut words = Vec::new();
    for Added { id, token } in file.added_tokens {
        let size = tokens.len();
        match tokens.get_mut(id as usize) {
            Some((piece, _)) if *piece != token.content => {
                return Err(format!(
                    "added token {id} is {:?}, but the vocabulary has {piece:?} there",
                    token.content
                ));
            }
            Some((_, role)) if token.special || is_control_name(&token.content) => *role = Use::Control,
            Some(_) => words.push(token),
            // What the vocabulary itself does not have was added to control the model, as PaliGemma's places are.
            None if id as usize == size => tokens.push((token.content, Use::Control)),
            None => {
                return Err(format!(
                    "added token {:?} has the id {id}, expected {size}",
                    token.content
                ));
            }
        }
    }
    let mut vocabulary = Vocabulary::new(tokens.iter().map(|(piece, role)| (piece.as_str(), *role)))?;
    let control = ControlTokens::find(&mut vocabulary, |_| None);

    let mut tokenizer = tokenizers::Tokenizer::new(file.model);
    tokenizer
        .with_normalizer(file.normalizer)
        .map_err(|error| format!("its normalizer: {error}"))?;
    tokenizer.with_pre_tokenizer(file.pre_tokenizer);
    tokenizer
        .add_tokens(words)
        .map_err(|error| format!("its added tokens: {error}"))?;
    Ok(Tokenizer {
        vocabulary,
        encoder: Encoder::Bpe(Box::new(Bpe { tokenizer })),
        control,
        add_begin_of_text: true,
    })
}

/// The encoder. Knows the same ids as the [`Vocabulary`] that was read with it.
pub(super) struct Bpe {
    tokenizer: tokenizers::Tokenizer,
}

impl Bpe {
    /// The ids of a text.
    pub(super) fn encode(&self, vocabulary: &Vocabulary, text: &str) -> Vec<u32> {
        let Ok(encoding) = self.tokenizer.encode_fast(text, false) else {
            // The crate's signature allows an error; with a token for every byte there is none to expect, and if there
            // were, the bytes still say what the text is.
            return spell(vocabulary, text).collect();
        };
        let mut ids = Vec::with_capacity(encoding.len());
        for &id in encoding.get_ids() {
            // Merges that lead to a control token's name are not Gemma's, but a file may have them.
            match vocabulary.piece(id).filter(|_| vocabulary.is_control(id)) {
                Some(piece) => ids.extend(spell(vocabulary, piece)),
                None => ids.push(id),
            }
        }
        ids
    }
}

fn spell(vocabulary: &Vocabulary, text: &str) -> impl Iterator<Item = u32> {
    text.bytes().map(|byte| vocabulary.byte_token(byte))
}
