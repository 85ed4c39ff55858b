//! Where the test of a file, or the file that a test is of, would be.
//!
//! Pure: it knows the customs and no disk.

use super::path::{folder, join, name, stem};

/// The paths at which the other one may be, most usual first.
pub(crate) fn test_pair(path: &str, language: &str) -> Vec<String> {
    let (folder, stem) = (folder(path), stem(path));
    let extension = name(path).rsplit_once('.').map_or("", |(_, extension)| extension);
    let mut found = Vec::new();
    let mut at = |parts: &[&str]| {
        if let Some((last, folders)) = parts.split_last()
            && let Some(path) = join(folder, &[folders.join("/"), format!("{last}.{extension}")].join("/"))
        {
            found.push(path);
        }
    };
    let up = |from: &str, to: &str| folder.contains(from).then(|| folder.replacen(from, to, 1));
    match language {
        "rust" => match stem {
            "tests" => at(&["..", folder.rsplit('/').next().unwrap_or_default()]),
            stem => {
                at(&[stem, "tests"]);
                at(&["tests"]);
                at(&["..", "tests", stem]);
            }
        },
        "python" => match stem.strip_prefix("test_").or_else(|| stem.strip_suffix("_test")) {
            Some(tested) => {
                at(&[tested]);
                at(&["..", tested]);
                at(&["..", "src", tested]);
            }
            None => {
                let test = format!("test_{stem}");
                at(&[&test]);
                at(&["tests", &test]);
                at(&["..", "tests", &test]);
                at(&[&format!("{stem}_test")]);
            }
        },
        "go" => match stem.strip_suffix("_test") {
            Some(tested) => at(&[tested]),
            None => at(&[&format!("{stem}_test")]),
        },
        "javascript" | "typescript" => match stem.strip_suffix(".test").or_else(|| stem.strip_suffix(".spec")) {
            Some(tested) => {
                at(&[tested]);
                at(&["..", tested]);
                at(&["..", "src", tested]);
            }
            None => {
                for kind in ["test", "spec"] {
                    let test = format!("{stem}.{kind}");
                    at(&[&test]);
                    at(&["__tests__", &test]);
                    at(&["..", "test", &test]);
                    at(&["..", "tests", &test]);
                }
            }
        },
        "java" => {
            let (other, folder) = match stem.strip_suffix("Test") {
                Some(tested) => (tested.to_owned(), up("src/test/java", "src/main/java")),
                None => (format!("{stem}Test"), up("src/main/java", "src/test/java")),
            };
            at(&[&other]);
            found.extend(folder.and_then(|folder| join(&folder, &format!("{other}.{extension}"))));
        }
        "c" | "cpp" => {
            // The other half of a unit says as much as a test.
            let halves: &[&str] = match extension {
                "h" | "hpp" | "hh" => &["c", "cc", "cpp", "cxx"],
                _ => &["h", "hpp", "hh"],
            };
            for half in halves {
                for beside in ["", "../src", "../include", "include", "src"] {
                    found.extend(join(folder, &format!("{beside}/{stem}.{half}")));
                }
            }
        }
        _ => {}
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, language: &str, expected: &str) {
        let found = test_pair(path, language);
        assert!(
            found.iter().any(|path| path == expected),
            "{expected} is not in {found:?}"
        );
        assert!(!found.contains(&path.to_owned()), "{found:?}");
    }

    #[test]
    fn a_test_finds_its_file_and_a_file_its_test() {
        check("src/a/b.rs", "rust", "src/a/b/tests.rs");
        check("src/a/tests.rs", "rust", "src/a.rs");
        check("src/b.rs", "rust", "tests/b.rs");
        check("pkg/shapes.py", "python", "tests/test_shapes.py");
        check("shapes.py", "python", "test_shapes.py");
        check("tests/test_shapes.py", "python", "shapes.py");
        check("tests/test_shapes.py", "python", "src/shapes.py");
        check("a/b.go", "go", "a/b_test.go");
        check("a/b_test.go", "go", "a/b.go");
        check("src/a.ts", "typescript", "src/a.test.ts");
        check("src/a.ts", "typescript", "src/__tests__/a.spec.ts");
        check("src/__tests__/a.test.ts", "typescript", "src/a.ts");
        check("m/src/main/java/p/A.java", "java", "m/src/test/java/p/ATest.java");
        check("m/src/test/java/p/ATest.java", "java", "m/src/main/java/p/A.java");
        check("src/a.c", "c", "include/a.h");
        check("include/a.h", "c", "src/a.c");
        assert_eq!(test_pair("a.txt", "plaintext"), Vec::<String>::new());
    }
}
