//! What a model writes though nobody would keep it: texts that go round in circles with what stands before them, lists that
//! count on, blocks that have no end, and signs alone. Pure.

use std::ops::Range;

use super::Surroundings;
use super::ends::{circle, indentation};
use crate::completion::syntax_check::Verdict;
use crate::completion::trigger::Extent;
use crate::documents::syntax::Inside;

/// Where a text ends that goes on to say again and again what the line says left of it.
pub(super) fn goes_round(text: &str, place: &Surroundings) -> Option<usize> {
    /// Within a line a phrase of this length is not said three times by intention.
    const LONG: usize = 12;
    let line = text.split('\n').next().unwrap_or_default();
    let end = circle(&format!("{}{line}", place.before), LONG)?;
    Some(text.floor_char_boundary(end.saturating_sub(place.before.len())))
}

/// Where a text ends that is a list which counts on: after the first of at least four items that are alike but for a number,
/// which is one more each time.
pub(super) fn counts_on(text: &str) -> Option<usize> {
    let mut numbers = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (c.is_ascii_digit(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                numbers.push((from..at, text[from..at].parse::<u64>().ok()));
                start = None;
            }
            _ => {}
        }
    }
    // An item has one number in it, or two of which the first stays.
    for step in 1..=2 {
        let items = |from: usize| {
            let counts = |at: &usize| {
                let (last, this) = (&numbers[at - step], &numbers[*at]);
                last.1
                    .zip(this.1)
                    .is_some_and(|(last, this)| last.checked_add(1) == Some(this))
                    && between(text, &numbers[at - step..=*at]) == between(text, &numbers[from..=from + step])
            };
            1 + (from + step..numbers.len()).step_by(step).take_while(counts).count()
        };
        if let Some(from) = (step - 1..numbers.len()).find(|from| items(*from) >= 4) {
            return Some(numbers[from + 1].0.start);
        }
    }
    None
}

/// What stands between numbers of a text.
fn between<'a>(text: &'a str, numbers: &[(Range<usize>, Option<u64>)]) -> Vec<&'a str> {
    numbers
        .windows(2)
        .map(|pair| &text[pair[0].0.end..pair[1].0.start])
        .collect()
}

/// Where the line begins in which a text of several lines opens a bracket that it leaves open, though the document lacks
/// none then; what the first line opens is left open with that line alone.
pub(super) fn left_open(text: &str, verdict: &Verdict) -> Option<usize> {
    let open = verdict.left_open?;
    let first = text.len() - text.trim_start().len();
    let first_end = text[first..].find('\n').map(|at| first + at)?;
    let line = text[..open].rfind('\n').unwrap_or(0);
    Some(if open < first_end { first_end } else { line })
}

/// A text of several lines without those at its end that are the head of a block, where no body stands below.
pub(super) fn unfinished<'a>(text: &'a str, place: &Surroundings) -> &'a str {
    let mut text = text;
    if place.extent == Extent::Line || !place.after.trim().is_empty() {
        return text;
    }
    let opens = place.snapshot.language.map_or(&[][..], |language| language.opens);
    while let Some(at) = text.rfind('\n').filter(|at| !text[..*at].trim().is_empty()) {
        let last = text[at + 1..].trim_end();
        let body = place
            .next_lines
            .first()
            .is_some_and(|below| indentation(below) > indentation(last));
        if body || !opens.iter().any(|open| last.ends_with(open)) {
            break;
        }
        text = text[..at].trim_end();
    }
    text
}

/// Whether a text in a string is signs alone and does not close the string.
pub(super) fn mere_signs(text: &str, replaces: usize, place: &Surroundings) -> bool {
    let quote = |text: &str| text.starts_with(['"', '\'', '`']);
    let closes = quote(text) && !quote(&place.after[replaces..]) && !quote(&place.after);
    place.inside == Inside::String && !text.contains(char::is_alphanumeric) && !closes
}

#[cfg(test)]
mod tests;
