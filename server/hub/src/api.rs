//! Hugging Face's hub: what a repository has, and where a file of it is.
//!
//! It must not know where files are kept.

use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::client::{WebAnswer, WebClient, WebRequest};
use crate::digest::Digest;
use crate::endpoint::{Endpoint, shown};
use crate::error::{HubError, Trouble};
use crate::names::{FileName, RepositoryName, Revision, is_commit, is_word};
use crate::refusal::refused;
use crate::token::HubToken;

/// The longest page of a listing, and the most pages.
const MOST_LISTED: u64 = 8 << 20;
const MOST_PAGES: usize = 20;
/// Questions are asked so often, where the hub is busy.
const TRIES: u32 = 4;

/// The hub, as this user sees it.
pub struct Hub<'a> {
    /// What asks it.
    pub client: &'a WebClient,
    /// Where it is.
    pub endpoint: &'a Endpoint,
    /// What the user may see.
    pub token: Option<&'a HubToken>,
}

/// A file in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFile {
    /// Its path.
    pub name: FileName,
    /// How long it is.
    pub bytes: u64,
}

/// A file that the hub has, and how it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundFile {
    /// Its path.
    pub name: FileName,
    /// Where it is read from.
    pub url: Url,
    /// The commit that it is of.
    pub commit: String,
    /// The hub's name of its content.
    pub etag: String,
    /// How long it is.
    pub bytes: u64,
    /// What its bytes have to give, where the name of its content says so.
    pub digest: Option<Digest>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    size: Option<u64>,
}

impl Hub<'_> {
    /// The files of a repository.
    pub fn list(&self, repository: &RepositoryName, revision: &Revision) -> Result<Vec<ListedFile>, HubError> {
        let (organisation, name) = parts(repository);
        let mut url = self
            .endpoint
            .below(["api", "models", organisation, name, "tree", revision.as_str()]);
        url.set_query(Some("recursive=true"));
        let mut files = Vec::new();
        for _ in 0..MOST_PAGES {
            let answer = self.asked(|| {
                self.client.ask(WebRequest {
                    url: &url,
                    token: self.token,
                    head: false,
                    range: None,
                    accept: Some("application/json"),
                })
            })?;
            if answer.status != 200 {
                return Err(self.refused(&answer, repository));
            }
            let next = answer.header("Link").and_then(next_page).map(|next| url.join(next));
            let odd = || {
                HubError::new(format!(
                    "{}: the answer is no list of files; check HF_ENDPOINT and the proxy",
                    shown(self.endpoint.url())
                ))
            };
            let page = answer.into_bytes(MOST_LISTED)?;
            let page: Vec<Entry> = serde_json::from_slice(&page).map_err(|_| odd())?;
            for entry in page.into_iter().filter(|entry| entry.kind == "file") {
                let name = FileName::new(&entry.path)?;
                let bytes = entry.size.ok_or_else(odd)?;
                files.push(ListedFile { name, bytes });
            }
            match next {
                Some(Ok(next)) if next.origin() == url.origin() => url = next,
                Some(_) => return Err(odd()),
                None => break,
            }
        }
        Ok(files)
    }

    /// Finds a file of a repository.
    pub fn find(
        &self,
        repository: &RepositoryName,
        revision: &Revision,
        name: &FileName,
    ) -> Result<FoundFile, HubError> {
        let (organisation, own) = parts(repository);
        let place = [organisation, own, "resolve", revision.as_str()];
        let url = self.endpoint.below(place.into_iter().chain(name.parts()));
        let mut asked = url.clone();
        // What is known of the file is said by the hub, before it sends on to where the bytes are.
        let mut answer = None;
        for _ in 0..5 {
            let next = self.asked(|| {
                self.client.ask_once(WebRequest {
                    url: &asked,
                    token: self.token,
                    head: true,
                    range: None,
                    accept: None,
                })
            })?;
            let on = next.redirect()?;
            let says_all = next.header("X-Linked-Etag").is_some();
            answer = Some(next);
            match on {
                Some(to) if !says_all && to.origin() == asked.origin() => asked = to,
                _ => break,
            }
        }
        let answer = answer.ok_or_else(|| HubError::new("the hub was not asked"))?;
        if !matches!(answer.status, 200 | 301..=308) {
            return Err(self.refused(&answer, repository));
        }
        self.described(&answer, revision, name, url).ok_or_else(|| {
            HubError::new(format!(
                "{}: the answer for {name} does not say what file it is{}; check HF_ENDPOINT and the proxy",
                shown(self.endpoint.url()),
                if answer.is_html() { " (it is a web page)" } else { "" }
            ))
        })
    }

    fn described(&self, answer: &WebAnswer, revision: &Revision, name: &FileName, url: Url) -> Option<FoundFile> {
        let linked = answer.header("X-Linked-Etag");
        let etag = linked.or_else(|| answer.header("ETag"))?;
        let etag = etag.trim().trim_start_matches("W/").trim_matches('"').to_owned();
        let said = answer.header("X-Repo-Commit").filter(|commit| is_commit(commit));
        let commit = match said {
            Some(commit) => commit.to_owned(),
            None if revision.is_commit() => revision.as_str().to_owned(),
            None => return None,
        };
        let bytes = match answer.header("X-Linked-Size") {
            Some(size) => size.trim().parse().ok()?,
            None if linked.is_none() && answer.status == 200 => answer.content_length()?,
            None => return None,
        };
        is_word(&etag).then(|| FoundFile {
            name: name.clone(),
            url,
            commit,
            digest: Digest::of_blob(&etag),
            etag,
            bytes,
        })
    }

    fn refused(&self, answer: &WebAnswer, repository: &RepositoryName) -> HubError {
        refused(answer, repository, self.endpoint.url().as_str(), self.token.is_some())
    }

    fn asked(&self, ask: impl Fn() -> Result<WebAnswer, Trouble>) -> Result<WebAnswer, HubError> {
        patiently(ask, "HF_ENDPOINT names a mirror")
    }
}

/// Asks again where a server is busy. What cannot be reached at all is not asked again.
pub(crate) fn patiently(ask: impl Fn() -> Result<WebAnswer, Trouble>, mirror: &str) -> Result<WebAnswer, HubError> {
    let mut tried = 0;
    loop {
        tried += 1;
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(Trouble::Lasting(error)) => return Err(error),
            Err(Trouble::Cut(message)) => {
                return Err(HubError::new(format!(
                    "{message}; check the network (HTTPS_PROXY names a proxy, {mirror}), or use a model that is on this machine"
                )));
            }
            Err(Trouble::Busy(message, _)) if tried == TRIES => {
                return Err(HubError::new(format!("{message}; try again later")));
            }
            Err(Trouble::Busy(_, wait)) => std::thread::sleep(wait.unwrap_or(Duration::from_millis(250 << tried))),
        }
    }
}

/// The address in a `Link` header that is marked as the next one.
fn next_page(link: &str) -> Option<&str> {
    link.split(',').find_map(|part| {
        let (address, kind) = part.split_once(';')?;
        let address = address.trim().strip_prefix('<')?.strip_suffix('>')?;
        kind.contains("rel=\"next\"").then_some(address)
    })
}

fn parts(repository: &RepositoryName) -> (&str, &str) {
    repository.as_str().split_once('/').unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found() {
        assert_eq!(next_page("<https://a/b?c=1>; rel=\"next\""), Some("https://a/b?c=1"));
        assert_eq!(next_page("<https://a>; rel=\"first\", </n>; rel=\"next\""), Some("/n"));
        assert_eq!(next_page("<https://a>; rel=\"prev\""), None);
        assert_eq!(next_page(""), None);
    }
}
