//! Keys of known services, by their form: what is fixed in them, and which characters follow and how many.
//!
//! The table is data: `formats.txt` is written by a script from public rules, which it names, and what these lack stands
//! in [`patterns::OWN_FORMS`]. Where the fixed part of a form stands is looked for in one pass over the text; a form is
//! compared with the text there only. Pure: it must not know what becomes of what it finds.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::{compiled, patterns, values};

/// The longest key that is looked at before its end is looked for, in bytes, and how much of one may stand before its
/// fixed part.
const REACH: usize = 512;
const BEFORE: usize = 64;

struct Table {
    /// The fixed parts of all forms.
    fixed: Regex,
    /// The forms that begin with their fixed part, at the start of a text.
    leading: Regex,
    /// The others by their fixed part.
    inner: HashMap<String, Regex>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut leading = Vec::new();
    let mut inner: HashMap<String, Vec<&str>> = HashMap::new();
    let mut fixed = Vec::new();
    for form in forms() {
        let part = fixed_part(form);
        match form.starts_with(&escaped(&part)) {
            true => leading.push(form),
            false => inner.entry(part.clone()).or_default().push(form),
        }
        fixed.push(part);
    }
    fixed.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then(a.cmp(b)));
    fixed.dedup();
    // What is longer is tried first, so that a key is taken as a whole.
    leading.sort_by_key(|form| std::cmp::Reverse(form.len()));
    let one_of = |forms: &[&str]| format!("(?-u:{})", forms.join("|"));
    let fixed: Vec<String> = fixed.iter().map(|part| escaped(part)).collect();
    Table {
        fixed: compiled(&format!("(?-u:{})", fixed.join("|"))),
        leading: compiled(&format!("^{}", one_of(&leading))),
        inner: inner
            .into_iter()
            .map(|(part, forms)| (part, compiled(&one_of(&forms))))
            .collect(),
    }
});

/// The forms of the table, as patterns.
pub(super) fn forms() -> impl Iterator<Item = &'static str> {
    let lines = include_str!("formats.txt")
        .lines()
        .filter(|line| !line.starts_with('#'));
    let written = lines.filter_map(|line| Some(line.split_once(' ')?.1));
    written.chain(patterns::OWN_FORMS.iter().copied())
}

/// The fixed characters that a form begins with, or else the longest within it.
fn fixed_part(form: &str) -> String {
    let mut parts = vec![String::new()];
    let mut rest = form.chars();
    while let Some(c) = rest.next() {
        let part = parts.last_mut().expect("there is one from the start");
        match c {
            '\\' => part.extend(rest.next()),
            '[' => {
                let _ = rest.by_ref().find(|c| *c == ']');
                parts.push(String::new());
            }
            '{' => drop(rest.by_ref().find(|c| *c == '}')),
            c => part.push(c),
        }
    }
    match parts[0].is_empty() {
        true => parts.into_iter().max_by_key(String::len).unwrap_or_default(),
        false => parts.swap_remove(0),
    }
}

/// Characters as a pattern that stands for them, written as the table writes them.
fn escaped(text: &str) -> String {
    let sign = |c: char| ".$+?*|()[]{}^\\".contains(c);
    text.chars().fold(String::new(), |mut escaped, c| {
        if sign(c) {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}

/// Where such keys stand, as byte offsets in order.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(fixed) = TABLE.fixed.find_at(text, at) {
        at = match key(text, &fixed.range()) {
            Some((key, is_secret)) => {
                let end = key.end;
                if is_secret {
                    found.push(key);
                }
                end
            }
            // Another fixed part may begin within this one.
            None => text.ceil_char_boundary(fixed.start() + 1),
        };
    }
    found
}

/// What has the form of a key whose fixed part stands there, and whether it is one and no name of words.
fn key(text: &str, fixed: &Range<usize>) -> Option<(Range<usize>, bool)> {
    let part = &text[fixed.clone()];
    let window = &text[fixed.start..text.floor_char_boundary(fixed.start.saturating_add(REACH))];
    let leading = || TABLE.leading.find(window);
    let range = match begins(text, fixed.start, part).then(leading).flatten() {
        Some(key) => fixed.start..fixed.start + key.end(),
        None => {
            let form = TABLE.inner.get(part)?;
            let start = text.ceil_char_boundary(fixed.start.saturating_sub(BEFORE));
            let key = form.find_at(&text[..fixed.start + window.len()], start)?.range();
            if !(key.start <= fixed.start && fixed.end <= key.end && begins(text, key.start, "")) {
                return None;
            }
            key
        }
    };
    let free = if range.start < fixed.start {
        range.start
    } else {
        fixed.end
    };
    let free = &text[free..range.end];
    let plain = free.bytes().all(|b| b.is_ascii_lowercase()) || free.bytes().all(|b| b == free.as_bytes()[0]);
    if plain || (free.contains(['_', '-', '.']) && values::is_words(free)) {
        return Some((range, false));
    }
    let goes_on = |b: &&u8| b.is_ascii_alphanumeric() || b"_-=".contains(*b);
    let more = text.as_bytes()[range.end..].iter().take_while(goes_on).count();
    Some((range.start..range.end + more, true))
}

/// Whether a key with such a fixed part may begin there. A long one with a sign in it is in no word.
fn begins(text: &str, start: usize, fixed: &str) -> bool {
    if fixed.len() >= 4 && fixed.contains(['_', '-', '.', ':', '$', '=']) {
        return true;
    }
    let is_hex = |b: &u8| b.is_ascii_hexdigit();
    match &text.as_bytes()[..start] {
        [.., b'\\', b'n' | b'r' | b't'] => true,
        [.., b'%', a, b] if is_hex(a) && is_hex(b) => true,
        [.., b] => !(b.is_ascii_alphanumeric() || b"_-+".contains(b)),
        [] => true,
    }
}

/// Whether a word may be the beginning of a key that is still being typed.
pub(super) fn may_begin(word: &str) -> bool {
    TABLE.fixed.find_iter(word).any(|fixed| {
        let typed = &word[fixed.end()..];
        let long = typed.len() >= 8 && fixed.len() >= 4;
        begins(word, fixed.start(), fixed.as_str())
            && (long || (typed.len() >= 4 && typed.bytes().any(|b| b.is_ascii_digit() || b.is_ascii_uppercase())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_a_fixed_part_and_compiles() {
        let count = forms().count();
        assert!(count > 300, "{count}");
        for form in forms() {
            assert!(fixed_part(form).len() >= 2, "{form}");
            assert!(Regex::new(form).is_ok(), "{form}");
        }
        assert!(find("").is_empty());
    }

    #[test]
    fn the_fixed_part_is_what_it_begins_with_or_the_longest() {
        for (form, fixed) in [
            (r"ab\.c[a-z]{3}def", "ab.c"),
            (r"[a-z]{3}\.def-[0-9]{2,}gh", ".def-"),
            (r"A3-[A-Z0-9]{6}-[A-Z0-9]{5,}", "A3-"),
        ] {
            assert_eq!(fixed_part(form), fixed);
        }
    }
}
