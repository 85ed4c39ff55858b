//! The starter: a small model inside the program, which is used where no other was chosen. `model/starter/` says how it
//! was made.
//!
//! It must not know what it is used for.

use codegemma_model::{Embedded, ModelSource};

/// The name that chooses it.
pub(crate) const NAME: &str = "starter";

/// What it is.
pub(crate) const KIND: &str = "starter, a small model of 5 million parameters to try everything with";

macro_rules! advice {
    () => {
        "`codegemma-complete model pull --use` fetches CodeGemma (1.6 GB) for better completions, and `codegemma-complete model list` shows what is here already"
    };
}

/// How to do better.
pub(crate) const ADVICE: &str = advice!();

/// That it is used and how to do better, for whoever may not know.
pub(crate) const NOTE: &str = concat!("the small starter inside this program is used; ", advice!());

/// Bytes that begin where a cache line does, as those of a mapped file, so that the kernels are as fast on them. Correct
/// they would be anywhere.
#[repr(C, align(64))]
struct Aligned<T: ?Sized>(T);

static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!("../../../model/starter/starter.gguf"));

/// Where the engine reads it from.
pub(crate) fn source() -> ModelSource {
    of(&FILE.0)
}

fn of(bytes: &'static [u8]) -> ModelSource {
    ModelSource::Embedded(Embedded {
        name: "the starter model inside this program",
        bytes,
        remedy: "install the program again, or choose another model with --model",
    })
}

#[cfg(test)]
mod tests {
    use codegemma_model::{Engine, LoadOptions};

    use super::*;

    #[test]
    fn it_loads_and_fills_in_the_middle() {
        assert!(FILE.0.as_ptr().cast::<Aligned<[u8; 64]>>().is_aligned());
        let engine = Engine::load(&source(), &LoadOptions::default()).unwrap();
        assert_eq!(engine.info().name, "codegemma-starter");
        assert!(engine.info().fill_in_the_middle);
    }

    #[test]
    fn damage_is_named_with_the_remedy() {
        let mut flipped = FILE.0.to_vec();
        flipped[0] ^= 1;
        for damaged in [&FILE.0[..0], &FILE.0[..FILE.0.len() / 2], Vec::leak(flipped)] {
            let error = Engine::load(&of(damaged), &LoadOptions::default()).err().unwrap();
            let error = error.to_string();
            assert!(error.starts_with("the starter model inside this program: "), "{error}");
            assert!(
                error.contains("install the program again") && error.contains("--model"),
                "{error}"
            );
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
