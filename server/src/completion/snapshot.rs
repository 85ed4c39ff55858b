//! What a request is about: a document as it was when the request came, and the change to it that is suggested.
//!
//! One snapshot is made for a request and shared by all that work for it. Pure: it must not know the model, the protocol
//! or who asks.

use std::ops::Range;
use std::sync::Arc;

use codegemma_model::PromptFile;
use ropey::Rope;

use crate::documents::language::Language;
use crate::documents::syntax::Parsed;

/// A document as it was when the request came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    /// The text.
    pub text: Rope,
    /// The cursor: a byte offset on a character boundary.
    pub offset: usize,
    /// The language, where it is known.
    pub language: Option<&'static Language>,
    /// The syntax tree of the text, where there is one.
    pub parsed: Option<Parsed>,
    /// The path as the model should see it.
    pub path: Option<String>,
    /// What stands above the text and is no part of it, as the model may see it.
    pub above: Arc<str>,
    /// Other files for context, as the model may see them, most important last.
    pub files: Vec<PromptFile>,
}

/// A change to the document that the user may accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suggestion {
    /// The new text.
    pub text: String,
    /// The bytes of the document that it replaces: on the cursor's line, and from the cursor on where it is the model's.
    pub range: Range<usize>,
}

impl Snapshot {
    /// The document as it is when a suggestion has been accepted.
    pub(crate) fn with(&self, suggestion: &Suggestion) -> Self {
        let (text, offset) = suggestion.accepted(&self.text);
        let parsed = self.parsed.as_ref();
        let parsed =
            parsed.and_then(|parsed| parsed.with(&self.text, suggestion.range.clone(), &suggestion.text, &text));
        Self {
            text,
            offset,
            parsed,
            ..self.clone()
        }
    }
}

impl Suggestion {
    /// The document with the suggestion in it, and the cursor after it.
    pub(crate) fn accepted(&self, text: &Rope) -> (Rope, usize) {
        let mut text = text.clone();
        let (start, end) = (text.byte_to_char(self.range.start), text.byte_to_char(self.range.end));
        text.remove(start..end);
        text.insert(start, &self.text);
        (text, self.range.start + self.text.len())
    }
}
