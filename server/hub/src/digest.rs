//! Digests by which files are known.
//!
//! Pure.

use sha2::Digest as _;

use crate::names::is_hex;

/// What a file's bytes have to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Digest {
    /// The SHA-256 of the bytes, as 64 hexadecimal digits.
    Sha256(String),
    /// The SHA-1 of the bytes as git hashes a blob, as 40 hexadecimal digits.
    GitSha1(String),
}

impl Digest {
    /// What the hub's name of a blob is: a SHA-256 for large files, git's SHA-1 for small ones; none for any other name.
    pub fn of_blob(name: &str) -> Option<Self> {
        match name.len() {
            64 if is_hex(name) => Some(Self::Sha256(name.to_owned())),
            40 if is_hex(name) => Some(Self::GitSha1(name.to_owned())),
            _ => None,
        }
    }
}

/// Bytes that are hashed as they come.
pub(crate) struct Hasher {
    sha256: sha2::Sha256,
    /// Where that is asked for.
    git: Option<sha1::Sha1>,
}

impl Hasher {
    pub(crate) fn new(expected: Option<&Digest>, bytes: u64) -> Self {
        let git = matches!(expected, Some(Digest::GitSha1(_))).then(|| {
            let mut git = sha1::Sha1::new();
            git.update(format!("blob {bytes}\0"));
            git
        });
        Self {
            sha256: sha2::Sha256::new(),
            git,
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(git) = &mut self.git {
            git.update(bytes);
        }
    }

    /// The SHA-256, and whether what is expected came out.
    pub(crate) fn finish(self, expected: Option<&Digest>) -> (String, bool) {
        let sha256 = format!("{:x}", self.sha256.finalize());
        let is_right = match expected {
            Some(Digest::Sha256(expected)) => *expected == sha256,
            Some(Digest::GitSha1(expected)) => self.git.is_some_and(|git| format!("{:x}", git.finalize()) == *expected),
            None => true,
        };
        (sha256, is_right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_tools() {
        // `printf 'hello\n' | sha256sum`, and `git hash-object --stdin`.
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        let git = "ce013625030ba8dba906f756967f9e9ca394464a";
        for (name, right) in [
            (sha256, true),
            (git, true),
            (&sha256.replace('5', "6"), false),
            (&git.replace('c', "d"), false),
        ] {
            let expected = Digest::of_blob(name);
            assert!(expected.is_some(), "{name}");
            let mut hasher = Hasher::new(expected.as_ref(), 6);
            hasher.update(b"hel");
            hasher.update(b"lo\n");
            assert_eq!(hasher.finish(expected.as_ref()), (sha256.to_owned(), right), "{name}");
        }
        assert_eq!(Digest::of_blob("abc"), None);
        assert_eq!(Digest::of_blob(&"G".repeat(64)), None);
    }
}
