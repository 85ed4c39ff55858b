//! Which parts of a text look like keys or passwords, and the text without them.
//!
//! Pure: it sees a text and must not know files, languages or settings.
//!
//! What is found: keys of known services by their form, passwords in URLs and headers, private keys in PEM form, and
//! literals that look random or like a password where the name before them says what they are. What is not found: a key
//! of unknown form under a name that says nothing, and a password that is a plain word or only digits.
//!
//! A line's redaction depends on that line alone, so that a text cut at line starts has the redactions of the whole. The
//! exception is a PEM block. Where a cut took its first or last line away, the lines of base64 next to the other one
//! still go, and so do two or more lines of the usual lengths that stand by themselves.
//!
//! The time is linear in the text, whatever it is: behind each place that may be a secret, so many bytes are looked at.

mod assigned;
mod blocks;
mod patterns;
mod values;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// What takes a secret's place. Quotes around it stay, so that the code stays code.
pub const STAND_IN: &str = "REDACTED";

/// The text with each secret replaced by [`STAND_IN`].
pub fn redact(text: &str) -> Cow<'_, str> {
    let found = find(text);
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
    let mut found = formats(text);
    found.extend(assigned::find(text));
    found.extend(blocks::find(text));
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

fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the patterns are constants, and a test compiles them")
}

/// Keys of known form.
fn formats(text: &str) -> Vec<Range<usize>> {
    static FORMATS: LazyLock<Regex> = LazyLock::new(|| compiled(&format!("(?-u:{})", patterns::FORMATS.join("|"))));
    static GROUPED: LazyLock<Regex> = LazyLock::new(|| compiled(&format!("^{}", FORMATS.as_str())));
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(whole) = FORMATS.find_at(text, at) {
        at = whole.end();
        // The groups are asked for where there is a match only, as that search is the slow one.
        let groups = GROUPED.captures(whole.as_str());
        let group = groups.iter().flat_map(|groups| groups.iter().skip(1).flatten()).next();
        let Some(group) = group else {
            found.push(whole.range());
            continue;
        };
        let is_basic = groups.as_ref().is_some_and(|groups| groups.name("basic").is_some());
        if values::is_placeholder(group.as_str()) || (is_basic && !values::is_login(group.as_str())) {
            // Inside what is none by its place may be one by its form.
            at = whole.start() + group.start();
        } else {
            found.push(whole.start() + group.start()..whole.start() + group.end());
        }
    }
    found
}

#[cfg(test)]
mod tests;
