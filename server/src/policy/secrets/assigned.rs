//! Values that stand behind, below or beside a name that says that they are secret.
//!
//! Pure: it sees a text and must not know what becomes of what it finds.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Match, Regex};

use super::values::{self, SHORTEST, is_password, is_random};
use super::{below, compiled, pairs, patterns};

/// So many bytes are looked at behind a name, and as many for a value.
pub(super) const REACH: usize = 192;

/// No longer words of names are parts of many other words, so that they have to stand for themselves.
const SHORT: usize = 5;

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// What can be nothing but text: between quotes, after a flag, in a file of settings.
    Text,
    /// What may be an expression.
    Bare,
}

/// The name of a secret, where it stands.
pub(super) struct Name {
    /// The word in it that says so.
    pub(super) word: Range<usize>,
    /// Where the whole name begins.
    pub(super) full: usize,
    /// Where its line begins, or so much of it as is looked at.
    pub(super) line: usize,
    /// What is written there may be short and readable.
    readable: bool,
}

impl Name {
    /// Whether a value is a secret behind this name.
    pub(super) fn holds(&self, value: &str, form: Form) -> bool {
        match form {
            Form::Text if self.readable => is_password(value) || is_random(value),
            Form::Text => is_random(value),
            Form::Bare => is_random(value) && !is_constant(value) && !values::is_names(value) && !is_path(value),
        }
    }

    /// Whether a value that the user is typing is a secret behind this name.
    fn may_hold(&self, value: &str) -> bool {
        const LONG: usize = 8;
        values::may_become_one(value) || (self.readable && value.len() >= LONG && !value.contains(' '))
    }
}

/// Where such values stand, as byte offsets. Of one that a cursor stands in, less is asked, as it is being typed.
pub(super) fn find(text: &str, cursor: Option<usize>) -> Vec<Range<usize>> {
    static NAMES: LazyLock<Regex> = LazyLock::new(|| {
        let words = [
            patterns::PASSWORDS,
            patterns::KEYS,
            patterns::SHORT_PASSWORDS,
            patterns::SHORT_KEYS,
        ];
        compiled(&format!("(?i-u)(?:{})", words.join("|")))
    });
    static SEPARATOR: LazyLock<Regex> = LazyLock::new(|| compiled(patterns::SEPARATOR));
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(word) = NAMES.find_at(text, at) {
        at = word.end();
        if word.len() <= SHORT && !stands_alone(text, &word.range()) {
            continue;
        }
        let behind = window(text, word.end());
        // The search for the groups is slow, so that it is kept for what a value may follow.
        let parts = SEPARATOR.is_match(behind).then(|| SEPARATOR.captures(behind)).flatten();
        if parts
            .as_ref()
            .is_some_and(|parts| is_about(word.as_str(), &parts["tail"]))
        {
            continue;
        }
        let name = name(text, &word);
        let parts = parts.filter(|parts| !is_other(text, &name, parts));
        if let Some((start, quote)) = pairs::beside(text, &name) {
            let value = start..value_end(text, start, quote);
            if name.holds(&text[value.clone()], Form::Text) || typed(text, &name, &value, cursor) {
                let value = whole(text, value, quote);
                at = at.max(value.end);
                found.push(value);
                continue;
            }
        }
        let Some(parts) = parts.filter(|parts| !is_call(parts)) else {
            continue;
        };
        let value = behind_name(text, &name, &parts, cursor);
        at = value.as_ref().map_or(at, |value| value.end);
        match value {
            Some(value) => found.push(value),
            None => {
                let lines = below::find(text, &name, name.word.end + parts[0].len(), &parts, cursor);
                at = lines.last().map_or(at, |line| line.end);
                found.extend(lines);
            }
        }
    }
    found
}

fn name(text: &str, word: &Match) -> Name {
    static READABLE: LazyLock<Regex> = LazyLock::new(|| {
        compiled(&format!(
            "^(?i-u)(?:{}|{}|secret)$",
            patterns::PASSWORDS,
            patterns::SHORT_PASSWORDS
        ))
    });
    let full = start_of_name(text, word.start());
    Name {
        word: word.range(),
        full,
        line: line_start(text, full),
        readable: READABLE.is_match(word.as_str()),
    }
}

/// The value behind the name on its line, if it is a secret.
fn behind_name(text: &str, name: &Name, parts: &Captures, cursor: Option<usize>) -> Option<Range<usize>> {
    let mut start = name.word.end + parts[0].len();
    let quote = parts.name("quote").map(|quote| quote.as_str());
    let mut end = value_end(text, start, quote);
    let form = if quote.is_some() {
        Form::Text
    } else {
        if is_connection(text, name, parts, end) && text[start..end].starts_with('{') {
            start += 1;
            end = value_end(text, start, quote);
        }
        // A tag in YAML says that the value is somewhere else.
        if text[start..end].starts_with('!') {
            return None;
        }
        form(text, name, parts, end)?
    };
    let value = start..end;
    let is_typed = form == Form::Text && typed(text, name, &value, cursor);
    let is_secret = value.len() >= SHORTEST && name.holds(&text[value.clone()], form);
    (is_secret || is_typed).then(|| whole(text, value, quote))
}

/// Whether a value may become a secret that a cursor stands in.
pub(super) fn typed(text: &str, name: &Name, value: &Range<usize>, cursor: Option<usize>) -> bool {
    cursor
        .is_some_and(|cursor| value.start < cursor && cursor <= value.end && name.may_hold(&text[value.start..cursor]))
}

/// Where a value ends that begins there, after such a quote or none, as far as is looked at.
pub(super) fn value_end(text: &str, start: usize, quote: Option<&str>) -> usize {
    let looked_at = window(text, start);
    let end = value_ends(quote)
        .find(looked_at)
        .map_or(looked_at.len(), |end| end.start());
    start + looked_at[..end].trim_end_matches('\\').len()
}

/// A secret to its very end. Only a secret is followed, as the search goes on behind it.
fn whole(text: &str, value: Range<usize>, quote: Option<&str>) -> Range<usize> {
    if value.end < value.start + window(text, value.start).len() {
        return value;
    }
    let end = value_ends(quote).find_at(text, value.end);
    value.start..end.map_or(text.len(), |end| end.start())
}

/// How a value without quotes is written that ends there; nothing where it is none.
fn form(text: &str, name: &Name, parts: &Captures, end: usize) -> Option<Form> {
    let operator = parts.name("operator").map_or("", |operator| operator.as_str());
    let before = &text[name.line..name.full];
    let is_flag = text[name.full..].starts_with('-') || before.ends_with('-');
    if operator.is_empty() {
        let sets = ["ENV ", "setenv ", "set -x ", "set -gx ", "set -Ux ", "setx "];
        return (is_flag || sets.iter().any(|set| before.ends_with(set))).then_some(Form::Text);
    }
    if parts.name("call").is_some() || !matches!(operator, ":" | "=" | ">" | ":=" | "::=" | "?=" | "+=") {
        return None;
    }
    let after = &text[end..];
    if operator == ">" {
        return after.starts_with("</").then_some(Form::Text);
    }
    let is_tight = parts["between"] == *"=";
    let is_loud = is_tight && !text[name.full..name.word.end].chars().any(char::is_lowercase);
    let is_argument = is_tight && before.trim_end_matches(['"', '\'']).ends_with(['=', ' ']) && before.contains(" -");
    let is_query = before.ends_with(['?', '&']) || after.starts_with('&');
    let is_setting = matches!(
        before.trim(),
        "" | "-" | "#" | "//" | ";" | "export" | "set" | "set \"" | "ENV" | "ARG" | "local" | "readonly" | "declare -x"
    ) && (matches!(after.as_bytes().first(), None | Some(b'\n' | b'\r'))
        || after.trim_start_matches([' ', '"']).starts_with(['#', '\n'])
        || (after.starts_with('"') && before.ends_with('"')));
    let is_text = is_flag || is_loud || is_argument || is_query || is_setting || is_connection(text, name, parts, end);
    Some(if is_text { Form::Text } else { Form::Bare })
}

/// Whether a value is one of a string by which programs connect to a database: `Server=host;Password=…;`.
fn is_connection(text: &str, name: &Name, parts: &Captures, end: usize) -> bool {
    static OTHERS: LazyLock<Regex> = LazyLock::new(|| {
        compiled(concat!(
            r"(?i-u)\b(?:server|host|hostname|data source|address|user(?: ?id|name)?|uid|database|dbname|dsn|driver",
            r"|endpoint|provider|initial catalog|port|jdbc:[a-z]{2,16}:) ?[=/]"
        ))
    });
    let after = window(text, end);
    let after = &after[..after.find('\n').unwrap_or(after.len())];
    let before = &text[name.line..name.full];
    let is_one =
        before.trim_end().ends_with([';', '"', '\'', '`', '=', '>']) || after.starts_with(';') || before.ends_with(' ');
    parts.name("operator").is_some_and(|operator| operator.as_str() == "=")
        && is_one
        && (OTHERS.is_match(before) || OTHERS.is_match(after))
}

/// So much of the text as is looked at from there on.
pub(super) fn window(text: &str, at: usize) -> &str {
    &text[at..text.floor_char_boundary(at.saturating_add(REACH))]
}

/// Where a value may end that such a quote opened, or none.
fn value_ends(quote: Option<&str>) -> &'static Regex {
    static ENDS: LazyLock<[Regex; 4]> =
        LazyLock::new(|| [r#"["\s]"#, r"['\s]", r"[`\s]", r#"["'`;,&)}\]<\s]"#].map(compiled));
    &ENDS[match quote.and_then(|quote| quote.chars().next()) {
        Some('"') => 0,
        Some('\'') => 1,
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

/// Whether a word stands for itself within a name: `db_pass`, `dbPass`, but not `compass` or `passage`.
fn stands_alone(text: &str, word: &Range<usize>) -> bool {
    let bytes = text.as_bytes();
    let begins = match (bytes[..word.start].last(), bytes[word.start]) {
        (Some(before), first) if before.is_ascii_alphabetic() => {
            before.is_ascii_lowercase() && first.is_ascii_uppercase()
        }
        _ => true,
    };
    let ends = match (bytes[word.end - 1], bytes.get(word.end)) {
        (last, Some(after)) if after.is_ascii_alphabetic() => last.is_ascii_lowercase() && after.is_ascii_uppercase(),
        _ => true,
    };
    begins && ends
}

/// Whether what stands behind a name is a call that gives another value than the text in it.
fn is_call(parts: &Captures) -> bool {
    let Some(call) = parts.name("call").map(|call| call.as_str()) else {
        return false;
    };
    let of_a_secret = || {
        let object = call
            .rsplit_once('.')
            .map_or("", |(object, _)| object)
            .to_ascii_lowercase();
        ["pass", "pwd", "secret", "token", "key"]
            .iter()
            .any(|word| object.contains(word))
    };
    call.contains("env") || call.contains("Env") || of_a_secret()
}

/// Whether what follows a name is no value of it: the next one of a list, or the argument of a method with a short name.
fn is_other(text: &str, name: &Name, parts: &Captures) -> bool {
    let is_short = name.word.len() < SHORT;
    match parts.name("operator").map(|operator| operator.as_str()) {
        Some(",") => {
            let before = text[..name.full].trim_end_matches(['"', '\'', '`']);
            !before.ends_with(['(', '['])
        }
        Some("(") => is_short && text[..name.word.start].ends_with('.'),
        None => is_short && parts.name("quote").is_some() && !text[name.full..].starts_with('-'),
        _ => false,
    }
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

/// Whether a word is a name within another one: `module.Type2`.
fn is_path(word: &str) -> bool {
    let begins = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    word.contains('.') && word.split('.').all(begins)
}

/// Whether a word is the name of a constant.
fn is_constant(word: &str) -> bool {
    word.contains('_') && !word.bytes().any(|b| b.is_ascii_lowercase())
}
