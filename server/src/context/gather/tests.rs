use std::fs;

use super::*;
use crate::config::settings::Settings;

/// A workspace with these files, and what is found for the first of them: a line for each, with why.
#[track_caller]
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let folder = workspace(files);
    let found = found(&search(folder.path(), files[0].0));
    assert_eq!(found, expected);
}

fn workspace(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    folder
}

fn search(root: &Path, path: &str) -> Search {
    let file = root.join(path);
    Search {
        root: Some(root.to_owned()),
        text: Rope::from_str(&fs::read_to_string(&file).unwrap()),
        language: language::of_path(&file),
        file: Some(file),
        open: Vec::new(),
        sources: Settings::default().context,
        policy: Arc::new(FilePolicy::new(&[root.to_owned()], &[]).0),
    }
}

fn found(search: &Search) -> Vec<String> {
    let line = |candidate: Candidate| {
        let why = &candidate.why;
        let mut line = candidate.path.clone();
        for (is, word) in [
            (why.open.is_some(), " open"),
            (why.test_pair, " test_pair"),
            (why.sibling, " sibling"),
            (!why.edited.is_empty(), " edited"),
        ] {
            line += if is { word } else { "" };
        }
        if let Some(distance) = why.imported {
            line += &format!(" imported {distance}");
        }
        if let Err(reason) = candidate.text {
            line += &format!(": {reason}");
        }
        line
    };
    search.candidates().into_iter().map(line).collect()
}

#[test]
fn rust() {
    check(
        &[
            ("src/a/b.rs", "use crate::c::C;\nuse super::d;\nmod tests;\n"),
            ("src/c.rs", "use crate::e::E;\n"),
            ("src/a/d.rs", ""),
            ("src/a/b/tests.rs", "use super::*;\n"),
            ("src/e.rs", "use crate::f::F;\n"),
            ("src/f.rs", ""),
            ("src/a/z.py", ""),
        ],
        &[
            "src/a/b/tests.rs test_pair imported 1",
            "src/a/d.rs sibling imported 1",
            "src/c.rs imported 1",
            "src/e.rs imported 2",
        ],
    );
}

#[test]
fn python() {
    check(
        &[
            ("pkg/shapes.py", "from .util import area\nimport pkg.models\n"),
            ("pkg/__init__.py", ""),
            ("pkg/util.py", ""),
            ("pkg/models/__init__.py", ""),
            ("tests/test_shapes.py", "from pkg.shapes import x"),
        ],
        &[
            "pkg/__init__.py sibling",
            "pkg/models/__init__.py imported 1",
            "pkg/util.py sibling imported 1",
            "tests/test_shapes.py test_pair",
        ],
    );
}

#[test]
fn typescript() {
    check(
        &[
            ("src/a.ts", "import { b } from './lib';\nimport c from '../c.js';\n"),
            ("src/lib/index.ts", ""),
            ("c.ts", ""),
            ("src/a.test.ts", ""),
        ],
        &[
            "c.ts imported 1",
            "src/a.test.ts test_pair sibling",
            "src/lib/index.ts imported 1",
        ],
    );
}

#[test]
fn go() {
    check(
        &[
            ("svc/cmd/main.go", "package main\nimport \"example.org/svc/store\"\n"),
            ("svc/go.mod", "module example.org/svc\n\ngo 1.22\n"),
            ("svc/store/a.go", "package store\n"),
            ("svc/store/b.go", "package store\n"),
        ],
        &["svc/store/a.go imported 1", "svc/store/b.go imported 1"],
    );
}

#[test]
fn java() {
    check(
        &[
            ("src/main/java/p/A.java", "package p;\nimport p.q.B;\n"),
            ("src/main/java/p/q/B.java", "package p.q;\n"),
            ("src/test/java/p/ATest.java", "package p;\n"),
        ],
        &[
            "src/main/java/p/q/B.java imported 1",
            "src/test/java/p/ATest.java test_pair",
        ],
    );
}

#[test]
fn c_and_cpp() {
    check(
        &[
            (
                "src/a.c",
                "#include \"a.h\"\n#include \"util/b.h\"\n#include <stdio.h>\n",
            ),
            ("include/a.h", "#include \"c.h\"\n"),
            ("src/util/b.h", ""),
            ("include/c.h", ""),
        ],
        &[
            "include/a.h test_pair imported 1",
            "include/c.h imported 2",
            "src/util/b.h imported 1",
        ],
    );
    check(
        &[("src/a.cpp", "#include \"p/a.hpp\"\n"), ("include/p/a.hpp", "")],
        &["include/p/a.hpp imported 1"],
    );
}

#[test]
fn keys_are_taken_out_where_a_file_is_read() {
    let key = ["ghp", "_", "9aBcD3fGh1JkLmN0pQrStUvWxYz12345678a"].concat();
    let text = format!("token = \"{key}\"\n");
    let folder = workspace(&[("a.py", "import b\n"), ("b.py", &text)]);
    let search = search(folder.path(), "a.py");
    let shown = search.candidates()[0].text.clone().unwrap();
    assert_eq!(*shown, format!("token = \"{}\"\n", crate::policy::secrets::STAND_IN));
}

#[test]
fn an_open_document_is_what_it_is_in_the_editor() {
    let folder = workspace(&[("a.py", "import b\n"), ("b.py", "on_disk = 1\n"), ("c.py", "")]);
    let mut search = search(folder.path(), "a.py");
    let open = |path: &str, text: &str| Open {
        file: folder.path().join(path),
        path: path.to_owned(),
        text: Rope::from_str(text),
        edited: Vec::new(),
    };
    search.open = vec![
        Open {
            edited: std::iter::once(0..1).collect(),
            ..open("b.py", "import c\r\nin_editor = 1\r\n")
        },
        open("new.py", "x"),
    ];
    assert_eq!(
        found(&search),
        [
            "b.py open sibling edited imported 1",
            "c.py sibling imported 2",
            "new.py open"
        ]
    );
    let text = search.candidates()[0].text.clone().unwrap();
    assert_eq!(&*text, "import c\nin_editor = 1\n");
    search.sources.imports = false;
    assert_eq!(found(&search), ["b.py open edited", "new.py open"]);
    search.root = None;
    search.sources.imports = true;
    assert_eq!(found(&search), ["b.py open edited", "new.py open"]);
}

#[test]
fn what_cannot_be_shown_is_named() {
    let folder = workspace(&[("a.py", "import b, c, d\n"), ("b.py", ""), ("c.py", "")]);
    fs::write(folder.path().join("b.py"), b"\xff\xfe").unwrap();
    fs::write(folder.path().join("c.py"), "x = 1\n".repeat(60_000)).unwrap();
    assert_eq!(
        found(&search(folder.path(), "a.py")),
        [
            "b.py sibling imported 1: it is no UTF-8",
            "c.py sibling imported 1: it is longer than what people write",
        ]
    );
}

#[cfg(unix)]
#[test]
fn links_do_not_lead_out_of_the_workspace() {
    use std::os::unix::fs::symlink;
    let outside = workspace(&[("secret.py", "key = 1\n"), ("folder/more.py", "")]);
    let folder = workspace(&[
        ("a.py", "import secret, inner\nfrom folder import more\n"),
        ("real.py", ""),
    ]);
    symlink(outside.path().join("secret.py"), folder.path().join("secret.py")).unwrap();
    symlink(outside.path().join("folder"), folder.path().join("folder")).unwrap();
    symlink(folder.path().join("real.py"), folder.path().join("inner.py")).unwrap();
    let mut search = search(folder.path(), "a.py");
    assert_eq!(found(&search), ["inner.py sibling imported 1", "real.py sibling"]);
    // A document that lies outside itself has no workspace.
    search.file = Some(outside.path().join("secret.py"));
    assert_eq!(found(&search), [] as [&str; 0]);
}

#[test]
fn the_work_is_bounded() {
    let imports: String = (0..300).map(|n| format!("import m{n}\n")).collect();
    let mut files = vec![("a.py".to_owned(), imports.clone())];
    files.extend((0..300).map(|n| (format!("m{n}.py"), imports.clone())));
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    let folder = workspace(&files);
    let candidates = search(folder.path(), "a.py").candidates();
    let read = candidates.iter().filter(|candidate| candidate.text.is_ok()).count();
    assert!((10..=48).contains(&read), "{read} of {}", candidates.len());
}
