//! The notebooks that are open. A cell is a document like any other, but for what stands above it and for its path, which is
//! the notebook's.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::Session;
use crate::documents::notebook::{self, Above, Cell, Notebook};

impl Session {
    /// A notebook was opened, or opened again, with the documents of these cells.
    pub(crate) fn open_notebook(&mut self, name: String, cells: Vec<String>) {
        self.notebooks.insert(name, Notebook::new(cells));
    }

    /// Cells of a notebook take the place of others.
    pub(crate) fn splice_cells(&mut self, name: &str, replaced: Range<usize>, cells: Vec<String>) {
        if let Some(notebook) = self.notebooks.get_mut(name) {
            notebook.splice(replaced, cells);
        }
    }

    /// The document of a cell was opened, or opened again. `path` is the notebook's.
    pub(crate) fn open_cell(&mut self, name: &str, path: Option<&Path>, language: &str, version: i32, text: &str) {
        // The user looks at one of what may be hundreds, and that is the one that is used.
        self.insert(name, path, language, version, text);
        if let Some(document) = self.documents.get_mut(name) {
            let script = document.path.take().map(|path| notebook::script_name(&path, language));
            document.path = script.map(Into::into);
        }
    }

    /// A notebook was closed, and its cells with it.
    pub(crate) fn close_notebook(&mut self, name: &str) {
        let notebook = self.notebooks.remove(name);
        for cell in notebook.iter().flat_map(Notebook::cells) {
            self.close(cell);
        }
    }

    /// Nothing is suggested in a notebook any more, as an edit was not understood.
    pub(crate) fn lose_notebook(&mut self, name: &str) {
        let cells = self.notebooks.get(name).map(|notebook| notebook.cells().to_vec());
        for cell in cells.unwrap_or_default() {
            self.lose(&cell);
        }
    }

    /// What stands above a document, which is something where that is a cell.
    pub(super) fn above(&mut self, name: &str) -> Arc<Above> {
        let Some(engine) = self.engine.ready() else {
            return Arc::default();
        };
        let context_tokens = engine.info().context_tokens;
        let documents = &self.documents;
        let cell = |name: &str| {
            let document = documents.get(name).filter(|document| document.is_current())?;
            Some(Cell {
                language: document.language.clone(),
                text: document.text.clone(),
            })
        };
        let notebook = self.notebooks.values_mut().find(|notebook| notebook.has(name));
        notebook.map_or_else(Arc::default, |notebook| notebook.above(name, context_tokens, cell))
    }

    /// A document was edited, opened or closed, which may be a cell that others stand below.
    pub(super) fn cell_changed(&mut self, name: &str) {
        for notebook in self.notebooks.values_mut().filter(|notebook| notebook.has(name)) {
            notebook.changed(name);
        }
    }
}
