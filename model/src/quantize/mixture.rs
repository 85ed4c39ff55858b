//! Which tensor is stored in which format. The mixtures are llama.cpp's, so that a name means the same file everywhere.
//!
//! Must not know how a format is written. Source: `llama_tensor_get_type` in llama.cpp, read, not copied.

use crate::container::Format;

/// What a model is quantized to, by the name that people know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(non_camel_case_types, reason = "these are the names that users know them by")]
pub enum Mixture {
    /// Four bits, and six for the embedding.
    Q4_0,
    /// Four bits with better scales, and six where they help most.
    Q4_K_M,
    /// Five bits, and six where they help most.
    Q5_K_M,
    /// Six bits.
    Q6_K,
    /// Eight bits.
    Q8_0,
    /// Sixteen bits, five of them for the exponent.
    F16,
    /// Sixteen bits, eight of them for the exponent.
    BF16,
}

impl Mixture {
    /// All that there are, smallest first.
    pub const ALL: [Self; 7] = [
        Self::Q4_0,
        Self::Q4_K_M,
        Self::Q5_K_M,
        Self::Q6_K,
        Self::Q8_0,
        Self::F16,
        Self::BF16,
    ];

    /// The usual name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Q4_0 => "Q4_0",
            Self::Q4_K_M => "Q4_K_M",
            Self::Q5_K_M => "Q5_K_M",
            Self::Q6_K => "Q6_K",
            Self::Q8_0 => "Q8_0",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
        }
    }

    /// The one of a name, in letters of any case.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|mixture| mixture.name().eq_ignore_ascii_case(name))
    }

    /// The id in `general.file_type`.
    pub(super) fn file_type(self) -> u32 {
        match self {
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q8_0 => 7,
            Self::Q4_K_M => 15,
            Self::Q5_K_M => 17,
            Self::Q6_K => 18,
            Self::BF16 => 32,
        }
    }

    fn main(self) -> Format {
        match self {
            Self::Q4_0 => Format::Q4_0,
            Self::Q4_K_M => Format::Q4_K,
            Self::Q5_K_M => Format::Q5_K,
            Self::Q6_K => Format::Q6_K,
            Self::Q8_0 => Format::Q8_0,
            Self::F16 => Format::F16,
            Self::BF16 => Format::BF16,
        }
    }

    /// The format of a tensor with this GGUF name and shape in a model of so many layers.
    pub(super) fn format(self, name: &str, shape: &[usize], layers: usize) -> Format {
        let &[_, columns] = shape else { return Format::F32 };
        let part = name.strip_suffix(".weight").unwrap_or(name);
        let (layer, part) = match part.strip_prefix("blk.").and_then(|rest| rest.split_once('.')) {
            Some((layer, part)) => (layer.parse().unwrap_or(0), part),
            None => (0, part),
        };
        let wanted = match (self, part) {
            // The embedding is the head, too.
            (Self::Q4_0 | Self::Q4_K_M | Self::Q5_K_M, "token_embd") => Format::Q6_K,
            (Self::Q4_K_M | Self::Q5_K_M, "attn_v" | "ffn_down") if wants_more_bits(layer, layers) => Format::Q6_K,
            _ => self.main(),
        };
        if columns.is_multiple_of(wanted.block_len()) {
            return wanted;
        }
        // Rows that do not fill the blocks of 256.
        let shorter = match wanted {
            Format::Q4_K => Format::Q5_0,
            Format::Q5_K => Format::Q5_1,
            Format::Q6_K => Format::Q8_0,
            other => other,
        };
        match columns.is_multiple_of(shorter.block_len()) {
            true => shorter,
            false => Format::F16,
        }
    }
}

/// The first and last eighth of the layers, and every third between them.
fn wants_more_bits(layer: usize, layers: usize) -> bool {
    let eighth = layers / 8;
    layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mixture: Mixture, name: &str, shape: &[usize], expected: Format) {
        assert_eq!(mixture.format(name, shape, 18), expected, "{} {name}", mixture.name());
    }

    #[test]
    fn mixtures_are_those_that_are_known_by_their_names() {
        check(Mixture::Q4_K_M, "token_embd.weight", &[256_000, 2048], Format::Q6_K);
        check(Mixture::Q4_K_M, "blk.0.attn_v.weight", &[256, 2048], Format::Q6_K);
        check(Mixture::Q4_K_M, "blk.2.attn_v.weight", &[256, 2048], Format::Q4_K);
        check(Mixture::Q4_K_M, "blk.4.ffn_down.weight", &[2048, 16_384], Format::Q6_K);
        check(Mixture::Q4_K_M, "blk.17.ffn_down.weight", &[2048, 16_384], Format::Q6_K);
        check(Mixture::Q4_K_M, "blk.0.attn_q.weight", &[2048, 2048], Format::Q4_K);
        check(Mixture::Q5_K_M, "blk.0.ffn_down.weight", &[2048, 16_384], Format::Q6_K);
        check(Mixture::Q8_0, "token_embd.weight", &[256_000, 2048], Format::Q8_0);
        check(Mixture::Q4_0, "token_embd.weight", &[256_000, 2048], Format::Q6_K);
        check(Mixture::BF16, "token_embd.weight", &[256_000, 2048], Format::BF16);
        check(Mixture::Q4_K_M, "blk.0.attn_norm.weight", &[2048], Format::F32);
    }

    #[test]
    fn rows_that_do_not_fill_blocks_have_more_bits() {
        check(Mixture::Q4_K_M, "token_embd.weight", &[262_144, 640], Format::Q8_0);
        check(Mixture::Q4_K_M, "blk.0.attn_q.weight", &[1024, 640], Format::Q5_0);
        check(Mixture::Q5_K_M, "blk.0.attn_q.weight", &[1024, 640], Format::Q5_1);
        check(Mixture::Q6_K, "blk.0.attn_q.weight", &[1024, 640], Format::Q8_0);
        check(Mixture::Q4_0, "blk.0.attn_q.weight", &[1024, 36], Format::F16);
    }

    #[test]
    fn names_are_read_in_any_case() {
        assert_eq!(Mixture::from_name("q4_k_m"), Some(Mixture::Q4_K_M));
        assert_eq!(Mixture::from_name("Q4"), None);
        for mixture in Mixture::ALL {
            let name = crate::container::format::file_type_name(mixture.file_type().into());
            assert_eq!(name, Some(mixture.name()));
        }
    }
}
