//! The names of tensors. The engine asks by GGUF name; the table translates to Hugging Face's.

use crate::config::Architecture;

/// How a checkpoint names its tensors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Naming {
    Gguf,
    HuggingFace {
        architecture: Architecture,
        /// What stands before `layers.` and `embed_tokens`, as `model.`.
        prefix: String,
    },
}

/// GGUF name of a part of a layer, Hugging Face's in Gemma 1, and in Gemma 2 and 3.
const PARTS: [(&str, &str, &str); 13] = [
    ("attn_norm", "input_layernorm", "input_layernorm"),
    ("attn_q", "self_attn.q_proj", "self_attn.q_proj"),
    ("attn_k", "self_attn.k_proj", "self_attn.k_proj"),
    ("attn_v", "self_attn.v_proj", "self_attn.v_proj"),
    ("attn_output", "self_attn.o_proj", "self_attn.o_proj"),
    ("attn_q_norm", "", "self_attn.q_norm"),
    ("attn_k_norm", "", "self_attn.k_norm"),
    ("post_attention_norm", "", "post_attention_layernorm"),
    ("ffn_norm", "post_attention_layernorm", "pre_feedforward_layernorm"),
    ("ffn_gate", "mlp.gate_proj", "mlp.gate_proj"),
    ("ffn_up", "mlp.up_proj", "mlp.up_proj"),
    ("ffn_down", "mlp.down_proj", "mlp.down_proj"),
    ("post_ffw_norm", "", "post_feedforward_layernorm"),
];

impl Naming {
    /// The name of a part in the file: of a layer's, or of one that belongs to no layer (`token_embd`, `output_norm`).
    pub(super) fn name(&self, layer: Option<usize>, part: &str) -> String {
        match (self, layer) {
            (Self::Gguf, None) => format!("{part}.weight"),
            (Self::Gguf, Some(layer)) => format!("blk.{layer}.{part}.weight"),
            (Self::HuggingFace { prefix, .. }, None) => {
                let part = if part == "token_embd" { "embed_tokens" } else { "norm" };
                format!("{prefix}{part}.weight")
            }
            (Self::HuggingFace { architecture, prefix }, Some(layer)) => {
                let row = PARTS.iter().find(|row| row.0 == part);
                let &(_, gemma, later) = row.expect("the decoder asks only for parts in the table");
                let part = if *architecture == Architecture::Gemma {
                    gemma
                } else {
                    later
                };
                format!("{prefix}layers.{layer}.{part}.weight")
            }
        }
    }

    /// The GGUF name of a tensor by its name in the file; `None` where that is none of a Gemma's.
    pub(super) fn gguf_name(&self, name: &str) -> Option<String> {
        let Self::HuggingFace { architecture, prefix } = self else {
            return Some(name.to_owned());
        };
        let part = name.strip_prefix(prefix.as_str())?.strip_suffix(".weight")?;
        match part {
            "embed_tokens" => Some("token_embd.weight".to_owned()),
            "norm" => Some("output_norm.weight".to_owned()),
            _ => {
                let (layer, part) = part.strip_prefix("layers.")?.split_once('.')?;
                let is_first = *architecture == Architecture::Gemma;
                let row = PARTS.iter().find(|row| part == if is_first { row.1 } else { row.2 })?;
                Some(format!("blk.{layer}.{}.weight", row.0))
            }
        }
    }

    /// Hugging Face checkpoints store normalization weights as the difference from 1.
    pub(super) fn norms_lack_one(&self) -> bool {
        matches!(self, Self::HuggingFace { .. })
    }
}

/// Tensors that checkpoints carry and nothing needs: copies of the tied head, tables of rotary frequencies, and the
/// image part of a multimodal model, whose text part runs alone.
pub(crate) fn is_harmless(name: &str) -> bool {
    matches!(name, "output.weight" | "rope_freqs.weight")
        || name.ends_with("lm_head.weight")
        || name.ends_with("rotary_emb.inv_freq")
        || is_of_images(name)
}

/// Whether a tensor is of the part that reads images: by Hugging Face's names, and by those in Ollama's files, which have
/// text and images together.
pub(crate) fn is_of_images(name: &str) -> bool {
    name.contains("vision_tower.")
        || name.contains("multi_modal_projector.")
        || name.starts_with("v.")
        || name.starts_with("mm.")
}
