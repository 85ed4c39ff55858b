//! One completion from a place in a document to a suggestion ([`snapshot`]), in the order of its steps: whether and how much to complete
//! ([`trigger`]); where the prompt is split ([`anchor`]); what the model may see ([`shown`]); the request ([`plan`]); the
//! engine's run and who waits for it ([`in_flight`]); how much of the answer the model is sure of ([`confidence`]), what of
//! it is kept ([`refinement`]), and whether that fits the syntax ([`syntax_check`]).
//!
//! The language server and the command line share it. It must not know the protocol or files on disk.

pub(crate) mod anchor;
pub(crate) mod confidence;
pub(crate) mod in_flight;
pub(crate) mod plan;
pub(crate) mod reason;
pub(crate) mod refinement;
pub(crate) mod selected;
pub(crate) mod shown;
pub(crate) mod snapshot;
pub(crate) mod syntax_check;
pub(crate) mod trigger;
