//! A trace: what an editor sent while somebody typed, and when.
//!
//! One JSON object a line: `{"ms": 120, "method": "textDocument/didChange", "params": {…}, "cursor": {"uri": …,
//! "line": 3, "character": 8}}`. `method` and `params` are a notification, `cursor` is where a suggestion is asked for
//! after it; a line has at least one of both. It must not know who plays it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

/// What the trace may send.
const NOTIFICATIONS: [&str; 3] = [
    "textDocument/didOpen",
    "textDocument/didChange",
    "textDocument/didClose",
];

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// When, from the beginning.
    pub(super) at: Duration,
    /// The method and the parameters of a notification.
    pub(super) notification: Option<(String, Value)>,
    /// Where a suggestion is asked for.
    pub(super) cursor: Option<Cursor>,
}

/// A place in a document, as the protocol counts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cursor {
    pub(super) uri: String,
    pub(super) line: u32,
    pub(super) character: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    ms: u64,
    method: Option<String>,
    params: Option<Value>,
    cursor: Option<Cursor>,
}

/// Reads a trace. An error says which line is malformed, counted from 1, and how.
pub(super) fn parse(text: &str) -> Result<Vec<Step>, (usize, String)> {
    let mut steps: Vec<Step> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let step = step(line).map_err(|what| (number + 1, what))?;
        if steps.last().is_some_and(|before| step.at < before.at) {
            return Err((number + 1, "it is earlier than the line before".to_owned()));
        }
        steps.push(step);
    }
    match steps.iter().any(|step| step.cursor.is_some()) {
        true => Ok(steps),
        false => Err((1, "no line has a cursor, so nothing would be asked for".to_owned())),
    }
}

fn step(line: &str) -> Result<Step, String> {
    let line: Line = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let notification = match (line.method, line.params) {
        (Some(method), Some(params)) => {
            if !NOTIFICATIONS.contains(&method.as_str()) {
                return Err(format!(
                    "the method is {method}, expected one of {}",
                    NOTIFICATIONS.join(", ")
                ));
            }
            Some((method, params))
        }
        (None, None) if line.cursor.is_some() => None,
        (None, None) => return Err("it has neither a method nor a cursor".to_owned()),
        _ => return Err("method and params come together".to_owned()),
    };
    Ok(Step {
        at: Duration::from_millis(line.ms),
        notification,
        cursor: line.cursor,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURSOR: &str = r#"{"ms": 5, "cursor": {"uri": "file:///a", "line": 1, "character": 2}}"#;

    #[test]
    fn a_line_is_a_notification_a_cursor_or_both() {
        let change = r#"{"ms": 0, "method": "textDocument/didChange", "params": {"x": 1}}"#;
        let steps = parse(&format!("{change}\n{CURSOR}\n")).unwrap();
        assert_eq!(steps.len(), 2);
        let (method, params) = steps[0].notification.as_ref().unwrap();
        assert_eq!((method.as_str(), &params["x"]), ("textDocument/didChange", &1.into()));
        assert_eq!(steps[1].at, Duration::from_millis(5));
        assert_eq!(steps[1].cursor.as_ref().unwrap().character, 2);
    }

    #[test]
    fn what_is_malformed_is_named() {
        let check = |text: &str, line: usize, what: &str| {
            let (number, message) = parse(text).unwrap_err();
            assert!(number == line && message.contains(what), "{number}: {message}");
        };
        check("", 1, "no line has a cursor");
        check("{", 1, "EOF");
        check(&format!("{CURSOR}\nx"), 2, "expected value");
        check(
            &format!("{CURSOR}\n{}", CURSOR.replace('5', "4")),
            2,
            "earlier than the line before",
        );
        check(&CURSOR.replace("uri", "url"), 1, "unknown field");
        check(r#"{"ms": 0}"#, 1, "neither a method nor a cursor");
        check(r#"{"ms": -1}"#, 1, "invalid value");
        check(r#"{"ms": 0, "method": "textDocument/didOpen"}"#, 1, "come together");
        check(
            r#"{"ms": 0, "method": "shutdown", "params": {}}"#,
            1,
            "the method is shutdown, expected one of",
        );
    }
}
