//! Why nothing is suggested: one list for every layer, so that each empty answer has a name in the log and in `--json`.
//!
//! It must not know how a reason came about.

/// Why a request was answered with nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The model is still being read.
    Loading,
    /// The model could not be loaded.
    NoModel,
    /// The document was never opened, or was closed.
    UnknownDocument,
    /// A change to the document could not be applied, so its text is not known.
    StaleDocument,
    /// Completion is switched off for this language.
    Disabled,
    /// The model must not see this file.
    Excluded,
    /// The document is a notebook's file, as JSON, and not one of its cells.
    RawNotebook,
    /// Whether the model may see this file is not known yet.
    Unjudged,
    /// The cursor is in something like a key or a password, or what the model wrote holds one.
    Secret,
    /// The cursor is inside a word and nobody asked.
    InsideWord,
    /// The cursor is inside a comment or a string that goes on right of it, and nobody asked.
    InsideText,
    /// The model is seldom right at such a place, and nobody asked.
    LeftAlone,
    /// What the model wrote does not fit the syntax around it.
    Misfit,
    /// The model is not sure enough.
    Unsure,
    /// The model wrote nothing, or nothing but whitespace.
    Blank,
    /// The model says again and again what stands there, or counts on.
    Circles,
    /// The model wrote signs alone in a string.
    Signs,
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
    /// The name that programs see, in status and `--json`, and the log.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::NoModel => "no-model",
            Self::UnknownDocument => "unknown-document",
            Self::StaleDocument => "stale-document",
            Self::Disabled => "disabled",
            Self::InsideWord => "inside-word",
            Self::Excluded => "excluded",
            Self::RawNotebook => "raw-notebook",
            Self::Unjudged => "not-judged-yet",
            Self::Secret => "secret",
            Self::InsideText => "inside-text",
            Self::LeftAlone => "left-alone",
            Self::Misfit => "does-not-fit",
            Self::Unsure => "not-sure",
            Self::Blank => "blank",
            Self::Circles => "goes-in-circles",
            Self::Signs => "signs-alone",
            Self::Repeats => "repeats-what-follows",
            Self::Deadline => "deadline",
            Self::Superseded => "superseded",
            Self::Outdated => "outdated",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// The reason as a sentence for people, with what they can do.
    pub(crate) fn sentence(self) -> &'static str {
        match self {
            Self::Loading => "the model is still being loaded; ask again in a moment",
            Self::NoModel => "no model could be loaded; `codegemma-complete doctor` says why and what to do",
            Self::UnknownDocument => "the document is not open in the server; open it again",
            Self::StaleDocument => {
                "a change to the document was not understood, so its text is not known; close it and open it again"
            }
            Self::Disabled => "completion is switched off here; set enabled, or languages.<id>.enabled, to true",
            Self::Excluded => {
                "the file is excluded from what a model sees, by its name, an ignore file or the setting exclude"
            }
            Self::Unjudged => {
                "it is not known yet whether the file is excluded, as the folders around it are slow to read; ask again"
            }
            Self::RawNotebook => {
                "the file is a notebook, whose text is data; complete its cells in an editor that shows them"
            }
            Self::Secret => {
                "the cursor is in what looks like a key or a password, or the model wrote one, which is never suggested"
            }
            Self::InsideWord => "the cursor is inside a word; move behind it, or ask for a suggestion yourself",
            Self::InsideText => {
                "the cursor is inside a text that goes on to the right; move to its end, or ask for a suggestion yourself"
            }
            Self::LeftAlone => {
                "the model is seldom right at such places; ask for a suggestion yourself, or set confidence to 0"
            }
            Self::Misfit => {
                "what the model wrote would break the syntax here; write a little more, or use a larger model"
            }
            Self::Unsure => {
                "the model is not sure enough; write a little more, ask for a suggestion yourself, or set confidence to less"
            }
            Self::Blank => "the model has nothing to add here; write the beginning of what you want",
            Self::Circles => "the model goes round in circles here; write the beginning of what you want",
            Self::Signs => "the model wrote nothing but signs; write the beginning of what you want",
            Self::Repeats => "the model wrote what follows already; write the beginning of what you want instead",
            Self::Deadline => "the time was over before there was a text; allow more with deadlineMs or --deadline",
            Self::Superseded => "a newer request took the place of this one; that one is answered",
            Self::Outdated => "the document changed while the model was at work; the next request is for the new text",
            Self::Cancelled => "the editor no longer waits for the answer; ask again",
            Self::Failed => "the engine failed on this request; please report it with the log",
        }
    }
}
