//! What it means when the hub does not give what is asked for.
//!
//! Pure, but for the answer's headers.

use crate::client::WebAnswer;
use crate::endpoint::shown;
use crate::error::HubError;
use crate::names::RepositoryName;

/// The error for an answer that is no success.
pub(crate) fn refused(answer: &WebAnswer, repository: &RepositoryName, hub: &str, has_token: bool) -> HubError {
    let code = answer.header("X-Error-Code").unwrap_or_default();
    HubError(
        said(answer.status, code, repository, hub, has_token).unwrap_or_else(|| {
            format!(
                "{}: the answer was {} for {repository}; try again later",
                shown(&answer.url),
                answer.status
            )
        }),
    )
}

fn said(status: u16, code: &str, repository: &RepositoryName, hub: &str, has_token: bool) -> Option<String> {
    let hub = hub.trim_end_matches('/');
    let token = "make a token at https://huggingface.co/settings/tokens and set HF_TOKEN to it";
    let message = match (code, status) {
        ("GatedRepo", _) | ("", 403) if has_token => format!(
            "{repository} is gated: accept its terms at {hub}/{repository} with the account of your token, then pull again"
        ),
        ("GatedRepo", _) => {
            format!("{repository} is gated: accept its terms at {hub}/{repository}, {token}, then pull again")
        }
        ("RevisionNotFound", _) => {
            format!("{repository} has no such revision; leave out @REVISION, or see {hub}/{repository}")
        }
        ("EntryNotFound", _) => {
            format!("{repository} has no such file; {hub}/{repository}/tree/main lists what it has")
        }
        ("RepoNotFound", _) | (_, 401) if has_token => {
            format!(
                "{repository}: there is no such repository, or your token may not see it; check the name and the token"
            )
        }
        ("RepoNotFound", _) | (_, 401) => {
            format!(
                "{repository}: there is no such repository, or it is private; check the name; if it is private, {token}"
            )
        }
        (_, 403) => format!(
            "{repository}: the hub does not allow this; check the token at https://huggingface.co/settings/tokens"
        ),
        (_, 404) => format!("{repository}: the hub has no such file or repository; check the name at {hub}"),
        _ => return None,
    };
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, code: &str, has_token: bool, words: &[&str]) {
        let repository = RepositoryName::new("a/b").unwrap();
        let message = said(status, code, &repository, "https://hub.example/", has_token).unwrap_or_default();
        for word in words {
            assert!(message.contains(word), "no {word:?} in {message:?}");
        }
        assert!(
            words.is_empty() == message.is_empty() && !message.contains('\n'),
            "{message}"
        );
    }

    #[test]
    fn refusals_say_what_to_do() {
        check(
            401,
            "GatedRepo",
            false,
            &["https://hub.example/a/b", "accept", "HF_TOKEN"],
        );
        check(
            403,
            "GatedRepo",
            true,
            &["https://hub.example/a/b", "accept", "account"],
        );
        check(401, "RepoNotFound", false, &["private", "HF_TOKEN"]);
        check(401, "", false, &["private"]);
        check(401, "", true, &["token"]);
        check(403, "", false, &["not allow"]);
        check(404, "RepoNotFound", true, &["no such repository"]);
        check(404, "EntryNotFound", true, &["no such file"]);
        check(404, "RevisionNotFound", true, &["no such revision"]);
        check(404, "", false, &["check the name"]);
        check(418, "", false, &[]);
    }
}
