//! Messages in their frames, as the base protocol of LSP has them: a header with the body's length, a blank line, the body.
//!
//! For whoever talks to a server that is trusted to write them right; what a client sends is read by `lsp/framing.rs`. It must
//! not know what messages say.

use std::io::{BufRead, Read};

use serde_json::Value;

/// A message in its frame.
pub fn frame(body: &[u8]) -> Vec<u8> {
    let mut frame = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    frame.extend(body);
    frame
}

/// Reads a message; `None` where there are no more.
pub fn read(input: &mut impl BufRead) -> Option<Value> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim().split_once(':') {
            Some(("Content-Length", value)) => length = value.trim().parse::<u64>().ok(),
            Some(_) => {}
            None => break,
        }
    }
    let (length, mut body) = (length?, Vec::new());
    // It grows with what comes.
    input.take(length).read_to_end(&mut body).ok()?;
    (body.len() as u64 == length).then(|| serde_json::from_slice(&body).ok())?
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_framed_is_read() {
        let messages = [json!({"id": 1}), json!("größe"), json!(null)];
        let mut bytes: Vec<u8> = messages
            .iter()
            .flat_map(|message| frame(message.to_string().as_bytes()))
            .collect();
        bytes.extend(b"Content-Length: 99\r\n\r\n{}");
        let mut input = bytes.as_slice();
        for message in messages {
            assert_eq!(read(&mut input), Some(message));
        }
        assert_eq!(read(&mut input), None);
        assert_eq!(read(&mut input), None);
    }
}
