//! Which known model suits a machine. Pure: it is told what the machine has.

use crate::models::known::{self, KnownModel};

/// Fewer tokens a second are slower than one reads.
const LEAST_TOKENS_A_SECOND: f64 = 10.0;

/// What keys, values and the rest of the program need beside the weights.
const BESIDE_BYTES: u64 = 1 << 30;

/// Sizes are the same that differ by less: some of the table are rounded.
const ABOUT_BYTES: u64 = 50_000_000;

/// A model and how many tokens a second it would write: its weights are read from memory once for each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Advised {
    pub model: &'static KnownModel,
    pub tokens_a_second: f64,
}

/// The largest model for completion that fits into half of the memory and is fast enough for typing; where none is that
/// fast, the fastest that fits. `None` where none fits. Memory is in bytes, the bandwidth in bytes a second.
pub(crate) fn advise(memory: u64, bandwidth: f64) -> Option<Advised> {
    let fitting = known::all()
        .iter()
        .filter(|model| model.fills_in_the_middle && !model.is_gated)
        .filter(|model| model.bytes + BESIDE_BYTES <= memory / 2)
        .map(|model| Advised {
            model,
            tokens_a_second: bandwidth / model.bytes as f64,
        });
    let fast = fitting
        .clone()
        .filter(|advised| advised.tokens_a_second >= LEAST_TOKENS_A_SECOND);
    // Of several that are about as large, the first of the table.
    let largest = fast.rev().max_by_key(|advised| advised.model.bytes / ABOUT_BYTES);
    largest.or_else(|| fitting.min_by_key(|advised| advised.model.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(gib: u64, gigabytes_a_second: f64, expected: Option<&str>) {
        let advised = advise(gib << 30, gigabytes_a_second * 1e9);
        assert_eq!(advised.map(|advised| advised.model.to_string()).as_deref(), expected);
    }

    #[test]
    fn it_is_the_largest_that_is_fast_enough_and_fits() {
        check(64, 100.0, Some("codegemma-7b:q8_0"));
        check(64, 60.0, Some("codegemma-7b:q4_k_m"));
        check(16, 30.0, Some("codegemma-2b:q8_0"));
        check(16, 18.0, Some("codegemma-2b:q4_k_m"));
        check(6, 100.0, Some("codegemma-2b:q6_k"));
    }

    #[test]
    fn where_all_are_slow_it_is_the_fastest() {
        check(16, 5.0, Some("codegemma-2b:q4_0"));
    }

    #[test]
    fn where_none_fits_there_is_no_advice() {
        check(4, 100.0, None);
    }
}
