//! Where a completion ends: at the end of its line or block, where the model goes round in circles, or where it was cut off
//! while it was written. Pure.

use super::Surroundings;
use crate::completion::trigger::Extent;

/// The best beginning of a text that was cut off while it was written: its whole lines; of a single line, as many whole
/// words as leave no bracket and no string open, or at the least whole words.
pub(crate) fn closed(text: &str) -> &str {
    let last_line = text.rfind('\n').unwrap_or(0);
    if !text[..last_line].trim().is_empty() {
        return &text[..last_line];
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut words, mut balanced) = (0, 0);
    let (mut open, mut before) = (Vec::new(), None);
    for (at, c) in text.char_indices() {
        if !(is_word(c) && before.is_some_and(is_word)) {
            words = at;
            if open.is_empty() {
                balanced = at;
            }
        }
        match c {
            _ if open.last() == Some(&c) => drop(open.pop()),
            '"' | '`' => open.push(c),
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            _ => {}
        }
        before = Some(c);
    }
    // What ends with a sign is not cut within a word.
    if before.is_some_and(|c| !is_word(c)) {
        words = text.len();
        if open.is_empty() {
            balanced = text.len();
        }
    }
    let end = if text[..balanced].trim().is_empty() {
        words
    } else {
        balanced
    };
    text[..end].trim_end()
}

/// Where the completion ends inside `text`, as soon as that can be seen. Where it is `whole`, so is its last line.
pub(super) fn end(text: &str, place: &Surroundings, whole: bool) -> Option<usize> {
    let end = match place.extent {
        Extent::Line => text.find(['\n', '\r']),
        Extent::Block => block_end(text, &place.before, place.runs_on),
    };
    let text = &text[..end.unwrap_or(text.len())];
    repeated_line(text, place, whole || end.is_some())
        .or_else(|| loops(text))
        .or(end)
}

/// Where a line begins that is the one above it once more; one that the user has begun may be. The last line counts where
/// it is `whole`.
fn repeated_line(text: &str, place: &Surroundings, whole: bool) -> Option<usize> {
    /// Shorter ones, such as closers, do stand one below the other; not if they say what something is.
    const SOLID: usize = 6;
    let begun = !place.before.trim().is_empty();
    let mut above = place.above.clone().filter(|_| !begun);
    let mut start = 0;
    for (i, line) in text.split_inclusive('\n').enumerate() {
        let ended = line.ends_with('\n') || whole;
        let line_text = line.trim_end();
        let full = if i == 0 {
            format!("{}{line_text}", place.before)
        } else {
            line_text.to_owned()
        };
        let names = |line: &str| line.contains(char::is_alphabetic) && line.contains(['=', ':']);
        let solid = || names(&full) || full.chars().filter(|c| !c.is_whitespace()).count() >= SOLID;
        if ended && above.as_deref().map(str::trim_end) == Some(&full) && solid() {
            return Some(start);
        }
        above = Some(full);
        start += line.len();
    }
    None
}

/// Where a text begins to go round in circles: after the first of the times that it ends with the same.
pub(super) fn loops(text: &str) -> Option<usize> {
    circle(text, 24)
}

/// The same, where what is `long` is not said three times by intention.
pub(super) fn circle(text: &str, long: usize) -> Option<usize> {
    const SHORTEST: usize = 4;
    let bytes = text.as_bytes();
    let times = |period: usize| if period < long { 4 } else { 3 };
    let found = (SHORTEST..=bytes.len() / 3).find(|period| {
        let Some(from) = bytes.len().checked_sub(period * times(*period)) else {
            return false;
        };
        let tail = &bytes[from..];
        // Rules and padding of one character are no circle.
        tail[*period..] == tail[..tail.len() - period] && tail[1..*period] != tail[..period - 1]
    })?;
    Some(text.floor_char_boundary(text.len() - found * (times(found) - 1)))
}

/// A block ends at a blank line that is followed by a line which is indented less than the cursor's. Where the model does
/// not end one, it ends before such a line in any case, and at a blank line unless deeper text follows.
fn block_end(text: &str, before: &str, runs_on: bool) -> Option<usize> {
    let base = indentation(before);
    let mut has_text = !before.trim().is_empty();
    let mut blank = None;
    let mut start = 0;
    for (i, line) in text.split_inclusive('\n').enumerate() {
        if line.trim().is_empty() {
            if i > 0 && has_text && line.ends_with('\n') {
                blank = blank.or(Some(start));
            }
        } else {
            let indent = indentation(line);
            let ends = match blank {
                None => runs_on && indent < base,
                Some(_) => indent < base || runs_on && indent == base,
            };
            if i > 0 && ends {
                return Some(blank.unwrap_or(start));
            }
            has_text = true;
            blank = None;
        }
        start += line.len();
    }
    None
}

pub(super) fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}
