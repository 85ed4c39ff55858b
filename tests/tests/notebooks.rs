//! Notebooks: a cell is completed as code of its language below the cells above it, and their file not at all.

use std::path::PathBuf;

use codegemma_tests::{Client, Encoding, command, position};
use serde_json::{Value, json};

const NOTEBOOK: &str = "file:///project/analysis.ipynb";

fn cell(name: &str) -> String {
    format!("vscode-notebook-cell:/project/analysis.ipynb#{name}")
}

fn document(name: &str, language: &str, text: &str) -> Value {
    json!({"uri": cell(name), "languageId": language, "version": 1, "text": text})
}

/// How the notebook has a cell: kind 1 is text, kind 2 code.
fn entry(name: &str, kind: i32) -> Value {
    json!({"kind": kind, "document": cell(name), "metadata": {"tags": []}})
}

/// A server with a notebook: some text, an import, and a cell in which a line is being written.
fn desk() -> Client {
    desk_in(NOTEBOOK)
}

fn desk_in(notebook: &str) -> Client {
    let settings = json!({"maxTokens": 6, "deadlineMs": 600_000, "idleShare": 0, "confidence": 0});
    let mut client = Client::ready(Encoding::Utf16, settings);
    let notebook = json!({
        "uri": notebook,
        "notebookType": "jupyter-notebook",
        "version": 1,
        "metadata": {"kernelspec": {"name": "python3"}},
        "cells": [entry("text", 1), entry("import", 2), entry("work", 2)],
    });
    let cells = json!([
        document("text", "markdown", "# Prices\n\nWithout *tax*."),
        document("import", "python", "import math\nprices = [3, 4]\n"),
        document("work", "python", "def total(prices):\n    return sum(prices) +"),
    ]);
    client.notify(
        "notebookDocument/didOpen",
        json!({"notebookDocument": notebook, "cellTextDocuments": cells}),
    );
    client
}

fn change(client: &mut Client, version: i32, cells: Value) {
    let notebook = json!({"uri": NOTEBOOK, "version": version});
    let params = json!({"notebookDocument": notebook, "change": {"cells": cells}});
    client.notify("notebookDocument/didChange", params);
}

/// All that the model is shown at a place in a cell.
#[track_caller]
fn prompt(client: &mut Client, name: &str, line: usize, column: usize) -> String {
    let explanation = client.explain(&cell(name), &position(line, column));
    explanation["prompt"].as_str().unwrap().to_owned()
}

#[track_caller]
fn check_shown(prompt: &str, shown: &[&str], not_shown: &[&str]) {
    for text in shown {
        assert!(prompt.contains(text), "{text:?} is not in {prompt}");
    }
    for text in not_shown {
        assert!(!prompt.contains(text), "{text:?} is in {prompt}");
    }
}

#[test]
fn a_cell_is_completed_below_the_cells_above_it() {
    let mut client = desk();
    let at = position(1, 24);
    let found = client.inline(&cell("work"), &at);
    let last = client.last_request();
    assert_eq!(found.len(), 1, "{last}");
    assert_eq!(found[0]["range"]["start"], at, "a cell counts its own lines");
    assert_eq!(found[0]["command"]["arguments"], json!([{"uri": cell("work")}]));
    let shown = prompt(&mut client, "work", 1, 24);
    let above = "# # Prices\n#\n# Without *tax*.\n\nimport math\nprices = [3, 4]\n\n";
    check_shown(&shown, &["analysis.py\n", above, "    return sum(prices)"], &["ipynb"]);
    let shown = prompt(&mut client, "import", 1, 10);
    check_shown(&shown, &["# Without *tax*.\n\n", "prices ="], &["def total"]);
    // A popup is asked for at the same places.
    let popup = client.ask_popup(&cell("work"), &at);
    assert!(client.response(popup).get("error").is_none());
}

#[test]
fn typing_in_a_cell_reads_the_cells_above_once() {
    let mut client = desk();
    let text = "x = compute(seed=17, limit=1000)\n".repeat(40);
    change(
        &mut client,
        2,
        json!({"textContent": [{
            "document": {"uri": cell("import"), "version": 2},
            "changes": [{"range": {"start": position(0, 0), "end": position(0, 0)}, "text": text}],
        }]}),
    );
    client.inline(&cell("work"), &position(1, 24));
    let first = client.last_request();
    assert!(first["forwarded_tokens"].as_u64().unwrap() > 200, "{first}");
    change(
        &mut client,
        3,
        json!({"textContent": [{
            "document": {"uri": cell("work"), "version": 2},
            "changes": [{"range": {"start": position(1, 24), "end": position(1, 24)}, "text": " @"}],
        }]}),
    );
    client.inline(&cell("work"), &position(1, 26));
    let second = client.last_request();
    assert_eq!(
        (&second["source"], &second["anchor"]),
        (&json!("model"), &json!("kept")),
        "{second}"
    );
    let read = second["prompt_tokens"].as_u64().unwrap() - second["reused_tokens"].as_u64().unwrap();
    assert!(read <= 16, "{second}");
}

#[test]
fn cells_come_go_move_and_change_their_language() {
    let mut client = desk();
    // A new cell between the two, and an edit in another one.
    change(
        &mut client,
        2,
        json!({
            "structure": {
                "array": {"start": 2, "deleteCount": 0, "cells": [entry("new", 2)]},
                "didOpen": [document("new", "python", "rate = 0.2")],
            },
            "textContent": [{
                "document": {"uri": cell("import"), "version": 2},
                "changes": [{"range": {"start": position(1, 0), "end": position(1, 6)}, "text": "costs"}],
            }],
        }),
    );
    let shown = prompt(&mut client, "work", 1, 24);
    check_shown(
        &shown,
        &["import math\ncosts = [3, 4]\n\nrate = 0.2\n\n"],
        &["prices = ["],
    );
    // It moves to the top, and the text goes.
    change(
        &mut client,
        3,
        json!({"structure": {
            "array": {"start": 0, "deleteCount": 3, "cells": [entry("new", 2), entry("import", 2)]},
            "didOpen": [],
            "didClose": [{"uri": cell("text")}],
        }}),
    );
    let shown = prompt(&mut client, "work", 1, 24);
    check_shown(&shown, &["rate = 0.2\n\nimport math\n"], &["Prices"]);
    let id = client.ask_inline(&cell("text"), &position(0, 0));
    assert_eq!(client.result(id), json!({"items": []}));
    assert_eq!(client.last_request()["reason"], "unknown-document");
    // Another language: a cell goes and comes back.
    let gone = json!({"array": {"start": 1, "deleteCount": 1}, "didClose": [{"uri": cell("import")}]});
    change(&mut client, 4, json!({"structure": gone}));
    let back = json!({
        "array": {"start": 1, "deleteCount": 0, "cells": [entry("import", 2)]},
        "didOpen": [document("import", "sql", "select 1")],
    });
    change(&mut client, 5, json!({"structure": back}));
    let shown = prompt(&mut client, "work", 1, 24);
    check_shown(&shown, &["rate = 0.2\n\n# select 1\n\n"], &["import math"]);
    let shown = prompt(&mut client, "import", 0, 8);
    check_shown(&shown, &["analysis.sql\n", "-- rate = 0.2\n\n"], &[]);
    client.notify(
        "notebookDocument/didClose",
        json!({
            "notebookDocument": {"uri": NOTEBOOK},
            "cellTextDocuments": [{"uri": cell("new")}, {"uri": cell("import")}, {"uri": cell("work")}],
        }),
    );
    client.inline(&cell("work"), &position(1, 24));
    assert_eq!(client.last_request()["reason"], "unknown-document");
}

#[test]
fn what_cannot_be_read_costs_no_more_than_it_must() {
    let mut client = desk();
    let asked = |client: &mut Client| {
        client.inline(&cell("work"), &position(1, 24));
        client.last_request()["reason"].clone()
    };
    for cells in [
        json!({"structure": {"array": {"start": 900, "deleteCount": 7, "cells": [entry("nowhere", 2)]}}}),
        json!({"structure": {"array": {"start": 1, "deleteCount": 4_294_967_295_u32, "cells": [entry("import", 2), entry("work", 2)]}}}),
        json!({"textContent": [{"document": {"uri": cell("unknown"), "version": 1}, "changes": [{"text": "x"}]}]}),
        json!({"data": [entry("work", 2)]}),
    ] {
        change(&mut client, 2, cells);
        assert_eq!(asked(&mut client), Value::Null);
    }
    check_shown(&prompt(&mut client, "work", 1, 24), &["import math"], &[]);
    for method in ["didOpen", "didClose"] {
        client.notify(&format!("notebookDocument/{method}"), json!({"notebookDocument": 5}));
        assert_eq!(asked(&mut client), Value::Null, "{method}");
    }
    // The text of a cell may be another now, and nobody knows which one.
    change(&mut client, 3, json!({"textContent": 5}));
    assert_eq!(asked(&mut client), "stale-document");
    change(
        &mut client,
        4,
        json!({"textContent": [{
            "document": {"uri": cell("work"), "version": 3},
            "changes": [{"text": "def total(prices):\n    return sum(prices) +"}],
        }]}),
    );
    assert_eq!(asked(&mut client), Value::Null);
}

#[test]
fn the_notebook_s_path_decides_whether_its_cells_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let notebook = folder.path().join("analysis.ipynb");
    let uri = format!("file://{}", notebook.display());
    let settings = json!({"exclude": ["*.ipynb"]});
    let mut client = desk_in(&uri);
    client.inline(&cell("work"), &position(1, 24));
    assert_eq!(client.last_request()["reason"], Value::Null);
    client.notify(
        "workspace/didChangeConfiguration",
        json!({"settings": {"codegemma": settings}}),
    );
    client.inline(&cell("work"), &position(1, 24));
    assert_eq!(client.last_request()["reason"], "excluded");
}

#[test]
fn keys_in_cells_are_not_shown() {
    let mut client = desk();
    let key = ["ghp", "_", "9aBcD3fGh1JkLmN0pQrStUvWxYz12345678a"].concat();
    for (at, name) in ["import", "text"].into_iter().enumerate() {
        let insert =
            json!({"range": {"start": position(0, 0), "end": position(0, 0)}, "text": format!("token = \"{key}\"\n")});
        let text = json!({"document": {"uri": cell(name), "version": 2}, "changes": [insert]});
        change(
            &mut client,
            i32::try_from(at).unwrap() + 2,
            json!({"textContent": [text]}),
        );
    }
    let shown = prompt(&mut client, "work", 1, 24);
    check_shown(
        &shown,
        &["token = \"REDACTED\"\nimport math", "# token = \"REDACTED\""],
        &[&key[8..]],
    );
}

/// Editors without notebooks show the file's JSON, which a suggestion would break; plugins may show it as a script.
#[test]
fn a_notebook_s_file_is_left_alone() {
    let mut client = desk();
    let mut check = |language: &str, text: &str, reason: Value| {
        let document = json!({"uri": NOTEBOOK, "languageId": language, "version": 1, "text": text});
        client.notify("textDocument/didOpen", json!({"textDocument": document}));
        let column = text.lines().last().unwrap_or_default().len();
        client.inline(NOTEBOOK, &position(text.lines().count().max(1) - 1, column));
        assert_eq!(client.last_request()["reason"], reason, "{language}: {text}");
    };
    let raw = "{\n \"cells\": [\n  {\n   \"cell_type\": \"code\",\n   \"source\": [\n    \"import";
    check("json", raw, json!("raw-notebook"));
    check("plaintext", raw, json!("raw-notebook"));
    check("json", "", json!("raw-notebook"));
    check(
        "python",
        "# %%\ndef total(prices):\n    return sum(prices) +",
        Value::Null,
    );
}

#[test]
fn the_command_line_says_what_to_do_with_a_notebook() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("analysis.ipynb");
    std::fs::write(&path, "{\n \"cells\": []\n}\n").unwrap();
    for arguments in [
        vec![format!("{}:2:12", path.display())],
        vec!["explain".to_owned(), format!("{}:2:12", path.display())],
    ] {
        let output = command("codegemma-complete").args(&arguments).output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{error}");
        assert!(
            error.contains("analysis.ipynb: this is a notebook") && error.contains("jupyter nbconvert"),
            "{error}"
        );
    }
}
