//! Why nothing is suggested: one list for every layer, so that each empty answer has a name in the log and in `--json`.
//!
//! It must not know how a reason came about.

/// Why a request was answered with nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The model is still being read.
    Loading,
    /// The model could not be loaded.
    NoModel,
    /// The document was never opened, or was closed.
    UnknownDocument,
    /// A change to the document could not be applied, so its text is not known.
    StaleDocument,
    /// The position is not in the document.
    OutsideDocument,
    /// Completion is switched off for this language.
    Disabled,
    /// The model must not see this file.
    Excluded,
    /// The document is a notebook's file, as JSON, and not one of its cells.
    RawNotebook,
    /// What the model wrote holds something like a key.
    Secret,
    /// The cursor is inside a word and nobody asked.
    InsideWord,
    /// The cursor is inside a comment or a string that goes on right of it, and nobody asked.
    InsideText,
    /// What the model wrote does not fit the syntax around it.
    Misfit,
    /// The model is not sure enough.
    Unsure,
    /// The model wrote nothing, or nothing but whitespace.
    Blank,
    /// The model wrote what stands after the cursor already.
    Repeats,
    /// The deadline passed before there was a text.
    Deadline,
    /// A newer request took this one's place.
    Superseded,
    /// The document changed while the model was at work.
    Outdated,
    /// Nobody waits for the answer any more.
    Cancelled,
    /// The engine failed on this request.
    Failed,
}

impl Reason {
    /// The name that users see in logs, status and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::NoModel => "no-model",
            Self::UnknownDocument => "unknown-document",
            Self::StaleDocument => "stale-document",
            Self::OutsideDocument => "outside-document",
            Self::Disabled => "disabled",
            Self::InsideWord => "inside-word",
            Self::Excluded => "excluded",
            Self::RawNotebook => "raw-notebook",
            Self::Secret => "secret",
            Self::InsideText => "inside-text",
            Self::Misfit => "does-not-fit",
            Self::Unsure => "not-sure",
            Self::Blank => "blank",
            Self::Repeats => "repeats-what-follows",
            Self::Deadline => "deadline",
            Self::Superseded => "superseded",
            Self::Outdated => "outdated",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }
}
