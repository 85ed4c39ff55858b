//! Which parts of a text look like keys or passwords, and the text without them.
//!
//! Pure: it sees a text and must not know files, languages or settings.
//!
//! What is found: keys of known services by their form, passwords in URLs and headers, private keys in PEM form, and
//! literals that look random or like a password where the name before them says what they are. What is not found: a key
//! of unknown form under a name that says nothing, and a password that is a plain word.
//!
//! A line's redaction depends on that line alone, so that a text cut at line starts has the redactions of the whole. The
//! exception is a PEM block. Where a cut took its first or last line away, the lines of base64 next to the other one
//! still go, and so do two or more lines of the usual lengths that stand by themselves.

mod patterns;

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
    found.extend(assignments(text));
    found.extend(key_blocks(text));
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
    for whole in FORMATS.find_iter(text) {
        // The groups are asked for where there is a match only, as that search is the slow one.
        let value = GROUPED
            .captures(&text[whole.range()])
            .and_then(|groups| groups.iter().skip(1).flatten().next().map(|group| group.range()))
            .map_or(whole.range(), |group| {
                whole.start() + group.start..whole.start() + group.end
            });
        let secret = &text[value.clone()];
        if value == whole.range() || !is_placeholder(secret) {
            found.push(value);
        }
    }
    found
}

/// Literals assigned to a name that says that they are secret.
fn assignments(text: &str) -> Vec<Range<usize>> {
    static NAMES: LazyLock<Regex> =
        LazyLock::new(|| compiled(&format!("(?i-u)(?:{}|{})", patterns::PASSWORDS, patterns::KEYS)));
    static SEPARATOR: LazyLock<Regex> = LazyLock::new(|| {
        compiled(concat!(
            r#"^(?-u)(?<tail>[A-Za-z0-9_-]{0,40})\\?["'`]?\]?"#,
            r#"(?:[ \t]{0,8}:[ \t]{0,8}[&*'A-Za-z_][A-Za-z0-9_<>&*': \[\]?]{0,40}(?<typed>=)|\[\d*\][ \t]*="#,
            r#"|[ \t]{0,40}(?::=|=>|[=!]==?|=|:|,|\()|[ \t]{1,40})[ \t]{0,40}"#,
            r#"(?:&?[A-Za-z_][A-Za-z0-9_:.]{0,40}!?\()?(?:[A-Za-z$@]{0,2}\\?["'`])?"#,
        ))
    });
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(name) = NAMES.find_at(text, at) {
        at = name.end();
        let Some(parts) = SEPARATOR.captures(&text[name.end()..]) else {
            continue;
        };
        let between = &parts[0];
        let tail = &parts["tail"];
        if is_about(tail) || between.contains("env") || between.contains("Env") {
            continue;
        }
        let start = name.end() + between.len();
        let quote = between.chars().last().filter(|c| matches!(c, '"' | '\'' | '`'));
        let separator = between[tail.len()..].trim_matches(['"', '\'', '`', '\\']);
        let quote = quote.filter(|_| !separator.is_empty());
        let bare = separator.trim();
        let full = whole_name(text, name.start());
        let shouted = !full.chars().any(char::is_lowercase);
        let form = if quote.is_some() {
            Form::Quoted
        } else if full.starts_with("--") || (bare.is_empty() && text[..name.start() - (full.len())].ends_with("ENV ")) {
            Form::Word
        } else if bare.is_empty() || bare.contains(['(', ',']) {
            continue;
        } else if separator == "=" && shouted {
            Form::Word
        } else {
            Form::Bare
        };
        let end = value_end(text, start, quote);
        let readable = PASSWORD.is_match(name.as_str());
        let value = text[start..end].trim_end_matches('\\');
        let secret = match form {
            Form::Quoted | Form::Word => {
                (readable || name.as_str().eq_ignore_ascii_case("secret")) && is_password(value)
            }
            Form::Bare => false,
        };
        if secret || is_random(value) {
            found.push(start..start + value.len());
            at = start + value.len();
        }
    }
    found
}

static PASSWORD: LazyLock<Regex> = LazyLock::new(|| compiled(&format!("^(?i-u)(?:{})$", patterns::PASSWORDS)));

/// How a value is written.
enum Form {
    /// Between quotes.
    Quoted,
    /// A word that can be nothing but text: after a flag, or in a file of environment variables.
    Word,
    /// A word that may be an expression.
    Bare,
}

/// The part of a name that stands before `at`.
fn whole_name(text: &str, at: usize) -> &str {
    const LONGEST: usize = 64;
    let before = &text.as_bytes()[at.saturating_sub(LONGEST)..at];
    let part = before
        .iter()
        .rev()
        .take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        .count();
    &text[at - part..at]
}

/// Where the value ends that starts there: at its quote, or at what cannot be in a word.
fn value_end(text: &str, start: usize, quote: Option<char>) -> usize {
    /// So many bytes are looked at; nothing that is longer is a key, and a long line stays linear.
    const LONGEST: usize = 1024;
    let ends = |c: char| match quote {
        Some(quote) => c == quote || c.is_whitespace(),
        None => c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ';' | ',' | '&' | ')' | '}' | ']'),
    };
    let mut end = start;
    for c in text[start..].chars() {
        if ends(c) || end - start > LONGEST {
            break;
        }
        end += c.len_utf8();
    }
    end
}

/// Whether a name that goes on like this speaks about a secret: `token_type`, `passwordField`.
fn is_about(tail: &str) -> bool {
    let start = tail
        .rfind(|c: char| c == '_' || c == '-' || c.is_ascii_uppercase())
        .unwrap_or(0);
    let word = tail[start..].trim_start_matches(['_', '-']).to_ascii_lowercase();
    patterns::ABOUT.contains(&word.as_str())
}

/// Whether a value stands for a secret that is somewhere else.
fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    value.starts_with(['$', '%', '<', '{', '[', '(', '*', '/', '#', '.'])
        || value.contains(['{', '}', '<', '>', '(', ')'])
        || patterns::PLACEHOLDERS.iter().any(|word| lower.contains(word))
        || value.bytes().all(|b| b == value.as_bytes()[0])
}

/// Whether a text may be a password that a person chose: it mixes letters with digits or signs.
fn is_password(value: &str) -> bool {
    if !(6..=128).contains(&value.len()) || value.contains(['[', ']', '\\', '|', ' ']) || is_placeholder(value) {
        return false;
    }
    let has = |test: fn(char) -> bool| value.chars().any(test);
    has(char::is_alphabetic) && (has(|c| c.is_ascii_digit()) || has(|c| "!@#$%^&*?~+=".contains(c)))
}

/// Whether a text looks as if a machine had made it up.
fn is_random(value: &str) -> bool {
    let regular = |b: u8| b.is_ascii_alphanumeric() || b"+/=_-.~!@#$%^&*".contains(&b);
    if value.len() < 16 || !value.bytes().all(regular) || value.contains("://") || is_placeholder(value) {
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
    let mixed = (digits >= 2 && lower + upper >= 2) || (value.len() >= 24 && lower >= 4 && upper >= 4);
    mixed && signs * 4 <= value.len() && changes * 5 >= value.len() && entropy(bytes) >= 3.0
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

/// The lines of base64 in private keys of several lines.
fn key_blocks(text: &str) -> Vec<Range<usize>> {
    static LINE: LazyLock<Regex> = LazyLock::new(|| {
        compiled(r#"(?m-u)^[ \t#*/+"'`]{0,40}([A-Za-z0-9+/=]{16,128})(?:\\[rn])*["'`,;+ \t.)\\]{0,20}\r?$"#)
    });
    static EDGE: LazyLock<Regex> = LazyLock::new(|| compiled("(?-u)-----(BEGIN|END) [A-Z ]{0,24}PRIVATE KEY"));
    let line = |start: usize, end: usize| {
        let groups = LINE.captures(&text[start..end])?;
        let body = groups.get(1)?;
        Some(start + body.start()..start + body.end())
    };
    let line_end = |at: usize| text[at..].find('\n').map_or(text.len(), |next| at + next);
    let mut found = Vec::new();
    let mut edge_end = 0;
    for edge in EDGE.captures_iter(text) {
        let whole = edge.get(0).expect("a match has a whole");
        if &edge[1] == "BEGIN" {
            let mut start = line_end(whole.end()) + 1;
            while start < text.len() {
                let end = line_end(start);
                let header = text[start..end].contains(": ") || text[start..end].trim().is_empty();
                match line(start, end) {
                    Some(body) => found.push(body),
                    None if header && end - start < 100 => {}
                    None => {
                        // The last line of a key may be short, and is one if the end follows.
                        let short = text[start..end].trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '=');
                        let next = (end + 1).min(text.len());
                        if !short.is_empty() && short.len() < 16 && text[next..line_end(next)].contains("-----END ") {
                            let at = start + text[start..end].find(short).unwrap_or(0);
                            found.push(at..at + short.len());
                        }
                        break;
                    }
                }
                start = end + 1;
            }
            edge_end = start;
        } else {
            let mut end = text[..whole.start()].rfind('\n');
            let mut first = true;
            while let Some(stop) = end.filter(|&stop| stop >= edge_end.min(whole.start()) && stop > 0) {
                let start = text[..stop].rfind('\n').map_or(0, |at| at + 1);
                let short = text[start..stop].trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '=');
                match line(start, stop) {
                    Some(body) => found.push(body),
                    None if first && !short.is_empty() && short.len() < 16 && !short.contains(' ') => {
                        let at = start + text[start..stop].find(short).unwrap_or(0);
                        found.push(at..at + short.len());
                    }
                    None => break,
                }
                first = false;
                end = start.checked_sub(1);
            }
            edge_end = whole.end();
        }
    }
    found.extend(loose_lines(text));
    found
}

/// Two or more lines below each other that are nothing but base64 in the lengths that keys are broken into.
fn loose_lines(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut run: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let body = line.trim_matches(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '+' | '/' | '='));
        let keyed = matches!(body.len(), 64 | 70 | 76)
            && line.len() < 120
            && body
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
            && [u8::is_ascii_uppercase, u8::is_ascii_lowercase, u8::is_ascii_digit]
                .iter()
                .all(|class| body.bytes().filter(class).count() >= 2);
        if keyed {
            let at = start + line.find(body).unwrap_or(0);
            run.push(at..at + body.len());
        } else {
            if run.len() >= 2 {
                found.append(&mut run);
            }
            run.clear();
        }
        start += line.len();
    }
    if run.len() >= 2 {
        found.append(&mut run);
    }
    found
}

#[cfg(test)]
mod tests;
