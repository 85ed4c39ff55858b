//! The lines of base64 in private keys of several lines.
//!
//! Pure: it sees a text and must not know what becomes of what it finds.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::{compiled, patterns};

/// The bodies of key lines, as byte offsets, in no order; one may be there twice.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    static EDGE: LazyLock<Regex> = LazyLock::new(|| compiled("(?-u)-----(BEGIN|END) [A-Z ]{0,24}PRIVATE KEY"));
    let mut found = loose_lines(text);
    // One edge of each kind is enough for a line; a line is walked over once downwards and once upwards.
    let (mut begun, mut ended) = (0, 0);
    for edge in EDGE.find_iter(text) {
        if edge.as_str().starts_with("-----BEGIN") {
            if edge.start() >= begun {
                begun = line_end(text, edge.end());
                below(text, begun + 1, &mut found);
            }
        } else if edge.start() >= ended {
            ended = line_end(text, edge.end());
            above(text, edge.start(), &mut found);
        }
    }
    found
}

/// Takes the lines from there on as long as they belong to a key.
fn below(text: &str, mut start: usize, found: &mut Vec<Range<usize>>) {
    const LONGEST_HEADER: usize = 100;
    while start < text.len() {
        let end = line_end(text, start);
        let line = &text[start..end];
        match body(line) {
            Some(body) => found.push(start + body.start..start + body.end),
            None if line.len() < LONGEST_HEADER && (line.contains(": ") || line.trim().is_empty()) => {}
            None => break,
        }
        start = end + 1;
    }
}

/// Takes the lines before that place's line as long as they belong to a key.
fn above(text: &str, at: usize, found: &mut Vec<Range<usize>>) {
    let mut end = text[..at].rfind('\n');
    while let Some(stop) = end {
        let before = text[..stop].rfind('\n');
        let start = before.map_or(0, |at| at + 1);
        let Some(body) = body(&text[start..stop]) else {
            break;
        };
        found.push(start + body.start..start + body.end);
        end = before;
    }
}

/// Where the line ends, without its line break, that goes on there.
fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |next| at + next)
}

/// Where the base64 stands in a line that may be one of a key.
fn body(line: &str) -> Option<Range<usize>> {
    /// A shorter one is the last of a key or a word.
    const SHORTEST: usize = 16;
    static LINE: LazyLock<Regex> = LazyLock::new(|| compiled(&patterns::base64_line("{1,128}")));
    let body = LINE.captures(line)?.get(1)?;
    let is_word = |word: &str| word.bytes().skip(1).all(|b| b.is_ascii_lowercase());
    (body.len() >= SHORTEST || !is_word(body.as_str())).then(|| body.range())
}

/// Two or more lines below each other that are nothing but base64 in the lengths that keys are broken into.
fn loose_lines(text: &str) -> Vec<Range<usize>> {
    static LINE: LazyLock<Regex> = LazyLock::new(|| compiled(&patterns::base64_line("{64,76}")));
    let mut found = Vec::new();
    let mut run: Vec<Range<usize>> = Vec::new();
    let mut next = 0;
    for line in LINE.find_iter(text) {
        let Some(body) = LINE.captures(line.as_str()).and_then(|groups| groups.get(1)) else {
            continue;
        };
        let classes = [u8::is_ascii_uppercase, u8::is_ascii_lowercase, u8::is_ascii_digit];
        let mixed = |class: &fn(&u8) -> bool| body.as_str().bytes().filter(class).count() >= 2;
        if !matches!(body.len(), 64 | 70 | 76) || !classes.iter().all(mixed) {
            continue;
        }
        if line.start() != next {
            keep_block(&mut run, &mut found);
        }
        run.push(line.start() + body.start()..line.start() + body.end());
        next = line.end() + 1;
    }
    keep_block(&mut run, &mut found);
    found
}

/// Empties the run, and keeps it if it is more than one line.
fn keep_block(run: &mut Vec<Range<usize>>, found: &mut Vec<Range<usize>>) {
    if run.len() >= 2 {
        found.append(run);
    }
    run.clear();
}
