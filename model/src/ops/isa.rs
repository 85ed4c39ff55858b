//! The instruction sets that kernels have a form for.

/// An instruction set that the kernels have a form for and that this machine has. Only [`Isa::available`] makes others than
/// [`Isa::PORTABLE`], from what the processor says, so that having one is proof enough to run its instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Isa(InstructionSet);

/// The name of an instruction set, which proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum InstructionSet {
    /// Plain Rust, for any processor.
    Portable,
    /// AVX2 with FMA and F16C.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX2 with FMA and F16C, and with vectors of 64 bytes for prompts: AVX-512 with BW and VL.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// AVX2, FMA and F16C with AVX-VNNI: products of bytes are summed four at a time.
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    /// AVX-512 with BW and VL, and with its form of that instruction (AVX512_VNNI).
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// NEON.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// NEON with the dot product extension.
    #[cfg(target_arch = "aarch64")]
    NeonDot,
}

use InstructionSet as Set;

impl Isa {
    /// Plain Rust, which every machine runs.
    pub(crate) const PORTABLE: Self = Self(Set::Portable);

    /// The best of this machine.
    pub(crate) fn detect() -> Self {
        *Self::available().last().expect("the portable form is always there")
    }

    /// Which one it is.
    pub(in crate::ops) fn set(self) -> InstructionSet {
        self.0
    }

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self.0 {
            Set::Portable => "plain code",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "AVX2, FMA and F16C",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "AVX-512",
            #[cfg(target_arch = "x86_64")]
            Set::AvxVnni => "AVX2 with AVX-VNNI",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512Vnni => "AVX-512 with VNNI",
            #[cfg(target_arch = "aarch64")]
            Set::Neon => "NEON",
            #[cfg(target_arch = "aarch64")]
            Set::NeonDot => "NEON with dot products",
        }
    }

    /// Every form that runs on this machine, the best last. Each set is listed only where the processor has been asked for
    /// all its features, on which every kernel relies.
    pub(crate) fn available() -> &'static [Self] {
        const PORTABLE: Isa = Isa::PORTABLE;
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("f16c") {
            const AVX2: Isa = Isa(Set::Avx2);
            const AVX512: Isa = Isa(Set::Avx512);
            const AVX_VNNI: Isa = Isa(Set::AvxVnni);
            const AVX512_VNNI: Isa = Isa(Set::Avx512Vnni);
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl");
            let vnni = avx512 && is_x86_feature_detected!("avx512vnni");
            return match (avx512, is_x86_feature_detected!("avxvnni"), vnni) {
                (false, false, _) => &[PORTABLE, AVX2],
                (false, true, _) => &[PORTABLE, AVX2, AVX_VNNI],
                (true, false, false) => &[PORTABLE, AVX2, AVX512],
                (true, true, false) => &[PORTABLE, AVX2, AVX512, AVX_VNNI],
                (true, false, true) => &[PORTABLE, AVX2, AVX512, AVX512_VNNI],
                (true, true, true) => &[PORTABLE, AVX2, AVX512, AVX_VNNI, AVX512_VNNI],
            };
        }
        // The vectors' lanes are taken to lie in memory from the lowest byte on.
        #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
        return if std::arch::is_aarch64_feature_detected!("dotprod") {
            &[PORTABLE, Isa(Set::Neon), Isa(Set::NeonDot)]
        } else {
            &[PORTABLE, Isa(Set::Neon)]
        };
        #[cfg(not(all(target_arch = "aarch64", target_endian = "little")))]
        &[PORTABLE]
    }
}
