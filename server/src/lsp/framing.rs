//! A sieve before the protocol's own reader: it passes on well-formed messages only.
//!
//! tower-lsp stops reading for good at the first message that it cannot parse. Here such a message becomes a request
//! for [`MALFORMED`], which answers it with an error, and the next message is served. The sieve also sees first when
//! the client is gone. Messages are passed on in the shape that the protocol's types have ([`inbound`]). It must not know
//! what they mean, apart from their ids.

use std::io;

use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tower_lsp::jsonrpc::{Id, Request, Response};
use tower_lsp::ls_types::{
    DidChangeNotebookDocumentParams, DidChangeTextDocumentParams, DidCloseNotebookDocumentParams,
    DidCloseTextDocumentParams, DidOpenNotebookDocumentParams, DidOpenTextDocumentParams,
};

use super::inbound;
use crate::framing::frame;
use crate::process::panics::{fault, fenced};

/// The method that stands for a message that could not be understood. Its params are the error to answer.
pub(super) const MALFORMED: &str = "codegemma/malformed";

/// The notification that stands for a change that could not be understood. Its params are the document.
pub(super) const LOST: &str = "codegemma/lost";

/// A notification, for which tower-lsp answers whoever wants an answer.
const CANCEL: &str = "$/cancelRequest";

/// The last notification.
const EXIT: &str = "exit";

/// The longest message that is read into memory.
const MAX_BODY: u64 = 256 << 20;

/// The longest header line.
const MAX_LINE: u64 = 8 << 10;

const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;
const METHOD_NOT_FOUND: i64 = -32601;
const INTERNAL_ERROR: i64 = -32603;

/// One message as it comes in.
#[derive(Debug, PartialEq, Eq)]
enum Frame {
    Body(Vec<u8>),
    /// What was wrong with it; it has been skipped.
    Bad(String),
}

/// Passes on messages until the input ends, or until the client says that there are no more.
pub(super) async fn sieve(input: impl AsyncRead + Unpin, mut output: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut input = tokio::io::BufReader::new(input);
    while let Some(message) = read(&mut input).await? {
        let body = match message {
            Frame::Body(body) => check(body),
            Frame::Bad(what) => malformed(Value::Null, PARSE_ERROR, &what),
        };
        output.write_all(&frame(&body)).await?;
        output.flush().await?;
        if is_exit(&body) {
            break;
        }
    }
    Ok(())
}

fn is_exit(body: &[u8]) -> bool {
    // Few messages are so short that it is worth to read them once more.
    body.len() < 200 && serde_json::from_slice::<Request>(body).is_ok_and(|message| message.method() == EXIT)
}

/// Reads the next message; `None` at the end of the input. Lines that are no header are skipped.
async fn read(input: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Frame>> {
    let mut length = None;
    let mut rubbish = false;
    loop {
        let mut line = Vec::new();
        if (&mut *input).take(MAX_LINE).read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse::<u64>().ok();
                rubbish |= length.is_none();
            }
            Some((name, _)) if name.eq_ignore_ascii_case("content-type") => {}
            _ if !line.is_empty() => rubbish = true,
            _ => match length {
                Some(length) if length <= MAX_BODY => break read_body(input, length).await,
                Some(length) => {
                    tokio::io::copy(&mut input.take(length), &mut tokio::io::sink()).await?;
                    break Ok(Some(Frame::Bad(format!("the message is longer than {MAX_BODY} bytes"))));
                }
                None if rubbish => break Ok(Some(Frame::Bad("the header has no valid Content-Length".to_owned()))),
                None => {}
            },
        }
    }
}

/// The buffer grows with what arrives, not with what the header promises.
async fn read_body(input: &mut (impl AsyncBufRead + Unpin), length: u64) -> io::Result<Option<Frame>> {
    let mut body = Vec::new();
    input.take(length).read_to_end(&mut body).await?;
    Ok((body.len() as u64 == length).then_some(Frame::Body(body)))
}

/// Gives back the message if the protocol's reader will understand it, or else what stands for it.
fn check(mut body: Vec<u8>) -> Vec<u8> {
    match serde_json::from_slice::<Request>(&body) {
        // A response, or something like one: were it taken for a request, its id would be answered, and the client would
        // take that for the answer to a request of its own.
        Ok(request) if request.method().is_empty() => match serde_json::from_slice::<Response>(&body) {
            Ok(_) => body,
            Err(_) => {
                let message = serde_json::from_slice::<Value>(&body).unwrap_or_default();
                let meant_as_response = message.get("error").is_some() || message.get("result").is_some();
                let id = request.id().filter(|_| !meant_as_response);
                malformed(
                    json!(id),
                    INVALID_REQUEST,
                    "the message has no method and is no response",
                )
            }
        },
        // tower-lsp leaves these without an answer.
        Ok(request) if request.method().starts_with("$/") && request.method() != CANCEL => match request.id() {
            Some(id) => malformed(json!(id), METHOD_NOT_FOUND, "there is no request of this name"),
            None => body,
        },
        Ok(request) => {
            let (method, id, params) = request.into_parts();
            let mut params = params.unwrap_or_default();
            let mend = || {
                fault("sieve");
                inbound::mend(&method, &mut params)
            };
            let Some(mended) = fenced(mend) else {
                return panicked(&method, id.as_ref(), &params);
            };
            if let Some(lost) = lost(&method, id.as_ref(), &params) {
                return lost;
            }
            if !mended {
                return body;
            }
            let mut message = json!({"jsonrpc": "2.0", "method": method, "params": params});
            if let Some(id) = id {
                message["id"] = json!(id);
            }
            message.to_string().into_bytes()
        }
        Err(error) if error.is_data() => {
            let id = serde_json::from_slice::<Value>(&body)
                .ok()
                .and_then(|message| message.get("id").cloned());
            let id = id.filter(|id| id.is_i64() || id.is_string()).unwrap_or(Value::Null);
            malformed(id, INVALID_REQUEST, &error.to_string())
        }
        Err(_) if mend_surrogates(&mut body) => check(body),
        Err(error) => malformed(Value::Null, PARSE_ERROR, &error.to_string()),
    }
}

/// Replaces halves of surrogate pairs, which clients in JavaScript send and no Rust string can hold, and says whether there
/// were any. What replaces one is one UTF-16 unit too, so that the client's columns stay right.
fn mend_surrogates(body: &mut [u8]) -> bool {
    let unit = |body: &[u8], at: usize| {
        let digits = body.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut mended = false;
    let mut at = 0;
    while let Some(next) = memchr::memchr(b'\\', &body[at..]) {
        at += next;
        at += match unit(body, at) {
            Some(0xd800..0xdc00) if matches!(unit(body, at + 6), Some(0xdc00..0xe000)) => 12,
            Some(0xd800..0xe000) => {
                body[at + 2..at + 6].copy_from_slice(b"fffd");
                mended = true;
                6
            }
            _ => 2,
        };
        at = at.min(body.len());
    }
    mended
}

/// A request with wrong parameters is answered with an error, but a notification would be dropped without a word, and
/// the document would no longer be the client's. Gives what stands for such a change.
fn lost(method: &str, id: Option<&Id>, params: &Value) -> Option<Vec<u8>> {
    fn fits<'a, T: serde::Deserialize<'a>>(params: &'a Value) -> bool {
        T::deserialize(params).is_ok()
    }
    let fits = match method {
        "textDocument/didOpen" => fits::<DidOpenTextDocumentParams>(params),
        "textDocument/didChange" => fits::<DidChangeTextDocumentParams>(params),
        "textDocument/didClose" => fits::<DidCloseTextDocumentParams>(params),
        "notebookDocument/didOpen" => fits::<DidOpenNotebookDocumentParams>(params),
        "notebookDocument/didChange" => fits::<DidChangeNotebookDocumentParams>(params),
        "notebookDocument/didClose" => fits::<DidCloseNotebookDocumentParams>(params),
        _ => true,
    };
    if fits || id.is_some() {
        return None;
    }
    let lost = lost_change(method, params);
    tracing::warn!(
        "{method} has parameters of the wrong shape{}",
        match &lost {
            Some(_) => "; nothing is suggested there until the document's whole text is sent",
            None => " and is ignored",
        }
    );
    lost
}

/// What stands for a message whose reading panicked, which has been told: a change is lost, and a request is answered.
fn panicked(method: &str, id: Option<&Id>, params: &Value) -> Vec<u8> {
    let lost = id.is_none().then(|| lost_change(method, params)).flatten();
    lost.unwrap_or_else(|| {
        malformed(
            json!(id),
            INTERNAL_ERROR,
            "the message could not be read; please report this",
        )
    })
}

/// What stands for a change that is not understood; `None` where the message is none or does not say of what.
fn lost_change(method: &str, params: &Value) -> Option<Vec<u8>> {
    let document = match method {
        "textDocument/didChange" => params.get("textDocument"),
        "notebookDocument/didChange" => params.get("notebookDocument"),
        _ => None,
    };
    let uri = document?.get("uri")?;
    let message = json!({"jsonrpc": "2.0", "method": LOST, "params": {"uri": uri}});
    Some(message.to_string().into_bytes())
}

fn malformed(id: Value, code: i64, message: &str) -> Vec<u8> {
    // The message may quote the document, so it is for the client only.
    tracing::warn!("a malformed message was skipped; it is answered with error {code}");
    let params = json!({"code": code, "message": message});
    json!({"jsonrpc": "2.0", "id": id, "method": MALFORMED, "params": params})
        .to_string()
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sieved(input: &[u8]) -> Vec<Value> {
        let mut output = Vec::new();
        sieve(input, &mut output).await.unwrap();
        let mut output = output.as_slice();
        let mut messages = Vec::new();
        while let Some(Frame::Body(body)) = read(&mut output).await.unwrap() {
            messages.push(serde_json::from_slice(&body).unwrap());
        }
        messages
    }

    fn frame(body: &str) -> String {
        String::from_utf8(super::frame(body.as_bytes())).unwrap()
    }

    const GOOD: &str = r#"{"jsonrpc":"2.0","method":"x","id":7}"#;

    async fn check_skipped(bad: &str, code: i64, id: Value) {
        let messages = sieved(format!("{bad}{}", frame(GOOD)).as_bytes()).await;
        assert_eq!(messages.len(), 2, "{messages:?}");
        assert_eq!(messages[0]["method"], MALFORMED, "{messages:?}");
        assert_eq!(
            (&messages[0]["params"]["code"], &messages[0]["id"]),
            (&json!(code), &id),
            "{bad}"
        );
        assert_eq!(messages[1]["id"], 7, "{messages:?}");
    }

    #[tokio::test]
    async fn good_messages_pass() {
        let input = format!(
            "Content-Type: a/b; charset=utf8\r\ncontent-length:{}\r\n\r\n{GOOD}",
            GOOD.len()
        );
        let messages = sieved(format!("{input}{}", frame(GOOD)).as_bytes()).await;
        assert_eq!(messages.len(), 2);
        let response = r#"{"jsonrpc":"2.0","id":1,"result":null}"#;
        assert_eq!(
            sieved(frame(response).as_bytes()).await,
            [json!({"jsonrpc": "2.0", "id": 1, "result": null})]
        );
    }

    #[tokio::test]
    async fn bad_messages_become_requests_for_an_error() {
        check_skipped(&frame("{\"jsonrpc\""), PARSE_ERROR, Value::Null).await;
        check_skipped(&frame("\u{0}"), PARSE_ERROR, Value::Null).await;
        check_skipped(&frame(""), PARSE_ERROR, Value::Null).await;
        check_skipped(&frame(&"[".repeat(10_000)), INVALID_REQUEST, Value::Null).await;
        let deep = format!("{{\"jsonrpc\":\"2.0\",\"params\":{}", "[".repeat(10_000));
        check_skipped(&frame(&deep), PARSE_ERROR, Value::Null).await;
        check_skipped(&frame("[1]"), INVALID_REQUEST, Value::Null).await;
        check_skipped(&frame(r#"{"id":3,"method":"x"}"#), INVALID_REQUEST, json!(3)).await;
        check_skipped(
            &frame(r#"{"jsonrpc":"2.0","id":"a","method":5}"#),
            INVALID_REQUEST,
            json!("a"),
        )
        .await;
        check_skipped(
            &frame(r#"{"jsonrpc":"2.0","id":{},"method":"x"}"#),
            INVALID_REQUEST,
            Value::Null,
        )
        .await;
        let check_answered = async |body: &str, code, id| check_skipped(&frame(body), code, id).await;
        check_answered(r#"{"jsonrpc":"2.0","id":4}"#, INVALID_REQUEST, json!(4)).await;
        check_answered(r#"{"jsonrpc":"2.0"}"#, INVALID_REQUEST, Value::Null).await;
        let no_response = r#"{"jsonrpc":"2.0","id":4,"error":{"code":"x"}}"#;
        check_answered(no_response, INVALID_REQUEST, Value::Null).await;
        let unknown = r#"{"jsonrpc":"2.0","id":"b","method":"$/unknown"}"#;
        check_answered(unknown, METHOD_NOT_FOUND, json!("b")).await;
        check_skipped("Content-Length: x\r\n\r\n", PARSE_ERROR, Value::Null).await;
        check_skipped("rubbish\r\nmore\r\n\r\n", PARSE_ERROR, Value::Null).await;
    }

    #[tokio::test]
    async fn a_change_that_cannot_be_read_names_its_document() {
        let change = |document: Value| {
            let params = json!({"textDocument": document, "contentChanges": [{"text": 5}]});
            frame(&json!({"jsonrpc": "2.0", "method": "textDocument/didChange", "params": params}).to_string())
        };
        let messages = sieved(change(json!({"uri": "file:///a", "version": 2})).as_bytes()).await;
        assert_eq!(messages[0]["method"], LOST);
        assert_eq!(messages[0]["params"], json!({"uri": "file:///a"}));
        let messages = sieved(change(json!(5)).as_bytes()).await;
        assert_eq!(messages[0]["method"], "textDocument/didChange");
    }

    #[tokio::test]
    async fn halves_of_surrogate_pairs_are_replaced() {
        let body = r#"{"jsonrpc":"2.0","method":"x","params":["\ud83d","\uDE00a","\ud83d\ude00","\\ud83d\ud83d\ud83d\ude00"]}"#;
        let messages = sieved(frame(body).as_bytes()).await;
        let params = json!(["\u{fffd}", "\u{fffd}a", "😀", "\\ud83d\u{fffd}😀"]);
        assert_eq!(messages[0]["params"], params, "{messages:?}");
        check_skipped(&frame(r#"{"jsonrpc":"2.0","method":"\ud83"#), PARSE_ERROR, Value::Null).await;
    }

    #[tokio::test]
    async fn the_end_is_quiet_wherever_it_comes() {
        for end in [
            "",
            "Content-Le",
            "Content-Length: 5\r\n\r\n{}",
            "Content-Length: 99999999999999\r\n\r\n{}",
        ] {
            let messages = sieved(end.as_bytes()).await;
            assert!(messages.len() <= 1, "{end}: {messages:?}");
        }
    }
}
