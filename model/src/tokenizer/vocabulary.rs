//! The tokens of a vocabulary: how each is spelled, the text it stands for, and whether it is a control token.

use std::ops::Range;

use super::control::is_control_name;

/// What a space is spelled with.
pub(super) const SPACE: char = '▁';

/// Every token's piece and text, each in one buffer instead of hundreds of thousands of strings.
pub(super) struct Vocabulary {
    pieces: String,
    piece_ends: Vec<u32>,
    texts: Vec<u8>,
    text_ends: Vec<u32>,
    control: Vec<bool>,
    byte_tokens: [u32; 256],
}

/// What a token does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// It stands for its piece, with spaces in place of [`SPACE`].
    Text,
    /// It stands for the one byte that its piece names, as `<0x0A>`.
    Byte,
    /// It stands for no text.
    Control,
}

impl Vocabulary {
    /// Takes the pieces in the order of their ids. A piece with the name of a control token is one, whatever its use.
    /// The error says which byte has no token: with all 256, every text can be encoded. A piece that is one ASCII
    /// character will do for its byte.
    pub(super) fn new<'a>(tokens: impl Iterator<Item = (&'a str, Use)>) -> Result<Self, String> {
        let mut vocabulary = Self {
            pieces: String::new(),
            piece_ends: Vec::new(),
            texts: Vec::new(),
            text_ends: Vec::new(),
            control: Vec::new(),
            byte_tokens: [u32::MAX; 256],
        };
        let mut plain = [u32::MAX; 0x80];
        for (id, (piece, role)) in tokens.enumerate() {
            // The last id is kept free: it stands for "none" in lookups.
            let id = u32::try_from(id)
                .ok()
                .filter(|&id| id < u32::MAX - 1)
                .ok_or("more tokens than ids")?;
            let role = if is_control_name(piece) { Use::Control } else { role };
            match role {
                Use::Text => {
                    // Gemma's published tokenizer.json has a plain tab in the place of <0x09>.
                    if let &[byte @ 0..=0x7F] = piece.as_bytes() {
                        plain[usize::from(byte)] = id;
                    }
                    for (number, word) in piece.split(SPACE).enumerate() {
                        if number > 0 {
                            vocabulary.texts.push(b' ');
                        }
                        vocabulary.texts.extend_from_slice(word.as_bytes());
                    }
                }
                Use::Byte => {
                    let byte = named_byte(piece).ok_or_else(|| {
                        format!("token {id} is a byte token, but its piece is {piece:?}, not like <0x0A>")
                    })?;
                    vocabulary.byte_tokens[usize::from(byte)] = id;
                    vocabulary.texts.push(byte);
                }
                Use::Control => {}
            }
            vocabulary.control.push(role == Use::Control);
            vocabulary.pieces.push_str(piece);
            // A token's text is never longer than its piece.
            let end = u32::try_from(vocabulary.pieces.len()).map_err(|_| "the pieces are longer than 4 GiB")?;
            vocabulary.piece_ends.push(end);
            vocabulary.text_ends.push(vocabulary.texts.len() as u32);
        }
        for (byte_token, plain) in vocabulary.byte_tokens.iter_mut().zip(plain) {
            if *byte_token == u32::MAX {
                *byte_token = plain;
            }
        }
        match vocabulary.byte_tokens.iter().position(|&id| id == u32::MAX) {
            Some(byte) => Err(format!(
                "the vocabulary has no byte token <0x{byte:02X}>, expected one for each byte"
            )),
            None => Ok(vocabulary),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.control.len()
    }

    pub(super) fn piece(&self, id: u32) -> Option<&str> {
        self.pieces.get(range(&self.piece_ends, id)?)
    }

    /// [`Self::piece`] as bytes, without looking for the boundaries of characters.
    pub(super) fn piece_bytes(&self, id: u32) -> Option<&[u8]> {
        self.pieces.as_bytes().get(range(&self.piece_ends, id)?)
    }

    pub(super) fn bytes(&self, id: u32) -> &[u8] {
        let text = range(&self.text_ends, id).and_then(|range| self.texts.get(range));
        text.filter(|_| !self.is_control(id)).unwrap_or_default()
    }

    pub(super) fn is_control(&self, id: u32) -> bool {
        self.control.get(id as usize).copied().unwrap_or(true)
    }

    /// The token that stands for one byte.
    pub(super) fn byte_token(&self, byte: u8) -> u32 {
        self.byte_tokens[usize::from(byte)]
    }

    /// Makes a token a control token; nothing happens where there is no such id.
    pub(super) fn make_control(&mut self, id: u32) {
        if let Some(control) = self.control.get_mut(id as usize) {
            *control = true;
        }
    }
}

/// The byte that a piece such as `<0x0A>` names.
pub(super) fn named_byte(piece: &str) -> Option<u8> {
    let digits = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2)
        .then(|| u8::from_str_radix(digits, 16).ok())
        .flatten()
}

fn range(ends: &[u32], id: u32) -> Option<Range<usize>> {
    let id = id as usize;
    let end = *ends.get(id)?;
    let start = if id == 0 { 0 } else { ends[id - 1] };
    Some(start as usize..end as usize)
}
