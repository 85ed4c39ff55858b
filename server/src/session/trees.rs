//! Which documents have a syntax tree: those that are looked at. A tree takes fifty times the memory of its text, and many
//! editors open more documents than anybody sees.

use super::Session;
use crate::documents::document::Document;
use crate::documents::syntax::{Job, Parsed};

/// The most documents with a tree.
const MOST: usize = 32;

/// The most text that trees are kept of, in bytes; that of one document in any case.
const MOST_BYTES: usize = 4 << 20;

/// The documents whose trees are kept or made.
#[derive(Debug, Default)]
pub(super) struct Trees {
    /// The last used at the end.
    used: Vec<String>,
    /// Those whose tree is to be made, the most urgent at the end.
    wanted: Vec<String>,
    /// One is being made.
    busy: bool,
}

impl Trees {
    /// A document is gone.
    pub(super) fn closed(&mut self, name: &str) {
        self.used.retain(|used| used != name);
        self.wanted.retain(|wanted| wanted != name);
    }
}

impl Session {
    /// A document is looked at, so that it should have a tree.
    pub(super) fn use_tree(&mut self, name: &str) {
        self.trees.closed(name);
        let Some(document) = self.documents.get(name) else {
            return;
        };
        self.trees.used.push(name.to_owned());
        if document.lacks_tree() {
            self.trees.wanted.push(name.to_owned());
        }
        let (mut kept, mut bytes) = (0, 0);
        for at in (0..self.trees.used.len()).rev() {
            let document = self.documents.get_mut(&self.trees.used[at]);
            bytes += document.as_ref().map_or(0, |document| document.text.len_bytes());
            kept += 1;
            if kept > 1 && (kept > MOST || bytes > MOST_BYTES) {
                if let Some(document) = document {
                    document.forget_tree();
                }
                let name = self.trees.used.remove(at);
                self.trees.wanted.retain(|wanted| *wanted != name);
            }
        }
    }

    /// The next tree to make, elsewhere, and the document that it belongs to; `None` while one is being made.
    pub(crate) fn parse_job(&mut self) -> Option<(String, Job)> {
        if self.protocol.ended || self.trees.busy {
            return None;
        }
        while let Some(name) = self.trees.wanted.pop() {
            if let Some(job) = self.documents.get_mut(&name).and_then(Document::parse_job) {
                self.trees.busy = true;
                return Some((name, job));
            }
        }
        None
    }

    /// There is nobody to make it; it is wanted again when its document is looked at.
    pub(crate) fn no_parse(&mut self) {
        self.trees.busy = false;
    }

    /// A tree was made, or could not be.
    pub(crate) fn parse_done(&mut self, name: &str, job: &Job, parsed: Option<Parsed>) {
        self.trees.busy = false;
        if let Some(document) = self.documents.get_mut(name) {
            document.parse_done(job, parsed);
            if !self.trees.used.iter().any(|used| used == name) {
                document.forget_tree();
            }
        }
    }
}
