//! Reads a [`ModelConfig`] from a `config.json`, in the flat form of the published checkpoints and in the nested form
//! (`rope_parameters`, `layer_types`) that transformers 5 writes. Defaults are those of transformers' `Gemma*Config`.

use serde::Deserialize;
use serde_json::Value;

use super::{Architecture, LayerConfig, MAX_SIZE, ModelConfig, Rope, alternating};

#[derive(Deserialize)]
struct Raw {
    #[serde(default)]
    model_type: String,
    vocab_size: Option<usize>,
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    rms_norm_eps: Option<f64>,
    max_position_embeddings: Option<usize>,
    query_pre_attn_scalar: Option<f64>,
    #[serde(default, deserialize_with = "present")]
    attn_logit_softcapping: Option<Option<f64>>,
    #[serde(default, deserialize_with = "present")]
    final_logit_softcapping: Option<Option<f64>>,
    sliding_window: Option<usize>,
    sliding_window_pattern: Option<usize>,
    /// What transformers 5 calls the same; a file may have both.
    #[serde(rename = "_sliding_window_pattern")]
    private_sliding_window_pattern: Option<usize>,
    layer_types: Option<Vec<String>>,
    rope_theta: Option<f64>,
    rope_local_base_freq: Option<f64>,
    rope_scaling: Option<RawRope>,
    rope_parameters: Option<Value>,
    tie_word_embeddings: Option<bool>,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    use_bidirectional_attention: Option<bool>,
}

/// A value that stands in the file, be it `null`, which is not the same as one that is left out.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// What transformers takes where a file leaves something out. Older versions of it wrote only what differs, so that the
/// published Gemma 3 from 4B up have no number of heads and the like.
struct Defaults {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    layers: usize,
    heads: usize,
    kv_heads: usize,
    context: usize,
    softcaps: Option<(f64, f64)>,
}

impl Defaults {
    fn of(architecture: Architecture) -> Self {
        let gemma2 = Self {
            vocab_size: 256_000,
            hidden_size: 2304,
            intermediate_size: 9216,
            layers: 26,
            heads: 8,
            kv_heads: 4,
            context: 8192,
            softcaps: Some((50.0, 30.0)),
        };
        match architecture {
            Architecture::Gemma => Self {
                hidden_size: 3072,
                intermediate_size: 24_576,
                layers: 28,
                heads: 16,
                kv_heads: 16,
                softcaps: None,
                ..gemma2
            },
            Architecture::Gemma2 => gemma2,
            Architecture::Gemma3 => Self {
                vocab_size: 262_208,
                context: 131_072,
                softcaps: None,
                ..gemma2
            },
        }
    }
}

/// A rotary embedding as JSON.
#[derive(Deserialize, Clone, Default)]
struct RawRope {
    rope_type: Option<String>,
    /// What `rope_type` was called once; a file may have both.
    #[serde(rename = "type")]
    old_rope_type: Option<String>,
    rope_theta: Option<f64>,
    factor: Option<f64>,
}

/// The configuration in the text of a `config.json`. A multimodal model's text part is taken.
pub(crate) fn from_json(json: &str) -> Result<ModelConfig, String> {
    let mut value: Value = serde_json::from_str(json).map_err(|error| format!("not valid JSON: {error}"))?;
    let model_type = value["model_type"].as_str().unwrap_or_default().to_owned();
    if let Some(text) = value.get_mut("text_config") {
        let text = text.take();
        value = text;
    }
    let Some(architecture) = Architecture::from_name(&model_type) else {
        return Err(format!(
            "model_type {model_type:?} is not a Gemma that runs here (gemma, gemma2, gemma3, gemma3_text)"
        ));
    };
    let raw: Raw = serde_json::from_value(value).map_err(|error| error.to_string())?;
    if !raw.model_type.is_empty() && Architecture::from_name(&raw.model_type) != Some(architecture) {
        return Err(format!(
            "model_type {model_type:?} with a text model of type {:?}",
            raw.model_type
        ));
    }
    for (set, what) in [
        (
            raw.tie_word_embeddings == Some(false),
            "tie_word_embeddings is false; Gemma's head is its embedding",
        ),
        (raw.attention_bias, "attention_bias is true; Gemma has no biases"),
        (
            raw.use_bidirectional_attention == Some(true),
            "use_bidirectional_attention is true; only decoders run here",
        ),
    ] {
        if set {
            return Err(what.to_owned());
        }
    }
    let defaults = Defaults::of(architecture);
    let count = raw.num_hidden_layers.unwrap_or(defaults.layers);
    if !(1..=MAX_SIZE).contains(&count) {
        return Err(format!("num_hidden_layers is {count}"));
    }
    let head_dim = raw.head_dim.unwrap_or(256);
    let query_dim = match architecture {
        Architecture::Gemma => head_dim as f64,
        Architecture::Gemma2 | Architecture::Gemma3 => raw.query_pre_attn_scalar.unwrap_or(256.0),
    };
    let softcap = |said: Option<Option<f64>>, default: Option<f64>| {
        let cap = said.unwrap_or(default).filter(|_| architecture != Architecture::Gemma);
        cap.map(|cap| cap as f32)
    };
    ModelConfig {
        architecture,
        vocab_size: raw.vocab_size.unwrap_or(defaults.vocab_size),
        hidden_size: raw.hidden_size.unwrap_or(defaults.hidden_size),
        intermediate_size: raw.intermediate_size.unwrap_or(defaults.intermediate_size),
        heads: raw.num_attention_heads.unwrap_or(defaults.heads),
        kv_heads: raw.num_key_value_heads.unwrap_or(defaults.kv_heads),
        head_dim,
        norm_epsilon: raw.rms_norm_eps.unwrap_or(1e-6) as f32,
        query_scale: query_dim.powf(-0.5) as f32,
        attention_softcap: softcap(raw.attn_logit_softcapping, defaults.softcaps.map(|caps| caps.0)),
        logit_softcap: softcap(raw.final_logit_softcapping, defaults.softcaps.map(|caps| caps.1)),
        qk_norm: architecture.qk_norm(),
        post_norms: architecture.post_norms(),
        trained_context: raw.max_position_embeddings.unwrap_or(defaults.context),
        layers: layers(&raw, architecture, count)?,
    }
    .validate()
}

fn layers(raw: &Raw, architecture: Architecture, count: usize) -> Result<Vec<LayerConfig>, String> {
    let (local, global) = ropes(raw, architecture)?;
    let Some(default_pattern) = architecture.window_pattern() else {
        return Ok(vec![
            LayerConfig {
                window: None,
                rope: global
            };
            count
        ]);
    };
    let window = raw.sliding_window.unwrap_or(4096);
    let Some(types) = &raw.layer_types else {
        let pattern = raw
            .sliding_window_pattern
            .or(raw.private_sliding_window_pattern)
            .unwrap_or(default_pattern);
        if pattern == 0 {
            return Err("sliding_window_pattern is 0".to_owned());
        }
        return Ok(alternating(count, pattern, window, local, global));
    };
    if types.len() != count {
        return Err(format!("{} layer_types for {count} layers", types.len()));
    }
    let layer = |kind: &String| match kind.as_str() {
        "sliding_attention" => Ok(LayerConfig {
            window: Some(window),
            rope: local,
        }),
        "full_attention" => Ok(LayerConfig {
            window: None,
            rope: global,
        }),
        other => Err(format!(
            "layer type {other:?}, expected sliding_attention or full_attention"
        )),
    };
    types.iter().map(layer).collect()
}

/// The rotary embeddings of windowed and of full layers.
fn ropes(raw: &Raw, architecture: Architecture) -> Result<(Rope, Rope), String> {
    let (local_base, global_base) = match architecture {
        Architecture::Gemma | Architecture::Gemma2 => (None, 1e4),
        Architecture::Gemma3 => (Some(raw.rope_local_base_freq.unwrap_or(1e4)), 1e6),
    };
    let parse = |value: &Value| -> Result<RawRope, String> {
        serde_json::from_value(value.clone()).map_err(|error| format!("rope_parameters: {error}"))
    };
    let flat = RawRope {
        rope_theta: raw.rope_theta,
        ..raw.rope_scaling.clone().unwrap_or_default()
    };
    // The nested form has one entry for each kind of layer, or one for all.
    let (local, global) = match &raw.rope_parameters {
        None => (None, flat),
        Some(all) if all.get("full_attention").is_some() => (
            all.get("sliding_attention").map(parse).transpose()?,
            parse(&all["full_attention"])?,
        ),
        Some(all) => (None, parse(all)?),
    };
    let global = rope(global, global_base)?;
    let local = match (local, local_base) {
        (Some(local), base) => rope(local, base.unwrap_or(global_base))?,
        (None, Some(base)) => Rope { base, factor: 1.0 },
        (None, None) => global,
    };
    Ok((local, global))
}

fn rope(raw: RawRope, default_base: f64) -> Result<Rope, String> {
    let factor = match raw.rope_type.or(raw.old_rope_type).as_deref() {
        None | Some("default") => 1.0,
        Some("linear") => raw.factor.ok_or("rope scaling of type linear without a factor")?,
        Some(other) => return Err(format!("rope scaling of type {other:?}, expected default or linear")),
    };
    Ok(Rope {
        base: raw.rope_theta.unwrap_or(default_base),
        factor,
    })
}

#[cfg(test)]
mod tests;
