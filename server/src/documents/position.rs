//! Line and column to byte offset and back, in the three encodings that a client can ask for.
//!
//! Everything else in this crate speaks byte offsets. This module must not know the protocol's types or documents.

use ropey::Rope;

/// What a column counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Bytes.
    Utf8,
    /// UTF-16 code units, which is what every client understands.
    #[default]
    Utf16,
    /// Characters.
    Utf32,
}

/// A place in a text: line and column from 0. Lines end at `\n`, `\r\n` and `\r`, and at nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineColumn {
    /// The line, from 0.
    pub line: usize,
    /// The column, from 0, counted as the [`Encoding`] says.
    pub column: usize,
}

/// The byte offset of a place. What is past the end of a line means the end of the line, and past the last line the end of
/// the text, as clients replace whole documents up to there; a column inside a character means the character's start.
pub fn to_offset(text: &Rope, at: LineColumn, encoding: Encoding) -> usize {
    if at.line >= text.len_lines() {
        return text.len_bytes();
    }
    let start = text.line_to_byte(at.line);
    let line = text.byte_slice(start..line_end(text, at.line));
    let column = match encoding {
        Encoding::Utf8 => line.char_to_byte(line.byte_to_char(at.column.min(line.len_bytes()))),
        Encoding::Utf16 => line.char_to_byte(line.utf16_cu_to_char(at.column.min(line.len_utf16_cu()))),
        Encoding::Utf32 => line.char_to_byte(at.column.min(line.len_chars())),
    };
    start + column
}

/// The place of a byte offset, which must lie in the text on a character boundary.
pub fn from_offset(text: &Rope, offset: usize, encoding: Encoding) -> LineColumn {
    let line = text.byte_to_line(offset);
    let before = text.byte_slice(text.line_to_byte(line)..offset);
    let column = match encoding {
        Encoding::Utf8 => before.len_bytes(),
        Encoding::Utf16 => before.len_utf16_cu(),
        Encoding::Utf32 => before.len_chars(),
    };
    LineColumn { line, column }
}

/// The byte offset of a line's end, before its line break. The line must exist.
pub fn line_end(text: &Rope, line: usize) -> usize {
    let start = text.line_to_byte(line);
    let mut end = if line + 1 < text.len_lines() {
        text.line_to_byte(line + 1)
    } else {
        text.len_bytes()
    };
    // The last line has no break, so only that of this line can be here.
    while end > start && matches!(text.byte(end - 1), b'\n' | b'\r') {
        end -= 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(text: &str, line: usize, column: usize, encoding: Encoding) -> usize {
        to_offset(&Rope::from_str(text), LineColumn { line, column }, encoding)
    }

    #[test]
    fn columns_are_counted_in_the_encoding() {
        // "é" is 2 bytes and 1 unit, "😀" is 4 bytes, 2 units and 1 character.
        let text = "aé😀b\nx";
        for (encoding, columns) in [
            (Encoding::Utf8, [(0, 0), (1, 1), (3, 3), (7, 7), (8, 8)]),
            (Encoding::Utf16, [(0, 0), (1, 1), (2, 3), (4, 7), (5, 8)]),
            (Encoding::Utf32, [(0, 0), (1, 1), (2, 3), (3, 7), (4, 8)]),
        ] {
            for (column, byte) in columns {
                assert_eq!(offset(text, 0, column, encoding), byte, "{encoding:?} {column}");
                let at = from_offset(&Rope::from_str(text), byte, encoding);
                assert_eq!(at, LineColumn { line: 0, column }, "{encoding:?} {byte}");
            }
        }
    }

    #[test]
    fn a_column_inside_a_character_is_its_start() {
        assert_eq!(offset("a😀b", 0, 3, Encoding::Utf8), 1);
        assert_eq!(offset("a😀b", 0, 2, Encoding::Utf16), 1);
    }

    #[test]
    fn only_three_line_ends_count() {
        let text = "a\r\nb\rc\nd\u{2028}e\u{b}f\u{85}g";
        let line = |line| offset(text, line, 0, Encoding::Utf16);
        assert_eq!([line(0), line(1), line(2), line(3), line(4)], [0, 3, 5, 7, text.len()]);
    }

    #[test]
    fn past_the_end_of_a_line_is_its_end_before_the_break() {
        for encoding in [Encoding::Utf8, Encoding::Utf16, Encoding::Utf32] {
            assert_eq!(offset("ab\r\ncd\re", 0, 99, encoding), 2);
            assert_eq!(offset("ab\r\ncd\re", 1, 99, encoding), 6);
            assert_eq!(offset("ab\r\ncd\re", 2, usize::MAX, encoding), 8);
            assert_eq!(offset("", 0, 5, encoding), 0);
        }
    }

    #[test]
    fn past_the_last_line_is_the_end_of_the_text() {
        for text in ["a\nb", "a\nb\n", "\r\n", ""] {
            for (line, column) in [(7, 0), (3, 1), (usize::MAX, usize::MAX)] {
                assert_eq!(
                    offset(text, line, column, Encoding::Utf16),
                    text.len(),
                    "{text:?} {line}:{column}"
                );
            }
        }
    }
}
