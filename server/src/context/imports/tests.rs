use super::*;
use crate::documents::language;

/// What the imports of a file mean: a line for each, its places by their order.
#[track_caller]
fn check(path: &str, text: &str, expected: &[&[&str]]) {
    let layout = Layout {
        go_module: Some(("svc".to_owned(), "example.org/svc".to_owned())),
    };
    let language = language::of_path(std::path::Path::new(path)).expect("the language is known");
    let found: Vec<Vec<String>> = imports(text, language, path, &layout)
        .into_iter()
        .map(|places| {
            let shown = |place| match place {
                ImportPlace::File(path) => path,
                ImportPlace::Folder(path) => format!("{path}/"),
            };
            places.into_iter().map(shown).collect()
        })
        .collect();
    assert_eq!(found, expected, "{text}");
}

/// Whether an import may mean a file.
#[track_caller]
fn may_mean(path: &str, text: &str, expected: &str) {
    let language = language::of_path(std::path::Path::new(path)).expect("the language is known");
    let found = imports(text, language, path, &Layout::default());
    let place = ImportPlace::File(expected.to_owned());
    assert!(
        found.iter().flatten().any(|found| *found == place),
        "{expected} is not in {found:?}"
    );
}

#[test]
fn rust() {
    check(
        "src/lib.rs",
        "pub mod a;\nmod b { fn c() {} }",
        &[&["src/a.rs", "src/a/mod.rs"]],
    );
    check("src/a.rs", "mod b;", &[&["src/a/b.rs", "src/a/b/mod.rs"]]);
    check("src/a/mod.rs", "mod b;", &[&["src/a/b.rs", "src/a/b/mod.rs"]]);
    check(
        "tests/x.rs",
        "mod common;",
        &[&["tests/common.rs", "tests/common/mod.rs"]],
    );
    check(
        "c/src/x/y.rs",
        "use crate::a::B;",
        &[&[
            "c/src/a/B.rs",
            "c/src/a/B/mod.rs",
            "c/src/a.rs",
            "c/src/a/mod.rs",
            "c/src.rs",
            "c/src/mod.rs",
            "c/src/lib.rs",
            "c/src/main.rs",
        ]],
    );
    may_mean("src/x/y.rs", "use super::z::{self, A as B};", "src/x/z.rs");
    may_mean("src/x/y.rs", "use super::X;", "src/x.rs");
    may_mean("src/x/tests.rs", "use super::*;", "src/x.rs");
    may_mean("src/x/y/z.rs", "use super::super::w;", "src/x/w.rs");
    may_mean("src/x/mod.rs", "use super::w::W;", "src/w.rs");
    may_mean("src/lib.rs", "use crate::{a::{b::C, d}, e};", "src/a/b.rs");
    may_mean("src/lib.rs", "use crate::{a::{b::C, d}, e};", "src/a/d.rs");
    may_mean("src/lib.rs", "use crate::{a::{b::C, d},\n    e};", "src/e.rs");
    may_mean("src/a.rs", "use self::b::C;", "src/a/b.rs");
    may_mean("src/a.rs", "pub use b::C;", "src/a/b.rs");
    // A test inside of the file sees the file itself.
    check("src/a.rs", "mod tests { use super::*; }", &[]);
}

#[test]
fn python() {
    check(
        "pkg/a.py",
        "from .b import c",
        &[&["pkg/b/c.py", "pkg/b/c/__init__.py", "pkg/b.py", "pkg/b/__init__.py"]],
    );
    check(
        "pkg/a.py",
        "from . import c",
        &[&["pkg/c.py", "pkg/c/__init__.py", "pkg/__init__.py"]],
    );
    check(
        "pkg/sub/a.py",
        "from ..b import *",
        &[&["pkg/b.py", "pkg/b/__init__.py"]],
    );
    check(
        "pkg/a.py",
        "import x.y as z",
        &[&[
            "x/y.py",
            "x/y/__init__.py",
            "src/x/y.py",
            "src/x/y/__init__.py",
            "pkg/x/y.py",
            "pkg/x/y/__init__.py",
        ]],
    );
    may_mean("pkg/a.py", "import os, x", "x.py");
    may_mean("pkg/a.py", "from x.y import z as w", "x/y.py");
    may_mean("pkg/a.py", "if True:\n    from x import y, z", "x/z.py");
    check("a.py", "from ..b import c", &[]);
}

#[test]
fn javascript_and_typescript() {
    may_mean("src/a.ts", "import { b } from './b';", "src/b.ts");
    may_mean("src/a.ts", "import type { b } from '../b';", "b.ts");
    may_mean("src/a.ts", "export * from './b/index.js';", "src/b/index.ts");
    may_mean("src/a.ts", "import b from \"./b.js\"", "src/b.ts");
    may_mean("src/a.tsx", "import b from './b.svelte'", "src/b.svelte");
    may_mean("src/a.js", "const b = require('./lib')", "src/lib/index.js");
    may_mean("src/a.js", "const b = await import('../lib.mjs')", "lib.mjs");
    check(
        "src/a.js",
        "import x from 'react'; fetch('./y'); import z from '../../z'",
        &[],
    );
}

#[test]
fn go() {
    check(
        "svc/a/b.go",
        "package a\nimport \"example.org/svc/store\"",
        &[&["svc/store/"]],
    );
    check(
        "svc/a/b.go",
        "package a\nimport (\n\t\"fmt\"\n\tst \"example.org/svc/store/sql\"\n\t\"example.org/svcx\"\n)",
        &[&["svc/store/sql/"]],
    );
}

#[test]
fn java() {
    check(
        "m/src/main/java/p/q/A.java",
        "package p.q;\nimport p.r.B;",
        &[&["m/src/main/java/p/r/B.java", "m/src/main/java/p/r.java"]],
    );
    may_mean(
        "m/src/test/java/p/ATest.java",
        "package p;\nimport p.r.B;",
        "m/src/main/java/p/r/B.java",
    );
    may_mean(
        "src/p/A.java",
        "package p;\nimport static p.r.B.make;",
        "src/p/r/B.java",
    );
    check("src/p/A.java", "package p;\nimport p.r.*;", &[&["src/p/r/"]]);
}

#[test]
fn c_and_cpp() {
    check(
        "lib/src/a.c",
        "#include <stdio.h>\n#include \"b.h\"",
        &[&[
            "lib/src/b.h",
            "lib/src/include/b.h",
            "lib/include/b.h",
            "lib/b.h",
            "include/b.h",
            "b.h",
        ]],
    );
    may_mean("src/a.cpp", "#ifndef X\n#include \"../x/b.hpp\"\n#endif", "x/b.hpp");
    may_mean("src/a.cc", "#include \"proj/b.h\"", "include/proj/b.h");
}

#[test]
fn what_cannot_be_read_imports_nothing() {
    check("a.py", "from import from", &[]);
    check("a.rs", "use ;;; {{{ ::", &[]);
    check("a.sh", "source ./b.sh", &[]);
}
