//! `codegemma.toml`: finding it, reading it, and saying on which line something is wrong.
//!
//! It looks at the file system and the environment. It must not know which of its keys hold in the end.

use std::path::{Path, PathBuf};

use codegemma_model::plain_file::{self, FileError};
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::layer::{Layer, Lines, Source};

/// What it is called.
pub(crate) const NAME: &str = "codegemma.toml";

/// A longer file is none that somebody wrote.
const MOST_BYTES: u64 = 64 << 10;

/// A file of settings, as it was when it was read last.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct File {
    /// Where it is, or would be.
    pub(super) path: PathBuf,
    /// What it sets.
    pub(super) layer: Layer,
    /// What is wrong with it, each as one line that begins with the place.
    pub(super) problems: Vec<String>,
    workspace: bool,
    /// Whether it is a problem when it is not there.
    named: bool,
}

impl File {
    /// The user's own file: what `CODEGEMMA_CONFIG` names, or the one in the user's configuration folder. `None` where
    /// there is no such folder.
    pub(super) fn of_user() -> Option<Self> {
        let named = std::env::var_os("CODEGEMMA_CONFIG").filter(|path| !path.is_empty());
        let is_named = named.is_some();
        let path = match named {
            Some(path) => PathBuf::from(path),
            None => dirs::config_dir()?.join("codegemma-lsp").join(NAME),
        };
        Some(Self::read(path, false, is_named))
    }

    /// The user's own file, at another place.
    #[cfg(test)]
    pub(super) fn at(path: &Path) -> Self {
        Self::read(path.to_owned(), false, false)
    }

    /// The file of a workspace.
    pub(super) fn of_workspace(root: &Path) -> Self {
        Self::read(root.join(NAME), true, false)
    }

    fn read(path: PathBuf, workspace: bool, named: bool) -> Self {
        let mut file = Self {
            path,
            layer: Layer::default(),
            problems: Vec::new(),
            workspace,
            named,
        };
        file.reread();
        file
    }

    /// Reads it again. Where that fails, it goes on setting what it did.
    pub(super) fn reread(&mut self) {
        let text = match text(&self.path) {
            Ok(Some(text)) => text,
            Ok(None) => {
                self.layer = Layer::default();
                let missing = || format!("{}: there is no such file; check CODEGEMMA_CONFIG", self.path.display());
                self.problems = self.named.then(missing).into_iter().collect();
                return;
            }
            Err(problem) => {
                self.problems = vec![format!("{}: {problem}", self.path.display())];
                return;
            }
        };
        match parse(&text) {
            Ok((table, lines)) => {
                let source = Source::File {
                    path: &self.path,
                    lines: &lines,
                    workspace: self.workspace,
                };
                self.layer = Layer::default();
                self.problems = self.layer.update(&table, source);
            }
            Err(problem) => {
                let path = self.path.display();
                self.problems = vec![format!("{path}:{problem}; the old values stay until this is mended")];
            }
        }
    }
}

/// The text of a file; `None` if there is none.
fn text(path: &Path) -> Result<Option<String>, String> {
    let bytes = match plain_file::read(path, MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.is_missing() => return Ok(None),
        Err(error) => {
            let remedy = match error {
                FileError::NotPlain(_) => "remove it",
                FileError::TooLong(_) => "shorten it",
                FileError::System(_) => "check its permissions",
            };
            return Err(format!("{error}; {remedy}"));
        }
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            Err(format!("byte {at} is not UTF-8; convert the file to UTF-8"))
        }
    }
}

/// The file's values in the form that a client sends, and the lines of their names. The error begins with a line and a
/// column, both from 1.
fn parse(text: &str) -> Result<(Map<String, Value>, Lines), String> {
    let table = DeTable::parse(text).map_err(|error| {
        let before = &text[..text.floor_char_boundary(error.span().map_or(0, |span| span.start))];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let (line, column) = (line_of(text, before.len()), before[line_start..].chars().count() + 1);
        // A message may have lines of its own.
        let message: Vec<_> = error.message().split_whitespace().collect();
        format!("{line}:{column}: {}", message.join(" "))
    })?;
    let mut lines = Lines::new();
    let values = convert_table(table.get_ref(), text, &mut Vec::new(), &mut lines);
    Ok((values, lines))
}

fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

fn convert_table(table: &DeTable<'_>, text: &str, path: &mut Vec<String>, lines: &mut Lines) -> Map<String, Value> {
    let mut values = Map::new();
    for (name, value) in table {
        path.push(name.get_ref().to_string());
        lines.insert(path.clone(), line_of(text, name.span().start));
        values.insert(name.get_ref().to_string(), convert(value, text, path, lines));
        path.pop();
    }
    values
}

fn convert(value: &Spanned<DeValue<'_>>, text: &str, path: &mut Vec<String>, lines: &mut Lines) -> Value {
    // What is out of every range stays what was written, so that the message shows it.
    let written = || Value::from(text[value.span()].to_owned());
    match value.get_ref() {
        DeValue::String(text) => Value::from(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or_else(|_| written(), Value::from)
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or_else(|_| written(), Value::from),
        DeValue::Boolean(switch) => Value::from(*switch),
        DeValue::Datetime(_) => written(),
        DeValue::Array(values) => values.iter().map(|value| convert(value, text, path, lines)).collect(),
        DeValue::Table(table) => Value::Object(convert_table(table, text, path, lines)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, File) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(NAME), text).unwrap();
        let file = File::of_workspace(folder.path());
        (folder, file)
    }

    /// What a file sets, and its problems without the folder.
    #[track_caller]
    fn check(text: &str, set: &Value, problems: &[&str]) {
        let (folder, file) = file(text);
        let values: Map<String, Value> = file
            .layer
            .0
            .iter()
            .map(|(name, setting)| (name.clone(), setting.value.clone()))
            .collect();
        assert_eq!(&Value::Object(values), set, "{text}");
        let folder = format!("{}{}", folder.path().display(), std::path::MAIN_SEPARATOR);
        let found: Vec<String> = file
            .problems
            .iter()
            .map(|problem| problem.replace(&folder, ""))
            .collect();
        assert_eq!(found, problems, "{text}");
    }

    #[test]
    fn keys_of_all_kinds_are_read() {
        check("", &json!({}), &[]);
        check(
            "maxTokens = 1_00\nconfidence = 0.5\nexclude = ['a', \"b\"]\n[context]\nimports = false\n[languages.\"c++\"]\nenabled = false",
            &json!({
                "maxTokens": 100, "confidence": 0.5, "exclude": ["a", "b"],
                "context.imports": false, "languages.c++.enabled": false,
            }),
            &[],
        );
        check(
            "context.openFiles = false\r\nmaxTokens = 0x10",
            &json!({"context.openFiles": false, "maxTokens": 16}),
            &[],
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        check(
            "# a\n\nmaxToken = 3\nmultiline = 'never'",
            &json!({"multiline": "never"}),
            &["codegemma.toml:3: unknown key maxToken; did you mean maxTokens?"],
        );
        check(
            "theme = 1",
            &json!({}),
            &["codegemma.toml:1: unknown key theme; `codegemma-complete doctor` lists the keys"],
        );
        check(
            "[languages.rust]\nenabled = 1\n[languages.go]\nmaxTokens = 99999",
            &json!({}),
            &[
                "codegemma.toml:4: languages.go.maxTokens: expected a number up to 8192, found 99999; this is ignored",
                "codegemma.toml:2: languages.rust.enabled: expected true or false, found 1; this is ignored",
            ],
        );
        check(
            "maxTokens = 99999999999999999999",
            &json!({}),
            &[
                "codegemma.toml:1: maxTokens: expected a number above 0, found \"99999999999999999999\"; this is ignored",
            ],
        );
        check(
            "\ntrustedWorkspaces = ['/']\ntrustWorkspace = true",
            &json!({}),
            &[
                "codegemma.toml:3: trustWorkspace: only a client's initializationOptions can say this; this is ignored",
                "codegemma.toml:2: trustedWorkspaces: only the user's own codegemma.toml can set this; this is ignored",
            ],
        );
    }

    #[test]
    fn a_file_that_does_not_parse_keeps_what_it_set() {
        let (folder, mut file) = file("maxTokens = 3");
        let before = file.layer.clone();
        let path = folder.path().join(NAME);
        std::fs::write(&path, "maxTokens = 4\nmodel = é é").unwrap();
        file.reread();
        let place = format!("{}:2:9: ", path.display());
        assert!(file.problems[0].starts_with(&place), "{:?}", file.problems);
        assert!(!file.problems[0].contains('\n') && file.layer == before, "{file:?}");
        std::fs::write(&path, "maxTokens = 4").unwrap();
        file.reread();
        assert_eq!(
            (file.layer.0["maxTokens"].value.clone(), file.problems.len()),
            (json!(4), 0)
        );
        std::fs::remove_file(&path).unwrap();
        file.reread();
        assert_eq!((file.layer, file.problems), (Layer::default(), vec![]));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let problem = || File::of_workspace(folder.path()).problems.concat();
        std::fs::write(&path, b"a = '\xff'").unwrap();
        assert!(problem().contains("byte 5 is not UTF-8"), "{}", problem());
        std::fs::write(&path, "#".repeat(70_000)).unwrap();
        assert!(problem().contains("longer than 64 KiB"), "{}", problem());
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(problem().contains("it is a folder"), "{}", problem());
    }
}
