//! Where a hub or a registry is, and where a server may send a request on to.
//!
//! Pure.

use url::{Host, Url};

use crate::error::HubError;

/// The address of a hub or registry: https, or http on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    /// Takes the address that the environment variable `variable` holds, else `default`.
    pub fn from_environment(variable: &str, default: &str) -> Result<Self, HubError> {
        let set = std::env::var_os(variable).filter(|address| !address.is_empty());
        match set {
            Some(address) => Self::new(&address.to_string_lossy(), variable),
            None => Self::new(default, variable),
        }
    }

    fn new(address: &str, variable: &str) -> Result<Self, HubError> {
        let refuse = |what: &str| {
            HubError::new(format!(
                "{variable}: {what}; set it to an address such as https://huggingface.co, or unset it"
            ))
        };
        let url = Url::parse(address.trim()).map_err(|_| refuse("this is no address of a server"))?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("the address has more than scheme, host, port and path"));
        }
        match url.scheme() {
            "https" if url.has_host() => Ok(Self(url)),
            "http" if is_this_machine(&url) => Ok(Self(url)),
            "http" => Err(refuse("http is taken only for a server on this machine, use https")),
            _ => Err(refuse("this is no address of a server")),
        }
    }

    /// The address itself.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// An address below it. The parts are encoded; each slash in one is, too.
    pub(crate) fn below<'a>(&self, parts: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Where an answer of `from` sends on to. Never from https to another scheme.
pub(crate) fn redirected(from: &Url, location: &str) -> Result<Url, HubError> {
    let host = shown(from);
    let to = from
        .join(location)
        .map_err(|_| HubError::new(format!("{host} sent on to what is no address; try again later")))?;
    match (from.scheme(), to.scheme()) {
        ("https", "https") | ("http", "https" | "http") => Ok(to),
        ("https", "http") => Err(HubError::new(format!(
            "{host} sent on from https to http ({}), which is refused; check HF_ENDPOINT and the proxy",
            shown(&to)
        ))),
        _ => Err(HubError::new(format!(
            "{host} sent on to what is no web address, which is refused; check HF_ENDPOINT"
        ))),
    }
}

/// The host of an address, as messages name it; the rest may be secret, such as a signature.
pub(crate) fn shown(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(address: &str, expected: Result<&str, &str>) {
        match (Endpoint::new(address, "HF_ENDPOINT"), expected) {
            (Ok(endpoint), Ok(url)) => assert_eq!(endpoint.below(["a b", "c/d"]).as_str(), url),
            (Err(error), Err(word)) => {
                let message = error.to_string();
                assert!(message.contains(word) && message.contains("HF_ENDPOINT"), "{message}");
            }
            (found, _) => panic!("{address}: {found:?}"),
        }
    }

    #[test]
    fn an_endpoint_is_https_or_on_this_machine() {
        check("https://hub.example", Ok("https://hub.example/a%20b/c%2Fd"));
        check(
            "https://hub.example/mirror/",
            Ok("https://hub.example/mirror/a%20b/c%2Fd"),
        );
        check("http://127.0.0.1:80", Ok("http://127.0.0.1/a%20b/c%2Fd"));
        check("http://localhost:81/", Ok("http://localhost:81/a%20b/c%2Fd"));
        check("http://[::1]:81", Ok("http://[::1]:81/a%20b/c%2Fd"));
        check("http://hub.example", Err("use https"));
        check("http://localhost.example", Err("use https"));
        check("https://user:word@hub.example", Err("more than"));
        check("ftp://hub.example", Err("no address"));
        check("hub.example", Err("no address"));
    }

    #[track_caller]
    fn check_redirect(from: &str, location: &str, expected: Option<&str>) {
        let found = redirected(&Url::parse(from).unwrap(), location);
        assert_eq!(found.ok().as_ref().map(Url::as_str), expected, "{from} {location}");
    }

    #[test]
    fn no_redirect_leaves_https() {
        check_redirect("https://a.example/b/c", "/d", Some("https://a.example/d"));
        check_redirect("https://a.example/b/c", "//b.example/d", Some("https://b.example/d"));
        check_redirect("https://a.example/", "https://b.example/", Some("https://b.example/"));
        check_redirect("https://a.example/", "http://a.example/", None);
        check_redirect("https://a.example/", "file:///etc/passwd", None);
        check_redirect("http://a.example/", "file:///etc/passwd", None);
        check_redirect("http://a.example/", "https://b.example/", Some("https://b.example/"));
        check_redirect("http://a.example/", "http://b.example/", Some("http://b.example/"));
    }
}
