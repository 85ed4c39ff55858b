//! A sieve before the protocol's own reader: it passes on well-formed messages only.
//!
//! tower-lsp stops reading for good at the first message that it cannot parse. Here such a message becomes a request
//! for [`MALFORMED`], which answers it with an error, and the next message is served. The sieve also sees first when
//! the client is gone. It must not know what messages mean, apart from their ids.

use std::io;

use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tower_lsp::jsonrpc::Request;
use tower_lsp::ls_types::{DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams};

/// The method that stands for a message that could not be understood. Its params are the error to answer.
pub(super) const MALFORMED: &str = "codegemma/malformed";

/// The longest message that is read into memory.
const MAX_BODY: u64 = 256 << 20;

/// The longest header line.
const MAX_LINE: u64 = 8 << 10;

const PARSE_ERROR: i64 = -32700;
const INVALID_REQUEST: i64 = -32600;

/// One message as it comes in.
#[derive(Debug, PartialEq, Eq)]
enum Frame {
    Body(Vec<u8>),
    /// What was wrong with it; it has been skipped.
    Bad(String),
}

/// Passes on messages until the input ends.
pub(super) async fn sieve(input: impl AsyncRead + Unpin, mut output: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut input = tokio::io::BufReader::new(input);
    while let Some(frame) = read(&mut input).await? {
        let body = match frame {
            Frame::Body(body) => check(body),
            Frame::Bad(what) => malformed(Value::Null, PARSE_ERROR, &what),
        };
        output
            .write_all(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes())
            .await?;
        output.write_all(&body).await?;
        output.flush().await?;
    }
    Ok(())
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
fn check(body: Vec<u8>) -> Vec<u8> {
    match serde_json::from_slice::<Request>(&body) {
        Ok(request) => {
            warn_if_lost(&request);
            body
        }
        Err(error) if error.is_data() => {
            let id = serde_json::from_slice::<Value>(&body)
                .ok()
                .and_then(|message| message.get("id").cloned());
            let id = id.filter(|id| id.is_i64() || id.is_string()).unwrap_or(Value::Null);
            malformed(id, INVALID_REQUEST, &error.to_string())
        }
        Err(error) => malformed(Value::Null, PARSE_ERROR, &error.to_string()),
    }
}

/// A request with wrong parameters is answered with an error, but a notification would be dropped without a word, and
/// the document would no longer be the client's.
fn warn_if_lost(request: &Request) {
    fn fits<'a, T: serde::Deserialize<'a>>(params: &'a Value) -> bool {
        T::deserialize(params).is_ok()
    }
    let params = request.params().unwrap_or(&Value::Null);
    let fits = match request.method() {
        "textDocument/didOpen" => fits::<DidOpenTextDocumentParams>(params),
        "textDocument/didChange" => fits::<DidChangeTextDocumentParams>(params),
        "textDocument/didClose" => fits::<DidCloseTextDocumentParams>(params),
        _ => true,
    };
    if !fits {
        tracing::warn!("{} has parameters of the wrong shape and is ignored", request.method());
    }
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
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
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
        check_skipped("Content-Length: x\r\n\r\n", PARSE_ERROR, Value::Null).await;
        check_skipped("rubbish\r\nmore\r\n\r\n", PARSE_ERROR, Value::Null).await;
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
