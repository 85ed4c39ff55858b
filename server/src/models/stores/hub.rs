//! The cache of Hugging Face's hub, which llama.cpp uses as well: `models--ORG--REPOSITORY` with `snapshots/COMMIT/…` of
//! links into `blobs`, whose names are the digests of large files.

use std::path::{Path, PathBuf};

use super::{StoreKind, Stored, StoredModel, entries, files};

/// How deep in a repository files are looked for.
const DEPTH: usize = 4;

/// A commit's name is no longer.
const MOST_COMMIT_BYTES: u64 = 200;

pub(super) fn look(cache: &Path, stored: &mut Stored) {
    for (folder, metadata) in entries(cache, stored) {
        let repository = folder.strip_prefix("models--").map(|name| name.replacen("--", "/", 1));
        let Some(repository) = repository.filter(|_| metadata.is_dir()) else {
            continue;
        };
        let folder = cache.join(folder);
        if let Some(snapshot) = snapshot(&folder, stored) {
            below(&repository, &snapshot, &mut String::new(), DEPTH, stored);
        }
    }
}

/// The folder of the commit that `main` is at, else the newest one.
fn snapshot(folder: &Path, stored: &mut Stored) -> Option<PathBuf> {
    let snapshots = folder.join("snapshots");
    let main = codegemma_model::plain_file::read(&folder.join("refs/main"), MOST_COMMIT_BYTES).ok();
    let commit = main.and_then(|commit| String::from_utf8(commit).ok());
    let is_plain = |commit: &String| !commit.is_empty() && commit.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let main = commit.map(|commit| commit.trim().to_owned()).filter(is_plain);
    let main = main.map(|commit| snapshots.join(commit)).filter(|path| path.is_dir());
    main.or_else(|| {
        let entries = entries(&snapshots, stored);
        let folders = entries.into_iter().filter(|(_, metadata)| metadata.is_dir());
        let newest = folders.max_by_key(|(_, metadata)| metadata.modified().ok())?;
        Some(snapshots.join(newest.0))
    })
}

/// Adds what is in a folder of a snapshot: GGUF files, and the folder itself where it has safetensors. `below` is its path
/// in the repository. Links to folders are not followed: the hub makes none.
fn below(repository: &str, folder: &Path, within: &mut String, depth: usize, stored: &mut Stored) {
    let entries = entries(folder, stored);
    let kind = StoreKind::HuggingFace;
    let has = |ending: &str| entries.iter().any(|(name, _)| name.ends_with(ending));
    if has(".safetensors") && has("config.json") {
        let at = within.trim_end_matches('/');
        let name = match at.is_empty() {
            true => format!("hf:{repository}"),
            false => format!("hf:{repository}/{at}"),
        };
        stored.models.push(StoredModel {
            name,
            path: folder.to_owned(),
            kind,
            sha256: None,
        });
    }
    for (file, metadata) in &entries {
        let path = folder.join(file);
        if metadata.is_dir() {
            if depth > 0 && !path.is_symlink() {
                let len = within.len();
                within.push_str(file);
                within.push('/');
                below(repository, &path, within, depth - 1, stored);
                within.truncate(len);
            }
        } else if files::is_model(file) && metadata.is_file() {
            let name = format!("hf:{repository}/{within}{file}");
            let model = StoredModel {
                name,
                path: path.clone(),
                kind,
                sha256: digest(&path),
            };
            files::add(&path, file, model, stored);
        }
    }
}

/// The digest that a file's blob is called by, if that is one of its bytes.
pub(super) fn digest(path: &Path) -> Option<String> {
    let target = std::fs::read_link(path).ok()?;
    let name = target.file_name()?.to_str()?;
    let is_digest = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| name.to_owned())
}
