//! Joins the bytes of tokens into text, never half a character.

/// Collects the bytes of one token after another and gives out whole characters. A character that several tokens make
/// up is held back until it is complete; bytes that never make one are left out, so that no text of a person gets a sign
/// for "not a character" from a model that stopped within one.
#[derive(Debug, Clone, Default)]
pub(crate) struct StreamDecoder {
    /// The beginning of a character, at most three bytes between calls.
    pending: Vec<u8>,
}

impl StreamDecoder {
    /// Takes a token's bytes (a control token has none) and appends what is complete now to `text`.
    pub(crate) fn push(&mut self, bytes: &[u8], text: &mut String) {
        self.pending.extend_from_slice(bytes);
        let mut done = 0;
        loop {
            match std::str::from_utf8(&self.pending[done..]) {
                Ok(rest) => {
                    text.push_str(rest);
                    done = self.pending.len();
                    break;
                }
                Err(error) => {
                    let valid = done + error.valid_up_to();
                    text.push_str(&String::from_utf8_lossy(&self.pending[done..valid]));
                    done = valid;
                    match error.error_len() {
                        Some(wrong) => done += wrong,
                        None => break,
                    }
                }
            }
        }
        self.pending.drain(..done);
    }
}
