use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::{Value, json};

use super::{Mixture, Quantized, quantize};
use crate::testing::Random;
use crate::tokenizer::Tokenizer;
use crate::{CompletionRequest, Engine, LoadError, LoadOptions, ModelSource, Prompt, inspect};

fn starter() -> ModelSource {
    ModelSource::Path(Path::new(env!("CARGO_MANIFEST_DIR")).join("starter/starter.gguf"))
}

fn written(source: &ModelSource, out: &Path, to: Mixture) -> Result<Quantized, LoadError> {
    let mut last = 0;
    let done = quantize(source, out, to, 2, &mut |written, of| {
        assert!(last <= written && written <= of);
        last = written;
    });
    if let Ok(report) = &done {
        assert_eq!(report.bytes, out.metadata().unwrap().len());
    }
    done
}

fn tokens(source: &ModelSource, text: &str) -> Vec<u32> {
    let engine = Engine::load(source, &LoadOptions::default()).unwrap();
    let request = CompletionRequest::new(Prompt::Plain(text.to_owned()), 16);
    engine.complete(request).unwrap().tokens
}

const TEXTS: [&str; 3] = [
    "def add(a, b):\n    return",
    "fn main() {\n    let x = ",
    "import os\n\n\nclass ",
];

#[test]
fn a_gguf_file_is_written_anew() {
    let folder = tempfile::tempdir().unwrap();
    let before = inspect(&starter()).unwrap();
    for mixture in Mixture::ALL {
        let out = folder.path().join(format!("{}.gguf", mixture.name()));
        let report = written(&starter(), &out, mixture).unwrap();
        let source = ModelSource::Path(out);
        let found = inspect(&source).unwrap();
        assert_eq!(found.quantization, mixture.name());
        assert_eq!((found.parameters, &found.name), (before.parameters, &before.name));
        assert_eq!(found.control_tokens, before.control_tokens);
        assert_eq!(found.formats.len(), report.formats.len());
        assert!(tokens(&source, TEXTS[0]).len() <= 16);
    }
    // 16 bits hold what 8 bits say nearly exactly, so that the same is written.
    let wide = ModelSource::Path(folder.path().join("F16.gguf"));
    for text in TEXTS {
        assert_eq!(tokens(&wide, text), tokens(&starter(), text), "{text}");
    }
    let parts: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert_eq!(parts.len(), Mixture::ALL.len(), "nothing is left over: {parts:?}");
}

/// How many pieces the vocabulary of [`tokenizer`] has.
const PIECES: usize = 10 + 256 + 1 + 94 + 16;

/// A `tokenizer.json` like Gemma's, with a few merges.
fn tokenizer() -> Value {
    let mut pieces = [
        "<pad>",
        "<eos>",
        "<bos>",
        "<unk>",
        "<|fim_prefix|>",
        "<|fim_middle|>",
        "<|fim_suffix|>",
        "<|file_separator|>",
        "<end_of_turn>",
        "\n\n",
    ]
    .map(str::to_owned)
    .to_vec();
    let added: Vec<Value> = pieces
        .iter()
        .enumerate()
        .map(|(id, piece)| {
            json!({"id": id, "content": piece, "special": piece != "\n\n", "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false})
        })
        .collect();
    pieces.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    pieces.push("▁".to_owned());
    pieces.extend((0x21..0x7f_u8).map(|byte| char::from(byte).to_string()));
    let words = [
        "re", "de", "ret", "▁a", "re▁", "ur", "urn", "return", "▁r", "▁ret", "let", "le", "▁▁", "in", "nt", "int",
    ];
    pieces.extend(words.map(str::to_owned));
    // Every pair that makes a piece, piece by piece, as in Gemma's.
    let mut merges = Vec::new();
    for word in words {
        for (at, _) in word.char_indices().skip(1) {
            let (left, right) = word.split_at(at);
            if [left, right]
                .iter()
                .all(|part| pieces.iter().any(|piece| piece == part))
            {
                merges.push(json!([left, right]));
            }
        }
    }
    let vocab: serde_json::Map<_, _> = pieces
        .into_iter()
        .enumerate()
        .map(|(id, piece)| (piece, id.into()))
        .collect();
    json!({"version": "1.0", "added_tokens": added,
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "model": {"type": "BPE", "unk_token": "<unk>", "byte_fallback": true, "vocab": vocab, "merges": merges}})
}

/// A committed checkpoint with a larger vocabulary, so that it can have a tokenizer. It has more rows than there are tokens,
/// as the published ones do, and numbers of 16 bits.
fn folder(name: &str) -> tempfile::TempDir {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/reference/golden")
        .join(name);
    let folder = tempfile::tempdir().unwrap();
    let mut config: Value = serde_json::from_slice(&std::fs::read(golden.join("config.json")).unwrap()).unwrap();
    let rows = 400;
    config["vocab_size"] = rows.into();
    if config.get("query_pre_attn_scalar").is_some() {
        // What a GGUF file can say.
        config["query_pre_attn_scalar"] = config["head_dim"].clone();
    }
    std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer().to_string()).unwrap();
    let mut tensors = HashMap::new();
    let files = std::fs::read_dir(&golden).unwrap().flatten().map(|file| file.path());
    let is_of_model = |path: &PathBuf| {
        path.file_name().unwrap().to_string_lossy().starts_with("model") && path.extension().unwrap() == "safetensors"
    };
    for file in files.filter(is_of_model) {
        let bytes = std::fs::read(file).unwrap();
        for (name, view) in SafeTensors::deserialize(&bytes).unwrap().tensors() {
            let mut shape = view.shape().to_vec();
            let mut numbers: Vec<f32> = view
                .data()
                .as_chunks()
                .0
                .iter()
                .map(|bits| f32::from_le_bytes(*bits))
                .collect();
            if name.ends_with("embed_tokens.weight") {
                let mut random = Random::new(5);
                shape[0] = rows;
                numbers = (0..rows * shape[1])
                    .map(|_| random.below(2001) as f32 / 1000.0 - 1.0)
                    .collect();
                // Rows that are no token's stay unlikely.
                numbers[PIECES * shape[1]..].fill(0.0);
            }
            let bytes: Vec<u8> = numbers
                .iter()
                .flat_map(|x| half::bf16::from_f32(*x).to_le_bytes())
                .collect();
            tensors.insert(name, (shape, bytes));
        }
    }
    let views = tensors
        .iter()
        .map(|(name, (shape, bytes))| (name, TensorView::new(Dtype::BF16, shape.clone(), bytes).unwrap()));
    std::fs::write(
        folder.path().join("model.safetensors"),
        safetensors::serialize(views, None).unwrap(),
    )
    .unwrap();
    folder
}

#[test]
fn a_folder_becomes_a_file_that_gives_the_same() {
    for name in ["gemma", "gemma2", "gemma3", "gemma3-scaled"] {
        let folder = folder(name);
        let out = folder.path().join("out.gguf");
        let source = ModelSource::from(folder.path());
        written(&source, &out, Mixture::BF16).unwrap();
        let file = ModelSource::Path(out);
        let (before, after) = (inspect(&source).unwrap(), inspect(&file).unwrap());
        assert_eq!((after.vocabulary, before.vocabulary), (PIECES, 400));
        assert_eq!(
            (&after.rope, after.window, after.trained_context),
            (&before.rope, before.window, before.trained_context)
        );
        assert_eq!(after.control_tokens, before.control_tokens);
        assert!(after.fill_in_the_middle);
        let (json, gguf) = (Tokenizer::load(&source).unwrap(), Tokenizer::load(&file).unwrap());
        let odd = "  return let int\n\n\tß<|fim_prefix|>re turn <unk> internet\u{1f600}";
        for text in TEXTS.into_iter().chain([odd, include_str!("tests.rs")]) {
            assert_eq!(json.encode(text), gguf.encode(text), "{text:.40}");
        }
        for id in 0..gguf.vocab_size() as u32 {
            assert_eq!(
                (json.bytes(id), json.is_control(id)),
                (gguf.bytes(id), gguf.is_control(id)),
                "{id}"
            );
        }
        for text in TEXTS {
            assert_eq!(tokens(&source, text), tokens(&file, text), "{name}: {text}");
        }
    }
}

#[test]
fn what_cannot_be_written_is_said_and_nothing_is_left() {
    let check = |source: &ModelSource, out: &Path, to: Mixture, word: &str| {
        let error = written(source, out, to).unwrap_err().to_string();
        assert!(error.contains(word) && !error.contains('\n'), "no {word:?} in {error}");
    };
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.gguf");
    std::fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("starter/starter.gguf"),
        &copy,
    )
    .unwrap();
    let source = ModelSource::Path(copy.clone());
    check(&source, &copy, Mixture::Q8_0, "this is the model that is read");
    check(&source, folder.path(), Mixture::Q8_0, "it is a folder");
    check(
        &source,
        &folder.path().join("no/such/out.gguf"),
        Mixture::Q8_0,
        "cannot be written",
    );
    check(
        &ModelSource::Path(folder.path().join("none.gguf")),
        &folder.path().join("out.gguf"),
        Mixture::Q8_0,
        "cannot be read",
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_configuration_that_gguf_has_no_keys_for_is_refused() {
    let folder = folder("gemma3");
    let path = folder.path().join("config.json");
    let config = std::fs::read_to_string(&path).unwrap();
    let other = config.replace("\"query_pre_attn_scalar\":16", "\"query_pre_attn_scalar\":20");
    assert_ne!(config, other);
    std::fs::write(&path, other).unwrap();
    let out = folder.path().join("out.gguf");
    let error = written(&folder.path().into(), &out, Mixture::Q8_0)
        .unwrap_err()
        .to_string();
    assert!(error.contains("no keys for") && !out.exists(), "{error}");
}

#[test]
fn numbers_that_are_none_are_refused() {
    let folder = folder("gemma");
    let path = folder.path().join("model.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 2..].copy_from_slice(&half::bf16::NAN.to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let out = folder.path().join("out.gguf");
    let error = written(&folder.path().into(), &out, Mixture::F16)
        .unwrap_err()
        .to_string();
    assert!(error.contains("not finite") && !out.exists(), "{error}");
}
