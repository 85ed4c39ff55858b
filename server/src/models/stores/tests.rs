use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;

use super::*;

/// Writes files with some bytes into a folder; `a -> b` is a link.
fn store(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        let (file, target) = file
            .split_once(" -> ")
            .map_or((*file, None), |(file, target)| (file, Some(target)));
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        match target {
            Some(target) => std::os::unix::fs::symlink(target, path).unwrap(),
            None => fs::write(path, "GGUF").unwrap(),
        }
    }
    folder
}

/// The names, and what is left out with the beginning of the reason.
#[track_caller]
fn check(places: &Places, root: &Path, expected: &[&str], left_out: &[(&str, &str)]) {
    let stored = look_once(places);
    let names: Vec<&str> = stored.models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, expected);
    let below = |path: &Path| path.strip_prefix(root).unwrap_or(path).display().to_string();
    let found: Vec<(String, &str)> = stored
        .left_out
        .iter()
        .map(|left| (below(&left.path), left.reason.as_str()))
        .collect();
    assert_eq!(found.len(), left_out.len(), "{found:?}");
    for (path, words) in left_out {
        assert!(
            found
                .iter()
                .any(|(left, reason)| left == path && reason.contains(words)),
            "{path}: {found:?}"
        );
    }
}

const DIGEST: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[test]
fn a_folder_of_files_is_a_store() {
    let folder = store(&[
        "a.gguf",
        "B.GGUF",
        "c-00001-of-00002.gguf",
        "c-00002-of-00002.gguf",
        "mmproj-d.gguf",
        "e.gguf.downloadInProgress",
        "notes.txt",
        "lost.gguf -> nowhere",
        "loop -> .",
        "f/g.gguf",
    ]);
    let root = folder.path();
    let left_out = [
        ("mmproj-d.gguf", "reads images"),
        ("e.gguf.downloadInProgress", "not complete"),
        ("lost.gguf", "may not be complete"),
    ];
    let own = Places {
        own: vec![root.to_owned()],
        ..Places::default()
    };
    check(&own, root, &["B", "a", "c-00001-of-00002"], &left_out);
    let llama = Places {
        llama_cpp: vec![root.to_owned()],
        ..Places::default()
    };
    let names = [
        "llama.cpp:B.GGUF",
        "llama.cpp:a.gguf",
        "llama.cpp:c-00001-of-00002.gguf",
    ];
    check(
        &llama,
        root,
        &names,
        &left_out
            .iter()
            .chain(&left_out)
            .copied()
            .take(3)
            .chain([("lost.gguf", "may")])
            .collect::<Vec<_>>(),
    );
}

#[test]
fn the_cache_of_the_hub() {
    let blob = format!("models--org--repo/blobs/{DIGEST}");
    let linked = format!("models--org--repo/snapshots/new/q4/m.gguf -> ../../../blobs/{DIGEST}");
    let folder = store(&[
        &blob,
        &linked,
        "models--org--repo/snapshots/old/m-old.gguf",
        "models--org--repo/snapshots/new/loop -> .",
        "models--org--repo/snapshots/new/broken.gguf -> ../../blobs/none",
        "models--org--two--parts/snapshots/one/config.json",
        "models--org--two--parts/snapshots/one/model.safetensors",
        "models--org--empty/refs/x",
        "datasets--org--repo/snapshots/one/m.gguf",
        ".locks/x",
    ]);
    let root = folder.path();
    fs::create_dir_all(root.join("models--org--repo/refs")).unwrap();
    fs::write(root.join("models--org--repo/refs/main"), "new\n").unwrap();
    let places = Places {
        hub: vec![root.to_owned()],
        ..Places::default()
    };
    check(
        &places,
        root,
        &["hf:org/repo/q4/m.gguf", "hf:org/two--parts"],
        &[("models--org--repo/snapshots/new/broken.gguf", "may not be complete")],
    );
    let model = find("HF:org/repo", &places).unwrap();
    assert_eq!(
        (model.name.as_str(), model.sha256.as_deref()),
        ("hf:org/repo/q4/m.gguf", Some(DIGEST))
    );
    assert_eq!(find("hf:org", &places), None, "two begin so");
    assert_eq!(find("hf:org/rep", &places), None);
    // A commit that would lead elsewhere is none; then the newest snapshot is taken.
    fs::write(
        root.join("models--org--repo/refs/main"),
        "../../models--org--two--parts/snapshots/one",
    )
    .unwrap();
    assert!(
        look(&places)
            .models
            .iter()
            .all(|model| model.path.starts_with(root.join("models--org--repo/snapshots"))
                || model.name == "hf:org/two--parts")
    );
}

#[test]
fn the_store_of_ollama() {
    let blob = format!("blobs/sha256-{DIGEST}");
    let folder = store(&[&blob, "blobs/sha256-partial-0"]);
    let root = folder.path();
    let write = |at: &str, text: &str| {
        let path = root.join("manifests").join(at);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let layer = |kind: &str, digest: &str, size: u64| {
        format!(
            r#"{{"schemaVersion":2,"layers":[{{"mediaType":"application/vnd.ollama.image.{kind}","digest":"{digest}","size":{size}}}]}}"#
        )
    };
    let digest = format!("sha256:{DIGEST}");
    write(
        "registry.ollama.ai/library/codegemma/2b-code",
        &layer("model", &digest, 4),
    );
    write("registry.ollama.ai/me/mine/latest", &layer("model", &digest, 4));
    write("hf.co/org/repo/Q4_K_M", &layer("model", &digest, 5));
    write("hf.co/org/repo/tensors", &layer("tensor", &digest, 4));
    write("hf.co/org/repo/away", &layer("model", "sha256:../../../etc/passwd", 4));
    write("hf.co/org/repo/half", "{\"schemaVersion\":2,");
    let places = Places {
        ollama: vec![root.to_owned()],
        ..Places::default()
    };
    check(
        &places,
        root,
        // The second name is of the same file.
        &["ollama:codegemma:2b-code"],
        &[
            ("manifests/hf.co/org/repo/Q4_K_M", "has 4 bytes and not the 5"),
            ("manifests/hf.co/org/repo/tensors", "not one GGUF file"),
            ("manifests/hf.co/org/repo/away", "names no digest"),
            ("manifests/hf.co/org/repo/half", "damaged"),
        ],
    );
}

#[test]
fn the_folder_of_lm_studio() {
    let folder = store(&[
        "org/repo/m.gguf",
        "org/repo/mmproj-m.gguf",
        "org/m.gguf",
        "m.gguf",
        "org/repo/deep/m.gguf",
    ]);
    let root = folder.path();
    let places = Places {
        lm_studio: vec![root.to_owned()],
        ..Places::default()
    };
    check(
        &places,
        root,
        &["lm-studio:org/repo/m.gguf"],
        &[("org/repo/mmproj-m.gguf", "reads images")],
    );
}

#[test]
fn a_file_that_two_stores_have_is_listed_once() {
    let folder = store(&["own/a.gguf", "llama/b.gguf -> ../own/a.gguf"]);
    let root = folder.path();
    let places = Places {
        own: vec![root.join("own")],
        llama_cpp: vec![root.join("llama")],
        ..Places::default()
    };
    check(&places, root, &["a"], &[]);
}

#[test]
fn where_the_stores_are() {
    let home = store(&[".lmstudio-home-pointer"]);
    let home = home.path();
    fs::write(home.join(".lmstudio-home-pointer"), "/big/studio\n").unwrap();
    let at = |variables: &[(&str, &str)]| {
        let variables: HashMap<String, OsString> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), OsString::from(value)))
            .collect();
        Places::of(home, &|name| variables.get(name).cloned())
    };
    let usual = at(&[]);
    assert_eq!(usual.hub, [home.join(".cache/huggingface/hub")]);
    assert_eq!(usual.ollama[0], home.join(".ollama/models"));
    assert!(
        usual
            .ollama
            .contains(&PathBuf::from("/usr/share/ollama/.ollama/models"))
    );
    assert_eq!(usual.lm_studio[0], PathBuf::from("/big/studio/models"));
    assert_eq!(at(&[("HF_HOME", "/hf")]).hub, [PathBuf::from("/hf/hub")]);
    assert_eq!(
        at(&[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/hub")]).hub,
        [PathBuf::from("/hub")]
    );
    assert_eq!(
        at(&[("XDG_CACHE_HOME", "/c")]).hub,
        [PathBuf::from("/c/huggingface/hub")]
    );
    assert_eq!(at(&[("OLLAMA_MODELS", "/o")]).ollama[0], PathBuf::from("/o"));
    assert_eq!(at(&[("LLAMA_CACHE", "/l")]).llama_cpp, [PathBuf::from("/l")]);
}
