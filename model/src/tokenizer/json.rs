//! Encodes text with a Hugging Face `tokenizer.json`, through the `tokenizers` crate.
//!
//! The crate would find every "added token" of the file in text. Here only those that are ordinary words of the
//! vocabulary (`\n\n`, `<table>`) are given to it; control tokens are not, so that no text can become one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::Replace;
use tokenizers::{AddedToken, Model};

use super::control::{ControlTokens, is_control_name};
use super::vocabulary::{Use, Vocabulary, named_byte};
use super::{Encoder, Tokenizer, WORDS, check_pieces};

/// The parts of the file that are used.
#[derive(Deserialize)]
struct File {
    model: BPE,
    #[serde(default)]
    added_tokens: Vec<Added>,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    #[serde(flatten)]
    token: AddedToken,
}

/// What decides how the parts work. It is read before them, as some of what the crate can do is no Gemma's and makes it
/// panic, or makes a text of a character.
#[derive(Deserialize)]
struct Form {
    model: ModelForm,
    normalizer: Option<Value>,
    pre_tokenizer: Option<Value>,
}

#[derive(Deserialize)]
struct ModelForm {
    #[serde(rename = "type")]
    kind: Option<String>,
    dropout: Option<f64>,
    continuing_subword_prefix: Option<String>,
    end_of_word_suffix: Option<String>,
    #[serde(default)]
    byte_fallback: bool,
    /// Read here so that a name that stands twice is an error.
    #[serde(rename = "vocab")]
    _vocab: IgnoredAny,
    #[serde(rename = "merges")]
    _merges: IgnoredAny,
}

impl Form {
    /// Refuses what no Gemma's file has.
    fn check(&self) -> Result<(), String> {
        let model = &self.model;
        if let Some(kind) = model.kind.as_deref().filter(|kind| *kind != "BPE") {
            return Err(format!("its model is of the type {kind:?}, expected Gemma's \"BPE\""));
        }
        if !model.byte_fallback {
            return Err("its model has no byte fallback, expected Gemma's with \"byte_fallback\": true".to_owned());
        }
        let is_set = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
        for (set, name) in [
            (model.dropout.is_some_and(|dropout| dropout != 0.0), "dropout"),
            (is_set(&model.continuing_subword_prefix), "continuing_subword_prefix"),
            (is_set(&model.end_of_word_suffix), "end_of_word_suffix"),
        ] {
            if set {
                return Err(format!("its model has a {name}, which no Gemma's has"));
            }
        }
        let spaces = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
        if self.normalizer.as_ref() != Some(&spaces) {
            let found = self
                .normalizer
                .as_ref()
                .map_or(&Value::Null, |normalizer| &normalizer["type"]);
            return Err(format!(
                "its normalizer is {found:.40}, expected Gemma's, which puts \"▁\" in the place of spaces and does nothing else"
            ));
        }
        // It finds nothing, as there are no spaces any more.
        let split =
            json!({"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false});
        match &self.pre_tokenizer {
            None | Some(Value::Null) => Ok(()),
            Some(found) if *found == split => Ok(()),
            Some(other) => Err(format!(
                "its pre-tokenizer is {:.40}, expected none, or a split at spaces as Gemma's",
                other["type"]
            )),
        }
    }
}

/// The control tokens among those that the beginning of a file lists as added.
pub(super) fn control(beginning: &[u8]) -> ControlTokens {
    const KEY: &[u8] = b"\"added_tokens\"";
    let at = beginning.windows(KEY.len()).position(|window| window == KEY);
    let list = at.map_or(&[][..], |at| beginning[at + KEY.len()..].trim_ascii_start());
    let list = list.strip_prefix(b":").unwrap_or_default();
    // What stands after the list is not read, and may be cut off.
    let mut lists = serde_json::Deserializer::from_slice(list).into_iter::<Vec<Added>>();
    let Some(Ok(added)) = lists.next() else {
        return ControlTokens::default();
    };
    let known: Vec<(u32, &str)> = added
        .iter()
        .map(|added| (added.id, added.token.content.as_str()))
        .collect();
    ControlTokens::among(&known, |_| None)
}

/// Reads a `tokenizer.json`. The error says what is wrong, without the path.
pub(super) fn read(bytes: &[u8]) -> Result<Tokenizer, String> {
    let form: Form = serde_json::from_slice(bytes).map_err(|error| format!("not a BPE tokenizer: {error}"))?;
    form.check()?;
    // What is left is what Gemmas have, and the crate is not known to panic on it; it may all the same.
    let built = catch_unwind(|| build(bytes));
    built.unwrap_or_else(|_| Err("the tokenizers library panics on it".to_owned()))
}

fn build(bytes: &[u8]) -> Result<Tokenizer, String> {
    let mut file: File = serde_json::from_slice(bytes).map_err(|error| format!("not a BPE tokenizer: {error}"))?;
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
            Some(_) if token.lstrip || token.rstrip || token.single_word => {
                return Err(format!(
                    "added token {id} takes the spaces around it or is a word of its own only, which no Gemma's does"
                ));
            }
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
    check_pieces(tokens.iter().map(|(piece, _)| piece.as_str()))?;
    if words.len() > WORDS {
        return Err(format!("it adds {} words, more than any Gemma's", words.len()));
    }
    let mut vocabulary = Vocabulary::new(tokens.iter().map(|(piece, role)| (piece.as_str(), *role)))?;
    let control = ControlTokens::find(&mut vocabulary, |_| None);

    let mut tokenizer = tokenizers::Tokenizer::new(file.model);
    let spaces = Replace::new(" ", "▁").map_err(|error| format!("its normalizer: {error}"))?;
    tokenizer
        .with_normalizer(Some(spaces))
        .map_err(|error| format!("its normalizer: {error}"))?;
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
        let encoded = catch_unwind(AssertUnwindSafe(|| self.tokenizer.encode_fast(text, false)));
        let Ok(Ok(encoding)) = encoded else {
            // With a token for every byte neither an error nor a panic is to be expected, and if there is one, the bytes
            // still say what the text is.
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
