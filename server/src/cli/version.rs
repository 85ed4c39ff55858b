//! What is built into this program, for `--version` and `doctor`.

use std::sync::LazyLock;

use crate::documents::language::LANGUAGES;

/// The version, the system, the processor's instructions that are used, the languages that are parsed and the model inside.
pub fn long() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let mut languages: Vec<&str> = LANGUAGES.iter().map(|language| language.id).collect();
        languages.sort_unstable();
        languages.dedup();
        format!(
            "{}\nsystem: {}\nlanguages: {}\nmodel inside: the {}",
            env!("CARGO_PKG_VERSION"),
            system(),
            languages.join(", "),
            crate::models::starter::KIND
        )
    });
    &TEXT
}

/// The system and how fast it can compute.
pub fn system() -> String {
    let instructions = codegemma_model::bench::instructions();
    format!(
        "{} {}, computing with {}",
        std::env::consts::OS,
        std::env::consts::ARCH,
        instructions.unwrap_or("plain code")
    )
}
