//! GGUF models in several files, as hubs have them that limit how large a file may be: `…-00001-of-00003.gguf` and so on.
//! The first has the metadata, each its own tensors.
//!
//! Must not know what the tensors are for.

use std::path::{Path, PathBuf};

use super::Gguf;
use crate::{LoadError, ModelSource};

/// More parts than any model has.
const MOST_PARTS: usize = 1000;

/// What the name of a part says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitPart<'a> {
    /// What the names of all parts begin with.
    pub stem: &'a str,
    /// Which part it is, from 1 on.
    pub number: usize,
    /// How many there are.
    pub count: usize,
}

impl<'a> SplitPart<'a> {
    /// Reads the name of a file; `None` where it is not that of a part.
    pub fn of(name: &'a str) -> Option<Self> {
        let numbers = name.strip_suffix(".gguf").or_else(|| name.strip_suffix(".GGUF"))?;
        let (rest, count) = numbers.rsplit_once("-of-")?;
        let (stem, number) = rest.rsplit_once('-')?;
        let parse = |digits: &str| -> Option<usize> {
            let is_number = digits.len() == 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse().ok())?
        };
        let (number, count) = (parse(number)?, parse(count)?);
        (count <= MOST_PARTS && (1..=count).contains(&number)).then_some(Self { stem, number, count })
    }
}

/// The files of a model that is named by any of its parts, in order; only itself where it is whole.
pub(crate) fn parts(source: &ModelSource) -> Result<Vec<ModelSource>, LoadError> {
    let ModelSource::Path(path) = source else {
        return Ok(vec![source.clone()]);
    };
    let name = path.file_name().and_then(|name| name.to_str());
    let Some((name, part)) = name
        .and_then(|name| Some((name, SplitPart::of(name)?)))
        .filter(|(_, part)| part.count > 1)
    else {
        return Ok(vec![source.clone()]);
    };
    let ending = &name[name.len() - ".gguf".len()..];
    let SplitPart { stem, count, .. } = part;
    let sibling = |number: usize| path.with_file_name(format!("{stem}-{number:05}-of-{count:05}{ending}"));
    let parts: Vec<PathBuf> = (1..=count).map(sibling).collect();
    match parts.iter().find(|part| !part.exists()) {
        Some(missing) => Err(missing_part(path, missing, count)),
        None => Ok(parts.into_iter().map(ModelSource::Path).collect()),
    }
}

fn missing_part(path: &Path, missing: &Path, count: usize) -> LoadError {
    let missing = missing.file_name().unwrap_or_default().to_string_lossy();
    LoadError::new(
        path,
        format!("the model is in {count} files, and {missing} is not beside this one"),
        "download all parts into one folder",
    )
}

/// Checks that these files are the parts of one model, in order. The error has the number of the file that it is about,
/// from 0 on.
pub(crate) fn check(parts: &[Gguf<'_>]) -> Result<(), (usize, String)> {
    let tensors: usize = parts.iter().map(|part| part.tensors.len()).sum();
    for (at, part) in parts.iter().enumerate() {
        let broken = |what: String| (at, what);
        let count = part.unsigned("split.count").map_err(broken)?.unwrap_or(1);
        if parts.len() == 1 && count > 1 {
            return Err(broken(format!(
                "it is one of {count} parts of a model, and its name does not say which; parts are called …-00001-of-{count:05}.gguf and so on"
            )));
        }
        if parts.len() == 1 {
            return Ok(());
        }
        if count != parts.len() as u64 {
            return Err(broken(format!(
                "by its name it is one of {} parts, by what it says of itself one of {count}",
                parts.len()
            )));
        }
        let number = part.unsigned("split.no").map_err(broken)?;
        if number != Some(at as u64) {
            let said = number.map_or_else(|| "none".to_owned(), |number| number.saturating_add(1).to_string());
            return Err(broken(format!(
                "by its name it is part {} of a model, by what it says of itself part {said}; one part is there twice and another is not",
                at + 1
            )));
        }
        let promised = part.unsigned("split.tensors.count").map_err(broken)?;
        if promised.is_some_and(|promised| promised != tensors as u64) {
            return Err(broken(format!(
                "it promises {} tensors, all parts together have {tensors}; they are not of one model",
                promised.unwrap_or_default()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parts_are_read() {
        let check = |name: &str, expected: Option<(&str, usize, usize)>| {
            let found = SplitPart::of(name).map(|part| (part.stem, part.number, part.count));
            assert_eq!(found, expected, "{name}");
        };
        check("gemma-00001-of-00002.gguf", Some(("gemma", 1, 2)));
        check("a-b-00003-of-00003.GGUF", Some(("a-b", 3, 3)));
        check("gemma-00003-of-00002.gguf", None);
        check("gemma-00000-of-00002.gguf", None);
        check("gemma-1-of-2.gguf", None);
        check("gemma-0000a-of-00002.gguf", None);
        check("gemma-00001-of-99999.gguf", None);
        check("00001-of-00002.gguf", None);
        check("gemma.gguf", None);
    }
}
