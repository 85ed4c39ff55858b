//! What a file is that is no model which runs here, in a sentence, and what to do about it: most are a download that went
//! wrong, or the wrong one of several files.
//!
//! Judges by a file's first bytes and its name. Must not read files.

use std::path::Path;

/// What is wrong with a file, and what the user can do.
pub(crate) type Refusal = (String, String);

/// How many of a file's first bytes are looked at.
pub(crate) const LOOKED_AT: usize = 1024;

/// Ends of names that programs give to a download that is not complete.
const UNFINISHED: [&str; 9] = [
    "part",
    "partial",
    "crdownload",
    "download",
    "incomplete",
    "opdownload",
    "aria2",
    "!qb",
    "tmp",
];

/// Whether a file's name says that its download is not complete.
pub(crate) fn is_unfinished(path: &Path) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| UNFINISHED.contains(&ending.as_str()))
}

/// What a file is that does not begin as a GGUF file does, by its first [`LOOKED_AT`] bytes.
pub(crate) fn of_beginning(beginning: &[u8], len: usize) -> Refusal {
    let verdict = |what: &str, remedy: &str| (what.to_owned(), remedy.to_owned());
    if len == 0 {
        return verdict("the file is empty", "download the model again");
    }
    if beginning.iter().all(|byte| *byte == 0) {
        return verdict(
            "the file begins with zeros only, as a download does that has only been given its room",
            "wait for it, or download the model again",
        );
    }
    if let Some(found) = of_text(beginning, len) {
        return found;
    }
    let begins = |magic: &[u8]| beginning.starts_with(magic);
    if begins(b"PK\x03\x04") || begins(b"\x80\x02") || begins(b"\x80\x03") || begins(b"\x80\x04") {
        return verdict(
            "this is no GGUF file but an archive, as PyTorch writes for its weights (.bin, .pt, .ckpt)",
            "use a .gguf file, or a folder with config.json, safetensors and tokenizer.json",
        );
    }
    if begins(b"\x1f\x8b")
        || begins(b"\xfd7zXZ")
        || begins(b"\x28\xb5\x2f\xfd")
        || begins(b"7z\xbc\xaf")
        || begins(b"Rar!")
    {
        return verdict("this is a compressed file", "unpack it and name the .gguf file in it");
    }
    if begins(b"lmgg") || begins(b"fmgg") || begins(b"tjgg") || begins(b"algg") {
        return verdict(
            "this is a file in the old format ggml, which GGUF took the place of",
            "download the model as a GGUF file",
        );
    }
    if begins(b"\x89HDF") {
        return verdict(
            "this is an HDF5 file, as Keras writes it",
            "download the model as a GGUF file",
        );
    }
    let header = beginning.first_chunk::<8>().map(|header| u64::from_le_bytes(*header));
    if header.is_some_and(|header| header < len as u64) && beginning.get(8) == Some(&b'{') {
        return verdict(
            "this is a safetensors file, which is only a part of a model",
            "name the folder with config.json, the safetensors and tokenizer.json",
        );
    }
    let first: Vec<String> = beginning.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    verdict(
        &format!("this is no GGUF file; it begins with the bytes {}", first.join(" ")),
        "name a .gguf file, or a folder with config.json, safetensors and tokenizer.json",
    )
}

/// What a text is, if it is one.
fn of_text(beginning: &[u8], len: usize) -> Option<Refusal> {
    let text = match std::str::from_utf8(beginning) {
        Ok(text) => text,
        // A character may be cut where the look ends.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&beginning[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.contains('\0') {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let verdict = |what: &str, remedy: &str| Some((what.to_owned(), remedy.to_owned()));
    if lower.starts_with("version https://git-lfs.github.com/spec/") {
        let size = text
            .lines()
            .find_map(|line| line.strip_prefix("size ")?.parse::<u64>().ok());
        let size = size.map_or_else(String::new, |size| format!(" of {} MiB", size.div_ceil(1 << 20)));
        return verdict(
            &format!("this is a Git LFS pointer of {len} bytes, which stands for the model{size} but is not it"),
            "run `git lfs pull` in its repository, or download the file itself",
        );
    }
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") || lower.contains("<head") {
        return verdict(
            "this is a web page, such as one to log in or to accept terms, that was saved in the model's place",
            "accept the model's terms on its page, then download the file while you are logged in",
        );
    }
    if text.starts_with("<?xml") || text.starts_with('<') {
        return verdict(
            "this is a message in XML, such as a server's error, that was saved in the model's place",
            "download the model again",
        );
    }
    if text.starts_with('{') || text.starts_with('[') {
        let is_error = ["\"error\"", "\"message\"", "\"detail\""]
            .iter()
            .any(|key| lower.contains(key));
        return match is_error {
            true => verdict(
                &format!(
                    "this is a server's message, saved in the model's place: {}",
                    excerpt(text)
                ),
                "accept the model's terms on its page where it asks for that, then download it again",
            ),
            false => verdict(
                "this is a JSON file, not the model",
                "name the .gguf file, or the folder with config.json, safetensors and tokenizer.json",
            ),
        };
    }
    // Texts that are no letters are perhaps none.
    text.chars()
        .take(64)
        .all(|c| !c.is_control() || c.is_whitespace())
        .then(|| {
            (
                format!("this is a text, not the model; it begins with {}", excerpt(text)),
                "name a .gguf file, or a folder with config.json, safetensors and tokenizer.json".to_owned(),
            )
        })
}

/// The beginning of a text in a line, quoted, without what a terminal would obey.
fn excerpt(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    format!("{:?}", words.join(" ").chars().take(80).collect::<String>())
}

/// What a GGUF file of an architecture is that does not run here. `kind` is what the file says of itself.
pub(crate) fn of_architecture(name: &str, kind: Option<&str>) -> Refusal {
    let verdict = |what: String, remedy: &str| (what, remedy.to_owned());
    match (name, kind) {
        ("clip", _) | (_, Some("mmproj")) => verdict(
            "this is only the part of a model that reads images (mmproj)".to_owned(),
            "name the GGUF file of the model itself",
        ),
        (_, Some("adapter")) => verdict(
            "this is an adapter (LoRA), which only changes another model".to_owned(),
            "name the GGUF file of a model, with the adapter merged into it",
        ),
        (_, Some("imatrix")) => verdict(
            "these are measurements for quantizing a model (imatrix)".to_owned(),
            "name the GGUF file of the model itself",
        ),
        ("gemma-embedding", _) => verdict(
            "this is a model for searching (EmbeddingGemma), which writes no text".to_owned(),
            REMEDY,
        ),
        (name, _) => verdict(
            format!("this is a model of the architecture {name:?}; this program runs gemma, gemma2 and gemma3 only"),
            REMEDY,
        ),
    }
}

const REMEDY: &str = "use a GGUF file of CodeGemma, or of a Gemma 1, Gemma 2 or Gemma 3";

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(beginning: &[u8], words: &[&str]) {
        let (what, remedy) = of_beginning(beginning, beginning.len());
        let message = format!("{what}; {remedy}");
        for word in words {
            assert!(message.contains(word), "no {word:?} in {message}");
        }
        assert!(!message.contains(|c: char| c.is_control()), "{message}");
    }

    #[test]
    fn what_was_saved_instead_of_a_model_is_said() {
        check(b"", &["empty", "download"]);
        check(&[0; 2000], &["zeros", "wait"]);
        check(b"<!DOCTYPE html>\n<html><head><title>Login", &["web page", "logged in"]);
        check(b"\xef\xbb\xbf\r\n<HTML lang=en>", &["web page"]);
        check(b"<?xml version=\"1.0\"?><Error><Code>AccessDenied", &["XML", "again"]);
        check(
            b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 1630262304\n",
            &["Git LFS pointer of 75 bytes", "1555 MiB", "git lfs pull"],
        );
        check(
            b"{\"error\":\"Access to model google/codegemma-2b is restricted\x1b[2J\"}",
            &["server's message", "is restricted", "terms"],
        );
        check(b"{\"architectures\": [\"GemmaForCausalLM\"]}", &["JSON file", "folder"]);
        check(b"Invalid username or password.", &["a text", "Invalid username"]);
        check("ß".repeat(600).as_bytes(), &["a text"]);
    }

    #[test]
    fn other_files_of_models_are_named() {
        check(b"PK\x03\x04\0\0\x08\x08archive/data.pkl", &["PyTorch", ".gguf"]);
        check(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", &["PyTorch"]);
        check(b"\x1f\x8b\x08\0\0\0\0\0", &["compressed", "unpack"]);
        for magic in [b"lmgg", b"fmgg", b"tjgg"] {
            check(
                &[&magic[..], &[1, 0, 0, 0, 0xff]].concat(),
                &["old format ggml", "GGUF"],
            );
        }
        check(
            b"\x10\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F32\"}}",
            &["safetensors", "name the folder"],
        );
        check(b"\x7fELF\x02\x01\x01\0\xff", &["no GGUF file", "7f 45 4c 46"]);
    }

    #[test]
    fn a_name_tells_that_a_download_goes_on() {
        for name in ["m.gguf.part", "m.gguf.crdownload", "m.PARTIAL", "m.gguf.!qB"] {
            assert!(is_unfinished(Path::new(name)), "{name}");
        }
        for name in ["m.gguf", "part", "sha256-4d7a"] {
            assert!(!is_unfinished(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn models_that_do_not_run_here_are_named() {
        assert!(of_architecture("llama", None).0.contains("\"llama\""));
        assert!(of_architecture("clip", None).0.contains("mmproj"));
        assert!(of_architecture("gemma3", Some("mmproj")).0.contains("mmproj"));
        assert!(of_architecture("gemma3", Some("adapter")).0.contains("LoRA"));
    }
}
