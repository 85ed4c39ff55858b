//! `codegemma-complete model verify`: whether a model's bytes are those that were published.
//!
//! What they should be is said by the record of a pull, the table of known models, or the store that the model lies in.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use codegemma_model::ModelSource;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::super::failure::Failure;
use super::super::output;
use crate::models::path::{self, Given};
use crate::models::stores::{self, Places};
use crate::models::{known, pulled};

#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  codegemma-complete model verify codegemma-2b
  codegemma-complete model verify ollama:codegemma:2b-code")]
pub(super) struct Flags {
    /// A name of `model list`, or a path that it shows
    name: String,

    /// Print {"name", "matches", "files": [{"path", "sha256", "expected"}]}
    #[arg(short, long)]
    json: bool,
}

#[derive(Serialize)]
struct Verified {
    name: String,
    /// Whether all that is known is right; null where nothing is known.
    matches: Option<bool>,
    files: Vec<VerifiedFile>,
}

#[derive(Serialize)]
struct VerifiedFile {
    path: PathBuf,
    sha256: String,
    expected: Option<String>,
}

pub(super) fn run(flags: &Flags) -> Result<(), Failure> {
    let (name, files) = expected(&flags.name)?;
    let read = |(path, expected): (PathBuf, Option<String>)| {
        Ok(VerifiedFile {
            sha256: sha256(&path)?,
            expected,
            path,
        })
    };
    let files = files.into_iter().map(read).collect::<Result<Vec<_>, Failure>>()?;
    let known = files.iter().filter(|file| file.expected.is_some()).count();
    let is_wrong = |file: &&VerifiedFile| file.expected.as_ref().is_some_and(|expected| *expected != file.sha256);
    let wrong: Vec<String> = files
        .iter()
        .filter(is_wrong)
        .map(|file| file.path.display().to_string())
        .collect();
    let verified = Verified {
        name: name.clone(),
        matches: (known > 0).then_some(wrong.is_empty()),
        files,
    };
    if flags.json {
        output::print_json(&verified)?;
    }
    if !wrong.is_empty() {
        return Err(Failure::Message(format!(
            "{name}: the bytes of {} are not those that were published; remove the model and pull it again",
            wrong.join(" and ")
        )));
    }
    let mut text = String::new();
    for file in &verified.files {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{}  {}", file.sha256, file.path.display());
    }
    if known < verified.files.len() {
        let what =
            "nothing here says what its SHA-256 should be; compare it with the one on the page that it comes from";
        let message = Failure::Message(format!("{name}: {what}"));
        if !flags.json {
            output::print_readable(&text)?;
        }
        return Err(message);
    }
    match flags.json {
        true => Ok(()),
        false => output::print_readable(&format!("{text}{name}: its bytes are those that were published\n")),
    }
}

/// A model's files with the SHA-256 that each should have, where that is known.
type Files = Vec<(PathBuf, Option<String>)>;

/// What a model is called, and its files.
fn expected(name: &str) -> Result<(String, Files), Failure> {
    let of_table = known::find(name).and_then(|known| known.sha256);
    if let Some(model) = pulled::find(name) {
        let files = model.files.into_iter().filter(|file| file.sha256.is_some());
        return Ok((model.name, files.map(|file| (file.path, file.sha256)).collect()));
    }
    let given = Given {
        name,
        folder: None,
        remedy: "check the name",
    };
    let path = match path::resolve(&given)? {
        ModelSource::Path(path) => path,
        ModelSource::Embedded(_) => {
            return Err(Failure::Message(format!(
                "{name}: it is part of this program, and is checked when it is loaded"
            )));
        }
    };
    let place = path.to_string_lossy();
    let model = stores::find(&place, &Places::of_this_user());
    let mut files = model.map_or_else(|| vec![(path.clone(), None)], |model| stores::digests(&model));
    if let ([(_, digest)], Some(of_table)) = (files.as_mut_slice(), of_table) {
        *digest = Some(of_table.to_owned());
    }
    Ok((name.to_owned(), files))
}

fn sha256(path: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| {
        Failure::Message(format!(
            "{}: the file cannot be read ({error}); check its permissions",
            path.display()
        ))
    };
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => return Ok(format!("{:x}", hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}
