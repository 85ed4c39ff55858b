//! What a client means by a message, in the exact shape that the protocol's types have.
//!
//! Clients write URIs in many ways, give positions that no number holds, and leave out what a server can do without. All of
//! that is mended here, before the message is read, so that handlers know one form. What cannot be done without, such as
//! a document's text, stays wrong, and is answered with an error. Pure; it must not know what becomes of a message.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tower_lsp::ls_types::{CompletionContext, SelectedCompletionInfo};

use super::uri;

/// The member of a request for ghost text that has the document's URI as the client wrote it, where that is not its one
/// spelling.
pub(super) const SPELLING: &str = "spelling";

/// The kind of a request for ghost text that does not say whether the user asked: then only what is likely right is shown.
const AUTOMATIC: i64 = 2;

/// The kind of a change to a watched file, where the client does not say which.
const CHANGED: i64 = 2;

/// Mends the parameters of a message, and says whether that changed anything.
pub(super) fn mend(method: &str, params: &mut Value) -> bool {
    match method {
        "initialize" => {
            // Everything that a client says there may be left out or be of a version that is not known here, so it is
            // taken as it is, in the one member that may be anything.
            let said = params.take();
            *params = json!({"capabilities": {}, "initializationOptions": said});
            return true;
        }
        "initialized" => return mend_unless(params, Value::is_object, || json!({})),
        "shutdown" | "exit" => return mend_unless(params, Value::is_null, || Value::Null),
        "workspace/didChangeConfiguration" => {
            return mend_unless(
                params,
                |params| params.get("settings").is_some(),
                || json!({"settings": null}),
            );
        }
        _ => {}
    }
    let written = params
        .pointer("/textDocument/uri")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let mut mended = mend_places(params);
    let Some(params) = params.as_object_mut() else {
        return mended;
    };
    for token in ["workDoneToken", "partialResultToken"] {
        mended |= remove_unless(params, token, |token| token.is_i64() || token.is_string());
    }
    mended |= match method {
        "textDocument/didChange" => {
            let document = params.get_mut("textDocument").and_then(Value::as_object_mut);
            let version = document.is_some_and(|document| mend_member(document, "version", is_i32, || json!(0)));
            let changes = params.get_mut("contentChanges").and_then(Value::as_array_mut);
            let changes = changes.into_iter().flatten().filter_map(Value::as_object_mut);
            changes.fold(version, |mended, change| {
                mended | change.remove("rangeLength").is_some()
            })
        }
        "textDocument/didSave" => params.remove("text").is_some(),
        "textDocument/completion" => mend_popup_context(params),
        "textDocument/inlineCompletion" => {
            let spelling = written.filter(|written| params["textDocument"]["uri"] != **written);
            let respelled = spelling.is_some();
            params.extend(spelling.map(|spelling| (SPELLING.to_owned(), json!(spelling))));
            respelled | mend_inline_context(params)
        }
        "workspace/didChangeWatchedFiles" => mend_list(params, "changes", |change| {
            if !matches!(change.get("type").and_then(Value::as_i64), Some(1..=3)) {
                change.insert("type".to_owned(), json!(CHANGED));
            }
        }),
        "workspace/didChangeWorkspaceFolders" => {
            let event = params.entry("event").or_insert_with(|| json!({}));
            if !event.is_object() {
                *event = json!({});
            }
            let event = event.as_object_mut().expect("it was made one");
            for list in ["added", "removed"] {
                mend_list(event, list, |folder| {
                    if !folder.get("name").is_some_and(Value::is_string) {
                        folder.insert("name".to_owned(), json!(""));
                    }
                });
            }
            true
        }
        "workspace/executeCommand" => match params.get_mut("arguments") {
            None | Some(Value::Array(_)) => false,
            Some(arguments) => {
                *arguments = match arguments.take() {
                    // The empty table of Lua, and one argument without its list.
                    Value::Object(argument) if argument.is_empty() => json!([]),
                    Value::Null => json!([]),
                    argument => json!([argument]),
                };
                true
            }
        },
        _ => false,
    };
    mended
}

/// Gives each URI its one spelling, each position numbers that the protocol's types hold, and each document a version and a
/// language: what is negative is the start, and what is too large is as large as possible.
fn mend_places(value: &mut Value) -> bool {
    match value {
        Value::Array(values) => values
            .iter_mut()
            .fold(false, |mended, value| mended | mend_places(value)),
        Value::Object(object) => {
            let mut mended = mend_position(object);
            if object.contains_key("uri") {
                let has_text = object.get("text").is_some_and(Value::is_string);
                if has_text || object.contains_key("version") {
                    mended |= mend_member(object, "version", is_i32, || json!(0));
                }
                if has_text {
                    mended |= mend_member(object, "languageId", Value::is_string, || json!(""));
                }
            }
            for (name, value) in object {
                mended |= match value {
                    // A cell of a notebook calls it `document`.
                    Value::String(spelling) if name == "uri" || name == "document" => {
                        let canonical = uri::canonical(spelling);
                        let differs = canonical != *spelling;
                        *spelling = canonical;
                        differs
                    }
                    value => mend_places(value),
                };
            }
            mended
        }
        _ => false,
    }
}

fn mend_position(object: &mut Map<String, Value>) -> bool {
    let number = |name: &str| object.get(name).and_then(Value::as_f64);
    let (Some(line), Some(character)) = (number("line"), number("character")) else {
        return false;
    };
    let whole = |name: &str| {
        object[name]
            .as_u64()
            .is_some_and(|number| u32::try_from(number).is_ok())
    };
    if whole("line") && whole("character") {
        return false;
    }
    // Casting cuts what is out of range off at its ends.
    let character = if line < 0.0 { 0 } else { character as u32 };
    object.insert("line".to_owned(), json!(line as u32));
    object.insert("character".to_owned(), json!(character));
    true
}

fn mend_popup_context(params: &mut Map<String, Value>) -> bool {
    let Some(context) = params.get("context") else {
        return false;
    };
    if CompletionContext::deserialize(context).is_ok() {
        return false;
    }
    match context.get("triggerKind").filter(|kind| is_i32(kind)).cloned() {
        Some(kind) => params.insert("context".to_owned(), json!({"triggerKind": kind})),
        None => params.remove("context"),
    };
    true
}

fn mend_inline_context(params: &mut Map<String, Value>) -> bool {
    let context = params.entry("context").or_insert(Value::Null);
    let mut mended = mend_unless(context, Value::is_object, || json!({}));
    let context = context.as_object_mut().expect("it was made one");
    mended |= mend_member(context, "triggerKind", is_i32, || json!(AUTOMATIC));
    mended
        | remove_unless(context, "selectedCompletionInfo", |info| {
            SelectedCompletionInfo::deserialize(info).is_ok()
        })
}

/// Replaces a value that is not as it should be.
fn mend_unless(value: &mut Value, is_right: impl Fn(&Value) -> bool, right: impl Fn() -> Value) -> bool {
    let mended = !is_right(value);
    if mended {
        *value = right();
    }
    mended
}

/// Mends a member of an object, which may not be there, as [`mend_unless`] does a value.
fn mend_member(
    object: &mut Map<String, Value>,
    name: &str,
    is_right: impl Fn(&Value) -> bool,
    right: impl Fn() -> Value,
) -> bool {
    let mended = !object.get(name).is_some_and(is_right);
    if mended {
        object.insert(name.to_owned(), right());
    }
    mended
}

fn remove_unless(object: &mut Map<String, Value>, name: &str, is_right: impl Fn(&Value) -> bool) -> bool {
    object.get(name).is_some_and(|value| !is_right(value)) && object.remove(name).is_some()
}

/// Mends a list of objects that each have a URI; what has none is left out.
fn mend_list(object: &mut Map<String, Value>, name: &str, mend: impl Fn(&mut Map<String, Value>)) -> bool {
    let values = match object.remove(name) {
        Some(Value::Array(values)) => values,
        _ => Vec::new(),
    };
    let values = values.into_iter().filter_map(|value| match value {
        Value::Object(mut value) if value.get("uri").is_some_and(Value::is_string) => {
            mend(&mut value);
            Some(Value::Object(value))
        }
        _ => None,
    });
    object.insert(name.to_owned(), values.collect());
    true
}

fn is_i32(value: &Value) -> bool {
    value.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &str, params: Value, expected: Value) {
        let mut mended = params.clone();
        assert_eq!(mend(method, &mut mended), expected != params, "{method}: {params}");
        assert_eq!(mended, expected, "{method}: {params}");
        let again = mended.clone();
        if method != "initialize" {
            mend(method, &mut mended);
            assert_eq!(mended, again, "{method}: {params}");
        }
    }

    fn place(uri: &str, line: impl Into<Value>, character: impl Into<Value>) -> Value {
        json!({"textDocument": {"uri": uri}, "position": {"line": line.into(), "character": character.into()}})
    }

    #[test]
    fn what_is_right_stays() {
        check(
            "textDocument/hover",
            place("file:///p/a.py", 1, 2),
            place("file:///p/a.py", 1, 2),
        );
        let open = json!({"textDocument": {"uri": "file:///p/a.py", "version": 1, "languageId": "x", "text": "[] ^"}});
        check("textDocument/didOpen", open.clone(), open);
        for other in [json!(null), json!(5), json!([1]), json!({"textDocument": 5})] {
            check("textDocument/didOpen", other.clone(), other);
        }
        check("no/such", json!("x"), json!("x"));
    }

    #[test]
    fn places_are_in_range_and_uris_in_their_one_spelling() {
        check(
            "textDocument/hover",
            place("/p/[a]", -1, 7),
            place("file:///p/%5Ba%5D", 0, 0),
        );
        check(
            "textDocument/hover",
            place("file:///a", 3, -7),
            place("file:///a", 3, 0),
        );
        check(
            "textDocument/hover",
            place("file:///a", 1_i64 << 40, 2.7),
            place("file:///a", u32::MAX, 2),
        );
        check(
            "textDocument/hover",
            place("file:///a", "1", 2),
            place("file:///a", "1", 2),
        );
        let cells = |uri: &str| json!({"cells": [{"kind": 2, "document": uri}], "text": uri});
        let spelled = json!({"cells": [{"kind": 2, "document": "nb:/a%20b"}], "text": "nb:/a b"});
        check("notebookDocument/didOpen", cells("nb:/a b"), spelled);
    }

    #[test]
    fn ghost_text_keeps_the_client_s_spelling_beside_the_one() {
        let context = json!({"triggerKind": AUTOMATIC});
        let mut asked = place("file:///p/[a]", 0, 0);
        let mut expected = place("file:///p/%5Ba%5D", 0, 0);
        expected["context"] = context.clone();
        expected[SPELLING] = json!("file:///p/[a]");
        check("textDocument/inlineCompletion", asked.clone(), expected.clone());
        asked["context"] = json!({"triggerKind": "x", "selectedCompletionInfo": {"text": 5}});
        check("textDocument/inlineCompletion", asked, expected);
    }

    #[test]
    fn everything_said_at_the_start_is_passed_on() {
        let said = json!({"capabilities": 5, "rootUri": "file:///p/[a]"});
        check(
            "initialize",
            said.clone(),
            json!({"capabilities": {}, "initializationOptions": said}),
        );
    }
}
