//! Ghost text while an editor's popup is open: it goes on with the entry that is selected there.

use codegemma_tests::{Client, Encoding, MODEL, items, position};
use serde_json::{Value, json};

const URI: &str = "file:///project/shapes.py";

/// Enough above the cursor that reading it again would be seen.
fn shapes(line: &str) -> String {
    let method =
        |number| format!("    def area_{number}(self):\n        return self.width * {number} + self.height\n\n");
    let methods: String = (0..12).map(method).collect();
    format!("class Shape:\n{methods}    def sum(self):\n        return {line}")
}

/// A server with a document whose last line, this one, is being written, and has been asked about once.
fn desk(line: &str) -> (Client, usize) {
    let settings = json!({"maxTokens": 6, "deadlineMs": 600_000, "idleShare": 0, "confidence": 0});
    let mut client = Client::ready_with(MODEL, Encoding::Utf16, settings);
    let text = shapes(line);
    client.open(URI, &text);
    let row = text.lines().count() - 1;
    // As without a popup; by then the document has its syntax tree, too.
    client.inline(URI, &position(row, column(line)));
    let first = client.last_request();
    assert!(count(&first, "forwarded_tokens") > 200, "{first}");
    (client, row)
}

/// The column behind `line`, after the return.
fn column(line: &str) -> usize {
    "        return ".len() + line.encode_utf16().count()
}

/// Asks at the end of the line with an entry selected that replaces this part of it.
fn ask(client: &mut Client, at: &Value, range: Value, text: &str) -> Vec<Value> {
    let params = json!({
        "textDocument": {"uri": URI},
        "position": at,
        "context": {"triggerKind": 2, "selectedCompletionInfo": {"range": range, "text": text}},
    });
    let id = client.request("textDocument/inlineCompletion", params);
    items(&client.result(id))
}

fn count(request: &Value, name: &str) -> u64 {
    request[name]
        .as_u64()
        .unwrap_or_else(|| panic!("no {name} in {request}"))
}

#[test]
fn ghost_text_goes_on_with_the_selected_entry() {
    let line = "self.wi";
    let (mut client, row) = desk(line);
    let cursor = position(row, column(line));
    let range = json!({"start": position(row, column("self.")), "end": cursor});
    for entry in ["width +", "x[0] -", "x\n        y = self."] {
        let found = ask(&mut client, &cursor, range.clone(), entry);
        let last = client.last_request();
        assert_eq!(found.len(), 1, "{entry}: {last}");
        let text = found[0]["insertText"].as_str().unwrap();
        assert!(text.starts_with(entry) && text.len() > entry.len(), "{text}");
        assert_eq!(found[0]["range"], range);
        assert_eq!(found[0]["filterText"], text);
        assert_eq!(found[0]["command"]["command"], "codegemma.accepted");
    }
}

/// Arrowing through a popup asks again for each entry, and what was read is read once.
#[test]
fn another_entry_costs_a_few_tokens() {
    let line = "self.wi";
    let (mut client, row) = desk(line);
    let cursor = position(row, column(line));
    let range = json!({"start": position(row, column("self.")), "end": cursor});
    for entry in ["width", "window", "size_of_all(self)", "width"] {
        ask(&mut client, &cursor, range.clone(), entry);
        let last = client.last_request();
        // One of them may be what was suggested without the popup.
        let along = last["source"] == "typed-along";
        assert!(along || last["anchor"] == "kept", "{entry}: {last}");
        let read = count(&last, "prompt_tokens") - count(&last, "reused_tokens");
        assert!(read <= 16, "{entry}: {last}");
    }
}

/// What VS Code does: the entry is accepted, and ghost text asked for where it ends.
#[test]
fn accepting_the_entry_goes_along_with_its_ghost_text() {
    let line = "self.wi";
    let (mut client, row) = desk(line);
    let (start, cursor) = (position(row, column("self.")), position(row, column(line)));
    let range = json!({"start": start, "end": cursor});
    let found = ask(&mut client, &cursor, range.clone(), "width");
    client.last_request();
    let rest = found[0]["insertText"]
        .as_str()
        .unwrap()
        .strip_prefix("width")
        .unwrap()
        .to_owned();
    // The user types on, with the same entry selected, and then accepts it.
    client.insert(URI, 2, &cursor, "d");
    let cursor = position(row, column("self.wid"));
    let range = json!({"start": start, "end": cursor});
    let found = ask(&mut client, &cursor, range.clone(), "width");
    assert_eq!(found[0]["insertText"], format!("width{rest}"));
    assert_eq!(found[0]["range"], range);
    assert_eq!(client.last_request()["source"], "typed-along");
    client.change(URI, 3, json!([{"range": range, "text": "width"}]));
    let found = client.inline(URI, &position(row, column("self.width")));
    assert_eq!(found[0]["insertText"], rest);
    assert_eq!(client.last_request()["source"], "typed-along");
}

/// What a client says of a popup that is not at the cursor counts for nothing.
#[test]
fn an_entry_away_from_the_cursor_is_left_out() {
    let line = "self.width * 2 +";
    let (mut client, row) = desk(line);
    let cursor = position(row, column(line));
    let expected = client.inline(URI, &cursor);
    assert_eq!(expected.len(), 1);
    let at = |line: usize, column: usize| position(line, column);
    for (start, end) in [
        (at(row, column("self.")), at(row, column("self.width"))),
        (cursor.clone(), at(row, column("self."))),
        (at(row - 1, 0), cursor.clone()),
        (at(row + 5, 0), at(row + 5, 1)),
        (at(usize::try_from(u32::MAX).unwrap(), 0), cursor.clone()),
    ] {
        let found = ask(&mut client, &cursor, json!({"start": start, "end": end}), "self.height");
        assert_eq!(found, expected, "{start} to {end}");
    }
}

/// Editors that replace the rest of a word say so: what follows the cursor there is gone with the entry.
#[test]
fn an_entry_may_replace_what_follows_the_cursor() {
    let line = "self.width";
    let (mut client, row) = desk(line);
    let cursor = position(row, column("self.wi"));
    let range = json!({"start": position(row, column("self.")), "end": position(row, column(line))});
    let found = ask(&mut client, &cursor, range.clone(), "height");
    assert_eq!(found.len(), 1, "{}", client.last_request());
    assert!(
        found[0]["insertText"].as_str().unwrap().starts_with("height"),
        "{found:?}"
    );
    assert_eq!(found[0]["range"], range);
    // With its end at the cursor the rest of the word stays, and nothing is suggested in front of that unasked.
    let range = json!({"start": position(row, column("self.")), "end": cursor});
    assert!(ask(&mut client, &cursor, range, "height").is_empty());
}
