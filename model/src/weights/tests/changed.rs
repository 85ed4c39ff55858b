//! A model's file that is cut or written over while it is in use, and one that is replaced as it should be.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::filled;
use crate::{CompletionRequest, Engine, LoadOptions, Prompt, RequestError};

fn request(text: &str) -> CompletionRequest {
    CompletionRequest::new(Prompt::Plain(text.to_owned()), 3)
}

fn load(path: &Path) -> Engine {
    Engine::load(&path.into(), &LoadOptions::default()).unwrap()
}

#[track_caller]
fn check_changed(answer: Result<crate::Completion, RequestError>, path: &Path) {
    let Err(RequestError::ModelChanged(message)) = &answer else {
        panic!("{answer:?}");
    };
    for part in [path.to_str().unwrap(), "cut or written over", "rename"] {
        assert!(message.contains(part), "{message}");
    }
}

/// Loads a model, does something to its file, and expects that nothing is served from it any more; and that it is served
/// as before when the file is whole again and loaded again.
#[track_caller]
fn check_not_served(change: impl FnOnce(&Path, &[u8])) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let bytes = filled().bytes();
    fs::write(&path, &bytes).unwrap();
    let engine = load(&path);
    let good = engine.complete(request("some text")).unwrap().tokens;
    assert_eq!(good.len(), 3);
    change(&path, &bytes);
    for text in ["some text", "some other text", "some text"] {
        check_changed(engine.complete(request(text)), &path);
    }
    fs::write(&path, &bytes).unwrap();
    // It may be whole again, but this engine cannot know what it has read.
    check_changed(engine.complete(request("some text")), &path);
    drop(engine);
    assert_eq!(load(&path).complete(request("some text")).unwrap().tokens, good);
}

fn cut(path: &Path, len: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap();
}

#[test]
fn nothing_is_served_from_a_file_that_was_cut() {
    check_not_served(|path, _| cut(path, 0));
    check_not_served(|path, bytes| cut(path, bytes.len() as u64 / 2));
    // The page is still there, its second half is zeros.
    check_not_served(|path, _| cut(path, 2048));
    check_not_served(|path, bytes| cut(path, bytes.len() as u64 - 1));
}

#[test]
fn nothing_is_served_from_a_file_that_was_written_over() {
    check_not_served(|path, bytes| {
        let mut other = bytes.to_vec();
        let end = other.len();
        other[end - 4096..].fill(7);
        let mut file = OpenOptions::new().write(true).open(path).unwrap();
        file.write_all(&other).unwrap();
    });
    // As `cp` does it: cut to nothing, then written again.
    check_not_served(|path, bytes| fs::write(path, &bytes[..bytes.len() - 32]).unwrap());
    check_not_served(|path, _| {
        OpenOptions::new()
            .append(true)
            .open(path)
            .unwrap()
            .write_all(b"x")
            .unwrap()
    });
}

#[test]
fn a_file_that_is_cut_while_it_is_read_fails_the_request_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    fs::write(&path, filled().bytes()).unwrap();
    let engine = load(&path);
    let shown = Arc::new(AtomicUsize::new(0));
    let mut request = request(&"many words ".repeat(10));
    let (seen, own) = (shown.clone(), path.clone());
    request.progress = Some(Box::new(move |completion| {
        // After the first chunk of the prompt.
        if completion.stats.forwarded_tokens > 0 && seen.fetch_add(1, Ordering::Relaxed) == 0 {
            cut(&own, 0);
        }
    }));
    check_changed(engine.complete(request), &path);
    assert_eq!(shown.load(Ordering::Relaxed), 1, "nothing is shown of what was lost");
}

#[test]
fn what_was_computed_from_lost_bytes_is_not_held() {
    use crate::logits::Logits;
    use crate::model::Model;
    use crate::sequence::{LanguageModel, Sequences};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    fs::write(&path, filled().bytes()).unwrap();
    let model = Model::load(&path.as_path().into(), &LoadOptions::default()).unwrap();
    let mut sequences = Sequences::new(model, 1 << 20);
    let mut logits = Logits::default();
    sequences.begin(&[2, 5, 6, 7, 8], 8).unwrap();
    sequences.forward(&[2, 5], 1, &mut logits).unwrap();
    cut(&path, 0);
    assert!(sequences.forward(&[6, 7], 1, &mut logits).is_err());
    let (tokens, cache) = sequences.held().next_back().unwrap();
    assert_eq!((tokens, cache.len()), (&[2, 5][..], 2));
    let mut branch = sequences.branch(2).unwrap();
    assert!(sequences.forward_branches(vec![(&mut branch, 6)], &mut logits).is_err());
    assert!(sequences.model().check().is_err());
}

#[test]
fn a_file_that_takes_the_name_of_one_in_use_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    fs::write(&path, filled().bytes()).unwrap();
    let engine = load(&path);
    let good = engine.complete(request("some text")).unwrap().tokens;
    let other = folder.path().join("other");
    File::create(&other).unwrap().write_all(b"no model").unwrap();
    fs::rename(&other, &path).unwrap();
    assert_eq!(engine.complete(request("some text")).unwrap().tokens, good);
    fs::remove_file(&path).unwrap();
    assert_eq!(engine.complete(request("some text")).unwrap().tokens, good);
}
