//! Whether a text fits the syntax around a place: the document is parsed with the text in it.
//!
//! A text that was cut at the end of a line may leave brackets open, as `if a {` does; it fits if it does once they are
//! closed, or if what closes them stands there already. It must not know where the text comes from or what becomes of one
//! that does not fit.

use std::cell::OnceCell;
use std::ops::Range;

use crate::completion::snapshot::{Snapshot, Suggestion};
use crate::documents::syntax::Parsed;

/// A place in a document, with its syntax.
#[derive(Debug)]
pub(crate) struct Fit<'a> {
    parsed: &'a Parsed,
    snapshot: &'a Snapshot,
    /// How many errors the document has without a text at the place, as one that is being written does.
    errors: usize,
    /// How many it has with a short text there, once that is known.
    least: OnceCell<usize>,
    /// The top level piece of the document that the place is in, or the part of it that is near.
    near: Range<usize>,
    /// How many closing brackets close nothing there.
    orphans: usize,
}

/// How a text fits.
#[derive(Debug, Clone)]
pub(crate) struct Verdict {
    /// How many errors it adds to the document, now or once its brackets are closed.
    pub errors_added: usize,
    /// Where the first error begins, if it is in the text, in bytes.
    pub first_error: Option<usize>,
    /// Where it opens the outermost bracket that it leaves open, in bytes, if the document lacked none without it and lacks
    /// one with it.
    pub left_open: Option<usize>,
    /// Where it closes a bracket that was not its own, in bytes, if it leaves a closing one, there or further down, that
    /// closes nothing.
    pub unmatched: Option<usize>,
}

/// How far from the cursor brackets are matched, in bytes.
const REACH: usize = 32 << 10;

impl<'a> Fit<'a> {
    /// The place of a snapshot, where that has a tree.
    pub(crate) fn new(snapshot: &'a Snapshot) -> Option<Self> {
        let Snapshot {
            parsed, text, offset, ..
        } = snapshot;
        let (parsed, offset) = (parsed.as_ref()?, *offset);
        // In a document with errors the piece may end too early.
        let near = match parsed.errors() {
            0 => parsed.outermost(offset),
            _ => 0..text.len_bytes(),
        };
        let near = near.start.max(offset.saturating_sub(REACH))..near.end.min(offset + REACH);
        Some(Self {
            errors: parsed.errors(),
            least: OnceCell::new(),
            orphans: parsed.brackets(near.clone()).orphans.len(),
            near,
            parsed,
            snapshot,
        })
    }

    /// How `text` fits in the place of the `replaces` bytes right of the cursor; `None` where parsing takes too long.
    pub(crate) fn judge(&self, text: &str, replaces: usize) -> Option<Verdict> {
        let parsed = self.with(text, replaces)?;
        let offset = self.snapshot.offset;
        let inserted = offset..offset + text.len();
        let own = parsed.brackets(inserted.clone());
        let mut errors = parsed.errors();
        let breaks = self.errors == 0 && errors > 0;
        // What closes it may stand below already.
        if errors > self.errors && !own.open.is_empty() {
            let closers: String = own.open.chars().rev().collect();
            errors = self.with(&format!("{text}{closers}"), replaces)?.errors().min(errors);
        }
        let near = self.near.start..(self.near.end + text.len()).saturating_sub(replaces);
        let more_orphans = parsed.brackets(near).orphans.len() > self.orphans;
        let in_text = |at: usize| at - offset;
        Some(Verdict {
            errors_added: match errors {
                0 => 0,
                _ => errors.saturating_sub(self.least_errors()),
            },
            left_open: own.opens.first().copied().map(in_text).filter(|_| breaks),
            first_error: parsed.first_error(inserted).map(in_text),
            unmatched: own.orphans.last().copied().map(in_text).filter(|_| more_orphans),
        })
    }

    /// How many errors the document has with the text at the place that is the best of a few short ones. Within a line it
    /// mostly lacks something there; at the end of one it is not known what the line will lack.
    fn least_errors(&self) -> usize {
        const SHORT: [&str; 8] = ["a", ")", "()", "a,", "a: a", "a;", "]", "a)"];
        let within_line = || {
            let (text, offset) = (&self.snapshot.text, self.snapshot.offset);
            let rest = text.slice(text.byte_to_char(offset)..);
            let mut rest = rest.chars().take_while(|c| !matches!(c, '\n' | '\r'));
            rest.any(|c| !c.is_whitespace())
        };
        let least = || {
            let with = |text: &&str| Some(self.with(text, 0)?.errors());
            SHORT.iter().filter_map(with).chain([self.errors]).min().unwrap_or(0)
        };
        *self.least.get_or_init(|| match self.errors {
            0 => 0,
            _ if within_line() => least(),
            errors => errors,
        })
    }

    fn with(&self, text: &str, replaces: usize) -> Option<Parsed> {
        let offset = self.snapshot.offset;
        let suggestion = Suggestion {
            text: text.to_owned(),
            range: offset..offset + replaces,
        };
        let (after, _) = suggestion.accepted(&self.snapshot.text);
        self.parsed.with(&self.snapshot.text, suggestion.range, text, &after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ropey::Rope;

    use crate::documents::language;

    /// What a text adds to a document at the cursor: errors, and where it closes what is not its own.
    #[track_caller]
    fn check(language: &str, marked: &str, text: &str, errors: usize, unmatched: Option<usize>) {
        let (before, after) = marked.split_once("$0").unwrap();
        let document = Rope::from_str(&format!("{before}{after}"));
        let snapshot = Snapshot {
            parsed: Parsed::new(language::of_id(language).unwrap(), &document),
            text: document,
            offset: before.len(),
            ..Snapshot::default()
        };
        let verdict = Fit::new(&snapshot).unwrap().judge(text, 0).unwrap();
        let found = (verdict.errors_added, verdict.unmatched);
        assert_eq!(found, (errors, unmatched), "{marked:?} + {text:?}");
    }

    #[test]
    fn what_fits_adds_no_error() {
        check("rust", "fn f() {\n    $0\n}\n", "g(1);", 0, None);
        check("rust", "fn f() {\n    let a = $0\n}\n", "g(1);", 0, None);
        check("rust", "fn f() {\n    g(a, $0\n}\n", "b);", 0, None);
        check("rust", "fn f() {\n    $0", "g(1);\n}", 0, None);
        check("python", "def f():\n    $0\n", "return {\"a\": [1]}", 0, None);
        check("javascript", "a = `${b$0`;\n", "}", 0, None);
        check("rust", "fn f() {\n    $0\n}\n", "g(\")\");", 0, None);
    }

    #[test]
    fn brackets_may_be_left_open() {
        check("rust", "fn f() {\n    $0\n}\n", "if a {", 0, None);
        check("rust", "fn f() {\n    $0\n}\n", "g(h([", 0, None);
        check("rust", "fn f() {\n    if a$0\n        b\n    }\n}\n", "(1) {", 0, None);
        check("typescript", "$0\n", "a.forEach((b) => {", 0, None);
        check("c", "int f(void) {\n  $0\n}\n", "if (a) {", 0, None);
    }

    #[test]
    fn a_closer_that_closes_nothing_is_found() {
        check("rust", "fn f() {\n    $0\n}\n", "g(1));", 1, Some(4));
        check("rust", "fn f() {\n    g();\n$0}\n", "}\n", 1, Some(0));
        check("typescript", "f($0);\n", "a)", 1, Some(1));
        check("c", "void f(A$0 *a) {\n}\n", " *b, int)", 2, Some(8));
        check("c", "int f(void) {\n  g$0\n}\n", "(a, b", 0, None);
        // The one that it takes away belongs to a call further out, which errors hide.
        let call = "if (s) {\n  return p(s, e => {\n    if (e && f('x')) c.g($0\n  })\n}\n\nb = 1\nif (!r) {\n  c()\n}\nd(b)\n";
        check("javascript", call, "body)) {", 0, Some(5));
        // An assignment without a value was an error already.
        check("python", "a = $0\n", "b]", 0, Some(1));
    }

    #[test]
    fn what_does_not_fit_adds_errors() {
        check("rust", "fn f() {\n    $0\n}\n", "let let a;", 1, None);
        check("python", "def f():\n    $0\n", "return return a b", 1, None);
    }
}
