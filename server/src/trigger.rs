//! Whether and how to complete at a place: nothing, one line, or a block.
//!
//! Pure: it sees the cursor's line and the settings, and must not know the rest of the document, the model or a clock.

use crate::reason::Reason;

/// When a completion may be longer than a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Multiline {
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
    pub fn from_name(name: &str) -> Option<Self> {
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
pub enum Trigger {
    /// The user did.
    Invoked,
    /// The editor did, because something was typed or the cursor moved.
    Automatic,
}

/// How much to complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Extent {
    /// To the end of the line at most.
    Line,
    /// As many lines as belong together.
    Block,
}

/// Decides for a cursor that has `before` on its line to the left and `after` to the right.
pub fn decide(before: &str, after: &str, multiline: Multiline, trigger: Trigger) -> Result<Extent, Reason> {
    let in_word = after.chars().next().is_some_and(|c| c.is_alphanumeric() || c == '_');
    if in_word && trigger == Trigger::Automatic {
        return Err(Reason::InsideWord);
    }
    Ok(match multiline {
        Multiline::Always => Extent::Block,
        Multiline::Never => Extent::Line,
        Multiline::Auto if begins_body(before) && after.chars().all(closes) => Extent::Block,
        Multiline::Auto => Extent::Line,
    })
}

/// Whether what follows may be a body of its own. Within a statement the rest of the line is as much as can be judged at
/// a glance; what the line opens is the next suggestion.
fn begins_body(before: &str) -> bool {
    let before = before.trim_end();
    before.is_empty() || before.ends_with(['{', ':']) || before.ends_with("=>")
}

/// What an editor pairs in, or what stands at the end of a finished line.
fn closes(c: char) -> bool {
    c.is_whitespace() || matches!(c, ')' | ']' | '}' | '>' | '"' | '\'' | '`' | ';' | ',' | ':')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(marked: &str, automatic: Result<Extent, Reason>, invoked: Result<Extent, Reason>) {
        let (before, after) = marked.split_once("$0").unwrap();
        assert_eq!(
            decide(before, after, Multiline::Auto, Trigger::Automatic),
            automatic,
            "{marked}"
        );
        assert_eq!(
            decide(before, after, Multiline::Auto, Trigger::Invoked),
            invoked,
            "{marked}"
        );
    }

    #[test]
    fn what_follows_the_cursor_decides() {
        use Extent::{Block, Line};
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
    fn the_setting_wins_over_what_follows() {
        assert_eq!(decide("", "", Multiline::Never, Trigger::Automatic), Ok(Extent::Line));
        assert_eq!(
            decide("let x", " = 3;", Multiline::Always, Trigger::Automatic),
            Ok(Extent::Block)
        );
    }
}
