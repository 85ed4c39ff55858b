//! One open document: its text, version, name and syntax tree, and the edits that the client makes to it.
//!
//! It must not know the protocol's types, the engine or other documents.

use std::sync::Arc;

use ropey::Rope;

use crate::documents::language;
use crate::documents::notebook;
use crate::documents::position::{self, Encoding, LineColumn};
use crate::documents::syntax::{self, Basis, Job, Parsed, Syntax};

/// A tree is made anew where more changes come at once, which is quicker than to tell it of each.
const MOST_CHANGES_TO_FOLLOW: usize = 64;

/// An open document. Cloning it is cheap: the text is shared until one side edits it.
#[derive(Debug, Clone)]
pub struct Document {
    /// The text as the client has it.
    pub text: Rope,
    /// The version that the client gave it, or another where that is no greater than the one before.
    pub version: i32,
    /// The client's name for the language, such as `rust`.
    pub language: Arc<str>,
    /// The path as the model should see it.
    pub path: Option<Arc<str>>,
    /// An edit was not understood, so the text is no longer the client's. The next full text heals it.
    stale: bool,
    /// Where the language is known.
    syntax: Option<Syntax>,
}

/// One edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is replaced; the whole text where there is none.
    pub range: Option<(LineColumn, LineColumn)>,
    /// What it is replaced with.
    pub text: String,
}

/// An earlier edit was not understood, so that places no longer mean what the client means by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an earlier change could not be read, and only a change with the whole text can follow it")]
pub struct Stale;

impl Document {
    /// A document as it was opened.
    pub fn new(text: &str, version: i32, language: &str, path: Option<String>) -> Self {
        Self {
            text: Rope::from_str(text),
            version,
            language: language.into(),
            path: path.map(Into::into),
            stale: false,
            syntax: language::of_id(language).map(Syntax::new),
        }
    }

    /// What the syntax tree of the text is quick to have from.
    pub fn basis(&self) -> Option<Basis> {
        self.syntax.as_ref()?.basis()
    }

    /// The tree of the text was made from this basis.
    pub fn tree_made(&mut self, basis: &Basis, parsed: &Parsed) {
        if let Some(syntax) = &mut self.syntax {
            syntax.made(basis, parsed);
        }
    }

    /// Whether a tree is to be made somewhere else, as it was not quick to have, and nobody does.
    pub fn lacks_tree(&self) -> bool {
        self.syntax.as_ref().is_some_and(|syntax| syntax.lacks_tree(&self.text))
    }

    /// The tree takes memory that others need.
    pub fn forget_tree(&mut self) {
        if let Some(syntax) = &mut self.syntax {
            syntax.replaced();
        }
    }

    /// What is to be done for a tree that was not quick to have, somewhere else.
    pub fn parse_job(&mut self) -> Option<Job> {
        self.syntax.as_mut()?.job(&self.text)
    }

    /// The tree of a job was made, or could not be.
    pub fn parse_done(&mut self, job: &Job, parsed: Option<Parsed>) {
        if let Some(syntax) = &mut self.syntax {
            syntax.done(job, parsed);
        }
    }

    /// Whether it is a notebook's file as it is on the disk.
    pub fn is_raw_notebook(&self) -> bool {
        let name = self.path.as_deref().unwrap_or_default();
        notebook::is_raw(name, &self.language, &self.text)
    }

    /// Whether the text is the client's.
    pub fn is_current(&self) -> bool {
        !self.stale
    }

    /// An edit was not understood, so the text is no longer the client's.
    pub fn lose(&mut self) {
        self.stale = true;
    }

    /// Applies the edits in order, each to the result of the one before. Their places become those that are in the text:
    /// what is past its end is its end, and a range whose end is before its start is taken the other way round, as in the
    /// library that most servers keep documents with.
    ///
    /// Messages come in the order in which they were sent, so that a version which skips some, repeats or goes back says
    /// nothing of the text. But states of the text are told apart by it, so that no two that follow each other may share
    /// one.
    pub fn apply(&mut self, version: i32, changes: &mut [Change], encoding: Encoding) -> Result<(), Stale> {
        self.version = match version > self.version {
            true => version,
            false => self.version.wrapping_add(1),
        };
        if changes.len() > MOST_CHANGES_TO_FOLLOW {
            self.forget_tree();
        }
        changes
            .iter_mut()
            .try_for_each(|change| self.apply_one(change, encoding))
    }

    fn apply_one(&mut self, change: &mut Change, encoding: Encoding) -> Result<(), Stale> {
        let Some((start, end)) = change.range else {
            self.text = Rope::from_str(&change.text);
            self.stale = false;
            if let Some(syntax) = &mut self.syntax {
                syntax.replaced();
            }
            return Ok(());
        };
        if self.stale {
            return Err(Stale);
        }
        let (start, end) = (
            position::to_offset(&self.text, start, encoding),
            position::to_offset(&self.text, end, encoding),
        );
        let (from, to) = (start.min(end), start.max(end));
        change.range = Some((
            position::from_offset(&self.text, from, encoding),
            position::from_offset(&self.text, to, encoding),
        ));
        let before = self.text.clone();
        let chars = before.byte_to_char(from)..before.byte_to_char(to);
        let at = chars.start;
        self.text.remove(chars);
        self.text.insert(at, &change.text);
        if let Some(syntax) = &mut self.syntax {
            syntax.edited(&syntax::edit(&before, from..to, change.text.len(), &self.text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
