//! What of a completion stands in the document already: right of the cursor, or below it. Pure.

use super::Surroundings;
use super::ends::indentation;
use crate::completion::reason::Reason;
use crate::completion::trigger::Extent;

/// The text without lines at its end, and the beginning of one, that stand below the cursor already.
pub(super) fn without_what_stands_below<'a>(text: &'a str, place: &Surroundings) -> Result<&'a str, Reason> {
    let mut text = text;
    // The line before one that is there may be another.
    while let Some(repeat) = repeats_lines_below(text, place) {
        text = text[..repeat].trim_end();
    }
    text = without_next_line_s_start(text, place).trim_end();
    if text.trim_start().is_empty() {
        return Err(Reason::Repeats);
    }
    Ok(text)
}

/// Where in `text` the line begins that stands below the cursor already. The last line, with what stays right of the cursor
/// there, may be neither of the next two, at whatever depth: then the text leads up to what is there. Within the text only
/// the next one counts, where it has the same indentation.
fn repeats_lines_below(text: &str, place: &Surroundings) -> Option<usize> {
    let next = place.next_lines.first()?.trim_end();
    let text = text.trim_end();
    let rest = &place.after[covered(text, place.after.trim_end())..];
    // What is one line in front of something else is judged as the whole line that it becomes.
    let whole_only = place.extent == Extent::Line && !place.after.trim().is_empty();
    let mut start = 0;
    for (i, line) in text.split_inclusive('\n').enumerate() {
        let before = if i == 0 { place.before.as_str() } else { "" };
        let same = next.strip_prefix(before) == Some(line.trim_end());
        // A closer or two end a line that is the user's.
        let solid = line.chars().filter(|c| !c.is_whitespace()).count() > 2;
        let is_last = solid && start + line.len() == text.len();
        if same && !whole_only || is_last && stands_below(&format!("{before}{line}{rest}"), place) {
            return Some(start);
        }
        start += line.len();
    }
    None
}

/// Whether one of the next two lines says the same.
fn stands_below(line: &str, place: &Surroundings) -> bool {
    place.next_lines.iter().any(|below| below.trim() == line.trim())
}

/// The text without the beginning of the next line, where it ends with that: the model has gone on to what is there.
fn without_next_line_s_start<'a>(text: &'a str, place: &Surroundings) -> &'a str {
    /// Less may well be the same word again, in bytes.
    const LEAST: usize = 6;
    let next = place.next_lines.first().map_or("", |line| line.trim());
    if !place.after.trim().is_empty() {
        return text;
    }
    let text = text.trim_end();
    let longest = next.floor_char_boundary(text.len());
    let starts = next[..longest].char_indices().map(|(at, c)| &next[..at + c.len_utf8()]);
    let repeated = starts.rev().take_while(|start| start.len() >= LEAST);
    repeated
        .map(str::trim_end)
        .find_map(|start| text.strip_suffix(start))
        .unwrap_or(text)
}

/// How many bytes of `after` the text repeats: the closers that an editor paired in and the text closes itself, or
/// whatever the text ends with that `after` begins with.
pub(super) fn covered(text: &str, after: &str) -> usize {
    let closers = unmatched_closers(text);
    paired_closers(&closers, after).max(overlap(text, &closers, after))
}

fn paired_closers(closers: &[char], after: &str) -> usize {
    let mut closers = closers.iter();
    let mut covered = 0;
    for (i, c) in after.char_indices() {
        if c.is_whitespace() {
            continue;
        }
        if !is_closer(c) || !closers.any(|&closer| closer == c) {
            break;
        }
        covered = i + c.len_utf8();
    }
    covered
}

/// A closer that the text opened itself is not the one that stands after the cursor: `foo($0)` completed with `bar()`
/// needs both.
fn overlap(text: &str, closers: &[char], after: &str) -> usize {
    let blank = indentation(after);
    // No more than the text can be at its end, and a line may have millions of characters.
    let within = &after[..after.floor_char_boundary(blank + text.len())];
    within
        .char_indices()
        .map(|(i, c)| i + c.len_utf8())
        .rev()
        .find(|&end| {
            let common = if text.ends_with(&after[..end]) {
                &after[..end]
            } else {
                after[..end].get(blank..).unwrap_or_default()
            };
            let Some(rest) = text.strip_suffix(common).filter(|_| !common.is_empty()) else {
                return false;
            };
            let own = common.starts_with('>') && closes_its_angles(&text[..=rest.len()]);
            unmatched_closers(common).len() <= closers.len() && !own
        })
        .unwrap_or(0)
}

/// Whether each `>` of a text has its `<` in it, arrows aside: `Vec<u8>` needs none of those that follow.
fn closes_its_angles(text: &str) -> bool {
    let arrows = text.matches("->").count() + text.matches("=>").count();
    text.matches('<').count() + arrows >= text.matches('>').count()
}

fn is_closer(c: char) -> bool {
    matches!(c, ')' | ']' | '}' | '"' | '\'' | '`')
}

/// The closing brackets that close nothing in `text`, and the quotes that are odd in it, in order.
pub(super) fn unmatched_closers(text: &str) -> Vec<char> {
    let mut open = Vec::new();
    let mut unmatched = Vec::new();
    for c in text.chars() {
        match c {
            '(' => open.push(')'),
            '[' => open.push(']'),
            '{' => open.push('}'),
            ')' | ']' | '}' => {
                if open.last() == Some(&c) {
                    open.pop();
                } else {
                    unmatched.push(c);
                }
            }
            '"' | '\'' | '`' => {
                let odd = (text.matches(c).count() - apostrophes(text, c)) % 2 == 1;
                if odd && !unmatched.contains(&c) {
                    unmatched.push(c);
                }
            }
            _ => {}
        }
    }
    unmatched
}

/// How many of a quote stand inside words: `don't` opens no string.
fn apostrophes(text: &str, quote: char) -> usize {
    let in_word = |at: usize| {
        let (before, after) = (text[..at].chars().next_back(), text[at..].chars().nth(1));
        before.is_some_and(char::is_alphabetic) && after.is_some_and(char::is_alphabetic)
    };
    let all = text.match_indices(quote).filter(|_| quote == '\'');
    all.filter(|(at, _)| in_word(*at)).count()
}
