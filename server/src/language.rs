//! The languages whose syntax is known: how their files are called, their grammar, and what its nodes mean.
//!
//! A language is a row of a table. This must not know what the syntax is used for.

use std::path::Path;

/// A language, as data.
pub struct Language {
    /// The name that editors have for it.
    pub id: &'static str,
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
    /// Kinds of nodes that are a statement or a declaration and usually end with their line.
    pub statements: &'static [&'static str],
    /// Kinds of nodes that hold a body: within braces, or indented.
    pub blocks: &'static [&'static str],
}

/// The languages that are known. One with two grammars has two rows.
pub const LANGUAGES: &[Language] = &[
    Language {
        id: "rust",
        extensions: &["rs"],
        grammar: || tree_sitter_rust::LANGUAGE.into(),
        comments: &["line_comment", "block_comment"],
        strings: &["string_literal", "raw_string_literal", "char_literal"],
        substitutions: &[],
        identifiers: &[
            "identifier",
            "field_identifier",
            "type_identifier",
            "shorthand_field_identifier",
        ],
        statements: &[
            "let_declaration",
            "expression_statement",
            "use_declaration",
            "const_item",
            "static_item",
            "type_item",
            "mod_item",
            "function_signature_item",
        ],
        blocks: &[
            "block",
            "declaration_list",
            "field_declaration_list",
            "enum_variant_list",
            "match_block",
        ],
    },
    Language {
        id: "python",
        extensions: &["py"],
        grammar: || tree_sitter_python::LANGUAGE.into(),
        comments: &["comment"],
        strings: &["string"],
        substitutions: &["interpolation"],
        identifiers: &["identifier"],
        statements: &[
            "expression_statement",
            "return_statement",
            "import_statement",
            "import_from_statement",
            "assert_statement",
            "raise_statement",
            "delete_statement",
            "global_statement",
            "pass_statement",
            "break_statement",
            "continue_statement",
        ],
        blocks: &["block"],
    },
    Language {
        id: "javascript",
        extensions: &["js", "mjs", "cjs", "jsx"],
        grammar: || tree_sitter_javascript::LANGUAGE.into(),
        comments: ECMASCRIPT_COMMENTS,
        strings: JSX_STRINGS,
        substitutions: ECMASCRIPT_SUBSTITUTIONS,
        identifiers: JAVASCRIPT_IDENTIFIERS,
        statements: JAVASCRIPT_STATEMENTS,
        blocks: JAVASCRIPT_BLOCKS,
    },
    Language {
        id: "typescript",
        extensions: &["ts"],
        grammar: || tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
        comments: ECMASCRIPT_COMMENTS,
        strings: ECMASCRIPT_STRINGS,
        substitutions: ECMASCRIPT_SUBSTITUTIONS,
        identifiers: TYPESCRIPT_IDENTIFIERS,
        statements: TYPESCRIPT_STATEMENTS,
        blocks: TYPESCRIPT_BLOCKS,
    },
    Language {
        id: "typescript",
        extensions: &["tsx"],
        grammar: || tree_sitter_typescript::LANGUAGE_TSX.into(),
        comments: ECMASCRIPT_COMMENTS,
        strings: JSX_STRINGS,
        substitutions: ECMASCRIPT_SUBSTITUTIONS,
        identifiers: TYPESCRIPT_IDENTIFIERS,
        statements: TYPESCRIPT_STATEMENTS,
        blocks: TYPESCRIPT_BLOCKS,
    },
    Language {
        id: "go",
        extensions: &["go"],
        grammar: || tree_sitter_go::LANGUAGE.into(),
        comments: &["comment"],
        strings: &["interpreted_string_literal", "raw_string_literal", "rune_literal"],
        substitutions: &[],
        identifiers: &[
            "identifier",
            "field_identifier",
            "type_identifier",
            "package_identifier",
        ],
        statements: &[
            "expression_statement",
            "assignment_statement",
            "short_var_declaration",
            "var_declaration",
            "const_declaration",
            "type_declaration",
            "import_declaration",
            "package_clause",
            "return_statement",
            "defer_statement",
            "go_statement",
            "send_statement",
            "inc_statement",
            "dec_statement",
            "break_statement",
            "continue_statement",
            "field_declaration",
        ],
        blocks: &["block", "field_declaration_list"],
    },
    Language {
        id: "c",
        extensions: &["c", "h"],
        grammar: || tree_sitter_c::LANGUAGE.into(),
        comments: &["comment"],
        strings: &["string_literal", "char_literal", "system_lib_string"],
        substitutions: &[],
        identifiers: &["identifier", "field_identifier", "type_identifier"],
        statements: &[
            "declaration",
            "expression_statement",
            "return_statement",
            "type_definition",
            "field_declaration",
            "break_statement",
            "continue_statement",
            "goto_statement",
        ],
        blocks: &["compound_statement", "field_declaration_list", "enumerator_list"],
    },
];

const ECMASCRIPT_COMMENTS: &[&str] = &["comment", "html_comment"];

const ECMASCRIPT_STRINGS: &[&str] = &["string", "template_string", "regex"];

const JSX_STRINGS: &[&str] = &["string", "template_string", "regex", "jsx_text"];

const ECMASCRIPT_SUBSTITUTIONS: &[&str] = &["template_substitution"];

const JAVASCRIPT_IDENTIFIERS: &[&str] = &[
    "identifier",
    "property_identifier",
    "private_property_identifier",
    "shorthand_property_identifier",
    "shorthand_property_identifier_pattern",
];

const TYPESCRIPT_IDENTIFIERS: &[&str] = &[
    "identifier",
    "property_identifier",
    "private_property_identifier",
    "shorthand_property_identifier",
    "shorthand_property_identifier_pattern",
    "type_identifier",
];

const JAVASCRIPT_STATEMENTS: &[&str] = &[
    "expression_statement",
    "lexical_declaration",
    "variable_declaration",
    "return_statement",
    "throw_statement",
    "import_statement",
    "export_statement",
    "break_statement",
    "continue_statement",
];

const TYPESCRIPT_STATEMENTS: &[&str] = &[
    "expression_statement",
    "lexical_declaration",
    "variable_declaration",
    "return_statement",
    "throw_statement",
    "import_statement",
    "export_statement",
    "break_statement",
    "continue_statement",
    "type_alias_declaration",
];

const JAVASCRIPT_BLOCKS: &[&str] = &["statement_block", "class_body", "switch_body"];

const TYPESCRIPT_BLOCKS: &[&str] = &[
    "statement_block",
    "class_body",
    "switch_body",
    "interface_body",
    "enum_body",
];

/// The language of a file, by its name.
pub fn of_path(path: &Path) -> Option<&'static Language> {
    let extension = path.extension()?.to_str()?;
    LANGUAGES
        .iter()
        .find(|language| language.extensions.contains(&extension))
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
