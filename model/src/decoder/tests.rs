//! The graph against the reference implementation's logits, and against itself at every way to cut a prompt.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};

use super::Decoder;
use crate::kv_cache::KvCache;
use crate::weights::Weights;

const CHECKPOINTS: [&str; 4] = ["gemma", "gemma2", "gemma3", "gemma3-scaled"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/reference/golden")
        .join(name)
}

struct Golden {
    decoder: Decoder,
    tokens: Vec<u32>,
    /// [tokens, vocab_size] of one pass over all tokens in the reference implementation.
    logits: Tensor,
}

impl Golden {
    fn load(name: &str) -> Self {
        let folder = folder(name);
        let weights = Weights::open(&folder).expect("the committed checkpoint loads");
        let golden = candle_core::safetensors::load(folder.join("logits.safetensors"), &Device::Cpu).unwrap();
        let tokens = golden["tokens"].to_vec1::<i64>().unwrap();
        Self {
            decoder: Decoder::new(weights.config, weights.tensors).expect("every tensor fits"),
            tokens: tokens.into_iter().map(|token| token as u32).collect(),
            logits: golden["logits"].clone(),
        }
    }

    fn cache(&self) -> KvCache {
        KvCache::new(self.decoder.config(), self.tokens.len() + 8, DType::F32).unwrap()
    }

    /// The logits of `tokens` read after what is in the cache.
    fn forward(&self, tokens: &[u32], cache: &mut KvCache) -> Vec<Vec<f32>> {
        self.decoder
            .forward(tokens, cache, tokens.len())
            .unwrap()
            .unwrap()
            .to_vec2()
            .unwrap()
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
fn the_last_logits_are_those_of_the_whole_pass() {
    let golden = Golden::load("gemma3");
    let whole = golden.forward(&golden.tokens, &mut golden.cache());
    let last = golden
        .decoder
        .forward(&golden.tokens, &mut golden.cache(), 1)
        .unwrap()
        .unwrap();
    assert_eq!(last.to_vec2::<f32>().unwrap(), whole[whole.len() - 1..]);
    let mut cache = golden.cache();
    assert!(golden.decoder.forward(&golden.tokens, &mut cache, 0).unwrap().is_none());
    assert_eq!(cache.len(), golden.tokens.len());
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
        let error = golden.decoder.forward(tokens, &mut cache, 0).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(cache.len(), 10);
    }
}
