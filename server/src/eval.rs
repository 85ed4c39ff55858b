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

pub use compare::{Baseline, TableChange};
pub use holes::{Hole, HoleKind, SourceFile, others_suffixes, sample};
pub use score::{Cut, HoleScore, score};
pub use table::{Counts, Outcome, Row, csv, readable, rows};
