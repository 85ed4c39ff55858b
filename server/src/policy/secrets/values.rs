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
    const SHORTEST: usize = 16;
    let regular = |b: u8| b.is_ascii_alphanumeric() || b"+/=_-.~!@#$%^&*".contains(&b);
    if value.len() < SHORTEST || is_placeholder(value) || !value.bytes().all(regular) || value.contains("://") {
        return false;
    }
    if value.contains(['_', '-', '.', '/', '=']) && is_names(value) {
        return false;
    }
    let mut counts = [0; 4];
    for b in value.bytes() {
        counts[class(b)] += 1;
    }
    let [digits, lower, upper, signs] = counts;
    let bytes = value.as_bytes();
    let changes = bytes.windows(2).filter(|w| class(w[0]) != class(w[1])).count();
    let letters = lower + upper;
    let mixed = digits >= 2 && letters >= 2 && changes * 5 >= value.len();
    let irregular = if lower >= 2 && upper >= 2 {
        // Words in camel case are four letters and more on the average; letters drawn at random make parts of two.
        parts(bytes) * 10 >= value.len() * 3
    } else {
        // Words in one case have vowels, and few consonants in a row.
        letters >= 15 && (vowels(bytes) * 6 <= letters || consonants_in_a_row(bytes) >= 6)
    };
    (mixed || irregular) && signs * 4 <= value.len() && entropy(bytes) >= 3.0
}

/// Whether a text is made of words, each in one case: `some_name`, `SOME-NAME`, `part2.name`.
pub(super) fn is_words(text: &str) -> bool {
    all_words(text, |_| false)
}

/// Whether a text is made of words that may be joined in camel case, too: `part2.SomeName`.
pub(super) fn is_names(text: &str) -> bool {
    all_words(text, |letters| {
        letters.iter().all(u8::is_ascii_alphabetic)
            && parts(letters) * 3 <= letters.len()
            && consonants_in_a_row(letters) <= 5
    })
}

fn all_words(text: &str, joined: impl Fn(&[u8]) -> bool) -> bool {
    let is_word = |part: &str| {
        let letters = part.trim_end_matches(|c: char| c.is_ascii_digit()).as_bytes();
        let one_case = letters.iter().all(u8::is_ascii_lowercase) || letters.iter().all(u8::is_ascii_uppercase);
        part.len() - letters.len() <= 5 && (one_case || joined(letters))
    };
    text.split(['_', '-', '.', '/', '=', '+', ':']).all(is_word)
}

/// Whether what has been typed of a value so far may become a secret: it is no word, and not short.
pub(super) fn may_become_one(value: &str) -> bool {
    const SHORTEST: usize = 4;
    let odd = |b: u8| b.is_ascii_digit() || b.is_ascii_uppercase() || b"!@#$%^&*?~+=".contains(&b);
    let starts_word = value.bytes().next().is_some_and(|b| b.is_ascii_uppercase());
    value.len() >= SHORTEST
        && !value.contains([' ', '\\'])
        && !is_placeholder(value)
        && value.bytes().filter(|b| odd(*b)).count() > usize::from(starts_word)
}

fn class(b: u8) -> usize {
    match b {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        _ => 3,
    }
}

/// How many words, numbers and signs follow each other where case tells words apart.
fn parts(bytes: &[u8]) -> usize {
    let starts = |i: usize| match (class(bytes[i - 1]), class(bytes[i])) {
        (_, 3) => true,
        (2, 1) => i >= 2 && class(bytes[i - 2]) == 2,
        (before, now) => before != now,
    };
    1 + (1..bytes.len()).filter(|i| starts(*i)).count()
}

fn is_vowel(b: u8) -> bool {
    b"aeiouyAEIOUY".contains(&b)
}

fn vowels(bytes: &[u8]) -> usize {
    bytes.iter().filter(|b| is_vowel(**b)).count()
}

fn consonants_in_a_row(bytes: &[u8]) -> usize {
    let runs = bytes.split(|b| !b.is_ascii_alphabetic() || is_vowel(*b));
    runs.map(<[u8]>::len).max().unwrap_or_default()
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
