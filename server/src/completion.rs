//! One completion from a place in a document to a suggestion ([`snapshot`]), in the order of its steps: whether and how much to
//! complete ([`trigger`], [`kind`]); where the prompt is split ([`anchor`]); what the model may see ([`shown`]); the request
//! ([`plan`]); the engine's run and who waits for it ([`in_flight`]); what of the answer ([`written`]) is kept
//! ([`refinement`]), whether that fits the syntax ([`syntax_check`]), and whether it is likely enough to be shown ([`gate`]).
//!
//! The language server and the command line share it. It must not know the protocol or files on disk.

pub(crate) mod anchor;
pub(crate) mod gate;
pub(crate) mod in_flight;
pub(crate) mod kind;
pub(crate) mod plan;
pub(crate) mod reason;
pub(crate) mod refinement;
pub(crate) mod selected;
pub(crate) mod shown;
pub(crate) mod snapshot;
pub(crate) mod syntax_check;
pub(crate) mod trigger;
pub(crate) mod written;
