//! HTTP: one request and its answer. Redirects are followed here, by our own rules.
//!
//! The environment names a proxy (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`) and certificates (`SSL_CERT_FILE`). It must not
//! know what is asked for.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ureq::http::HeaderMap;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, Body, Proxy};
use url::Url;

use crate::endpoint::{redirected, shown};
use crate::error::{HubError, Trouble};
use crate::token::HubToken;

const CONNECT: Duration = Duration::from_secs(30);
/// How long a server may send nothing.
const STALL: Duration = Duration::from_secs(30);
const MOST_REDIRECTS: usize = 10;
/// The longest that a server may ask to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// What asks servers.
#[derive(Debug)]
pub struct WebClient {
    agent: Agent,
}

/// What a server is asked for.
#[derive(Clone, Copy)]
pub(crate) struct WebRequest<'a> {
    pub(crate) url: &'a Url,
    pub(crate) token: Option<&'a HubToken>,
    /// Only the headers.
    pub(crate) head: bool,
    /// The first and the last byte of what is wanted.
    pub(crate) range: Option<(u64, u64)>,
    pub(crate) accept: Option<&'a str>,
}

/// What it answers.
pub(crate) struct WebAnswer {
    pub(crate) status: u16,
    /// Who answers in the end.
    pub(crate) url: Url,
    headers: HeaderMap,
    body: Body,
}

impl WebClient {
    /// A client with what the environment says of proxies and certificates.
    pub fn new() -> Result<Self, HubError> {
        Self::with_stall(STALL)
    }

    fn with_stall(stall: Duration) -> Result<Self, HubError> {
        let found = rustls_native_certs::load_native_certs();
        let roots: Vec<Certificate<'static>> = found
            .certs
            .iter()
            .map(|certificate| Certificate::from_der(certificate).to_owned())
            .collect();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::new_with_certs(&roots))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .proxy(Proxy::try_from_env())
            .http_status_as_error(false)
            .max_redirects(0)
            .accept_encoding("identity")
            .user_agent(concat!("codegemma-lsp/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(CONNECT))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(stall))
            .timeout_per_read(Some(stall))
            .timeout_per_write(Some(stall))
            .input_buffer_size(256 << 10)
            .build();
        Ok(Self {
            agent: config.new_agent(),
        })
    }

    /// Asks, and follows where the answer sends on to.
    pub(crate) fn ask(&self, request: WebRequest<'_>) -> Result<WebAnswer, Trouble> {
        let mut url = request.url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.ask_once(WebRequest { url: &url, ..request })?;
            match answer.redirect()? {
                Some(next) => url = next,
                None => return Ok(answer),
            }
        }
        Err(Trouble::lasting(format!(
            "{} sends on in a circle; try again later, or check HF_ENDPOINT",
            shown(request.url)
        )))
    }

    /// Asks, and follows nothing.
    pub(crate) fn ask_once(&self, request: WebRequest<'_>) -> Result<WebAnswer, Trouble> {
        let WebRequest { url, head, .. } = request;
        let mut asked = match head {
            true => self.agent.head(url.as_str()),
            false => self.agent.get(url.as_str()),
        };
        if let Some(token) = request.token.and_then(|token| token.header(url)) {
            asked = asked.header("Authorization", token);
        }
        if let Some((first, last)) = request.range {
            asked = asked.header("Range", format!("bytes={first}-{last}"));
        }
        if let Some(accept) = request.accept {
            asked = asked.header("Accept", accept);
        }
        let response = asked.call().map_err(|error| trouble(url, &error))?;
        let (head, body) = response.into_parts();
        let answer = WebAnswer {
            status: head.status.as_u16(),
            url: url.clone(),
            headers: head.headers,
            body,
        };
        match answer.status {
            429 | 500..=599 => Err(answer.busy()),
            _ => Ok(answer),
        }
    }
}

impl WebAnswer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn content_length(&self) -> Option<u64> {
        self.header("Content-Length")?.trim().parse().ok()
    }

    /// Where it sends on to.
    pub(crate) fn redirect(&self) -> Result<Option<Url>, HubError> {
        if !matches!(self.status, 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let location = self
            .header("Location")
            .ok_or_else(|| HubError::new(format!("{} sends on to nowhere; try again later", shown(&self.url))))?;
        redirected(&self.url, location).map(Some)
    }

    pub(crate) fn is_html(&self) -> bool {
        let kind = self.header("Content-Type").unwrap_or_default();
        kind.trim_start().to_ascii_lowercase().starts_with("text/html")
    }

    pub(crate) fn into_reader(self) -> impl Read {
        self.body.into_with_config().limit(u64::MAX).reader()
    }

    /// The bytes, if there are at most `most`.
    pub(crate) fn into_bytes(self, most: u64) -> Result<Vec<u8>, Trouble> {
        let url = self.url.clone();
        let mut bytes = Vec::new();
        let read = self.into_reader().take(most + 1).read_to_end(&mut bytes);
        read.map_err(|error| Trouble::Cut(format!("{}: the answer broke off ({error}); try again", shown(&url))))?;
        match bytes.len() as u64 <= most {
            true => Ok(bytes),
            false => Err(Trouble::lasting(format!(
                "{}: the answer is longer than any such answer; check HF_ENDPOINT and the proxy",
                shown(&url)
            ))),
        }
    }

    fn busy(&self) -> Trouble {
        let host = shown(&self.url);
        let wait = self.header("Retry-After").and_then(|wait| wait.trim().parse().ok());
        match wait.map(Duration::from_secs) {
            Some(wait) if wait > LONGEST_WAIT => Trouble::lasting(format!(
                "{host} asks to come back in {} minutes; do that, or set HF_TOKEN, with which more is allowed",
                wait.as_secs().div_ceil(60)
            )),
            wait if self.status == 429 => Trouble::Busy(format!("{host} is asked too often (429)"), wait),
            wait => Trouble::Busy(format!("{host} has a fault of its own ({})", self.status), wait),
        }
    }
}

/// What a failed request means.
fn trouble(url: &Url, error: &ureq::Error) -> Trouble {
    use ureq::Error;
    let host = shown(url);
    let certificate = |what: &dyn std::fmt::Display| {
        Trouble::lasting(format!(
            "{host}: no safe connection ({what}); if a proxy or mirror has a certificate of its own, name it with SSL_CERT_FILE"
        ))
    };
    match error {
        Error::HostNotFound => Trouble::Cut(format!("{host}: there is no such host, or no network")),
        Error::ConnectionFailed => Trouble::Cut(format!("{host}: no connection")),
        Error::Timeout(_) => Trouble::Cut(format!("{host}: no answer for {} seconds", STALL.as_secs())),
        Error::Rustls(error) => certificate(error),
        Error::Tls(what) => certificate(what),
        Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => certificate(error),
        Error::Io(error) => Trouble::Cut(format!("{host}: {error}")),
        Error::ConnectProxyFailed(_) | Error::InvalidProxyUrl => Trouble::lasting(format!(
            "{host}: the proxy lets nothing through; check HTTPS_PROXY and NO_PROXY"
        )),
        other => Trouble::Cut(format!("{host}: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::time::Instant;

    use super::*;

    /// What becomes of a request to a server that sends this and then nothing.
    fn asked(sent: &'static str) -> Result<Vec<u8>, Trouble> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("http://{}/a", listener.local_addr().unwrap())).unwrap();
        let silent = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(sent.as_bytes()).unwrap();
            stream
        });
        let client = WebClient::with_stall(Duration::from_millis(300)).unwrap();
        let answer = client.ask(WebRequest {
            url: &url,
            token: None,
            head: false,
            range: None,
            accept: None,
        });
        let bytes = answer.and_then(|answer| answer.into_bytes(100));
        drop(silent.join());
        bytes
    }

    #[test]
    fn a_server_that_falls_silent_is_not_waited_for() {
        for sent in ["", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nbegun"] {
            let begun = Instant::now();
            assert!(matches!(asked(sent), Err(Trouble::Cut(_))), "{sent}");
            assert!(begun.elapsed() < Duration::from_secs(10), "{sent}");
        }
        let whole = asked("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbegun").unwrap();
        assert_eq!(whole, b"begun");
    }

    #[test]
    fn what_is_no_answer_or_too_long_a_one_is_refused() {
        for sent in [
            "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n",
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 302 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 429 OK\r\nRetry-After: 99999\r\nContent-Length: 0\r\n\r\n",
        ] {
            assert!(asked(sent).is_err(), "{sent}");
        }
    }
}
