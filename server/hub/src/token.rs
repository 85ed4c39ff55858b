//! The user's token for the hub, which is sent to the hub and told to nobody.
//!
//! It has no `Debug`, and no error quotes it.

use std::path::{Path, PathBuf};

use url::{Origin, Url};

use crate::error::HubError;

/// A longer one is none.
const MOST_BYTES: usize = 4096;

/// A token and whom it is for.
#[derive(Clone)]
pub struct HubToken {
    header: String,
    origin: Origin,
}

impl HubToken {
    /// The token of `HF_TOKEN`, else that of the file that `HF_TOKEN_PATH` names or that the hub's own tools write.
    pub fn find(hub: &Url, home: &Path) -> Result<Option<Self>, HubError> {
        let named = std::env::var_os("HF_TOKEN").filter(|token| !token.is_empty());
        if let Some(token) = named {
            let token = token.into_encoded_bytes();
            return Self::new(&token, "HF_TOKEN", hub);
        }
        let path = std::env::var_os("HF_TOKEN_PATH").filter(|path| !path.is_empty());
        let path = path.map_or_else(|| home.join("token"), PathBuf::from);
        let Ok(metadata) = path.metadata() else { return Ok(None) };
        let place = path.display().to_string();
        if !metadata.is_file() || metadata.len() > MOST_BYTES as u64 {
            return Err(HubError::new(format!(
                "{place}: this is no file with a token; write it anew, or set HF_TOKEN"
            )));
        }
        let bytes = std::fs::read(&path);
        let bytes = bytes.map_err(|error| {
            HubError::new(format!(
                "{place}: the token cannot be read ({error}); check its permissions, or set HF_TOKEN"
            ))
        })?;
        Self::new(&bytes, &place, hub)
    }

    /// Space around it does not count; a file ends with a line break.
    fn new(bytes: &[u8], place: &str, hub: &Url) -> Result<Option<Self>, HubError> {
        let bytes = bytes.trim_ascii();
        if bytes.is_empty() {
            return Ok(None);
        }
        if bytes.len() > MOST_BYTES || !bytes.iter().all(u8::is_ascii_graphic) {
            return Err(HubError::new(format!(
                "{place}: a token is one word of ASCII letters, digits and signs, without space or line break inside; copy it again from https://huggingface.co/settings/tokens"
            )));
        }
        Ok(Some(Self {
            header: format!("Bearer {}", String::from_utf8_lossy(bytes)),
            origin: hub.origin(),
        }))
    }

    /// The header for a request to `url`: none, where that is another scheme, host or port than the hub's.
    pub(crate) fn header(&self, url: &Url) -> Option<&str> {
        (url.origin() == self.origin).then_some(self.header.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub() -> Url {
        Url::parse("https://hub.example").unwrap()
    }

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<Option<&str>, &str>) {
        let found = HubToken::new(bytes, "HF_TOKEN", &hub());
        let header = found.map(|token| token.map(|token| token.header));
        match (header, expected) {
            (Ok(header), Ok(expected)) => assert_eq!(header.as_deref(), expected),
            (Err(error), Err(word)) => {
                let message = error.to_string();
                assert!(message.contains(word) && !message.contains("hf_"), "{message}");
                assert!(!message.contains('\n'), "{message}");
            }
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn a_token_is_one_word() {
        check(b"hf_abc", Ok(Some("Bearer hf_abc")));
        check(b" hf_abc\r\n", Ok(Some("Bearer hf_abc")));
        check(b" \n", Ok(None));
        check(b"hf_a\nX-Other: b", Err("line break"));
        check(b"hf_a\0", Err("HF_TOKEN"));
        check("hf_ä".as_bytes(), Err("ASCII"));
        check(&[b'a'; 5000], Err("one word"));
    }

    #[test]
    fn it_goes_to_the_hub_alone() {
        let token = HubToken::new(b"hf_abc", "HF_TOKEN", &hub()).unwrap().unwrap();
        let sent = |url: &str| token.header(&Url::parse(url).unwrap()).is_some();
        assert!(sent("https://hub.example/a/b") && sent("https://hub.example:443/"));
        for url in [
            "http://hub.example/",
            "https://hub.example:444/",
            "https://cdn.hub.example/",
            "https://hub.example.org/",
            "https://hub.example@other.example/",
        ] {
            assert!(!sent(url), "{url}");
        }
    }
}
