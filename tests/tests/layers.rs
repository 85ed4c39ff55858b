//! The layer rules of ARCHITECTURE.md, checked on the dependency tree and on the sources.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use codegemma_tests::repository;

/// The names of the packages that one of ours is built from; only the direct ones where `depth` is 1.
fn dependencies(package: &str, depth: usize) -> BTreeSet<String> {
    let depth = depth.to_string();
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--package", package, "--edges", "normal,build"])
        .args(["--prefix", "none", "--format", "{p}", "--depth", &depth])
        .current_dir(repository())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("names are UTF-8");
    text.lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

#[track_caller]
fn assert_without(found: &BTreeSet<String>, package: &str, unwanted: &[&str]) {
    assert!(found.len() > 1, "{package} has dependencies");
    for name in unwanted {
        assert!(!found.contains(*name), "{package} must not depend on {name}");
    }
}

#[test]
fn the_engine_knows_no_protocol_documents_or_async_runtime() {
    let found = dependencies("codegemma-model", 100);
    assert!(found.contains("candle-core"), "the tree is read: {found:?}");
    let unwanted = [
        "codegemma-lsp",
        "tower-lsp-server",
        "ls-types",
        "lsp-types",
        "tokio",
        "ropey",
        "tree-sitter",
        "tree-sitter-language",
    ];
    assert_without(&found, "codegemma-model", &unwanted);
}

#[test]
fn the_server_knows_no_tensors() {
    let found = dependencies("codegemma-lsp", 1);
    assert!(found.contains("codegemma-model"), "the tree is read: {found:?}");
    let unwanted = [
        "candle-core",
        "candle-nn",
        "candle-transformers",
        "tokenizers",
        "safetensors",
    ];
    assert_without(&found, "codegemma-lsp", &unwanted);
}

/// What a built program asks the system for.
#[cfg(target_os = "linux")]
fn imports(program: &str) -> BTreeSet<String> {
    use object::{Object, ObjectSymbol};
    let bytes = std::fs::read(codegemma_tests::binary(program)).expect("it was just built");
    let file = object::File::parse(bytes.as_slice()).expect("it is a program");
    let symbols = file.dynamic_symbols().filter(ObjectSymbol::is_undefined);
    let names = symbols.filter_map(|symbol| symbol.name().ok().map(str::to_owned));
    // Some have a version behind an @.
    names
        .filter_map(|name| Some(name.split('@').next()?.to_owned()))
        .collect()
}

/// A connection needs one of these, in whatever library it is made.
#[cfg(target_os = "linux")]
const NETWORK: [&str; 10] = [
    "socket",
    "connect",
    "getaddrinfo",
    "gethostbyname",
    "sendto",
    "accept",
    "accept4",
    "bind",
    "listen",
    "io_uring_setup",
];

/// What is built in is less than what is depended on: what nothing calls is left out by the linker.
#[cfg(target_os = "linux")]
#[test]
fn the_server_asks_the_system_for_nothing_that_opens_a_connection() {
    let of_server = imports("codegemma-lsp");
    assert!(
        of_server.contains("mmap") || of_server.contains("mmap64"),
        "the imports are read: {of_server:?}"
    );
    let found: Vec<_> = NETWORK.iter().filter(|name| of_server.contains(**name)).collect();
    assert!(found.is_empty(), "codegemma-lsp imports {found:?}");
    let of_command = imports("codegemma-complete");
    for name in ["socket", "connect", "getaddrinfo"] {
        assert!(
            of_command.contains(name),
            "what pulls models imports {name}, so the check can fail"
        );
    }
}

#[test]
fn only_pulling_models_may_use_the_network() {
    let root = repository().join("server").join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let models = root.join("cli").join("models");
    let (pull, elsewhere): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|path| path == &models.join("pull.rs") || path.starts_with(models.join("pull")));
    let text = |path: &PathBuf| std::fs::read_to_string(path).expect("sources are UTF-8");
    assert!(
        pull.iter().any(|path| text(path).contains("codegemma_hub")),
        "the check finds what it looks for"
    );
    for path in elsewhere {
        for name in ["codegemma_hub", "std::net", "TcpStream", "UnixStream"] {
            assert!(!text(&path).contains(name), "{} must not use {name}", path.display());
        }
    }
}

#[test]
fn what_speaks_http_knows_neither_the_engine_nor_the_server() {
    let found = dependencies("codegemma-hub", 100);
    assert!(found.contains("ureq"), "the tree is read: {found:?}");
    let unwanted = [
        "codegemma-model",
        "codegemma-lsp",
        "candle-core",
        "clap",
        "tower-lsp-server",
        "tokio",
        "indicatif",
    ];
    assert_without(&found, "codegemma-hub", &unwanted);
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn protocol_types_appear_only_under_lsp() {
    let root = repository().join("server").join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let (below, elsewhere): (Vec<_>, Vec<_>) = files
        .into_iter()
        .partition(|path| path == &root.join("lsp.rs") || path.starts_with(root.join("lsp")));
    let names_protocol = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).expect("sources are UTF-8");
        text.contains("tower_lsp") || text.contains("ls_types")
    };
    assert!(below.iter().any(names_protocol), "the check finds what it looks for");
    for path in elsewhere {
        assert!(!names_protocol(&path), "{} must not know the protocol", path.display());
    }
}

/// A source file of the product, without its tests.
struct Source {
    path: PathBuf,
    /// The module right below the crate's root that it is in.
    room: String,
    text: String,
}

/// The sources of a crate, but for tests and what only they use.
fn product(package: &str) -> Vec<Source> {
    let root = repository().join(package).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let is_test = |path: &Path| {
        path.iter().any(|part| {
            ["tests", "tests.rs", "testing.rs", "faults.rs", "shapes.rs", "bin"]
                .iter()
                .any(|test| part == *test)
        })
    };
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("sources are UTF-8");
        let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
        let below = path.strip_prefix(&root).expect("it is below").to_owned();
        let room = below.iter().next().and_then(|part| part.to_str()).expect("UTF-8");
        Source {
            room: room.trim_end_matches(".rs").to_owned(),
            text: text[..end].to_owned(),
            path: below,
        }
    };
    files.into_iter().filter(|path| !is_test(path)).map(read).collect()
}

/// The names after `crate::` in the code.
fn used(text: &str) -> BTreeSet<&str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let names = code.flat_map(|line| line.split("crate::").skip(1));
    names
        .map(|rest| {
            rest.split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .next()
                .unwrap_or_default()
        })
        .collect()
}

/// Takes away again and again the rooms that use none of those left. What cannot be taken away is a circle.
#[track_caller]
fn check_no_circle(package: &str) {
    let sources = product(package);
    let rooms: BTreeSet<&str> = sources.iter().map(|source| source.room.as_str()).collect();
    let mut left: BTreeSet<&str> = rooms.iter().copied().filter(|room| *room != "lib").collect();
    assert!(left.len() > 5, "the sources are read: {left:?}");
    loop {
        let free = left.iter().copied().find(|room| {
            let mut own = sources.iter().filter(|source| source.room == *room);
            own.all(|source| {
                used(&source.text)
                    .iter()
                    .all(|name| name == room || !left.contains(name))
            })
        });
        match free {
            Some(room) => left.remove(room),
            None => break,
        };
    }
    assert!(
        left.is_empty(),
        "{package}: each of these modules uses others of them: {left:?}"
    );
}

#[test]
fn no_modules_use_each_other_in_a_circle() {
    check_no_circle("server");
    check_no_circle("model");
}

/// What a header says that its module must not know, as words.
fn not_known(text: &str) -> Vec<String> {
    let header: String = text
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .map(|line| format!("{} ", line.trim_start_matches("//!").trim()))
        .collect();
    let after = header.split("ust not know").skip(1);
    let sentences = after.filter_map(|rest| rest.split('.').next());
    sentences
        .flat_map(|sentence| sentence.split(|c: char| !(c.is_alphanumeric() || c == '_')))
        .map(str::to_lowercase)
        .collect()
}

/// A header that says what its module must not know is believed by whoever reads it. Where it names another module of the
/// crate, the protocol or a clock, that is not in the code.
#[test]
fn headers_are_true() {
    let mut checked = 0;
    for package in ["server", "server/hub", "model"] {
        let sources = product(package);
        let rooms: BTreeSet<&str> = sources.iter().map(|source| source.room.as_str()).collect();
        for source in &sources {
            let place = format!("{package}/src/{}", source.path.display());
            let used = used(&source.text);
            for word in not_known(&source.text) {
                let is_meant =
                    |room: &&&str| **room == word || format!("{room}s") == word || **room == format!("{word}s");
                for room in rooms.iter().filter(is_meant).filter(|room| **room != source.room) {
                    checked += 1;
                    assert!(
                        !used.contains(room),
                        "{place} says that it must not know {word}, but uses crate::{room}"
                    );
                }
                let code: &[&str] = match word.as_str() {
                    "protocol" if !place.contains("lsp") => &["tower_lsp", "ls_types"],
                    "clock" => &["Instant::now", "SystemTime"],
                    _ => &[],
                };
                checked += code.len();
                for name in code {
                    assert!(
                        !source.text.contains(name),
                        "{place} says that it must not know {word}, but has {name}"
                    );
                }
            }
        }
    }
    assert!(checked > 40, "only {checked} words of headers were checked");
}

/// A name means one thing, so that whoever looks for it finds it.
#[test]
fn no_two_public_types_have_one_name() {
    let mut found: Vec<String> = Vec::new();
    for package in ["server", "server/hub", "model"] {
        for source in product(package) {
            for line in source.text.lines() {
                let rest = ["pub ", "pub(crate) "]
                    .iter()
                    .find_map(|public| line.trim_start().strip_prefix(public));
                let rest = rest.unwrap_or_default();
                let name = ["struct ", "enum ", "trait ", "type "]
                    .iter()
                    .find_map(|kind| rest.strip_prefix(kind));
                let end = |name: &str| name.find(|c: char| !c.is_alphanumeric()).unwrap_or(name.len());
                // The flags of each command are read by clap under that name.
                found.extend(
                    name.map(|name| name[..end(name)].to_owned())
                        .filter(|name| name != "Flags"),
                );
            }
        }
    }
    assert!(found.len() > 50, "the sources are read: {found:?}");
    found.sort_unstable();
    let twice: Vec<_> = found
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| &pair[0])
        .collect();
    assert!(twice.is_empty(), "{twice:?}");
}
