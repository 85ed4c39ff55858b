//! The source files below a folder.
//!
//! It must not know what they are read for.

use std::fs;
use std::io;
use std::path::Path;

use super::super::failure::Failure;
use super::super::output;
use crate::documents::language::{self, LANGUAGES, Language};
use crate::eval::SourceFile;

/// Larger files are mostly not written by hand.
const MOST_BYTES: u64 = 1_000_000;
/// Nor are files with longer lines.
const MOST_IN_LINE: usize = 2000;
/// Folders of what is built or fetched.
const NOT_OURS: [&str; 2] = ["target", "node_modules"];

/// Reads the source files at a path, sorted bytewise by their paths below it. What cannot be read is left out with a
/// note, what is no source that a person wrote without one.
pub(super) fn read(root: &Path) -> Result<Vec<SourceFile>, Failure> {
    let name = root.display();
    let mut found = Vec::new();
    if root.is_dir() {
        search(root, "", &mut found).map_err(|error| {
            Failure::Message(format!(
                "{name}: the folder cannot be read ({error}); check its permissions"
            ))
        })?;
    } else if root.exists() {
        let own = root.file_name().unwrap_or_default().to_string_lossy();
        found.extend(source(root, &own));
    } else {
        let message = format!("{name}: there is no such file or folder; check the path");
        return Err(Failure::Message(message));
    }
    if found.is_empty() {
        let mut known: Vec<&str> = LANGUAGES.iter().map(|language| language.id).collect();
        known.dedup();
        let tasks = match root.extension() {
            Some(end) if end == "jsonl" => ", or write samples for its tasks with --samples FILE",
            _ => "",
        };
        return Err(Failure::Message(format!(
            "{name}: no source file is here; name a folder with code in {}{tasks}",
            known.join(", ")
        )));
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

fn search(folder: &Path, path: &str, found: &mut Vec<SourceFile>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        // A name that is not UTF-8 would not be the same on every machine.
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
            continue;
        };
        let inside = if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}/{name}")
        };
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && !NOT_OURS.contains(&name) => {
                search(&entry.path(), &inside, found).unwrap_or_else(|error| skipped(&entry.path(), &error));
            }
            Ok(kind) if kind.is_file() => found.extend(source(&entry.path(), &inside)),
            Ok(_) => {}
            Err(error) => skipped(&entry.path(), &error),
        }
    }
    Ok(())
}

/// Reads a file, if it is source in a language that is known.
fn source(file: &Path, path: &str) -> Option<SourceFile> {
    let language: &Language = language::of_path(file)?;
    let read = || match fs::metadata(file)?.len() {
        0..=MOST_BYTES => fs::read(file).map(Some),
        _ => Ok(None),
    };
    let bytes = read().unwrap_or_else(|error| {
        skipped(file, &error);
        None
    });
    let text = String::from_utf8(bytes?).ok()?;
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let minified = text.lines().any(|line| line.len() > MOST_IN_LINE);
    (!minified).then(|| SourceFile {
        path: path.to_owned(),
        language,
        text,
    })
}

fn skipped(path: &Path, error: &io::Error) {
    output::note(&format!("{}: left out, it cannot be read ({error})", path.display()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_wrote_is_found_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &[u8]| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("b/z.py", b"x = 1\r\ny = 2\r\n");
        write("b.rs", b"fn f() {}\n");
        write("a/c.go", b"package a\n");
        for path in [
            ".git/a.rs",
            "target/a.rs",
            "node_modules/a.js",
            ".hidden.py",
            "notes.txt",
        ] {
            write(path, b"x\n");
        }
        write("latin.py", b"\xe9 = 1\n");
        write("minified.js", "x".repeat(2001).as_bytes());
        write("generated.c", "int x;\n".repeat(150_000).as_bytes());
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path().join("b.rs"), folder.path().join("link.rs")).unwrap();
        let found = read(folder.path()).unwrap();
        let paths: Vec<&str> = found.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["a/c.go", "b.rs", "b/z.py"]);
        assert_eq!(found[2].text, "x = 1\ny = 2\n");
        let one = read(&folder.path().join("b/z.py")).unwrap();
        assert_eq!((one.len(), one[0].path.as_str()), (1, "z.py"));
    }

    #[test]
    fn a_path_without_source_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.txt"), "x").unwrap();
        for path in [
            folder.path().to_owned(),
            folder.path().join("a.txt"),
            folder.path().join("none"),
        ] {
            assert!(matches!(read(&path), Err(Failure::Message(_))), "{}", path.display());
        }
    }
}
