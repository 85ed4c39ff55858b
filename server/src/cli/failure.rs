//! How a command can fail.
//!
//! It must not know any command.

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// One line that says what is wrong and what to do.
    Message(String),
    /// Arguments that do not go together.
    Usage(String),
    /// What was printed says it already.
    Said,
    /// Nobody reads the output any more.
    ClosedPipe,
}

impl Failure {
    pub(super) fn new(message: impl ToString) -> Self {
        Self::Message(message.to_string())
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}
