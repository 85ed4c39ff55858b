//! Other files in the prompt: what is shown, what it costs, and how it is explained.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use codegemma_tests::{Client, MODEL, command, complete, position, uri};
use serde_json::{Value, json};

const MAIN: &str = "from shapes import square\n\n\ndef main():\n    print(square(3))\n";
const SHAPES: &str = "def square(side):\n    return Shape(side, side)\n";

/// A workspace with these files.
fn workspace(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    folder
}

fn settings() -> Value {
    json!({"maxTokens": 6, "deadlineMs": 600_000})
}

/// The sources of the pieces in the prompt that are other files, with their paths.
fn shown(explanation: &Value) -> Vec<(&str, &str)> {
    let pieces = explanation["pieces"].as_array().expect("pieces");
    let own = ["path", "prefix", "suffix", "typed"];
    pieces
        .iter()
        .filter(|piece| piece["included"] == true)
        .map(|piece| (piece["source"].as_str().unwrap(), piece["path"].as_str().unwrap()))
        .filter(|(source, _)| !own.contains(source))
        .collect()
}

/// Asks until the context is what it becomes after a while: it is chosen while requests are answered.
#[track_caller]
fn wait_for(client: &mut Client, uri: &str, at: &Value, accept: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..600 {
        let explanation = client.explain(uri, at);
        if accept(&explanation) {
            return explanation;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the context never came: {:#}", client.explain(uri, at));
}

fn count(request: &Value, name: &str) -> u64 {
    request[name]
        .as_u64()
        .unwrap_or_else(|| panic!("no {name} in {request}"))
}

#[test]
fn what_is_private_is_neither_shown_nor_completed() {
    let folder = workspace(&[
        ("main.py", MAIN),
        ("shapes.py", SHAPES),
        (".codegemmaignore", "shapes.py\n"),
        (".env", "HOST=a\n"),
    ]);
    let mut client = Client::ready_in(folder.path(), settings());
    let main = uri(&folder.path().join("main.py"));
    client.open(&main, MAIN);
    let at = position(5, 0);
    let named = |explanation: &Value, path: &str| {
        let pieces = explanation["pieces"].as_array().unwrap().clone();
        pieces.into_iter().find(|piece| piece["path"] == path)
    };
    let explanation = wait_for(&mut client, &main, &at, |explanation| {
        named(explanation, "shapes.py").is_some()
    });
    let piece = named(&explanation, "shapes.py").unwrap();
    assert_eq!(piece["included"], false);
    assert!(
        piece["reason"].as_str().unwrap().contains(".codegemmaignore"),
        "{piece}"
    );
    assert!(!explanation["prompt"].as_str().unwrap().contains("Shape("));

    for (file, text) in [(".env", "HOST=a\n"), ("shapes.py", SHAPES)] {
        let private = uri(&folder.path().join(file));
        client.open(&private, text);
        let id = client.ask_inline(&private, &position(1, 0));
        assert_eq!(client.result(id), json!({"items": []}));
        client.status(|status| status["lastRequest"]["reason"] == "excluded");
    }
}

#[test]
fn what_is_imported_is_in_the_prompt() {
    let folder = workspace(&[("main.py", MAIN), ("shapes.py", SHAPES), ("notes.txt", "square")]);
    let mut client = Client::ready_in(folder.path(), settings());
    let main = uri(&folder.path().join("main.py"));
    client.open(&main, MAIN);
    let at = position(5, 0);
    let explanation = wait_for(&mut client, &main, &at, |explanation| !shown(explanation).is_empty());
    assert_eq!(shown(&explanation), [("imported", "shapes.py")]);
    let prompt = explanation["prompt"].as_str().unwrap();
    let file = format!("<bos>shapes.py\n{SHAPES}<|file_separator|>main.py\n<|fim_prefix|>");
    assert!(prompt.starts_with(&file), "{prompt}");
    let pieces = explanation["pieces"].as_array().unwrap();
    let tokens: u64 = pieces.iter().map(|piece| count(piece, "tokens")).sum();
    assert!(tokens > 40, "{explanation}");
    assert_eq!(explanation["trigger"], "block");
    // What the engine is asked is what was explained.
    client.inline(&main, &at);
    let asked = count(&client.last_request(), "prompt_tokens");
    // The control tokens belong to no piece of the document.
    assert_eq!(asked, tokens + 4, "{explanation}");
    assert_eq!(client.explain(&main, &at)["anchor"], "kept");
    client.notify(
        "workspace/didChangeConfiguration",
        json!({"settings": {"codegemma": {"context": {"imports": false}}}}),
    );
    wait_for(&mut client, &main, &at, |explanation| shown(explanation).is_empty());
}

#[test]
fn a_document_is_shown_as_it_is_in_the_editor() {
    let folder = workspace(&[("main.py", MAIN), ("shapes.py", SHAPES)]);
    let mut client = Client::ready_in(folder.path(), settings());
    let main = uri(&folder.path().join("main.py"));
    let shapes = uri(&folder.path().join("shapes.py"));
    client.open(&shapes, "def square(unsaved):\n    pass\n");
    client.open(&main, MAIN);
    let at = position(4, 4);
    let has = |text: &'static str| move |explanation: &Value| explanation["prompt"].as_str().unwrap().contains(text);
    wait_for(&mut client, &main, &at, has("def square(unsaved)"));
    // Typing elsewhere and coming back shows what was typed there.
    client.insert(&shapes, 2, &position(0, 11), "quite_");
    client.insert(&main, 2, &position(4, 0), " ");
    let explanation = wait_for(&mut client, &main, &at, has("def square(quite_unsaved)"));
    assert_eq!(shown(&explanation), [("edited", "shapes.py")]);
    let close = json!({"textDocument": {"uri": shapes}});
    client.notify("textDocument/didClose", close);
    client.notify("textDocument/didSave", json!({"textDocument": {"uri": main}}));
    wait_for(&mut client, &main, &at, has("def square(side)"));
}

/// With context, too, a keystroke costs a few tokens, and so does coming back from a document that was not changed.
#[test]
fn the_context_stays_while_the_user_types() {
    let folder = workspace(&[("main.py", MAIN), ("shapes.py", SHAPES)]);
    let mut settings = settings();
    // What idle time reads would be missing from the first request.
    settings["idleShare"] = json!(0);
    let mut client = Client::ready_in(folder.path(), settings);
    let main = uri(&folder.path().join("main.py"));
    let shapes = uri(&folder.path().join("shapes.py"));
    client.open(&shapes, SHAPES);
    // Long enough that its sequence is kept beside that of the other document.
    let functions: String = (0..20)
        .map(|n| format!("def add_{n}(x):\n    return x + {n}\n"))
        .collect();
    client.open(&main, &[MAIN, &functions].concat());
    let last = 5 + 2 * 20;
    let at = position(last, 0);
    let before = wait_for(&mut client, &main, &at, |explanation| !shown(explanation).is_empty());
    client.inline(&main, &at);
    let first = count(&client.last_request(), "forwarded_tokens");
    assert!(first > 200, "{first} tokens were read");
    let mut forwarded = 0;
    let keys = "value = square(12) + square(24)\nother = value * square(48) - square(96)\nthird = other / square(7) + 1234567\n";
    assert!(keys.len() > 100);
    let (mut line, mut column) = (last, 0);
    for (typed, key) in keys.chars().enumerate() {
        client.insert(&main, typed as i64 + 2, &position(line, column), &key.to_string());
        (line, column) = if key == '\n' { (line + 1, 0) } else { (line, column + 1) };
        client.inline(&main, &position(line, column));
        let request = client.last_request();
        forwarded += count(&request, "forwarded_tokens");
    }
    assert!(
        forwarded < 4 * keys.len() as u64,
        "{forwarded} tokens for {} keys",
        keys.len()
    );
    let here = position(line, column);
    let after = client.explain(&main, &here);
    let context = |explanation: &Value| {
        let prompt = explanation["prompt"].as_str().unwrap();
        prompt.split("<|fim_prefix|>").next().unwrap().to_owned()
    };
    assert_eq!(context(&after), context(&before));
    // A look at the other document, and back.
    client.inline(&shapes, &position(2, 0));
    client.last_request();
    client.inline(&main, &here);
    let back = client.last_request();
    assert!(count(&back, "forwarded_tokens") < 20, "{back}");
}

#[test]
fn a_place_that_cannot_be_explained_is_an_answer_or_an_error() {
    let folder = workspace(&[("main.py", MAIN)]);
    let mut client = Client::ready_in(folder.path(), settings());
    let unknown = client.explain("file:///nowhere.py", &position(0, 0));
    assert_eq!(
        unknown,
        json!({"prompt": "", "pieces": [], "anchor": "", "trigger": "unknown-document"})
    );
    for arguments in [json!([]), json!([{"uri": 1}]), json!([1, 2])] {
        let params = json!({"command": "codegemma.explain", "arguments": arguments});
        let id = client.request("workspace/executeCommand", params);
        let error = client.response(id)["error"]["message"].as_str().unwrap().to_owned();
        assert!(error.contains("{uri, position}"), "{error}");
    }
}

fn git_init(folder: &Path) {
    let done = Command::new("git").arg("init").arg("-q").arg(folder).status();
    assert!(done.expect("git is there").success());
}

#[test]
fn the_command_line_explains_a_place() {
    let folder = workspace(&[("app/main.py", MAIN), ("app/shapes.py", SHAPES), ("app/b.txt", "")]);
    git_init(folder.path());
    let target = format!("{}:5:5", folder.path().join("app/main.py").display());
    let explanation = complete(&["explain", &target, "--json"]).json();
    assert_eq!(shown(&explanation), [("imported", "app/shapes.py")]);
    let prompt = explanation["prompt"].as_str().unwrap();
    assert!(
        prompt.contains("<|file_separator|>app/main.py\n<|fim_prefix|>"),
        "{prompt}"
    );
    let keys: Vec<&String> = explanation.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["anchor", "pieces", "prompt", "trigger"]);
    let workspace = folder.path().join("app").display().to_string();
    let inner = complete(&["explain", &target, "--json", "--workspace", &workspace]).json();
    assert_eq!(shown(&inner), [("imported", "shapes.py")]);
    let table = complete(&["explain", &target]).success();
    assert!(
        table.lines().any(|line| line.starts_with("+ imported  app/shapes.py")),
        "{table}"
    );
    assert!(table.contains(prompt), "{table}");
    let elsewhere = complete(&["explain", &target, "--workspace", env!("CARGO_MANIFEST_DIR")]);
    assert_eq!(elsewhere.code, Some(1));
    assert!(
        elsewhere.stderr.contains("the file is not in the workspace"),
        "{}",
        elsewhere.stderr
    );
}

#[test]
fn what_git_ignores_in_all_repositories_is_not_shown() {
    let folder = workspace(&[("app/main.py", MAIN), ("app/shapes.py", SHAPES)]);
    let app = folder.path().join("app");
    git_init(&app);
    let target = format!("{}:5:5", app.join("main.py").display());
    let check = |expected: &[(&str, &str)], what: &str| {
        let mut command = command("codegemma-complete");
        command
            .args(["explain", &target, "--json"])
            .env("HOME", folder.path())
            .env("XDG_CONFIG_HOME", folder.path().join("settings"))
            .env("GIT_CONFIG_SYSTEM", folder.path().join("none"));
        let output = command.env_remove("GIT_CONFIG_GLOBAL").output().unwrap();
        assert!(output.status.success(), "{what}: {output:?}");
        let explanation = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(shown(&explanation), expected, "{what}");
    };
    let write = |path: &str, text: &str| {
        fs::create_dir_all(folder.path().join(path).parent().unwrap()).unwrap();
        fs::write(folder.path().join(path), text).unwrap();
    };
    let imported = [("imported", "shapes.py")];
    check(&imported, "no settings of git");
    write("settings/git/ignore", "shapes.*\n");
    check(&[], "git's own place for them");
    write(".gitconfig", "[core]\n\texcludesFile = ~/mine\n");
    check(&imported, "a file that is not there");
    write("mine", "/shapes.py\n");
    check(&[], "core.excludesFile");
    write("app/.gitignore", "!shapes.py\n");
    check(&imported, "the repository says otherwise");
}

#[test]
fn the_command_line_completes_with_what_belongs_to_a_place() {
    let folder = workspace(&[("main.py", MAIN), ("shapes.py", SHAPES)]);
    git_init(folder.path());
    let target = format!("{}:5:5", folder.path().join("main.py").display());
    let shapes = folder.path().join("shapes.py").display().to_string();
    let tokens = |args: &[&str]| {
        let args = [
            &[target.as_str(), "--json", "--max-tokens", "2", "--model", MODEL],
            args,
        ]
        .concat();
        count(&complete(&args).json()["stats"], "prompt_tokens")
    };
    let (with, without, named) = (tokens(&[]), tokens(&["--no-context"]), tokens(&["--context", &shapes]));
    assert!(with > without + 10, "{with} and {without}");
    assert_eq!(with, named);
}
