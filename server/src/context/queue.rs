//! What is shown of the workspace with each open document: it remembers what is used and edited, and when the choice is
//! to be made anew.
//!
//! The choice itself is a [`ContextJob`], which takes longer than a request can wait: it is made elsewhere, and requests use
//! what is there. While the user types in a document its choice stays, so that its prompt begins as before. This must not
//! know the protocol, or run anything.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::roots::Roots;
use crate::config::settings::ContextSources;
use crate::context::gather::{Open, Search};
use crate::context::recent::{Recent, RecentEdit};
use crate::context::{self, Choice};
use crate::documents::document::{Change, Document};
use crate::documents::notebook::Above;
use crate::policy::files::FilePolicy;
use crate::process::panics::fault;

/// What is known of the open documents together.
#[derive(Debug, Default)]
pub(crate) struct ContextQueue {
    recent: Recent,
    known: HashMap<String, Known>,
    /// The documents whose choice is to be made, the most urgent last.
    wanted: Vec<String>,
    /// One is being made.
    busy: bool,
}

/// What is known of one document.
#[derive(Debug, Default)]
struct Known {
    file: Option<PathBuf>,
    root: Option<PathBuf>,
    /// The line in which it was used last.
    line: usize,
    choice: Arc<Choice>,
    /// The choice was made, or is being made.
    chosen: bool,
    /// Somebody typed or asked in it.
    used: bool,
}

/// The most documents that a choice is kept for.
const MOST_CHOICES: usize = 64;

/// A choice to make.
#[derive(Debug)]
pub(crate) struct ContextJob {
    document: String,
    search: Search,
    line: usize,
    budget: usize,
    previous: Arc<Choice>,
    /// What stands above the document and is no part of it.
    above: Arc<Above>,
}

/// A choice that was made.
#[derive(Debug)]
pub(crate) struct ContextResult {
    document: String,
    choice: Choice,
    policy: Arc<FilePolicy>,
}

impl ContextResult {
    /// Whether it was made by the rules of this policy.
    pub(crate) fn is_by(&self, policy: &Arc<FilePolicy>) -> bool {
        Arc::ptr_eq(&self.policy, policy)
    }

    /// The document that it was made for.
    pub(crate) fn document(&self) -> &str {
        &self.document
    }
}

impl ContextJob {
    /// The document that it is made for.
    pub(crate) fn document(&self) -> &str {
        &self.document
    }

    /// The job for a document that cells of a notebook stand above.
    pub(crate) fn below(mut self, above: Arc<Above>) -> Self {
        self.above = above;
        self
    }

    /// Makes the choice. It reads files.
    pub(crate) fn run(mut self) -> ContextResult {
        fault("context");
        let above = self.above.text();
        self.search.text.insert(0, &above);
        self.line += above.lines().count();
        let candidates = self.search.candidates();
        let previous = Some(&*self.previous);
        ContextResult {
            choice: context::choose(&self.search.text, self.line, &candidates, self.budget, previous),
            document: self.document,
            policy: self.search.policy,
        }
    }
}

impl ContextQueue {
    /// A document is there, in this file and below this root, which need not be seen by anybody yet.
    pub(crate) fn add(&mut self, name: &str, file: Option<&Path>, root: Option<&Path>) {
        let known = Known {
            file: file.map(Path::to_owned),
            root: root.map(Path::to_owned),
            ..Known::default()
        };
        self.known.insert(name.to_owned(), known);
        self.recent.replaced(name);
    }

    /// A document was opened, which the user looks at.
    pub(crate) fn opened(&mut self, name: &str) {
        self.recent.used(name);
        self.want(name);
    }

    /// The folders of the workspace are others.
    pub(crate) fn enter(&mut self, roots: &Roots) {
        for known in self.known.values_mut() {
            let root = known.file.as_deref().and_then(|file| roots.of(file));
            known.root = root.map(Path::to_owned);
        }
        self.want_all();
    }

    /// The file of a document, and the folder of the workspace that it is in.
    pub(crate) fn place(&self, name: &str) -> Option<(&Path, Option<&Path>)> {
        let known = self.known.get(name)?;
        Some((known.file.as_deref()?, known.root.as_deref()))
    }

    /// A document was edited, at places that are in it.
    pub(crate) fn edited(&mut self, name: &str, changes: &[Change]) {
        self.used(name, None);
        if let Some(known) = self.known.get_mut(name) {
            known.used = true;
        }
        for change in changes {
            let Some((start, end)) = change.range else {
                self.recent.replaced(name);
                continue;
            };
            let edit = RecentEdit {
                start: start.line,
                old: end.line.saturating_sub(start.line) + 1,
                new: change.text.lines().count().max(1) + usize::from(change.text.ends_with('\n')),
            };
            self.recent.edited(name, edit);
            if let Some(known) = self.known.get_mut(name) {
                known.line = start.line;
            }
        }
    }

    /// The user is in a document, at this line where that is known. Where they come from another one, its choice is made
    /// anew.
    pub(crate) fn used(&mut self, name: &str, line: Option<usize>) {
        let Some(known) = self.known.get_mut(name) else {
            return;
        };
        known.line = line.unwrap_or(known.line);
        known.used |= line.is_some();
        let chosen = known.chosen;
        if self.recent.used(name) || !chosen {
            self.want(name);
        }
    }

    /// Whether somebody typed or asked in a document.
    pub(crate) fn is_used(&self, name: &str) -> bool {
        self.known.get(name).is_some_and(|known| known.used)
    }

    /// Whether a document is the one that was used last.
    pub(crate) fn is_newest(&self, name: &str) -> bool {
        self.recent.others("").next().is_some_and(|(newest, _)| newest == name)
    }

    /// A document was closed.
    pub(crate) fn closed(&mut self, name: &str) {
        self.known.remove(name);
        self.recent.closed(name);
        self.wanted.retain(|wanted| wanted != name);
    }

    /// A document's choice is not to be made.
    pub(crate) fn leave(&mut self, name: &str) {
        self.wanted.retain(|wanted| wanted != name);
    }

    /// A document's choice is to be made anew: it was opened or saved, or the user came back to it.
    pub(crate) fn want(&mut self, name: &str) {
        self.wanted.retain(|wanted| wanted != name);
        if self.known.contains_key(name) {
            self.wanted.push(name.to_owned());
        }
    }

    /// All choices are to be made anew.
    pub(crate) fn want_all(&mut self) {
        let others: Vec<String> = self.recent.others("").map(|(name, _)| name.to_owned()).collect();
        self.wanted = others.into_iter().rev().collect();
    }

    /// What was chosen may not be shown any more: the rules are others. All choices are to be made anew.
    pub(crate) fn forget_choices(&mut self) {
        for known in self.known.values_mut() {
            known.choice = Arc::default();
        }
        self.want_all();
    }

    /// The next choice to make, if none is being made, for and with documents that the model may see. That of a
    /// document that nobody uses waits until somebody does.
    /// `context_tokens` is the length of the model's context.
    pub(crate) fn context_job(
        &mut self,
        documents: &HashMap<String, Document>,
        visible: impl Fn(&str) -> bool,
        sources: ContextSources,
        policy: &Arc<FilePolicy>,
        context_tokens: usize,
    ) -> Option<ContextJob> {
        if self.busy {
            return None;
        }
        // What is not judged yet waits; what was closed since is not wanted any more.
        let newest = self.recent.last().map(str::to_owned);
        let (name, document, known) = loop {
            let at = self.wanted.iter().rposition(|name| visible(name))?;
            let name = self.wanted.remove(at);
            if let Some((document, known)) = documents.get(&name).zip(self.known.get(&name))
                && (known.used || newest.as_ref() == Some(&name))
            {
                break (name, document, known);
            }
        };
        let open = self.recent.others(&name).filter_map(|(other, edited)| {
            let document = documents
                .get(other)
                .filter(|document| document.is_current() && visible(other))?;
            let file = self.known.get(other)?.file.clone()?;
            // The cells of a notebook are one file.
            if document.is_raw_notebook() || known.file.as_ref() == Some(&file) {
                return None;
            }
            Some(Open {
                file,
                path: document.path.as_deref()?.to_owned(),
                text: document.text.clone(),
                edited: edited.to_vec(),
            })
        });
        let context_job = ContextJob {
            search: Search {
                root: known.root.clone(),
                file: known.file.clone(),
                text: document.text.clone(),
                language: crate::documents::language::of_id(&document.language),
                open: open.collect(),
                sources,
                policy: policy.clone(),
            },
            line: known.line,
            budget: context::budget(context_tokens),
            previous: known.choice.clone(),
            document: name,
            above: Arc::default(),
        };
        self.forget_old_choices();
        if let Some(known) = self.known.get_mut(&context_job.document) {
            known.chosen = true;
        }
        self.busy = true;
        Some(context_job)
    }

    /// The choices of documents that were not used for long are made anew when they are used again.
    fn forget_old_choices(&mut self) {
        for (name, _) in self.recent.others("").skip(MOST_CHOICES) {
            if let Some(known) = self.known.get_mut(name).filter(|known| known.chosen) {
                (known.choice, known.chosen) = (Arc::default(), false);
            }
        }
    }

    /// A choice was made, or could not be.
    pub(crate) fn done(&mut self, made: Option<ContextResult>) {
        self.busy = false;
        if let Some(made) = made
            && let Some(known) = self.known.get_mut(&made.document)
            && *known.choice != made.choice
        {
            known.choice = Arc::new(made.choice);
        }
    }

    /// What is shown with a document.
    pub(crate) fn choice(&self, name: &str) -> Arc<Choice> {
        self.known
            .get(name)
            .map(|known| known.choice.clone())
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
