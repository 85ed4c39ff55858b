//! Values that are known by what stands around them: in URLs, headers, cookies and calls of tools.
//!
//! Pure: it sees a text and must not know what becomes of what it finds.

use std::ops::Range;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{compiled, patterns, values};

/// Where such values stand, as byte offsets.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    static CONTEXTS: LazyLock<Regex> = LazyLock::new(|| compiled(&format!("(?-u:{})", patterns::CONTEXTS.join("|"))));
    static GROUPED: LazyLock<Regex> = LazyLock::new(|| compiled(&format!("^{}", CONTEXTS.as_str())));
    let mut found = cookies(text);
    let mut at = 0;
    while let Some(whole) = CONTEXTS.find_at(text, at) {
        at = whole.end();
        // The groups are asked for where there is a match only, as that search is the slow one.
        let Some(groups) = GROUPED.captures(whole.as_str()) else {
            continue;
        };
        let Some(group) = groups.iter().skip(1).flatten().next() else {
            continue;
        };
        if is_none(&groups, group.as_str()) {
            // Inside what is none by its place may be one by its form.
            at = whole.start() + group.start();
        } else {
            found.push(whole.start() + group.start()..whole.start() + group.end());
        }
    }
    found
}

/// Whether what a context's group found is no secret after all.
fn is_none(groups: &Captures, value: &str) -> bool {
    let random = ["random1", "random2", "random3"]
        .iter()
        .any(|name| groups.name(name).is_some());
    (groups.name("key").is_none() && values::is_placeholder(value))
        || (groups.name("basic").is_some() && !values::is_login(value))
        || (random && !values::is_random(value))
}

/// The values in headers that set or send cookies.
fn cookies(text: &str) -> Vec<Range<usize>> {
    const LONGEST: usize = 2048;
    static HEADER: LazyLock<Regex> =
        LazyLock::new(|| compiled(r#"(?-u)\b(?:[Ss]et-)?[Cc]ookie["'`]? {0,4}[:=,] {0,4}["'`]?"#));
    static VALUE: LazyLock<Regex> = LazyLock::new(|| compiled(r#"[A-Za-z0-9_.-]{1,64}=([^;"'`\s\\]{8,})"#));
    let mut found = Vec::new();
    let mut end = 0;
    for header in HEADER.find_iter(text) {
        if header.start() < end {
            continue;
        }
        let line = &text[header.end()..text.floor_char_boundary(header.end().saturating_add(LONGEST))];
        let line = &line[..line.find('\n').unwrap_or(line.len())];
        end = header.end() + line.len();
        let values = VALUE.captures_iter(line).filter_map(|groups| groups.get(1));
        let secret = values.filter(|value| values::is_password(value.as_str()) || values::is_random(value.as_str()));
        found.extend(secret.map(|value| header.end() + value.start()..header.end() + value.end()));
    }
    found
}
