//! Names of secrets that are values themselves, with the secret as another value beside them: `name: DB_PASSWORD` above
//! `value: …`, `<add key="Password" value="…"/>`, `{"Name": "…", "Value": "…"}`.
//!
//! Pure: it says where such a value stands and must not know whether it is a secret.

use std::sync::LazyLock;

use regex::Regex;

use super::assigned::Name;
use super::{compiled, patterns};

/// How far the value may be from its name, in bytes and lines.
const REACH: usize = 200;
const LINES: usize = 4;

/// Where the value begins that stands beside a name, and with which quote, if the name is a value.
pub(super) fn beside<'a>(text: &'a str, name: &Name) -> Option<(usize, Option<&'a str>)> {
    static NAMED: LazyLock<Regex> = LazyLock::new(|| compiled(patterns::NAMED));
    if !NAMED.is_match(&text[name.line..name.full]) {
        return None;
    }
    let rest = &text[name.word.end..text.floor_char_boundary(name.word.end.saturating_add(REACH))];
    let below = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_-.".contains(c));
    // A block of its own begins behind the name, or the one that the name is in ends.
    let below = below.trim_start_matches(['"', '\'', '`', ' ', '{']);
    let start = name.word.end + rest.len() - below.len();
    let end = below
        .match_indices('\n')
        .nth(LINES - 1)
        .map_or(below.len(), |(at, _)| at);
    let below = &below[..end];
    let below = &below[..below.find(['{', '}']).unwrap_or(end)];
    value(below).map(|(at, quote)| (start + at, quote)).or_else(|| {
        let start = first_of_group(text, name.full);
        value(&text[start..name.full]).map(|(at, quote)| (start + at, quote))
    })
}

/// Where the braces, the element or the item begins that a place is in, as far as that is near.
fn first_of_group(text: &str, at: usize) -> usize {
    let start = text.ceil_char_boundary(at.saturating_sub(REACH));
    let before = &text[start..at];
    let brace = before.rfind(['{', '<']).map_or(0, |brace| brace + 1);
    let mut first = before.len();
    for line in before[brace..].rsplit('\n').take(LINES) {
        first -= line.len();
        if first == brace || line.trim_start().starts_with('-') {
            break;
        }
        first -= 1;
    }
    start + first
}

/// Where the first value begins in a text, and with which quote.
fn value(text: &str) -> Option<(usize, Option<&str>)> {
    static VALUE: LazyLock<Regex> = LazyLock::new(|| compiled(patterns::VALUE));
    let groups = VALUE.captures(text)?;
    Some((groups.get(0)?.end(), groups.name("quote").map(|quote| quote.as_str())))
}
