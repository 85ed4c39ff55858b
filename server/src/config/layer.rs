//! What one place sets: each value with where it stands, and what was wrong there.
//!
//! Pure. It must not know which place wins.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::keys::{self, Found, Key, KeyPlace};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nobody set it.
    Default,
    /// The user's own file, and the line in it.
    UserFile(PathBuf, usize),
    /// The file of a workspace, and the line in it.
    WorkspaceFile(PathBuf, usize),
    /// The client's settings.
    Client,
    /// An environment variable.
    Variable(&'static str),
    /// A flag.
    Flag(&'static str),
    /// Lists that add up.
    Several(Vec<Self>),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::UserFile(path, line) => write!(f, "user file {}:{line}", path.display()),
            Self::WorkspaceFile(path, line) => write!(f, "workspace file {}:{line}", path.display()),
            Self::Client => f.write_str("client settings"),
            Self::Variable(name) => write!(f, "env {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
            Self::Several(origins) => {
                let origins: Vec<String> = origins.iter().map(Self::to_string).collect();
                f.write_str(&origins.join(" and "))
            }
        }
    }
}

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    /// The key that it is a value of.
    pub key: &'static Key,
    /// The value, which is what the key may have.
    pub value: Value,
    /// Where it comes from.
    pub origin: Origin,
}

/// What one place sets, by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Layer(pub BTreeMap<String, Setting>);

/// The lines on which the names of a file stand, by path.
pub(super) type Lines = BTreeMap<Vec<String>, usize>;

/// The place that is read, which decides what may be set there and how messages sound.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    /// The client's settings.
    Client {
        /// Whether they are those that it starts with.
        start: bool,
    },
    /// A file.
    File {
        /// Where it is.
        path: &'a Path,
        /// Its lines.
        lines: &'a Lines,
        /// Whether it is that of a workspace, and not the user's own.
        workspace: bool,
    },
}

impl Source<'_> {
    fn line(lines: &Lines, path: &[&str]) -> usize {
        let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
        lines.get(&path).copied().unwrap_or(1)
    }

    fn origin(&self, path: &[&str]) -> Origin {
        match *self {
            Self::Client { .. } => Origin::Client,
            Self::File {
                path: file,
                lines,
                workspace,
            } => {
                let (file, line) = (file.to_owned(), Self::line(lines, path));
                if workspace {
                    Origin::WorkspaceFile(file, line)
                } else {
                    Origin::UserFile(file, line)
                }
            }
        }
    }

    /// How a message about this path begins.
    fn place(&self, path: &[&str]) -> String {
        match *self {
            Self::Client { .. } => String::new(),
            Self::File { path: file, lines, .. } => format!("{}:{}: ", file.display(), Self::line(lines, path)),
        }
    }

    /// What a name is called.
    fn name(&self, name: &str) -> String {
        match self {
            Self::Client { .. } => format!("codegemma.{name}"),
            Self::File { .. } => name.to_owned(),
        }
    }

    /// Why a key may not be set here at all.
    fn refuses(&self, key: &Key) -> Option<&'static str> {
        match (key.place, self) {
            (KeyPlace::UserFile, Self::Client { .. } | Self::File { workspace: true, .. }) => {
                Some("only the user's own codegemma.toml can set this")
            }
            (KeyPlace::ClientStart, Self::File { .. } | Self::Client { start: false }) => {
                Some("only a client's initializationOptions can say this")
            }
            _ => None,
        }
    }
}

/// Whether a table sets nothing: it is empty, or `null`, or Lua's empty table, which is a list in JSON.
pub(crate) fn says_nothing(table: &Value) -> bool {
    match table {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(table) => table.is_empty(),
        _ => false,
    }
}

impl Layer {
    /// Sets a value that is known to be good.
    pub(crate) fn set(&mut self, name: &str, value: Value, origin: Origin) {
        let key = keys::key(name);
        self.0.insert(name.to_owned(), Setting { key, value, origin });
    }

    /// Takes over what a table sets, and says what it could not take. `null` sets nothing.
    pub(super) fn update(&mut self, table: &Map<String, Value>, source: Source<'_>) -> Vec<String> {
        let mut refused = Vec::new();
        self.walk(&mut Vec::new(), table, source, &mut refused);
        refused
    }

    fn walk<'a>(
        &mut self,
        path: &mut Vec<&'a str>,
        table: &'a Map<String, Value>,
        source: Source<'_>,
        refused: &mut Vec<String>,
    ) {
        for (name, value) in table {
            path.push(name);
            match keys::find(path) {
                Found::Key(_) if value.is_null() => {}
                Found::Key(key) => match Self::take(path, key, value, source) {
                    Ok(setting) => drop(self.0.insert(path.join("."), setting)),
                    Err(message) => refused.push(message),
                },
                Found::Table => match value {
                    Value::Object(table) => self.walk(path, table, source, refused),
                    nothing if says_nothing(nothing) => {}
                    other => refused.push(refusal(path, "expected a table of settings", other, source)),
                },
                Found::Nothing => refused.extend(unknown(path, source)),
            }
            path.pop();
        }
    }

    fn take(path: &[&str], key: &'static Key, value: &Value, source: Source<'_>) -> Result<Setting, String> {
        if let Some(why) = source.refuses(key) {
            let (place, name) = (source.place(path), source.name(&path.join(".")));
            return Err(format!("{place}{name}: {why}; this is ignored"));
        }
        key.check(value)
            .map_err(|expected| refusal(path, &format!("expected {expected}"), value, source))?;
        Ok(Setting {
            key,
            value: value.clone(),
            origin: source.origin(path),
        })
    }
}

fn refusal(path: &[&str], expected: &str, found: &Value, source: Source<'_>) -> String {
    let (place, name) = (source.place(path), source.name(&path.join(".")));
    format!("{place}{name}: {expected}, found {}; this is ignored", shown(found))
}

impl PartialEq for Key {
    /// Each key is described once.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

fn unknown(path: &[&str], source: Source<'_>) -> Option<String> {
    let remedy = match (keys::nearest(path), source) {
        (Some(name), _) => format!("did you mean {}?", source.name(&name)),
        // A client keeps settings of its own in the same section.
        (None, Source::Client { .. }) => return None,
        (None, Source::File { .. }) => "`codegemma-complete doctor` lists the keys".to_owned(),
    };
    let (place, name) = (source.place(path), source.name(&path.join(".")));
    Some(format!("{place}unknown key {name}; {remedy}"))
}

/// A value as far as it helps to find it.
fn shown(value: &Value) -> String {
    const MOST: usize = 40;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What is refused of a client's settings, and how many are taken.
    #[track_caller]
    fn check(start: bool, settings: Value, taken: usize, refused: &[&str]) {
        let mut layer = Layer::default();
        let table = settings.as_object().unwrap();
        assert_eq!(layer.update(table, Source::Client { start }), refused, "{settings}");
        assert_eq!(layer.0.len(), taken, "{settings}");
    }

    #[test]
    fn what_is_wrong_is_named_and_the_rest_is_taken() {
        check(
            true,
            json!({"maxTokens": 7, "languages": {"c": {"enabled": false}}}),
            2,
            &[],
        );
        check(
            true,
            json!({"maxTokens": "x".repeat(99), "model": "m"}),
            1,
            &[&format!(
                "codegemma.maxTokens: expected a number above 0, found \"{}…; this is ignored",
                "x".repeat(39)
            )],
        );
        check(
            true,
            json!({"languages": {"c": 1}, "context": null}),
            0,
            &["codegemma.languages.c: expected a table of settings, found 1; this is ignored"],
        );
        check(
            true,
            json!({"theme": 1, "maxToken": 1}),
            0,
            &["unknown key codegemma.maxToken; did you mean codegemma.maxTokens?"],
        );
        check(
            true,
            json!({"trustedWorkspaces": []}),
            0,
            &["codegemma.trustedWorkspaces: only the user's own codegemma.toml can set this; this is ignored"],
        );
        check(true, json!({"trustWorkspace": true}), 1, &[]);
        check(
            false,
            json!({"trustWorkspace": true}),
            0,
            &["codegemma.trustWorkspace: only a client's initializationOptions can say this; this is ignored"],
        );
    }

    #[test]
    fn null_and_empty_tables_set_nothing() {
        for nothing in [json!(null), json!([]), json!({})] {
            check(
                false,
                json!({"languages": nothing, "context": nothing, "maxTokens": 7}),
                1,
                &[],
            );
            check(
                false,
                json!({"languages": {"python": nothing, "c": {"enabled": null}}}),
                0,
                &[],
            );
        }
        check(false, json!({"maxTokens": null, "exclude": null, "threads": 2}), 1, &[]);
        check(
            false,
            json!({"languages": [1]}),
            0,
            &["codegemma.languages: expected a table of settings, found [1]; this is ignored"],
        );
    }
}
