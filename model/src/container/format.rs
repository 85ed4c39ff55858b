//! The number formats that weights are stored in, as data: names, ids and block sizes. How to compute with them is the
//! business of `ops`.

/// How the numbers of a tensor are stored. Quantized formats are ggml's: a row is cut into blocks of
/// [`Format::block_len`] numbers that share scales.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(non_camel_case_types, reason = "these are the names that users know the formats by")]
pub(crate) enum Format {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2_K,
    Q3_K,
    Q4_K,
    Q5_K,
    Q6_K,
    IQ4_NL,
    IQ4_XS,
}

impl Format {
    /// Every format that the engine runs.
    pub(crate) const ALL: [Self; 15] = [
        Self::F32,
        Self::F16,
        Self::BF16,
        Self::Q4_0,
        Self::Q4_1,
        Self::Q5_0,
        Self::Q5_1,
        Self::Q8_0,
        Self::Q2_K,
        Self::Q3_K,
        Self::Q4_K,
        Self::Q5_K,
        Self::Q6_K,
        Self::IQ4_NL,
        Self::IQ4_XS,
    ];

    /// The format behind a GGUF tensor type id (`ggml_type`), if the engine runs it.
    pub(crate) fn from_ggml(id: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.layout().0 == id)
    }

    /// The format's GGUF tensor type id.
    pub(crate) fn ggml_id(self) -> u32 {
        self.layout().0
    }

    /// The format behind a safetensors dtype, if the engine runs it.
    pub(crate) fn from_safetensors(dtype: safetensors::Dtype) -> Option<Self> {
        match dtype {
            safetensors::Dtype::F32 => Some(Self::F32),
            safetensors::Dtype::F16 => Some(Self::F16),
            safetensors::Dtype::BF16 => Some(Self::BF16),
            _ => None,
        }
    }

    /// How many numbers a block holds.
    pub(crate) fn block_len(self) -> usize {
        self.layout().1
    }

    /// How many bytes a block takes.
    pub(crate) fn block_bytes(self) -> usize {
        self.layout().2
    }

    /// Bytes of a row of `len` numbers, or `None` where `len` does not fill whole blocks or the size overflows.
    pub(crate) fn row_bytes(self, len: usize) -> Option<usize> {
        (len.is_multiple_of(self.block_len())).then(|| (len / self.block_len()).checked_mul(self.block_bytes()))?
    }

    /// The format's usual name.
    pub(crate) fn name(self) -> &'static str {
        self.layout().3
    }

    /// `ggml_type`, numbers a block, bytes a block, name. Source: the GGUF specification and ggml's block structures.
    fn layout(self) -> (u32, usize, usize, &'static str) {
        match self {
            Self::F32 => (0, 1, 4, "F32"),
            Self::F16 => (1, 1, 2, "F16"),
            Self::BF16 => (30, 1, 2, "BF16"),
            Self::Q4_0 => (2, 32, 18, "Q4_0"),
            Self::Q4_1 => (3, 32, 20, "Q4_1"),
            Self::Q5_0 => (6, 32, 22, "Q5_0"),
            Self::Q5_1 => (7, 32, 24, "Q5_1"),
            Self::Q8_0 => (8, 32, 34, "Q8_0"),
            Self::Q2_K => (10, 256, 84, "Q2_K"),
            Self::Q3_K => (11, 256, 110, "Q3_K"),
            Self::Q4_K => (12, 256, 144, "Q4_K"),
            Self::Q5_K => (13, 256, 176, "Q5_K"),
            Self::Q6_K => (14, 256, 210, "Q6_K"),
            Self::IQ4_NL => (20, 32, 18, "IQ4_NL"),
            Self::IQ4_XS => (23, 256, 136, "IQ4_XS"),
        }
    }
}

/// The name of a GGUF tensor type that the engine does not run. Source: `ggml_type` in ggml.
pub(super) fn unsupported_name(id: u32) -> Option<&'static str> {
    Some(match id {
        9 => "Q8_1",
        15 => "Q8_K",
        16 => "IQ2_XXS",
        17 => "IQ2_XS",
        18 => "IQ3_XXS",
        19 => "IQ1_S",
        21 => "IQ3_S",
        22 => "IQ2_S",
        29 => "IQ1_M",
        34 => "TQ1_0",
        35 => "TQ2_0",
        39 => "MXFP4",
        _ => return None,
    })
}

/// The name of a GGUF file's `general.file_type`, of the types whose formats the engine runs. It names the mixture of
/// formats that a file has, as people know it. Source: `llama_ftype` in llama.cpp.
pub(crate) fn file_type_name(id: u64) -> Option<&'static str> {
    /// Set where the type was guessed from the tensors.
    const GUESSED: u64 = 1024;
    Some(match id & !GUESSED {
        0 => "F32",
        1 => "F16",
        2 => "Q4_0",
        3 => "Q4_1",
        7 => "Q8_0",
        8 => "Q5_0",
        9 => "Q5_1",
        10 => "Q2_K",
        11 => "Q3_K_S",
        12 => "Q3_K_M",
        13 => "Q3_K_L",
        14 => "Q4_K_S",
        15 => "Q4_K_M",
        16 => "Q5_K_S",
        17 => "Q5_K_M",
        18 => "Q6_K",
        21 => "Q2_K_S",
        25 => "IQ4_NL",
        30 => "IQ4_XS",
        32 => "BF16",
        _ => return None,
    })
}
