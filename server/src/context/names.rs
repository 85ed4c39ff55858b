//! The names in a text, and how much two texts have in common by them.
//!
//! Pure. A name is told by its characters: other files are not parsed for it.

use std::collections::{BTreeSet, HashMap};

use ropey::Rope;

/// Shorter names say too little.
const LEAST_CHARS: usize = 3;
/// How far around the cursor names matter, in lines.
const LINES: usize = 80;
/// The steps in which that window moves, in lines, so that its names do not depend on the cursor's exact place.
const STEP: usize = 40;
/// The most text of the window, in bytes.
const MOST: usize = 64 << 10;

/// Words of the languages themselves, which say nothing about what a text is about.
const COMMON: &[&str] = &[
    "and",
    "any",
    "args",
    "assert",
    "async",
    "auto",
    "await",
    "bool",
    "boolean",
    "break",
    "byte",
    "case",
    "catch",
    "char",
    "class",
    "const",
    "continue",
    "crate",
    "def",
    "default",
    "defer",
    "del",
    "double",
    "elif",
    "else",
    "enum",
    "err",
    "error",
    "except",
    "export",
    "extends",
    "extern",
    "false",
    "final",
    "finally",
    "float",
    "fn",
    "for",
    "from",
    "func",
    "function",
    "get",
    "global",
    "goto",
    "if",
    "impl",
    "implements",
    "import",
    "include",
    "init",
    "int",
    "interface",
    "iter",
    "lambda",
    "len",
    "let",
    "long",
    "loop",
    "main",
    "map",
    "match",
    "mod",
    "module",
    "move",
    "mut",
    "namespace",
    "new",
    "nil",
    "none",
    "None",
    "nonlocal",
    "not",
    "null",
    "number",
    "object",
    "Object",
    "Ok",
    "Option",
    "override",
    "package",
    "pass",
    "private",
    "protected",
    "pub",
    "public",
    "raise",
    "ref",
    "require",
    "Result",
    "return",
    "self",
    "Self",
    "set",
    "short",
    "signed",
    "sizeof",
    "Some",
    "static",
    "std",
    "str",
    "String",
    "string",
    "struct",
    "super",
    "switch",
    "template",
    "test",
    "the",
    "this",
    "throw",
    "throws",
    "trait",
    "true",
    "True",
    "False",
    "try",
    "type",
    "typedef",
    "typeof",
    "union",
    "unsafe",
    "unsigned",
    "use",
    "using",
    "usize",
    "var",
    "Vec",
    "virtual",
    "void",
    "volatile",
    "where",
    "while",
    "with",
    "yield",
];

/// The names in a text.
pub(super) fn names(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| word.len() >= LEAST_CHARS && !word.starts_with(|c: char| c.is_ascii_digit()))
        .filter(|word| !COMMON.contains(word))
        .collect()
}

/// The lines around one of a text; a text that is shorter ends there.
pub(super) fn surroundings(text: &Rope, line: usize) -> String {
    let lines = text.len_lines();
    let line = line.min(lines - 1) / STEP * STEP;
    let start = text.line_to_byte(line.saturating_sub(LINES));
    let end = text.line_to_byte((line + STEP + LINES).min(lines));
    let near = text.byte_slice(start..end);
    let most = near.byte_to_char(MOST.min(near.len_bytes()));
    near.slice(..most).to_string()
}

/// What the names near the cursor weigh: the fewer of the other texts have one, the more.
pub(super) struct Weights<'a>(HashMap<&'a str, f64>);

impl<'a> Weights<'a> {
    /// Weighs the names of a text by the `others`.
    pub(super) fn new(near: &'a str, others: &[BTreeSet<&str>]) -> Self {
        let weight = |name: &&str| {
            let having = others.iter().filter(|other| other.contains(name)).count();
            1.0 / having.max(1) as f64
        };
        Self(names(near).into_iter().map(|name| (name, weight(&name))).collect())
    }

    /// What the names of a text weigh together, each counted once.
    pub(super) fn of(&self, names: &BTreeSet<&str>) -> f64 {
        names.iter().filter_map(|name| self.0.get(name)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_a_text_is_about() {
        let found: Vec<_> = names("pub fn add_one(x1: u8) -> Größe { return self.add_one(12px, 0xfe) }")
            .into_iter()
            .collect();
        assert_eq!(found, ["Größe", "add_one"]);
    }

    #[test]
    fn a_name_that_all_have_weighs_less() {
        let others = [names("shape width"), names("shape height")];
        let weights = Weights::new("shape.width + depth", &others);
        assert!((weights.of(&others[0]) - 1.5).abs() < 1e-9);
        assert!((weights.of(&others[1]) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn the_window_moves_in_steps() {
        let text: String = (0..400).map(|line| format!("line_{line}\n")).collect();
        let text = Rope::from_str(&text);
        let at = |line| surroundings(&text, line);
        assert_eq!(at(200), at(239));
        assert_ne!(at(200), at(240));
        assert!(at(200).starts_with("line_120\n") && at(200).ends_with("line_319\n"));
        assert!(at(0).starts_with("line_0\n") && at(4000).ends_with("line_399\n"));
        assert_eq!(surroundings(&Rope::new(), 0), "");
    }
}
