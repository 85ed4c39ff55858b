//! The models of a machine: found in the stores of other programs, chosen by their names, verified.

use std::fs;
use std::path::{Path, PathBuf};

use codegemma_tests::{Output, command, repository};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A home with an Ollama store that has the starter, a hub's cache with it, and what is no model.
struct Home {
    folder: TempDir,
    sha256: String,
}

/// A file's SHA-256, as another program computes it.
fn sha256(path: &Path) -> String {
    let output = std::process::Command::new("sha256sum")
        .arg(path)
        .output()
        .expect("sha256sum runs");
    let text = String::from_utf8(output.stdout).expect("digits");
    text.split(' ').next().expect("a digest").to_owned()
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let starter = repository().join("model/starter/starter.gguf");
        let home = Self {
            sha256: sha256(&starter),
            folder,
        };
        let blob = home.path(&format!(".ollama/models/blobs/sha256-{}", home.sha256));
        home.write(&blob, &fs::read(&starter).expect("the starter"));
        let layer = json!({
            "mediaType": "application/vnd.ollama.image.model",
            "digest": format!("sha256:{}", home.sha256),
            "size": blob.metadata().expect("it is there").len(),
        });
        let manifest = json!({"schemaVersion": 2, "layers": [layer]}).to_string();
        home.write(
            &home.path(".ollama/models/manifests/registry.ollama.ai/library/tiny/code"),
            manifest.as_bytes(),
        );
        home.write(&home.path(".lmstudio/models/org/repo/mmproj-m.gguf"), b"GGUF");
        home.write(
            &home.path(".lmstudio/models/org/repo/broken.gguf"),
            b"This is no model.",
        );
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, path: &Path, bytes: &[u8]) {
        fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
        fs::write(path, bytes).expect("it can be written");
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = command("codegemma-complete");
        command.args(args).env("HOME", self.folder.path());
        for name in ["XDG_CACHE_HOME", "CODEGEMMA_CACHE"] {
            command.env(name, self.path("cache"));
        }
        for name in [
            "OLLAMA_MODELS",
            "HF_HOME",
            "HF_HUB_CACHE",
            "HUGGINGFACE_HUB_CACHE",
            "LLAMA_CACHE",
        ] {
            command.env_remove(name);
        }
        let output = command.output().expect("the binary was just built");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Output {
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            code: output.status.code(),
        }
    }

    fn json(&self, args: &[&str]) -> Value {
        self.run(args).json()
    }
}

#[test]
fn models_of_other_programs_are_listed_with_what_they_are() {
    let home = Home::new();
    let listing = home.json(&["model", "list", "--json"]);
    let models = listing["models"].as_array().expect("a list");
    let names: Vec<&str> = models.iter().filter_map(|model| model["name"].as_str()).collect();
    assert_eq!(names, ["starter", "ollama:tiny:code"]);
    let tiny = &models[1];
    for (key, expected) in [
        ("source", json!("ollama")),
        ("architecture", json!("gemma")),
        ("quantization", json!("Q8_0")),
        ("fill_in_the_middle", json!(true)),
        ("instruction_tuned", json!(false)),
        ("images", json!(false)),
        ("fits", json!(true)),
    ] {
        assert_eq!(tiny[key], expected, "{key} of {tiny}");
    }
    assert!(
        tiny["path"].as_str().is_some_and(|path| path.ends_with(&home.sha256)),
        "{tiny}"
    );
    assert_eq!(models[0]["source"], "built in");
    let left_out: Vec<&str> = listing["left_out"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|left| left["reason"].as_str())
        .collect();
    assert!(
        left_out.iter().any(|reason| reason.contains("reads images")),
        "{left_out:?}"
    );
    assert!(
        left_out
            .iter()
            .any(|reason| reason.contains("not a GGUF file") || reason.contains("text")),
        "{left_out:?}"
    );
    assert!(listing.get("available").is_none());
    let all = home.json(&["model", "list", "--all", "--json"]);
    assert_eq!(all["available"][0]["name"], "codegemma-2b:q4_k_m");
    let table = home.run(&["model", "list", "--all"]).stdout;
    for words in [
        "ollama:tiny:code",
        "fills in the middle",
        "codegemma-7b:q8_0",
        "mmproj-m.gguf: it is the part",
    ] {
        assert!(table.contains(words), "no {words} in {table}");
    }
}

#[test]
fn a_name_that_is_listed_is_a_model() {
    let home = Home::new();
    let place = repository().join("examples/rectangle.py");
    let place = format!("{}:15:41", place.display());
    let by_name = home.json(&[&place, "--model", "ollama:Tiny:code", "--json"]);
    assert_eq!(by_name["model"]["name"], "codegemma-starter");
    let inspected = home.json(&["model", "inspect", "ollama:tiny:code", "--json"]);
    assert_eq!(inspected["fill_in_the_middle"], true);
    let missing = home.run(&[&place, "--model", "ollama:tiny:chat"]);
    assert!(
        missing.code == Some(1) && missing.stderr.contains("model list --all"),
        "{missing:?}"
    );
    let known = home.run(&[&place, "--model", "codegemma-2b"]);
    assert!(known.stderr.contains("model pull codegemma-2b"), "{known:?}");
}

#[test]
fn bytes_that_are_not_those_that_were_published_are_found() {
    let home = Home::new();
    let right = home.json(&["model", "verify", "ollama:tiny:code", "--json"]);
    assert_eq!(
        (&right["matches"], &right["files"][0]["sha256"]),
        (&json!(true), &json!(home.sha256))
    );
    let blob = home.path(&format!(".ollama/models/blobs/sha256-{}", home.sha256));
    let mut bytes = fs::read(&blob).expect("it is there");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    home.write(&blob, &bytes);
    let wrong = home.run(&["model", "verify", "ollama:tiny:code"]);
    assert!(
        wrong.code == Some(1) && wrong.stderr.contains("not those that were published"),
        "{wrong:?}"
    );
    let unknown = home.path("m.gguf");
    home.write(&unknown, b"GGUF");
    let unknown = home.run(&["model", "verify", unknown.to_str().expect("UTF-8")]);
    assert!(
        unknown.code == Some(1) && unknown.stderr.contains("nothing here says"),
        "{unknown:?}"
    );
    let starter = home.run(&["model", "verify", "starter"]);
    assert!(starter.stderr.contains("part of this program"), "{starter:?}");
}
