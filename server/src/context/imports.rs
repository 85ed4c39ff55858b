//! Which files the imports of a file may mean.
//!
//! Pure: what is found are paths to look for, of which the first that exists is meant.

mod rust;

use std::sync::{LazyLock, OnceLock};
use std::time::Duration;

use ropey::Rope;
use tree_sitter::{Query, QueryCapture, QueryCursor, StreamingIterator};

use super::path::{folder, join};
use super::table::{self, Resolver};
use crate::documents::language::{LANGUAGES, Language};
use crate::documents::syntax;

/// The most imports of a file that are looked at.
const MOST: usize = 64;

/// How long the tree of a file may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What an import may mean; relative to the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ImportPlace {
    /// A file.
    File(String),
    /// All files of the language in a folder.
    Folder(String),
}

/// What the meaning of imports depends on besides the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The folder of the nearest `go.mod` and the name of its module.
    pub go_module: Option<(String, String)>,
}

/// An import by the names of its captures.
type Captures<'a> = Vec<(&'a str, &'a str)>;

/// The places that each import of a file may mean, the likeliest first.
pub(crate) fn imports(text: &str, language: &'static Language, path: &str, layout: &Layout) -> Vec<Vec<ImportPlace>> {
    let Some(row) = table::row(language.id) else {
        return Vec::new();
    };
    let found = query(language, row.imports).and_then(|query| captures(text, language, query));
    let found = found.unwrap_or_default();
    let all = |captures: &Captures<'_>| resolve(row.resolver, captures, &found, path, layout);
    let mut places: Vec<Vec<ImportPlace>> = found.iter().flat_map(all).collect();
    for alternatives in &mut places {
        alternatives.retain(|place| !matches!(place, ImportPlace::File(file) if file == path));
    }
    places.retain(|alternatives| !alternatives.is_empty());
    places
}

/// The query of a language, which takes a while to make and is made once.
fn query(language: &'static Language, text: &str) -> Option<&'static Query> {
    static MADE: LazyLock<Vec<OnceLock<Option<Query>>>> =
        LazyLock::new(|| LANGUAGES.iter().map(|_| OnceLock::new()).collect());
    let same = |other: &Language| (other.id, other.extensions) == (language.id, language.extensions);
    let at = LANGUAGES.iter().position(same)?;
    let make = || Query::new(&(language.grammar)(), text).ok();
    MADE[at].get_or_init(make).as_ref()
}

/// The matches of a query.
fn captures<'a>(text: &'a str, language: &Language, query: &'static Query) -> Option<Vec<Captures<'a>>> {
    let tree = syntax::tree(language, &Rope::from_str(text), PATIENCE)?;
    let names = query.capture_names();
    let mut cursor = QueryCursor::new();
    let mut matches = cursor.matches(query, tree.root_node(), text.as_bytes());
    let mut found = Vec::new();
    while let Some(one) = matches.next().filter(|_| found.len() < MOST) {
        let named = |capture: &QueryCapture<'_>| (names[capture.index as usize], &text[capture.node.byte_range()]);
        found.push(one.captures().iter().map(named).collect());
    }
    Some(found)
}

fn resolve(
    resolver: Resolver,
    import: &Captures<'_>,
    all: &[Captures<'_>],
    path: &str,
    layout: &Layout,
) -> Vec<Vec<ImportPlace>> {
    let capture = |name: &str| import.iter().find(|(own, _)| *own == name).map(|(_, text)| *text);
    match resolver {
        Resolver::Rust => match (capture("mod"), capture("use")) {
            (Some(name), _) => vec![rust::module(name, path)],
            (_, Some(tree)) => rust::uses(tree, path),
            _ => Vec::new(),
        },
        Resolver::Python => vec![python(capture("module").or(capture("from")), capture("name"), path)],
        Resolver::EcmaScript => capture("path").map(|to| ecmascript(to, path)).into_iter().collect(),
        Resolver::Go => capture("path").and_then(|to| go(to, layout)).into_iter().collect(),
        Resolver::Java => {
            let package = all.iter().flatten().find(|(name, _)| *name == "package");
            let package = package.map_or("", |(_, package)| *package);
            vec![java(capture("path"), capture("all"), package, path)]
        }
        Resolver::C => capture("path").map(|to| c(to, path)).into_iter().collect(),
    }
}

/// The files among these paths, each once; those outside of the workspace are none.
fn files(paths: impl IntoIterator<Item = Option<String>>) -> Vec<ImportPlace> {
    let mut places = Vec::new();
    for path in paths.into_iter().flatten() {
        let place = ImportPlace::File(path);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

fn python(module: Option<&str>, name: Option<&str>, path: &str) -> Vec<ImportPlace> {
    let Some(module) = module else {
        return Vec::new();
    };
    let inner = module.trim_start_matches('.');
    let dots = module.len() - inner.len();
    let inner = inner.replace('.', "/");
    let bases: Vec<String> = match dots {
        // From a root of the sources, of which the workspace is the likeliest.
        0 => ["", "src"]
            .into_iter()
            .map(str::to_owned)
            .chain(ancestors(path).rev())
            .collect(),
        dots => join(folder(path), &"../".repeat(dots - 1)).into_iter().collect(),
    };
    let mut paths = Vec::new();
    for base in &bases {
        // What is imported from a module may be a module itself.
        for module in [name.map(|name| format!("{inner}/{name}")), Some(inner.clone())]
            .into_iter()
            .flatten()
        {
            if !module.is_empty() {
                paths.push(join(base, &format!("{module}.py")));
            }
            paths.push(join(base, &format!("{module}/__init__.py")));
        }
    }
    files(paths)
}

fn ecmascript(to: &str, path: &str) -> Vec<ImportPlace> {
    const EXTENSIONS: [&str; 9] = ["ts", "tsx", "d.ts", "mts", "cts", "js", "jsx", "mjs", "cjs"];
    if !(to.starts_with("./") || to.starts_with("../") || to == "." || to == "..") {
        return Vec::new();
    }
    let Some(to) = join(folder(path), to) else {
        return Vec::new();
    };
    // TypeScript names the file that it will be compiled to.
    let source = to.rsplit_once('.').and_then(|(stem, extension)| match extension {
        "js" => Some(vec![format!("{stem}.ts"), format!("{stem}.tsx")]),
        "jsx" => Some(vec![format!("{stem}.tsx")]),
        "mjs" => Some(vec![format!("{stem}.mts")]),
        "cjs" => Some(vec![format!("{stem}.cts")]),
        _ => None,
    });
    let with_extension = EXTENSIONS.iter().map(|extension| format!("{to}.{extension}"));
    let index = EXTENSIONS
        .iter()
        .map(|extension| join(&to, &format!("index.{extension}")));
    // A name with an extension of its own is a file, or a folder with a dot in its name.
    let itself = to
        .rsplit('/')
        .next()
        .filter(|name| name.contains('.'))
        .map(|_| to.clone());
    let paths = itself
        .into_iter()
        .chain(source.into_iter().flatten())
        .chain(with_extension);
    files(paths.map(Some).chain(index))
}

fn go(to: &str, layout: &Layout) -> Option<Vec<ImportPlace>> {
    let (folder, module) = layout.go_module.as_ref()?;
    let inside = to.trim_matches('"').strip_prefix(module.as_str())?;
    if !inside.is_empty() && !inside.starts_with('/') {
        return None;
    }
    Some(vec![ImportPlace::Folder(join(folder, inside)?)])
}

fn java(class: Option<&str>, package_of_all: Option<&str>, package: &str, path: &str) -> Vec<ImportPlace> {
    let own = package.replace('.', "/");
    let root = folder(path).strip_suffix(own.as_str()).unwrap_or(folder(path));
    let main = root.replacen("src/test/java", "src/main/java", 1);
    let roots = if main == root {
        vec![root]
    } else {
        vec![root, main.as_str()]
    };
    let mut places = Vec::new();
    if let Some(class) = class {
        let class = class.replace('.', "/");
        for root in &roots {
            places.push(join(root, &format!("{class}.java")));
        }
        // What is imported may be inside of a class.
        if let Some((outer, _)) = class.rsplit_once('/') {
            for root in &roots {
                places.push(join(root, &format!("{outer}.java")));
            }
        }
    }
    let folders = package_of_all.into_iter().flat_map(|package| {
        let package = package.replace('.', "/");
        roots.iter().map(move |root| join(root, &package)).collect::<Vec<_>>()
    });
    files(places)
        .into_iter()
        .chain(folders.flatten().map(ImportPlace::Folder))
        .collect()
}

fn c(to: &str, path: &str) -> Vec<ImportPlace> {
    let to = to.trim_matches('"');
    let near = std::iter::once(join(folder(path), to));
    let headers = ancestors(path).flat_map(|folder| [join(&folder, &format!("include/{to}")), join(&folder, to)]);
    files(near.chain(headers))
}

/// The folders that a file is in, from its own to the workspace.
fn ancestors(path: &str) -> impl DoubleEndedIterator<Item = String> {
    let mut folders = Vec::new();
    let mut rest = folder(path);
    while !rest.is_empty() {
        folders.push(rest.to_owned());
        rest = folder(rest);
    }
    folders.push(String::new());
    folders.into_iter()
}

#[cfg(test)]
mod tests;
