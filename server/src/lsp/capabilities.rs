//! What the client can do and what this server offers it.
//!
//! It must not know the session.

use std::path::PathBuf;

use tower_lsp::ls_types::{
    ClientCapabilities, CompletionOptions, ExecuteCommandOptions, InitializeParams, InitializeResult, Notebook,
    NotebookDocumentSyncOptions, NotebookSelector, OneOf, PositionEncodingKind, ServerCapabilities, ServerInfo,
    TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions, TextDocumentSyncSaveOptions,
};

use super::convert;
use crate::position::Encoding;

/// The command that a client runs when a suggestion was accepted.
pub(super) const ACCEPTED: &str = "codegemma.accepted";

/// The command that a client runs when a word or a line of a suggestion was accepted.
pub(super) const PARTIALLY_ACCEPTED: &str = "codegemma.partiallyAccepted";

/// The command that a client runs when a suggestion was dismissed.
pub(super) const DISMISSED: &str = "codegemma.dismissed";

/// The command that reads the files of settings and the model again.
pub(super) const RESTART: &str = "codegemma.restart";

/// The command that shows what the model is shown at a place, and why.
pub(super) const EXPLAIN: &str = "codegemma.explain";

/// All commands.
const COMMANDS: &[&str] = &[ACCEPTED, PARTIALLY_ACCEPTED, DISMISSED, RESTART, EXPLAIN];

/// UTF-8 where the client offers it, as documents are UTF-8 here; else what every client has.
pub(super) fn encoding(client: &ClientCapabilities) -> Encoding {
    let offered = client
        .general
        .as_ref()
        .and_then(|general| general.position_encodings.as_ref());
    if offered.is_some_and(|offered| offered.contains(&PositionEncodingKind::UTF8)) {
        Encoding::Utf8
    } else {
        Encoding::Utf16
    }
}

/// Whether the client shows progress.
pub(super) fn shows_progress(client: &ClientCapabilities) -> bool {
    client.window.as_ref().and_then(|window| window.work_done_progress) == Some(true)
}

/// The folders that the client has open.
pub(super) fn roots(params: &InitializeParams) -> Vec<PathBuf> {
    let folders = params.workspace_folders.iter().flatten().map(|folder| &folder.uri);
    #[expect(
        deprecated,
        reason = "clients without workspace folders still say where they are this way"
    )]
    let root = params.root_uri.iter();
    folders.chain(root).filter_map(convert::file_path).collect()
}

/// The answer to `initialize`.
pub(super) fn answer(encoding: Encoding) -> InitializeResult {
    InitializeResult {
        capabilities: ServerCapabilities {
            position_encoding: Some(match encoding {
                Encoding::Utf8 => PositionEncodingKind::UTF8,
                Encoding::Utf16 => PositionEncodingKind::UTF16,
                Encoding::Utf32 => PositionEncodingKind::UTF32,
            }),
            text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
                open_close: Some(true),
                change: Some(TextDocumentSyncKind::INCREMENTAL),
                save: Some(TextDocumentSyncSaveOptions::Supported(true)),
                ..TextDocumentSyncOptions::default()
            })),
            // A notebook's text is there for each language's cells, and so all are wanted.
            notebook_document_sync: Some(OneOf::Left(NotebookDocumentSyncOptions {
                notebook_selector: vec![NotebookSelector::ByNotebook {
                    notebook: Notebook::String("*".to_owned()),
                    cells: None,
                }],
                save: None,
            })),
            completion_provider: Some(CompletionOptions {
                resolve_provider: Some(true),
                ..CompletionOptions::default()
            }),
            inline_completion_provider: Some(OneOf::Left(true)),
            execute_command_provider: Some(ExecuteCommandOptions {
                commands: COMMANDS.iter().map(|command| (*command).to_owned()).collect(),
                ..ExecuteCommandOptions::default()
            }),
            ..ServerCapabilities::default()
        },
        server_info: Some(ServerInfo {
            name: "codegemma-lsp".to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        }),
        offset_encoding: None,
    }
}
