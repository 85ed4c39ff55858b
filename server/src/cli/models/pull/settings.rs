//! Writes the model into the user's own file of settings, and leaves all else in it as it is.
//!
//! It must not know where models come from.

use std::fs;

use codegemma_model::plain_file;
use toml_edit::{DocumentMut, Item, value};

use crate::cli::Failure;
use crate::cli::output;
use crate::config::{Config, Layer};

/// A longer file is none that somebody wrote.
const MOST_BYTES: u64 = 64 << 10;

/// Makes a model the one that is used.
pub(super) fn use_model(name: &str) -> Result<(), Failure> {
    let config = Config::new(Layer::default()).with_files(&[]);
    let Some(path) = config.user_file() else {
        return Err(Failure::Message(
            "there is no folder of settings for this user; set CODEGEMMA_CONFIG to a file".to_owned(),
        ));
    };
    // A link stays one, and what it leads to is written.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let shown = path.display();
    let text = match plain_file::read(&path, MOST_BYTES) {
        Ok(bytes) => String::from_utf8(bytes)
            .map_err(|_| Failure::Message(format!("{shown}: the file is not UTF-8; convert it")))?,
        Err(error) if error.is_missing() => String::new(),
        Err(error) => return Err(Failure::Message(format!("{shown}: {error}"))),
    };
    let text =
        with_model(&text, name).map_err(|problem| Failure::Message(format!("{shown}: {problem}; mend it first")))?;
    let folder = path.parent().unwrap_or(&path);
    fs::create_dir_all(folder)
        .map_err(|error| Failure::Message(format!("{}: it cannot be made ({error})", folder.display())))?;
    output::write_file(&path, &text)?;
    output::note(&format!("{shown} now has model = \"{name}\""));
    Ok(())
}

/// The text of a file of settings with another model.
fn with_model(text: &str, name: &str) -> Result<String, String> {
    let mut document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| error.message().split_whitespace().collect::<Vec<_>>().join(" "))?;
    match document.get_mut("model").and_then(Item::as_value_mut) {
        Some(old) => {
            let decor = old.decor().clone();
            *old = name.into();
            *old.decor_mut() = decor;
        }
        None => document["model"] = value(name),
    }
    Ok(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        match (with_model(text, "m:q4"), expected) {
            (Ok(text), Ok(expected)) => assert_eq!(text, expected),
            (Err(problem), Err(word)) => assert!(problem.contains(word) && !problem.contains('\n'), "{problem}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }

    #[test]
    fn all_else_stays_as_it_is() {
        check("", Ok("model = \"m:q4\"\n"));
        check(
            "# mine\nmodel  =  'old' # the big one\nmaxTokens = 0x10\n\n[context]\nimports = false # no\n",
            Ok("# mine\nmodel  =  \"m:q4\" # the big one\nmaxTokens = 0x10\n\n[context]\nimports = false # no\n"),
        );
        check(
            "# mine\nmaxTokens = 3 # few\n\n[context]\nimports = false\n",
            Ok("# mine\nmaxTokens = 3 # few\nmodel = \"m:q4\"\n\n[context]\nimports = false\n"),
        );
        check(
            "[context]\nimports = false\n",
            Ok("model = \"m:q4\"\n[context]\nimports = false\n"),
        );
        check("model = ", Err(""));
    }
}
