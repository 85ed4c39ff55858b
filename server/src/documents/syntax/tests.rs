use super::*;
use crate::documents::document::{Change, Document};
use crate::documents::language;
use crate::documents::position::{Encoding, from_offset};

#[track_caller]
fn check(language: &str, marked: &str, expected: Inside) {
    let (before, after) = marked.split_once("$0").unwrap();
    let text = Rope::from_str(&format!("{before}{after}"));
    let parsed = Parsed::new(language::of_id(language).unwrap(), &text).unwrap();
    assert_eq!(parsed.inside(&text, before.len()), expected, "{language}: {marked:?}");
}

#[test]
fn comments_and_strings_are_told_from_code() {
    use Inside::{Code, Comment, String};
    check("rust", "fn f() { // a$0\n}", Comment);
    check("rust", "fn f() { // a\n$0}", Code);
    check("rust", "/// a\n$0fn f() {}", Code);
    check("rust", "/// a$0\nfn f() {}", Comment);
    check("rust", "fn f() { /* a$0 */ }", Comment);
    check("rust", "fn f() { /* a */$0 }", Code);
    check("rust", "fn f() { g(\"a$0\") }", String);
    check("rust", "fn f() { g(\"$0\") }", String);
    check("rust", "fn f() { g($0\"a\") }", Code);
    check("rust", "fn f() { g(\"a\"$0) }", Code);
    check("python", "def f():\n    \"\"\"A\n    $0\n    \"\"\"\n", String);
    check("python", "x = f\"a {b$0} c\"\n", Code);
    check("python", "x = f\"a {b} $0c\"\n", String);
    check("python", "x = 1  # a$0", Comment);
    check("javascript", "x = `a ${b$0} c`;\n", Code);
    check("javascript", "x = `a$0 ${b}`;\n", String);
    check("typescript", "const a: string = 'b$0';\n", String);
    check("typescriptreact", "const a = <p>some te$0xt</p>;\n", String);
    check("go", "package a\n// b$0\n", Comment);
    check("c", "int a; /* b\n * $0\n */\n", Comment);
    check("cpp", "auto a = R\"(b$0)\";\n", String);
    check("java", "class A { String b = \"c$0\"; }\n", String);
    check("bash", "a=\"b $(c$0) d\"\n", Code);
    check("bash", "a='b$0'\n", String);
    check("lua", "--[[ a$0 ]]\n", Comment);
    check("lua", "--[[ a ]]$0\n", Code);
    check("html", "<!-- a$0 --><p>b</p>", Comment);
    check("css", "a { b: \"c$0\"; }", String);
    check("json", "{\"a$0\": 1}", String);
    check("yaml", "a: 1 # b$0\n", Comment);
    check("toml", "a = \"b$0\"\n", String);
    check("rust", "$0", Code);
}

/// A text that is right with `\n` is as right with `\r`, alone or mixed with others, and with a byte order mark.
#[test]
fn every_end_of_a_line_is_one_to_every_grammar() {
    let texts = [
        ("python", "def f(a):\n    # b\n    return a\n\nx = 1\n"),
        ("javascript", "// a\nlet b = 1\nlet c = `d\n`\n"),
        ("rust", "// a\nfn f() {}\n/// b\nfn g() {}\n"),
        ("c", "#define A 1\n// b\nint c;\n"),
        ("go", "package a\n\n// b\nfunc f() {\n\tg()\n}\n"),
        ("bash", "# a\nif b; then\n  c\nfi\ncat <<E\nd\nE\n"),
        ("yaml", "a:\n  - b # c\n  - d\ne: |\n  f\n"),
        ("toml", "# a\nb = 1\n[c]\nd = 2\n"),
        ("lua", "-- a\nlocal b = 1\nreturn b\n"),
        ("json", "{\n\"a\": 1\n}\n"),
        ("css", "a {\n  b: c;\n}\n"),
    ];
    for (id, text) in texts {
        let sexp = |text: &str| {
            let parsed = Parsed::new(language::of_id(id).unwrap(), &Rope::from_str(text)).unwrap();
            parsed.tree.root_node().to_sexp()
        };
        let expected = sexp(text);
        assert!(!expected.contains("ERROR"), "{id}: {expected}");
        assert_eq!(sexp(&text.replace('\n', "\r")), expected, "{id} with \\r");
        assert_eq!(sexp(&text.replacen('\n', "\r", 1)), expected, "{id}, mixed");
        assert_eq!(sexp(&format!("\u{feff}{text}")), expected, "{id} with a mark");
    }
    check("python", "# a\r$0b = 1\r", Inside::Code);
    check("python", "# a$0\rb = 1\r", Inside::Comment);
    check("python", "# a\u{2028}b\u{b}c\u{c}d\u{85}e$0\n", Inside::Comment);
}

#[test]
fn errors_are_counted() {
    let errors = |text: &str| {
        let parsed = Parsed::new(language::of_id("rust").unwrap(), &Rope::from_str(text));
        parsed.unwrap().errors()
    };
    assert_eq!(errors("fn f() { g(1); }"), 0);
    assert_eq!(errors("fn f() { g(1; }"), 1);
    assert!(errors("fn f() { ) } fn ] g") > 1);
}

#[test]
fn leaves_are_those_that_begin_in_the_range() {
    let text = Rope::from_str("fn f() { g(a) }");
    let parsed = Parsed::new(language::of_id("rust").unwrap(), &text).unwrap();
    let kinds =
        |range: Range<usize>| -> Vec<&str> { parsed.leaves(range).iter().map(tree_sitter::Node::kind).collect() };
    assert_eq!(kinds(9..13), ["identifier", "(", "identifier", ")"]);
    assert_eq!(kinds(0..15).len(), 10);
    assert_eq!(kinds(20..30), [""; 0]);
}

/// Edits as a client sends them, in any language and with any line ends: the tree is that of a fresh parse.
#[test]
fn after_random_edits_the_tree_is_that_of_a_fresh_parse() {
    let mut random = 7_u64;
    let mut below = |limit: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize % limit
    };
    let pieces = [
        "fn a() {\n",
        "}\n",
        "\"",
        "(",
        ")",
        "x = 1",
        "\r\n",
        "\r",
        "\u{feff}",
        "// é😀",
        "/*",
        "*/",
        "    ",
        "if a:\n",
        "\t",
        "'",
        "`${",
    ];
    for id in ["rust", "python", "typescript", "c", "yaml", "lua"] {
        let language = language::of_id(id).unwrap();
        let mut document = Document::new("", 0, id, None);
        let mut compared = 0;
        for version in 1..400 {
            let chars = document.text.len_chars();
            let start = below(chars + 1);
            let end = if below(3) == 0 {
                (start + below(9)).min(chars)
            } else {
                start
            };
            let place = |at| from_offset(&document.text, document.text.char_to_byte(at), Encoding::Utf16);
            let change = Change {
                range: (below(40) > 0).then(|| (place(start), place(end))),
                text: (0..=below(3)).map(|_| pieces[below(pieces.len())]).collect(),
            };
            document.apply(version, &mut [change], Encoding::Utf16).unwrap();
            if below(4) == 0
                && let Some(job) = document.parse_job()
            {
                document.parse_done(&job, job.run());
            }
            if let Some(parsed) = parsed(&mut document) {
                let fresh = Parsed::new(language, &document.text).unwrap();
                let sexp = |parsed: &Parsed| parsed.tree.root_node().to_sexp();
                assert_eq!(sexp(&parsed), sexp(&fresh), "{id}: {:?}", document.text);
                compared += 1;
            }
        }
        assert!(compared > 100, "{id}: {compared}");
    }
}

/// The tree of a document, if it is quick to have, as a request has it made.
fn parsed(document: &mut Document) -> Option<Parsed> {
    let basis = document.basis()?;
    let parsed = basis.parsed(&document.text)?;
    document.tree_made(&basis, &parsed);
    Some(parsed)
}

#[test]
fn a_tree_that_comes_late_gets_the_edits_since() {
    let mut document = Document::new("fn f() {}", 1, "rust", None);
    assert!(parsed(&mut document).is_none(), "nobody has made one");
    let job = document.parse_job().unwrap();
    assert!(document.parse_job().is_none(), "it is being made");
    let at = |column| crate::documents::position::LineColumn { line: 0, column };
    let mut change = Change {
        range: Some((at(8), at(8))),
        text: "\"".to_owned(),
    };
    document
        .apply(2, std::slice::from_mut(&mut change), Encoding::Utf8)
        .unwrap();
    document.parse_done(&job, job.run());
    assert_eq!(parsed(&mut document).unwrap().errors(), 1);
    // One of a text that is gone is of no use.
    document
        .apply(
            3,
            &mut [Change {
                range: None,
                text: "mod".to_owned(),
            }],
            Encoding::Utf8,
        )
        .unwrap();
    let late = document.parse_job().unwrap();
    document
        .apply(
            4,
            &mut [Change {
                range: None,
                text: "mod a;".to_owned(),
            }],
            Encoding::Utf8,
        )
        .unwrap();
    let next = document.parse_job().unwrap();
    document.parse_done(&late, late.run());
    assert!(parsed(&mut document).is_none());
    document.parse_done(&next, next.run());
    assert_eq!(parsed(&mut document).unwrap().errors(), 0);
}

#[test]
fn what_is_too_long_has_no_tree() {
    let mut document = Document::new(&"a;\n".repeat(MOST_BYTES / 3 + 1), 1, "c", None);
    assert!(parsed(&mut document).is_none() && document.parse_job().is_none());
    let mut document = Document::new("a", 1, "klingon", None);
    assert!(parsed(&mut document).is_none() && document.parse_job().is_none());
}
