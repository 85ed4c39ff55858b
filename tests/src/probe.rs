//! Whether the server has the text of a document that the client has. The protocol does not show a server's text, but
//! places inside a word are refused by name, without the model.

use serde_json::json;

use crate::{Client, Random, position};

/// Checks the text at this many places inside words and a few others, and where it ends. All that the server sent before
/// must be taken out of the inbox, columns must be UTF-16, and no edit of the document may be under way.
#[track_caller]
pub fn check_text(client: &mut Client, uri: &str, text: &str, random: &mut Random, places: usize) {
    let mut inside = Vec::new();
    let mut outside = Vec::new();
    let mut line_column = (0, 0);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let (line, column) = line_column;
        if character.is_alphanumeric() || character == '_' {
            inside.push(line_column);
        } else {
            outside.push(line_column);
        }
        line_column = match character {
            '\r' if characters.peek() == Some(&'\n') => continue,
            '\n' | '\r' => (line + 1, 0),
            _ => (line, column + character.len_utf16()),
        };
    }
    let end = line_column;
    let check = |client: &mut Client, (line, column): (usize, usize), right: &dyn Fn(&str) -> bool| {
        client.inline(uri, &position(line, column));
        let reason = client.last_request()["reason"].as_str().unwrap_or_default().to_owned();
        assert!(
            right(&reason),
            "{uri}:{line}:{column} is answered {reason:?}, and the text should be {}",
            excerpt(text, line)
        );
    };
    for _ in 0..places.min(inside.len()) {
        check(client, *random.pick(&inside), &|reason| reason == "inside-word");
    }
    // The model runs for these, so they are few.
    let in_document = |reason: &str| !matches!(reason, "inside-word" | "stale-document");
    for _ in 0..outside.len().min(2) {
        check(client, *random.pick(&outside), &in_document);
    }
    // What is past the end is the end: a word that is put there is found where the text should end, and taken away again.
    let far = position(end.0 + 1 + random.below(9), random.below(9));
    client.insert(uri, 0, &far, "ab");
    check(client, (end.0, end.1 + 1), &|reason| reason == "inside-word");
    let word = json!({"start": position(end.0, end.1), "end": far});
    client.change(uri, 0, json!([{"range": word, "text": ""}]));
    check(client, (end.0 + 1, 0), &in_document);
}

/// The text around a line; lines are split roughly, as it is for a person to read.
fn excerpt(text: &str, line: usize) -> String {
    let lines = text.split(['\n', '\r']).skip(line.saturating_sub(2)).take(5);
    let excerpt: String = lines.collect::<Vec<_>>().join("\n").chars().take(1000).collect();
    format!("{excerpt:?}")
}
