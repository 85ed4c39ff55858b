//! The graph against the reference implementation's logits, and against itself at every way to cut a prompt.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};

use super::{Decoder, Rows};
use crate::container::Format;
use crate::kv_cache::KvCache;
use crate::ops::Ops;
use crate::sequence::Paused;
use crate::testing::{GgufWriter, Meta};
use crate::weights::Weights;
use crate::workspace::Workspace;

const CHECKPOINTS: [&str; 4] = ["gemma", "gemma2", "gemma3", "gemma3-scaled"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/reference/golden")
        .join(name)
}

struct Golden {
    decoder: Decoder,
    ops: Ops,
    tokens: Vec<u32>,
    /// [tokens, vocab_size] of one pass over all tokens in the reference implementation.
    logits: Tensor,
}

impl Golden {
    fn load(name: &str) -> Self {
        let folder = folder(name);
        let weights = Weights::open(&folder.as_path().into()).expect("the committed checkpoint loads");
        let golden = candle_core::safetensors::load(folder.join("logits.safetensors"), &Device::Cpu).unwrap();
        let tokens = golden["tokens"].to_vec1::<i64>().unwrap();
        Self {
            decoder: Decoder::new(weights.config, weights.tensors).expect("every tensor fits"),
            ops: Ops::new(2).expect("a thread"),
            tokens: tokens.into_iter().map(|token| token as u32).collect(),
            logits: golden["logits"].clone(),
        }
    }

    fn cache(&self) -> KvCache {
        KvCache::new(self.decoder.config(), self.tokens.len() + 8, DType::F32).unwrap()
    }

    /// The logits of `tokens` read after what is in the cache.
    fn forward(&self, tokens: &[u32], cache: &mut KvCache) -> Vec<Vec<f32>> {
        self.try_forward(&mut [Rows { tokens, cache }], tokens.len()).unwrap()
    }

    /// The last `wanted` logits of a pass in buffers of its own.
    fn try_forward(&self, batch: &mut [Rows<'_>], wanted: usize) -> candle_core::Result<Vec<Vec<f32>>> {
        let mut workspace = Workspace::new(self.decoder.config())?;
        self.decoder
            .forward(
                &self.ops,
                &mut workspace,
                batch,
                wanted,
                &mut Paused::default(),
                &|| false,
            )?
            .expect("nothing stops it")
            .to_vec2()
    }
}

#[test]
fn logits_are_those_of_the_reference_implementation() {
    for name in CHECKPOINTS {
        let golden = Golden::load(name);
        let logits = golden.forward(&golden.tokens, &mut golden.cache());
        let expected: Vec<Vec<f32>> = golden.logits.to_vec2().unwrap();
        assert_eq!(logits.len(), expected.len());
        let window = golden
            .decoder
            .config()
            .layers
            .iter()
            .filter_map(|layer| layer.window)
            .min();
        assert!(
            window.is_none_or(|window| golden.tokens.len() > 2 * window),
            "{name}: longer than the window"
        );
        for (position, (row, expected)) in logits.iter().zip(&expected).enumerate() {
            let difference = row.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(
                difference < 1e-3,
                "{name}, position {position}: logits differ by {difference}"
            );
            assert_eq!(top(row), top(expected), "{name}, position {position}: the top token");
        }
    }
}

fn top(row: &[f32]) -> usize {
    (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap()
}

#[test]
fn cutting_a_prompt_anywhere_changes_nothing() {
    for name in CHECKPOINTS {
        let golden = Golden::load(name);
        let whole = golden.forward(&golden.tokens, &mut golden.cache());
        for cut in 1..golden.tokens.len() {
            let (head, tail) = golden.tokens.split_at(cut);
            let mut cache = golden.cache();
            let mut parts = golden.forward(head, &mut cache);
            parts.extend(golden.forward(tail, &mut cache));
            assert_eq!(parts, whole, "{name}, cut at {cut}: bit for bit");
        }
        let mut cache = golden.cache();
        let one_by_one: Vec<_> = golden
            .tokens
            .iter()
            .flat_map(|token| golden.forward(&[*token], &mut cache))
            .collect();
        assert_eq!(one_by_one, whole, "{name}, token by token");
    }
}

#[test]
fn a_pass_that_pauses_after_each_layer_gives_the_same() {
    for name in CHECKPOINTS {
        let golden = Golden::load(name);
        let layers = golden.decoder.config().layers.len();
        let whole = golden.forward(&golden.tokens, &mut golden.cache());
        let (head, tail) = golden.tokens.split_at(golden.tokens.len() / 2);
        let (mut cache, mut other) = (golden.cache(), golden.cache());
        golden.forward(head, &mut cache);
        // Other passes are made meanwhile in the same buffers.
        let mut workspace = Workspace::new(golden.decoder.config()).unwrap();
        let mut forward = |tokens: &[u32], cache: &mut KvCache, paused: &mut Paused, pause: bool| {
            let (batch, wanted) = (&mut [Rows { tokens, cache }], tokens.len());
            let found = golden
                .decoder
                .forward(&golden.ops, &mut workspace, batch, wanted, paused, &|| pause);
            found.unwrap().map(|logits| logits.to_vec2::<f32>().unwrap())
        };
        let (mut paused, mut pauses) = (Paused::default(), 0);
        let found = loop {
            if let Some(found) = forward(tail, &mut cache, &mut paused, true) {
                break found;
            }
            assert_eq!(cache.len(), head.len(), "{name}: nothing is read before all is");
            pauses += 1;
            forward(&head[..1 + pauses], &mut other, &mut Paused::default(), false);
            other.truncate(0);
        };
        assert_eq!((pauses, cache.len()), (layers - 1, golden.tokens.len()), "{name}");
        assert_eq!(found, whole[head.len()..], "{name}: bit for bit");
    }
}

#[test]
fn truncating_and_growing_again_changes_nothing() {
    for name in CHECKPOINTS {
        let golden = Golden::load(name);
        let whole = golden.forward(&golden.tokens, &mut golden.cache());
        let mut cache = golden.cache();
        golden.forward(&golden.tokens, &mut cache);
        for keep in (0..golden.tokens.len()).rev() {
            // What stands behind the cut is overwritten with other tokens first.
            cache.truncate(keep);
            let other: Vec<u32> = golden.tokens[keep..].iter().map(|token| (token + 1) % 64).collect();
            golden.forward(&other, &mut cache);
            cache.truncate(keep);
            let again = golden.forward(&golden.tokens[keep..], &mut cache);
            assert_eq!(again, whole[keep..], "{name}, kept {keep}");
        }
    }
}

#[test]
fn sequences_side_by_side_change_nothing() {
    for name in CHECKPOINTS {
        let golden = Golden::load(name);
        let whole = golden.forward(&golden.tokens, &mut golden.cache());
        let mut caches: Vec<KvCache> = (0..3).map(|_| golden.cache()).collect();
        for (cache, len) in caches.iter_mut().zip([5, 20, 11]) {
            golden.forward(&golden.tokens[..len], cache);
        }
        for step in 0..10 {
            // One of them reads two tokens at a time.
            let mut batch: Vec<Rows> = caches
                .iter_mut()
                .zip([1, 1, 2])
                .map(|(cache, n)| Rows {
                    tokens: &golden.tokens[cache.len()..cache.len() + n],
                    cache,
                })
                .collect();
            let found = golden.try_forward(&mut batch, 4).unwrap();
            let at = [5 + step, 20 + step, 11 + 2 * step, 12 + 2 * step];
            assert_eq!(
                found,
                at.map(|at| whole[at].clone()),
                "{name}, step {step}: bit for bit"
            );
        }
    }
}

#[test]
fn the_last_logits_are_those_of_the_whole_pass() {
    let golden = Golden::load("gemma3");
    let whole = golden.forward(&golden.tokens, &mut golden.cache());
    for wanted in [1, 3, 0] {
        let mut cache = golden.cache();
        let rows = Rows {
            tokens: &golden.tokens,
            cache: &mut cache,
        };
        let last = golden.try_forward(&mut [rows], wanted).unwrap();
        assert_eq!(last, whole[whole.len() - wanted..]);
        assert_eq!(cache.len(), golden.tokens.len());
    }
}

#[test]
fn a_refused_forward_pass_leaves_the_cache_alone() {
    let golden = Golden::load("gemma");
    let mut cache = golden.cache();
    golden.forward(&golden.tokens[..10], &mut cache);
    let too_long = vec![1; cache.capacity()];
    for (tokens, expected) in [
        (&[][..], "no tokens"),
        (&[1 << 20], "vocabulary"),
        (&too_long, "in a cache of"),
    ] {
        let rows = Rows {
            tokens,
            cache: &mut cache,
        };
        let error = golden.try_forward(&mut [rows], 0).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(cache.len(), 10);
    }
}

/// The same checkpoint as a converter to GGUF writes it: other names and keys, and normalization weights with their 1.
fn as_gguf(name: &str) -> GgufWriter {
    let config: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder(name).join("config.json")).unwrap()).unwrap();
    let mut gguf = GgufWriter::default();
    let architecture = name.split('-').next().unwrap();
    gguf.set("general.architecture", Meta::Text(architecture.to_owned()));
    for (key, from) in [
        ("embedding_length", "hidden_size"),
        ("block_count", "num_hidden_layers"),
        ("feed_forward_length", "intermediate_size"),
        ("attention.head_count", "num_attention_heads"),
        ("attention.head_count_kv", "num_key_value_heads"),
        ("attention.key_length", "head_dim"),
        ("attention.value_length", "head_dim"),
        ("context_length", "max_position_embeddings"),
        ("attention.sliding_window", "sliding_window"),
        ("attention.sliding_window_pattern", "_sliding_window_pattern"),
    ] {
        if let Some(value) = config[from].as_u64() {
            gguf.set(&format!("{architecture}.{key}"), Meta::U32(value as u32));
        }
    }
    for (key, from) in [
        ("attn_logit_softcapping", "attn_logit_softcapping"),
        ("final_logit_softcapping", "final_logit_softcapping"),
        ("attention.layer_norm_rms_epsilon", "rms_norm_eps"),
        ("rope.freq_base", "rope_theta"),
    ] {
        if let Some(value) = config[from].as_f64() {
            gguf.set(&format!("{architecture}.{key}"), Meta::F32(value as f32));
        }
    }
    if let Some(base) = config["rope_parameters"]["full_attention"]["rope_theta"].as_f64() {
        gguf.set(&format!("{architecture}.rope.freq_base"), Meta::F32(base as f32));
    }
    if let Some(factor) = config["rope_parameters"]["full_attention"]["factor"].as_f64() {
        gguf.set(
            &format!("{architecture}.rope.scaling.type"),
            Meta::Text("linear".to_owned()),
        );
        gguf.set(&format!("{architecture}.rope.scaling.factor"), Meta::F32(factor as f32));
    }
    let vocab_size = config["vocab_size"].as_u64().unwrap();
    gguf.set(
        "tokenizer.ggml.tokens",
        Meta::Texts((0..vocab_size).map(|id| id.to_string()).collect()),
    );
    for file in std::fs::read_dir(folder(name)).unwrap() {
        let path = file.unwrap().path();
        let file_name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !(file_name.starts_with("model") && file_name.ends_with(".safetensors")) {
            continue;
        }
        for (tensor_name, tensor) in candle_core::safetensors::load(path, &Device::Cpu).unwrap() {
            let name = gguf_name(&tensor_name, architecture);
            let one = if name.contains("norm") { 1.0 } else { 0.0 };
            let numbers: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
            let bytes = numbers.iter().flat_map(|x| (x + one).to_le_bytes()).collect();
            gguf.tensors.push((name, tensor.dims().to_vec(), Format::F32, bytes));
        }
    }
    gguf
}

/// The names as llama.cpp's converter maps them, written down here a second time.
fn gguf_name(name: &str, architecture: &str) -> String {
    let ffn_norm = if architecture == "gemma" {
        "post_attention_layernorm"
    } else {
        "pre_feedforward_layernorm"
    };
    let mut name = name.replace(ffn_norm, "ffn_norm");
    for (from, to) in [
        ("model.embed_tokens", "token_embd"),
        ("model.norm", "output_norm"),
        ("model.layers.", "blk."),
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "post_attention_norm"),
        ("post_feedforward_layernorm", "post_ffw_norm"),
        ("self_attn.o_proj", "attn_output"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.q_norm", "attn_q_norm"),
        ("self_attn.k_norm", "attn_k_norm"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
    ] {
        name = name.replace(from, to);
    }
    name
}

#[test]
fn a_gguf_file_of_the_same_weights_gives_the_same_logits() {
    for name in CHECKPOINTS {
        let golden = Golden::load(name);
        let head_dim = golden.decoder.config().head_dim as f32;
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), as_gguf(name).bytes()).unwrap();
        let weights = Weights::open(&file.path().into()).expect("the twin loads");
        let mut config = weights.config;
        // A GGUF file does not say how queries are scaled; the checkpoints whose scale is their own take it from here.
        if golden.decoder.config().query_scale != head_dim.powf(-0.5) {
            config.query_scale = golden.decoder.config().query_scale;
        }
        assert_eq!(&config, golden.decoder.config(), "{name}");
        let expected = golden.forward(&golden.tokens, &mut golden.cache());
        let twin = Golden {
            decoder: Decoder::new(config, weights.tensors).expect("every tensor fits"),
            ..golden
        };
        assert_eq!(twin.forward(&twin.tokens, &mut twin.cache()), expected, "{name}");
    }
}
