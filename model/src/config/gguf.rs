//! Reads a [`ModelConfig`] from GGUF metadata. Defaults are llama.cpp's, for files written before a key existed.

use super::{Architecture, LayerConfig, MAX_SIZE, ModelConfig, Rope, alternating};
use crate::container::Gguf;
use crate::container::gguf::Value;

/// The configuration of a file whose vocabulary has `vocab_size` entries.
pub(crate) fn from_gguf(gguf: &Gguf<'_>, vocab_size: usize) -> Result<ModelConfig, String> {
    let name = gguf
        .text("general.architecture")?
        .ok_or("key general.architecture is missing")?;
    let architecture = Architecture::of_gguf(name)
        .ok_or_else(|| format!("architecture {name:?} is not a Gemma that runs here (gemma, gemma2, gemma3)"))?;
    let keys = Keys { gguf, prefix: name };

    let hidden_size = keys.size("embedding_length")?;
    let heads = keys.size("attention.head_count")?;
    let head_dim = keys.size("attention.key_length")?;
    let value_dim = keys.size("attention.value_length")?;
    if value_dim != head_dim {
        return Err(format!(
            "values are {value_dim} wide and keys {head_dim}, expected one width"
        ));
    }
    let count = keys.size("block_count")?;
    let global = Rope {
        base: keys.float("rope.freq_base")?.unwrap_or(match architecture {
            Architecture::Gemma3 => 1e6,
            _ => 1e4,
        }),
        factor: match keys.text("rope.scaling.type")? {
            None | Some("none") => 1.0,
            Some("linear") => keys.float("rope.scaling.factor")?.unwrap_or(1.0),
            Some(other) => return Err(format!("rope scaling {other:?}, expected none or linear")),
        },
    };
    let (layers, attention_softcap, logit_softcap) = match architecture {
        Architecture::Gemma => (
            vec![
                LayerConfig {
                    window: None,
                    rope: global
                };
                count
            ],
            None,
            None,
        ),
        Architecture::Gemma2 => (
            alternating(
                count,
                2,
                keys.optional_size("attention.sliding_window")?.unwrap_or(4096),
                global,
                global,
            ),
            Some(keys.float("attn_logit_softcapping")?.unwrap_or(50.0) as f32),
            Some(keys.float("final_logit_softcapping")?.unwrap_or(30.0) as f32),
        ),
        Architecture::Gemma3 => {
            let local = Rope {
                base: keys.float("rope.freq_base_swa")?.unwrap_or(1e4),
                factor: 1.0,
            };
            let window = keys.size("attention.sliding_window")?;
            let softcap = keys.float("final_logit_softcapping")?.map(|cap| cap as f32);
            let layers = match keys.windowed(count)? {
                Some(windowed) => windowed
                    .into_iter()
                    .map(|windowed| match windowed {
                        true => LayerConfig {
                            window: Some(window),
                            rope: local,
                        },
                        false => LayerConfig {
                            window: None,
                            rope: global,
                        },
                    })
                    .collect(),
                None => {
                    let pattern = keys.optional_size("attention.sliding_window_pattern")?.unwrap_or(6);
                    alternating(count, pattern, window, local, global)
                }
            };
            (layers, None, softcap)
        }
    };
    // The 27B models alone scale by the hidden size a head; the file does not say so.
    let is_27b = matches!(
        (architecture, count),
        (Architecture::Gemma2, 46) | (Architecture::Gemma3, 62)
    );
    let scale_dim = if is_27b { hidden_size / heads } else { head_dim };
    ModelConfig {
        architecture,
        vocab_size,
        hidden_size,
        intermediate_size: keys.size("feed_forward_length")?,
        heads,
        kv_heads: keys.size("attention.head_count_kv")?,
        head_dim,
        norm_epsilon: keys.float("attention.layer_norm_rms_epsilon")?.unwrap_or(1e-6) as f32,
        query_scale: (scale_dim as f32).powf(-0.5),
        attention_softcap,
        logit_softcap,
        qk_norm: architecture.qk_norm(),
        post_norms: architecture.post_norms(),
        trained_context: keys.size("context_length")?,
        layers,
    }
    .validate()
}

/// Keys below the architecture's name.
struct Keys<'a> {
    gguf: &'a Gguf<'a>,
    prefix: &'a str,
}

impl Keys<'_> {
    fn name(&self, key: &str) -> String {
        format!("{}.{key}", self.prefix)
    }

    fn size(&self, key: &str) -> Result<usize, String> {
        self.optional_size(key)?
            .ok_or_else(|| format!("key {} is missing", self.name(key)))
    }

    /// Files may have a list with a number for each layer in the place of a number. Every Gemma that runs here has the
    /// same in all.
    fn number(&self, key: &str) -> Result<Option<u64>, String> {
        let name = self.name(key);
        let Some(Value::Array(array)) = self.gguf.get(&name) else {
            return self.gguf.unsigned(&name);
        };
        let numbers = array.integers().map_err(|error| format!("key {name}: {error}"))?;
        let first = numbers.first().and_then(|first| u64::try_from(*first).ok());
        let first = first.ok_or_else(|| {
            format!(
                "key {name}: a list of {} numbers, expected positive ones",
                numbers.len()
            )
        })?;
        match numbers.iter().position(|number| *number as u64 != first) {
            None => Ok(Some(first)),
            Some(layer) => Err(format!(
                "key {name} is {first} in the first layer and {} in layer {layer}; layers that differ in it do not run here",
                numbers[layer]
            )),
        }
    }

    /// Which layers see a window only, where the file lists it for each.
    fn windowed(&self, count: usize) -> Result<Option<Vec<bool>>, String> {
        let name = self.name("attention.sliding_window_pattern");
        let Some(Value::Array(array)) = self.gguf.get(&name) else {
            return Ok(None);
        };
        let windowed = array.truths().map_err(|error| format!("key {name}: {error}"))?;
        match windowed.len() == count {
            true => Ok(Some(windowed)),
            false => Err(format!("key {name} lists {} layers of {count}", windowed.len())),
        }
    }

    fn optional_size(&self, key: &str) -> Result<Option<usize>, String> {
        match self.number(key)? {
            None => Ok(None),
            Some(value) => match usize::try_from(value).ok().filter(|size| (1..=MAX_SIZE).contains(size)) {
                Some(size) => Ok(Some(size)),
                None => Err(format!("key {} is {value}, expected 1 to {MAX_SIZE}", self.name(key))),
            },
        }
    }

    fn float(&self, key: &str) -> Result<Option<f64>, String> {
        self.gguf.float(&self.name(key))
    }

    fn text(&self, key: &str) -> Result<Option<&str>, String> {
        self.gguf.text(&self.name(key))
    }
}
