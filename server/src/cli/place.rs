//! The place that a command is about, and the files around it.
//!
//! It must not know what is done there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::builder::{OsStringValueParser, TypedValueParser};
use codegemma_model::{ModelInfo, PromptFile};
use ropey::Rope;

use super::failure::Failure;
use super::source::{self, Source};
use super::target::{self, Target};
use super::{model, output};
use crate::completion::snapshot::Snapshot;
use crate::config::settings::ContextSources;
use crate::config::{Effective, EngineFlags};
use crate::context::gather::Search;
use crate::context::prompt_path;
use crate::context::{self, Choice};
use crate::documents::language;
use crate::documents::notebook;
use crate::documents::syntax::Parsed;
use crate::policy::files::{Denied, FilePolicy};
use crate::policy::sanitize::sanitized;

/// Where something is completed.
#[derive(clap::Args)]
pub(super) struct PlaceFlags {
    /// Where to complete: LINE and COLUMN count from 1, COLUMN in characters; without them it is the end of the line or
    /// of the file; FILE - is stdin
    #[arg(value_name = "FILE[:LINE[:COLUMN]]", value_hint = clap::ValueHint::FilePath)]
    #[arg(value_parser = OsStringValueParser::new().map(|argument| target::parse(&argument)))]
    pub(super) target: Target,

    /// The path that the model sees for a text from stdin
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
}

/// A place in a text that was read.
pub(super) struct Place {
    /// What is completed.
    pub(super) snapshot: Arc<Snapshot>,
    /// The byte order mark that the file begins with, or nothing.
    pub(super) mark: &'static str,
    file: Option<PathBuf>,
    /// What it is called in the arguments.
    named: Vec<PathBuf>,
    root: Option<PathBuf>,
    policy: Arc<FilePolicy>,
}

impl Place {
    /// Reads the text. Files are found below `workspace`, by default the repository that the file is in.
    pub(super) fn read(flags: &PlaceFlags, workspace: Option<&Path>) -> Result<Self, Failure> {
        let file = &flags.target.file;
        let Source { text, mark, place } = source::read(file)?;
        let text = Rope::from_str(&text);
        let offset = source::offset(&text, &flags.target)?;
        let known = (!flags.target.is_stdin()).then(|| place.unwrap_or_else(|| file.clone()));
        let said = flags.path.as_ref().map(|path| PathBuf::from(path.replace('\\', "/")));
        let root = match workspace {
            Some(workspace) => Some(workspace_of(known.as_deref(), workspace)?),
            None => known.as_deref().and_then(source::repository),
        };
        let path = match &flags.path {
            Some(path) => Some(path.replace('\\', "/")),
            None => known
                .as_deref()
                .and_then(|file| prompt_path::name(file, root.as_deref())),
        };
        let named = flags.path.as_ref().map_or(file.as_path(), Path::new);
        let language = language::of_path(named);
        if notebook::is_raw(
            &named.to_string_lossy(),
            language.map_or("", |language| language.id),
            &text,
        ) {
            return Err(Failure::Message(format!(
                "{}: this is a notebook, a JSON file that a completion would break; complete in its cells in VS Code, or in \
                 a script made of it, for example with: jupyter nbconvert --to script {0}",
                named.display()
            )));
        }
        Ok(Self {
            snapshot: Arc::new(Snapshot {
                language,
                parsed: language.and_then(|language| Parsed::new(language, &text)),
                text,
                offset,
                path,
                ..Snapshot::default()
            }),
            mark,
            named: known.iter().map(|_| file.clone()).chain(said).collect(),
            file: known,
            root,
            policy: Arc::default(),
        })
    }

    /// The name of the file in a diff, in bytes: from the folder that one applies it in.
    pub(super) fn diff_name(&self, flags: &PlaceFlags) -> Vec<u8> {
        let Some(file) = self.file.as_deref().filter(|_| flags.path.is_none()) else {
            let name = self.snapshot.path.clone();
            return name
                .unwrap_or_else(|| flags.target.file.display().to_string())
                .into_bytes();
        };
        let here = std::env::current_dir().and_then(|here| here.canonicalize()).ok();
        let folder = self.root.as_deref().or(here.as_deref());
        let inside = folder.and_then(|folder| file.strip_prefix(folder).ok());
        let name = inside.or_else(|| file.file_name().map(Path::new)).unwrap_or(file);
        let name = name.as_os_str().as_encoded_bytes();
        match std::path::MAIN_SEPARATOR {
            '/' => name.to_owned(),
            _ => String::from_utf8_lossy(name).replace('\\', "/").into_bytes(),
        }
    }

    /// Holds to what the user excludes; says why where the file itself is not to be completed.
    pub(super) fn guard(&mut self, exclude: &[String]) -> Option<Denied> {
        let (policy, messages) = FilePolicy::new(self.root.as_slice(), exclude);
        for message in messages {
            output::note(&message);
        }
        self.policy = Arc::new(policy);
        let mut paths = self.file.iter().chain(&self.named);
        paths.find_map(|path| self.policy.hides(path))
    }

    /// The configuration that holds there: of the workspace that it is in.
    pub(super) fn effective(&self, flags: &EngineFlags) -> Effective {
        model::effective(flags, self.root.as_slice())
    }

    /// Shows the model what belongs to the place: what it imports, its tests and what is beside it.
    pub(super) fn show_context(&mut self, sources: ContextSources, model: &ModelInfo) -> Choice {
        let search = Search {
            root: self.root.clone(),
            file: self.file.clone(),
            text: self.snapshot.text.clone(),
            language: self.snapshot.language,
            open: Vec::new(),
            sources,
            policy: self.policy.clone(),
        };
        let line = self.snapshot.text.byte_to_line(self.snapshot.offset);
        let budget = context::budget(model.context_tokens);
        let choice = context::choose(&self.snapshot.text, line, &search.candidates(), budget, None);
        Arc::make_mut(&mut self.snapshot).files = choice.files();
        choice
    }

    /// Shows the model these files, the most important last, but not what is private.
    pub(super) fn show_files(&mut self, files: &[PathBuf]) -> Result<(), Failure> {
        for file in files {
            let source = source::read(file)?;
            let known = source.place.unwrap_or_else(|| file.clone());
            if let Some(shut) = self.policy.hides(file).or_else(|| self.policy.hides(&known)) {
                output::note(&format!(
                    "{}: not shown to the model: {}",
                    file.display(),
                    shut.as_str()
                ));
                continue;
            }
            Arc::make_mut(&mut self.snapshot).files.push(PromptFile {
                path: prompt_path::name(&known, source::repository(&known).as_deref()).unwrap_or_default(),
                text: sanitized(source.text),
            });
        }
        Ok(())
    }
}

fn workspace_of(file: Option<&Path>, workspace: &Path) -> Result<PathBuf, Failure> {
    let name = workspace.display();
    let root = workspace
        .canonicalize()
        .ok()
        .filter(|root| root.is_dir())
        .ok_or_else(|| Failure::Message(format!("{name}: there is no such folder; check --workspace")))?;
    match file {
        Some(file) if !file.starts_with(&root) => Err(Failure::Message(format!(
            "{}: the file is not in the workspace {name}; name a folder above it with --workspace",
            file.display()
        ))),
        _ => Ok(root),
    }
}
