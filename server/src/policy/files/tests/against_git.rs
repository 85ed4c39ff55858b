//! The rules of ignore files beside what git itself says of real repositories.

use std::io::Write as _;
use std::process::{Command, Stdio};

use super::*;

/// The ignore files of a repository, and files in it.
type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

/// One repository each.
const CASES: &[Case] = &[
    (
        &[(".gitignore", "*.log\n")],
        &["a.log", "d/a.log", "b.log/c", "a.logs", ".log"],
    ),
    (
        &[(".gitignore", "*.log\n!keep.log\n")],
        &["a.log", "keep.log", "d/keep.log"],
    ),
    (&[(".gitignore", "!keep.log\n*.log\n")], &["keep.log"]),
    (&[(".gitignore", "/top\n")], &["top", "d/top"]),
    (&[(".gitignore", "d/a\n")], &["d/a", "e/d/a"]),
    (&[(".gitignore", "/d/a/\n")], &["d/a/b", "e/d/a/b"]),
    (&[(".gitignore", "out/\n")], &["out/a", "d/out/a", "e/out"]),
    (&[(".gitignore", "out\n")], &["out/a", "d/out", "outer/a"]),
    (&[(".gitignore", "out/\n!out/keep\n")], &["out/keep", "out/a"]),
    (
        &[(".gitignore", "out/*\n!out/keep\n")],
        &["out/keep", "out/a", "out/d/a"],
    ),
    (
        &[(".gitignore", "/*\n!/src/\n/src/*\n!/src/a\n")],
        &["src/a", "src/b", "other/a"],
    ),
    (&[(".gitignore", "*\n!*/\n!*.rs\n")], &["a.rs", "d/e/a.rs", "d/a.txt"]),
    (&[(".gitignore", "*\n!a/b\n")], &["a/b", "c"]),
    (&[(".gitignore", "**/gen\n")], &["gen", "a/gen", "a/b/gen/c", "agen"]),
    (&[(".gitignore", "gen/**\n")], &["gen/a", "gen/b/c", "d/gen/a"]),
    (
        &[(".gitignore", "gen/**\n!gen/**/keep\n")],
        &["gen/keep", "gen/b/keep", "gen/a"],
    ),
    (
        &[(".gitignore", "a/**/z\n")],
        &["a/z", "a/b/z", "a/b/c/z", "b/a/z", "az"],
    ),
    (&[(".gitignore", "**/a/b\n")], &["a/b", "c/a/b", "c/a/d"]),
    (&[(".gitignore", "a/*/z\n")], &["a/b/z", "a/b/c/z", "a/z"]),
    (&[(".gitignore", "a**z\n")], &["abcz", "a/z", "d/az"]),
    (&[(".gitignore", "a?c\n")], &["abc", "ac", "a/c", "d/axc"]),
    (&[(".gitignore", "[ab].txt\n")], &["a.txt", "b.txt", "c.txt", "ab.txt"]),
    (
        &[(".gitignore", "[!ab].txt\n[^c].md\n")],
        &["a.txt", "c.txt", "c.md", "d.md"],
    ),
    (
        &[(".gitignore", "[a-c]1\nx[-z]\n")],
        &["b1", "d1", "-1", "x-", "xy", "xz"],
    ),
    (
        &[(".gitignore", "v[[:digit:]]\n[[:upper:]_]*\n")],
        &["v1", "vx", "v:", "Aa", "_a", "aA"],
    ),
    (&[(".gitignore", "[a\nb[\n")], &["[a", "b[", "a"]),
    (
        &[(".gitignore", "{a,b}.txt\nc{d\n")],
        &["a.txt", "b.txt", "{a,b}.txt", "c{d"],
    ),
    (&[(".gitignore", "\\!a\n\\#b\n#c\n")], &["!a", "#b", "#c", "a", "b"]),
    (&[(".gitignore", "a\\*\n\\[x\\]\n")], &["a*", "ab", "[x]", "x"]),
    (
        &[(".gitignore", "a \nb\\ \nc d\n  e\n")],
        &["a", "b ", "b", "c d", "  e", "e"],
    ),
    (&[(".gitignore", "a\\\nb\n")], &["a", "a\\", "b"]),
    (&[(".gitignore", "a\r\nb\r\n\r\nd/\r\n")], &["a", "b", "c", "d/e"]),
    (&[(".gitignore", "\u{feff}a\nb\n")], &["a", "b"]),
    (&[(".gitignore", "\n\n!\n/\n!/\nb\n")], &["a", "b", "d/b"]),
    (&[(".gitignore", "é*\n*ü\n")], &["école", "grün", "grü", "e"]),
    (&[(".gitignore", "A.txt\n")], &["A.txt", "a.txt"]),
    (
        &[(".gitignore", "*.a\n"), ("d/.gitignore", "!b.a\n")],
        &["b.a", "d/b.a", "d/c.a", "d/e/b.a"],
    ),
    (
        &[
            (".gitignore", "!x\n"),
            ("d/.gitignore", "x\n"),
            ("d/e/.gitignore", "!x\n"),
        ],
        &["x", "d/x", "d/e/x", "d/e/f/x"],
    ),
    (
        &[("d/.gitignore", "/x\ny/z\n")],
        &["d/x", "d/e/x", "x", "d/y/z", "y/z", "d/e/y/z"],
    ),
    (&[(".gitignore", "d/\n"), ("d/.gitignore", "!*\n")], &["d/a", "d/e/a"]),
    (&[("d/.gitignore", "*\n!.gitignore\n")], &["d/a", "d/e/b", "c"]),
    (&[("d/.gitignore", "../x\n/..\n.\n")], &["x", "d/x"]),
    (
        &[(".git/info/exclude", "x\n*.q\n"), (".gitignore", "!k.q\n")],
        &["x", "d/x/a", "a.q", "k.q"],
    ),
    (&[(".git/info/exclude", "!a.w\n"), (".gitignore", "*.w\n")], &["a.w"]),
    (&[(".gitignore", "d/e/f\n!d/e/f/g\n")], &["d/e/f/g", "d/e/h"]),
    (&[(".gitignore", "foo/**/\n")], &["foo/a", "foo/b/c", "foo/d/e/f"]),
    (&[(".gitignore", "**\n!a\n")], &["a", "b", "c/a"]),
    (&[(".gitignore", "/**/x\n**/\n!y/\n")], &["x", "z", "d/x", "d/z", "y/z"]),
    (&[(".gitignore", "*/x\n")], &["x", "d/x", "d/e/x"]),
    (&[(".gitignore", "a//b\n./c\nd/.\n")], &["a/b", "c", "d/e"]),
];

#[test]
fn git_agrees() {
    let mut differences = Vec::new();
    for (rules, files) in CASES {
        let folder = tree(&[]);
        let repository = folder.path().canonicalize().unwrap();
        git(&repository, &["init", "--quiet", "--template="], "");
        for (name, text) in *rules {
            write(&repository, name, text);
        }
        for file in *files {
            write(&repository, file, "");
        }
        let listed = git(
            &repository,
            &["check-ignore", "--no-index", "-z", "--stdin"],
            &files.join("\0"),
        );
        let ignored: Vec<&str> = listed.split_terminator('\0').collect();
        let policy = policy(&repository);
        for file in *files {
            let found = match policy.allows(&repository.join(file)) {
                Ok(()) => false,
                Err(Denied::GitIgnore | Denied::GitExclude) => true,
                Err(other) => panic!("{file} is {}", other.as_str()),
            };
            if found != ignored.contains(file) {
                differences.push(format!("{file:?} with {rules:?}: here {found}"));
            }
        }
    }
    assert!(differences.is_empty(), "git differs:\n{}", differences.join("\n"));
}

#[test]
fn the_private_rules_of_a_repository_hold_in_its_other_worktrees() {
    let folder = tree(&[("repo/a.txt", "")]);
    let repository = folder.path().join("repo");
    git(&repository, &["init", "--quiet"], "");
    let commit = [
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@b",
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        "a",
    ];
    git(&repository, &commit, "");
    git(&repository, &["worktree", "add", "--quiet", "../other"], "");
    write(&repository, ".git/info/exclude", "x\n");
    let other = folder.path().join("other");
    assert_eq!(git(&other, &["check-ignore", "--stdin"], "x\ny\n"), "x\n");
    assert_eq!(policy(&other).allows(&other.join("x")), Err(Denied::GitExclude));
    assert_eq!(policy(&other).allows(&other.join("y")), Ok(()));
}

/// Runs git on nothing but the repository, so that the settings of who tests have no say.
fn git(repository: &Path, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new("git");
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR"] {
        command.env_remove(name);
    }
    command
        .args(["-c", "core.excludesFile=", "-c", "core.ignoreCase=false"])
        .args(arguments)
        .current_dir(repository)
        .env("GIT_CONFIG_GLOBAL", repository.join("no settings"))
        .env("GIT_CONFIG_NOSYSTEM", "1");
    run(&mut command, input)
}

/// What a command of git prints when it is given something.
pub(super) fn run(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("this test compares with git and needs it in PATH; install git ({error})"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    // `check-ignore` ends with 1 where nothing is ignored.
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{command:?}: {}",
        output.status
    );
    String::from_utf8(output.stdout).unwrap()
}
