//! The vocabulary of a `tokenizer.json` in the form that GGUF files have: pieces, scores and kinds.
//!
//! Merges become scores: which pair is merged first is what both say. Gemma's files list every pair that makes a piece, those
//! of one piece together, so that the rank of the first is the piece's score.

use std::collections::HashMap;

use serde::Deserialize;

use super::control::is_control_name;
use super::vocabulary::named_byte;
use super::{ControlTokens, Tokenizer};

/// A vocabulary as a GGUF file has it.
pub(crate) struct GgufVocabulary {
    pub(crate) pieces: Vec<String>,
    pub(crate) scores: Vec<f32>,
    /// What `tokenizer.ggml.token_type` says of each.
    pub(crate) kinds: Vec<i32>,
    pub(crate) control: ControlTokens,
    pub(crate) unknown: Option<u32>,
    pub(crate) padding: Option<u32>,
}

const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const BYTE: i32 = 6;

/// The score of a piece that no merge makes: it is made last.
const NO_MERGE: f32 = -1e9;

#[derive(Deserialize)]
struct Merges {
    model: MergesOfModel,
    #[serde(default)]
    added_tokens: Vec<AddedName>,
}

#[derive(Deserialize)]
struct MergesOfModel {
    #[serde(default)]
    merges: Vec<Merge>,
}

/// Both spellings of a merge.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Pair(String, String),
    Text(String),
}

#[derive(Deserialize)]
struct AddedName {
    id: u32,
}

/// Takes the vocabulary out of a `tokenizer.json` that `tokenizer` was read from.
pub(super) fn export(tokenizer: &Tokenizer, json: &[u8]) -> Result<GgufVocabulary, String> {
    let file: Merges = serde_json::from_slice(json).map_err(|error| format!("not a BPE tokenizer: {error}"))?;
    let mut ranks = HashMap::<String, usize>::new();
    for (rank, merge) in file.model.merges.into_iter().enumerate() {
        let piece = match merge {
            Merge::Pair(left, right) => left + &right,
            // Spaces are spelled otherwise, so that the one space is between the two.
            Merge::Text(both) => both.replacen(' ', "", 1),
        };
        ranks.entry(piece).or_insert(rank);
    }
    let size = tokenizer.vocab_size();
    let mut vocabulary = GgufVocabulary {
        pieces: Vec::with_capacity(size),
        scores: Vec::with_capacity(size),
        kinds: Vec::with_capacity(size),
        control: *tokenizer.control(),
        unknown: None,
        padding: None,
    };
    let added: std::collections::HashSet<u32> = file.added_tokens.iter().map(|added| added.id).collect();
    for id in 0..size as u32 {
        let piece = tokenizer.piece(id).unwrap_or_default();
        let kind = if piece == "<unk>" {
            vocabulary.unknown = Some(id);
            UNKNOWN
        } else if tokenizer.is_control(id) || is_control_name(piece) {
            CONTROL
        } else if named_byte(piece).is_some() {
            BYTE
        } else if added.contains(&id) {
            USER_DEFINED
        } else {
            NORMAL
        };
        if piece == "<pad>" {
            vocabulary.padding = Some(id);
        }
        vocabulary
            .scores
            .push(ranks.get(piece).map_or(NO_MERGE, |rank| -(*rank as f32)));
        vocabulary.pieces.push(piece.to_owned());
        vocabulary.kinds.push(kind);
    }
    Ok(vocabulary)
}
