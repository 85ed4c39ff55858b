//! Models in several files.

use std::path::{Path, PathBuf};

use super::{filled, run};
use crate::testing::{GgufWriter, Meta};
use crate::weights::Weights;
use crate::{Engine, LoadOptions, ModelSource};

/// Where the parts lie, and what is in them.
type Parts = Vec<(PathBuf, GgufWriter)>;

/// A model in three files, as it is split for hubs, and where they lie.
fn split() -> (tempfile::TempDir, Parts) {
    let folder = tempfile::tempdir().unwrap();
    let whole = filled();
    let count = whole.tensors.len();
    let parts = (0..3).map(|number| {
        let mut part = GgufWriter {
            metadata: if number == 0 {
                whole.metadata.clone()
            } else {
                Vec::new()
            },
            tensors: whole.tensors[number * count / 3..(number + 1) * count / 3].to_vec(),
        };
        part.set("split.no", Meta::U32(number as u32));
        part.set("split.count", Meta::U32(3));
        part.set("split.tensors.count", Meta::U32(count as u32));
        let path = folder.path().join(format!("m-{:05}-of-00003.gguf", number + 1));
        std::fs::write(&path, part.bytes()).unwrap();
        (path, part)
    });
    let parts = parts.collect();
    (folder, parts)
}

#[test]
fn a_model_in_several_files_gives_what_one_file_gives_by_any_of_their_names() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), filled().bytes()).unwrap();
    let expected = run(&file.path().into()).unwrap();
    let (_folder, parts) = split();
    for (path, _) in &parts {
        let found = run(&path.as_path().into()).unwrap();
        assert_eq!(
            (found.tokens, found.logprobs),
            (expected.tokens.clone(), expected.logprobs.clone())
        );
        let inspected = crate::inspect(&path.as_path().into()).unwrap();
        let whole = crate::inspect(&file.path().into()).unwrap();
        assert_eq!(inspected.files, 3);
        assert_eq!(
            (inspected.parameters, inspected.weight_bytes),
            (whole.parameters, whole.weight_bytes)
        );
    }
}

#[test]
fn parts_that_do_not_belong_together_are_named() {
    let check = |spoil: &dyn Fn(&Parts), words: &[&str]| {
        let (_folder, parts) = split();
        spoil(&parts);
        let source = ModelSource::Path(parts[0].0.clone());
        let errors = [
            Engine::load(&source, &LoadOptions::default())
                .map(drop)
                .unwrap_err()
                .to_string(),
            crate::inspect(&source).unwrap_err().to_string(),
        ];
        for error in errors {
            for word in words {
                assert!(error.contains(word) && !error.contains('\n'), "no {word:?} in {error}");
            }
        }
    };
    let rewritten = |path: &Path, part: &GgufWriter, key: &str, value: u32| {
        let mut part = part.clone();
        part.set(key, Meta::U32(value));
        std::fs::write(path, part.bytes()).unwrap();
    };
    check(
        &|parts| std::fs::remove_file(&parts[1].0).unwrap(),
        &["m-00002-of-00003.gguf is not beside", "download all parts"],
    );
    check(
        &|parts| assert!(std::fs::copy(&parts[1].0, &parts[2].0).unwrap() > 0),
        &["m-00003-of-00003.gguf", "part 2", "twice"],
    );
    check(
        &|parts| rewritten(&parts[1].0, &parts[1].1, "split.count", 4),
        &["m-00002-of-00003.gguf", "one of 4"],
    );
    check(
        &|parts| rewritten(&parts[2].0, &parts[2].1, "split.tensors.count", 99),
        &["promises 99 tensors"],
    );
    check(
        &|parts| std::fs::write(&parts[2].0, "<!doctype html>").unwrap(),
        &["m-00003-of-00003.gguf", "web page"],
    );
    // A part by another name does not say where the others are.
    let (folder, parts) = split();
    let path = folder.path().join("renamed.gguf");
    std::fs::copy(&parts[0].0, &path).unwrap();
    let error = crate::inspect(&ModelSource::Path(path)).unwrap_err().to_string();
    assert!(error.contains("one of 3 parts"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_change_of_any_part_is_noticed() {
    let (_folder, parts) = split();
    let weights = Weights::open(&parts[0].0.as_path().into()).unwrap();
    assert_eq!(weights.files.check(), Ok(()));
    let last = std::fs::File::options().write(true).open(&parts[2].0).unwrap();
    last.set_len(100).unwrap();
    assert!(weights.files.check().unwrap_err().contains("m-00003-of-00003.gguf"));
}
