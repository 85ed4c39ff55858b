//! Paths as prompts have them: relative to the workspace, with forward slashes.
//!
//! Pure: they are put together and taken apart, never looked up.

/// The folder of a file; empty for the workspace itself.
pub(super) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The name of a file, without its folder.
pub(super) fn name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The name of a file without folder and extension.
pub(super) fn stem(path: &str) -> &str {
    let name = name(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// A path seen from a folder; `None` where it leaves the workspace.
pub(super) fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_in_the_workspace() {
        assert_eq!(join("a/b", "./c/../d.rs").as_deref(), Some("a/b/d.rs"));
        assert_eq!(join("a", "../b").as_deref(), Some("b"));
        assert_eq!(join("", "a//b").as_deref(), Some("a/b"));
        assert_eq!(join("a", "../../b"), None);
    }

    #[test]
    fn parts_of_a_path() {
        assert_eq!(
            (folder("a/b/c.d.rs"), name("a/b/c.d.rs"), stem("a/b/c.d.rs")),
            ("a/b", "c.d.rs", "c.d")
        );
        assert_eq!((folder("c"), name("c"), stem("c")), ("", "c", "c"));
    }
}
