//! What users of such tools complain of, each as a text, what a model wrote there, and what is left of it.

use super::super::refine;
use super::super::tests::{parse, place};
use super::*;

/// Shows the document after accepting, or the reason. The extent is that of the place.
#[track_caller]
fn check(language: &str, extent: Extent, marked: &str, written: &str, expected: &str) {
    let mut place = place(marked, extent);
    parse(&mut place, language);
    let snapshot = &place.snapshot;
    let parsed = snapshot.parsed.as_ref();
    place.inside = parsed.map_or(Inside::Code, |parsed| parsed.inside(&snapshot.text, snapshot.offset));
    let shown = match refine(written, &place, true) {
        Ok(edit) => {
            let (before, after) = marked.split_once("$0").unwrap();
            format!("{before}{}{}", edit.text, &after[edit.replaces..])
        }
        Err(reason) => reason.as_str().to_owned(),
    };
    assert_eq!(shown, expected, "{marked:?} + {written:?}");
}

#[test]
fn within_a_line_no_error_is_added() {
    let check = |language: &str, marked: &str, written: &str, expected: &str| {
        check(language, Extent::Line, marked, written, expected)
    };
    check(
        "python",
        "if a < 1 or a > $0 or b < 0:\n    c()\n",
        "MAX: ",
        "if a < 1 or a > MAX or b < 0:\n    c()\n",
    );
    check(
        "c",
        "int f(void) {\n  ini->$0++;\n}\n",
        "head = entry;",
        "int f(void) {\n  ini->head = entry++;\n}\n",
    );
    check(
        "javascript",
        "import React, { useEffect, $0, useState } from 'react'\n",
        "type: 'function'",
        "import React, { useEffect, type, useState } from 'react'\n",
    );
    check(
        "javascript",
        "query.trim().$0();\n",
        "split(' ').map(function (item) {",
        "query.trim().split(' ').map();\n",
    );
    check("lua", "f(function(a, b) $0 end)\n", "{", "does-not-fit");
    check("python", "d = {'a': 1, $0}\n", "'k': 11, '", "d = {'a': 1, 'k': 11,}\n");
    // Where it fits nothing is cut.
    check(
        "python",
        "if a < 1 or a > $0 or b < 0:\n    c()\n",
        "MAX",
        "if a < 1 or a > MAX or b < 0:\n    c()\n",
    );
    check(
        "rust",
        "fn f() {\n    g($0, b);\n}\n",
        "a.len()",
        "fn f() {\n    g(a.len(), b);\n}\n",
    );
}

#[test]
fn no_line_says_what_the_one_above_it_says() {
    let check = |language: &str, marked: &str, written: &str, expected: &str| {
        check(language, Extent::Block, marked, written, expected)
    };
    check("yaml", "a: 1\nb: 2\n$0\n", "b: 2", "blank");
    check("toml", "a = 1\nb = 2\n$0\n", "b = 2\nb = 2\nc = 3", "blank");
    check("css", "a {\n  color: red;\n  $0\n}\n", "color: red;", "blank");
    check("yaml", "a: 1\nb: 2\n$0\n", "c: 2", "a: 1\nb: 2\nc: 2\n");
    // Closers do.
    check(
        "lua",
        "function f()\n  if a then\n    b()\n  end\n$0\n",
        "end",
        "function f()\n  if a then\n    b()\n  end\nend\n",
    );
}

#[test]
fn no_head_is_without_its_body() {
    let check = |language: &str, marked: &str, written: &str, expected: &str| {
        check(language, Extent::Block, marked, written, expected)
    };
    check(
        "python",
        "def f(items):\n    result = []\n    $0\n\n\nprint(f([1]))\n",
        "result.sort()\n    for item in items:",
        "def f(items):\n    result = []\n    result.sort()\n\n\nprint(f([1]))\n",
    );
    check("bash", "f() {\n  $0\n}\n", "a=1\n  if b; then", "f() {\n  a=1\n}\n");
    // What goes on in another block than the cursor's is none of its.
    check(
        "python",
        "def f(items):\n    a = []\n    $0\n\n\nprint(f([1]))\n",
        "return a\n\n\ndef f(items):\n    return a",
        "def f(items):\n    a = []\n    return a\n\n\nprint(f([1]))\n",
    );
    // The body stands below, or is the next suggestion.
    let above = "def f(a):\n    $0\n        c(b)\n";
    check(
        "python",
        above,
        "d()\n    for b in a:",
        "def f(a):\n    d()\n    for b in a:\n        c(b)\n",
    );
    check(
        "python",
        "def f(a):\n    $0\n",
        "for b in a:",
        "def f(a):\n    for b in a:\n",
    );
}

#[test]
fn no_bracket_is_left_open_in_a_document_that_lacked_none() {
    let check = |language: &str, marked: &str, written: &str, expected: &str| {
        check(language, Extent::Block, marked, written, expected)
    };
    let new = "impl A {\n    fn new() -> Self {\n        $0\n    }\n}\n";
    check(
        "rust",
        new,
        "Self {\n            items: HashMap::new(),",
        "impl A {\n    fn new() -> Self {\n        Self {\n    }\n}\n",
    );
    check(
        "rust",
        new,
        "let a = 1;\n        Self {\n            items: a,",
        "impl A {\n    fn new() -> Self {\n        let a = 1;\n    }\n}\n",
    );
    check(
        "rust",
        new,
        "Self {\n            items: a,\n        }",
        "impl A {\n    fn new() -> Self {\n        Self {\n            items: a,\n        }\n    }\n}\n",
    );
    check(
        "json",
        "{\"a\": {$0}}\n",
        "\n  \"b\": {\n    \"c\": {",
        "{\"a\": {\n  \"b\": {}}\n",
    );
}

#[test]
fn the_unit_of_indentation_is_the_document_s() {
    let check = |language: &str, marked: &str, written: &str, expected: &str| {
        check(language, Extent::Block, marked, written, expected)
    };
    let tabs = "def a(x):\n\tif x:\n\t\treturn 1\n\treturn 2\n\ndef b(x, y):";
    check(
        "python",
        &format!("{tabs}$0"),
        "\n    return x",
        &format!("{tabs}\n\treturn x"),
    );
    check(
        "python",
        &format!("{tabs}\n\t$0"),
        "if x:\n        y()\n    return x",
        &format!("{tabs}\n\tif x:\n\t\ty()\n\treturn x"),
    );
    let three = "void a() {\n   if (x) {\n      b();\n   }\n}\n\nvoid c() {$0}\n";
    check(
        "c",
        three,
        "\n  if (x) {\n    d();\n  }\n",
        "void a() {\n   if (x) {\n      b();\n   }\n}\n\nvoid c() {\n   if (x) {\n      d();\n   }}\n",
    );
    let eight = "def a(x):\n        return x\n\ndef b(x):$0\n";
    check(
        "python",
        eight,
        "\n    return x",
        "def a(x):\n        return x\n\ndef b(x):\n        return x\n",
    );
    // A document's own unit stays, and so does what is aligned.
    let four = "def a(x):\n    return x\n\ndef b(x):$0\n";
    check(
        "python",
        four,
        "\n    return x",
        "def a(x):\n    return x\n\ndef b(x):\n    return x\n",
    );
}

#[test]
fn what_is_accepted_again_and_again_goes_round_no_more() {
    let check = |marked: &str, written: &str, expected: &str| check("c", Extent::Line, marked, written, expected);
    let circle = " the first one of the first one of the first one of the";
    check(
        "/*\n * The first one of:$0\n */\n",
        circle,
        "/*\n * The first one of: the first one of\n */\n",
    );
    check(
        "/*\n * of the first one of the first one$0\n */\n",
        " of the first one",
        "goes-in-circles",
    );
}

#[test]
fn no_list_counts_on() {
    let check = |language: &str, marked: &str, written: &str, expected: &str| {
        check(language, Extent::Line, marked, written, expected)
    };
    check(
        "toml",
        "a = [$0]\n",
        "\"3.12\", \"3.13\", \"3.14\", \"3.15\", \"3.16\"",
        "a = [\"3.12\",]\n",
    );
    check("bash", "f $0\n", "\"$1\" \"$2\" \"$3\" \"$4\" \"$5\"", "f \"$1\"\n");
    check("python", "a = [$0]\n", "3, 7, 1, 9, 4, 2", "a = [3, 7, 1, 9, 4, 2]\n");
    check("python", "a = [$0]\n", "1, 2, 3", "a = [1, 2, 3]\n");
}

#[test]
fn in_a_string_signs_alone_are_nothing() {
    let check =
        |marked: &str, written: &str, expected: &str| check("javascript", Extent::Line, marked, written, expected);
    check("a = \"b$0\";\n", ";", "signs-alone");
    check("f(\"b$0\")\n", ");", "signs-alone");
    check("f(\"b$0\n", "\");", "f(\"b\");\n");
    check("f(\"b$0\")\n", " c", "f(\"b c\")\n");
}
