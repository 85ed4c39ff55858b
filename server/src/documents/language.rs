//! The languages whose syntax is known: how their files are called, their grammar, and what its nodes mean.
//!
//! A language is a row of a table. This must not know what the syntax is used for.

mod scanner;
mod table;

use std::path::Path;

pub use table::LANGUAGES;

/// A language, as data.
#[derive(Debug)]
pub struct Language {
    /// Its name.
    pub id: &'static str,
    /// Other names that editors have for it, or for what its grammar reads too.
    pub aliases: &'static [&'static str],
    /// How its files' names end, without the dot.
    pub extensions: &'static [&'static str],
    /// The grammar.
    pub grammar: fn() -> tree_sitter::Language,
    /// Kinds of nodes that are comments.
    pub comments: &'static [&'static str],
    /// Kinds of nodes that are text and not code: strings, characters, regular expressions.
    pub strings: &'static [&'static str],
    /// Kinds of nodes that are code inside a string.
    pub substitutions: &'static [&'static str],
    /// Kinds of leaves that are names.
    pub identifiers: &'static [&'static str],
    /// Kinds of nodes that are a statement or a declaration and usually end with their line. None where the language has
    /// none, as one of data has.
    pub statements: &'static [&'static str],
    /// What a line ends with where a body may follow.
    pub opens: &'static [&'static str],
    /// Kinds of nodes that hold a body: within braces, or indented.
    pub blocks: &'static [&'static str],
}

/// The language of a file, by its name.
pub fn of_path(path: &Path) -> Option<&'static Language> {
    let extension = path.extension()?.to_str()?;
    LANGUAGES
        .iter()
        .find(|language| language.extensions.contains(&extension))
}

/// The language that an editor calls so.
pub fn of_id(id: &str) -> Option<&'static Language> {
    LANGUAGES
        .iter()
        .find(|language| language.id == id || language.aliases.contains(&id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_name_says_its_language() {
        let id = |path: &str| of_path(Path::new(path)).map(|language| language.id);
        assert_eq!(id("a/b.rs"), Some("rust"));
        assert_eq!(id("b.tsx"), Some("typescript"));
        assert_eq!(id("x.mjs"), Some("javascript"));
        assert_eq!(id("x.h"), Some("c"));
        assert_eq!((id("rs"), id("x.RS"), id("x.txt")), (None, None, None));
    }

    #[test]
    fn an_editor_s_name_says_it_too() {
        let extension = |id: &str| of_id(id).map(|language| language.extensions[0]);
        assert_eq!(extension("typescriptreact"), Some("tsx"));
        assert_eq!(extension("typescript"), Some("ts"));
        assert_eq!(extension("shellscript"), Some("sh"));
        assert_eq!(extension("plaintext"), None);
    }

    #[test]
    fn no_name_is_that_of_two() {
        let mut names: Vec<_> = LANGUAGES.iter().flat_map(|l| [&[l.id], l.aliases].concat()).collect();
        names.sort_unstable();
        // TypeScript has two grammars, of which the second is for files that say so.
        names.dedup_by(|a, b| a == b && *a == "typescript");
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    /// A kind that the grammar does not have would find nothing, silently.
    #[test]
    fn every_kind_is_one_of_its_grammar() {
        for language in LANGUAGES {
            let grammar = (language.grammar)();
            let kinds = [
                language.comments,
                language.strings,
                language.substitutions,
                language.identifiers,
                language.statements,
                language.blocks,
            ];
            for kind in kinds.concat() {
                assert_ne!(grammar.id_for_node_kind(kind, true), 0, "{kind} in {}", language.id);
            }
        }
    }
}
