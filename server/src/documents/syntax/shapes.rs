//! Texts that nest deeper than anybody writes, in every language. They are read in a process of their own, as a grammar that
//! does not bear one may end it.

use std::io::Write;
use std::process::Command;

use super::*;
use crate::documents::document::{Change, Document};
use crate::documents::language::LANGUAGES;
use crate::documents::position::{Encoding, from_offset};

/// Says that the test is the process in which texts are read.
const CHILD: &str = "CODEGEMMA_TEST_SHAPES";

/// How long the tree of a text may take here; where it takes longer the grammar has borne so much of it.
const LONG: Duration = Duration::from_millis(100);
const SHORT: Duration = Duration::from_millis(5);

/// What opens something in one of the languages, and what closes it.
const NESTED: &[(&str, &str)] = &[
    ("(", ")"),
    ("[", "]"),
    ("{", "}"),
    ("<", ">"),
    ("f(", ")"),
    ("(a, ", ")"),
    ("a[", "]"),
    ("{\"a\": ", "}"),
    ("{a: ", "}"),
    ("- ", ""),
    ("? ", ""),
    (": ", ""),
    ("> ", ""),
    ("a: ", ""),
    ("&a ", ""),
    ("*", ""),
    ("!", ""),
    ("!a ", ""),
    ("if x {", "}"),
    ("if (a) {", "}"),
    ("if (a) ", ""),
    ("else if (a) b; ", ""),
    ("if a then ", " end "),
    ("do ", " end "),
    ("begin ", " end "),
    ("begin\n", "\nend\n"),
    ("function() ", " end "),
    ("function f() {", "}"),
    ("f(function() {", "})"),
    ("(a) => ", ""),
    ("|a| ", ""),
    ("lambda: ", ""),
    ("not ", ""),
    ("await ", ""),
    ("-", ""),
    ("a ? b : ", ""),
    ("a.", ""),
    ("a::", ""),
    ("a = ", ""),
    ("a => ", ""),
    ("a, ", ""),
    ("a;", ""),
    ("a\n", ""),
    ("a\r", ""),
    ("\t", ""),
    ("\\\n", ""),
    ("`", ""),
    ("`${", "}`"),
    ("\"", ""),
    ("'", ""),
    ("\"#{", "}\""),
    ("\"${", "}\""),
    ("\"\\(", ")\""),
    ("f\"{", "}\""),
    ("f'{", "}'"),
    ("f\"\"\"{", "}\"\"\""),
    ("s\"${", "}\""),
    ("s\"\"\"${", "}\"\"\""),
    ("$\"{", "}\""),
    ("$@\"{", "}\""),
    ("$\"\"\"{", "}\"\"\""),
    ("\"\"\"", ""),
    ("'''", ""),
    ("/*", "*/"),
    ("/* ", ""),
    ("{-", "-}"),
    ("--[[", "]]"),
    ("--[=[", ""),
    ("<!--", "-->"),
    ("<div>", "</div>"),
    ("<a b=\"", "\">"),
    ("<custom-element-of-some-length>", ""),
    ("<script>", ""),
    ("<a.b>{", "}</a.b>"),
    ("</a>", ""),
    ("<<A\n", ""),
    ("<<A ", ""),
    ("<<~A, ", ""),
    ("<<\"A\" ", ""),
    ("<<<A\n", ""),
    ("x <<A\n#{", "}\nA\n"),
    ("$(", ")"),
    ("$((", "))"),
    ("${a:-", "}"),
    ("<(", ")"),
    ("case a in b) ", ";; esac "),
    ("r#\"", ""),
    ("R\"x(", ""),
    ("#\"", ""),
    ("##\"", ""),
    ("%w(", ")"),
    ("%(", ")"),
    ("%q<", ">"),
    ("/a", ""),
    ("#if A\n", "#endif\n"),
    ("template <", ">"),
    ("namespace a {", "}"),
    ("class A {", "}"),
    ("class A:\n", ""),
    ("a { b: c; ", "}"),
    ("@media a {", "}"),
    ("use a::{", "};"),
    ("match a { _ => ", "}"),
    ("#[a]", ""),
    ("@a ", ""),
    ("[a]\n", ""),
    ("a = [", "]"),
    ("a = {b = ", "}"),
    ("<?php ", "?>"),
    ("a: |\n", ""),
    ("a: >-\n", ""),
    ("--- ", ""),
    ("%YAML ", ""),
];

/// Texts whose size is in something else than in nesting.
fn others(count: usize) -> Vec<String> {
    let indented = |line: &str, levels: usize| -> String {
        let lines = (0..levels).map(|level| format!("{}{line}\n", " ".repeat(level)));
        lines.collect()
    };
    vec![
        format!("{}{}x = \"a", indented("if x:", 540), " ".repeat(540)),
        format!("{}{}x = f'{{\"a{{", indented("if x:", 540), " ".repeat(540)),
        indented("a:", 540),
        indented("- a:", 540),
        indented("object A:", 540),
        indented("x match\n case a =>", 540),
        format!("r{}\"", "#".repeat(count)),
        format!("{}\"", "#".repeat(count)),
        format!("x = [{}[", "=".repeat(count)),
        format!("auto a = R\"{}(", "x".repeat(count)),
        format!("x = <<{}\n", "A".repeat(count)),
        format!("x = <<\"{}\"\n", "A ".repeat(count)),
        format!("f({})\n", "<<~AAAAAAAAAAAAAAA, ".repeat(count)),
        // In Ruby just more than the scanner's state has room for.
        format!("f({}<<~{})\n", "<<~AAAAAAAAAAAAAAAA, ".repeat(50), "B".repeat(19)),
        format!("f({}<<~{})\n", "<<~AAAAAAAAAAAAAAAA, ".repeat(50), "B".repeat(18)),
        format!("f({}<<~{})\n", "<<~AAAAAAAAAAAAAAAA, ".repeat(50), "B".repeat(17)),
        format!("<{}>", "a".repeat(count)),
        format!("<?php {} <<<{}\n", "a;".repeat(9), "A".repeat(count)),
        "a".repeat(count),
        "9".repeat(count),
        "\u{fffd}".repeat(count),
        "\0".repeat(count),
    ]
}

/// Everything that is nested, so often, open and closed.
fn nested(count: usize) -> impl Iterator<Item = String> {
    NESTED.iter().flat_map(move |(open, close)| {
        let opened = open.repeat(count);
        let closed = (!close.is_empty()).then(|| format!("{opened}a{}", close.repeat(count)));
        std::iter::once(format!("{opened}a")).chain(closed)
    })
}

/// Reads a text whole, and while it is edited, and looks at it.
fn read(language: &'static Language, text: &str, patience: Duration) {
    let rope = Rope::from_str(text);
    let Some(tree) = tree(language, &rope, patience) else {
        return;
    };
    let parsed = Parsed {
        language,
        tree: tree.into(),
    };
    let middle = rope.char_to_byte(rope.len_chars() / 2);
    let (inside, errors) = (parsed.inside(&rope, middle), parsed.errors());
    let brackets = parsed.brackets(0..rope.len_bytes());
    assert!(
        errors <= rope.len_bytes() + 8 && brackets.orphans.len() <= rope.len_bytes(),
        "{inside:?}"
    );
    let mut document = Document::new(text, 1, language.id, None);
    let Some(job) = document.parse_job() else { return };
    document.parse_done(&job, Some(parsed));
    // In quarters of the text as it is then.
    let place = |document: &Document, quarters: usize| {
        let text = &document.text;
        from_offset(text, text.char_to_byte(text.len_chars() * quarters / 4), Encoding::Utf8)
    };
    for (from, to, text) in [(2, 2, "x"), (2, 2, "\n  "), (2, 4, ""), (0, 1, "(")] {
        let range = Some((place(&document, from), place(&document, to)));
        let text = text.to_owned();
        document
            .apply(2, &mut [Change { range, text }], Encoding::Utf8)
            .unwrap();
        if let Some(basis) = document.basis()
            && let Some(parsed) = basis.parsed(&document.text)
        {
            document.tree_made(&basis, &parsed);
        }
    }
}

#[test]
fn no_text_ends_the_process() {
    if std::env::var_os(CHILD).is_none() {
        let child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "documents::syntax::shapes::no_text_ends_the_process",
                "--nocapture",
            ])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&child.stderr);
        let last: Vec<&str> = told.lines().rev().take(3).collect();
        assert!(child.status.success(), "{}: {last:#?}", child.status);
        assert!(told.contains("all were read"), "{last:#?}");
        return;
    }
    for language in LANGUAGES {
        let read = |text: &str, patience| {
            let (beginning, bytes) = (text.chars().take(40).collect::<String>(), text.len());
            let name = (language.id, language.extensions[0]);
            writeln!(std::io::stderr(), "{name:?}: {bytes} bytes {beginning:?}").unwrap();
            read(language, text, patience);
        };
        nested(260).for_each(|text| read(&text, SHORT));
        others(260).iter().for_each(|text| read(text, LONG));
        NESTED.iter().for_each(|(open, _)| read(&open.repeat(3000), SHORT));
        for open in ["(", "[", "{", "<", "- ", "a.", "f(", "-", "{\"a\":[", "<a>"] {
            read(&open.repeat(100_000), SHORT);
        }
    }
    writeln!(std::io::stderr(), "all were read").unwrap();
}

/// Where a scanner's state has no room it is forgotten, and that is all.
#[test]
fn what_has_room_is_read_right() {
    let yaml = crate::documents::language::of_id("yaml").unwrap();
    let read = |text: &str| Parsed::new(yaml, &Rope::from_str(text)).unwrap().errors();
    let nested = |levels: usize| format!("{}a\n", "- ".repeat(levels));
    assert_eq!(read(&nested(253)), 0);
    read(&nested(254));
    assert_eq!(read("a:\n  - b\n"), 0);
}
