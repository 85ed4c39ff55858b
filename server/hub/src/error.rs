//! Why something did not come.
//!
//! It must not know a token.

use std::time::Duration;

/// One line that says what happened, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HubError(pub(crate) String);

impl HubError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Whether it is worth trying again.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The server asks to come back, after this time where it names one.
    Busy(String, Option<Duration>),
    /// There is no connection, or it broke off.
    Cut(String),
    Lasting(HubError),
}

impl Trouble {
    pub(crate) fn lasting(message: impl Into<String>) -> Self {
        Self::Lasting(HubError::new(message))
    }
}

impl From<HubError> for Trouble {
    fn from(error: HubError) -> Self {
        Self::Lasting(error)
    }
}

impl From<Trouble> for HubError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Busy(message, _) | Trouble::Cut(message) => Self(message),
            Trouble::Lasting(error) => error,
        }
    }
}
