//! The tree of a document that is edited, and who makes it anew. It must not know what the tree says.

use ropey::Rope;
use tree_sitter::InputEdit;

use super::release::KeptTree;
use super::{Bound, MOST_BYTES, MOST_WORK, Parsed, parse};
use crate::documents::language::Language;
use crate::process::panics::fault;

/// The most edits that are remembered for a tree. Where there are more it is made anew.
const MOST_EDITS: usize = 64;

/// The tree of a document that is edited. Telling a tree of an edit takes as long as it has nodes side by side, which are
/// many where a text is broken, so that the edits are kept until somebody parses, which is done elsewhere.
#[derive(Debug, Clone)]
pub struct Syntax {
    language: &'static Language,
    /// The tree of the text before these edits.
    tree: Option<KeptTree>,
    edits: Vec<InputEdit>,
    /// How often the tree became another.
    generation: u64,
    /// The text that somebody makes a tree of, and the edits since.
    awaited: Option<(Rope, Vec<InputEdit>)>,
}

/// The tree of an earlier state of a text and the edits since, from which the tree of the text is quick to have.
#[derive(Debug, Clone)]
pub struct Basis {
    language: &'static Language,
    tree: KeptTree,
    edits: Vec<InputEdit>,
    generation: u64,
}

impl Basis {
    /// The tree of the text, if that takes little work.
    pub fn parsed(&self, text: &Rope) -> Option<Parsed> {
        let mut tree = self.tree.clone();
        if !self.edits.is_empty() {
            self.edits.iter().for_each(|edit| tree.edit(edit));
            tree = parse(self.language, text, Some(&tree), Bound::Work(MOST_WORK))?;
        }
        Some(Parsed {
            language: self.language,
            tree,
        })
    }
}

/// A tree to make, which takes longer than a request can wait.
#[derive(Debug)]
pub struct Job {
    text: Rope,
    language: &'static Language,
}

impl Job {
    /// Makes it.
    pub fn run(&self) -> Option<Parsed> {
        fault("parse");
        Parsed::new(self.language, &self.text)
    }
}

impl Syntax {
    /// Of a text of which nothing is known yet.
    pub fn new(language: &'static Language) -> Self {
        Self {
            language,
            tree: None,
            edits: Vec::new(),
            generation: 0,
            awaited: None,
        }
    }

    /// The text was edited.
    pub fn edited(&mut self, edit: &InputEdit) {
        if self.tree.is_some() {
            self.edits.push(*edit);
            if self.edits.len() > MOST_EDITS {
                self.set(None, Vec::new());
            }
        }
        if let Some((_, edits)) = &mut self.awaited {
            edits.push(*edit);
        }
        // Whatever is being made would be long out of date.
        self.awaited.take_if(|(_, edits)| edits.len() > MOST_EDITS);
    }

    /// The text is another.
    pub fn replaced(&mut self) {
        self.set(None, Vec::new());
        self.awaited = None;
    }

    fn set(&mut self, tree: Option<KeptTree>, edits: Vec<InputEdit>) {
        self.tree = tree;
        self.edits = edits;
        self.generation += 1;
    }

    /// What the tree of the text is quick to have from. While one is being made elsewhere, waiting for another is time
    /// lost, and without an earlier tree all of the text would have to be read.
    pub fn basis(&self) -> Option<Basis> {
        let tree = self.tree.as_ref()?;
        (self.edits.is_empty() || self.awaited.is_none()).then(|| Basis {
            language: self.language,
            tree: tree.clone(),
            edits: self.edits.clone(),
            generation: self.generation,
        })
    }

    /// A tree was made from this basis. Where the tree is another one by now, it is nobody's.
    pub fn made(&mut self, basis: &Basis, parsed: &Parsed) {
        if basis.generation == self.generation {
            let since = self.edits.split_off(basis.edits.len());
            self.set(Some(parsed.tree.clone()), since);
        }
    }

    /// Whether a tree is to be made that could not be had quickly, and nobody makes it.
    pub fn lacks_tree(&self, text: &Rope) -> bool {
        let current = self.tree.is_some() && self.edits.is_empty();
        !current && self.awaited.is_none() && text.len_bytes() <= MOST_BYTES
    }

    /// What is to be done for a tree that could not be had quickly, unless it is being done.
    pub fn job(&mut self, text: &Rope) -> Option<Job> {
        if !self.lacks_tree(text) {
            return None;
        }
        self.awaited = Some((text.clone(), Vec::new()));
        Some(Job {
            text: text.clone(),
            language: self.language,
        })
    }

    /// A job is done. Where the text has become another since, it is nobody's.
    pub fn done(&mut self, job: &Job, parsed: Option<Parsed>) {
        let done = self.awaited.take_if(|(text, _)| text.is_instance(&job.text));
        if let Some(((_, edits), parsed)) = done.zip(parsed) {
            self.set(Some(parsed.tree), edits);
        }
    }
}
