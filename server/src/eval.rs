//! How good completions are: holes cut into real code, completed, and compared with what stood there.
//!
//! Pure: files come in as texts, completions as strings, and tables go out as text. It must not know files on disk, the
//! engine or the command line.

mod compare;
mod cut;
mod holes;
pub(crate) mod random;
mod score;
mod soundness;
mod table;

pub(crate) use compare::Baseline;
pub(crate) use holes::{Hole, HoleKind, SourceFile, others_suffixes, sample};
pub(crate) use score::{Cut, HoleScore, score};
pub(crate) use table::{Outcome, Row, csv, readable, rows};
