//! The models that can be pulled by a name of their own, as the table beside this file has them.
//!
//! The first of a name is what the name alone stands for, and the first of all is the one for completion. A digest is in the
//! table where it was read on the hub's own page of the file; where there is none, the hub's name of the content is what a
//! pull is checked against. Pure.

use std::fmt;
use std::sync::LazyLock;

/// The terms under which all of them are.
pub(crate) const GEMMA_TERMS: &str = "Gemma Terms of Use, https://ai.google.dev/gemma/terms";

const TABLE: &str = include_str!("known.csv");

/// A model of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownModel {
    /// Its name, without the quantization.
    pub name: &'static str,
    /// Such as `Q4_K_M`.
    pub quantization: &'static str,
    /// What it is for: `completion`, `chat`, `text` or `images`.
    pub purpose: &'static str,
    /// Where it is on the hub.
    pub repository: &'static str,
    /// The commit, where the table names one.
    pub revision: Option<&'static str>,
    /// The file; `None` where the model is a folder with safetensors.
    pub file: Option<&'static str>,
    /// How long it is.
    pub bytes: u64,
    /// Whether that is exact, and not rounded.
    pub has_exact_bytes: bool,
    /// The SHA-256 of the file.
    pub sha256: Option<&'static str>,
    /// Whether an account has to accept the terms on the hub first.
    pub is_gated: bool,
    /// How many parameters it has, in words.
    pub parameters: &'static str,
    /// Whether it was trained to fill in the middle.
    pub fills_in_the_middle: bool,
    /// Whether it was trained to follow instructions.
    pub follows_instructions: bool,
    /// Whether it sees images.
    pub sees_images: bool,
    /// Whether this version runs it.
    pub runs: bool,
}

/// All of them.
pub(crate) fn all() -> &'static [KnownModel] {
    static ALL: LazyLock<Vec<KnownModel>> = LazyLock::new(|| {
        let lines = TABLE.lines().skip(1);
        lines.map(|line| row(line).expect("a test reads the table")).collect()
    });
    &ALL
}

/// The one for completion.
pub(crate) fn default_model() -> &'static KnownModel {
    &all()[0]
}

/// The model of a name, `NAME` or `NAME:QUANTIZATION`, in letters of any size.
pub(crate) fn find(name: &str) -> Option<&'static KnownModel> {
    all().iter().find(|known| known.is_called(name))
}

impl KnownModel {
    /// Whether a name means it; one without a quantization means several.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        let (name, quantization) = match name.split_once(':') {
            Some((name, quantization)) => (name, Some(quantization.replace('-', "_"))),
            None => (name, None),
        };
        self.name.eq_ignore_ascii_case(name)
            && quantization.is_none_or(|quantization| self.quantization.eq_ignore_ascii_case(&quantization))
    }
}

impl fmt::Display for KnownModel {
    /// The name with the quantization, which `find` takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.quantization.to_lowercase())
    }
}

fn row(line: &'static str) -> Option<KnownModel> {
    let fields: Vec<&str> = line.split(',').collect();
    let [
        name,
        quantization,
        purpose,
        repository,
        revision,
        file,
        bytes,
        bytes_are,
        sha256,
        licence,
        access,
        parameters,
        fills,
        follows,
        sees,
        runs,
    ] = fields.try_into().ok()?;
    let one_of = |value: &str, first: &str, second: &str| match value {
        value if value == first => Some(true),
        value if value == second => Some(false),
        _ => None,
    };
    let if_any = |value: &'static str| (!value.is_empty()).then_some(value);
    let yes = |value: &str| one_of(value, "yes", "no");
    (licence == "gemma").then_some(())?;
    Some(KnownModel {
        name,
        quantization,
        purpose,
        repository,
        revision: if_any(revision),
        file: if_any(file),
        bytes: bytes.parse().ok()?,
        has_exact_bytes: one_of(bytes_are, "exact", "about")?,
        sha256: if_any(sha256),
        is_gated: one_of(access, "gated", "open")?,
        parameters,
        fills_in_the_middle: yes(fills)?,
        follows_instructions: yes(follows)?,
        sees_images: yes(sees)?,
        runs: yes(runs)?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_is_read() {
        let names: BTreeSet<String> = all().iter().map(ToString::to_string).collect();
        assert!(names.len() == all().len() && names.len() > 20, "{names:?}");
        for known in all() {
            assert_eq!(find(&known.to_string()), Some(known));
            let hex = |text: &str, len| text.len() == len && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(known.sha256.is_none_or(|sha256| hex(sha256, 64)), "{known}");
            assert!(known.revision.is_none_or(|revision| hex(revision, 40)), "{known}");
            assert!(known.file.is_none_or(|file| file.ends_with(".gguf")), "{known}");
            assert!((100 << 20..60 << 30).contains(&known.bytes), "{known}");
            assert!(known.repository.split('/').count() == 2, "{known}");
            assert_eq!(known.is_gated, known.repository.starts_with("google/"), "{known}");
            let purposes = ["completion", "chat", "text", "images"];
            assert!(purposes.contains(&known.purpose), "{known}");
            assert_eq!(known.fills_in_the_middle, known.purpose == "completion", "{known}");
            assert_eq!(known.follows_instructions, known.purpose == "chat", "{known}");
        }
        let first = default_model();
        assert!(first.fills_in_the_middle && !first.is_gated && first.sha256.is_some());
    }

    #[track_caller]
    fn check(name: &str, expected: Option<&str>) {
        assert_eq!(find(name).map(ToString::to_string).as_deref(), expected, "{name}");
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        check("codegemma-2b", Some("codegemma-2b:q4_k_m"));
        check("CodeGemma-2B:Q8-0", Some("codegemma-2b:q8_0"));
        check("codegemma-7b:q4_K-m", Some("codegemma-7b:q4_k_m"));
        check("gemma-3-270m", Some("gemma-3-270m:bf16"));
        check("codegemma-2b:", None);
        check("codegemma-2b:q1", None);
        check("codegemma_2b", None);
        check("", None);
    }
}
