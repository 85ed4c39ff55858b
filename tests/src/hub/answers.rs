//! What the hub and the registry answer, but for the bytes of large files.
//!
//! It must not know how requests come.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{COMMIT, Faults, Request, Shared, sha256};

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

fn refusal(status: u16, code: &str) -> Reply {
    Reply {
        status,
        headers: vec![("X-Error-Code", code.to_owned())],
        body: Vec::new(),
    }
}

/// The answer to any request.
pub(super) fn hub(shared: &Shared, faults: &Faults, request: &Request) -> Reply {
    let path = request.path.split('?').next().unwrap_or_default();
    let files = shared.files.lock().unwrap();
    if let Some(rest) = path.strip_prefix("/v2/library/") {
        return registry(shared, faults, &files, rest);
    }
    if let Some(token) = &faults.token {
        let sent = request.headers.get("authorization");
        let is_right = sent.is_some_and(|sent| *sent == format!("Bearer {token}"));
        match (is_right, faults.is_gated) {
            (true, false) => {}
            (true, true) => return refusal(403, "GatedRepo"),
            (false, true) => return refusal(401, "GatedRepo"),
            (false, false) => return refusal(401, "RepoNotFound"),
        }
    }
    if let Some(rest) = path.strip_prefix("/api/models/") {
        let repository = rest.split("/tree/").next().unwrap_or_default();
        return listing(&files, repository);
    }
    let Some((repository, rest)) = path[1..].split_once("/resolve/") else {
        return refusal(404, "RepoNotFound");
    };
    let (revision, file) = rest.split_once('/').unwrap_or_default();
    if !files.keys().any(|name| name.starts_with(&format!("{repository}/"))) {
        return refusal(404, "RepoNotFound");
    }
    if revision != "main" && revision != COMMIT {
        return refusal(404, "RevisionNotFound");
    }
    let name = format!("{repository}/{file}");
    let Some(bytes) = files.get(&name) else {
        return refusal(404, "EntryNotFound");
    };
    let commit = ("X-Repo-Commit", COMMIT.to_owned());
    if is_small(&name) {
        let mut git = sha1::Sha1::default();
        sha1::Digest::update(&mut git, format!("blob {}\0", bytes.len()));
        sha1::Digest::update(&mut git, bytes.as_slice());
        let etag = format!("\"{:x}\"", sha1::Digest::finalize(git));
        return Reply {
            status: 200,
            headers: vec![commit, ("ETag", etag)],
            body: bytes.to_vec(),
        };
    }
    let len = faults.announced.unwrap_or(bytes.len() as u64);
    Reply {
        status: 302,
        headers: vec![
            commit,
            ("X-Linked-Etag", format!("\"{}\"", sha256(bytes))),
            ("X-Linked-Size", len.to_string()),
            (
                "Location",
                faults.location.clone().unwrap_or_else(|| location(shared, &name)),
            ),
        ],
        body: Vec::new(),
    }
}

fn location(shared: &Shared, name: &str) -> String {
    format!("{}/bytes/{name}?signature=s", shared.bytes_host.lock().unwrap())
}

/// Small files are in the repository itself.
fn is_small(name: &str) -> bool {
    name.ends_with(".json") || name.ends_with(".md")
}

fn listing(files: &HashMap<String, Arc<Vec<u8>>>, repository: &str) -> Reply {
    let prefix = format!("{repository}/");
    let mut entries: Vec<Value> = files
        .iter()
        .filter_map(|(name, bytes)| Some((name.strip_prefix(&prefix)?, bytes)))
        .map(|(path, bytes)| json!({"type": "file", "path": path, "size": bytes.len()}))
        .collect();
    if entries.is_empty() {
        return refusal(401, "RepoNotFound");
    }
    entries.push(json!({"type": "directory", "path": "sub", "size": 0}));
    Reply {
        status: 200,
        headers: vec![("Content-Type", "application/json".to_owned())],
        body: Value::from(entries).to_string().into_bytes(),
    }
}

fn registry(shared: &Shared, faults: &Faults, files: &HashMap<String, Arc<Vec<u8>>>, path: &str) -> Reply {
    let parts: Vec<&str> = path.split('/').collect();
    let found = match parts.as_slice() {
        [model, "manifests", tag] => files.get(&format!("{model}:{tag}")),
        [_, "blobs", digest] => {
            let is_meant = |(_, bytes): &(&String, &Arc<Vec<u8>>)| **digest == format!("sha256:{}", sha256(bytes));
            let found = files.iter().find(is_meant);
            let Some((name, _)) = found else {
                return refusal(404, "");
            };
            return Reply {
                status: 307,
                headers: vec![("Location", location(shared, name))],
                body: Vec::new(),
            };
        }
        _ => None,
    };
    let Some(bytes) = found else { return refusal(404, "") };
    let layer = |kind: &str, digest: String, size: u64| json!({"mediaType": format!("application/vnd.ollama.image.{kind}"), "digest": digest, "size": size});
    let len = faults.announced.unwrap_or(bytes.len() as u64);
    let manifest = json!({"schemaVersion": 2, "layers": [
        layer("license", format!("sha256:{}", "0".repeat(64)), 5),
        layer("model", format!("sha256:{}", sha256(bytes)), len),
        layer("params", format!("sha256:{}", "1".repeat(64)), 5),
    ]});
    Reply {
        status: 200,
        headers: Vec::new(),
        body: manifest.to_string().into_bytes(),
    }
}
