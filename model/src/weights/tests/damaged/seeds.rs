//! The whole files that are damaged: GGUF files of three families, a folder as Hugging Face writes it, and sequences.

use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use super::super::filled;
use crate::container::Format;
use crate::testing::{CONTROL, GgufWriter, Meta, pieces};
use crate::{Completion, CompletionRequest, Engine, LoadOptions, Prompt, RequestError};

pub(super) struct Seeds {
    /// Where damaged files are written.
    pub(super) folder: PathBuf,
    pub(super) ggufs: Vec<GgufWriter>,
    /// The files of a folder as Hugging Face writes it.
    pub(super) files: Vec<(&'static str, Vec<u8>)>,
    /// A model that nothing is wrong with, and the sequences that it kept.
    pub(super) good: PathBuf,
    pub(super) sequences: Vec<u8>,
    /// What it answers.
    pub(super) answer: Vec<u32>,
}

impl Seeds {
    /// They load, so that what is refused later is refused for its damage.
    pub(super) fn new(folder: &Path) -> Self {
        let good = folder.join("good.gguf");
        fs::write(&good, filled().bytes()).unwrap();
        let kept = kept_in(folder);
        let answer = answer(&good, &kept).unwrap().tokens;
        let seeds = Self {
            folder: folder.to_owned(),
            ggufs: vec![filled(), gemma2(), gemma3()],
            files: huggingface(),
            sequences: fs::read(&kept).unwrap(),
            good,
            answer,
        };
        let model = folder.join("model");
        fs::create_dir(&model).unwrap();
        for (name, bytes) in &seeds.files {
            fs::write(model.join(name), bytes).unwrap();
        }
        let mut models = vec![model];
        for (number, gguf) in seeds.ggufs.iter().enumerate() {
            models.push(folder.join(format!("whole-{number}.gguf")));
            fs::write(&models[number + 1], gguf.bytes()).unwrap();
        }
        for model in models {
            assert!(super::try_model(&model), "{}", model.display());
        }
        seeds
    }
}

/// The file of sequences, in a folder of its own.
pub(super) fn kept_in(folder: &Path) -> PathBuf {
    folder.join("cache").join("kept")
}

/// What a model answers that takes up sequences from a file, and writes them there.
pub(super) fn answer(model: &Path, kept: &Path) -> Result<Completion, RequestError> {
    let options = LoadOptions {
        threads: Some(1),
        keep_sequences: Some(kept.to_owned()),
        ..LoadOptions::default()
    };
    let engine = Engine::load(&model.into(), &options).expect("nothing is wrong with the model");
    engine.complete(CompletionRequest::new(Prompt::Plain("some text ".repeat(8)), 3))
}

/// A Gemma 2 with a window and both caps.
fn gemma2() -> GgufWriter {
    let mut gguf = of_family("gemma2", &["post_attention_norm", "post_ffw_norm"]);
    gguf.set("gemma2.attention.sliding_window", Meta::U32(8));
    gguf.set("gemma2.attn_logit_softcapping", Meta::F32(50.0));
    gguf.set("gemma2.final_logit_softcapping", Meta::F32(30.0));
    gguf
}

/// A Gemma 3 with a scaled rotary embedding.
fn gemma3() -> GgufWriter {
    let mut gguf = of_family("gemma3", &["post_attention_norm", "post_ffw_norm"]);
    for part in ["attn_q_norm", "attn_k_norm"] {
        gguf.zeros(&format!("blk.0.{part}.weight"), &[16], Format::F32);
    }
    gguf.set("gemma3.attention.sliding_window", Meta::U32(8));
    gguf.set("gemma3.rope.freq_base", Meta::F32(1e6));
    gguf.set("gemma3.rope.scaling.type", Meta::Text("linear".to_owned()));
    gguf.set("gemma3.rope.scaling.factor", Meta::F32(8.0));
    gguf
}

/// The tiny Gemma as one of another family, with more norms.
fn of_family(family: &str, norms: &[&str]) -> GgufWriter {
    let mut gguf = filled();
    for (key, _) in &mut gguf.metadata {
        if let Some(name) = key.strip_prefix("gemma.") {
            *key = format!("{family}.{name}");
        }
    }
    gguf.set("general.architecture", Meta::Text(family.to_owned()));
    for norm in norms {
        gguf.zeros(&format!("blk.0.{norm}.weight"), &[32], Format::F32);
    }
    gguf
}

/// A Gemma of one layer in two safetensors files.
fn huggingface() -> Vec<(&'static str, Vec<u8>)> {
    let pieces = pieces(true);
    let config = json!({
        "architectures": ["GemmaForCausalLM"], "model_type": "gemma", "vocab_size": pieces.len(), "hidden_size": 32,
        "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1,
        "head_dim": 16, "rms_norm_eps": 1e-6, "max_position_embeddings": 128, "rope_theta": 10000.0,
        "hidden_act": "gelu", "rope_scaling": null, "eos_token_id": [1, 107],
    });
    let shapes = [
        ("model.embed_tokens.weight", vec![pieces.len(), 32]),
        ("model.norm.weight", vec![32]),
        ("model.layers.0.input_layernorm.weight", vec![32]),
        ("model.layers.0.post_attention_layernorm.weight", vec![32]),
        ("model.layers.0.self_attn.q_proj.weight", vec![32, 32]),
        ("model.layers.0.self_attn.k_proj.weight", vec![16, 32]),
        ("model.layers.0.self_attn.v_proj.weight", vec![16, 32]),
        ("model.layers.0.self_attn.o_proj.weight", vec![32, 32]),
        ("model.layers.0.mlp.gate_proj.weight", vec![64, 32]),
        ("model.layers.0.mlp.up_proj.weight", vec![64, 32]),
        ("model.layers.0.mlp.down_proj.weight", vec![32, 64]),
    ];
    let names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    let mut weight_map = serde_json::Map::new();
    let mut files = Vec::new();
    for (name, shapes) in names.into_iter().zip([&shapes[..4], &shapes[4..]]) {
        let data: Vec<Vec<u8>> = shapes
            .iter()
            .map(|(_, shape)| 0.01_f32.to_le_bytes().repeat(shape.iter().product()))
            .collect();
        let views = shapes.iter().zip(&data).map(|((tensor, shape), data)| {
            let view = TensorView::new(Dtype::F32, shape.clone(), data).expect("as many bytes as the shape says");
            (*tensor, view)
        });
        files.push((name, safetensors::serialize(views, None).expect("tensors")));
        weight_map.extend(shapes.iter().map(|(tensor, _)| (tensor.to_string(), name.into())));
    }
    let json = |value: Value| value.to_string().into_bytes();
    files.push(("config.json", json(config)));
    files.push((
        "model.safetensors.index.json",
        json(json!({ "weight_map": weight_map })),
    ));
    files.push(("tokenizer.json", json(tokenizer(&pieces))));
    files
}

fn tokenizer(pieces: &[String]) -> Value {
    let vocabulary: serde_json::Map<String, Value> = pieces
        .iter()
        .enumerate()
        .map(|(id, piece)| (piece.clone(), id.into()))
        .collect();
    let added: Vec<Value> = CONTROL
        .iter()
        .enumerate()
        .map(|(id, content)| {
            json!({"id": id, "content": content, "special": true, "normalized": false, "single_word": false,
                   "lstrip": false, "rstrip": false})
        })
        .collect();
    json!({
        "version": "1.0",
        "added_tokens": added,
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": null,
        "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
                  "vocab": vocabulary, "merges": [["q", "z"]]},
    })
}
