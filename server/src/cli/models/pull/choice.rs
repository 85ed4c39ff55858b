//! Which files of a repository are the model.
//!
//! Pure.

use codegemma_hub::{FileName, ListedFile};

/// What is taken where a repository has several.
const PREFERRED: &str = "q4_k_m";

/// The files of the model, the one that is loaded first; the error says what there is to choose from.
pub(super) fn choose(listed: &[ListedFile]) -> Result<Vec<FileName>, String> {
    let lower = |file: &ListedFile| file.name.as_str().to_lowercase();
    let is_model = |file: &&ListedFile| lower(file).ends_with(".gguf") && !lower(file).contains("mmproj");
    let models: Vec<&ListedFile> = listed.iter().filter(is_model).collect();
    // Of a model in parts, its first part stands for all.
    let whole: Vec<&FileName> = models
        .iter()
        .map(|file| &file.name)
        .filter(|name| part(name.as_str()).is_none_or(|(_, number, _)| number == 1))
        .collect();
    let preferred: Vec<&FileName> = whole
        .iter()
        .filter(|name| is_preferred(name.as_str()))
        .copied()
        .collect();
    match (whole.as_slice(), preferred.as_slice()) {
        ([one], _) | (_, [one]) => all_parts(one, &models),
        ([], _) => safetensors(listed),
        (several, _) => Err(format!(
            "has several models; name one of them after the repository: {}",
            some(several)
        )),
    }
}

/// The file, or all the parts of which it is one.
pub(super) fn with_parts(name: &FileName, listed: &[ListedFile]) -> Result<Vec<FileName>, String> {
    let models: Vec<&ListedFile> = listed.iter().collect();
    all_parts(name, &models)
}

/// Whether a file is one of several parts.
pub(super) fn is_part(name: &FileName) -> bool {
    part(name.as_str()).is_some()
}

fn all_parts(name: &FileName, models: &[&ListedFile]) -> Result<Vec<FileName>, String> {
    let Some((stem, _, count)) = part(name.as_str()) else {
        return Ok(vec![name.clone()]);
    };
    let mut parts: Vec<FileName> = models
        .iter()
        .filter(|file| part(file.name.as_str()).is_some_and(|(other, _, total)| other == stem && total == count))
        .map(|file| file.name.clone())
        .collect();
    parts.sort();
    match parts.len() == count {
        true => Ok(parts),
        false => Err(format!(
            "has {} of the {count} parts of {name}; choose another file",
            parts.len()
        )),
    }
}

/// The name without the ending, the number and the count of `NAME-00001-of-00003.gguf`.
fn part(name: &str) -> Option<(&str, usize, usize)> {
    let (rest, count) = name.strip_suffix(".gguf")?.rsplit_once("-of-")?;
    let (stem, number) = rest.rsplit_once('-')?;
    let five = |digits: &str| (digits.len() == 5).then(|| digits.parse().ok()).flatten();
    let (number, count) = (five(number)?, five(count)?);
    (1..=count).contains(&number).then_some((stem, number, count))
}

fn is_preferred(name: &str) -> bool {
    let name = name.to_lowercase().replace('-', "_");
    let stem = name.trim_end_matches(".gguf");
    // The number of a part follows.
    stem.ends_with(PREFERRED) || stem.contains(&format!("{PREFERRED}_0"))
}

fn safetensors(listed: &[ListedFile]) -> Result<Vec<FileName>, String> {
    const NEEDED: [&str; 2] = ["config.json", "tokenizer.json"];
    let is_needed = |name: &str| {
        NEEDED.contains(&name)
            || name.ends_with(".safetensors") && !name.contains('/')
            || name == "model.safetensors.index.json"
    };
    let mut names: Vec<FileName> = listed
        .iter()
        .map(|file| file.name.clone())
        .filter(|name| is_needed(name.as_str()))
        .collect();
    let has = |wanted: &str| names.iter().any(|name| name.as_str() == wanted);
    let weights = names.iter().any(|name| name.as_str().ends_with(".safetensors"));
    if !weights || !NEEDED.into_iter().all(has) {
        let all: Vec<&FileName> = listed.iter().map(|file| &file.name).collect();
        return Err(format!(
            "has no model: neither a .gguf file nor config.json with safetensors and tokenizer.json. It has {}",
            some(&all)
        ));
    }
    // The weights first: their digest is the model's.
    names.sort_by_key(|name| (!name.as_str().ends_with(".safetensors"), name.clone()));
    Ok(names)
}

/// Some of the names, in a line.
fn some(names: &[&FileName]) -> String {
    let shown: Vec<&str> = names.iter().take(20).map(|name| name.as_str()).collect();
    match names.len() {
        0 => "no files".to_owned(),
        count if count > shown.len() => format!("{} and {} more", shown.join(", "), count - shown.len()),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &[&str], expected: Result<&[&str], &str>) {
        let listed: Vec<ListedFile> = files
            .iter()
            .map(|name| ListedFile {
                name: FileName::new(name).unwrap(),
                bytes: 1,
            })
            .collect();
        match (choose(&listed), expected) {
            (Ok(names), Ok(expected)) => {
                let names: Vec<&str> = names.iter().map(FileName::as_str).collect();
                assert_eq!(names, expected, "{files:?}");
            }
            (Err(message), Err(word)) => assert!(message.contains(word), "{files:?}: {message}"),
            (found, _) => panic!("{files:?}: {found:?}"),
        }
    }

    #[test]
    fn the_model_of_a_repository_is_found() {
        check(&["README.md", "a.gguf", "mmproj-a.gguf"], Ok(&["a.gguf"]));
        check(
            &["a-Q4_K_M.gguf", "a-Q8_0.gguf", "a-Q4_K_S.gguf"],
            Ok(&["a-Q4_K_M.gguf"]),
        );
        check(&["a.Q4_K_M.gguf", "a.Q4_K_S.gguf"], Ok(&["a.Q4_K_M.gguf"]));
        check(&["sub/a-q4-k-m.gguf", "a-Q8_0.gguf"], Ok(&["sub/a-q4-k-m.gguf"]));
        check(&["a-Q8_0.gguf", "a-Q6_K.gguf"], Err("a-Q8_0.gguf, a-Q6_K.gguf"));
        check(&["a-Q4_K_M.gguf", "b-Q4_K_M.gguf"], Err("several"));
    }

    #[test]
    fn all_parts_of_a_model_are_taken() {
        let parts = ["a-00002-of-00002.gguf", "a-00001-of-00002.gguf", "README.md"];
        check(&parts, Ok(&["a-00001-of-00002.gguf", "a-00002-of-00002.gguf"]));
        check(&parts[1..], Err("1 of the 2 parts"));
        check(
            &[
                "a-Q4_K_M-00001-of-00002.gguf",
                "a-Q4_K_M-00002-of-00002.gguf",
                "a-Q8_0.gguf",
            ],
            Ok(&["a-Q4_K_M-00001-of-00002.gguf", "a-Q4_K_M-00002-of-00002.gguf"]),
        );
    }

    #[test]
    fn safetensors_come_with_what_they_need() {
        check(
            &[
                "README.md",
                "config.json",
                "model.safetensors",
                "tokenizer.json",
                "onnx/model.safetensors",
            ],
            Ok(&["model.safetensors", "config.json", "tokenizer.json"]),
        );
        check(
            &["config.json", "model.safetensors"],
            Err("It has config.json, model.safetensors"),
        );
        check(&["mmproj.gguf"], Err("no model"));
        check(&[], Err("no files"));
    }
}
