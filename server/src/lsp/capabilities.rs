//! What the client can do and what this server offers it.
//!
//! It must not know the session.

use std::path::PathBuf;

use serde_json::Value;
use tower_lsp::ls_types::{
    CompletionOptions, ExecuteCommandOptions, InitializeResult, Notebook, NotebookDocumentSyncOptions,
    NotebookSelector, OneOf, PositionEncodingKind, ServerCapabilities, ServerInfo, TextDocumentSyncCapability,
    TextDocumentSyncKind, TextDocumentSyncOptions, TextDocumentSyncSaveOptions, WorkspaceFoldersServerCapabilities,
    WorkspaceServerCapabilities,
};

use super::uri;
use crate::documents::position::Encoding;

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

/// What a client says when it starts, as far as it can be read. What cannot is left out and logged: a client that is wrong
/// about one thing is served all the same.
#[derive(Debug, Default)]
pub(super) struct Introduction {
    /// How it counts columns.
    pub(super) encoding: Encoding,
    /// The folders that it has open.
    pub(super) folders: Vec<PathBuf>,
    /// The process without which the server has no use.
    pub(super) process: Option<u32>,
    /// What it says of settings.
    pub(super) options: Value,
    /// It shows progress.
    pub(super) shows_progress: bool,
    /// It can be asked for its settings.
    pub(super) has_settings: bool,
    /// It tells when its settings change, where it is asked to.
    pub(super) tells_of_settings: bool,
    /// It can watch files.
    pub(super) watches: bool,
    /// It can watch files outside of its folders.
    pub(super) watches_elsewhere: bool,
}

impl Introduction {
    /// Reads the parameters of `initialize`.
    pub(super) fn read(params: &Value) -> Self {
        let can = |what: &str| {
            let place = format!("/capabilities/{what}");
            let flag = params.pointer(&place).unwrap_or(&Value::Null);
            flag.as_bool().unwrap_or_else(|| {
                leave_out(&place[1..], flag);
                false
            })
        };
        let process = &params["processId"];
        let process_id = process
            .as_u64()
            .and_then(|id| u32::try_from(id).ok())
            .filter(|id| *id > 0);
        if process_id.is_none() {
            leave_out("processId", process);
        }
        Self {
            encoding: encoding(
                params
                    .pointer("/capabilities/general/positionEncodings")
                    .unwrap_or(&Value::Null),
            ),
            folders: folders(params),
            process: process_id,
            options: params["initializationOptions"].clone(),
            shows_progress: can("window/workDoneProgress"),
            has_settings: can("workspace/configuration"),
            tells_of_settings: can("workspace/didChangeConfiguration/dynamicRegistration"),
            watches: can("workspace/didChangeWatchedFiles/dynamicRegistration"),
            watches_elsewhere: can("workspace/didChangeWatchedFiles/relativePatternSupport"),
        }
    }
}

/// Logs that something cannot be read, unless it says nothing.
fn leave_out(name: &str, value: &Value) {
    if !value.is_null() {
        tracing::warn!("initialize: {name} cannot be read and is left out");
    }
}

/// UTF-8 where the client offers it, as documents are UTF-8 here; else what every client has, unless it leaves that out.
fn encoding(offered: &Value) -> Encoding {
    let Some(encodings) = offered.as_array() else {
        leave_out("general.positionEncodings", offered);
        return Encoding::Utf16;
    };
    let offers = |kind: PositionEncodingKind| encodings.iter().any(|offered| offered == kind.as_str());
    if offers(PositionEncodingKind::UTF8) {
        Encoding::Utf8
    } else if offers(PositionEncodingKind::UTF32) && !offers(PositionEncodingKind::UTF16) {
        Encoding::Utf32
    } else {
        Encoding::Utf16
    }
}

/// The folders that the client has open; where it has no list, the one that it had before there were lists.
fn folders(params: &Value) -> Vec<PathBuf> {
    let read = |name: &str, folder: &Value| {
        let path = folder
            .as_str()
            .and_then(|folder| uri::file_path(&uri::canonical(folder)));
        if path.is_none() && folder != "" {
            leave_out(name, folder);
        }
        path
    };
    let listed = params["workspaceFolders"].as_array().into_iter().flatten();
    let listed = listed.filter_map(|folder| match &folder["uri"] {
        Value::Null => read("a workspace folder", folder),
        uri => read("a workspace folder", uri),
    });
    let listed: Vec<PathBuf> = listed.collect();
    if !listed.is_empty() {
        return listed;
    }
    let single = ["rootUri", "rootPath"]
        .iter()
        .find_map(|name| read(name, &params[*name]));
    single.into_iter().collect()
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
                // Everything is in the item already.
                resolve_provider: Some(false),
                ..CompletionOptions::default()
            }),
            inline_completion_provider: Some(OneOf::Left(true)),
            execute_command_provider: Some(ExecuteCommandOptions {
                commands: COMMANDS.iter().map(|command| (*command).to_owned()).collect(),
                ..ExecuteCommandOptions::default()
            }),
            workspace: Some(WorkspaceServerCapabilities {
                workspace_folders: Some(WorkspaceFoldersServerCapabilities {
                    supported: Some(true),
                    change_notifications: Some(OneOf::Left(true)),
                }),
                ..WorkspaceServerCapabilities::default()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check_encoding(general: Value, expected: Encoding) {
        let params = json!({"capabilities": {"general": general}});
        assert_eq!(Introduction::read(&params).encoding, expected, "{params}");
    }

    #[test]
    fn columns_are_counted_as_the_client_can() {
        check_encoding(
            json!({"positionEncodings": ["utf-16", "utf-8", "utf-32"]}),
            Encoding::Utf8,
        );
        check_encoding(json!({"positionEncodings": ["utf-32", "utf-16"]}), Encoding::Utf16);
        check_encoding(json!({"positionEncodings": ["utf-32"]}), Encoding::Utf32);
        for nothing in [
            json!({"positionEncodings": "utf-8"}),
            json!({"positionEncodings": [8, null, "ascii"]}),
            json!([]),
            json!(null),
            json!("x"),
        ] {
            check_encoding(nothing, Encoding::Utf16);
        }
    }

    #[track_caller]
    fn check_folders(params: Value, expected: &[&str]) {
        let folders: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
        assert_eq!(Introduction::read(&params).folders, folders, "{params}");
    }

    #[cfg(unix)]
    #[test]
    fn folders_are_read_from_whatever_names_them() {
        let folder = |uri: &str| json!({"uri": uri, "name": "n"});
        check_folders(
            json!({"workspaceFolders": [folder("file:///a b"), folder("file:///p/[ws]"), {"uri": "file:///c"}]}),
            &["/a b", "/p/[ws]", "/c"],
        );
        check_folders(
            json!({"workspaceFolders": [folder("file:///p")], "rootUri": "file:///q", "rootPath": "/q"}),
            &["/p"],
        );
        check_folders(
            json!({"workspaceFolders": [{"name": "x"}, 5, null, folder("ssh://h/p")], "rootUri": "file:///gr%C3%B6%C3%9Fe"}),
            &["/größe"],
        );
        check_folders(
            json!({"workspaceFolders": null, "rootUri": null, "rootPath": "/p/x"}),
            &["/p/x"],
        );
        check_folders(json!({"workspaceFolders": {}, "rootUri": "/p/x"}), &["/p/x"]);
        for nothing in [
            json!({"rootUri": ""}),
            json!({"rootUri": 5}),
            json!({"rootUri": "p/x"}),
            json!({"rootPath": false}),
            json!({}),
            json!(null),
            json!([]),
        ] {
            check_folders(nothing, &[]);
        }
    }

    #[test]
    fn what_cannot_be_read_is_as_if_it_were_not_there() {
        for odd in [
            json!(null),
            json!([]),
            json!("x"),
            json!({"workspace": true, "window": 1}),
            json!({"workspace": {"configuration": "yes"}, "window": {"workDoneProgress": 1}}),
        ] {
            let read = Introduction::read(
                &json!({"capabilities": odd, "trace": "weird", "clientInfo": {}, "processId": "abc"}),
            );
            assert!(
                !read.has_settings && !read.shows_progress && read.process.is_none(),
                "{odd}: {read:?}"
            );
        }
        for (process, expected) in [
            (json!(7), Some(7)),
            (json!(0), None),
            (json!(-1), None),
            (json!(5_000_000_000_u64), None),
            (json!(1.5), None),
        ] {
            assert_eq!(
                Introduction::read(&json!({"processId": process})).process,
                expected,
                "{process}"
            );
        }
    }
}
