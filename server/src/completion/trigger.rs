//! Whether and how to complete at a place: nothing, one line, or a block.
//!
//! Pure: it sees the cursor's line, what the syntax tree says of the place and the settings, and nothing else of the
//! text. It must not know the model or a clock.

use crate::completion::reason::Reason;
use crate::documents::language::Language;
use crate::documents::syntax::Inside;

/// When a completion may be longer than a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Multiline {
    /// Where a body can begin, on a blank line or after a brace or colon, and nothing but closers follows.
    #[default]
    Auto,
    /// Never.
    Never,
    /// Everywhere.
    Always,
}

impl Multiline {
    /// The setting of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "auto" => Some(Self::Auto),
            "never" => Some(Self::Never),
            "always" => Some(Self::Always),
            _ => None,
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// The user did.
    Invoked,
    /// The editor did, because something was typed or the cursor moved.
    Automatic,
}

/// How much to complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Extent {
    /// To the end of the line at most.
    Line,
    /// As many lines as belong together.
    Block,
}

/// The place to complete at.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cursor<'a> {
    /// The line left of it.
    pub before: &'a str,
    /// The line right of it.
    pub after: &'a str,
    /// What it is part of.
    pub inside: Inside,
    /// The language, where it is known.
    pub language: Option<&'static Language>,
}

/// Decides how much to complete at a place, or that it is none.
pub(crate) fn decide(cursor: &Cursor<'_>, multiline: Multiline, trigger: Trigger) -> Result<Extent, Reason> {
    let follows = cursor.after.chars().next();
    let in_word = follows.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let ends = cursor.after.chars().all(closes);
    if trigger == Trigger::Automatic {
        if in_word {
            return Err(Reason::InsideWord);
        }
        // Who is in the middle of a sentence corrects it.
        if cursor.inside != Inside::Code && !ends {
            return Err(Reason::InsideText);
        }
    }
    Ok(match multiline {
        Multiline::Always => Extent::Block,
        Multiline::Never => Extent::Line,
        Multiline::Auto if cursor.inside == Inside::Code && ends && begins_body(cursor) => Extent::Block,
        Multiline::Auto => Extent::Line,
    })
}

/// Whether what follows may be a body of its own. Within a statement the rest of the line is as much as can be judged at
/// a glance; what the line opens is the next suggestion.
fn begins_body(cursor: &Cursor<'_>) -> bool {
    let before = cursor.before.trim();
    let opens = cursor.language.map_or(&["{", ":", "=>"][..], |language| language.opens);
    let ends_with = |end: &&str| {
        let word = end.starts_with(char::is_alphabetic);
        let rest = before.strip_suffix(*end);
        rest.is_some_and(|rest| !word || !rest.ends_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    let label = before.ends_with(':') && (before.starts_with("case ") || before.starts_with("default"));
    before.is_empty() || label || opens.iter().any(ends_with)
}

/// What an editor pairs in, or what stands at the end of a finished line.
pub(super) fn closes(c: char) -> bool {
    c.is_whitespace() || matches!(c, ')' | ']' | '}' | '>' | '"' | '\'' | '`' | ';' | ',' | ':')
}

#[cfg(test)]
mod tests {
    use ropey::Rope;

    use super::*;
    use crate::documents::language;
    use crate::documents::syntax::Parsed;

    /// What is done at a place in a language, for the two kinds of requests.
    #[track_caller]
    fn check(language: &str, marked: &str, automatic: Result<Extent, Reason>, invoked: Result<Extent, Reason>) {
        let (before, after) = marked.split_once("$0").unwrap();
        let text = Rope::from_str(&format!("{before}{after}"));
        let language = language::of_id(language);
        let parsed = language.and_then(|language| Parsed::new(language, &text));
        let cursor = Cursor {
            before: before.rsplit('\n').next().unwrap_or_default(),
            after: after.lines().next().unwrap_or_default(),
            inside: parsed.map_or(Inside::Code, |parsed| parsed.inside(&text, before.len())),
            language,
        };
        let found = [Trigger::Automatic, Trigger::Invoked].map(|trigger| decide(&cursor, Multiline::Auto, trigger));
        assert_eq!(found, [automatic, invoked], "{marked}");
    }

    #[test]
    fn what_follows_the_cursor_decides() {
        use Extent::{Block, Line};
        let check = |marked, automatic, invoked| check("?", marked, automatic, invoked);
        check("$0", Ok(Block), Ok(Block));
        check("    $0", Ok(Block), Ok(Block));
        check("    $0}", Ok(Block), Ok(Block));
        check("if x {$0", Ok(Block), Ok(Block));
        check("if x { $0}", Ok(Block), Ok(Block));
        check("def f():$0", Ok(Block), Ok(Block));
        check("const f = () => $0;", Ok(Block), Ok(Block));
        check("let x = $0", Ok(Line), Ok(Line));
        check("foo($0)", Ok(Line), Ok(Line));
        check("foo(\"$0\");  ", Ok(Line), Ok(Line));
        check("$0 = 3;", Ok(Line), Ok(Line));
        check("let $0 = 3;", Ok(Line), Ok(Line));
        check("a + $0(b)", Ok(Line), Ok(Line));
        check("pri$0nt()", Err(Reason::InsideWord), Ok(Line));
        check("$0_x", Err(Reason::InsideWord), Ok(Line));
        check("$0é", Err(Reason::InsideWord), Ok(Line));
    }

    #[test]
    fn the_language_knows_what_opens_a_body() {
        use Extent::{Block, Line};
        let same = |language, marked, extent| check(language, marked, Ok(extent), Ok(extent));
        same("rust", "fn f() {\n    $0\n}", Block);
        same("rust", "fn f() {$0}", Block);
        same("rust", "let a:$0", Line);
        same("rust", "match a {\n    1 => $0\n}", Block);
        same("python", "def f():$0\n", Block);
        same("python", "a = {$0}\n", Line);
        same("python", "def f():\n    $0\n", Block);
        same("typescript", "let a:$0;\n", Line);
        same("typescript", "function f() {$0}\n", Block);
        same("javascript", "switch (a) {\n  case 1:$0\n}\n", Block);
        same("go", "func f() {\n\tswitch a {\n\tdefault:$0\n\t}\n}\n", Block);
        same("c", "int f(void) {$0\n", Block);
        same("cpp", "struct A {$0};\n", Block);
        same("java", "class A { void f() {$0} }\n", Block);
        same("bash", "if true; then$0\n", Block);
        same("bash", "sudo$0\n", Line);
        same("lua", "while true do $0\n", Block);
        same("css", "a {$0}\n", Block);
        same("json", "{$0}\n", Block);
        same("yaml", "a:$0\n", Line);
        same("css", "a { color:$0; }\n", Line);
    }

    #[test]
    fn text_is_completed_to_the_end_of_its_line_if_at_all() {
        use Extent::{Block, Line};
        let in_text = Err(Reason::InsideText);
        for (language, marked) in [
            ("rust", "// some$0\nfn f() {}\n"),
            ("rust", "/*\n * $0\n */\n"),
            ("rust", "f(\"some $0\");\n"),
            ("python", "def f():\n    \"\"\"Some.\n\n    $0\n    \"\"\"\n"),
            ("python", "# if this:$0\n"),
            ("typescript", "const a = `some $0`;\n"),
            ("go", "// if this {$0\npackage a\n"),
            ("c", "char *a = \"some {$0\";\n"),
            ("cpp", "// some $0\n"),
            ("java", "/** Some {$0 */\nclass A {}\n"),
            ("bash", "a='some $0'\n"),
            ("lua", "-- some $0\n"),
        ] {
            let ends = !marked.contains("$0 */");
            check(language, marked, if ends { Ok(Line) } else { in_text }, Ok(Line));
        }
        check("rust", "f(\"some $0 text\");\n", in_text, Ok(Line));
        check("rust", "// some $0 text\n", in_text, Ok(Line));
        check("javascript", "a = `some ${b.$0} text`;\n", Ok(Line), Ok(Line));
        check("rust", "fn f() {\n    // some\n    $0\n}\n", Ok(Block), Ok(Block));
    }

    #[test]
    fn the_setting_wins_over_what_follows() {
        let decide = |before, after, multiline| {
            let cursor = Cursor {
                before,
                after,
                ..Cursor::default()
            };
            super::decide(&cursor, multiline, Trigger::Automatic)
        };
        assert_eq!(decide("", "", Multiline::Never), Ok(Extent::Line));
        assert_eq!(decide("let x", " = 3;", Multiline::Always), Ok(Extent::Block));
    }
}
