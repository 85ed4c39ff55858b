//! Stores that are folders with GGUF files: our own and llama.cpp's, where they lie side by side, and LM Studio's, with a
//! folder for each publisher and in it one for each repository.

use std::path::{Path, PathBuf};

use codegemma_model::SplitPart;

use super::{LeftOut, StoreKind, Stored, StoredModel, entries};

/// Whether a file's name is that of a model.
pub(super) fn is_model(name: &str) -> bool {
    name.to_lowercase().ends_with(".gguf")
}

/// Why a file with such a name is left out, where its name says so; `Some("")` where it is part of a model that is listed.
pub(super) fn is_no_model(name: &str) -> Option<&'static str> {
    if name.to_lowercase().contains("mmproj") {
        return Some("it is the part of a model that reads images");
    }
    // The first part stands for all.
    SplitPart::of(name).is_some_and(|part| part.number != 1).then_some("")
}

/// The files of a model whose first one is this.
pub(super) fn parts(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let Some(SplitPart { stem, count, .. }) = SplitPart::of(name) else {
        return vec![path.to_owned()];
    };
    let ending = &name[name.len() - ".gguf".len()..];
    let part = |number: usize| path.with_file_name(format!("{stem}-{number:05}-of-{count:05}{ending}"));
    (1..=count).map(part).collect()
}

/// Adds a file that its name says is a model.
pub(super) fn add(path: &Path, file: &str, model: StoredModel, stored: &mut Stored) {
    match is_no_model(file) {
        None => stored.models.push(model),
        Some("") => {}
        Some(reason) => stored.left_out.push(LeftOut {
            path: path.to_owned(),
            reason: reason.to_owned(),
        }),
    }
}

/// Whether a file's name says that its download is not complete.
fn is_unfinished(name: &str) -> bool {
    [".downloadInProgress", ".incomplete", ".part", ".partial", ".download"]
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// The files of a folder.
pub(super) fn flat(folder: &Path, kind: StoreKind, stored: &mut Stored) {
    for (file, metadata) in entries(folder, stored) {
        let path = folder.join(&file);
        if is_unfinished(&file) && metadata.is_file() {
            stored.leave_out(&path, "its download is not complete");
        }
        if !is_model(&file) || !metadata.is_file() {
            continue;
        }
        let name = match kind {
            // Our own have names without a prefix, and nobody thinks of the ending.
            StoreKind::Own => file[..file.len() - ".gguf".len()].to_owned(),
            kind => format!("{}:{file}", kind.name()),
        };
        let model = StoredModel {
            name,
            path: path.clone(),
            kind,
            sha256: None,
        };
        add(&path, &file, model, stored);
    }
}

/// The files in the folders of the folders of a folder.
pub(super) fn by_publisher(folder: &Path, stored: &mut Stored) {
    let folders = |stored: &mut Stored, folder: &Path| -> Vec<String> {
        let entries = entries(folder, stored).into_iter();
        entries
            .filter(|(_, metadata)| metadata.is_dir())
            .map(|(name, _)| name)
            .collect()
    };
    for publisher in folders(stored, folder) {
        for repository in folders(stored, &folder.join(&publisher)) {
            let folder = folder.join(&publisher).join(&repository);
            for (file, metadata) in entries(&folder, stored) {
                let path = folder.join(&file);
                if is_unfinished(&file) && metadata.is_file() {
                    stored.leave_out(&path, "its download is not complete");
                }
                if is_model(&file) && metadata.is_file() {
                    let kind = StoreKind::LmStudio;
                    let name = format!("{}:{publisher}/{repository}/{file}", kind.name());
                    let model = StoredModel {
                        name,
                        path: path.clone(),
                        kind,
                        sha256: None,
                    };
                    add(&path, &file, model, stored);
                }
            }
        }
    }
}
