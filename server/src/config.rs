//! The configuration: what every place sets, which of them wins, and what comes out.
//!
//! Defaults give way to the user's file, that to the workspace's, that to the client's settings, that to environment
//! variables, those to flags. It reads `codegemma.toml` when it is told to. It must not know the protocol.

mod engine;
mod file;
mod flags;
pub(crate) mod keys;
mod layer;
pub(crate) mod roots;
pub(crate) mod settings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

pub(crate) use engine::EngineChoice;
pub(crate) use file::NAME as FILE_NAME;
pub(crate) use flags::EngineFlags;
pub(crate) use layer::{Layer, Origin, Setting, says_nothing};

use file::File;
use keys::{Found, KEYS, KeyKind, KeyPlace};
use layer::Source;

use crate::models::path;

/// What every place sets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Config {
    user: Option<File>,
    workspaces: Vec<Workspace>,
    client: Layer,
    /// Whether that came as a section, and not at the start.
    client_has_section: bool,
    flags: Layer,
}

#[derive(Debug, Clone)]
struct Workspace {
    root: PathBuf,
    file: File,
}

impl Config {
    /// What flags and environment variables set, without any file.
    pub(crate) fn new(flags: Layer) -> Self {
        Self {
            flags,
            ..Self::default()
        }
    }

    /// Reads the user's file and those of the workspaces with these roots. The first root's wins over the others'.
    #[must_use]
    pub(crate) fn with_files(self, roots: &[PathBuf]) -> Self {
        let workspace = |root: &PathBuf| Workspace {
            root: root.clone(),
            file: File::of_workspace(root),
        };
        Self {
            user: File::of_user(),
            workspaces: roots.iter().map(workspace).collect(),
            ..self
        }
    }

    /// Reads the files again.
    pub(crate) fn reread(&mut self) {
        for file in self.files_mut() {
            file.reread();
        }
    }

    /// Takes over a client's section, and says what it could not take. What the client set before and does not set here is
    /// not set any more, but for what it can say at the `start` only. A client that said something at the start and has no
    /// section later, which is `null`, keeps to what it said.
    pub(crate) fn set_client(&mut self, section: &Value, start: bool) -> Vec<String> {
        if section.is_null() && !self.client_has_section {
            return Vec::new();
        }
        let table = match section {
            Value::Object(table) => Some(table),
            section if says_nothing(section) => None,
            other => {
                return vec![format!(
                    "codegemma: expected an object with settings, found {other}; the settings stay as they are"
                )];
            }
        };
        self.client_has_section = !start;
        self.client
            .0
            .retain(|_, setting| setting.key.place == KeyPlace::ClientStart);
        table.map_or_else(Vec::new, |table| self.client.update(table, Source::Client { start }))
    }

    /// Keeps what the client set in a configuration before.
    pub(crate) fn keep_client(&mut self, before: Self) {
        self.client = before.client;
        self.client_has_section = before.client_has_section;
    }

    /// What is wrong with the files, or ignored in them.
    pub(crate) fn problems(&self) -> Vec<String> {
        let untrusted = self.workspaces.iter().filter_map(|workspace| self.distrust(workspace));
        let files = self
            .user
            .iter()
            .chain(self.workspaces.iter().map(|workspace| &workspace.file));
        files.flat_map(|file| file.problems.clone()).chain(untrusted).collect()
    }

    /// Where the user's own file is, or would be.
    pub(crate) fn user_file(&self) -> Option<&Path> {
        self.user.as_ref().map(|file| file.path.as_path())
    }

    /// Where the files are, or would be.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let workspaces = self.workspaces.iter().map(|workspace| workspace.file.path.as_path());
        self.user_file().into_iter().chain(workspaces)
    }

    /// What holds.
    pub(crate) fn effective(&self) -> Effective {
        let mut effective = Effective::default();
        if let Some(user) = &self.user {
            effective.lay(&user.layer, true);
        }
        for workspace in self.workspaces.iter().rev() {
            effective.lay(&workspace.file.layer, self.trusts(&workspace.root));
        }
        effective.lay(&self.client, true);
        effective.lay(&self.flags, true);
        effective
    }

    fn files_mut(&mut self) -> impl Iterator<Item = &mut File> {
        let workspaces = self.workspaces.iter_mut().map(|workspace| &mut workspace.file);
        self.user.iter_mut().chain(workspaces)
    }

    /// Whether the user, or the client for him, trusts a workspace.
    fn trusts(&self, root: &Path) -> bool {
        let said = |layer: &Layer, name: &str| layer.0.get(name).map(|setting| setting.value.clone());
        if said(&self.client, "trustWorkspace") == Some(Value::Bool(true)) {
            return true;
        }
        let listed = self
            .user
            .as_ref()
            .and_then(|user| said(&user.layer, "trustedWorkspaces"));
        let root = canonical(root);
        let folders = listed.as_ref().and_then(Value::as_array).into_iter().flatten();
        // A relative folder would mean another one wherever the server is started.
        let folders = folders
            .filter_map(Value::as_str)
            .map(path::at_home)
            .filter(|folder| folder.is_absolute());
        folders
            .map(|folder| canonical(&folder))
            .any(|folder| root.starts_with(folder))
    }

    /// One warning for all that a workspace's file may not choose.
    fn distrust(&self, workspace: &Workspace) -> Option<String> {
        if self.trusts(&workspace.root) {
            return None;
        }
        let guarded = workspace
            .file
            .layer
            .0
            .iter()
            .filter(|(_, setting)| setting.key.place == KeyPlace::Trusted);
        let named: Vec<String> = guarded
            .map(|(name, setting)| match &setting.origin {
                Origin::WorkspaceFile(_, line) => format!("{name} (line {line})"),
                _ => name.clone(),
            })
            .collect();
        let user = self.user_file().unwrap_or(Path::new(FILE_NAME)).display();
        (!named.is_empty()).then(|| {
            format!(
                "{}: {} ignored: a workspace must not choose a model, a device or memory; if you trust it, add {} to trustedWorkspaces in {user}",
                workspace.file.path.display(),
                match named.as_slice() {
                    [one] => format!("{one} is"),
                    several => format!("{} are", several.join(", ")),
                },
                json!(workspace.root.to_string_lossy()),
            )
        })
    }
}

/// Whether a table that a client sends has something that is set here.
pub(crate) fn has_settings(table: &Value) -> bool {
    let names = table.as_object().into_iter().flat_map(|table| table.keys());
    names
        .map(|name| keys::find(&[name]))
        .any(|found| !matches!(found, Found::Nothing))
}

/// A path without links; as it is where there is nothing.
fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// The values that hold, by name, and where each comes from. What is not here has its default.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Effective(BTreeMap<String, Setting>);

impl Effective {
    fn lay(&mut self, layer: &Layer, trusted: bool) {
        for (name, setting) in &layer.0 {
            if setting.key.place == KeyPlace::Trusted && !trusted {
                continue;
            }
            let mut setting = setting.clone();
            if setting.key.kind == KeyKind::Texts
                && let Some(beneath) = self.0.remove(name)
            {
                setting = add_up(beneath, setting);
            }
            self.0.insert(name.clone(), setting);
        }
    }

    /// The value of a key that was set somewhere.
    pub(crate) fn get(&self, name: &str) -> Option<&Setting> {
        self.0.get(name)
    }

    /// The languages that something is set for.
    pub(crate) fn languages(&self) -> impl Iterator<Item = &str> {
        let languages = self.0.keys().filter_map(|name| name.strip_prefix("languages."));
        languages.filter_map(|rest| Some(rest.rsplit_once('.')?.0))
    }

    /// The value of a key, its default if nobody set it; `null` for a default that is found out later.
    pub(crate) fn value(&self, name: &str) -> Value {
        match self.0.get(name) {
            Some(setting) => setting.value.clone(),
            None => match keys::key(name).default {
                keys::Default::Is(text) => text.parse().expect("a test parses every default"),
                keys::Default::Found(_) => Value::Null,
            },
        }
    }

    /// Every key with its value, in words, and where that comes from; a key of languages only where one is set.
    pub(crate) fn list(&self) -> Vec<(String, String, Origin)> {
        let mut list = Vec::new();
        for key in KEYS {
            let set = self.0.iter().filter(|(_, setting)| setting.key == key);
            let set = set.map(|(name, setting)| (name.clone(), setting.value.to_string(), setting.origin.clone()));
            let before = list.len();
            list.extend(set);
            if list.len() == before && !key.name.contains("<id>") {
                list.push((key.name.to_owned(), key.default.to_string(), Origin::Default));
            }
        }
        list
    }
}

/// Two lists as one.
fn add_up(beneath: Setting, above: Setting) -> Setting {
    let mut origins = match beneath.origin {
        Origin::Several(origins) => origins,
        one => vec![one],
    };
    origins.push(above.origin);
    let mut texts = Vec::new();
    for text in [beneath.value, above.value]
        .iter()
        .filter_map(Value::as_array)
        .flatten()
    {
        if !texts.contains(text) {
            texts.push(text.clone());
        }
    }
    Setting {
        key: above.key,
        value: Value::Array(texts),
        origin: Origin::Several(origins),
    }
}

#[cfg(test)]
mod tests;
