//! What the context of each language depends on, as a table: its imports, and what a declaration is without its body.
//!
//! A language is a row. This must not know what the rows are used for.

/// What is known of a language besides its [`Language`].
///
/// [`Language`]: crate::documents::language::Language
pub(super) struct Row {
    /// The language's [`id`](crate::documents::language::Language::id).
    pub(super) id: &'static str,
    /// A tree-sitter query; how its captures are read is for [`Resolver`] to say.
    pub(super) imports: &'static str,
    /// How an import names a file.
    pub(super) resolver: Resolver,
    /// Kinds of nodes whose field `body` is code that their declaration can do without, and what takes its place.
    pub(super) functions: &'static [(&'static str, &'static str)],
    /// Kinds of nodes whose field `body` holds declarations.
    pub(super) containers: &'static [&'static str],
    /// Kinds of nodes around one declaration, its last child.
    pub(super) wrappers: &'static [&'static str],
    /// Kinds of nodes whose children count as if they stood in their place.
    pub(super) transparent: &'static [&'static str],
    /// Kinds of nodes that say what is imported, or what the file belongs to.
    pub(super) heads: &'static [&'static str],
}

/// How an import names a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resolver {
    /// `mod` is a module of this file, `use` a path from the crate, this module or the one above.
    Rust,
    /// `module`, or `from` and the `name` in it.
    Python,
    /// `path` relative to the file, with or without an extension.
    EcmaScript,
    /// `path` of a package, which begins with the module's name.
    Go,
    /// `path` of a class, or with `all` of a package; `package` is that of the file.
    Java,
    /// `path` relative to the file or to a folder of headers.
    C,
}

const ECMASCRIPT_IMPORTS: &str = r#"
(import_statement source: (string (string_fragment) @path))
(export_statement source: (string (string_fragment) @path))
(call_expression function: (identifier) @_f arguments: (arguments . (string (string_fragment) @path)) (#eq? @_f "require"))
(call_expression function: (import) arguments: (arguments . (string (string_fragment) @path)))
"#;

/// The languages whose files are found by their imports.
pub(super) const ROWS: &[Row] = &[
    Row {
        id: "rust",
        imports: "(mod_item name: (identifier) @mod !body) (source_file (use_declaration argument: (_) @use))",
        resolver: Resolver::Rust,
        functions: &[("function_item", ";")],
        containers: &["impl_item", "trait_item", "mod_item"],
        wrappers: &[],
        transparent: &[],
        heads: &["use_declaration", "mod_item"],
    },
    Row {
        id: "python",
        imports: "
(import_statement name: (dotted_name) @module)
(import_statement name: (aliased_import name: (dotted_name) @module))
(import_from_statement module_name: (_) @from name: (dotted_name) @name)
(import_from_statement module_name: (_) @from name: (aliased_import name: (dotted_name) @name))
(import_from_statement module_name: (_) @from (wildcard_import))",
        resolver: Resolver::Python,
        functions: &[("function_definition", "")],
        containers: &["class_definition"],
        wrappers: &["decorated_definition"],
        transparent: &[],
        heads: &["import_statement", "import_from_statement"],
    },
    Row {
        id: "javascript",
        imports: ECMASCRIPT_IMPORTS,
        resolver: Resolver::EcmaScript,
        functions: &[
            ("function_declaration", ";"),
            ("generator_function_declaration", ";"),
            ("method_definition", ";"),
            ("arrow_function", "{}"),
            ("function_expression", "{}"),
        ],
        containers: &["class_declaration"],
        wrappers: &["export_statement"],
        transparent: &[],
        heads: &["import_statement"],
    },
    Row {
        id: "typescript",
        imports: ECMASCRIPT_IMPORTS,
        resolver: Resolver::EcmaScript,
        functions: &[
            ("function_declaration", ";"),
            ("generator_function_declaration", ";"),
            ("method_definition", ";"),
            ("arrow_function", "{}"),
            ("function_expression", "{}"),
        ],
        containers: &["class_declaration", "abstract_class_declaration", "internal_module"],
        wrappers: &["export_statement"],
        transparent: &[],
        heads: &["import_statement"],
    },
    Row {
        id: "go",
        imports: "(import_spec path: (interpreted_string_literal) @path)",
        resolver: Resolver::Go,
        functions: &[
            ("function_declaration", ""),
            ("method_declaration", ""),
            ("func_literal", "{}"),
        ],
        containers: &[],
        wrappers: &[],
        transparent: &[],
        heads: &["package_clause", "import_declaration"],
    },
    Row {
        id: "java",
        imports: "
(package_declaration (_) @package)
(import_declaration (scoped_identifier) @path .)
(import_declaration (scoped_identifier) @all . (asterisk))",
        resolver: Resolver::Java,
        functions: &[
            ("method_declaration", ";"),
            ("constructor_declaration", ";"),
            ("compact_constructor_declaration", ";"),
            ("lambda_expression", "{}"),
        ],
        containers: &[
            "class_declaration",
            "interface_declaration",
            "enum_declaration",
            "record_declaration",
        ],
        wrappers: &[],
        transparent: &[],
        heads: &["package_declaration", "import_declaration"],
    },
    Row {
        id: "c",
        imports: "(preproc_include path: (string_literal) @path)",
        resolver: Resolver::C,
        functions: &[("function_definition", ";")],
        containers: &[],
        wrappers: &[],
        transparent: &[
            "preproc_ifdef",
            "preproc_if",
            "preproc_else",
            "linkage_specification",
            "declaration_list",
        ],
        heads: &["preproc_include"],
    },
    Row {
        id: "cpp",
        imports: "(preproc_include path: (string_literal) @path)",
        resolver: Resolver::C,
        functions: &[("function_definition", ";"), ("lambda_expression", "{}")],
        containers: &["class_specifier", "namespace_definition"],
        wrappers: &["template_declaration"],
        transparent: &["preproc_ifdef", "preproc_if", "preproc_else", "linkage_specification"],
        heads: &["preproc_include", "using_declaration"],
    },
];

/// The row of a language.
pub(super) fn row(id: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::language::LANGUAGES;

    /// A kind that the grammar does not have would find nothing, silently.
    #[test]
    fn every_row_is_one_of_its_grammars() {
        for row in ROWS {
            let languages: Vec<_> = LANGUAGES.iter().filter(|language| language.id == row.id).collect();
            assert!(!languages.is_empty(), "{}", row.id);
            for language in languages {
                let grammar = (language.grammar)();
                let functions: Vec<&str> = row.functions.iter().map(|(kind, _)| *kind).collect();
                for kind in [&functions, row.containers, row.wrappers, row.transparent, row.heads].concat() {
                    assert_ne!(grammar.id_for_node_kind(kind, true), 0, "{kind} in {}", row.id);
                }
                if let Err(error) = tree_sitter::Query::new(&grammar, row.imports) {
                    panic!("the imports of {}: {error}", row.id);
                }
            }
        }
    }
}
