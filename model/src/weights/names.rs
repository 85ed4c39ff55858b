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

    /// Hugging Face checkpoints store normalization weights as the difference from 1.
    pub(super) fn norms_lack_one(&self) -> bool {
        matches!(self, Self::HuggingFace { .. })
    }
}

/// Tensors that checkpoints carry and nothing needs: copies of the tied head, tables of rotary frequencies, and the
/// image part of a multimodal model, whose text part runs alone.
pub(crate) fn is_harmless(name: &str) -> bool {
    matches!(
        name,
        "output.weight" | "lm_head.weight" | "language_model.lm_head.weight" | "rope_freqs.weight"
    ) || name.ends_with("rotary_emb.inv_freq")
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
