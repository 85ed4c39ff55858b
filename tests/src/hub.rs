//! A server that behaves as Hugging Face's hub and as Ollama's registry do, and as badly as a test wants.
//!
//! The bytes of large files are on another host, to which the hub sends on, as in the world.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rcgen::CertifiedKey;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest, Sha256};

mod answers;

/// The commit that every repository is at.
pub const COMMIT: &str = "4c371c2e831eebf3de95e32c841c8b38d4d9502e";

/// What the server does that it should not, or not at once.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Only who has this token may see anything.
    pub token: Option<String>,
    /// Whether the account of the token has not accepted the terms.
    pub is_gated: bool,
    /// How the next requests for bytes are answered instead: a status and a header.
    pub answers: VecDeque<(u16, &'static str)>,
    /// The next answers with bytes break off after so many.
    pub cuts: VecDeque<usize>,
    /// The whole file comes, whatever part is asked for.
    pub ignores_ranges: bool,
    /// A web page comes instead of the file.
    pub is_page: bool,
    /// Another part comes than the one asked for.
    pub shifts_ranges: bool,
    /// What is said of the length.
    pub announced: Option<u64>,
    /// The bytes are not those that were announced.
    pub is_damaged: bool,
    /// Where the hub sends on to instead.
    pub location: Option<String>,
    /// A pause after every 64 KiB.
    pub pause: Option<Duration>,
}

/// A request that came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Whether the hub was asked, and not the host that has the bytes.
    pub of_hub: bool,
    /// Method and path.
    pub what: String,
    /// The `Authorization` that it had.
    pub authorization: Option<String>,
}

#[derive(Default)]
struct Shared {
    /// The bytes by path in the repository or by name of the model.
    files: Mutex<HashMap<String, Arc<Vec<u8>>>>,
    faults: Mutex<Faults>,
    asked: Mutex<Vec<Asked>>,
    served: Mutex<u64>,
    bytes_host: Mutex<String>,
}

/// The server.
pub struct FakeHub {
    shared: Arc<Shared>,
    address: String,
}

impl FakeHub {
    /// A server with these files: `ORG/REPO/PATH`, or `NAME:TAG` for Ollama's registry.
    pub fn new(files: &[(&str, Vec<u8>)]) -> Self {
        Self::with(files, None)
    }

    /// One that is spoken to by https. Its certificate, which nobody knows, is written into `certificate`.
    pub fn secure(files: &[(&str, Vec<u8>)], certificate: &Path) -> Self {
        let CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        std::fs::write(certificate, cert.pem()).expect("it can be written");
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_no_client_auth()
                    .with_single_cert(vec![cert.der().clone()], key)
            });
        Self::with(files, Some(Arc::new(config.expect("the certificate is good"))))
    }

    fn with(files: &[(&str, Vec<u8>)], tls: Option<Arc<ServerConfig>>) -> Self {
        let shared = Arc::new(Shared::default());
        for (name, bytes) in files {
            shared
                .files
                .lock()
                .unwrap()
                .insert((*name).to_owned(), Arc::new(bytes.clone()));
        }
        let (scheme, host) = match tls {
            Some(_) => ("https", "localhost"),
            None => ("http", "127.0.0.1"),
        };
        let hub = listen(&shared, true, tls.clone());
        let bytes_host = listen(&shared, false, tls);
        *shared.bytes_host.lock().unwrap() = format!("{scheme}://localhost:{bytes_host}");
        Self {
            shared,
            address: format!("{scheme}://{host}:{hub}"),
        }
    }

    /// Where it is.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it does wrong from now on.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.shared.faults.lock().unwrap()
    }

    /// What it was asked for so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// How many bytes of files it has sent.
    pub fn served(&self) -> u64 {
        *self.shared.served.lock().unwrap()
    }
}

/// The SHA-256 of some bytes, in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// What is spoken over.
trait Connection: Read + Write {}

impl<T: Read + Write> Connection for T {}

fn listen(shared: &Arc<Shared>, is_hub: bool, tls: Option<Arc<ServerConfig>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let shared = Arc::clone(shared);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (shared, tls) = (Arc::clone(&shared), tls.clone());
            std::thread::spawn(move || {
                let mut stream: Box<dyn Connection> = match tls {
                    Some(config) => Box::new(StreamOwned::new(
                        ServerConnection::new(config).expect("it is set up"),
                        stream,
                    )),
                    None => Box::new(stream),
                };
                // A client that goes away is no fault of the server's.
                while answer(&shared, &mut *stream, is_hub).unwrap_or(false) {}
            });
        }
    });
    port
}

struct Request {
    method: String,
    path: String,
    headers: HashMap<String, String>,
}

fn request(stream: &mut dyn Connection) -> io::Result<Option<Request>> {
    let mut reader = BufReader::with_capacity(1, stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.by_ref().take(10_000).read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let mut first = lines.first().map(String::as_str).unwrap_or_default().split(' ');
    let headers = lines.iter().skip(1).filter_map(|line| line.split_once(": "));
    Ok(Some(Request {
        method: first.next().unwrap_or_default().to_owned(),
        path: first.next().unwrap_or_default().to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
    }))
}

/// Answers one request. Says whether another may follow.
fn answer(shared: &Shared, stream: &mut dyn Connection, is_hub: bool) -> io::Result<bool> {
    let Some(request) = request(stream)? else {
        return Ok(false);
    };
    shared.asked.lock().unwrap().push(Asked {
        of_hub: is_hub,
        what: format!("{} {}", request.method, request.path),
        authorization: request.headers.get("authorization").cloned(),
    });
    let faults = shared.faults.lock().unwrap().clone();
    let is_head = request.method == "HEAD";
    let reply = match is_hub {
        true => answers::hub(shared, &faults, &request),
        false => return bytes(shared, &faults, &request, stream),
    };
    send(stream, reply.status, &reply.headers, &reply.body, is_head)?;
    Ok(true)
}

/// The host that has the bytes.
fn bytes(shared: &Shared, faults: &Faults, request: &Request, stream: &mut dyn Connection) -> io::Result<bool> {
    let name = request
        .path
        .split('?')
        .next()
        .unwrap_or_default()
        .trim_start_matches("/bytes/");
    let Some(whole) = shared.files.lock().unwrap().get(name).cloned() else {
        send(stream, 404, &[], b"", false)?;
        return Ok(true);
    };
    if let Some((status, header)) = shared.faults.lock().unwrap().answers.pop_front() {
        let header = header.split_once(": ").unwrap_or(("X-None", ""));
        send(stream, status, &[(header.0, header.1.to_owned())], b"", false)?;
        return Ok(true);
    }
    if faults.is_page {
        send(
            stream,
            200,
            &[("Content-Type", "text/html; charset=utf-8".to_owned())],
            b"<html>",
            false,
        )?;
        return Ok(true);
    }
    let mut whole = whole;
    if faults.is_damaged {
        let mut damaged = whole.to_vec();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        whole = Arc::new(damaged);
    }
    let range = request
        .headers
        .get("range")
        .filter(|_| !faults.ignores_ranges)
        .and_then(|range| {
            let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
            Some((first.parse::<usize>().ok()?, last.parse::<usize>().ok()?))
        });
    let mut headers = Vec::new();
    let (status, part) = match range {
        Some((first, _)) if first >= whole.len() => (416, &whole[..0]),
        Some((first, last)) => {
            let last = last.min(whole.len() - 1);
            let shift = usize::from(faults.shifts_ranges);
            headers.push((
                "Content-Range",
                format!("bytes {}-{}/{}", first + shift, last + shift, whole.len()),
            ));
            (206, &whole[first..=last])
        }
        None => (200, whole.as_slice()),
    };
    headers.push(("Content-Length", part.len().to_string()));
    head(stream, status, &headers)?;
    let cut = shared.faults.lock().unwrap().cuts.pop_front();
    let sent = &part[..cut.unwrap_or(part.len()).min(part.len())];
    for piece in sent.chunks(64 << 10) {
        stream.write_all(piece)?;
        *shared.served.lock().unwrap() += piece.len() as u64;
        if let Some(pause) = faults.pause {
            std::thread::sleep(pause);
        }
    }
    // The connection ends where the answer breaks off.
    Ok(sent.len() == part.len())
}

fn head(stream: &mut dyn Connection, status: u16, headers: &[(&str, String)]) -> io::Result<()> {
    let mut text = format!("HTTP/1.1 {status} Such\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    stream.write_all(text.as_bytes())
}

fn send(
    stream: &mut dyn Connection,
    status: u16,
    headers: &[(&str, String)],
    body: &[u8],
    is_head: bool,
) -> io::Result<()> {
    let mut headers = headers.to_vec();
    headers.push(("Content-Length", body.len().to_string()));
    head(stream, status, &headers)?;
    if !is_head {
        stream.write_all(body)?;
    }
    Ok(())
}
