//! What a checkpoint must be to load: every tensor there, of the right shape, and nothing else.

#[cfg(unix)]
mod changed;
#[cfg(unix)]
mod damaged;
mod split;

use std::path::{Path, PathBuf};

use super::Weights;
use crate::container::Format;
use crate::decoder::Decoder;
use crate::testing::{GgufWriter, Meta, Random, vocabulary};
use crate::tokenizer::Tokenizer;
use crate::{Completion, CompletionRequest, Embedded, Engine, LoadOptions, ModelSource, Prompt, RequestError};

/// A whole Gemma of one layer.
fn tiny() -> GgufWriter {
    let mut gguf = GgufWriter::default();
    gguf.set("general.architecture", Meta::Text("gemma".to_owned()));
    gguf.set("general.name", Meta::Text("tiny".to_owned()));
    for (key, value) in [
        ("embedding_length", 32),
        ("block_count", 1),
        ("feed_forward_length", 64),
        ("attention.head_count", 2),
        ("attention.head_count_kv", 1),
        ("attention.key_length", 16),
        ("attention.value_length", 16),
        ("context_length", 128),
    ] {
        gguf.set(&format!("gemma.{key}"), Meta::U32(value));
    }
    gguf.set("gemma.attention.layer_norm_rms_epsilon", Meta::F32(1e-6));
    vocabulary(&mut gguf, true);
    gguf.zeros("token_embd.weight", &[362, 32], Format::Q8_0);
    gguf.zeros("output_norm.weight", &[32], Format::F32);
    for (part, shape) in [
        ("attn_norm", &[32][..]),
        ("attn_q", &[32, 32]),
        ("attn_k", &[16, 32]),
        ("attn_v", &[16, 32]),
        ("attn_output", &[32, 32]),
        ("ffn_norm", &[32]),
        ("ffn_gate", &[64, 32]),
        ("ffn_up", &[64, 32]),
        ("ffn_down", &[32, 64]),
    ] {
        let format = if shape.len() == 1 { Format::F32 } else { Format::Q4_0 };
        gguf.zeros(&format!("blk.0.{part}.weight"), shape, format);
    }
    gguf
}

/// The same with weights that are not all the same.
fn filled() -> GgufWriter {
    let mut gguf = tiny();
    let mut random = Random::new(1);
    for (_, _, format, bytes) in &mut gguf.tensors {
        for block in bytes.chunks_exact_mut(format.block_bytes()) {
            match format {
                Format::F32 => block.copy_from_slice(&0.5_f32.to_le_bytes()),
                _ => {
                    block.fill_with(|| random.below(256) as u8);
                    block[..2].copy_from_slice(&half::f16::from_f32(0.01).to_le_bytes());
                }
            }
        }
    }
    gguf
}

/// Loads a file as the engine does; an error is the line that a user sees.
fn load(gguf: &GgufWriter) -> Result<Decoder, String> {
    let file = tempfile::Builder::new().suffix(".gguf").tempfile().unwrap();
    std::fs::write(file.path(), gguf.bytes()).unwrap();
    let weights = Weights::open(&file.path().into()).map_err(|error| error.to_string())?;
    Decoder::new(weights.config, weights.tensors).map_err(|error| error.to_string())
}

fn refused(gguf: &GgufWriter) -> String {
    match load(gguf) {
        Ok(_) => panic!("a broken checkpoint was accepted"),
        Err(error) => error,
    }
}

#[test]
fn a_whole_checkpoint_loads() {
    let decoder = load(&tiny()).unwrap();
    assert_eq!(decoder.config().vocab_size, 362);
    assert_eq!(decoder.main_format(), Format::Q4_0);
}

/// What a request to a model gives.
fn run(source: &ModelSource) -> Result<Completion, RequestError> {
    let engine = Engine::load(source, &LoadOptions::default()).unwrap();
    let request = CompletionRequest {
        logprobs: Some(0),
        ..CompletionRequest::new(Prompt::Plain("some text".to_owned()), 3)
    };
    engine.complete(request)
}

/// What a request to a file's model gives.
fn complete(gguf: &GgufWriter) -> Result<String, RequestError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), gguf.bytes()).unwrap();
    run(&file.path().into()).map(|completion| completion.text)
}

#[test]
fn scales_that_are_not_numbers_are_an_error_and_not_silent_garbage() {
    // With weights of zero every token is as likely, and the first, which is a control token, ends the text.
    assert_eq!(complete(&tiny()), Ok(String::new()));
    for scale in [half::f16::NAN, half::f16::INFINITY, half::f16::NEG_INFINITY] {
        for tensor in ["token_embd.weight", "blk.0.attn_v.weight", "blk.0.ffn_down.weight"] {
            let mut gguf = tiny();
            let stored = gguf.tensors.iter_mut().find(|stored| stored.0 == tensor).unwrap();
            let (block, ones) = (stored.2.block_bytes(), [1; 16]);
            for block in stored.3.chunks_exact_mut(block) {
                block[..2].copy_from_slice(&scale.to_le_bytes());
                block[2..18].copy_from_slice(&ones);
            }
            let error = complete(&gguf).unwrap_err().to_string();
            assert!(
                error.contains("its logits are not numbers"),
                "{tensor} {scale}: {error}"
            );
        }
    }
}

/// A model that the program carries, in memory that lives as long as a program's.
fn embedded(bytes: &'static [u8]) -> ModelSource {
    ModelSource::Embedded(Embedded {
        name: "the model inside this test",
        bytes,
        remedy: "build the test again",
    })
}

#[test]
fn an_embedded_model_gives_what_its_file_gives_wherever_its_bytes_begin() {
    let bytes = filled().bytes();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &bytes).unwrap();
    let mapped = run(&file.path().into()).unwrap();
    assert_eq!(mapped.tokens.len(), 3);
    for padding in 0..3 {
        let shifted = [vec![0; padding], bytes.clone()].concat();
        let found = run(&embedded(&Vec::leak(shifted)[padding..])).unwrap();
        assert_eq!(found.tokens, mapped.tokens, "{padding}");
        assert_eq!(found.logprobs, mapped.logprobs, "{padding}: bit for bit");
    }
}

#[test]
fn damaged_embedded_bytes_are_named_with_their_own_remedy() {
    let bytes: &'static [u8] = Vec::leak(tiny().bytes());
    let mut flipped = bytes.to_vec();
    flipped[0] ^= 1;
    let cut = [0, 3, 40, bytes.len() / 2, bytes.len() - 1].map(|len| &bytes[..len]);
    for damaged in cut.into_iter().chain([&*Vec::leak(flipped)]) {
        let source = embedded(damaged);
        let loaded = Engine::load(&source, &LoadOptions::default()).map(drop);
        let read = Tokenizer::load(&source).map(drop);
        // The tokenizer alone notices too: the header says how long the file is.
        for error in [loaded.unwrap_err(), read.unwrap_err()] {
            let error = error.to_string();
            assert!(error.starts_with("the model inside this test: "), "{error}");
            assert!(
                error.ends_with("; build the test again") && !error.contains('\n'),
                "{error}"
            );
        }
    }
}

#[test]
fn harmless_tensors_are_passed_over() {
    let mut gguf = tiny();
    gguf.zeros("output.weight", &[362, 32], Format::Q8_0);
    gguf.zeros("rope_freqs.weight", &[8], Format::F32);
    gguf.zeros("v.blk.0.attn_q.weight", &[8], Format::F32);
    gguf.zeros("mm.input_projection.weight", &[8], Format::F32);
    let factors = |gguf: &mut GgufWriter, last: f32| {
        let stored = gguf
            .tensors
            .iter_mut()
            .find(|stored| stored.0 == "rope_freqs.weight")
            .unwrap();
        stored.3 = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, last]
            .into_iter()
            .flat_map(f32::to_le_bytes)
            .collect();
    };
    factors(&mut gguf, 1.0);
    load(&gguf).unwrap();
    factors(&mut gguf, 8.0);
    assert!(refused(&gguf).contains("rope_freqs.weight divides rotary frequencies by 8"));
}

#[test]
fn a_tensor_that_does_not_fit_is_named() {
    for at in 0..tiny().tensors.len() {
        let mut gguf = tiny();
        let (name, shape, ..) = gguf.tensors.remove(at);
        let error = refused(&gguf);
        assert!(
            error.contains(&format!("tensor {name} is missing, expected {shape:?}")),
            "{error}"
        );

        let mut wrong = shape.clone();
        wrong[0] += 1;
        let format = if shape.len() == 1 { Format::F32 } else { Format::Q8_0 };
        gguf.zeros(&name, &wrong, format);
        let error = refused(&gguf);
        assert!(
            error.contains(&format!("tensor {name} is {wrong:?}, expected {shape:?}")),
            "{error}"
        );
    }
    let mut gguf = tiny();
    gguf.zeros("blk.0.attn_q.bias", &[32], Format::F32);
    assert!(refused(&gguf).contains("unknown tensor blk.0.attn_q.bias"));
}

#[test]
fn a_list_with_a_number_for_each_layer_is_that_number() {
    let mut gguf = tiny();
    gguf.set("gemma.attention.head_count_kv", Meta::Integers(vec![1]));
    gguf.set("gemma.feed_forward_length", Meta::Integers(vec![64, 64]));
    load(&gguf).unwrap();
    for (list, word) in [
        (vec![64, 128], "64 in the first layer and 128 in layer 1"),
        (vec![], "a list of 0"),
        (vec![-1], "positive"),
    ] {
        gguf.set("gemma.feed_forward_length", Meta::Integers(list));
        let error = refused(&gguf);
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn a_configuration_that_cannot_run_is_named() {
    let with = |key: &str, value: Meta| {
        let mut gguf = tiny();
        gguf.set(key, value);
        refused(&gguf)
    };
    let text = |text: &str| Meta::Text(text.to_owned());
    assert!(with("general.architecture", text("llama")).contains("a model of the architecture \"llama\""));
    assert!(with("gemma.block_count", Meta::U32(0)).contains("key gemma.block_count is 0"));
    assert!(with("gemma.block_count", Meta::U32(u32::MAX)).contains("gemma.block_count is 4294967295"));
    assert!(with("gemma.block_count", Meta::U32(2)).contains("tensor blk.1."));
    assert!(with("gemma.attention.head_count_kv", Meta::U32(3)).contains("cannot share 3 key/value heads"));
    assert!(with("gemma.attention.key_length", Meta::U32(15)).contains("values are 16 wide and keys 15"));
    assert!(with("gemma.rope.scaling.type", text("yarn")).contains("rope scaling \"yarn\""));
    assert!(with("gemma.attention.layer_norm_rms_epsilon", Meta::F32(f32::NAN)).contains("norm epsilon"));
    assert!(with("gemma.embedding_length", text("32")).contains("expected an unsigned integer, found \"32\""));
    let pieces = vec!["a".to_owned(); 360];
    let error = with("tokenizer.ggml.tokens", Meta::Texts(pieces));
    assert!(
        error.contains("tensor token_embd.weight is [362, 32], expected [360, 32]"),
        "{error}"
    );
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/reference/golden")
        .join(name)
}

/// A copy of a committed Hugging Face folder, to break.
fn copy(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(golden(name)).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), folder.path().join(file.file_name())).unwrap();
    }
    folder
}

fn refused_folder(folder: &Path) -> String {
    let weights = Weights::open(&folder.into()).map_err(|error| error.to_string());
    match weights.and_then(|weights| Decoder::new(weights.config, weights.tensors).map_err(|error| error.to_string())) {
        Ok(_) => panic!("a broken folder was accepted"),
        Err(error) => error,
    }
}

#[test]
fn a_folder_that_is_not_whole_is_refused() {
    let folder = copy("gemma3");
    std::fs::remove_file(folder.path().join("model-00002-of-00002.safetensors")).unwrap();
    assert!(refused_folder(folder.path()).contains("model-00002-of-00002.safetensors: it cannot be read"));

    let folder = copy("gemma3");
    let index = folder.path().join("model.safetensors.index.json");
    std::fs::write(&index, r#"{"weight_map": {"a": "../model.safetensors"}}"#).unwrap();
    assert!(refused_folder(folder.path()).contains("expected the name of a file in this folder"));
    std::fs::write(&index, "{").unwrap();
    assert!(refused_folder(folder.path()).contains("not valid JSON"));

    let folder = copy("gemma");
    let file = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 4]).unwrap();
    assert!(refused_folder(folder.path()).contains("not a whole safetensors file"));

    let folder = copy("gemma");
    let config = std::fs::read_to_string(folder.path().join("config.json")).unwrap();
    let larger = config.replace("\"vocab_size\": 96", "\"vocab_size\": 97");
    assert_ne!(config, larger);
    std::fs::write(folder.path().join("config.json"), larger).unwrap();
    let error = refused_folder(folder.path());
    assert!(
        error.contains("tensor model.embed_tokens.weight is [96, 32], expected [97, 32]"),
        "{error}"
    );

    let empty = tempfile::tempdir().unwrap();
    assert!(refused_folder(empty.path()).contains("config.json: it cannot be read"));
}
