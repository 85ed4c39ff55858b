use super::candidates;
use crate::documents::language;
use crate::eval::holes::{HoleKind, SourceFile};
use crate::eval::random::Random;

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        language: language::of_path(path.as_ref()).unwrap(),
        text: text.to_owned(),
    }
}

/// The holes of a kind, as what was cut out, in the order of the text.
#[track_caller]
fn holes(path: &str, kind: HoleKind, text: &str) -> Vec<String> {
    let found = candidates(&file(path, text), &mut Random::new(1, "test"));
    let at = HoleKind::HOLES.iter().position(|known| *known == kind).unwrap();
    let mut ranges = found.kinds[at].clone();
    ranges.sort_by_key(|range| (range.start, range.end));
    ranges.into_iter().map(|range| text[range].to_owned()).collect()
}

#[track_caller]
fn check(path: &str, kind: HoleKind, text: &str, expected: &[&str]) {
    assert_eq!(holes(path, kind, text), expected, "{} in {text:?}", kind.as_str());
}

#[test]
fn closing_brackets_are_found_by_the_tree() {
    let check = |path, text, expected: &[&str]| check(path, HoleKind::Bracket, text, expected);
    check(
        "a.rs",
        "fn f() {\n    g(h(x)); // )\n    \")\";\n}\n",
        &[")", "))", ")"],
    );
    check("a.rs", "fn f() {\n    g(\"x)\");\n}\n", &[")", "\")", ")"]);
    check("a.py", "x = {'a': [f(1)]}\n# )\n", &[")]}", "]}", "}"]);
    check("a.go", "package a\n\nvar x = f(`)`, \"(\")\n", &["\")", ")"]);
    check("a.c", "int a[] = {1, 2};\nchar b = ')';\n", &["]", "}"]);
    check("a.ts", "f(`)${g(1)})`);\n", &[")}", "}", "`)", ")"]);
    // Nothing stands left of it on the line.
    check("a.js", "f(\n  1,\n);\n", &[]);
    // More than eight at once.
    check(
        "a.py",
        "((((((((((1))))))))))\n",
        &["))))))))", ")))))))", "))))))", ")))))", "))))", ")))", "))", ")"],
    );
}

/// Which names get a hole: the truths vary with what was typed before them.
#[track_caller]
fn check_names(path: &str, text: &str, names: &[&str]) {
    let found = holes(path, HoleKind::Identifier, text);
    assert_eq!(found.len(), names.len(), "{found:?}");
    for (rest, name) in found.iter().zip(names) {
        assert!(name.ends_with(rest.as_str()) && rest.len() < name.len(), "{found:?}");
        assert!((2..=8).contains(&rest.chars().count()), "{found:?}");
    }
}

#[test]
fn names_that_stand_earlier_are_finished() {
    check_names(
        "a.rs",
        "fn f(value: u8) -> u8 {\n    value + va + other\n}\n",
        &["value"],
    );
    check_names(
        "a.py",
        "name = 1\nname = name\n# name\n'name'\nab = ab\n",
        &["name", "name"],
    );
    check_names(
        "a.go",
        "package a\n\nfunc f(count int) int { return count }\n",
        &["int", "count"],
    );
    check_names("a.c", "int total;\nint f(void) { return total; }\n", &["total"]);
    check_names(
        "a.ts",
        "const configuration = 1;\nlog(`${configuration}`);\nexport { log };\n",
        &["configuration", "log"],
    );
}

/// The statements that end their line, whose last one to eight characters may be cut out.
#[track_caller]
fn check_statements(path: &str, text: &str, statements: &[&str]) {
    let found = holes(path, HoleKind::StatementEnd, text);
    assert_eq!(found.len(), statements.len(), "{found:?}");
    for (end, statement) in found.iter().zip(statements) {
        assert!(
            statement.ends_with(end.as_str()) && end.len() < statement.len(),
            "{found:?}"
        );
        assert!((1..=8).contains(&end.chars().count()), "{found:?}");
    }
}

#[test]
fn the_ends_of_statements_are_the_ends_of_their_lines() {
    check_statements(
        "a.rs",
        "use a::name;\n\nfn f() {\n    let value = 12345; // why\n    call_it(a);\n    other_one()\n}\n",
        &["use a::name;", "call_it(a);"],
    );
    check_statements(
        "a.py",
        "import something\nx = [1,\n     2, 3]\nreturn_it()\n",
        &["import something", "     2, 3]", "return_it()"],
    );
    check_statements(
        "a.go",
        "package something\n\nfunc f() error {\n\tvalue := 1234\n\treturn errors.New(\"x\")\n}\n",
        &["package something", "value := 1234", "return errors.New(\"x\")"],
    );
    check_statements(
        "a.c",
        "int f(void) {\n    int value = 1;\n    return value;\n}\n",
        &["int value = 1;", "return value;"],
    );
    check_statements(
        "a.ts",
        "const value = 12;\nexport const other = 3;\nif (value) { run(); }\n",
        &["const value = 12;", "export const other = 3;"],
    );
}

#[test]
fn lines_are_cut_between_tokens() {
    let check = |path, text: &str, expected: &[&str]| check(path, HoleKind::Line, text, expected);
    check("a.rs", "let x = f(1);\n", &["x = f(1);", "= f(1);", "f(1);", "(1);"]);
    check(
        "a.py",
        "    # all of this is a comment\nx = 'a b'  \n",
        &["= 'a b'", "'a b'"],
    );
    check("a.go", "package a // and more\n", &["a // and more"]);
    check("a.c", "#define SIZE 12\n", &["SIZE 12"]);
    check(
        "a.ts",
        "a = `x ${y}`;\n",
        &["= `x ${y}`;", "`x ${y}`;", "${y}`;", "y}`;"],
    );
    check("a.py", &format!("x = '{}'\n", "y".repeat(90)), &[]);
}

#[test]
fn tokens_are_cut_inside() {
    for (path, text) in [
        ("a.rs", "let value = other.call(1);\n"),
        ("a.py", "value = 'some text' + other\n"),
        ("a.go", "package some_name\n"),
        ("a.c", "int value = other(12);\n"),
        ("a.ts", "const value = other(`text`);\n"),
    ] {
        let found = holes(path, HoleKind::Token, text);
        assert!(!found.is_empty(), "{path}");
        let line = text.trim_end();
        for middle in found {
            let before = line.strip_suffix(middle.as_str()).unwrap();
            let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ' ');
            assert!(
                inside(before.chars().last()) && inside(middle.chars().next()),
                "{before:?} {middle:?}"
            );
            assert!((4..=80).contains(&middle.chars().count()), "{middle:?}");
        }
    }
}

#[test]
fn nodes_are_whole_and_have_text_on_both_sides() {
    let check = |path, text, expected: &[&str]| check(path, HoleKind::Node, text, expected);
    check(
        "a.rs",
        "fn f(a: u8) -> u8 {\n    g(1 + a) * 2\n}\n",
        &["(a: u8)", "a: u8", "(1 + a)", "1 + a"],
    );
    check("a.py", "if left == right: pass\n", &["left == right"]);
    check("a.go", "package a\n\nvar x = f(y+z) + 1\n", &["f(y+z)", "(y+z)"]);
    check(
        "a.c",
        "int x = f(a, b) + 1;\n",
        &["x = f(a, b) + 1", "f(a, b)", "f(a, b) + 1", "(a, b)"],
    );
    check(
        "a.ts",
        "const x = { key: 'some' };\n",
        &["x = { key: 'some' }", "{ key: 'some' }", "key: 'some'", "'some'"],
    );
}

#[test]
fn bodies_are_cut_after_their_opening_or_where_they_begin() {
    let check = |path, text: &str, expected: &[&str]| check(path, HoleKind::Block, text, expected);
    check(
        "a.rs",
        "fn f() {\n    a();\n    b();\n}\n",
        &["\n    a();\n    b();", "a();\n    b();"],
    );
    check(
        "a.rs",
        "struct S {\n    a: u8,\n    b: u8,\n}\n",
        &["\n    a: u8,\n    b: u8,", "a: u8,\n    b: u8,"],
    );
    check(
        "a.py",
        "def f():\n    a()\n    b()\n",
        &["\n    a()\n    b()", "a()\n    b()"],
    );
    check("a.py", "def f():  # why\n    a()\n    b()\n", &["a()\n    b()"]);
    check(
        "a.go",
        "package a\n\nfunc f() {\n\ta()\n\tb()\n}\n",
        &["\n\ta()\n\tb()", "a()\n\tb()"],
    );
    check(
        "a.c",
        "int f(void) {\n    a();\n    return 1;\n}\n",
        &["\n    a();\n    return 1;", "a();\n    return 1;"],
    );
    check(
        "a.ts",
        "function f() {\n  a();\n  b();\n}\n",
        &["\n  a();\n  b();", "a();\n  b();"],
    );
    // One line, nine lines, and a body that begins beside its brace.
    check("a.rs", "fn f() {\n    a();\n}\n", &[]);
    let nine = format!("fn f() {{\n{}}}\n", "    a();\n".repeat(9));
    check("a.rs", &nine, &[]);
    check("a.rs", "fn f() { a();\n    b();\n}\n", &[]);
}

#[test]
fn what_the_grammar_cannot_read_is_left_alone() {
    assert_eq!(holes("a.rs", HoleKind::Bracket, "@@ ((( fn\n"), Vec::<String>::new());
    for kind in HoleKind::HOLES {
        assert_eq!(holes("a.py", kind, ""), Vec::<String>::new());
    }
}

#[test]
fn holes_do_not_overlap() {
    let file = file("a.rs", "fn f() {\n    g(h(x), y);\n    g(h(x), y);\n}\n");
    let random = &mut Random::new(1, "");
    let mut found = candidates(&file, random);
    let mut taken = Vec::new();
    for kind in (0..HoleKind::HOLES.len()).cycle().take(50) {
        taken.extend(found.take(kind, random));
    }
    taken.sort_by_key(|range| range.start);
    assert!(
        taken.len() > 3 && taken.is_sorted_by(|a, b| a.end <= b.start),
        "{taken:?}"
    );
}
