//! What a suggestion is worth: it is put into the document and compared with what stood there.
//!
//! It must not know how the suggestion came about.

use super::holes::HoleKind;
use super::soundness::{Soundness, soundness};
use crate::documents::language::Language;

/// A document with a hole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut<'a> {
    /// What stands before the hole.
    pub before: &'a str,
    /// What was cut out.
    pub truth: &'a str,
    /// What follows the hole.
    pub after: &'a str,
}

/// How near a suggestion comes.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct HoleScore {
    /// It is the truth, but for whitespace at the end.
    pub exact: bool,
    /// Exact; where a few characters were cut out, beginning with the truth is enough.
    pub correct: bool,
    /// The first line that is not blank is the truth's.
    pub first_line: bool,
    /// So it is, or correct where the line may go on: nothing but closers follows.
    pub right: bool,
    /// It repeats what follows, which the truth does not.
    pub duplicated: bool,
    /// It adds a closing bracket that closes nothing.
    pub unmatched: bool,
    /// It adds an error of syntax, though it leaves no bracket open.
    pub misparsed: bool,
    /// It leaves a bracket open, or the head of a block without a body.
    pub open: bool,
    /// How many of its lines are the truth's, from the first on.
    pub right_lines: usize,
    /// 1 less the share of the characters that would have to be changed.
    pub edit_similarity: f64,
    /// How many tokens of the suggestion are in the truth, in order.
    pub kept: usize,
    /// How many tokens the suggestion has.
    pub shown: usize,
}

/// The least of a repetition that counts, in characters.
const REPEATED: usize = 6;

/// Judges a suggestion: `text` in the place of the first `replaces` bytes after the hole.
pub(crate) fn score(
    kind: HoleKind,
    language: &'static Language,
    cut: &Cut<'_>,
    text: &str,
    replaces: usize,
) -> HoleScore {
    let Soundness {
        unmatched,
        misparsed,
        open,
    } = soundness(language, cut, text, replaces);
    // What is replaced is mostly what the text ends with: the suggestion proper is the rest. Where it is not, the text
    // stands against the truth and what was replaced; either way the same document follows both.
    let covered = &cut.after[..replaces];
    let (text, truth, after) = match text.strip_suffix(covered) {
        Some(inserted) => (inserted, cut.truth.to_owned(), cut.after),
        None => (text, format!("{}{covered}", cut.truth), &cut.after[replaces..]),
    };
    let truth = truth.as_str();
    let exact = text.trim_end() == truth.trim_end();
    let correct = exact || kind.is_short() && goes_on(kind, cut.truth, text, after);
    let first_line_right = first_line(text) == first_line(truth);
    let rest = cut.after.lines().next().unwrap_or_default();
    let may_go_on = rest.chars().all(|c| c.is_whitespace() || ")]}>\"'`;,:".contains(c));
    let (words, true_words) = (lexemes(text), lexemes(truth));
    HoleScore {
        exact,
        correct,
        first_line: first_line_right,
        right: first_line_right || correct && may_go_on,
        duplicated: repeats(text, cut.before, after) && !repeats(truth, cut.before, after),
        unmatched,
        misparsed,
        open,
        right_lines: right_lines(text, truth),
        edit_similarity: strsim::normalized_levenshtein(text.trim_end(), truth.trim_end()),
        kept: common(&words, &true_words),
        shown: words.len(),
    }
}

impl HoleScore {
    /// Its first line is right, and nothing is broken.
    pub(crate) fn is_right(&self) -> bool {
        self.right && !self.is_harmful()
    }

    /// It does harm that a user has to undo.
    pub(crate) fn is_harmful(&self) -> bool {
        self.duplicated || self.unmatched || self.misparsed || self.open
    }
}

/// How many lines two texts begin with alike; blank ones count for nothing.
fn right_lines(text: &str, truth: &str) -> usize {
    let lines = |text| str::lines(text).map(str::trim_end).filter(|line| !line.is_empty());
    lines(text)
        .zip(lines(truth))
        .take_while(|(line, true_line)| line == true_line)
        .count()
}

/// Whether a text begins with the truth, and a name that is the truth ends there.
fn goes_on(kind: HoleKind, truth: &str, text: &str, after: &str) -> bool {
    let Some(more) = text.strip_prefix(truth) else {
        return false;
    };
    let next = more.chars().chain(after.chars()).next();
    kind != HoleKind::Identifier || !next.is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// The first line with something in it: a body begins with the end of the line before it.
fn first_line(text: &str) -> &str {
    text.lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default()
        .trim_end()
}

/// Whether a text at a place repeats what follows: its last line is one of the next two, or its end what they begin with.
fn repeats(text: &str, before: &str, after: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or_default();
    // What stays right of the cursor is part of the line.
    let rest = after.split('\n').next().unwrap_or_default();
    let whole = format!("{line}{text}{rest}");
    let solid = |line: &str| line.chars().filter(|c| !c.is_whitespace()).count() >= 3;
    let last = whole.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    let mut below = after[rest.len()..]
        .lines()
        .filter(|line| !line.trim().is_empty())
        .take(2);
    let again = solid(last) && below.any(|line| line.trim() == last.trim());
    let text = text.trim_end();
    let after = after.trim_start();
    let overlaps = |end: usize| text.ends_with(&after[..end]) && after[..end].trim().chars().count() >= REPEATED;
    again
        || after
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .take_while(|end| *end <= text.len())
            .any(overlaps)
}

/// Words, numbers, and each other character by itself; no blanks.
fn lexemes(text: &str) -> Vec<&str> {
    let in_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let len = match in_word(first) {
            true => rest.find(|c| !in_word(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        found.push(&rest[..len]);
        rest = rest[len..].trim_start();
    }
    found
}

/// The length of the longest common subsequence.
fn common(a: &[&str], b: &[&str]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for word in a {
        let mut diagonal = 0;
        for (at, other) in b.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = match word == other {
                true => diagonal + 1,
                false => above.max(row[at]),
            };
            diagonal = above;
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::language::LANGUAGES;

    #[track_caller]
    fn judge(kind: HoleKind, marked: &str, text: &str, replaces: usize) -> HoleScore {
        let (before, rest) = marked.split_once('⟦').unwrap();
        let (truth, after) = rest.split_once('⟧').unwrap();
        score(kind, &LANGUAGES[0], &Cut { before, truth, after }, text, replaces)
    }

    /// The names of what is true of a suggestion.
    #[track_caller]
    fn check(kind: HoleKind, marked: &str, text: &str, replaces: usize, expected: &str) {
        let score = judge(kind, marked, text, replaces);
        let marks = [
            (score.exact, "exact"),
            (score.correct, "correct"),
            (score.first_line, "first_line"),
            (score.duplicated, "duplicated"),
        ];
        let marks: Vec<_> = marks.iter().filter(|mark| mark.0).map(|mark| mark.1).collect();
        assert_eq!(marks.join(" "), expected, "{marked:?} + {text:?}: {score:?}");
    }

    #[test]
    fn what_stood_there_is_exact() {
        use HoleKind::{Bracket, Line, Node};
        check(Line, "let a = ⟦b + c;⟧\n", "b + c;", 0, "exact correct first_line");
        check(Line, "let a = ⟦b + c;⟧\n", "b + c;  ", 0, "exact correct first_line");
        check(Line, "let a = ⟦b + c;⟧\n", "b + d;", 0, "");
        check(Line, "let a = ⟦b;⟧\n", "b;\nc", 0, "first_line");
        // The suggestion writes again what stands right of the cursor and takes its place.
        check(Node, "f(⟦a, b⟧);\n", "a, b)", 1, "exact correct first_line");
        check(Node, "f(⟦a, b⟧);\n", "a, b);", 2, "exact correct first_line");
        check(Node, "f(⟦a, b⟧)\n", "a, b);", 1, "");
        check(Bracket, "f(g(x⟦))⟧;\n", "));", 1, "exact correct first_line");
    }

    #[test]
    fn a_few_characters_may_go_on() {
        use HoleKind::{Bracket, Identifier, Line, StatementEnd};
        check(Bracket, "f(g(x⟦)⟧ + 1)\n", ") * 2", 0, "correct");
        check(Bracket, "f(g(x⟦))⟧\n", ");", 0, "");
        check(StatementEnd, "return x⟦;⟧\n", ";\n}", 0, "correct first_line");
        check(Identifier, "le⟦ngth⟧ + 1\n", "ngth", 0, "exact correct first_line");
        check(Identifier, "le⟦ngth⟧;\n", "ngth.max(1)", 0, "correct");
        check(Identifier, "le⟦ngth⟧;\n", "ngths", 0, "");
        check(Line, "x = ⟦1234⟧\n", "1234 + 5", 0, "");
    }

    #[test]
    fn repeating_what_follows_is_found() {
        use HoleKind::{Block, Line, Node};
        let marked = "if x {\n    ⟦a();⟧\n    return b;\n}\n";
        check(Line, marked, "a();\n    return b;", 0, "first_line duplicated");
        check(Line, marked, "return b;", 0, "duplicated");
        check(Line, marked, "a();\n}", 0, "first_line");
        check(Block, "f {⟦\n  a⟧\n\n  foo();\n}\n", "\n  a\n}", 0, "first_line");
        check(Block, "f {⟦\n  a⟧\n\n  foo();\n}\n", "\n  b\n}", 0, "");
        // The line would be another one.
        check(Node, "a\n  | ⟦b⟧ 'c' \\\n  | fail\n", "fail", 0, "");
        check(Line, "a = ⟦c;⟧\nb();\n", "b();", 0, "");
        check(Node, "f(⟦abc⟧, something)\n", "x, something", 0, "duplicated");
        // The truth does it too.
        check(Node, "f(⟦x, some⟧, some)\n", "y, some", 0, "");
        check(Line, "⟦foo();⟧\nfoo();\n", "foo();", 0, "exact correct first_line");
    }

    #[test]
    fn similarity_and_kept_tokens() {
        let kept = |text: &str| {
            let score = judge(HoleKind::Line, "⟦a.foo(b_1, 20)⟧", text, 0);
            (score.kept, score.shown, (score.edit_similarity * 100.0).round())
        };
        assert_eq!(kept("a.foo(b_1, 20)"), (8, 8, 100.0));
        assert_eq!(kept("a.foo(b, 20)"), (7, 8, 86.0));
        assert_eq!(kept("x"), (0, 1, 0.0));
        assert_eq!(kept("foo a"), (1, 2, 29.0));
        assert_eq!(lexemes("é1 += \"x\"\n"), ["é1", "+", "=", "\"", "x", "\""]);
    }
}
