//! Values that stand behind a name that says that they are secret.
//!
//! Pure: it sees a text and must not know what becomes of what it finds.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Match, Regex};

use super::values::{SHORTEST, is_password, is_random};
use super::{compiled, patterns};

/// So many bytes are looked at behind a name, and as many for a value.
const REACH: usize = 192;

/// How a value is written.
enum Form {
    /// What can be nothing but text: between quotes, after a flag, in a file of settings.
    Text,
    /// What may be an expression.
    Bare,
}

/// Where such values stand, as byte offsets in order.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    static NAMES: LazyLock<Regex> =
        LazyLock::new(|| compiled(&format!("(?i-u)(?:{}|{})", patterns::PASSWORDS, patterns::KEYS)));
    static SEPARATOR: LazyLock<Regex> = LazyLock::new(|| compiled(patterns::SEPARATOR));
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(name) = NAMES.find_at(text, at) {
        at = name.end();
        let behind = window(text, name.end());
        // The search for the groups is slow, so that it is kept for what a value may follow.
        if !SEPARATOR.is_match(behind) {
            continue;
        }
        let Some(parts) = SEPARATOR.captures(behind) else {
            continue;
        };
        let reads_environment = |call: Match| call.as_str().contains("env") || call.as_str().contains("Env");
        if is_about(name.as_str(), &parts["tail"]) || parts.name("call").is_some_and(reads_environment) {
            continue;
        }
        if let Some(value) = secret(text, &name, &parts) {
            at = value.end;
            found.push(value);
        }
    }
    found
}

/// The value behind the name, if it is a secret.
fn secret(text: &str, name: &Match, parts: &Captures) -> Option<Range<usize>> {
    static READABLE: LazyLock<Regex> =
        LazyLock::new(|| compiled(&format!("^(?i-u)(?:{}|secret)$", patterns::PASSWORDS)));
    let start = name.end() + parts[0].len();
    let quote = parts.name("quote").map(|quote| quote.as_str());
    let looked_at = window(text, start);
    let ends = value_ends(quote);
    let end = start + ends.find(looked_at).map_or(looked_at.len(), |end| end.start());
    let value = text[start..end].trim_end_matches('\\');
    if value.len() < SHORTEST {
        return None;
    }
    let form = if quote.is_some() {
        Form::Text
    } else if value.starts_with('!') {
        // A tag in YAML says that the value is somewhere else.
        return None;
    } else {
        form(text, &name.range(), parts, end)?
    };
    let is_secret = match form {
        Form::Text if READABLE.is_match(name.as_str()) => is_password(value) || is_random(value),
        Form::Text => is_random(value),
        Form::Bare => is_random(value) && !is_constant(value),
    };
    if !is_secret {
        return None;
    }
    // Only a secret is followed to its end, as the search goes on behind it.
    let end = if end == start + looked_at.len() {
        ends.find_at(text, end).map_or(text.len(), |end| end.start())
    } else {
        start + value.len()
    };
    Some(start..end)
}

/// How a value without quotes is written that ends there; nothing where it is none.
fn form(text: &str, name: &Range<usize>, parts: &Captures, end: usize) -> Option<Form> {
    let operator = parts.name("operator").map_or("", |operator| operator.as_str());
    let full = start_of_name(text, name.start);
    let before = &text[line_start(text, full)..full];
    let is_flag = text[full..].starts_with("--");
    if operator.is_empty() {
        return (is_flag || before.ends_with("ENV ")).then_some(Form::Text);
    }
    if parts.name("call").is_some() || !matches!(operator, ":" | "=" | ">") {
        return None;
    }
    let after = &text[end..];
    if operator == ">" {
        return after.starts_with("</").then_some(Form::Text);
    }
    let is_loud = !text[full..name.end].chars().any(char::is_lowercase) && parts["between"] == *"=";
    let is_query = before.ends_with(['?', '&']) || after.starts_with('&');
    let is_setting = matches!(before.trim(), "" | "-" | "#" | "export" | "set" | "ENV" | "ARG")
        && (matches!(after.as_bytes().first(), None | Some(b'\n' | b'\r'))
            || after.trim_start_matches(' ').starts_with('#'));
    Some(if is_flag || is_loud || is_query || is_setting {
        Form::Text
    } else {
        Form::Bare
    })
}

/// So much of the text as is looked at from there on.
fn window(text: &str, at: usize) -> &str {
    &text[at..text.floor_char_boundary(at.saturating_add(REACH))]
}

/// Where a value may end that such a quote opened, or none.
fn value_ends(quote: Option<&str>) -> &'static Regex {
    static ENDS: LazyLock<[Regex; 4]> =
        LazyLock::new(|| [r#"["\s]"#, r"['\s]", r"[`\s]", r#"["'`;,&)}\]<\s]"#].map(compiled));
    &ENDS[match quote {
        Some("\"") => 0,
        Some("'") => 1,
        Some(_) => 2,
        None => 3,
    }]
}

/// Where the name starts that goes on there.
fn start_of_name(text: &str, at: usize) -> usize {
    const LONGEST: usize = 64;
    let in_name = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let before = &text.as_bytes()[at.saturating_sub(LONGEST)..at];
    at - before.iter().rev().take_while(in_name).count()
}

/// Where the line starts, or so much of it as is looked at.
fn line_start(text: &str, at: usize) -> usize {
    let start = text.ceil_char_boundary(at.saturating_sub(REACH));
    text[start..at].rfind('\n').map_or(start, |line| start + line + 1)
}

/// Whether a name that goes on like this speaks about a secret, or about something else: `tokenizer`, `token_type`,
/// `passwordField`.
fn is_about(name: &str, tail: &str) -> bool {
    let is_upper = name.ends_with(|c: char| c.is_ascii_uppercase());
    let goes_on = tail.starts_with(|c: char| c.is_ascii_lowercase() || (is_upper && c.is_ascii_uppercase()));
    let start = tail
        .rfind(|c: char| c == '_' || c == '-' || (!is_upper && c.is_ascii_uppercase()))
        .unwrap_or(0);
    let word = tail[start..].trim_start_matches(['_', '-']).to_ascii_lowercase();
    (goes_on && word != "key" && word != "s") || patterns::ABOUT.contains(&word.as_str())
}

/// Whether a word is the name of a constant.
fn is_constant(word: &str) -> bool {
    word.contains('_') && !word.bytes().any(|b| b.is_ascii_lowercase())
}
