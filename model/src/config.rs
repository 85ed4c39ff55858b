//! Every Gemma as data: what the one decoder graph needs to know about a checkpoint. There is no per-model code path
//! outside this module and its readers.

mod gguf;
mod huggingface;

pub(crate) use gguf::from_gguf;
pub(crate) use huggingface::from_json;

/// The families that differ in more than sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Architecture {
    /// Gemma 1 and CodeGemma.
    Gemma,
    Gemma2,
    Gemma3,
}

impl Architecture {
    /// The name in GGUF files and in our output.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gemma => "gemma",
            Self::Gemma2 => "gemma2",
            Self::Gemma3 => "gemma3",
        }
    }

    /// The family of a GGUF `general.architecture` or of a text model's `model_type`.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "gemma" => Some(Self::Gemma),
            "gemma2" => Some(Self::Gemma2),
            "gemma3" | "gemma3_text" => Some(Self::Gemma3),
            _ => None,
        }
    }

    /// The family of a GGUF `general.architecture`.
    pub(crate) fn of_gguf(name: &str) -> Option<Self> {
        Self::from_name(name).filter(|architecture| architecture.name() == name)
    }

    /// Whether the attention's and feed-forward block's outputs are normalized before they are added.
    fn post_norms(self) -> bool {
        !matches!(self, Self::Gemma)
    }

    /// Whether queries and keys are normalized before the rotary embedding.
    fn qk_norm(self) -> bool {
        matches!(self, Self::Gemma3)
    }

    /// Every how many layers the attention is over everything rather than over a window, where nothing else is said.
    fn window_pattern(self) -> Option<usize> {
        match self {
            Self::Gemma => None,
            Self::Gemma2 => Some(2),
            Self::Gemma3 => Some(6),
        }
    }
}

/// A text decoder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ModelConfig {
    pub(crate) architecture: Architecture,
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    /// The width of the feed-forward block.
    pub(crate) intermediate_size: usize,
    pub(crate) heads: usize,
    /// Key/value heads; each serves `heads / kv_heads` query heads.
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) norm_epsilon: f32,
    /// What attention scores are multiplied by.
    pub(crate) query_scale: f32,
    pub(crate) attention_softcap: Option<f32>,
    pub(crate) logit_softcap: Option<f32>,
    pub(crate) qk_norm: bool,
    pub(crate) post_norms: bool,
    /// The longest sequence that the model was trained for.
    pub(crate) trained_context: usize,
    pub(crate) layers: Vec<LayerConfig>,
}

/// What differs from layer to layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct LayerConfig {
    /// How many positions a token sees, itself included; all where `None`.
    pub(crate) window: Option<usize>,
    pub(crate) rope: Rope,
}

/// A rotary embedding: the angle of pair `i` at position `p` is `p / factor * base^(-2i / head_dim)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rope {
    pub(crate) base: f64,
    pub(crate) factor: f64,
}

/// The most that any dimension may be. Real ones are far below; the bound keeps products of sizes from overflowing.
const MAX_SIZE: usize = 1 << 24;

impl ModelConfig {
    /// Refuses sizes that no Gemma has and that the graph could not run; the error names the value.
    fn validate(self) -> Result<Self, String> {
        let sizes = [
            ("vocabulary size", self.vocab_size),
            ("hidden size", self.hidden_size),
            ("feed-forward width", self.intermediate_size),
            ("number of heads", self.heads),
            ("number of key/value heads", self.kv_heads),
            ("head width", self.head_dim),
            ("trained context", self.trained_context),
            ("number of layers", self.layers.len()),
        ];
        for (name, size) in sizes {
            if !(1..=MAX_SIZE).contains(&size) {
                return Err(format!("{name} is {size}, expected 1 to {MAX_SIZE}"));
            }
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(format!(
                "{} heads cannot share {} key/value heads",
                self.heads, self.kv_heads
            ));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(format!("head width is {}, expected an even number", self.head_dim));
        }
        let positive = [
            ("norm epsilon", Some(self.norm_epsilon)),
            ("query scale", Some(self.query_scale)),
            ("attention softcap", self.attention_softcap),
            ("logit softcap", self.logit_softcap),
        ];
        for (name, value) in positive {
            if value.is_some_and(|value| !(value.is_finite() && value > 0.0)) {
                return Err(format!("{name} is {value:?}, expected a positive number"));
            }
        }
        for layer in &self.layers {
            let Rope { base, factor } = layer.rope;
            if !(base.is_finite() && base > 1.0 && factor.is_finite() && factor > 0.0) {
                return Err(format!("rotary embedding with base {base} and factor {factor}"));
            }
            if layer.window == Some(0) {
                return Err("an attention window of 0".to_owned());
            }
        }
        Ok(self)
    }
}

/// Layers where every `pattern`-th attends to everything and the others to a window.
fn alternating(count: usize, pattern: usize, window: usize, local: Rope, global: Rope) -> Vec<LayerConfig> {
    let layer = |index: usize| match (index + 1).is_multiple_of(pattern) {
        true => LayerConfig {
            window: None,
            rope: global,
        },
        false => LayerConfig {
            window: Some(window),
            rope: local,
        },
    };
    (0..count).map(layer).collect()
}
