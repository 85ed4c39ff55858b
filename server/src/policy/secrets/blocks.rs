//! Keys of several lines: the lines of base64 or hex in private keys, with or without their first and last line, and with
//! whatever stands before and behind them in comments, quotes, lists and listings.
//!
//! Pure: it sees a text and must not know what becomes of what it finds.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::compiled;

/// How much may stand beside the body of a key's line: marks of comments and lists, quotes, numbers, a command.
const BESIDE: usize = 24;

/// The bodies of key lines, as byte offsets, in no order; one may be there twice.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    static EDGE: LazyLock<Regex> = LazyLock::new(|| {
        compiled(concat!(
            r"(?-u)-{4,5} ?(?<edge>BEGIN|END) [A-Za-z0-9 ]{0,30}(?:PRIVATE KEY|Static key)",
            r"|Private-Lines: [0-9]|LS0tLS1CRUdJTi[A-Za-z0-9+/]{30}"
        ))
    });
    let mut found = loose_lines(text);
    // One edge of each kind is enough for a line; a line is walked over once downwards and once upwards.
    let (mut begun, mut ended) = (0, 0);
    for edge in EDGE.find_iter(text) {
        if edge.as_str().contains("END ") {
            if edge.start() >= ended {
                ended = line_end(text, edge.end());
                above(text, edge.start(), &mut found);
            }
        } else if edge.start() >= begun {
            begun = line_end(text, edge.end());
            below(text, begun + 1, &mut found);
        }
    }
    found
}

/// Takes the lines from there on as long as they belong to a key.
fn below(text: &str, mut start: usize, found: &mut Vec<Range<usize>>) {
    const LONGEST_HEADER: usize = 100;
    let mut in_body = false;
    while start < text.len() {
        let end = line_end(text, start);
        let line = &text[start..end];
        match body(line) {
            Some(body) => {
                in_body = true;
                found.push(start + body.start..start + body.end);
            }
            None if !in_body && line.len() < LONGEST_HEADER && (line.contains(": ") || is_blank(line)) => {}
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

/// Whether a line has nothing but marks in it.
fn is_blank(line: &str) -> bool {
    !line.bytes().any(|b| b.is_ascii_alphabetic())
}

fn in_body(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"+/=".contains(&b)
}

/// Where the key's characters stand in a line that may be one of a key.
fn body(line: &str) -> Option<Range<usize>> {
    /// A shorter one is the last of a key or a word.
    const SHORTEST: usize = 16;
    const LONGEST: usize = 128;
    if line.len() > LONGEST + BESIDE || line.contains("----") {
        return None;
    }
    let bytes = line.as_bytes();
    let runs = bytes.chunk_by(|a, b| in_body(*a) == in_body(*b));
    let mut longest = 0..0;
    let mut at = 0;
    for run in runs {
        if in_body(run[0]) && run.len() >= longest.len() {
            longest = at..at + run.len();
        }
        at += run.len();
    }
    // An escaped line break begins with a backslash, which is none of the key, but its letter is: `\nMIIE`.
    if longest.start > 0 && bytes[longest.start - 1] == b'\\' && longest.len() > 1 {
        longest.start += 1;
    }
    let body = &line[longest.clone()];
    let is_word = body.bytes().skip(1).all(|b| b.is_ascii_lowercase());
    let beside = line.len() - body.len();
    (beside <= BESIDE && (body.len() >= SHORTEST || (!is_word && beside <= 2 * body.len() + 8))).then_some(longest)
}

/// Two or more lines below each other that are nothing but base64 in a length that keys are broken into.
fn loose_lines(text: &str) -> Vec<Range<usize>> {
    static RUN: LazyLock<Regex> = LazyLock::new(|| compiled(r"(?-u)[A-Za-z0-9+/]{58,}={0,2}"));
    let mut found = Vec::new();
    let mut block: Vec<Range<usize>> = Vec::new();
    for run in RUN.find_iter(text) {
        // A `+` may be the mark of an added line.
        let marked = run.as_str().len() % 2 == 1 && run.as_str().starts_with('+');
        let run = run.start() + usize::from(marked)..run.end();
        let body = &text[run.clone()];
        let classes = [u8::is_ascii_uppercase, u8::is_ascii_lowercase, u8::is_ascii_digit];
        let mixed = |class: &fn(&u8) -> bool| body.bytes().filter(class).count() >= 2;
        if !matches!(body.len(), 60 | 64 | 70 | 72 | 76) || !classes.iter().all(mixed) || !is_alone(text, &run) {
            continue;
        }
        let follows = block.last().is_some_and(|last: &Range<usize>| {
            let between = &text[last.end..run.start];
            last.len() == run.len() && between.len() <= 2 * BESIDE && between.matches('\n').count() == 1
        });
        if !follows {
            keep_block(text, &mut block, &mut found);
        }
        block.push(run);
    }
    keep_block(text, &mut block, &mut found);
    found
}

/// Whether a line has little besides a part of it.
fn is_alone(text: &str, part: &Range<usize>) -> bool {
    let from = text.ceil_char_boundary(part.start.saturating_sub(BESIDE + 1));
    let to = text.floor_char_boundary((part.end + BESIDE + 1).min(text.len()));
    let before = &text[from..part.start];
    let after = &text[part.end..to];
    let before = before.rfind('\n').map_or(before, |line| &before[line + 1..]);
    let after = after.find('\n').map_or(after, |line| &after[..line]);
    before.len() + after.len() <= BESIDE
}

/// Empties the block, and keeps it if it is more than one line and does not say that it is public.
fn keep_block(text: &str, block: &mut Vec<Range<usize>>, found: &mut Vec<Range<usize>>) {
    if block.len() >= 2 && !is_public(text, &block[0]) {
        found.append(block);
    }
    block.clear();
}

/// Whether lines are those of a public key, a certificate, an image or a font, going by how they begin and what stands
/// above them.
fn is_public(text: &str, first: &Range<usize>) -> bool {
    const ABOVE: usize = 120;
    const HEADS: [&str; 4] = [
        "BEGIN PUBLIC KEY",
        "BEGIN PGP PUBLIC KEY",
        "CERTIFICATE",
        "Certificate>",
    ];
    // PNG, GIF, JPEG, ICO, PDF, TrueType, WOFF, ZIP and WebAssembly in base64.
    const FILES: [&str; 9] = [
        "iVBORw0KGgo",
        "R0lGOD",
        "/9j/4",
        "AAABAA",
        "JVBERi0",
        "AAEAAAA",
        "d09GR",
        "UEsDB",
        "AGFzbQ",
    ];
    let above = &text[text.ceil_char_boundary(first.start.saturating_sub(ABOVE))..first.start];
    let above = above.rfind("END ").map_or(above, |end| &above[end..]);
    let body = &text[first.clone()];
    HEADS.iter().any(|head| above.contains(head)) || FILES.iter().any(|file| body.starts_with(file))
}
