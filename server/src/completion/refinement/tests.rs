use ropey::Rope;

use super::*;
use crate::documents::syntax::Parsed;

pub(super) fn place(marked: &str, extent: Extent) -> Surroundings {
    let (before, after) = marked.split_once("$0").unwrap();
    let mut below = after.lines();
    let rest = below.next().unwrap_or_default();
    Surroundings {
        above: before.rsplit('\n').nth(1).map(str::to_owned),
        before: before.rsplit('\n').next().unwrap_or_default().to_owned(),
        after: rest.to_owned(),
        next_lines: below
            .filter(|line| !line.trim().is_empty())
            .take(2)
            .map(str::to_owned)
            .collect(),
        newline: if marked.contains("\r\n") { "\r\n" } else { "\n" },
        extent,
        inside: Inside::Code,
        runs_on: false,
        snapshot: Arc::new(Snapshot {
            text: Rope::from_str(&format!("{before}{after}")),
            offset: before.len(),
            ..Snapshot::default()
        }),
    }
}

/// Gives a place the syntax tree of its language.
pub(super) fn parse(place: &mut Surroundings, language: &str) {
    let snapshot = Arc::make_mut(&mut place.snapshot);
    snapshot.language = crate::documents::language::of_id(language);
    snapshot.parsed = Parsed::new(crate::documents::language::of_id(language).unwrap(), &snapshot.text);
}

/// Shows the document after accepting, or the reason.
fn check_extent(extent: Extent, marked: &str, written: &str, expected: &str) {
    let shown = match refine(written, &place(marked, extent), true) {
        Ok(edit) => {
            let (before, after) = marked.split_once("$0").unwrap();
            format!("{before}{}{}", edit.text, &after[edit.replaces..])
        }
        Err(reason) => reason.as_str().to_owned(),
    };
    assert_eq!(shown, expected, "{marked:?} + {written:?}");
}

fn check(marked: &str, written: &str, expected: &str) {
    check_extent(Extent::Block, marked, written, expected);
}

#[test]
fn trailing_whitespace_goes() {
    check("a = $0\n", "1  \n\n", "a = 1\n");
    check("a = $0", " \n\t\n", "blank");
    check("a = $0", "", "blank");
}

#[test]
fn one_line_is_cut_at_its_end() {
    check_extent(Extent::Line, "a = $0 + 2", "1\nb = 3", "a = 1 + 2");
    check_extent(Extent::Line, "if x {$0", "\n    y\n}", "blank");
    assert!(is_complete("1\n", &place("a = $0 + 2", Extent::Line)));
    assert!(!is_complete("1", &place("a = $0 + 2", Extent::Line)));
}

#[test]
fn a_paired_closer_is_not_repeated() {
    check("foo($0)", "a, b)", "foo(a, b)");
    check("foo($0)", "a, b);", "foo(a, b);");
    check("foo($0);", "a, b);", "foo(a, b);");
    check("foo([$0])", "1, 2])", "foo([1, 2])");
    check("foo([$0])", "1, 2]", "foo([1, 2])");
    check("s = \"$0\"", "hello\"", "s = \"hello\"");
    check("f(\"$0\")", "hello\", x)", "f(\"hello\", x)");
    check("if x {$0}", "\n    y\n}", "if x {\n    y\n}");
    check("foo($0 )", "a)", "foo(a)");
}

#[test]
fn a_closer_of_its_own_is_kept() {
    check("foo($0)", "bar()", "foo(bar())");
    check("foo($0)", "a, b", "foo(a, b)");
    check("foo($0)", "\"x\"", "foo(\"x\")");
    check("x = [$0]", "f([1])", "x = [f([1])]");
    check("$0\"", "\"a\" + ", "\"a\" +\"");
    check("HashMap<u8, $0>", "Vec<u8>", "HashMap<u8, Vec<u8>>");
    check("Vec<$0>", "u8>", "Vec<u8>");
    check("same<$0>().as<\"a\">();", "A<B>>().as<", "same<A<B>>().as<\"a\">();");
    check("f: Box<dyn Fn() $0>", "-> Vec<u8>", "f: Box<dyn Fn() -> Vec<u8>>");
    check("x = 'I $0'", "don't know", "x = 'I don't know'");
}

#[test]
fn what_follows_on_the_line_is_not_repeated() {
    check_extent(Extent::Line, "let x = $0 + 1;", "y + 1;", "let x = y + 1;");
    check_extent(Extent::Line, "let x = $0;", "y;", "let x = y;");
    check_extent(Extent::Line, "f(a$0, b)", ", b)", "repeats-what-follows");
    check_extent(Extent::Line, "f($0) + g(1)", "x) + g(1)", "f(x) + g(1)");
    check("foo($0)", ")", "repeats-what-follows");
    check("f(a$0 = \"b\")", "c = \"d\", e = \"b\"", "f(ac = \"d\", e = \"b\")");
    // Were each beginning of the line tried, this would take hours.
    let long = "x, ".repeat(1_000_000);
    check_extent(
        Extent::Line,
        &format!("f($0{long})"),
        "a, x, ",
        &format!("f(a, {long})"),
    );
}

#[test]
fn the_next_line_is_not_repeated() {
    check("if x {\n    $0\n}", "y();\n}\nz();", "if x {\n    y();\n}");
    check("    $0\n    b();\n", "a();\n    b();\n    c();", "    a();\n    b();\n");
    check("$0\nreturn x\n", "return x", "repeats-what-follows");
    check("    $0\n    return x\n", "return x\n", "repeats-what-follows");
    // Nor is what the line after it says, unless more follows.
    check("  $0\nelse\n  a = 1\nend\n", "a = 1\n", "repeats-what-follows");
    check(
        "  $0\nelse\n  a = 1\nend\n",
        "a = 1\n  b()",
        "  a = 1\n  b()\nelse\n  a = 1\nend\n",
    );
    check("  $0\nx\n}\n", "if y {\n}", "  if y {\n}\nx\n}\n");
    // That holds for a line that was begun, with what stays right of it, and at another depth.
    check("impo$0\nimport a\nimport b\n", "rt b", "repeats-what-follows");
    check_extent(
        Extent::Line,
        "char $0;\nchar b = 1;\n",
        "b = 1;",
        "repeats-what-follows",
    );
    check_extent(
        Extent::Line,
        "  .a($0)\n  .a('b')\n  .a('c')\n",
        "'c')",
        "repeats-what-follows",
    );
    check(
        "  $0\nexcept:\n  return a\n",
        "return a\nexcept:\n  return a",
        "repeats-what-follows",
    );
    check("#[a$0\nmod b;\n#[a]\n", "]", "#[a]\nmod b;\n#[a]\n");
    check_extent(Extent::Line, "a($0)\na(b)\n", "b, c)", "a(b, c)\na(b)\n");
    check(
        "for k in a {$0\n  }\n  return b;\n",
        "\n    f(k);\n    return b;",
        "for k in a {\n    f(k);\n  }\n  return b;\n",
    );
    // Nor is its beginning, where that is long enough to be no accident.
    check("f(g$0\n  get_it(1),\n", "(0), get_it", "f(g(0),\n  get_it(1),\n");
    check("a = $0\nword.b()\n", "word", "a = word\nword.b()\n");
    // The same words at another depth are another line.
    check(
        "    $0\n}",
        "if x {\n        y\n    }",
        "    if x {\n        y\n    }\n}",
    );
}

#[test]
fn nothing_goes_round_in_circles() {
    check("    a.bc = bc\n    $0\n", "a.bc = bc\n    a.bc = bc\n", "blank");
    check("x = 1\n$0\n", "value = 2\nvalue = 2\nvalue = 2\n", "x = 1\nvalue = 2\n");
    check("x = 1\n$0\n", "value = 2\nvalue = 23", "x = 1\nvalue = 2\nvalue = 23\n");
    check("f($0\n", "a: 1, a: 1, a: 1, a: 1, ", "f(a: 1,\n");
    let long = "long_name(of_a_thing, 1), ";
    check("f($0\n", &long.repeat(3), "f(long_name(of_a_thing, 1),\n");
    // What is like it, and is none.
    check(
        "f($0)\n",
        "long_name(a_thing) == long_name(a_thing)",
        "f(long_name(a_thing) == long_name(a_thing))\n",
    );
    check("value = 2\nval$0\n", "ue = 2\n", "value = 2\nvalue = 2\n");
    check("{\n    }\n    $0\n", "}\n}\n", "{\n    }\n    }\n}\n");
    check(
        "// $0\n",
        "----------------------------",
        "// ----------------------------\n",
    );
    check("x = [$0\n", "1, 2, 1, 2, 1, 2]", "x = [1, 2, 1, 2, 1, 2]\n");
    assert!(is_complete("a: 1, a: 1, a: 1, a: 1, ", &place("f($0", Extent::Line)));
    assert!(!is_complete("a: 1, a: 1, a: 1, ", &place("f($0", Extent::Line)));
    assert_eq!(loops("éé😀x éé😀x éé😀x éé😀x "), Some(10));
}

#[test]
fn what_was_cut_off_ends_at_a_whole_word() {
    let check = |text: &str, expected: &str| assert_eq!(closed(text), expected, "{text:?}");
    check("", "");
    check("wor", "");
    check("two wor", "two");
    check("f(x)", "f(x)");
    check("f(x) + g(y, z", "f(x) + g");
    check("f(a, b", "f");
    check("(a, b", "(a,");
    check("a = \"some text, cut", "a =");
    check("\"(\" + x", "\"(\" +");
    check("[1, 2], [3", "[1, 2],");
    check("\n    whole\n    hal", "\n    whole");
    check("\n    hal", "");
    check("é + dé", "é +");
}

#[test]
fn line_breaks_are_the_documents() {
    check("if x {$0\r\n", "\n    y\n}", "if x {\r\n    y\r\n}\r\n");
    check("if x {$0\r\n", "\r\n    y\r\n}", "if x {\r\n    y\r\n}\r\n");
    check("if x {$0\n", "\r\n    y\r\n}", "if x {\n    y\n}\n");
}

#[test]
fn a_model_that_runs_on_is_stopped_after_the_block() {
    let ends = |marked: &str, written: &str, expected: &str| {
        let place = Surroundings {
            runs_on: true,
            ..place(marked, Extent::Block)
        };
        assert_eq!(
            refine(written, &place, true).unwrap().text,
            expected,
            "{marked:?} + {written:?}"
        );
    };
    ends("def f():$0", "\n    a\n\n    b\n\ndef g():", "\n    a\n\n    b");
    ends("    return $0", "1\n\n    def g():", "1");
    ends("    $0", "a\n    b\nc", "a\n    b");
    ends("fn f() {$0", "\n    a\n}\n\nfn g() {", "\n    a\n}");
    ends("x = $0", "1\ny = 2\n", "1\ny = 2");
    ends("$0", "\n\ndef f():\n    a\n\nb", "\n\ndef f():\n    a");
}

#[test]
fn decoding_stops_where_a_text_leaves_its_piece_of_syntax() {
    #[track_caller]
    fn check(marked: &str, text: &str, expected: bool) {
        let mut place = place(marked, Extent::Block);
        parse(&mut place, "rust");
        assert_eq!(steps_out(text, &place), expected, "{marked:?} + {text:?}");
    }
    let body = "fn f() {\n    $0\n}\n";
    check(body, "g();\n", false);
    check(body, "g();\n}", false);
    check(body, "g();\n}\n", true);
    check(body, "g();\n}\n\nfn h", true);
    check(body, "if a {\n    g();\n}\n", false);
    check(body, "if a {\n", false);
    // The closer further down is the first one's, once another bracket is opened.
    check(
        "fn f() {\n    if a {\n        $0\n    }\n}\n",
        "b\n    } else {\n",
        false,
    );
    // Nothing closes it yet.
    check("fn f() {\n    $0", "g();\n}\n", false);
    check("g($0);\n", "a)\n", false);
}

#[test]
fn what_is_left_of_a_misfit_repeats_nothing_either() {
    let mut place = place(
        "f() {\n  {\n    $0\n    show \"$width\" output\n  }\n}\n",
        Extent::Block,
    );
    parse(&mut place, "shellscript");
    let edit = refine("width=8\n    show \"$width\") | tail", &place, true).unwrap();
    assert_eq!((edit.text.as_str(), edit.replaces), ("width=8", 0));
}
