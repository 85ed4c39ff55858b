//! Values that stand on the lines below the name of a secret: block scalars in YAML, literals in three quotes, and what
//! is broken after the operator.
//!
//! Pure: it sees a text and must not know what becomes of what it finds.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::assigned::{Form, Name, typed, value_end, window};
use super::compiled;

/// The most lines that are looked at.
const LINES: usize = 64;

/// What ends the line of a name whose value is below.
enum Opening {
    /// The mark of a block in YAML, or nothing behind a colon: the value is what stands further to the right.
    Indented,
    /// Three quotes.
    Quotes,
    /// A backslash, an open bracket or an operator: the value is one literal on the next line.
    Broken,
}

/// The values below a name, a line each. `start` is where one on its own line would begin.
pub(super) fn find(
    text: &str,
    name: &Name,
    start: usize,
    parts: &Captures,
    cursor: Option<usize>,
) -> Vec<Range<usize>> {
    let Some(line) = window(text, start).find('\n').map(|end| start + end) else {
        return Vec::new();
    };
    let operator = parts.name("operator").map_or("", |operator| operator.as_str());
    let quote = parts.name("quote").map(|quote| quote.as_str());
    let Some(opening) = opening(operator, quote, &text[start..line]) else {
        return Vec::new();
    };
    let indent = indentation(&text[name.line..]);
    let mut found = Vec::new();
    let mut at = line + 1;
    for line in text[at..].split_inclusive('\n').take(LINES) {
        let own = indentation(line);
        let first = at + own;
        let inner = line.trim();
        at += line.len();
        match opening {
            Opening::Indented if inner.is_empty() => continue,
            Opening::Indented if own <= indent => break,
            Opening::Quotes if inner.starts_with(quote.unwrap_or_default()) => break,
            Opening::Indented | Opening::Quotes | Opening::Broken => {}
        }
        let (value, whole) = match (&opening, inner.bytes().next()) {
            (Opening::Broken, Some(b'"' | b'\'' | b'`')) => {
                let quote = &inner[..1];
                let end = value_end(text, first + 1, Some(quote));
                (first + 1..end, text[end..].starts_with(quote) || cursor == Some(end))
            }
            (Opening::Broken, _) => break,
            _ => {
                let trimmed = inner.trim_matches(['"', '\'']);
                let from = first + inner.len() - inner.trim_start_matches(['"', '\'']).len();
                (from..from + trimmed.len(), !trimmed.contains([' ', ':', '(', '{']))
            }
        };
        if whole && (name.holds(&text[value.clone()], Form::Text) || typed(text, name, &value, cursor)) {
            found.push(value);
        } else if found.is_empty() || matches!(opening, Opening::Broken) {
            break;
        }
        if matches!(opening, Opening::Broken)
            || (operator == ":" && parts.name("quote").is_none() && is_plain(text, start))
        {
            break;
        }
    }
    found
}

/// How the value goes on below, if the rest of the name's line says so.
fn opening(operator: &str, quote: Option<&str>, rest: &str) -> Option<Opening> {
    static BLOCK: LazyLock<Regex> = LazyLock::new(|| compiled(r"^[|>][+-]?[0-9]?[+-]?[ \t]{0,8}(?:#.{0,80})?$"));
    let rest = rest.trim();
    match (operator, quote, rest) {
        (_, Some(quote), "" | "\\") if quote.len() == 3 => Some(Opening::Quotes),
        (_, Some(_), _) => None,
        (":", None, rest) if rest.is_empty() || BLOCK.is_match(rest) => Some(Opening::Indented),
        ("=" | ":=" | "=>" | "(" | ":" | "?=", None, "" | "\\" | "(" | "`") => Some(Opening::Broken),
        _ => None,
    }
}

/// Whether nothing follows on the line.
fn is_plain(text: &str, start: usize) -> bool {
    text[start..].lines().next().is_some_and(|rest| rest.trim().is_empty())
}

/// How many bytes of white space a line begins with.
fn indentation(line: &str) -> usize {
    line.bytes().take_while(|b| matches!(b, b' ' | b'\t')).count()
}
