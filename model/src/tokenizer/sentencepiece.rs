//! Encodes text with a SentencePiece vocabulary as GGUF files carry it: pieces, scores and kinds.
//!
//! The algorithm is SentencePiece's byte-pair encoding as llama.cpp runs it for the `llama` tokenizer: user-defined
//! tokens are cut out first, the longest at each place; between them the pair of neighbours whose union is the piece
//! with the best score is merged, the leftmost of equals, until no union is a piece; a character that is no piece
//! becomes its bytes. Spaces are spelled `▁`, and none is added in front.
//!
//! Source: the `bpe_model` of google/sentencepiece and `llm_tokenizer_spm` of ggml-org/llama.cpp, read, not copied.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::control::{ControlTokens, Role};
use super::lookup::Lookup;
use super::vocabulary::{SPACE, Use, Vocabulary};
use super::{Encoder, MOST_PIECES, Tokenizer, WORDS, check_pieces};
use crate::container::gguf::Gguf;

/// What `tokenizer.ggml.token_type` says of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

impl TokenKind {
    fn from_number(number: i64) -> Option<Self> {
        [
            Self::Normal,
            Self::Unknown,
            Self::Control,
            Self::UserDefined,
            Self::Unused,
            Self::Byte,
        ]
        .get(usize::try_from(number).ok()?.checked_sub(1)?)
        .copied()
    }
}

/// A vocabulary as the file states it, not checked yet.
pub(super) struct Parts<'a> {
    pub(super) pieces: Vec<&'a str>,
    pub(super) scores: Vec<f32>,
    pub(super) kinds: Vec<TokenKind>,
}

/// Reads the vocabulary of a GGUF file. The error says what is wrong, without the path.
pub(super) fn read(gguf: &Gguf<'_>) -> Result<Tokenizer, String> {
    match gguf.text("tokenizer.ggml.model")? {
        Some("llama") => {}
        Some(other) => {
            return Err(format!(
                "its tokenizer is of the kind {other:?}, expected SentencePiece (\"llama\")"
            ));
        }
        None => return Err("the file has no tokenizer (no key tokenizer.ggml.model)".to_owned()),
    }
    let array = |key: &str| {
        let array = gguf.array(key)?.ok_or_else(|| format!("the key {key} is missing"))?;
        match array.len() <= MOST_PIECES {
            true => Ok(array),
            false => Err(format!("{key} has {} entries, more than any Gemma's", array.len())),
        }
    };
    let kinds = array("tokenizer.ggml.token_type")?.integers()?;
    let kinds = kinds.iter().map(|&kind| {
        TokenKind::from_number(kind).ok_or_else(|| format!("tokenizer.ggml.token_type holds {kind}, expected 1 to 6"))
    });
    let parts = Parts {
        pieces: array("tokenizer.ggml.tokens")?.texts()?,
        scores: array("tokenizer.ggml.scores")?.floats()?,
        kinds: kinds.collect::<Result<_, _>>()?,
    };
    let declared = declared(gguf, parts.pieces.len())?;
    // llama.cpp adds the token where a SentencePiece vocabulary does not say.
    let add_begin_of_text = gguf.bool("tokenizer.ggml.add_bos_token")?.unwrap_or(true);
    build(&parts, &declared, add_begin_of_text)
}

/// The ids that a file of `size` tokens gives for roles.
pub(super) fn declared(gguf: &Gguf<'_>, size: usize) -> Result<Vec<(Role, u32)>, String> {
    let mut declared = Vec::new();
    for (role, keys) in [
        (Role::Bos, &["bos_token_id"][..]),
        (Role::Eos, &["eos_token_id"]),
        (Role::EndOfTurn, &["eot_token_id"]),
        (Role::FimPrefix, &["fim_pre_token_id", "prefix_token_id"]),
        (Role::FimMiddle, &["fim_mid_token_id", "middle_token_id"]),
        (Role::FimSuffix, &["fim_suf_token_id", "suffix_token_id"]),
        (Role::FileSeparator, &["fim_sep_token_id"]),
    ] {
        for key in keys {
            let key = format!("tokenizer.ggml.{key}");
            let Some(found) = gguf.unsigned(&key)? else { continue };
            let id = u32::try_from(found).ok().filter(|&id| (id as usize) < size);
            let id = id.ok_or_else(|| format!("{key} is {found}, but the vocabulary has {size} tokens"))?;
            declared.push((role, id));
        }
    }
    Ok(declared)
}

/// Checks the parts and makes the tokenizer; `declared` are the ids that the file gives for roles.
pub(super) fn build(parts: &Parts<'_>, declared: &[(Role, u32)], add_begin_of_text: bool) -> Result<Tokenizer, String> {
    let (tokens, scores, kinds) = (parts.pieces.len(), parts.scores.len(), parts.kinds.len());
    if tokens != scores || tokens != kinds {
        return Err(format!(
            "the vocabulary has {tokens} pieces, {scores} scores and {kinds} kinds, expected as many of each"
        ));
    }
    check_pieces(parts.pieces.iter().copied())?;
    if let Some(id) = parts.scores.iter().position(|score| score.is_nan()) {
        return Err(format!("the score of token {id} is not a number"));
    }
    let uses = parts.kinds.iter().map(|kind| match kind {
        TokenKind::Normal | TokenKind::UserDefined => Use::Text,
        TokenKind::Byte => Use::Byte,
        TokenKind::Unknown | TokenKind::Control | TokenKind::Unused => Use::Control,
    });
    let mut vocabulary = Vocabulary::new(parts.pieces.iter().copied().zip(uses))?;
    let control = ControlTokens::find(&mut vocabulary, |role| {
        declared
            .iter()
            .find(|(declared, _)| *declared == role)
            .map(|&(_, id)| id)
    });
    Ok(Tokenizer {
        encoder: Encoder::SentencePiece(SentencePiece::new(&vocabulary, parts)?),
        vocabulary,
        control,
        add_begin_of_text,
    })
}

/// The encoder's tables. Holds no text: the same [`Vocabulary`] must be given every time.
pub(super) struct SentencePiece {
    /// The tokens that text can become, bytes aside.
    pieces: Lookup,
    /// Each token's score as a number of the same order.
    order: Vec<u32>,
    /// User-defined tokens by their first byte, longest first, with their pieces.
    user_defined: Vec<Vec<(Box<[u8]>, u32)>>,
}

impl SentencePiece {
    fn new(vocabulary: &Vocabulary, parts: &Parts<'_>) -> Result<Self, String> {
        let is_text = |id: &u32| {
            let kind = parts.kinds[*id as usize];
            !vocabulary.is_control(*id) && kind != TokenKind::Byte && !parts.pieces[*id as usize].is_empty()
        };
        let ids = || (0..vocabulary.len() as u32).filter(is_text);
        let mut user_defined: Vec<Vec<(Box<[u8]>, u32)>> = vec![Vec::new(); 256];
        for id in ids().filter(|&id| parts.kinds[id as usize] == TokenKind::UserDefined) {
            let piece = parts.pieces[id as usize].as_bytes();
            user_defined[usize::from(piece[0])].push((Box::from(piece), id));
        }
        let words: usize = user_defined.iter().map(Vec::len).sum();
        if words > WORDS {
            return Err(format!("it has {words} user-defined pieces, more than any Gemma's"));
        }
        for candidates in &mut user_defined {
            candidates.sort_by_key(|(piece, _)| Reverse(piece.len()));
        }
        Ok(Self {
            pieces: Lookup::new(vocabulary, ids())?,
            order: parts.scores.iter().map(|&score| ascending(score)).collect(),
            user_defined,
        })
    }

    /// The ids of a text.
    pub(super) fn encode(&self, vocabulary: &Vocabulary, text: &str) -> Vec<u32> {
        let mut ids = Vec::with_capacity(text.len() / 3);
        let mut merger = Merger::new(self, vocabulary);
        let (mut begin, mut at) = (0, 0);
        while at < text.len() {
            match self.user_defined_at(&text.as_bytes()[at..]) {
                Some((id, len)) => {
                    merger.encode(&text[begin..at], &mut ids);
                    ids.push(id);
                    at += len;
                    begin = at;
                }
                // No piece begins inside a character, so that going on by bytes finds only whole characters.
                None => at += 1,
            }
        }
        merger.encode(&text[begin..], &mut ids);
        ids
    }

    /// The longest user-defined token that `text` begins with, and its length.
    fn user_defined_at(&self, text: &[u8]) -> Option<(u32, usize)> {
        let candidates = &self.user_defined[usize::from(*text.first()?)];
        // Dozens begin with `<`, and most differ in their last byte already.
        let begins = |piece: &[u8]| text.get(piece.len() - 1) == piece.last() && text.starts_with(piece);
        candidates
            .iter()
            .find(|(piece, _)| begins(piece))
            .map(|(piece, id)| (*id, piece.len()))
    }
}

/// A number that orders as the score does; equal scores give equal numbers, 0 and -0 too.
fn ascending(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

/// Merges the characters of one stretch of text after another; its buffers are used again.
struct Merger<'a> {
    tables: &'a SentencePiece,
    vocabulary: &'a Vocabulary,
    /// The stretch with its spaces spelled [`SPACE`].
    text: String,
    symbols: Vec<Symbol>,
    candidates: BinaryHeap<Candidate>,
}

/// What one or more characters have been merged to: a list in the order of the text.
struct Symbol {
    start: usize,
    /// 0 when it has become a part of its left neighbour.
    len: usize,
    left: usize,
    right: usize,
    /// The token it is; `None` for a character that has not been merged.
    id: Option<u32>,
}

/// No neighbour.
const NONE: usize = usize::MAX;

/// Two neighbours whose union is a piece. The greatest is merged first: best score, then leftmost.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    order: u32,
    left: Reverse<usize>,
    right: usize,
    /// The length of the union. When either neighbour has changed since, the lengths no longer add up to it.
    len: usize,
    id: u32,
}

impl<'a> Merger<'a> {
    fn new(tables: &'a SentencePiece, vocabulary: &'a Vocabulary) -> Self {
        Self {
            tables,
            vocabulary,
            text: String::new(),
            symbols: Vec::new(),
            candidates: BinaryHeap::new(),
        }
    }

    /// Appends the ids of a stretch of text without user-defined tokens.
    fn encode(&mut self, stretch: &str, ids: &mut Vec<u32>) {
        self.text.clear();
        self.symbols.clear();
        for character in stretch.chars() {
            let character = if character == ' ' { SPACE } else { character };
            let number = self.symbols.len();
            self.symbols.push(Symbol {
                start: self.text.len(),
                len: character.len_utf8(),
                left: number.checked_sub(1).unwrap_or(NONE),
                right: number + 1,
                id: None,
            });
            self.text.push(character);
        }
        let Some(last) = self.symbols.last_mut() else { return };
        last.right = NONE;

        for right in 1..self.symbols.len() {
            self.consider(right - 1, right);
        }
        while let Some(candidate) = self.candidates.pop() {
            self.merge(&candidate);
        }

        let mut at = 0;
        while let Some(symbol) = self.symbols.get(at) {
            let piece = &self.text.as_bytes()[symbol.start..symbol.start + symbol.len];
            match symbol.id.or_else(|| self.tables.pieces.get(self.vocabulary, piece)) {
                Some(id) => ids.push(id),
                None => ids.extend(piece.iter().map(|&byte| self.vocabulary.byte_token(byte))),
            }
            at = symbol.right;
        }
    }

    /// Notes two neighbours for merging if their union is a piece.
    fn consider(&mut self, left: usize, right: usize) {
        if left == NONE || right == NONE {
            return;
        }
        let (first, second) = (&self.symbols[left], &self.symbols[right]);
        let len = first.len + second.len;
        let union = &self.text.as_bytes()[first.start..first.start + len];
        if let Some(id) = self.tables.pieces.get(self.vocabulary, union) {
            self.candidates.push(Candidate {
                order: self.tables.order[id as usize],
                left: Reverse(left),
                right,
                len,
                id,
            });
        }
    }

    fn merge(&mut self, candidate: &Candidate) {
        let (left, right) = (candidate.left.0, candidate.right);
        let (first, second) = (&self.symbols[left], &self.symbols[right]);
        if first.len == 0 || second.len == 0 || first.len + second.len != candidate.len {
            return;
        }
        let after = second.right;
        self.symbols[right].len = 0;
        self.symbols[left].len = candidate.len;
        self.symbols[left].id = Some(candidate.id);
        self.symbols[left].right = after;
        if after != NONE {
            self.symbols[after].left = left;
        }
        self.consider(self.symbols[left].left, left);
        self.consider(left, after);
    }
}
