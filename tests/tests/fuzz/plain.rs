//! A document as a plain string, edited as the protocol says.

use codegemma_tests::{Random, position};
use serde_json::{Value, json};

/// Longer texts are replaced, so that a run stays quick.
const LONGEST: usize = 3000;

const PIECES: [&str; 16] = [
    "a", "word", "é", "😀", "\n", "\r\n", "\r", "\t", "x = (", "\u{2028}", "", "\u{0}", "\u{202e}", "日本", "\"\"\"",
    "}",
];

/// A document that the client has open.
pub(crate) struct Plain {
    uri: &'static str,
    text: String,
    version: i64,
    stale: bool,
    language: &'static str,
}

impl Plain {
    pub(crate) fn new(uri: &'static str, language: &'static str, text: &str) -> Self {
        Self {
            uri,
            text: text.to_owned(),
            version: 1,
            stale: false,
            language,
        }
    }

    pub(crate) fn uri(&self) -> &'static str {
        self.uri
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// A change was sent that cannot be understood.
    pub(crate) fn lose(&mut self) {
        self.stale = true;
    }

    /// A change could not be understood, so that only a whole text can follow.
    pub(crate) fn is_stale(&self) -> bool {
        self.stale
    }

    /// The parameters of a change that replaces everything.
    pub(crate) fn replace(&mut self, text: &str) -> Value {
        (self.text, self.stale) = (text.to_owned(), false);
        self.change(json!([{"text": text}]))
    }

    /// The parameters of a change that adds something at the end.
    pub(crate) fn append(&mut self, random: &mut Random, text: &str) -> Value {
        if self.stale {
            return self.replace(&format!("{} again {text}", self.language));
        }
        let line = self.starts().len() - usize::from(random.once_in(2));
        let column = if line == self.starts().len() { 0 } else { 4_000_000_000 };
        let change = self.replace_range((line, column), (line, column), text);
        self.change(json!([change]))
    }

    /// The parameters of a few edits. Some name places past the end, or end before they begin.
    pub(crate) fn edit(&mut self, random: &mut Random) -> Value {
        if self.text.len() > LONGEST || random.once_in(25) {
            return self.replace("class A:\r\n    def b(self):\n        pass\r\r\n");
        }
        let changes = (0..random.below(4)).map(|_| {
            let lines = self.starts().len();
            let start = (random.below(lines), column(random));
            let mut end = (start.0 + random.below(2).min(lines - 1 - start.0), column(random));
            match random.below(40) {
                0 => end = (lines + random.below(3), random.below(2)),
                1 => end = (0, 0),
                2..20 => end = start,
                _ if end < start => end = start,
                _ => {}
            }
            let text: String = (0..random.below(4)).map(|_| *random.pick(&PIECES)).collect();
            self.replace_range(start, end, &text)
        });
        let changes: Vec<Value> = changes.collect();
        // Versions go up in any steps; some clients repeat or reverse them, which is no reason to lose the text.
        match random.below(30) {
            0 => {}
            1 => self.version -= 3,
            2 => self.version += 1000,
            _ => self.version += 1,
        }
        self.change(json!(changes))
    }

    fn change(&self, changes: Value) -> Value {
        json!({"textDocument": {"uri": self.uri, "version": self.version}, "contentChanges": changes})
    }

    fn replace_range(&mut self, start: (usize, usize), end: (usize, usize), text: &str) -> Value {
        let (one, other) = (self.offset(start), self.offset(end));
        if !self.stale {
            self.text.replace_range(one.min(other)..one.max(other), text);
        }
        json!({"range": {"start": position(start.0, start.1), "end": position(end.0, end.1)}, "text": text})
    }

    /// Where the lines start.
    fn starts(&self) -> Vec<usize> {
        let bytes = self.text.as_bytes();
        let ends = (0..bytes.len())
            .filter(|&i| bytes[i] == b'\n' || (bytes[i] == b'\r' && bytes.get(i + 1) != Some(&b'\n')))
            .map(|i| i + 1);
        std::iter::once(0).chain(ends).collect()
    }

    /// The byte at a place, whose column counts UTF-16 units. Past the end of a line or of the text is that end.
    fn offset(&self, (line, column): (usize, usize)) -> usize {
        let Some(start) = self.starts().get(line).copied() else {
            return self.text.len();
        };
        let mut left = column;
        for (i, character) in self.text[start..].char_indices() {
            if matches!(character, '\n' | '\r') || left < character.len_utf16() {
                return start + i;
            }
            left -= character.len_utf16();
        }
        self.text.len()
    }
}

fn column(random: &mut Random) -> usize {
    match random.below(12) {
        0 => 4_000_000_000,
        _ => random.below(14),
    }
}
