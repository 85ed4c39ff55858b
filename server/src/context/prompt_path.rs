//! How a file is called in a prompt: relative to its project and with forward slashes, as in the training data.
//!
//! Pure: paths are compared, never looked up.

use std::path::{Component, Path};

/// The name of `path` for the model: relative to `root` if it is inside, else the file's own name.
pub(crate) fn name(path: &Path, root: Option<&Path>) -> Option<String> {
    let relative = root
        .and_then(|root| path.strip_prefix(root).ok())
        .filter(|inside| *inside != Path::new(""));
    let Some(relative) = relative else {
        return Some(path.file_name()?.to_string_lossy().into_owned());
    };
    let parts: Vec<_> = relative
        .components()
        .filter_map(|component| match component {
            Component::Normal(part) => Some(part.to_string_lossy()),
            _ => None,
        })
        .collect();
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_to_the_root_or_the_bare_name() {
        let path: std::path::PathBuf = ["work", "repo", "src", "a.rs"].iter().collect();
        let root: std::path::PathBuf = ["work", "repo"].iter().collect();
        assert_eq!(name(&path, Some(&root)).as_deref(), Some("src/a.rs"));
        assert_eq!(name(&path, Some(Path::new("elsewhere"))).as_deref(), Some("a.rs"));
        assert_eq!(name(&path, Some(&path)).as_deref(), Some("a.rs"));
        assert_eq!(name(&path, None).as_deref(), Some("a.rs"));
        assert_eq!(name(Path::new(""), None), None);
    }
}
