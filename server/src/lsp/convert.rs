//! The protocol's positions, changes and items from and to what the rest of the crate speaks.
//!
//! It must not know the session or send anything.

use std::path::PathBuf;

use ropey::Rope;
use serde::Deserialize;
use serde_json::{Value, json};
use tower_lsp::ls_types::{
    Command, CompletionItem, CompletionItemKind, CompletionTextEdit, Documentation, InlineCompletionItem,
    InlineCompletionTriggerKind, InsertTextFormat, InsertTextMode, MarkupContent, MarkupKind, Position, Range,
    SelectedCompletionInfo, TextDocumentContentChangeEvent, TextDocumentIdentifier, TextDocumentPositionParams,
    TextEdit, Uri,
};

use super::capabilities::ACCEPTED;
use super::uri;
use crate::completion::snapshot::Suggestion;
use crate::completion::trigger::Trigger;
use crate::documents::document::Change;
use crate::documents::position::{self, Encoding, LineColumn};

/// The longest label in a popup, in characters.
const LABEL_CHARS: usize = 80;

/// The files whose rules hide others.
pub(super) const IGNORE_FILES: &[&str] = &[".gitignore", ".ignore", ".codegemmaignore", ".git/info/exclude"];

/// The file behind a URI in its one spelling, if it is one.
pub(super) fn file_path(uri: &Uri) -> Option<PathBuf> {
    uri::file_path(uri.as_str())
}

/// The document that the arguments of a command name, as those of [`inline_item`] do.
pub(super) fn document_of(arguments: &[Value]) -> Option<&str> {
    arguments.first()?.get("uri")?.as_str()
}

/// Whether a URI is that of a file of this name.
pub(super) fn is_called(uri: &Uri, name: &str) -> bool {
    file_path(uri).is_some_and(|path| path.file_name() == Some(name.as_ref()))
}

/// Whether a URI is that of a file whose rules hide others.
pub(super) fn is_ignore_file(uri: &Uri) -> bool {
    file_path(uri).is_some_and(|path| IGNORE_FILES.iter().any(|name| path.ends_with(name)))
}

/// The place that a command is about: its argument `{uri, position}`.
pub(super) fn place(arguments: &[Value]) -> Result<TextDocumentPositionParams, String> {
    #[derive(serde::Deserialize)]
    struct Place {
        uri: Uri,
        position: Position,
    }
    let [argument] = arguments else {
        return Err(format!(
            "expected one argument {{uri, position}}, found {}",
            arguments.len()
        ));
    };
    let place =
        Place::deserialize(argument).map_err(|error| format!("expected an argument {{uri, position}}: {error}"))?;
    Ok(TextDocumentPositionParams {
        text_document: TextDocumentIdentifier { uri: place.uri },
        position: place.position,
    })
}

pub(super) fn line_column(position: Position) -> LineColumn {
    LineColumn {
        line: position.line as usize,
        column: position.character as usize,
    }
}

pub(super) fn change(event: TextDocumentContentChangeEvent) -> Change {
    Change {
        range: event
            .range
            .map(|range| (line_column(range.start), line_column(range.end))),
        text: event.text,
    }
}

/// What accepting the entry that is selected in the editor's popup would change.
pub(super) fn entry(selected: SelectedCompletionInfo) -> Change {
    Change {
        range: Some((line_column(selected.range.start), line_column(selected.range.end))),
        text: selected.text,
    }
}

pub(super) fn trigger(kind: InlineCompletionTriggerKind) -> Trigger {
    if kind == InlineCompletionTriggerKind::INVOKED {
        Trigger::Invoked
    } else {
        Trigger::Automatic
    }
}

fn range(text: &Rope, bytes: std::ops::Range<usize>, encoding: Encoding) -> Range {
    let position = |offset| {
        let at = position::from_offset(text, offset, encoding);
        // A text with more lines or columns than the protocol can count is cut off at its last one.
        Position {
            line: u32::try_from(at.line).unwrap_or(u32::MAX),
            character: u32::try_from(at.column).unwrap_or(u32::MAX),
        }
    };
    Range {
        start: position(bytes.start),
        end: position(bytes.end),
    }
}

/// The item for ghost text in the document with this URI. It begins at the cursor, which is the first place where it
/// differs from the document, or where the entry begins that is selected in the editor's popup.
pub(super) fn inline_item(
    document: &str,
    text: &Rope,
    suggestion: &Suggestion,
    encoding: Encoding,
) -> InlineCompletionItem {
    InlineCompletionItem {
        insert_text: suggestion.text.clone(),
        filter_text: Some(suggestion.text.clone()),
        range: Some(range(text, suggestion.range.clone(), encoding)),
        command: Some(Command {
            title: "Suggestion accepted".to_owned(),
            command: ACCEPTED.to_owned(),
            arguments: Some(vec![json!({"uri": document})]),
        }),
        insert_text_format: Some(InsertTextFormat::PLAIN_TEXT),
    }
}

/// The item for a popup. It begins at the word before the cursor, because that is what clients filter by, with what has
/// been typed `since` the client asked.
pub(super) fn popup_item(text: &Rope, suggestion: &Suggestion, since: &str, encoding: Encoding) -> CompletionItem {
    let cursor = suggestion.range.start;
    let typed = word_before(text, cursor);
    let whole = format!("{typed}{}", suggestion.text);
    let first_line = whole.trim_start().lines().next().unwrap_or_default();
    let mut label: String = first_line.chars().take(LABEL_CHARS).collect();
    if label.len() < whole.trim().len() {
        label.push('…');
    }
    let bytes = cursor - typed.len()..suggestion.range.end;
    CompletionItem {
        label,
        kind: Some(CompletionItemKind::TEXT),
        detail: Some("CodeGemma".to_owned()),
        documentation: Some(Documentation::MarkupContent(MarkupContent {
            kind: MarkupKind::Markdown,
            value: preview(&whole),
        })),
        filter_text: Some(typed + since),
        insert_text_format: Some(InsertTextFormat::PLAIN_TEXT),
        insert_text_mode: Some(InsertTextMode::AS_IS),
        text_edit: Some(CompletionTextEdit::Edit(TextEdit {
            range: range(text, bytes, encoding),
            new_text: whole,
        })),
        ..CompletionItem::default()
    }
}

/// The part of an identifier that ends at the cursor.
fn word_before(text: &Rope, cursor: usize) -> String {
    let mut chars = text.chars_at(text.byte_to_char(cursor));
    let mut word = Vec::new();
    while let Some(c) = chars.prev().filter(|c| c.is_alphanumeric() || *c == '_') {
        word.push(c);
    }
    word.into_iter().rev().collect()
}

/// Code in a fence that is longer than any in the code.
fn preview(code: &str) -> String {
    let mut fence = "```".to_owned();
    while code.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}\n{code}\n{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn popup(before: &str, after: &str, new: &str, replaces: usize) -> CompletionItem {
        let text = Rope::from_str(&format!("{before}{after}"));
        let suggestion = Suggestion {
            text: new.to_owned(),
            range: before.len()..before.len() + replaces,
        };
        popup_item(&text, &suggestion, "", Encoding::Utf16)
    }

    fn edit(item: &CompletionItem) -> (u32, u32, &str) {
        match &item.text_edit {
            Some(CompletionTextEdit::Edit(edit)) => {
                (edit.range.start.character, edit.range.end.character, &edit.new_text)
            }
            other => panic!("expected an edit, found {other:?}"),
        }
    }

    #[test]
    fn a_popup_item_covers_the_word_that_is_typed() {
        let item = popup("😀 pri", ")", "nt(x)", 1);
        assert_eq!(item.label, "print(x)");
        assert_eq!(item.filter_text.as_deref(), Some("pri"));
        assert_eq!(edit(&item), (3, 7, "print(x)"));
    }

    #[test]
    fn a_label_is_one_short_line() {
        let item = popup("x {", "", "\n    y\n}", 0);
        assert_eq!((item.label.as_str(), item.filter_text.as_deref()), ("y…", Some("")));
        let item = popup("", "", &"é".repeat(200), 0);
        assert_eq!(item.label.chars().count(), LABEL_CHARS + 1);
    }

    #[test]
    fn a_preview_cannot_leave_its_fence() {
        assert_eq!(preview("a"), "```\na\n```");
        assert_eq!(preview("```\n"), "````\n```\n\n````");
    }
}
