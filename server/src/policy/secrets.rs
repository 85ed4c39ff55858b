//! Which parts of a text look like keys or passwords, and the text without them.
//!
//! Pure: it sees a text and must not know files, languages or settings.
//!
//! What is found: keys of known services by their form, passwords in URLs and headers, private keys of several lines, and
//! literals that look random or like a password where the name before, above or beside them says what they are. What is
//! not found: a key of unknown form under a name that says nothing, and a password that is a plain word or only digits.
//!
//! What a line's redaction depends on is near: the lines around it, but for the object that it is in where that is a
//! Kubernetes Secret. So a part of a text with some more around it has the redactions of the whole. Where a cut took the
//! first or last line of a private key away, the lines next to the other one still go, and so do two or more lines of the
//! usual lengths that stand by themselves.
//!
//! The time is linear in the text, whatever it is: behind each place that may be a secret, so many bytes are looked at.

mod assigned;
mod below;
mod blocks;
mod contexts;
mod formats;
mod kubernetes;
mod pairs;
mod patterns;
mod typed;
mod values;

use std::borrow::Cow;
use std::ops::Range;

use regex::Regex;

/// What takes a secret's place. Quotes around it stay, so that the code stays code.
pub const STAND_IN: &str = "REDACTED";

/// The text with each secret replaced by [`STAND_IN`].
pub fn redact(text: &str) -> Cow<'_, str> {
    replace(text, find(text))
}

/// The text with each of these ranges replaced by [`STAND_IN`]; they are in order and apart from each other.
pub fn replace(text: &str, found: Vec<Range<usize>>) -> Cow<'_, str> {
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut redacted = String::with_capacity(text.len());
    let mut end = 0;
    for range in found {
        redacted.push_str(&text[end..range.start]);
        redacted.push_str(STAND_IN);
        end = range.end;
    }
    redacted.push_str(&text[end..]);
    Cow::Owned(redacted)
}

/// Whether anything in the text looks like a secret.
pub fn has_secret(text: &str) -> bool {
    !find(text).is_empty()
}

/// Where secrets stand, as byte offsets, in order and apart from each other.
pub fn find(text: &str) -> Vec<Range<usize>> {
    apart(all(text, None))
}

/// Where secrets stand in a text with a cursor, as [`find`] has it, and whether the cursor stands in one of them, or at the end of one: what the user
/// types there is one, or may become one, and what is typed so far counts as one.
pub fn find_around(text: &str, cursor: usize) -> (Vec<Range<usize>>, bool) {
    let mut found = all(text, Some(cursor));
    found.extend(typed::word_at(text, cursor));
    let found = apart(found);
    let inside = found.iter().any(|range| range.start < cursor && cursor <= range.end);
    (found, inside)
}

fn all(text: &str, cursor: Option<usize>) -> Vec<Range<usize>> {
    let mut found = formats::find(text);
    found.extend(contexts::find(text));
    found.extend(assigned::find(text, cursor));
    found.extend(kubernetes::find(text));
    found.extend(blocks::find(text));
    found
}

/// Ranges in order, those that overlap as one.
pub fn apart(mut found: Vec<Range<usize>>) -> Vec<Range<usize>> {
    found.sort_by_key(|range| (range.start, range.end));
    let mut apart: Vec<Range<usize>> = Vec::with_capacity(found.len());
    for range in found {
        match apart.last_mut() {
            Some(last) if range.start < last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

/// The known forms of keys, as patterns.
#[cfg(test)]
pub(crate) fn forms() -> Vec<&'static str> {
    formats::forms().collect()
}

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the patterns are constants, and a test compiles them")
}

#[cfg(test)]
mod tests;
