//! What would be redacted in the files of folders: a line for each place, and the sums.
//!
//!     cargo run -p codegemma-tests --example redactions -- FOLDER…
//!
//! In published code hardly anything is a secret, so that what is found there is mostly found wrongly, and is to be looked
//! at by hand.

use std::error::Error;
use std::io::{Write as _, stdout};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use codegemma_lsp::documents::language;
use codegemma_lsp::policy::secrets::find;

/// No longer file is context for another one.
const MOST_BYTES: usize = 256 << 10;
/// What else is looked at besides the languages that are known: settings and documents.
const OTHERS: &[&str] = &[
    "cfg",
    "conf",
    "ini",
    "md",
    "pl",
    "properties",
    "rst",
    "sql",
    "tcl",
    "tf",
    "xml",
];
/// So many places of a file are printed, and so much around each.
const PLACES: usize = 3;
const AROUND: usize = 60;

fn main() -> Result<(), Box<dyn Error>> {
    let mut folders: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    let mut out = stdout().lock();
    let (mut files, mut bytes, mut redacted, mut places) = (0_u32, 0, 0_u32, 0);
    let mut spent = Duration::ZERO;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                folders.push(path);
                continue;
            }
            if !entry.file_type()?.is_file() || !is_text(&path) {
                continue;
            }
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            if text.len() > MOST_BYTES {
                continue;
            }
            let begin = Instant::now();
            let found = find(&text);
            spent += begin.elapsed();
            files += 1;
            bytes += text.len();
            redacted += u32::from(!found.is_empty());
            places += found.len();
            for range in found.iter().take(PLACES) {
                let from = text.ceil_char_boundary(range.start.saturating_sub(AROUND));
                let to = text.floor_char_boundary((range.end.min(range.start + AROUND) + AROUND).min(text.len()));
                writeln!(out, "{}: {:?}", path.display(), &text[from..to])?;
            }
        }
    }
    let share = 100.0 * f64::from(redacted) / f64::from(files.max(1));
    let rate = bytes as f64 / 1e6 / spent.as_secs_f64();
    writeln!(
        out,
        "{files} files, {redacted} of them with redactions ({share:.2} %), {places} places; {rate:.1} MB/s"
    )?;
    Ok(())
}

fn is_text(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    language::of_path(path).is_some() || extension.is_some_and(|extension| OTHERS.contains(&extension))
}
