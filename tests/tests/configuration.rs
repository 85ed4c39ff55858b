//! The configuration from outside: the server's live changes, whom it trusts, and what the command line honours.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use codegemma_tests::{Client, Encoding, GEMMA, MODEL, command, position};
use serde_json::{Value, json};

const SUM: &str = "def add(a, b):\n    \"\"\"Return the sum of a and b.\"\"\"\n    return a +";

/// A user with a file of settings, and a workspace with one.
struct User {
    folder: tempfile::TempDir,
}

impl User {
    fn new(user: &str, workspace: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let this = Self { folder };
        fs::create_dir_all(this.root().join(".git")).unwrap();
        fs::write(this.file(), user).unwrap();
        fs::write(this.root().join("codegemma.toml"), workspace).unwrap();
        fs::write(this.root().join("sum.py"), SUM).unwrap();
        this
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("user.toml")
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn uri(&self) -> String {
        format!("file://{}", self.root().join("sum.py").display())
    }

    /// A server of this user's in the workspace, with the document open.
    fn start(&self, flags: &[&str], options: Value) -> Client {
        let mut client = Client::start_as_user(&self.file(), flags);
        client.initialize_in(Some(&self.root()), Encoding::Utf16, options);
        client.open(&self.uri(), SUM);
        client
    }

    fn complete(&self, args: &[&str]) -> (Option<i32>, String, String) {
        let mut command = command("codegemma-complete");
        command.args(args).env("CODEGEMMA_CONFIG", self.file());
        let output = command.current_dir(self.root()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

/// How many tokens the next suggestion took, or why there is none.
#[track_caller]
fn suggestion(client: &mut Client, user: &User) -> Result<u64, String> {
    client.inline(&user.uri(), &position(2, 14));
    let last = client.last_request();
    match last["reason"].as_str() {
        None => Ok(last["generated_tokens"].as_u64().unwrap()),
        Some(reason) => Err(reason.to_owned()),
    }
}

#[track_caller]
fn message(client: &mut Client) -> String {
    client.notification("window/showMessage")["message"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// The server tells nothing that the user has to read.
#[track_caller]
fn assert_quiet(client: &mut Client) {
    let shown: Vec<_> = client
        .inbox()
        .iter()
        .filter(|message| message["method"] == "window/showMessage")
        .collect();
    assert!(shown.is_empty(), "{shown:?}");
}

/// The settings, as a client sends them.
fn set(client: &mut Client, settings: Value) {
    client.notify(
        "workspace/didChangeConfiguration",
        json!({"settings": {"codegemma": settings}}),
    );
}

#[test]
fn no_model_is_read_while_completion_is_switched_off() {
    let user = User::new(SLOW_IS_FINE, "");
    let mut client = user.start(&["--model", "no-such-model"], json!({"enabled": false}));
    assert_eq!(suggestion(&mut client, &user), Err("disabled".to_owned()));
    assert_quiet(&mut client);
    set(&mut client, json!({"enabled": true}));
    assert!(message(&mut client).contains("no-such-model"));

    let mut client = user.start(&["--model", MODEL], json!({"enabled": false, "maxTokens": 2}));
    assert_eq!(suggestion(&mut client, &user), Err("disabled".to_owned()));
    set(&mut client, json!({"enabled": true, "maxTokens": 2}));
    client.status(|status| status["state"] == "ready");
    assert!(suggestion(&mut client, &user).is_ok());
}

const SLOW_IS_FINE: &str = "deadlineMs = 60000\nconfidence = 0\n";

#[test]
fn files_that_change_are_followed() {
    let user = User::new(&format!("{SLOW_IS_FINE}maxTokens = 2"), "maxTokens = 1");
    let mut client = user.start(&["--model", MODEL], json!(null));
    client.wait_until_ready();
    let registration = client.notification("client/registerCapability")["registrations"][0].clone();
    assert_eq!(registration["method"], "workspace/didChangeWatchedFiles");
    let watchers = &registration["registerOptions"]["watchers"];
    let globs = [
        "codegemma.toml",
        ".gitignore",
        ".ignore",
        ".codegemmaignore",
        ".git/info/exclude",
    ];
    for (watcher, glob) in watchers.as_array().unwrap().iter().zip(globs) {
        assert_eq!(watcher["globPattern"], format!("**/{glob}"));
    }
    assert_eq!(watchers[globs.len()]["globPattern"]["pattern"], "user.toml");
    assert!(suggestion(&mut client, &user).is_ok_and(|tokens| tokens == 1));

    let file = user.root().join("codegemma.toml");
    let changed = json!({"changes": [{"uri": format!("file://{}", file.display()), "type": 2}]});
    fs::write(&file, "[languages.python]\nenabled = false").unwrap();
    client.notify("workspace/didChangeWatchedFiles", changed.clone());
    assert_eq!(suggestion(&mut client, &user), Err("disabled".to_owned()));

    fs::write(&file, "\nmaxToken = 3\n").unwrap();
    client.notify("workspace/didChangeWatchedFiles", changed.clone());
    let place = file.display();
    assert_eq!(
        message(&mut client),
        format!("{place}:2: unknown key maxToken; did you mean maxTokens?")
    );
    assert!(suggestion(&mut client, &user).is_ok_and(|tokens| tokens == 2));

    fs::write(&file, "maxTokens = 1\nmodel =").unwrap();
    client.notify(
        "textDocument/didSave",
        json!({"textDocument": {"uri": format!("file://{place}")}}),
    );
    let said = message(&mut client);
    assert!(said.starts_with(&format!("{place}:2:8: ")), "{said}");
    // Nothing has changed, so the last answer may be good for this one too.
    assert!(suggestion(&mut client, &user).is_ok_and(|tokens| tokens != 1));
    // What was said once is not said again.
    client.notify("workspace/didChangeWatchedFiles", changed);
    suggestion(&mut client, &user).unwrap();
    assert_quiet(&mut client);
}

#[test]
fn a_workspace_chooses_no_model_unless_it_is_trusted() {
    let chosen = "model = \"no-such-model\"";
    let user = User::new(SLOW_IS_FINE, chosen);
    let mut client = user.start(&[], json!(null));
    let said = message(&mut client);
    for word in ["model (line 1) is ignored", "trustedWorkspaces in", "user.toml"] {
        assert!(said.contains(word), "{word} in {said}");
    }
    client.wait_until_ready();
    assert!(suggestion(&mut client, &user).is_ok());
    assert_quiet(&mut client);

    let mut client = user.start(&[], json!({"trustWorkspace": true}));
    let said = message(&mut client);
    let place = format!(
        "CodeGemma: {}:1: model: no-such-model",
        user.root().join("codegemma.toml").display()
    );
    assert!(said.starts_with(&place), "{said}");
    client.status(|status| status["state"] == "error");

    // What the client says later may come from the workspace itself.
    let mut client = user.start(&[], json!(null));
    message(&mut client);
    client.notify(
        "workspace/didChangeConfiguration",
        json!({"settings": {"codegemma": {"trustWorkspace": true}}}),
    );
    let said = message(&mut client);
    assert!(said.contains("initializationOptions"), "{said}");
    client.wait_until_ready();
}

#[test]
fn another_model_is_loaded_while_the_server_runs() {
    let user = User::new(&format!("{SLOW_IS_FINE}maxTokens = 4"), "");
    let mut client = user.start(&[], json!({"model": MODEL}));
    client.wait_until_ready();
    let set = |client: &mut Client, section: Value| {
        client.notify(
            "workspace/didChangeConfiguration",
            json!({"settings": {"codegemma": section}}),
        );
    };
    let loaded = |client: &mut Client, name: &str| {
        client.status(|status| status["state"] == "ready" && status["model"].as_str().unwrap().contains(name));
    };
    let loadings = |client: &mut Client| {
        let inbox = client.inbox().iter();
        inbox.filter(|message| message["params"]["state"] == "loading").count()
    };
    let at_the_start = loadings(&mut client);
    set(&mut client, json!({"model": GEMMA}));
    assert_eq!(suggestion(&mut client, &user), Err("loading".to_owned()));
    loaded(&mut client, "270");
    assert!(suggestion(&mut client, &user).is_ok());
    let before = loadings(&mut client);
    assert!(before > at_the_start);
    // What chooses no other engine loads none.
    set(&mut client, json!({"model": GEMMA, "maxTokens": 2}));
    assert!(suggestion(&mut client, &user).is_ok());
    assert_eq!(loadings(&mut client), before);

    set(&mut client, json!({"model": "no/such.gguf"}));
    let said = message(&mut client);
    assert!(
        said.contains("no/such.gguf") && said.contains("the model before goes on"),
        "{said}"
    );
    loaded(&mut client, "270");
    assert!(suggestion(&mut client, &user).is_ok());
    // Only the last of several changes counts.
    for threads in [1, 2, 1, 2] {
        set(&mut client, json!({"model": MODEL, "threads": threads}));
    }
    client.status(|status| status["state"] == "ready" && status["model"] == "codegemma-starter");
    assert!(suggestion(&mut client, &user).is_ok());
}

#[test]
fn restart_reads_the_model_and_the_settings_again() {
    let user = User::new(&format!("{SLOW_IS_FINE}maxTokens = 32"), "");
    let mut client = user.start(&["--model", MODEL], json!(null));
    client.status(|status| status["state"] == "loading");
    client.wait_until_ready();
    fs::write(user.file(), format!("{SLOW_IS_FINE}enabled = false")).unwrap();
    let restart = json!({"command": "codegemma.restart"});
    assert_eq!(client.call("workspace/executeCommand", restart.clone()), Value::Null);
    let status = client.status(|status| status["state"] == "off");
    assert!(status["message"].as_str().unwrap().contains("enabled"), "{status}");
    assert!(suggestion(&mut client, &user).is_err());
    fs::write(user.file(), format!("{SLOW_IS_FINE}maxTokens = 32")).unwrap();
    client.call("workspace/executeCommand", restart);
    client.status(|status| status["state"] == "loading");
    // It may have been ready for a moment before: with the new settings, and the model before.
    let loaded = (0..500).find_map(|_| match suggestion(&mut client, &user) {
        Err(reason) if reason == "loading" => {
            std::thread::sleep(Duration::from_millis(10));
            None
        }
        answer => Some(answer),
    });
    assert!(matches!(loaded, Some(Ok(_))), "{loaded:?}");
}

#[test]
fn what_is_under_way_when_settings_change_is_not_shown() {
    let user = User::new("deadlineMs = 60000", "");
    let mut client = user.start(&["--model", GEMMA], json!({"maxTokens": 2000, "multiline": "always"}));
    client.wait_until_ready();
    let id = client.ask_inline(&user.uri(), &position(2, 14));
    client.status(|status| status["state"] == "busy");
    client.notify(
        "workspace/didChangeConfiguration",
        json!({"settings": {"codegemma": {"enabled": false}}}),
    );
    assert_eq!(client.result(id), json!({"items": []}));
    assert_eq!(client.last_request()["reason"], "outdated");
}

#[test]
fn a_client_that_says_only_that_something_changed_is_asked() {
    let user = User::new(SLOW_IS_FINE, "");
    let mut client = user.start(&["--model", MODEL], json!({"maxTokens": 4}));
    client.wait_until_ready();
    client.section = Some(json!({"languages": {"python": {"enabled": false}}}));
    for settings in [json!(null), json!({}), json!({"codegemma": null})] {
        client.notify("workspace/didChangeConfiguration", json!({"settings": settings}));
        let asked = client.wait(|message| message["method"] == "workspace/configuration");
        assert_eq!(asked["params"]["items"], json!([{"section": "codegemma"}]));
    }
    // The answers stand before this in the server's input.
    assert_eq!(suggestion(&mut client, &user), Err("disabled".to_owned()));
    // The section is gone, and what it set with it.
    client.section = Some(json!(null));
    client.notify("workspace/didChangeConfiguration", json!({"settings": null}));
    client.wait(|message| message["method"] == "workspace/configuration");
    assert!(suggestion(&mut client, &user).is_ok());
}

#[test]
fn a_client_that_starts_without_settings_is_asked_for_them() {
    let user = User::new(SLOW_IS_FINE, "");
    for nothing in [
        json!(null),
        json!({}),
        json!([]),
        json!({"codegemma": null}),
        json!({"codegemma": []}),
    ] {
        let mut client = Client::start_as_user(&user.file(), &["--model", MODEL]);
        client.section = Some(json!({"languages": {"python": {"enabled": false}}}));
        client.initialize_in(Some(&user.root()), Encoding::Utf16, nothing);
        client.wait(|message| message["method"] == "workspace/configuration");
        let registered = client.notification("client/registerCapability");
        let registered = &registered["registrations"][1];
        assert_eq!(registered["method"], "workspace/didChangeConfiguration");
        assert_eq!(registered["registerOptions"], json!({"section": "codegemma"}));
        client.open(&user.uri(), SUM);
        client.wait_until_ready();
        assert_eq!(suggestion(&mut client, &user), Err("disabled".to_owned()));
        assert_quiet(&mut client);
    }
}

#[test]
fn a_section_replaces_what_the_client_set_before() {
    let user = User::new(&format!("{SLOW_IS_FINE}maxTokens = 1"), "");
    let mut client = user.start(&["--model", MODEL], json!({"maxTokens": 4}));
    client.wait_until_ready();
    let tokens = suggestion(&mut client, &user);
    assert!(tokens.as_ref().is_ok_and(|tokens| *tokens > 1), "{tokens:?}");
    let off = json!({"python": {"enabled": false}});
    for section in [
        json!({"languages": off, "maxTokens": 2}),
        json!({"languages": off, "context": []}),
    ] {
        set(&mut client, section);
        assert_eq!(suggestion(&mut client, &user), Err("disabled".to_owned()));
    }
    for section in [
        json!({"maxTokens": null}),
        json!({}),
        json!([]),
        json!({"languages": []}),
        json!({"languages": {"python": []}}),
    ] {
        set(&mut client, json!({"languages": off}));
        set(&mut client, section);
        assert!(suggestion(&mut client, &user).is_ok_and(|tokens| tokens <= 1));
    }
    // Some clients send the section as it is.
    client.notify(
        "workspace/didChangeConfiguration",
        json!({"settings": {"languages": off}}),
    );
    assert_eq!(suggestion(&mut client, &user), Err("disabled".to_owned()));
    assert_quiet(&mut client);
}

#[test]
fn a_client_that_never_answers_holds_nothing_up() {
    let user = User::new(SLOW_IS_FINE, "");
    let mut client = user.start(&["--model", MODEL], json!({"maxTokens": 4}));
    client.wait_until_ready();
    client.section = None;
    for _ in 0..50 {
        client.notify("workspace/didChangeConfiguration", json!({"settings": null}));
    }
    client.wait(|message| message["method"] == "workspace/configuration");
    let begin = Instant::now();
    assert!(suggestion(&mut client, &user).is_ok());
    client.notify(
        "workspace/didChangeConfiguration",
        json!({"settings": {"codegemma": {"enabled": false}}}),
    );
    assert_eq!(suggestion(&mut client, &user), Err("disabled".to_owned()));
    client.shut_down();
    client.exit();
    assert_eq!(client.exit_code(), Some(0));
    assert!(
        begin.elapsed() < Duration::from_secs(9),
        "it does not wait for the answers"
    );
}

/// How many tokens `codegemma-complete` wrote for the sum.
#[track_caller]
fn tokens(user: &User, args: &[&str]) -> u64 {
    let args = [&["sum.py:3:15", "--json"], args].concat();
    let (code, stdout, stderr) = user.complete(&args);
    assert_eq!(code, Some(0), "{stderr}");
    serde_json::from_str::<Value>(&stdout).unwrap()["stats"]["generated_tokens"]
        .as_u64()
        .unwrap()
}

#[test]
fn the_command_line_honours_both_files_and_flags_win() {
    let user = User::new(
        "maxTokens = 1\nmodel = \"starter\"",
        "[languages.python]\nmaxTokens = 2",
    );
    assert_eq!(tokens(&user, &[]), 2);
    assert_eq!(tokens(&user, &["--max-tokens", "1"]), 1);
    assert!(tokens(&user, &["--no-config"]) > 1);
    fs::remove_file(user.root().join("codegemma.toml")).unwrap();
    assert_eq!(tokens(&user, &[]), 1);

    fs::write(user.file(), "\nmodel = \"no/such.gguf\"").unwrap();
    let (code, stdout, stderr) = user.complete(&["sum.py:3:15"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    let place = format!(
        "{}:2: model: no/such.gguf: there is no such file",
        user.file().display()
    );
    assert!(stderr.contains(&place), "{stderr}");
    assert!(tokens(&user, &["--model", MODEL]) > 0);
}

#[track_caller]
fn doctor(user: &User, args: &[&str], code: i32) -> (Value, String) {
    let (json_code, stdout, stderr) = user.complete(&[&["doctor", "--json"], args].concat());
    assert_eq!(json_code, Some(code), "{stdout} {stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(report["usable"], code == 0);
    let (text_code, text, _) = user.complete(&[&["doctor"], args].concat());
    assert_eq!(text_code, Some(code), "{text}");
    (report, text)
}

fn check<'a>(report: &'a Value, about: &str) -> &'a Value {
    let mut checks = report["checks"].as_array().unwrap().iter();
    checks
        .find(|check| check["about"] == about)
        .unwrap_or_else(|| panic!("no {about} in {report}"))
}

fn setting(report: &Value, key: &str, column: &str) -> String {
    let mut settings = report["settings"].as_array().unwrap().iter();
    let row = settings
        .find(|row| row["key"] == key)
        .unwrap_or_else(|| panic!("no {key} in {report}"));
    row[column].as_str().unwrap().to_owned()
}

fn origin(report: &Value, key: &str) -> String {
    setting(report, key, "origin")
}

#[test]
fn doctor_says_that_all_is_well_and_where_each_value_comes_from() {
    let user = User::new("\ndeadlineMs = 900", "maxTokens = 7\nthreads = 1");
    let (report, text) = doctor(&user, &["--model", MODEL], 0);
    for about in [
        "model",
        "loading",
        "fill in the middle",
        "suggestions",
        "program",
        "cache folder",
        "editor",
    ] {
        assert_ne!(check(&report, about)["mark"], "problem", "{about}");
    }
    assert_eq!(check(&report, "loading")["mark"], "ok");
    assert!(
        check(&report, "speed")["text"]
            .as_str()
            .unwrap()
            .contains("suggested tokens a second")
    );
    assert_eq!(check(&report, "configuration")["mark"], "warning", "threads is guarded");
    assert_eq!(origin(&report, "model"), "flag --model");
    assert_eq!(
        origin(&report, "deadlineMs"),
        format!("user file {}:2", user.file().display())
    );
    let workspace = user.root().canonicalize().unwrap().join("codegemma.toml");
    assert_eq!(
        origin(&report, "maxTokens"),
        format!("workspace file {}:1", workspace.display())
    );
    assert_eq!(origin(&report, "threads"), "default");
    for key in ["threads", "cacheMiB"] {
        let value = setting(&report, key, "value");
        assert!(value.parse::<u32>().is_ok_and(|value| value > 0), "{key}: {value}");
    }
    assert_eq!(setting(&report, "contextTokens", "value"), "1024", "the starter's");
    assert!(
        text.trim_end().ends_with("\nit works; 1 warning: configuration"),
        "{text}"
    );
    assert!(
        text.lines()
            .any(|line| line.starts_with("ok       loading: codegemma-starter (gemma, ")),
        "{text}"
    );
    assert!(text.contains("threads (line 2) is ignored"), "{text}");
}

#[test]
fn doctor_names_what_keeps_it_from_completing() {
    let user = User::new("model = \"no/such.gguf\"", "");
    let (report, text) = doctor(&user, &[], 1);
    assert_eq!(check(&report, "model")["mark"], "problem");
    assert!(text.contains("user.toml:1: model: no/such.gguf"), "{text}");
    assert_eq!(report["summary"], "nothing can be completed; 1 problem: model");

    fs::write(user.file(), "enabled = false").unwrap();
    let (report, _) = doctor(&user, &["--model", MODEL], 1);
    assert_eq!(check(&report, "suggestions")["mark"], "problem");

    let broken = user.folder.path().join("broken.gguf");
    fs::write(&broken, b"GGUF\x03\x00\x00\x00 secret").unwrap();
    fs::write(user.file(), "").unwrap();
    let (report, text) = doctor(&user, &["--model", broken.to_str().unwrap()], 1);
    assert_eq!(check(&report, "loading")["mark"], "problem");
    assert!(text.contains("broken.gguf") && !text.contains("secret"), "{text}");
}

#[test]
fn doctor_goes_on_past_a_broken_file_and_shows_none_of_it() {
    // In two parts, since nothing in the sources of this project looks like a password.
    let password = ["hunt", "er2"].concat();
    let user = User::new(&format!("maxTokens = 3\npassword = \"{password}"), "");
    let (report, text) = doctor(&user, &["--model", MODEL], 0);
    let problem = check(&report, "configuration");
    assert_eq!(problem["mark"], "warning");
    let place = format!("{}:2:", user.file().display());
    assert!(problem["text"].as_str().unwrap().starts_with(&place), "{problem}");
    assert!(!text.contains(&password) && !text.contains("password"), "{text}");
    assert_eq!(origin(&report, "maxTokens"), "default");
}

#[test]
fn doctor_sums_up_and_names_the_starter_where_nobody_chose() {
    let user = User::new("", "");
    let (report, text) = doctor(&user, &["--model", MODEL], 0);
    assert_eq!(report["summary"], "all is well", "{text}");
    let (report, text) = doctor(&user, &[], 0);
    assert_eq!(report["summary"], "it works; 1 warning: model", "{text}");
    assert_eq!(setting(&report, "model", "value"), "\"starter\"");
    let model = check(&report, "model")["text"].as_str().unwrap();
    assert!(
        model.starts_with("the starter, a small model") && model.contains("model pull --use"),
        "{model}"
    );
}

#[test]
fn a_file_that_is_named_and_not_there_is_a_warning() {
    let user = User::new("", "");
    fs::remove_file(user.file()).unwrap();
    let (report, _) = doctor(&user, &["--model", MODEL], 0);
    assert!(
        check(&report, "configuration")["text"]
            .as_str()
            .unwrap()
            .contains("check CODEGEMMA_CONFIG")
    );
    assert!(Path::new(&user.root()).exists());
}
