//! Parts of the text around a cursor that are read before the whole prompt is, where that takes long.
//!
//! A window keeps its place while the user types at its end, so that what was read of it stays good. It must not know what
//! is held, or how long anything takes.

use crate::encoded::Encoder;
use crate::request::FimPrompt;
use crate::tokenizer::Tokenizer;

/// The least of the text around the cursor, in tokens.
const LEAST: usize = 12;

/// Some lines around the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    path: Option<String>,
    /// Where it begins in the text before the cursor, in bytes.
    start: usize,
    /// What the model is shown as the prefix.
    head: String,
    /// What it is shown as the suffix.
    tail: String,
}

impl Window {
    /// One of about so many tokens, control tokens and path included: lines above the cursor, and a quarter of them below.
    /// It begins with a statement of the outermost level that there is in it.
    pub(crate) fn new(prompt: &FimPrompt, tokens: usize, encoder: &mut Encoder<'_>) -> Self {
        let tokenizer = encoder.tokenizer();
        let count = |text: &str| tokenizer.encode(text).len();
        let is_filled = tokenizer.control().fim.is_some();
        let mut fixed = usize::from(tokenizer.begin_of_text().is_some());
        let path = prompt.path.as_ref().filter(|_| is_filled);
        let path_tokens = path.map_or(0, |path| count(path) + 1);
        // Where there is hardly room for the code, that matters more than what the file is called.
        let path = path.filter(|_| path_tokens <= tokens / 8);
        if is_filled {
            fixed += 3 + path.map_or(0, |_| path_tokens);
        }
        let room = tokens.saturating_sub(fixed).max(LEAST);
        let (tail, below) = match is_filled {
            true => lines_below(&prompt.suffix, room / 4, tokenizer),
            false => (String::new(), 0),
        };
        let before = [prompt.prefix.as_str(), &prompt.typed].concat();
        let start = start(&before, room - below, tokenizer);
        let line = before.rfind('\n').map_or(0, |end| end + 1);
        let split = if start <= prompt.prefix.len() {
            prompt.prefix.len()
        } else {
            line.max(start)
        };
        Self {
            path: path.cloned(),
            start,
            head: before[start..split].to_owned(),
            tail,
        }
    }

    /// The part of a later prompt that it shows; `None` where another text stands there.
    pub(crate) fn cut(&self, prompt: &FimPrompt) -> Option<FimPrompt> {
        let before = [prompt.prefix.as_str(), &prompt.typed].concat();
        let typed = before.get(self.start..)?.strip_prefix(self.head.as_str())?;
        let holds = (self.path.is_none() || self.path == prompt.path) && prompt.suffix.starts_with(self.tail.as_str());
        holds.then(|| FimPrompt {
            path: self.path.clone(),
            prefix: self.head.clone(),
            typed: typed.to_owned(),
            suffix: self.tail.clone(),
            files: Vec::new(),
        })
    }
}

/// Where the text before a cursor begins to be shown, in about `room` tokens.
fn start(before: &str, room: usize, tokenizer: &Tokenizer) -> usize {
    let mut start = before.len();
    let mut used = 0;
    let mut best = None;
    let mut least = usize::MAX;
    for line in before.split_inclusive('\n').rev() {
        let tokens = tokenizer.encode(line);
        if used + tokens.len() > room {
            break;
        }
        used += tokens.len();
        start -= line.len();
        let indentation = line.len() - line.trim_start().len();
        let begins = !line.trim().is_empty() && !line.trim_start().starts_with([')', ']', '}']);
        // Less than half of the room would waste it.
        if begins && indentation <= least && (used > room / 2 || start == 0) {
            (best, least) = (Some(start), indentation);
        }
    }
    if used > room / 2 || start == 0 {
        return best.unwrap_or(start);
    }
    // A line is cut that is longer than the rest of the room.
    let line = before[..start]
        .trim_end_matches('\n')
        .rfind('\n')
        .map_or(0, |end| end + 1);
    let tokens = tokenizer.encode(&before[line..start]);
    let shown = &tokens[tokens.len().saturating_sub(room - used)..];
    let bytes: usize = shown.iter().map(|token| tokenizer.bytes(*token).len()).sum();
    before.ceil_char_boundary(start.saturating_sub(bytes))
}

/// The lines after a cursor in at most `room` tokens, and how many they are.
fn lines_below(after: &str, room: usize, tokenizer: &Tokenizer) -> (String, usize) {
    let (mut end, mut used) = (0, 0);
    for line in after.split_inclusive('\n') {
        let tokens = tokenizer.encode(line);
        if used + tokens.len() > room {
            if end == 0 {
                let bytes: usize = tokens[..room].iter().map(|token| tokenizer.bytes(*token).len()).sum();
                (end, used) = (after.floor_char_boundary(bytes), room);
            }
            break;
        }
        (end, used) = (end + line.len(), used + tokens.len());
    }
    (after[..end].to_owned(), used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::tokenizer;

    /// The text with its parts marked: `[` where it begins, `|` where it is split, `$0` the cursor, `]` where it ends.
    #[track_caller]
    fn check(marked: &str, tokens: usize, expected: &str) {
        let (prefix, rest) = marked.split_once('|').unwrap();
        let (typed, suffix) = rest.split_once("$0").unwrap();
        let prompt = FimPrompt {
            prefix: prefix.to_owned(),
            typed: typed.to_owned(),
            suffix: suffix.to_owned(),
            ..FimPrompt::default()
        };
        let tokenizer = tokenizer(true);
        let window = Window::new(&prompt, tokens + 4, &mut Encoder::new(&tokenizer));
        let shown = window.cut(&prompt).expect("it is of this text");
        let shown = format!("{}|{}$0{}", shown.prefix, shown.typed, shown.suffix);
        assert_eq!(shown, expected, "{marked:?} in {tokens}");
    }

    #[test]
    fn it_is_as_many_lines_as_fit() {
        let text = "a = 1\nb = 2\nc = 3\n|d = 4\ne = $0\nf = 6\ng = 7\nh = 8\n";
        check(text, 100, "a = 1\nb = 2\nc = 3\n|d = 4\ne = $0\nf = 6\ng = 7\nh = 8\n");
        check(text, 32, "b = 2\nc = 3\n|d = 4\ne = $0\nf = 6\n");
        check(text, 16, "|d = 4\ne = $0\n");
        check(text, 0, "|d = 4\ne = $0\n");
    }

    #[test]
    fn it_begins_with_a_statement() {
        let text = "def f():\n    a = 1\n    return a\n\ndef g():\n    b = 2\n    c = 3\n|    d = $0\n";
        check(text, 70, "def g():\n    b = 2\n    c = 3\n|    d = $0\n");
    }

    #[test]
    fn a_line_may_be_longer_than_it() {
        let long = "x".repeat(200);
        check(
            &format!("{long}|{long}$0{long}\n"),
            16,
            &format!("|{}$0{}", &long[..12], &long[..4]),
        );
        check("|$0", 16, "|$0");
    }

    #[test]
    fn it_holds_while_the_user_types_at_its_end() {
        let tokenizer = tokenizer(true);
        let prompt = |prefix: &str, typed: &str, suffix: &str| FimPrompt {
            prefix: prefix.to_owned(),
            typed: typed.to_owned(),
            suffix: suffix.to_owned(),
            ..FimPrompt::default()
        };
        let first = prompt("a = 1\n", "b = ", "\nc = 3\n");
        let window = Window::new(&first, 16, &mut Encoder::new(&tokenizer));
        let shown = |prompt: &FimPrompt| window.cut(prompt).map(|shown| shown.typed);
        assert_eq!(shown(&first), Some("b = ".to_owned()));
        assert_eq!(
            shown(&prompt("a = 1\n", "b = 22", "\nc = 3\n")),
            Some("b = 22".to_owned())
        );
        assert_eq!(
            shown(&prompt("a = 1\nb = 2", "2", "\nc = 3\n")),
            Some("b = 22".to_owned()),
            "another anchor"
        );
        assert_eq!(shown(&prompt("a = 2\n", "b = ", "\nc = 3\n")), None);
        assert_eq!(shown(&prompt("a", "", "\nc = 3\n")), None);
    }
}
