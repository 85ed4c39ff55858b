//! URIs as clients write them, made into the one spelling that documents are known by.
//!
//! Clients differ in what they escape: Helix and Zed leave `[`, `]`, `^` and `|` as they are, VS Code escapes the colon of a
//! drive, others escape nothing. Two spellings that are equal after decoding name one document, and no spelling is
//! refused. Pure; it must not know messages or documents.

use std::fmt::Write as _;
use std::path::PathBuf;

/// What stands for a scheme where a client gives a document a name that is no URI at all.
const NO_SCHEME: &str = "name";

/// The one spelling of a URI, which is valid by RFC 3986: what need not be escaped is not, what must be is, in capital
/// letters; scheme, host and a drive's letter are small; `file://localhost/` is `file:///`. An absolute path stands for
/// its file. In the URI of a file `?` and `#` belong to the name, because no client names a part of a file so.
pub(super) fn canonical(spelling: &str) -> String {
    let (scheme, rest) = match split_scheme(spelling) {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None if spelling.starts_with('/') || is_drive(spelling.as_bytes()) => ("file".to_owned(), spelling),
        None => (NO_SCHEME.to_owned(), spelling),
    };
    let mut canonical = format!("{scheme}:");
    if scheme == "file" {
        let (host, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len())),
            None => ("", rest),
        };
        // `file://c:/p` was meant to have three slashes.
        let (host, path) = if is_drive(&decode(host)) {
            ("", &rest[2..])
        } else {
            (host, path)
        };
        let host = host.to_lowercase();
        canonical.push_str("//");
        if host != "localhost" {
            encode(&decode(&host), b"", &mut canonical);
        }
        encode(&file_bytes(path), b"/:@", &mut canonical);
        return canonical;
    }
    let (rest, fragment) = split_at_first(rest, '#');
    let (rest, query) = split_at_first(rest, '?');
    let path = match rest.strip_prefix("//") {
        Some(rest) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            canonical.push_str("//");
            encode(&decode(&host.to_lowercase()), b"", &mut canonical);
            path
        }
        None => rest,
    };
    let path = decode(path);
    if path.starts_with(b"//") && !rest.starts_with("//") {
        // Else what follows would be taken for the host.
        canonical.push_str("//");
    }
    encode(&path, b"/:@", &mut canonical);
    for (mark, part) in [('?', query), ('#', fragment)] {
        if let Some(part) = part {
            canonical.push(mark);
            encode(&decode(part), b"/:@?", &mut canonical);
        }
    }
    canonical
}

/// The file that a URI in its one spelling names, if it names one. Its name may hold any bytes.
pub(super) fn file_path(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    let (host, path) = rest.split_at(rest.find('/')?);
    path_of(host, decode(path))
}

#[cfg(unix)]
fn path_of(_host: &str, path: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(std::ffi::OsString::from_vec(path).into())
}

#[cfg(not(unix))]
fn path_of(host: &str, path: Vec<u8>) -> Option<PathBuf> {
    let path = String::from_utf8_lossy(&path).replace('/', "\\");
    Some(match host {
        "" => PathBuf::from(path.strip_prefix('\\').unwrap_or(&path)),
        host => PathBuf::from(format!("\\\\{host}{path}")),
    })
}

/// The scheme, which is longer than the letter of a drive, and what follows its colon.
fn split_scheme(spelling: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = spelling.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then_some((scheme, rest))
}

fn split_at_first(text: &str, mark: char) -> (&str, Option<&str>) {
    match text.split_once(mark) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// Whether a path begins with a drive, as in `c:` or `c:\`; `c|` is an old way to write it.
fn is_drive(path: &[u8]) -> bool {
    matches!(path, [letter, b':' | b'|', rest @ ..] if letter.is_ascii_alphabetic() && matches!(rest, [] | [b'/' | b'\\', ..]))
}

/// The bytes of a file's path, which begins with a slash. A path with a drive is written with slashes, and its letter is
/// small.
fn file_bytes(path: &str) -> Vec<u8> {
    let mut bytes = decode(path);
    if bytes.first() != Some(&b'/') {
        bytes.insert(0, b'/');
    }
    if is_drive(&bytes[1..]) {
        bytes[1].make_ascii_lowercase();
        bytes[2] = b':';
        for byte in &mut bytes {
            if *byte == b'\\' {
                *byte = b'/';
            }
        }
    }
    bytes
}

/// A percent sign that no two hexadecimal digits follow stands for itself.
fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

/// Escapes everything but what RFC 3986 allows everywhere and these bytes.
fn encode(bytes: &[u8], also: &[u8], into: &mut String) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte) || also.contains(&byte) {
            into.push(char::from(byte));
        } else {
            write!(into, "%{byte:02X}").expect("a string takes everything");
        }
    }
}

#[cfg(test)]
mod tests {
    use tower_lsp::ls_types::Uri;

    use super::*;

    /// All these are the same, which is a valid URI.
    #[track_caller]
    fn check(expected: &str, spellings: &[&str]) {
        assert!(expected.parse::<Uri>().is_ok(), "{expected}");
        for spelling in [expected].iter().chain(spellings) {
            assert_eq!(canonical(spelling), expected, "{spelling}");
        }
    }

    #[test]
    fn what_should_be_escaped_may_be_sent_as_it_is() {
        check(
            "file:///p/%5Bslug%5D.tsx",
            &[
                "file:///p/[slug].tsx",
                "file:///p/%5bslug%5d.tsx",
                "file:///p/[slug%5D.tsx",
            ],
        );
        check(
            "file:///p/%5E%7C%60%7B%7D%22%20%3C%3E.c",
            &["file:///p/^|`{}\" <>.c", "file:///p/^%7c`{%7D\"%20<>.c"],
        );
        check(
            "file:///gr%C3%B6%C3%9Fe/%E6%BC%A2",
            &["file:///größe/漢", "file:///gr%c3%b6ße/漢"],
        );
        check("file:///p/100%25.py", &["file:///p/100%.py"]);
        check("file:///p/%25zz%254", &["file:///p/%zz%4"]);
        check("file:///p/a%23b%3Fc", &["file:///p/a#b?c"]);
        check("file:///p/a%09%0A%00", &["file:///p/a\t\n\0"]);
        check("untitled:Untitled%201", &["untitled:Untitled 1"]);
    }

    #[test]
    fn what_is_equal_after_decoding_is_one() {
        check(
            "file:///p/~a-b_c.d",
            &[
                "file:///p/%7Ea%2Db%5fc%2Ed",
                "FILE:///p/~a-b_c.d",
                "file://localhost/p/~a-b_c.d",
            ],
        );
        check(
            "file:///p/a",
            &["file:/p/a", "/p/a", "file:///p%2Fa", "file://LOCALHOST/p/a"],
        );
        check(
            "file:///p/(a)+@,=$&'!;*",
            &["file:///p/%28a%29%2B%40%2C%3D%24%26%27%21%3B%2A"],
        );
        let windows = [
            "file:///c%3A/p",
            "file:///C:/p",
            "file:///C%3a/p",
            "C:\\p",
            "c:/p",
            "file://c:/p",
            "file:///c|/p",
            "file:///C:\\p",
        ];
        check("file:///c:/p", &windows);
        check("file://server/share/a%20b", &["file://SERVER/share/a b"]);
        check(
            "vscode-remote://wsl+ubuntu/p/a",
            &["vscode-remote://wsl%2BUbuntu/p/%61"],
        );
        check(
            "vscode-notebook-cell:/p/a.ipynb#W0%23",
            &["vscode-notebook-cell:/p/a.ipynb#W0#"],
        );
        check("git:/p/a.py?%7B%22ref%22:%22~%22%7D", &["git:/p/a.py?{\"ref\":\"~\"}"]);
    }

    #[test]
    fn every_name_is_a_uri() {
        check("name:", &[""]);
        check("name:a.py", &["a.py"]);
        check("name:%F0%9F%98%80", &["😀"]);
        for odd in [
            "%",
            "file:",
            "file:/",
            "file://",
            "file://h",
            "://",
            ":",
            "xy://[::1]:99999/p",
            "xy://a@b:c/ü",
            "a b:c",
            "file:////p",
            "xy:////p",
            "xy:/%2Fp",
            "xy:?",
            "xy://#",
        ] {
            let name = canonical(odd);
            assert!(name.parse::<Uri>().is_ok(), "{odd}: {name}");
            assert_eq!(canonical(&name), name, "{odd}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_called_what_its_bytes_say() {
        use std::os::unix::ffi::OsStrExt;
        let path = |uri: &str| file_path(&canonical(uri)).map(|path| path.as_os_str().as_bytes().to_vec());
        let check = |uri: &str, expected: &[u8]| assert_eq!(path(uri).as_deref(), Some(expected), "{uri}");
        check("file:///p/%FF%fe.py", b"/p/\xff\xfe.py");
        check("file:///p/[ö]%20#1", "/p/[ö] #1".as_bytes());
        check("file:///p/%255B", b"/p/%5B");
        check("/p/a", b"/p/a");
        check("file://", b"/");
        assert_eq!(path("untitled:a"), None);
        assert_eq!(path("a.py"), None);
    }
}
