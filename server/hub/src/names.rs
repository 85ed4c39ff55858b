//! Names that users, hubs and registries give, checked before they become part of a path or an address.
//!
//! Pure.

use std::fmt;

use crate::error::HubError;

/// `ORG/REPO` on the hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryName(String);

/// The path of a file in a repository: relative, with `/` between its parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileName(String);

/// A branch, tag or commit of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision(String);

impl RepositoryName {
    /// Checks a name.
    pub fn new(name: &str) -> Result<Self, HubError> {
        let parts: Vec<&str> = name.split('/').collect();
        match parts.as_slice() {
            [organisation, repository] if is_word(organisation) && is_word(repository) => Ok(Self(name.to_owned())),
            _ => Err(HubError::new(format!(
                "{}: a repository of the hub is ORG/REPO, such as google/codegemma-2b-GGUF",
                name.escape_debug()
            ))),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FileName {
    /// Checks a name.
    pub fn new(name: &str) -> Result<Self, HubError> {
        let is_part = |part: &str| {
            !matches!(part, "" | "." | "..")
                && part.len() <= 200
                && !part.starts_with(' ')
                && !part.ends_with([' ', '.'])
                && !part.contains(|c: char| c.is_control() || "\\:*?\"<>|".contains(c))
        };
        match name.len() <= 500 && name.split('/').all(is_part) {
            true => Ok(Self(name.to_owned())),
            false => Err(HubError::new(format!(
                "{}: this is no name of a file in a repository, and is refused",
                name.escape_debug()
            ))),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its parts.
    pub fn parts(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

impl Revision {
    /// Checks a name.
    pub fn new(name: &str) -> Result<Self, HubError> {
        match name.len() <= 200 && name.split('/').all(is_word) {
            true => Ok(Self(name.to_owned())),
            false => Err(HubError::new(format!(
                "{}: this is no revision; it is a branch, a tag or a commit, such as main",
                name.escape_debug()
            ))),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names a commit itself.
    pub(crate) fn is_commit(&self) -> bool {
        is_commit(&self.0)
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A part of a name that is safe in every path and address.
pub(crate) fn is_word(word: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !word.is_empty()
        && word.len() <= 128
        && word.chars().all(is_plain)
        && !word.starts_with(['.', '-'])
        && !word.ends_with('.')
        && !word.contains("..")
}

pub(crate) fn is_commit(text: &str) -> bool {
    text.len() == 40 && is_hex(text)
}

pub(crate) fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_have_two_plain_parts() {
        for name in ["google/codegemma-2b", "a/b.c_d-e", "A1/B"] {
            assert!(RepositoryName::new(name).is_ok(), "{name}");
        }
        for name in [
            "a", "a/b/c", "../b", "a/..", "a/b..c", "/b", "a/", "a/b c", "a/ä", "a/-b", "a\\b/c", "a/b\n", "a/.git",
        ] {
            let error = RepositoryName::new(name).unwrap_err().to_string();
            assert!(!error.contains('\n'), "{name}: {error}");
        }
    }

    #[test]
    fn files_stay_in_their_folder() {
        for name in [
            "a.gguf",
            "sub/a b.gguf",
            "a-00001-of-00002.gguf",
            ".gitattributes",
            "ä.gguf",
        ] {
            assert!(FileName::new(name).is_ok(), "{name}");
        }
        for name in [
            "", "..", "../a", "a/../b", "a/..", "/a", "//a", "a//b", "a/", ".", "./a", "a\\..\\b", "C:a", "C:/a",
            "a\0", "a\nb", "a ", "a.", "\u{85}a",
        ] {
            let error = FileName::new(name).unwrap_err().to_string();
            assert!(!error.contains('\n'), "{name}: {error}");
        }
        assert!(FileName::new(&"a".repeat(201)).is_err());
    }

    #[test]
    fn revisions_stay_in_theirs() {
        for name in ["main", "v1.0", "refs/pr/1", "4c371c2e831eebf3de95e32c841c8b38d4d9502e"] {
            assert!(Revision::new(name).is_ok(), "{name}");
        }
        for name in ["", "..", "a/../b", "/a", "a b", "a?b", "a#b", "-a"] {
            assert!(Revision::new(name).is_err(), "{name}");
        }
    }
}
