//! Finds the id of a piece: a hash table of ids beside the vocabulary's own text, so that a quarter of a million pieces
//! take no allocation each and load in milliseconds.

use super::vocabulary::Vocabulary;

/// From a piece's text to its id. Holds no text itself: the same [`Vocabulary`] must be given every time.
pub(super) struct Lookup {
    slots: Vec<Slot>,
    longest: usize,
}

#[derive(Clone, Copy)]
struct Slot {
    /// The upper half of the piece's hash, so that most misses are seen without reading the text.
    tag: u32,
    id: u32,
}

const EMPTY: u32 = u32::MAX;

/// How far from its first place a piece may stand. In a table that is half full, some tens are the most by chance.
const MOST_STEPS: usize = 1000;

impl Lookup {
    /// A table of the given tokens of `vocabulary`. Where two have the same piece, the later one is found. An error where
    /// finding a piece would take long, because many were chosen to have the same hash.
    pub(super) fn new(vocabulary: &Vocabulary, ids: impl Iterator<Item = u32>) -> Result<Self, String> {
        let size = (vocabulary.len() * 2).next_power_of_two();
        let mut lookup = Self {
            slots: vec![Slot { tag: 0, id: EMPTY }; size],
            longest: 0,
        };
        for id in ids {
            let Some(piece) = vocabulary.piece_bytes(id) else {
                continue;
            };
            let hash = hash(piece);
            let slot = lookup.slot(vocabulary, piece, hash);
            let first = hash as usize & (size - 1);
            if slot.wrapping_sub(first) & (size - 1) > MOST_STEPS {
                return Err("too many of its pieces have the same hash".to_owned());
            }
            lookup.slots[slot] = Slot { tag: tag(hash), id };
            lookup.longest = lookup.longest.max(piece.len());
        }
        Ok(lookup)
    }

    /// The token whose piece is `piece`, if it is in the table.
    pub(super) fn get(&self, vocabulary: &Vocabulary, piece: &[u8]) -> Option<u32> {
        if piece.len() > self.longest {
            return None;
        }
        let id = self.slots[self.slot(vocabulary, piece, hash(piece))].id;
        (id != EMPTY).then_some(id)
    }

    /// Where the piece stands, or the empty place where it would. There is one: the table is at most half full.
    fn slot(&self, vocabulary: &Vocabulary, piece: &[u8], hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            let same = || vocabulary.piece_bytes(slot.id) == Some(piece);
            if slot.id == EMPTY || (slot.tag == tag(hash) && same()) {
                return at;
            }
            at = (at + 1) & mask;
        }
    }
}

fn tag(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Multiplies and folds eight bytes at a time. Pieces are short and come from the model's file, and a file whose pieces
/// were chosen to collide is refused, so a keyed hash would cost time and gain nothing.
fn hash(bytes: &[u8]) -> u64 {
    let mut hash = bytes.len() as u64;
    for chunk in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^= hash >> 29;
    }
    hash
}
