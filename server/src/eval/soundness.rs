//! What a suggestion does to the syntax of its document: both states are parsed from the beginning, so that this judges
//! what the product decides by incremental parses.
//!
//! It must not know how the suggestion came about.

use ropey::Rope;

use super::score::Cut;
use crate::documents::language::Language;
use crate::documents::syntax::Parsed;

/// What a suggestion adds to its document.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Soundness {
    /// A closing bracket that closes nothing, or takes from one further down what that closed.
    pub(super) unmatched: bool,
    /// An error of syntax, though it leaves nothing open that would have to be written first.
    pub(super) misparsed: bool,
    /// A bracket that it leaves open, or the head of a block without a body, where what was written is not just the
    /// beginning of that.
    pub(super) open: bool,
}

/// Judges `text` in the place of the first `replaces` bytes after the hole. Within a line it is held against the document as
/// it was written; at the end of one, which the user goes on to write, against the document with the hole.
pub(super) fn soundness(language: &'static Language, cut: &Cut<'_>, text: &str, replaces: usize) -> Soundness {
    let Cut { before, truth, after } = cut;
    let rest = &after[replaces..];
    let parsed = |document: String| Parsed::new(language, &Rope::from_str(&document));
    let within_line = after.lines().next().is_some_and(|line| !line.trim().is_empty());
    let old = parsed(match within_line {
        true => format!("{before}{truth}{after}"),
        false => format!("{before}{after}"),
    });
    let Some((old, new)) = old.zip(parsed(format!("{before}{text}{rest}"))) else {
        return Soundness::default();
    };
    let unmatched = |parsed: &Parsed| parsed.brackets(0..usize::MAX).orphans.len();
    // Without a closing one that looks beyond the text, what closes nothing elsewhere did so before: in a document with
    // errors a parser sees more or fewer brackets.
    let own = new.brackets(before.len()..before.len() + text.len());
    let more_errors = new.errors() > old.errors();
    let text = text.trim_end();
    // The next suggestion is what stands in it.
    let begins = !text.trim_start().contains('\n') && text.ends_with(['(', '[', '{']);
    Soundness {
        unmatched: !own.orphans.is_empty() && unmatched(&new) > unmatched(&old),
        misparsed: own.open.is_empty() && more_errors,
        open: !own.open.is_empty() && more_errors && !begins || ends_with_head(language, text, rest),
    }
}

/// Whether the last of several lines is the head of a block, and nothing that stands below is its body.
fn ends_with_head(language: &Language, text: &str, rest: &str) -> bool {
    let Some((_, last)) = text.trim_start().rsplit_once('\n') else {
        return false;
    };
    let head = language.opens.iter().any(|open| last.trim_end().ends_with(open));
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let below = rest.lines().skip(1).find(|line| !line.trim().is_empty());
    head && rest.lines().next().is_none_or(|line| line.trim().is_empty())
        && below.is_none_or(|below| indentation(below) <= indentation(last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::language;

    #[track_caller]
    fn check(language: &str, marked: &str, text: &str, unmatched: bool, misparsed: bool) {
        let (before, after) = marked.split_once("$0").unwrap();
        let cut = Cut {
            before,
            truth: "",
            after,
        };
        let found = soundness(language::of_id(language).unwrap(), &cut, text, 0);
        assert_eq!(
            (found.unmatched, found.misparsed),
            (unmatched, misparsed),
            "{marked:?} + {text:?}"
        );
    }

    #[test]
    fn brackets_and_errors_are_found() {
        check("rust", "fn f() {\n    $0\n}\n", "g(1);", false, false);
        check("rust", "fn f() {\n    $0\n}\n", "g(1));", true, true);
        check("rust", "fn f() {\n    $0\n}\n", "g(\")\");", false, false);
        check("rust", "fn f() {\n    g();\n$0}\n", "}\n", true, true);
        check("rust", "fn f() {\n    $0\n}\n", "if a {", false, false);
        check("rust", "fn f() {\n    $0\n}\n", "let let a;", false, true);
        check("python", "a = ($0\n", "b)", false, false);
        // It takes away what opens, and closes nothing itself.
        let below = "int f(void) {\n  $0\n  if (a) { /* b */\n  }\n}\n";
        check("c", below, "g(); /*", false, true);
    }

    #[test]
    fn what_is_left_open_is_found() {
        #[track_caller]
        fn check(language: &str, marked: &str, text: &str, open: bool) {
            let (before, after) = marked.split_once("$0").unwrap();
            let truth = "";
            let cut = Cut { before, truth, after };
            let found = soundness(language::of_id(language).unwrap(), &cut, text, 0);
            assert_eq!(found.open, open, "{marked:?} + {text:?}");
        }
        check("rust", "fn f() -> A {\n    $0\n}\n", "A {\n        b: c(),", true);
        check("rust", "fn f() {\n    $0\n}\n", "if a {", false);
        check("rust", "fn f() {\n    $0\n}\n", "g(a, b", true);
        check("python", "def f():\n    $0\n", "a = 1\n    for b in c:", true);
        check(
            "python",
            "def f():\n    $0\n        d()\n",
            "a = 1\n    for b in c:",
            false,
        );
        check("python", "def f():\n    $0\n", "for b in c:", false);
    }
}
