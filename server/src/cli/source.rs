//! Reading the user's files, with errors that say what to do about them.
//!
//! It must not know what the text is for.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ropey::Rope;

use super::failure::Failure;
use super::target::Target;
use crate::documents::position;
use crate::policy::placed_file;
use crate::policy::sanitize::BYTE_ORDER_MARK;

/// Nobody completes a longer file, and a device may have no end.
const MOST_BYTES: u64 = 64 << 20;

/// The text of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Source {
    /// Without the byte order mark.
    pub(super) text: String,
    /// The byte order mark, or nothing.
    pub(super) mark: &'static str,
    /// Where the file that was read lies, where it is one.
    pub(super) place: Option<PathBuf>,
}

/// Reads a text file; `-` is stdin.
pub(super) fn read(path: &Path) -> Result<Source, Failure> {
    let name = path.display();
    let mut place = None;
    let bytes = if path.as_os_str() == "-" {
        read_bytes(io::stdin().lock())
    } else if path.is_dir() {
        return Err(Failure::Message(format!("{name}: this is a folder; name a file in it")));
    } else {
        std::fs::File::open(path).and_then(|file| {
            place = placed_file::place_of(&file).transpose()?;
            read_bytes(file)
        })
    };
    let bytes = bytes.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::Message(format!("{name}: there is no such file; {}", remedy(path))),
        _ => Failure::Message(format!(
            "{name}: the file cannot be read ({error}); check its permissions"
        )),
    })?;
    let source = decode(bytes).map_err(|what| Failure::Message(format!("{name}: {what}")))?;
    Ok(Source { place, ..source })
}

/// A text of bytes, or what they are instead and what to do.
fn decode(mut bytes: Vec<u8>) -> Result<Source, String> {
    if bytes.len() as u64 > MOST_BYTES {
        let most = MOST_BYTES >> 20;
        return Err(format!("the file is longer than {most} MiB; name a shorter one"));
    }
    let others: [(&[u8], &str); 4] = [
        (b"\xff\xfe\0\0", "UTF-32"),
        (b"\0\0\xfe\xff", "UTF-32"),
        (b"\xff\xfe", "UTF-16"),
        (b"\xfe\xff", "UTF-16"),
    ];
    if let Some((_, encoding)) = others.iter().find(|(mark, _)| bytes.starts_with(mark)) {
        return Err(format!(
            "the file is {encoding}; convert it to UTF-8, as with `iconv -f {encoding} -t UTF-8 FILE > NEW`"
        ));
    }
    if let Some(at) = memchr::memchr(0, &bytes) {
        return Err(format!("this is no text, byte {at} is 0; name a text file"));
    }
    let mut buffer = [0; 4];
    let mark = BYTE_ORDER_MARK.encode_utf8(&mut buffer);
    let marked = bytes.starts_with(mark.as_bytes());
    if marked {
        bytes.drain(..mark.len());
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        format!(
            "byte {at} is not UTF-8; convert the file to UTF-8, as with `iconv -f LATIN1 -t UTF-8 FILE > NEW` where it is Latin 1"
        )
    })?;
    Ok(Source {
        text,
        mark: if marked { "\u{feff}" } else { "" },
        place: None,
    })
}

/// What to do about a file that is not there.
fn remedy(path: &Path) -> String {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    match nearest(path, folder) {
        Some(near) => format!("did you mean {}?", near.display()),
        None if path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().contains(&b':')) =>
        {
            "a place in one is FILE:LINE:COLUMN in numbers, such as src/main.rs:10:5".to_owned()
        }
        None if !folder.is_dir() => format!("there is no folder {} either", folder.display()),
        None => "check the path".to_owned(),
    }
}

/// The file beside one that is not there which may be meant.
fn nearest(path: &Path, folder: &Path) -> Option<PathBuf> {
    /// Nobody waits for more.
    const MOST_ENTRIES: usize = 10_000;
    let written = path.file_name()?.to_string_lossy().to_lowercase();
    let rank = |name: &str| strsim::damerau_levenshtein(&name.to_lowercase(), &written);
    let entries = std::fs::read_dir(folder).ok()?.take(MOST_ENTRIES).flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let ranked = names.map(|name| (rank(&name), name));
    // With more than a third of the letters wrong it is another name.
    let near = ranked.filter(|(distance, name)| distance * 3 <= name.chars().count().min(written.chars().count()));
    near.min().map(|(_, name)| path.with_file_name(name))
}

/// All of a file, or more than [`MOST_BYTES`] of it.
fn read_bytes(file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The byte offset of a place. Unlike an editor's, it must exist: a typing error must not complete elsewhere.
pub(super) fn offset(text: &Rope, target: &Target) -> Result<usize, Failure> {
    let file = target.file.display();
    if target.line == Some(0) || target.column == Some(0) {
        return Err(Failure::Usage(format!("{file}: lines and columns count from 1")));
    }
    let lines = text.len_lines();
    let number = target.line.unwrap_or(lines);
    if number > lines {
        return Err(Failure::Message(format!(
            "{file}: line {number} does not exist; the file has {lines} {}",
            if lines == 1 { "line" } else { "lines" }
        )));
    }
    let start = text.line_to_byte(number - 1);
    let end = position::line_end(text, number - 1);
    let Some(column) = target.column else {
        return Ok(end);
    };
    let line = text.byte_slice(start..end);
    let columns = line.len_chars() + 1;
    if column > columns {
        return Err(Failure::Message(format!(
            "{file}: line {number} has no column {column}; its columns are 1 to {columns}, the last is its end"
        )));
    }
    Ok(start + line.char_to_byte(column - 1))
}

/// The folder of the repository that a file is in: the nearest one above it that has `.git`.
pub(super) fn repository(path: &Path) -> Option<PathBuf> {
    let path = path.canonicalize().ok()?;
    path.ancestors()
        .skip(1)
        .find(|folder| folder.join(".git").exists())
        .map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, line: usize, column: usize) -> Result<usize, String> {
        at(text, Some(line), Some(column))
    }

    fn at(text: &str, line: Option<usize>, column: Option<usize>) -> Result<usize, String> {
        let file = PathBuf::from("f");
        offset(&Rope::from_str(text), &Target { file, line, column }).map_err(|failure| match failure {
            Failure::Message(message) | Failure::Usage(message) => message,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn columns_are_characters_and_must_exist() {
        assert_eq!(check("a😀b\r\nc", 1, 3), Ok(5));
        assert_eq!(check("a😀b\r\nc", 1, 4), Ok(6));
        assert_eq!(check("a😀b\r\nc", 2, 1), Ok(8));
        assert_eq!(check("", 1, 1), Ok(0));
        assert_eq!(check("a\n", 2, 1), Ok(2));
        assert_eq!(
            check("a\nb", 3, 1),
            Err("f: line 3 does not exist; the file has 2 lines".to_owned())
        );
        let error = "f: line 1 has no column 5; its columns are 1 to 4, the last is its end";
        assert_eq!(check("a😀b\r\nc", 1, 5), Err(error.to_owned()));
        assert_eq!(check("a", 0, 1), Err("f: lines and columns count from 1".to_owned()));
    }

    #[test]
    fn without_a_column_it_is_the_end_of_the_line_and_without_a_line_that_of_the_file() {
        assert_eq!(at("ab\r\ncd\re", Some(1), None), Ok(2));
        assert_eq!(at("ab\r\ncd\re", Some(2), None), Ok(6));
        assert_eq!(at("ab\r\ncd\re", None, None), Ok(8));
        assert_eq!(at("ab\n", None, None), Ok(3));
        assert_eq!(at("", None, None), Ok(0));
    }

    #[test]
    fn a_mark_is_no_text_and_other_encodings_are_named() {
        let decoded = |bytes: &[u8]| decode(bytes.to_vec()).map(|source| (source.text, source.mark));
        assert_eq!(decoded(b"\xef\xbb\xbfa"), Ok(("a".to_owned(), "\u{feff}")));
        assert_eq!(decoded("a\u{feff}".as_bytes()), Ok(("a\u{feff}".to_owned(), "")));
        for (bytes, words) in [
            (&b"\xff\xfea\0"[..], "UTF-16"),
            (b"\xfe\xff\0a", "UTF-16"),
            (b"\xff\xfe\0\0a\0\0\0", "UTF-32"),
            (b"\0\0\xfe\xff\0\0\0a", "UTF-32"),
            (b"\x7fELF\x02\0\xff", "no text, byte 5"),
            (b"ab\xe9", "byte 2 is not UTF-8"),
        ] {
            let error = decoded(bytes).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_near_is_proposed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("rectangle.py"), "").unwrap();
        let remedy = |name: &str| remedy(&folder.path().join(name));
        assert!(remedy("rectangel.py").ends_with("rectangle.py?"));
        assert!(remedy("Rectangle.Py").ends_with("rectangle.py?"));
        assert_eq!(remedy("circle.py"), "check the path");
        assert!(remedy("circle.py:1:x").contains("FILE:LINE:COLUMN"));
        assert!(remedy("no/circle.py").contains("no folder"));
    }
}
