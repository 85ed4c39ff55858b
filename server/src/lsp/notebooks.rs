//! The protocol's messages about notebooks, as changes of the session: a cell's text is a document, and the notebook says
//! in which order its cells stand.

use std::sync::Arc;

use tower_lsp::ls_types::{
    DidChangeNotebookDocumentParams, DidOpenNotebookDocumentParams, NotebookCell, TextDocumentItem, Uri,
};

use super::convert;
use super::shared::Shared;

impl Shared {
    /// A notebook was opened.
    pub(super) fn open_notebook(self: &Arc<Self>, params: DidOpenNotebookDocumentParams) {
        let notebook = params.notebook_document;
        self.lock()
            .open_notebook(notebook.uri.as_str().to_owned(), names(notebook.cells));
        self.open_cells(&notebook.uri, &params.cell_text_documents);
    }

    /// Cells of a notebook were put in, taken away, moved or edited.
    pub(super) fn change_notebook(self: &Arc<Self>, params: DidChangeNotebookDocumentParams) {
        let uri = params.notebook_document.uri;
        let Some(change) = params.change.cells else { return };
        if let Some(structure) = change.structure {
            let array = structure.array;
            let start = array.start as usize;
            let mut session = self.lock();
            session.splice_cells(
                uri.as_str(),
                start..start.saturating_add(array.delete_count as usize),
                names(array.cells.unwrap_or_default()),
            );
            for closed in structure.did_close.iter().flatten() {
                session.close(closed.uri.as_str());
            }
            drop(session);
            self.open_cells(&uri, &structure.did_open.unwrap_or_default());
        }
        for text in change.text_content.unwrap_or_default() {
            let mut changes: Vec<_> = text.changes.into_iter().map(convert::change).collect();
            self.change(&text.document.uri, text.document.version, &mut changes);
        }
    }

    fn open_cells(self: &Arc<Self>, notebook: &Uri, cells: &[TextDocumentItem]) {
        let path = convert::file_path(notebook);
        let mut session = self.lock();
        for cell in cells {
            let (name, language) = (cell.uri.as_str(), &cell.language_id);
            session.open_cell(name, path.as_deref(), language, cell.version, &cell.text);
        }
        self.run_jobs(&mut session);
    }
}

fn names(cells: Vec<NotebookCell>) -> Vec<String> {
    let name = |cell: NotebookCell| cell.document.as_str().to_owned();
    cells.into_iter().map(name).collect()
}
