//! The real Gemma 3 270M against llama.cpp, and small models of every family.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{LoadOptions, Model};
use crate::container::Files;
use crate::decoder::Decoder;
use crate::kv_cache::KvCache;
use crate::logits::Logits;
use crate::ops::Ops;
use crate::sequence::{LanguageModel, Sequences};
use crate::weights::Weights;
use crate::workspace::Workspace;
use crate::{CompletionRequest, Engine, FimPrompt, ModelSource, Prompt};

/// Where `tests/fetch.py` puts the model.
fn real_model() -> PathBuf {
    let cache = std::env::var_os("CODEGEMMA_CACHE").map(PathBuf::from);
    let cache = cache
        .or_else(|| Some(dirs::cache_dir()?.join("codegemma-lsp")))
        .expect("a cache folder");
    let path = cache.join("models/gemma-3-270m-q4_k_m.gguf");
    assert!(
        path.exists(),
        "{} is missing; run `python3 tests/fetch.py --tests`",
        path.display()
    );
    path
}

#[derive(serde::Deserialize)]
struct Greedy {
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    prompt: String,
    prompt_ids: Vec<u32>,
    continuation_ids: Vec<u32>,
}

fn argmax(logits: &[f32]) -> u32 {
    (0..logits.len())
        .max_by(|a, b| logits[*a].total_cmp(&logits[*b]))
        .unwrap() as u32
}

/// The logits after the last of some tokens.
fn last_logits(model: &mut Model, cache: &mut KvCache, tokens: &[u32]) -> Vec<f32> {
    let mut logits = Logits::default();
    model.forward(cache, tokens, 1, &mut logits).unwrap();
    logits.row(0).unwrap().to_vec()
}

/// Forced along the reference's tokens, so that one disagreement does not spoil the steps after it.
#[test]
fn greedy_steps_agree_with_llama_cpp() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/golden/gemma-3-270m/greedy.json");
    let golden: Greedy = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(golden.cases.len(), 20);
    let mut model = Model::load(&ModelSource::Path(real_model()), &LoadOptions::default()).unwrap();
    let (mut steps, mut agreed, mut logits) = (0, 0, Logits::default());
    for case in &golden.cases {
        let mut prompt = model.tokenizer.encode(&case.prompt);
        prompt.splice(0..0, model.tokenizer.begin_of_text());
        assert_eq!(prompt, case.prompt_ids, "{:?}", case.prompt);
        let forced = &case.continuation_ids;
        assert_eq!(forced.len(), 64);
        prompt.extend(&forced[..63]);
        let mut cache = model.new_cache(prompt.len()).unwrap();
        model.forward(&mut cache, &prompt, 64, &mut logits).unwrap();
        steps += forced.len();
        for (row, expected) in forced.iter().enumerate() {
            agreed += usize::from(argmax(logits.row(row).unwrap()) == *expected);
        }
    }
    assert!(
        agreed * 100 >= steps * 95,
        "{agreed} of {steps} steps agree, expected 95 %"
    );
}

#[test]
fn cutting_a_real_prompt_changes_nothing() {
    let mut model = Model::load(&ModelSource::Path(real_model()), &LoadOptions::default()).unwrap();
    let tokens = model.tokenizer.encode(&include_str!("tests.rs")[..1200]);
    let mut cache = model.new_cache(model.capacity()).unwrap();
    let whole = last_logits(&mut model, &mut cache, &tokens);
    for cut in [1, 7, 64, tokens.len() - 1] {
        let mut fork = model.fork(&cache, cut, model.capacity()).unwrap();
        let forked = last_logits(&mut model, &mut fork, &tokens[cut..]);
        assert!(forked == whole, "forked at {cut}: bit for bit");
        model.truncate(&mut cache, 0);
        model
            .forward(&mut cache, &tokens[..cut], 0, &mut Logits::default())
            .unwrap();
        let parts = last_logits(&mut model, &mut cache, &tokens[cut..]);
        assert!(parts == whole, "cut at {cut}: bit for bit");
    }
    assert_eq!(model.token_bytes(), 18 * 2 * 256 * 2);
    assert_eq!(whole.len(), 262_144);
}

#[test]
fn a_text_is_scored_as_it_is_generated() {
    let engine = Engine::load(&ModelSource::Path(real_model()), &LoadOptions::default()).unwrap();
    let prompt = Prompt::Plain("def fibonacci(n):\n".to_owned());
    let completion = engine.complete(CompletionRequest::new(prompt.clone(), 20)).unwrap();
    let score = engine.score(prompt, &completion.text, false).unwrap();
    assert_eq!(score.tokens, completion.tokens.len());
    assert_eq!(score.logprob, completion.logprob, "bit for bit");
}

/// Random edits of a real file: what is held, copied, forgotten or guessed changes no token and no probability.
#[test]
fn warm_cold_and_drafted_runs_agree_token_for_token() {
    let starter = ModelSource::Path(Path::new(env!("CARGO_MANIFEST_DIR")).join("starter/starter.gguf"));
    let engine = |cache_bytes| {
        let options = LoadOptions {
            cache_bytes: Some(cache_bytes),
            ..LoadOptions::default()
        };
        Engine::load(&starter, &options).unwrap()
    };
    let token_bytes = Model::load(&starter, &LoadOptions::default()).unwrap().token_bytes();
    // One forgets all, one can hold two or three prompts, one everything.
    let (cold, tight, roomy) = (engine(0), engine(1200 * token_bytes), engine(1 << 30));
    let text = include_str!("../sequence.rs");
    let mut random = 7_u64;
    let mut below = |limit: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize % limit
    };
    let (mut drafted, mut accepted, mut reused) = (0, 0, 0);
    for _ in 0..8 {
        // A place, and some typing and erasing there.
        let anchor = text.floor_char_boundary(below(text.len() - 800));
        let hole = text.floor_char_boundary(anchor + 400 + below(300));
        let mut typed = 0;
        for _ in 0..5 {
            typed = if below(4) == 0 { typed / 2 } else { typed + below(30) };
            let cursor = text.floor_char_boundary(anchor + typed);
            let prompt = Prompt::Fim(FimPrompt {
                path: Some("sequence.rs".to_owned()),
                prefix: text[..anchor].to_owned(),
                typed: text[anchor..cursor].to_owned(),
                suffix: text[hole..].to_owned(),
                files: Vec::new(),
            });
            let request = |drafts| CompletionRequest {
                drafts,
                ..CompletionRequest::new(prompt.clone(), 24)
            };
            let expected = cold.complete(request(false)).unwrap();
            assert_eq!(expected.stats.reused_tokens, 0);
            for (engine, drafts) in [(&cold, true), (&tight, true), (&roomy, false), (&roomy, true)] {
                let found = engine.complete(request(drafts)).unwrap();
                assert_eq!(
                    (&found.text, &found.tokens, found.finish, found.logprob.to_bits()),
                    (
                        &expected.text,
                        &expected.tokens,
                        expected.finish,
                        expected.logprob.to_bits()
                    )
                );
                drafted += found.stats.drafted_tokens;
                accepted += found.stats.accepted_tokens;
                reused += found.stats.reused_tokens;
            }
        }
    }
    // The test is about something.
    assert!(
        reused > 10_000 && accepted > 100 && drafted > accepted,
        "{reused} {accepted} {drafted}"
    );
}

#[test]
fn a_model_that_is_not_there_is_named() {
    let refused = |path: &Path| match Model::load(&path.into(), &LoadOptions::default()) {
        Ok(_) => panic!("{} was accepted", path.display()),
        Err(error) => error.to_string(),
    };
    let error = refused(Path::new("no/such/model.gguf"));
    assert!(
        error.contains("no such file or folder") && error.contains("check the path"),
        "{error}"
    );
    // The committed checkpoints come without a tokenizer.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/golden/gemma");
    assert!(refused(&folder).contains("tokenizer.json"));
}

#[test]
fn a_tokenizer_that_is_larger_than_the_vocabulary_is_refused() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/golden/gemma");
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(golden.join(file), folder.path().join(file)).unwrap();
    }
    let mut vocab: Vec<String> = ["<pad>", "<eos>", "<bos>", "<unk>"].map(str::to_owned).to_vec();
    vocab.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    let vocab: serde_json::Map<_, _> = vocab
        .into_iter()
        .enumerate()
        .map(|(id, piece)| (piece, id.into()))
        .collect();
    let added: Vec<_> = ["<pad>", "<eos>", "<bos>", "<unk>"]
        .iter()
        .enumerate()
        .map(|(id, piece)| {
            serde_json::json!({"id": id, "content": piece, "special": true, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false})
        })
        .collect();
    let tokenizer = serde_json::json!({"version": "1.0", "added_tokens": added, "normalizer":
        {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}, "model":
        {"type": "BPE", "unk_token": "<unk>", "byte_fallback": true, "vocab": vocab, "merges": []}});
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    let error = match Model::load(&folder.path().into(), &LoadOptions::default()) {
        Ok(_) => panic!("a tokenizer of another model was accepted"),
        Err(error) => error.to_string(),
    };
    assert!(
        error.contains("the tokenizer has 260 entries, the model's vocabulary 96"),
        "{error}"
    );
}

#[test]
fn an_engine_that_starts_again_goes_on_where_it_was() {
    let starter = ModelSource::Path(Path::new(env!("CARGO_MANIFEST_DIR")).join("starter/starter.gguf"));
    let folder = tempfile::tempdir().unwrap();
    let engine = |kept: Option<PathBuf>| {
        let options = LoadOptions {
            keep_sequences: kept,
            ..LoadOptions::default()
        };
        Engine::load(&starter, &options).unwrap()
    };
    let text = include_str!("../sequence.rs");
    let request = |at: usize| {
        let at = text.floor_char_boundary(at);
        let prompt = FimPrompt {
            prefix: text[at..at + 900].to_owned(),
            suffix: text[at + 1000..].to_owned(),
            ..FimPrompt::default()
        };
        CompletionRequest::new(Prompt::Fim(prompt), 16)
    };
    let places = [0, 1500, 3000];
    let kept = folder.path().join("sequences");
    let first = engine(Some(kept.clone()));
    let expected = places.map(|at| first.complete(request(at)).unwrap());
    drop(first);
    let again = engine(Some(kept));
    for (at, expected) in places.into_iter().zip(expected) {
        let found = again.complete(request(at)).unwrap();
        assert!(found.stats.reused_tokens > 200, "{:?}", found.stats);
        assert_eq!(found.stats.forwarded_tokens, 1);
        assert_eq!(
            (found.tokens, found.logprob.to_bits()),
            (expected.tokens, expected.logprob.to_bits())
        );
    }
}

/// A small model of random weights, one of each family. Its vocabulary is too small for any tokenizer.
fn random(checkpoint: &str) -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/golden");
    let weights = Weights::open(&folder.join(checkpoint).as_path().into()).unwrap();
    Model {
        workspace: Workspace::new(&weights.config).unwrap(),
        decoder: Decoder::new(weights.config, weights.tensors).unwrap(),
        ops: Ops::new(1).unwrap(),
        tokenizer: Arc::new(crate::testing::tokenizer(true)),
        info: crate::testing::info(),
        files: Arc::<Files>::default(),
    }
}

/// Typing at one place, with a suggestion written after each key and a slip of the finger: few tokens are forwarded, and
/// the logits are those of a model that reads everything anew, also where attention looks back over a few tokens only.
#[test]
fn a_keystroke_forwards_few_tokens_in_every_family() {
    for checkpoint in ["gemma", "gemma2", "gemma3", "gemma3-scaled"] {
        let mut warm = Sequences::new(random(checkpoint), 1 << 30);
        let mut prompt: Vec<u32> = (0..100).map(|at| at * 7 % 64).collect();
        let (mut forwarded, mut reused, mut read) = (Vec::new(), 0, 0);
        for key in 0..40 {
            if key % 10 == 9 {
                prompt.pop();
            }
            prompt.push(key * 5 % 64);
            let held = warm.begin(&prompt, 8).unwrap();
            let (mut found, mut expected) = (Logits::default(), Logits::default());
            warm.forward(&prompt[held..], 1, &mut found).unwrap();
            let mut cold = Sequences::new(random(checkpoint), 0);
            cold.begin(&prompt, 8).unwrap();
            cold.forward(&prompt, 1, &mut expected).unwrap();
            assert_eq!(found.row(0), expected.row(0), "{checkpoint}, key {key}");
            warm.forward(&[1, 2, 3], 3, &mut found).unwrap();
            if key > 0 {
                forwarded.push(prompt.len() - held);
                (reused, read) = (reused + held, read + prompt.len());
            }
        }
        forwarded.sort_unstable();
        let most = (forwarded[forwarded.len() / 2], forwarded[forwarded.len() * 95 / 100]);
        assert!(most.0 <= 2 && most.1 <= 8, "{checkpoint}: {forwarded:?}");
        assert!(reused * 100 >= read * 97, "{checkpoint}: {reused} of {read}");
    }
}
