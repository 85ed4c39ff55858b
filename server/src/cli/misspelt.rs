//! What somebody meant who wrote a word for which there is neither a command nor a file.
//!
//! It must not run anything.

use std::ffi::OsStr;
use std::path::Path;

/// Words for commands that this version does not have, and what to do instead.
const NOT_HERE: &[(&str, &str)] = &[
    ("models", "it is `codegemma-complete model list`"),
    ("pull", "it is `codegemma-complete model pull`"),
    ("caption", "this version reads no images"),
    (
        "edit",
        "this version completes only: `codegemma-complete FILE:LINE:COLUMN`",
    ),
    (
        "explain-code",
        "this version completes only; `explain` shows what the model is shown at a place",
    ),
    ("chat", "this version completes only; `raw` continues a text"),
    ("serve", "the language server is another program: codegemma-lsp"),
    ("lsp", "the language server is another program: codegemma-lsp"),
    ("version", "it is `codegemma-complete --version`"),
];

/// What to say to a first argument that names no command. `None` where it is a file or may have been meant as one.
pub(super) fn meant(word: &OsStr) -> Option<String> {
    let word = word.to_str()?;
    let is_word = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '-' | '_'));
    if !is_word || word.starts_with('-') || Path::new(word).is_file() {
        return None;
    }
    if let Some((_, instead)) = NOT_HERE.iter().find(|(name, _)| *name == word) {
        return Some(format!("there is no command {word}; {instead}"));
    }
    if Path::new(word).exists() {
        return None;
    }
    let lower = word.to_lowercase();
    let names = super::commands();
    let ranked = names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(name, &lower), name));
    // With more than half of the letters wrong it is another word.
    let near = ranked.filter(|(distance, name)| distance * 2 < name.len().min(word.len()));
    let (_, name) = near.min()?;
    Some(format!(
        "there is no command or file {word}; did you mean `codegemma-complete {name}`?"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(word: &str, expected: Option<&str>) {
        let meant = meant(OsStr::new(word));
        match (&meant, expected) {
            (Some(message), Some(words)) => assert!(message.contains(words), "{message}"),
            _ => assert_eq!(meant.as_deref(), expected, "{word}"),
        }
    }

    #[test]
    fn a_command_that_is_near_is_proposed() {
        check("docter", Some("codegemma-complete doctor`?"));
        check("Doctor", Some("codegemma-complete doctor`?"));
        check("explian", Some("codegemma-complete explain`?"));
        check("token", Some("codegemma-complete tokens`?"));
        check("bnech", Some("codegemma-complete bench`?"));
        check("completion", Some("codegemma-complete completions`?"));
        check("hlep", Some("codegemma-complete help`?"));
    }

    #[test]
    fn what_is_not_here_is_said_and_files_are_files() {
        check("models", Some("model list"));
        check("chat", Some("raw"));
        for file in ["docter.py", "src/docter", "docter:1:1", "-", "zebra", "src", ""] {
            check(file, None);
        }
    }
}
