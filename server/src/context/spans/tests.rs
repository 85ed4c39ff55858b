use super::*;
use crate::documents::language;

/// What is shown of a text in so much room, where only what contains `wanted` matters.
#[track_caller]
fn check(path: &str, text: &str, room: usize, wanted: &str, edited: &[Range<usize>], expected: &str) {
    let language = language::of_path(std::path::Path::new(path));
    let weigh = |text: &str| f64::from(u8::from(!wanted.is_empty() && text.contains(wanted)));
    let part = cut(text, language, room, &weigh, edited).unwrap_or_default();
    assert_eq!(part, expected);
    assert!(part.len() <= room, "{} of {room}", part.len());
}

const RUST: &str = "\
//! What it is for.

use std::fmt;

/// A shape.
#[derive(Debug)]
pub struct Shape {
    width: u32,
}

impl Shape {
    /// A new one.
    pub fn new(width: u32) -> Self {
        let checked = width.max(1);
        Self { width: checked }
    }

    pub fn area(&self) -> u32 {
        self.width * self.width
    }
}

fn helper<T>(value: T) -> T {
    value
}
";

#[test]
fn declarations_go_before_bodies() {
    check(
        "a.rs",
        RUST,
        300,
        "",
        &[],
        "use std::fmt;\n#[derive(Debug)]\npub struct Shape {\n    width: u32,\n}\nimpl Shape {\n    pub fn new(width: u32) -> Self;\n    \
         pub fn area(&self) -> u32;\n}\nfn helper<T>(value: T) -> T;\n",
    );
}

#[test]
fn the_bodies_that_matter_follow() {
    check(
        "a.rs",
        RUST,
        280,
        "self.width",
        &[],
        "use std::fmt;\n#[derive(Debug)]\npub struct Shape {\n    width: u32,\n}\nimpl Shape {\n    pub fn new(width: u32) -> Self;\n    \
         pub fn area(&self) -> u32 {\n        self.width * self.width\n    }\n}\nfn helper<T>(value: T) -> T;\n",
    );
    let edited = std::slice::from_ref(&(22..23));
    check(
        "a.rs",
        RUST,
        212,
        "self.width",
        edited,
        "use std::fmt;\n#[derive(Debug)]\npub struct Shape {\n    width: u32,\n}\nimpl Shape {\n    pub fn new(width: u32) -> Self;\n    \
         pub fn area(&self) -> u32;\n}\nfn helper<T>(value: T) -> T {\n    value\n}\n",
    );
}

#[test]
fn little_room_is_for_what_matters() {
    check(
        "a.rs",
        RUST,
        50,
        "area",
        &[],
        "impl Shape {\n    pub fn area(&self) -> u32;\n}\n",
    );
    check("a.rs", RUST, 20, "area", &[], "");
}

#[test]
fn every_language_has_its_form() {
    check(
        "a.py",
        "import os\n\nclass A(B):\n    x = 1\n\n    @property\n    def f(self):\n        return 1\n\n    def g(self, y): return 2\n\ndef h(z):\n    # why\n    return 3\n",
        130,
        "",
        &[],
        "import os\nclass A(B):\n    x = 1\n    @property\n    def f(self):\n    def g(self, y):\ndef h(z):\n",
    );
    check(
        "a.ts",
        "import { b } from './b';\nexport interface I { x: number }\nexport class A {\n  f(a: number): I {\n    return go(a);\n  }\n}\nexport const k = (a: I) => {\n  return a.x;\n};\n",
        170,
        "",
        &[],
        "import { b } from './b';\nexport interface I { x: number }\nexport class A {\n  f(a: number): I;\n}\nexport const k = (a: I) => {};\n",
    );
    check(
        "a.js",
        "function f(a) {\n  return a + 1;\n}\nmodule.exports = { f };\n",
        50,
        "",
        &[],
        "function f(a);\nmodule.exports = { f };\n",
    );
    check(
        "a.go",
        "package a\n\nimport \"fmt\"\n\ntype T struct {\n\tx int\n}\n\n// F does it.\nfunc (t *T) F(y int) error {\n\treturn fmt.Errorf(\"no\")\n}\n",
        100,
        "",
        &[],
        "package a\nimport \"fmt\"\ntype T struct {\n\tx int\n}\nfunc (t *T) F(y int) error\n",
    );
    check(
        "A.java",
        "package p;\n\nimport p.q.B;\n\npublic class A extends B {\n    private int x;\n\n    public A(int x) {\n        this.x = x;\n    }\n\n    int f() {\n        return x;\n    }\n}\n",
        120,
        "",
        &[],
        "package p;\nimport p.q.B;\npublic class A extends B {\n    private int x;\n    public A(int x);\n    int f();\n}\n",
    );
    check(
        "a.h",
        "#ifndef A_H\n#define A_H\n#include \"b.h\"\nstruct s { int x; };\nstatic int f(struct s *s) {\n    return s->x;\n}\nint g(void);\n#endif\n",
        100,
        "",
        &[],
        "#define A_H\n#include \"b.h\"\nstruct s { int x; };\nstatic int f(struct s *s);\nint g(void);\n",
    );
    check(
        "a.hpp",
        "#include \"b.h\"\nnamespace n {\nclass A {\n public:\n  int f() const { return x_; }\n private:\n  int x_;\n};\ntemplate <typename T>\nT id(T t) {\n  return t;\n}\n}\n",
        150,
        "",
        &[],
        "#include \"b.h\"\nnamespace n {\nclass A {\n public:\n  int f() const;\n private:\n  int x_;\n};\ntemplate <typename T>\nT id(T t);\n}\n",
    );
}

#[test]
fn without_a_tree_it_is_lines() {
    let text: String = (0..40).map(|line| format!("line {line}\n")).collect();
    check("a.txt", &text, 20, "", &[], "line 0\nline 1\n");
    let edited = std::slice::from_ref(&(20..21));
    check("a.txt", &text, 20, "", edited, "line 12\nline 13\n");
    check("a.txt", &text, 3, "", &[], "");
    check("a.txt", "\n\n\n", 2, "", &[], "");
}
