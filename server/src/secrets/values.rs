//! What a value looks like: a placeholder, a password that a person chose, or what a machine made up.
//!
//! Pure: it sees the value alone and must not know its name or its place.

use std::sync::LazyLock;

use regex::Regex;

use super::{compiled, patterns};

/// No shorter value is a password, in bytes.
pub(super) const SHORTEST: usize = 6;

/// Whether a value stands for a secret that is somewhere else, or for none.
pub(super) fn is_placeholder(value: &str) -> bool {
    static WORDS: LazyLock<Regex> = LazyLock::new(|| {
        compiled(&format!(
            r"(?i-u)^[$%<{{\[(*/#.]|[{{}}<>()]|^(?:{})$|{}",
            patterns::WHOLE_PLACEHOLDERS,
            patterns::PLACEHOLDERS
        ))
    });
    WORDS.is_match(value) || value.bytes().all(|b| b == value.as_bytes()[0])
}

/// Whether a text may be a password that a person chose: it mixes letters with digits or signs.
pub(super) fn is_password(value: &str) -> bool {
    if !(SHORTEST..=128).contains(&value.len()) || value.contains(['[', ']', '\\', '|', ' ']) || is_placeholder(value) {
        return false;
    }
    let has = |test: fn(char) -> bool| value.chars().any(test);
    has(char::is_alphabetic) && (has(|c| c.is_ascii_digit()) || has(|c| "!@#$%^&*?~+=".contains(c)))
}

/// Whether a text looks as if a machine had made it up.
pub(super) fn is_random(value: &str) -> bool {
    let regular = |b: u8| b.is_ascii_alphanumeric() || b"+/=_-.~!@#$%^&*".contains(&b);
    if value.len() < 16 || is_placeholder(value) || !value.bytes().all(regular) || value.contains("://") {
        return false;
    }
    let class = |b: u8| match b {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        _ => 3,
    };
    let mut counts = [0; 4];
    for b in value.bytes() {
        counts[class(b)] += 1;
    }
    let [digits, lower, upper, signs] = counts;
    let bytes = value.as_bytes();
    let changes = bytes.windows(2).filter(|w| class(w[0]) != class(w[1])).count();
    // Words in camel case change every five letters or so; letters drawn at random change every other one.
    let mixed = (digits >= 2 && lower + upper >= 2 && changes * 5 >= value.len())
        || (value.len() >= 24 && lower >= 4 && upper >= 4 && changes * 3 >= value.len());
    mixed && signs * 4 <= value.len() && entropy(bytes) >= 3.0
}

/// Whether a text is base64 of a name, a colon and a password, as the header for basic authentication has it.
pub(super) fn is_login(value: &str) -> bool {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = value.trim_end_matches('=').bytes();
    let values: Vec<usize> = digits
        .filter_map(|b| DIGITS.bytes().position(|digit| digit == b))
        .collect();
    let decoded: Vec<u8> = values
        .windows(2)
        .enumerate()
        .filter(|(i, _)| i % 4 != 3)
        .map(|(i, pair)| (pair[0] << (2 + 2 * (i % 4)) | pair[1] >> (4 - 2 * (i % 4))) as u8)
        .collect();
    value.len().is_multiple_of(4)
        && decoded.contains(&b':')
        && decoded.iter().all(|&b| b == b'\n' || (b' '..=b'~').contains(&b))
}

/// Bits for each byte, by how often each occurs.
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    for &b in bytes {
        counts[usize::from(b)] += 1;
    }
    let total = bytes.len() as f64;
    counts
        .iter()
        .filter(|&&count| count > 0)
        .map(|&count| f64::from(count) / total)
        .map(|share| -share * share.log2())
        .sum()
}
