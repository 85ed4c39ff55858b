//! A text as a model may see it. Pure.

use std::borrow::Cow;

use super::secrets;

/// A text as the model may see it: no keys, no passwords, no byte order mark, and the line ends that it was trained on.
pub fn sanitized(text: String) -> String {
    let text = unix_lines(without_mark(text));
    match secrets::redact(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(redacted) => redacted,
    }
}

/// What a file may begin with to say that it is UTF-8; it is no part of what it says.
pub const BYTE_ORDER_MARK: char = '\u{feff}';

/// A text without the mark that a file may begin with.
pub fn without_mark(mut text: String) -> String {
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len_utf8());
    }
    text
}

/// The models were trained on `\n`.
pub fn unix_lines(text: String) -> String {
    if text.contains('\r') {
        text.replace("\r\n", "\n").replace('\r', "\n")
    } else {
        text
    }
}
