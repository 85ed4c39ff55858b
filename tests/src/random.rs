//! Random numbers that are the same in every run with the same seed.

/// Numbers from a splitmix64 generator, or from bytes that somebody chose.
pub struct Random {
    state: u64,
    chosen: Option<std::vec::IntoIter<u8>>,
}

impl Random {
    /// The numbers of this seed.
    pub fn new(seed: u64) -> Self {
        Self {
            state: seed,
            chosen: None,
        }
    }

    /// Numbers that these bytes say, as a fuzzer wants it, which learns what each does; zeros when they are used up.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self {
            state: 0,
            chosen: Some(Vec::from(bytes).into_iter()),
        }
    }

    /// Whether bytes were given and are used up.
    pub fn is_used_up(&self) -> bool {
        self.chosen.as_ref().is_some_and(|bytes| bytes.len() == 0)
    }

    /// A number below `bound`, which is above 0.
    pub fn below(&mut self, bound: usize) -> usize {
        if let Some(bytes) = &mut self.chosen {
            let wanted = if bound <= 256 { 1 } else { 4 };
            let number = bytes
                .take(wanted)
                .fold(0, |number, byte| number << 8 | usize::from(byte));
            return number % bound;
        }
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chosen_bytes_are_the_numbers() {
        let mut random = Random::of_bytes(&[3, 200, 1, 2, 3, 4, 7]);
        assert_eq!([random.below(10), random.below(100)], [3, 0]);
        assert_eq!(random.below(usize::MAX), 0x0102_0304);
        assert!(!random.is_used_up());
        assert_eq!([random.below(256), random.below(256)], [7, 0]);
        assert!(random.is_used_up());
        assert!(!Random::new(1).is_used_up());
    }
}
