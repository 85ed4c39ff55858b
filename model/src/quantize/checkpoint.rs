//! What is read: the tensors of a checkpoint by their GGUF names, and what a GGUF file says beside them.
//!
//! Must not know how a format is encoded.

use std::path::Path;

use super::Mixture;
use crate::config::{self, Architecture, ModelConfig};
use crate::container::gguf::HeaderWriter;
use crate::container::{Bytes, Files, Gguf, REMEDY, gguf, split};
use crate::decoder::Decoder;
use crate::tokenizer::{GgufVocabulary, Tokenizer};
use crate::weights::{ListedTensor, Weights};
use crate::{LoadError, ModelSource, plain_file};

/// A longer `tokenizer_config.json` is none; Gemma 3's has a MiB.
const MOST_SETTINGS_BYTES: u64 = 16 << 20;

/// A model that is read to be written anew.
pub(super) struct Checkpoint {
    pub(super) config: ModelConfig,
    pub(super) tensors: Vec<ListedTensor>,
    pub(super) files: Files,
    keys: Keys,
}

/// Rows and columns of a tensor.
pub(super) fn rows_and_columns(tensor: &ListedTensor) -> (usize, usize) {
    let (columns, outer) = tensor.shape.split_last().expect("a tensor has dimensions");
    (outer.iter().product(), *columns)
}

/// Where the keys of the new file come from.
enum Keys {
    /// Those of a GGUF file, with the bytes of their kinds and values.
    Copied(Vec<(String, Vec<u8>)>),
    /// A folder's name, its vocabulary and its template for conversations.
    Made(String, Box<GgufVocabulary>, Option<String>),
}

impl Checkpoint {
    /// Opens a model and checks that it is one that runs here.
    pub(super) fn open(source: &ModelSource) -> Result<Self, LoadError> {
        let whole = Weights::open(source)?;
        Decoder::new(whole.config, whole.tensors)?;
        let Weights {
            name,
            mut config,
            tensors,
            files,
            ..
        } = Weights::open(source)?;
        let keys = match source {
            ModelSource::Path(path) if path.is_dir() => {
                let (vocabulary, template) = vocabulary(source, path)?;
                Keys::Made(name, Box::new(vocabulary), template)
            }
            _ => Keys::Copied(copied(source)?),
        };
        let mut tensors = tensors.into_list();
        if let Keys::Made(_, vocabulary, _) = &keys {
            // A checkpoint may have more rows than there are tokens, and a GGUF file has none for what is no token.
            let pieces = vocabulary.pieces.len();
            if pieces > config.vocab_size {
                let what = format!(
                    "the tokenizer has {pieces} entries, the model's vocabulary {}",
                    config.vocab_size
                );
                return Err(source.broken(what, "use the tokenizer that belongs to the model"));
            }
            config.vocab_size = pieces;
            for tensor in tensors.iter_mut().filter(|tensor| tensor.name == "token_embd.weight") {
                tensor.shape[0] = pieces;
            }
        }
        Ok(Self {
            config,
            tensors,
            files,
            keys,
        })
    }

    /// The new file's keys.
    pub(super) fn header(&self, to: Mixture) -> Result<HeaderWriter, LoadError> {
        let mut header = HeaderWriter::default();
        match &self.keys {
            Keys::Copied(keys) => keys.iter().for_each(|(key, value)| header.raw(key, value)),
            Keys::Made(name, vocabulary, template) => {
                configuration(&mut header, name, &self.config);
                vocabulary_keys(&mut header, vocabulary, template.as_deref());
            }
        }
        header.u32("general.quantization_version", 2);
        header.u32("general.file_type", to.file_type());
        Ok(header)
    }
}

/// The keys of a GGUF file but for those that will be others.
fn copied(source: &ModelSource) -> Result<Vec<(String, Vec<u8>)>, LoadError> {
    let first = &split::parts(source)?[0];
    let bytes = Bytes::of(first)?;
    let header = gguf::header(&bytes)?;
    let parsed = Gguf::parse(&header, bytes.size()).map_err(|what| first.broken(what, REMEDY))?;
    let is_kept = |key: &str| {
        !key.starts_with("split.")
            && !["general.file_type", "general.quantization_version", "general.alignment"].contains(&key)
    };
    let kept = parsed.entries.iter().filter(|(key, _)| is_kept(key));
    Ok(kept.map(|(key, value)| ((*key).to_owned(), value.to_vec())).collect())
}

/// A folder's vocabulary, and its template for conversations if it has one.
fn vocabulary(source: &ModelSource, folder: &Path) -> Result<(GgufVocabulary, Option<String>), LoadError> {
    let vocabulary = Tokenizer::load(source)?.export(&folder.join("tokenizer.json"))?;
    let template = plain_file::read(&folder.join("chat_template.jinja"), MOST_SETTINGS_BYTES).ok();
    let template = template.and_then(|text| String::from_utf8(text).ok());
    let in_settings = || {
        let text = plain_file::read(&folder.join("tokenizer_config.json"), MOST_SETTINGS_BYTES).ok()?;
        let settings: serde_json::Value = serde_json::from_slice(&text).ok()?;
        Some(settings.get("chat_template")?.as_str()?.to_owned())
    };
    Ok((vocabulary, template.or_else(in_settings)))
}

/// Writes the keys of a configuration, by the names and with the defaults of llama.cpp.
fn configuration(header: &mut HeaderWriter, name: &str, config: &ModelConfig) {
    let architecture = config.architecture;
    header.string("general.architecture", architecture.name());
    header.string("general.type", "model");
    header.string("general.name", name);
    let key = |key: &str| format!("{}.{key}", architecture.name());
    for (part, size) in [
        ("context_length", config.trained_context),
        ("embedding_length", config.hidden_size),
        ("block_count", config.layers.len()),
        ("feed_forward_length", config.intermediate_size),
        ("attention.head_count", config.heads),
        ("attention.head_count_kv", config.kv_heads),
        ("attention.key_length", config.head_dim),
        ("attention.value_length", config.head_dim),
    ] {
        // Sizes of a configuration are at most 2^24.
        header.u32(&key(part), size as u32);
    }
    header.f32(&key("attention.layer_norm_rms_epsilon"), config.norm_epsilon);
    for (part, cap) in [
        ("attn_logit_softcapping", config.attention_softcap),
        ("final_logit_softcapping", config.logit_softcap),
    ] {
        if let Some(cap) = cap {
            header.f32(&key(part), cap);
        }
    }
    let global = config.layers.iter().find(|layer| layer.window.is_none());
    let local = config.layers.iter().find(|layer| layer.window.is_some());
    if let Some(rope) = global.or(local).map(|layer| layer.rope) {
        header.f32(&key("rope.freq_base"), rope.base as f32);
        if rope.factor != 1.0 {
            header.string(&key("rope.scaling.type"), "linear");
            header.f32(&key("rope.scaling.factor"), rope.factor as f32);
        }
    }
    if let Some((window, rope)) = local.and_then(|layer| Some((layer.window?, layer.rope))) {
        header.u32(
            &key("attention.sliding_window"),
            u32::try_from(window).unwrap_or(u32::MAX),
        );
        if architecture == Architecture::Gemma3 {
            header.f32(&key("rope.freq_base_swa"), rope.base as f32);
            let pattern = config.layers.iter().position(|layer| layer.window.is_none());
            // Without a layer over everything the first such is behind the last.
            let pattern = pattern.map_or(config.layers.len() + 1, |first| first + 1);
            header.u32(&key("attention.sliding_window_pattern"), pattern as u32);
        }
    }
}

fn vocabulary_keys(header: &mut HeaderWriter, vocabulary: &GgufVocabulary, template: Option<&str>) {
    header.string("tokenizer.ggml.model", "llama");
    header.string("tokenizer.ggml.pre", "default");
    header.strings("tokenizer.ggml.tokens", vocabulary.pieces.iter().map(String::as_str));
    header.floats("tokenizer.ggml.scores", &vocabulary.scores);
    header.integers("tokenizer.ggml.token_type", &vocabulary.kinds);
    let control = &vocabulary.control;
    let fim = control.fim;
    for (key, id) in [
        ("bos_token_id", control.bos),
        ("eos_token_id", control.eos),
        ("unknown_token_id", vocabulary.unknown),
        ("padding_token_id", vocabulary.padding),
        ("eot_token_id", control.end_of_turn),
        ("fim_pre_token_id", fim.map(|fim| fim.prefix)),
        ("fim_suf_token_id", fim.map(|fim| fim.suffix)),
        ("fim_mid_token_id", fim.map(|fim| fim.middle)),
        ("fim_sep_token_id", fim.map(|fim| fim.file_separator)),
    ] {
        if let Some(id) = id {
            header.u32(&format!("tokenizer.ggml.{key}"), id);
        }
    }
    header.bool("tokenizer.ggml.add_bos_token", true);
    header.bool("tokenizer.ggml.add_eos_token", false);
    header.bool("tokenizer.ggml.add_space_prefix", false);
    if let Some(template) = template {
        header.string("tokenizer.chat_template", template);
    }
}

/// Checks that a header says of the model what is known of it: there are configurations that GGUF has no keys for.
pub(super) fn check_header(header: &[u8], len: usize, expected: &ModelConfig) -> Result<(), String> {
    let parsed = Gguf::parse(header, len)?;
    let mut found = config::from_gguf(&parsed, expected.vocab_size)?;
    // What follows from sizes is rounded in other ways.
    let near = |a: f32, b: f32| (a - b).abs() <= 1e-6 * b;
    if near(found.query_scale, expected.query_scale) {
        found.query_scale = expected.query_scale;
    }
    match found == *expected {
        true => Ok(()),
        false => Err(
            "its configuration (query_pre_attn_scalar, layer_types or rope) is one that GGUF files have no keys for"
                .to_owned(),
        ),
    }
}
