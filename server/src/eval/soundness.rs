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
}

/// Judges `text` in the place of the first `replaces` bytes after the hole.
pub(super) fn soundness(language: &'static Language, cut: &Cut<'_>, text: &str, replaces: usize) -> Soundness {
    let Cut { before, after, .. } = cut;
    let old = Rope::from_str(&format!("{before}{after}"));
    let new = Rope::from_str(&format!("{before}{text}{}", &after[replaces..]));
    let Some((old, new)) = Parsed::new(language, &old).zip(Parsed::new(language, &new)) else {
        return Soundness::default();
    };
    let unmatched = |parsed: &Parsed| parsed.brackets(0..usize::MAX).orphans.len();
    // Without a closing one that looks beyond the text, what closes nothing elsewhere did so before: in a document with
    // errors a parser sees more or fewer brackets.
    let own = new.brackets(before.len()..before.len() + text.len());
    Soundness {
        unmatched: !own.orphans.is_empty() && unmatched(&new) > unmatched(&old),
        misparsed: own.open.is_empty() && new.errors() > old.errors(),
    }
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
        assert_eq!(found, Soundness { unmatched, misparsed }, "{marked:?} + {text:?}");
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
}
