//! Whether a cursor stands in a secret, or in what may become one.
//!
//! Pure: it sees a text and a place in it.

use std::ops::Range;

use super::{formats, values};

/// The longest word around a cursor that is looked at, in bytes, to either side.
const REACH: usize = 256;

/// The word around a cursor, if it looks like a key or like the beginning of one.
pub(super) fn word_at(text: &str, cursor: usize) -> Option<Range<usize>> {
    let in_word = |b: &&u8| b.is_ascii_alphanumeric() || b"_-+/=.~:%$".contains(*b);
    let bytes = text.as_bytes();
    let before = bytes[cursor.saturating_sub(REACH)..cursor]
        .iter()
        .rev()
        .take_while(in_word)
        .count();
    let after = bytes[cursor..(cursor + REACH).min(bytes.len())]
        .iter()
        .take_while(in_word)
        .count();
    let range = cursor - before..cursor + after;
    let word = &text[range.clone()];
    let value = word.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    let inside = before > 0 && after > 0 && values::is_random(value);
    (inside || (before > 0 && formats::may_begin(&text[range.start..cursor]))).then_some(range)
}
