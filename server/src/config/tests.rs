use serde_json::json;

use super::*;
use crate::config::keys::Key;

/// Folders with files as they lie on a disk.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// A workspace in the folder `repository` of a folder, and the user's file beside it.
    fn new(user: &str, workspace: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = Self { folder };
        std::fs::create_dir(disk.root()).unwrap();
        let user = user.replace("HERE", disk.folder.path().to_str().unwrap());
        std::fs::write(disk.folder.path().join(FILE_NAME), user).unwrap();
        std::fs::write(disk.root().join(FILE_NAME), workspace).unwrap();
        disk
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn config(&self, client: &Value, flags: &[(&str, Value)]) -> Config {
        let mut layer = Layer::default();
        for (name, value) in flags {
            layer.set_by_flag(name, value.clone());
        }
        let mut config = Config {
            user: Some(File::at(&self.folder.path().join(FILE_NAME))),
            workspaces: vec![Workspace {
                root: self.root(),
                file: File::of_workspace(&self.root()),
            }],
            ..Config::new(layer)
        };
        assert_eq!(config.set_client(client, true), Vec::<String>::new());
        config
    }
}

#[test]
fn a_later_place_wins() {
    let user = "maxTokens = 1\ndeadlineMs = 1\nmultiline = 'never'\nthreads = 1";
    let workspace = "\nmaxTokens = 2\ndeadlineMs = 2\nmultiline = 'always'";
    let disk = Disk::new(user, workspace);
    let client = json!({"maxTokens": 3, "deadlineMs": 3});
    let effective = disk.config(&client, &[("maxTokens", json!(4))]).effective();
    let check = |name: &str, value: Value, origin: Origin| {
        assert_eq!(effective.value(name), value, "{name}");
        let found = effective
            .list()
            .into_iter()
            .find(|(listed, ..)| listed == name)
            .unwrap();
        assert_eq!(found.2, origin, "{name}");
    };
    check("confidence", Value::Null, Origin::Default);
    check(
        "threads",
        json!(1),
        Origin::UserFile(disk.folder.path().join(FILE_NAME), 4),
    );
    check(
        "multiline",
        json!("always"),
        Origin::WorkspaceFile(disk.root().join(FILE_NAME), 4),
    );
    check("deadlineMs", json!(3), Origin::Client);
    check("maxTokens", json!(4), Origin::Flag("--max-tokens"));
}

#[test]
fn a_variable_gives_way_to_a_flag() {
    let mut layer = Layer::default();
    layer.set("model", json!("a"), Origin::Variable("CODEGEMMA_MODEL"));
    let model = |layer: &Layer| {
        Config::new(layer.clone())
            .effective()
            .engine()
            .model
            .unwrap()
            .1
            .to_string()
    };
    assert_eq!(model(&layer), "env CODEGEMMA_MODEL");
    layer.set_by_flag("model", json!("b"));
    assert_eq!(model(&layer), "flag --model");
}

#[test]
fn what_is_excluded_adds_up() {
    let disk = Disk::new("exclude = ['a', 'b']", "exclude = ['b', 'c']");
    let effective = disk.config(&json!({"exclude": []}), &[]).effective();
    assert_eq!(effective.value("exclude"), json!(["a", "b", "c"]));
    let origin = effective.get("exclude").unwrap().origin.to_string();
    assert!(
        origin.contains("user file") && origin.contains(" and workspace file"),
        "{origin}"
    );
}

#[test]
fn a_workspace_chooses_no_model_unless_it_is_trusted() {
    let guarded = "model = 'm.gguf'\nthreads = 3\ncacheMiB = 1\ncontextTokens = 512\ndevice = 'cpu'\ngpuLayers = 0\nmaxTokens = 5";
    let check = |user: &str, client: Value, trusted: bool| {
        let disk = Disk::new(user, guarded);
        let config = disk.config(&client, &[]);
        let effective = config.effective();
        assert_eq!(effective.value("maxTokens"), 5, "{user}");
        for name in ["model", "threads", "cacheMiB", "contextTokens", "device", "gpuLayers"] {
            assert_eq!(effective.get(name).is_some(), trusted, "{user} {client}: {name}");
        }
        let problems = config.problems();
        assert_eq!(problems.is_empty(), trusted, "{problems:?}");
        if !trusted {
            assert_eq!(problems.len(), 1, "{problems:?}");
            for word in [
                "model (line 1)",
                "threads (line 2)",
                "gpuLayers (line 6)",
                "are ignored",
                "trustedWorkspaces in",
            ] {
                assert!(problems[0].contains(word), "{word} in {problems:?}");
            }
        }
    };
    check("", json!({}), false);
    check("trustedWorkspaces = ['HERE/repository']", json!({}), true);
    check("trustedWorkspaces = ['HERE']", json!({}), true);
    check("trustedWorkspaces = ['HERE/repo', 'repository', '.']", json!({}), false);
    check("", json!({"trustWorkspace": true}), true);
    check("", json!({"trustWorkspace": false}), false);
}

#[test]
fn a_model_in_a_file_lies_beside_it_and_is_blamed_on_its_line() {
    let disk = Disk::new("\nmodel = 'm.gguf'", "");
    let choice = || disk.config(&json!({}), &[]).effective().engine();
    let message = choice().source().unwrap_err();
    let place = format!(
        "{}:2: model: m.gguf: there is no such file",
        disk.folder.path().join(FILE_NAME).display()
    );
    assert!(message.starts_with(&place), "{message}");
    std::fs::write(disk.folder.path().join("m.gguf"), "").unwrap();
    assert_eq!(
        choice().source(),
        Ok(disk.folder.path().join("m.gguf").as_path().into())
    );
}

#[test]
fn an_engine_is_the_same_whoever_chose_it() {
    let disk = Disk::new("threads = 2", "");
    let choice = |client: Value| disk.config(&client, &[]).effective().engine();
    let first = choice(json!({}));
    assert!(first.is_same(&choice(json!({"threads": 2, "maxTokens": 7, "enabled": false}))));
    for other in [
        json!({"threads": 1}),
        json!({"model": "starter"}),
        json!({"cacheMiB": 1}),
        json!({"contextTokens": 512}),
        json!({"device": "cpu"}),
    ] {
        assert!(!first.is_same(&choice(other.clone())), "{other}");
    }
}

fn row(key: &Key) -> String {
    let default = match key.default {
        keys::Default::Is(value) => format!("`{}`", value.trim_matches('"')),
        keys::Default::Found(words) => words.to_owned(),
    };
    let place = match key.place {
        KeyPlace::Everywhere => "",
        KeyPlace::Trusted => "; an untrusted workspace cannot set it",
        KeyPlace::UserFile => "; in the user's file only",
        KeyPlace::ClientStart => "; in a client's `initializationOptions` only",
    };
    let flag = key.flag.map_or(String::new(), |flag| format!(", `{flag}`"));
    let range = key.range().replace('"', "`");
    format!("| `{}`{flag} | {range} | {default} | {}{place} |\n", key.name, key.help)
}

#[test]
fn the_table_in_the_readme_is_what_the_data_gives() {
    let head = "| key, flag | value | default | meaning |\n|---|---|---|---|\n";
    let table: String = [head.to_owned()].into_iter().chain(KEYS.iter().map(row)).collect();
    let readme = include_str!("../../../README.md").replace("\r\n", "\n");
    assert!(readme.contains(&table), "README.md must have this table:\n{table}");
}

#[test]
fn a_section_replaces_what_the_client_set_before() {
    let disk = Disk::new("maxTokens = 1", "");
    let mut config = disk.config(&json!({"maxTokens": 3, "threads": 2, "trustWorkspace": true}), &[]);
    let mut check = |section: Value, tokens: u64, threads: Value| {
        assert_eq!(config.set_client(&section, false), Vec::<String>::new(), "{section}");
        let effective = config.effective();
        assert_eq!(effective.value("maxTokens"), json!(tokens), "{section}");
        assert_eq!(effective.value("threads"), threads, "{section}");
        assert!(config.trusts(&disk.root()), "{section}");
    };
    check(json!(null), 3, json!(2));
    check(json!({"threads": 4}), 1, json!(4));
    check(json!({"maxTokens": 5, "threads": null}), 5, json!(null));
    check(json!([]), 1, json!(null));
    check(json!({"maxTokens": 5}), 5, json!(null));
    check(json!({}), 1, json!(null));
    check(json!({"maxTokens": 5}), 5, json!(null));
    check(json!(null), 1, json!(null));
    assert!(config.set_client(&json!("x"), false)[0].contains("found \"x\""));
}
