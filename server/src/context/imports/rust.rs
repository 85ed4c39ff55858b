//! Where the modules of a Rust crate are.
//!
//! Pure. What another crate is called is not known here, so that only paths inside the crate are found.

use super::super::path::{folder, join, name, stem};
use super::{ImportPlace, files};

/// The most paths that one `use` is taken apart into.
const MOST: usize = 32;

/// The most segments of a path, and the deepest that one `use` is nested.
const DEEPEST: usize = 16;

/// The file of a module that this file declares.
pub(super) fn module(module: &str, path: &str) -> Vec<ImportPlace> {
    let below = children(path);
    files([
        join(&below, &format!("{module}.rs")),
        join(&below, &format!("{module}/mod.rs")),
    ])
}

/// The files that the paths of a `use` may lead to.
pub(super) fn uses(tree: &str, path: &str) -> Vec<Vec<ImportPlace>> {
    let mut paths = Vec::new();
    let tree = tree.split_whitespace().collect::<Vec<_>>().join(" ");
    flatten("", &tree, DEEPEST, &mut paths);
    let mut found: Vec<Vec<ImportPlace>> = Vec::new();
    for used in paths {
        let places = resolve(&used, path);
        if !places.is_empty() && !found.contains(&places) {
            found.push(places);
        }
    }
    found
}

/// Takes `a::{b, c::d}` apart.
fn flatten(before: &str, tree: &str, depth_left: usize, paths: &mut Vec<String>) {
    let tree = tree.trim();
    if paths.len() >= MOST || depth_left == 0 || tree.is_empty() {
        return;
    }
    let Some((head, rest)) = tree.split_once('{') else {
        let tree = tree.split(" as ").next().unwrap_or(tree);
        paths.push(format!("{before}{tree}"));
        return;
    };
    let inner = rest.strip_suffix('}').unwrap_or(rest);
    let before = format!("{before}{head}");
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                flatten(&before, &inner[start..at], depth_left - 1, paths);
                start = at + 1;
            }
            _ => {}
        }
    }
    flatten(&before, &inner[start..], depth_left - 1, paths);
}

fn resolve(used: &str, path: &str) -> Vec<ImportPlace> {
    let mut segments = used
        .split("::")
        .map(str::trim)
        .filter(|segment| !segment.is_empty())
        .peekable();
    let (mut base, mut itself) = match segments.peek().copied() {
        Some("crate") => {
            segments.next();
            (Some(root(path)), true)
        }
        Some("self") => {
            segments.next();
            (Some(children(path)), false)
        }
        Some("super") => {
            segments.next();
            (parent(path), true)
        }
        // A module of this file, if it is one at all.
        _ => (Some(children(path)), false),
    };
    while segments.next_if_eq(&"super").is_some() {
        base = base.and_then(|base| join(&base, ".."));
        itself = true;
    }
    let Some(base) = base else {
        return Vec::new();
    };
    let segments: Vec<&str> = segments
        .filter(|segment| *segment != "*" && *segment != "self")
        .collect();
    let mut paths = Vec::new();
    for some in (1..=segments.len().min(DEEPEST)).rev() {
        let module = segments[..some].join("/");
        paths.push(join(&base, &format!("{module}.rs")));
        paths.push(join(&base, &format!("{module}/mod.rs")));
    }
    // What is named may stand in the module itself.
    if itself {
        let own = |name: &str| join(&base, name);
        let beside = (!base.is_empty()).then(|| format!("{base}.rs"));
        paths.extend([beside, own("mod.rs"), own("lib.rs"), own("main.rs")]);
    }
    files(paths)
}

/// The folder in which the modules of a file are.
fn children(path: &str) -> String {
    match is_root(path) || name(path) == "mod.rs" {
        true => folder(path).to_owned(),
        false => join(folder(path), stem(path)).unwrap_or_default(),
    }
}

/// The folder in which the modules of the module above are.
fn parent(path: &str) -> Option<String> {
    match name(path) {
        "mod.rs" => join(folder(path), ".."),
        _ => Some(folder(path).to_owned()),
    }
}

/// The folder of the crate's root module.
fn root(path: &str) -> String {
    if is_root(path) {
        return folder(path).to_owned();
    }
    let mut above = folder(path);
    loop {
        if matches!(name(above), "src" | "tests" | "examples" | "benches") {
            return above.to_owned();
        }
        if above.is_empty() {
            return folder(path).to_owned();
        }
        above = folder(above);
    }
}

/// Whether a file is the root of a crate.
fn is_root(path: &str) -> bool {
    matches!(name(path), "lib.rs" | "main.rs" | "build.rs")
        || matches!(name(folder(path)), "bin" | "tests" | "examples" | "benches")
}
