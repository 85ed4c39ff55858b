//! What of the corpus a model is shown besides the file with the hole: what the server shows where that is open alone.
//!
//! It must not know what is cut out or who completes it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use codegemma_model::{ModelInfo, PromptFile};

use crate::completion::snapshot::Snapshot;
use crate::config::settings::Settings;
use crate::context;
use crate::context::gather::Search;
use crate::policy::files::FilePolicy;

/// A corpus as the folder that is open in an editor.
pub(super) struct Workspace {
    root: PathBuf,
    policy: Arc<FilePolicy>,
}

impl Workspace {
    /// The workspace of a folder; a file alone has none.
    pub(super) fn new(folder: &Path) -> Option<Self> {
        let root = folder.canonicalize().ok().filter(|root| root.is_dir())?;
        let (policy, _) = FilePolicy::new(std::slice::from_ref(&root), &[]);
        Some(Self {
            root,
            policy: Arc::new(policy),
        })
    }

    /// What is shown of other files at a place of one.
    pub(super) fn files(&self, snapshot: &Snapshot, model: &ModelInfo) -> Vec<PromptFile> {
        let search = Search {
            root: Some(self.root.clone()),
            file: snapshot.path.as_ref().map(|path| self.root.join(path)),
            text: snapshot.text.clone(),
            language: snapshot.language,
            open: Vec::new(),
            sources: Settings::default().context,
            policy: self.policy.clone(),
        };
        let line = snapshot.text.byte_to_line(snapshot.offset);
        let budget = context::budget(model.context_tokens);
        context::choose(&snapshot.text, line, &search.candidates(), budget, None).files()
    }
}
