//! The values in a Kubernetes Secret, whose names say nothing: what stands below `data` and `stringData`.
//!
//! Pure: it sees a text and must not know what becomes of what it finds.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::compiled;

/// Where such values stand, as byte offsets in order.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    static KIND: LazyLock<Regex> = LazyLock::new(|| {
        compiled(r#"(?m-u)^[ \t]{0,40}["']?kind["']?:[ \t]{0,8}["']?(?:Sealed)?Secret["']?[ \t,]{0,8}\r?$"#)
    });
    let mut found = Vec::new();
    let mut done = 0;
    for kind in KIND.find_iter(text) {
        if kind.start() < done {
            continue;
        }
        // The fields of an object come in any order, and objects are apart in YAML.
        let start = text[done..kind.start()].rfind("\n---").map_or(done, |at| done + at + 1);
        done = text[kind.end()..]
            .find("\n---")
            .map_or(text.len(), |at| kind.end() + at);
        values(text, start..done, &mut found);
    }
    found
}

fn values(text: &str, object: Range<usize>, found: &mut Vec<Range<usize>>) {
    // The indentation of the field that the lines are in, if its values are secret.
    let mut field: Option<usize> = None;
    let mut start = object.start;
    for line in text[object].split_inclusive('\n') {
        let inner = line.trim();
        let indent = line.len() - line.trim_start().len();
        let at = start + indent;
        start += line.len();
        if inner.is_empty() || inner.starts_with('#') {
            continue;
        }
        if field.is_some_and(|field| indent <= field) {
            field = None;
        }
        if field.is_none() {
            let name = inner.trim_start_matches(['"', '\'', '-', ' ']);
            let is_field = ["data", "stringData"].iter().any(|field| {
                let rest = name
                    .strip_prefix(field)
                    .map(|rest| rest.trim_start_matches(['"', '\'']));
                rest.is_some_and(|rest| matches!(rest.strip_prefix(':').map(str::trim), Some("" | "{")))
            });
            field = is_field.then_some(indent);
            continue;
        }
        // A line without a name goes on with the value above it.
        let value = inner.find(": ").map_or(0, |colon| colon + 2);
        if value == 0 && inner.ends_with(':') {
            continue;
        }
        let quotes: &[char] = &['"', '\'', ',', ' '];
        let text = inner[value..].trim_end_matches(quotes);
        let secret = text.trim_start_matches(quotes);
        if is_value(secret) {
            let from = at + value + text.len() - secret.len();
            found.push(from..from + secret.len());
        }
    }
}

/// Whether a value is one by itself, and no mark, template or reference.
fn is_value(value: &str) -> bool {
    const SHORTEST: usize = 4;
    value.len() >= SHORTEST && !value.starts_with(['|', '>', '$', '{', '<', '*', '&', '!', '%'])
}
