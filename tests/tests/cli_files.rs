//! `codegemma-complete` and files of every kind: byte order marks, line ends, names, links.

use std::fs;
use std::path::Path;
use std::process::Command;

use codegemma_tests::{Client, Encoding, complete, position};
use serde_json::json;

const SUM: &str = "def add(a, b):\n    return a +\n\nprint(add(1, 2))\n";

/// What is completed at the end of the second line of a file with this name and text.
#[track_caller]
fn completed(name: &str, text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    let text = complete(&[&format!("{}:2", path.display()), "-n", "12"]).success();
    assert!(!text.is_empty(), "{name}: the starter completes that");
    text
}

#[test]
fn marks_and_line_ends_change_nothing() {
    for (name, text) in [
        (
            "a.py",
            "def area(width, height):\n    return width * \n\nprint(area(1, 2))\n",
        ),
        (
            "a.js",
            "function area(width, height) {\n  return width * \n}\n\narea(1, 2);\n",
        ),
        ("a.rs", "fn area(width: u32, height: u32) -> u32 {\n    width * \n}\n"),
        ("a.c", "int area(int width, int height) {\n  return width * \n}\n"),
        ("a.json", "{\n  \"name\": \n}\n"),
        ("a.sh", "area() {\n  echo $((width * \n}\n"),
    ] {
        let expected = completed(name, text);
        assert_eq!(
            completed(name, &text.replace('\n', "\r")),
            expected.replace('\n', "\r"),
            "{name} with \\r"
        );
        assert_eq!(
            completed(name, &text.replace('\n', "\r\n")),
            expected.replace('\n', "\r\n"),
            "{name} with \\r\\n"
        );
        assert_eq!(
            completed(name, &format!("\u{feff}{text}")),
            expected,
            "{name} with a mark"
        );
    }
}

#[test]
fn a_mark_is_no_column_and_stays_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.py");
    let at = format!("{}:1:18", path.display());
    fs::write(&path, "total = sum([1, 2\n").unwrap();
    let expected = complete(&[&at, "--json"]).json();
    fs::write(&path, "\u{feff}total = sum([1, 2\n").unwrap();
    let answer = complete(&[&at, "--json"]).json();
    assert_eq!(
        (&answer["text"], &answer["range"]),
        (&expected["text"], &expected["range"])
    );
    let explained = complete(&["explain", &at, "--json"]).json();
    assert!(
        !explained["prompt"].as_str().unwrap().contains('\u{feff}'),
        "{explained}"
    );
    let text = expected["text"].as_str().unwrap();
    let diff = complete(&[&at, "--diff"]).success();
    assert!(
        diff.contains("\n-\u{feff}total") && diff.contains("\n+\u{feff}total"),
        "{diff}"
    );
    complete(&[&at, "--in-place"]).success();
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(written, format!("\u{feff}total = sum([1, 2{text}\n"));
}

#[test]
fn a_mark_that_a_client_sends_is_one_unit_of_its_line_and_not_shown_to_the_model() {
    let mut client = Client::ready(Encoding::Utf16, json!({"maxTokens": 8, "deadlineMs": 60_000}));
    let text = "{\"name\": \"x\", \"version\": \n}";
    let uri = "file:///project/a.json";
    let mut suggested = |text: &str, column: usize| {
        client.open(uri, text);
        // The first may be judged without the syntax tree, which is being made.
        client.inline(uri, &position(0, column));
        let items = client.inline(uri, &position(0, column));
        client.notify("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
        assert_eq!(items.len(), 1, "{text:?}");
        (items[0]["insertText"].clone(), items[0]["range"]["start"].clone())
    };
    let (expected, _) = suggested(text, 25);
    let (marked, start) = suggested(&format!("\u{feff}{text}"), 26);
    assert_eq!((marked, start), (expected, position(0, 26)));
}

#[test]
fn a_diff_applies_whatever_the_file_is_called() {
    for name in ["a b.py", "é.py", "sub/a.py", "a\tb.py", "a\"b.py", "a\\b.py"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, SUM.trim_end()).unwrap();
        let git = |args: &[&str]| {
            let status = Command::new("git").args(args).current_dir(&folder).status().unwrap();
            assert!(status.success(), "{name}: git {args:?}");
        };
        git(&["init", "--quiet"]);
        let target = format!("{}:2", path.display());
        let diff = folder.path().join("diff");
        fs::write(&diff, complete(&[&target, "--diff"]).success()).unwrap();
        complete(&[&target, "--in-place"]).success();
        let expected = fs::read_to_string(&path).unwrap();
        assert_ne!(expected, SUM.trim_end());
        fs::write(&path, SUM.trim_end()).unwrap();
        git(&["apply", "diff"]);
        assert_eq!(fs::read_to_string(&path).unwrap(), expected, "{name}");
    }
}

#[cfg(unix)]
#[test]
fn other_names_of_a_file_stay_names_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let [path, hard, symbolic] = ["a.py", "b.py", "c.py"].map(|name| folder.path().join(name));
    fs::write(&path, SUM).unwrap();
    fs::hard_link(&path, &hard).unwrap();
    std::os::unix::fs::symlink(&path, &symbolic).unwrap();
    complete(&[&format!("{}:2", symbolic.display()), "-i", "-n", "6"]).success();
    let text = |path: &Path| fs::read_to_string(path).unwrap();
    assert!(text(&path).len() > SUM.len());
    assert_eq!((text(&hard), text(&symbolic)), (text(&path), text(&path)));
    assert!(symbolic.is_symlink());
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 3, "nothing is left beside it");
}
