//! Plain loops, compiled for the instruction set that they run on.

use super::{InstructionSet, Isa};

/// A loop that the compiler vectorizes.
pub(super) trait Vectorized {
    type Output;

    /// Has to be `#[inline(always)]`, and so has all that it calls, to be compiled for the instruction set of the caller.
    fn run(self) -> Self::Output;
}

impl Isa {
    /// Runs a loop with vectors as wide as there are.
    pub(super) fn run<W: Vectorized>(self, work: W) -> W::Output {
        match self.set() {
            InstructionSet::Portable => work.run(),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Isa::available` gives all others only where the processor says that it has AVX2 and FMA.
            _ => unsafe { avx2(work) },
            // The compiler vectorizes it for what the whole program is compiled for, which on aarch64 is NEON.
            #[cfg(not(target_arch = "x86_64"))]
            _ => work.run(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn avx2<W: Vectorized>(work: W) -> W::Output {
    work.run()
}
