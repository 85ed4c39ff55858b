//! What the conversation with the client has come to. It must not know what is talked about.

use crate::documents::position::Encoding;

/// The state of the conversation.
#[derive(Debug, Default)]
pub(super) struct ProtocolState {
    /// How the client counts columns.
    pub(super) encoding: Encoding,
    /// How many requests wait for the engine.
    pub(super) waiting: usize,
    /// How many settings have come that are not taken over yet.
    pub(super) settings_to_come: usize,
    /// The client said that it is going to leave.
    pub(super) shut_down: bool,
    /// The client is going or gone.
    pub(super) ended: bool,
}
