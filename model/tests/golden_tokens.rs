//! Token ids on real vocabularies against the reference tokenizers: llama.cpp for the SentencePiece vocabulary of
//! Gemma 3 270M, Hugging Face's for the `tokenizer.json` of CodeGemma. `tests/reference/` holds the goldens and what
//! made them; `tests/fetch.py --tests` fetches the vocabularies and the code that the snippets are cut from.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use codegemma_model::{ModelSource, Tokenizer};

/// What a reference tokenizer made of snippets and texts.
#[derive(serde::Deserialize)]
struct Golden {
    sources: String,
    /// File, first byte, end byte, ids.
    snippets: Vec<(String, usize, usize, Vec<u32>)>,
    texts: Vec<(String, Vec<u32>)>,
}

/// The cache folder, chosen as `tests/fetch.py` does.
fn cache() -> PathBuf {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let home = || std::env::home_dir().expect("a home folder");
    if let Some(own) = variable("CODEGEMMA_CACHE") {
        return own;
    }
    let base = if cfg!(windows) {
        variable("LOCALAPPDATA").unwrap_or_else(|| home().join("AppData").join("Local"))
    } else if cfg!(target_os = "macos") {
        home().join("Library").join("Caches")
    } else {
        variable("XDG_CACHE_HOME").unwrap_or_else(|| home().join(".cache"))
    };
    base.join("codegemma-lsp")
}

fn fetched(path: &[&str]) -> PathBuf {
    let path = path.iter().fold(cache(), |folder, part| folder.join(part));
    assert!(
        path.exists(),
        "{} is missing; run: python3 tests/fetch.py --tests",
        path.display()
    );
    path
}

fn golden(name: &str) -> Golden {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/reference/golden")
        .join(name)
        .join("tokens.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("a golden file")
}

/// Each text of the goldens with where it comes from and the reference's ids.
fn cases(golden: Golden) -> Vec<(String, String, Vec<u32>)> {
    let mut files = HashMap::new();
    let mut cases = Vec::new();
    for (name, start, end, ids) in golden.snippets {
        let file = files.entry(name.clone()).or_insert_with(|| {
            let path: Vec<_> = ["sources", golden.sources.as_str()]
                .into_iter()
                .chain(name.split('/'))
                .collect();
            std::fs::read(fetched(&path)).expect("a readable file")
        });
        let text = String::from_utf8(file[start..end].to_vec()).expect("snippets are whole characters");
        cases.push((format!("{name} {start}..{end}"), text, ids));
    }
    cases.extend(
        golden
            .texts
            .into_iter()
            .map(|(text, ids)| (format!("{text:.60?}"), text, ids)),
    );
    cases
}

/// Fails with the first few differences, each as the pieces of both.
fn assert_same(tokenizer: &Tokenizer, golden: Golden) {
    let languages: std::collections::HashSet<_> = golden
        .snippets
        .iter()
        .filter_map(|(file, ..)| file.split('/').next())
        .collect();
    assert!(
        golden.snippets.len() >= 500 && languages.len() >= 10,
        "too few snippets"
    );
    let cases = cases(golden);
    let pieces = |ids: &[u32]| {
        ids.iter()
            .map(|&id| tokenizer.piece(id).unwrap_or("?").to_owned())
            .collect::<Vec<_>>()
    };
    let mut differences = Vec::new();
    for (name, text, expected) in &cases {
        let found = tokenizer.encode(text);
        if found != *expected {
            differences.push(format!(
                "{name}\n  found    {:?}\n  expected {:?}",
                pieces(&found),
                pieces(expected)
            ));
        }
    }
    let shown = differences.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(
        differences.is_empty(),
        "{} of {} differ:\n{shown}",
        differences.len(),
        cases.len()
    );
}

/// These names must be spelled, wherever a vocabulary lists them.
fn assert_control_is_text(tokenizer: &Tokenizer) {
    for name in [
        "<bos>",
        "<eos>",
        "<pad>",
        "<mask>",
        "[multimodal]",
        "<unused5>",
        "<start_of_image>",
        "<end_of_turn>",
    ] {
        for text in [name.to_owned(), format!("x{name}y\n"), name.repeat(3)] {
            let ids = tokenizer.encode(&text);
            assert!(
                ids.iter().all(|&id| tokenizer.piece(id) != Some(name)),
                "{text}: {ids:?}"
            );
        }
    }
}

#[test]
fn gemma_3_270m_spells_as_llama_cpp_does() {
    let path = fetched(&["models", "gemma-3-270m-q4_k_m.gguf"]);
    let tokenizer = Tokenizer::load(&ModelSource::Path(path)).expect("the model's vocabulary");
    assert_eq!(tokenizer.vocab_size(), 262_144);
    assert_eq!(tokenizer.begin_of_text(), Some(2));
    assert_control_is_text(&tokenizer);
    // Gemma learned HTML's closing tag as one word; llama.cpp alone takes it for an end of text and spells it.
    assert_eq!(tokenizer.encode("</s>").len(), 1);
    assert_same(&tokenizer, golden("gemma-3-270m"));
}

#[test]
fn codegemma_spells_as_hugging_face_does() {
    let path = fetched(&["tokenizers", "gemma"]);
    let tokenizer = Tokenizer::load(&ModelSource::Path(path)).expect("CodeGemma's vocabulary");
    assert_eq!(tokenizer.vocab_size(), 256_000);
    assert_eq!(tokenizer.begin_of_text(), Some(2));
    assert_eq!(tokenizer.piece(67), Some("<|fim_prefix|>"));
    assert_control_is_text(&tokenizer);
    assert_same(&tokenizer, golden("codegemma"));
}
