//! Packing eight stored rows at once, transposed before their bits are taken apart, for the formats that matter.

use super::super::blocks::IQ4_VALUES;
use super::super::packed::{PackedRows, ROWS, Stored};
use super::super::simd::{self, Floats, Ints};
use super::transpose::{Ahead, Blocks, store};
use crate::container::Format;

/// Packs a piece of eight rows; `false` where the format has no fast form.
///
/// # Safety
/// Needs the instruction set. The rows must hold the blocks that `stored` says, and `packed` must have room for them.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma,f16c"))]
pub(in super::super) unsafe fn pack(packed: &mut PackedRows, format: Format, stored: Stored<'_>) -> bool {
    // SAFETY: each type is the format's. `PackedRows::pack` has asserted that the rows hold their blocks, and that these
    // fit.
    unsafe {
        match format {
            Format::Q4_0 => plain::<Q4_0>(packed, stored),
            Format::Q5_0 => plain::<Q5_0>(packed, stored),
            Format::Q8_0 => plain::<Q8_0>(packed, stored),
            Format::Q4_K => superblocks::<Q4K>(packed, stored),
            Format::Q5_K => superblocks::<Q5K>(packed, stored),
            Format::Q6_K => superblocks::<Q6K>(packed, stored),
            Format::IQ4_NL => plain::<Iq4Nl>(packed, stored),
            Format::IQ4_XS => iq4_xs(packed, stored),
            _ => return false,
        }
    }
    true
}

/// # Safety
/// As for [`pack`].
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn plain<F: Plain>(packed: &mut PackedRows, stored: Stored<'_>) {
    let bytes = F::FORMAT.block_bytes();
    let mut ahead = Ahead::new(stored, bytes);
    let q = packed.q.as_mut_ptr();
    for at in 0..stored.blocks {
        ahead.fetch(ROWS * bytes);
        // SAFETY: `PackedRows::pack` has asserted that each of the eight rows holds this block, and that `packed` has
        // room for it.
        unsafe {
            let block = Blocks::new(stored, at * bytes);
            store(q.add(256 * at), F::vectors(block));
            simd::store_floats(packed.scale[at].as_mut_ptr(), block.first_halves());
        }
    }
}

/// # Safety
/// As for [`pack`].
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn superblocks<F: Super>(packed: &mut PackedRows, stored: Stored<'_>) {
    let bytes = F::FORMAT.block_bytes();
    let mut ahead = Ahead::new(stored, bytes);
    let q = packed.q.as_mut_ptr();
    for at in 0..stored.blocks {
        ahead.fetch(ROWS * bytes);
        // SAFETY: `PackedRows::pack` has asserted that each of the eight rows holds this block, and that `packed` has
        // room for it.
        unsafe {
            let block = Blocks::new(stored, at * bytes);
            for half in 0..2 {
                let shared = F::shared(block, half);
                for pair in 2 * half..2 * half + 2 {
                    for (run, w) in F::runs_of(pair).into_iter().zip(F::pair(block, pair, shared)) {
                        store(q.add(2048 * at + 256 * run), w);
                    }
                }
            }
            let (d, d_min) = F::runs(block, packed, at);
            simd::store_floats(packed.scale[at].as_mut_ptr(), d);
            simd::store_floats(packed.min[at].as_mut_ptr(), d_min);
        }
    }
}

/// # Safety
/// As for [`pack`].
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma,f16c"))]
unsafe fn iq4_xs(packed: &mut PackedRows, stored: Stored<'_>) {
    let bytes = Format::IQ4_XS.block_bytes();
    let mut ahead = Ahead::new(stored, bytes);
    let q = packed.q.as_mut_ptr();
    for at in 0..stored.blocks {
        ahead.fetch(ROWS * bytes);
        // SAFETY: `PackedRows::pack` has asserted that each of the eight rows holds this block, and that `packed` has
        // room for its eight runs.
        unsafe {
            let block = Blocks::new(stored, at * bytes);
            for run in 0..8 {
                store(q.add(2048 * at + 256 * run), iq4_xs_run(block, run));
                simd::store_floats(packed.scale[8 * at + run].as_mut_ptr(), block.iq4_xs_scales(run));
            }
        }
    }
}

/// The 32 columns of run `run` of an IQ4_XS block.
///
/// # Safety
/// Needs the instruction set; the block must be the format's and have the run.
#[inline(always)]
pub(super) unsafe fn iq4_xs_run(block: Blocks, run: usize) -> [Ints; 8] {
    // SAFETY: the caller promises a block of the format, which has 136 bytes, and there are eight runs: the 16 bytes of the
    // last end with the block.
    unsafe { looked_up(nibbles(block.transpose16(8 + 16 * run))) }
}

/// A format of blocks of 32 with the scale in front. These are types with inlined functions, not closures: a closure
/// that the compiler does not inline is compiled without the caller's target features.
pub(super) trait Plain {
    const FORMAT: Format;

    /// The 32 columns of a block: vector `i` holds columns `4 i` to `4 i + 3` of each row.
    ///
    /// # Safety
    /// Needs the instruction set; the block must be the format's.
    unsafe fn vectors(block: Blocks) -> [Ints; 8];
}

/// A K format.
pub(super) trait Super {
    const FORMAT: Format;

    /// Which two runs of 32 columns pair `pair` of 4 gives.
    fn runs_of(pair: usize) -> [usize; 2];

    /// Stored bytes that both pairs of a half of the block need.
    ///
    /// # Safety
    /// Needs the instruction set; the block must be the format's.
    unsafe fn shared(block: Blocks, half: usize) -> [Ints; 8];

    /// Two runs of 32 columns, which share stored bytes.
    ///
    /// # Safety
    /// As for [`Super::shared`], which must have given `shared` for half `pair / 2`.
    unsafe fn pair(block: Blocks, pair: usize, shared: [Ints; 8]) -> [[Ints; 8]; 2];

    /// Writes the scales and minima of the runs to block `at` of `packed`, and gives the factors of both.
    ///
    /// # Safety
    /// As for [`Super::shared`].
    unsafe fn runs(block: Blocks, packed: &mut PackedRows, at: usize) -> (Floats, Floats);
}

pub(super) struct Q4_0;

impl Plain for Q4_0 {
    const FORMAT: Format = Format::Q4_0;

    #[inline(always)]
    unsafe fn vectors(block: Blocks) -> [Ints; 8] {
        // SAFETY: the caller promises a block of the format, which has 18 bytes: 16 from byte 2 on are read.
        unsafe { nibbles(block.transpose16(2)) }
    }
}

pub(super) struct Q5_0;

impl Plain for Q5_0 {
    const FORMAT: Format = Format::Q5_0;

    #[inline(always)]
    unsafe fn vectors(block: Blocks) -> [Ints; 8] {
        // SAFETY: the caller promises a block of the format, which has 22 bytes: 16 from byte 6 and 4 from byte 2 on are
        // read.
        unsafe { or(nibbles(block.transpose16(6)), simd::fifth_bits(block.dwords(2))) }
    }
}

pub(super) struct Q8_0;

impl Plain for Q8_0 {
    const FORMAT: Format = Format::Q8_0;

    #[inline(always)]
    unsafe fn vectors(block: Blocks) -> [Ints; 8] {
        // SAFETY: the caller promises a block of the format, which has 34 bytes: 32 from byte 2 on are read.
        unsafe { block.transpose32(2) }
    }
}

pub(super) struct Iq4Nl;

impl Plain for Iq4Nl {
    const FORMAT: Format = Format::IQ4_NL;

    #[inline(always)]
    unsafe fn vectors(block: Blocks) -> [Ints; 8] {
        // SAFETY: the caller promises a block of the format, which has 18 bytes: 16 from byte 2 on are read.
        unsafe { looked_up(nibbles(block.transpose16(2))) }
    }
}

pub(super) struct Q4K;

impl Super for Q4K {
    const FORMAT: Format = Format::Q4_K;

    #[inline(always)]
    fn runs_of(pair: usize) -> [usize; 2] {
        [2 * pair, 2 * pair + 1]
    }

    #[inline(always)]
    unsafe fn shared(_: Blocks, _: usize) -> [Ints; 8] {
        // SAFETY: no memory is read; the instruction set is the caller's promise.
        unsafe { [simd::zero_ints(); 8] }
    }

    #[inline(always)]
    unsafe fn pair(block: Blocks, pair: usize, _: [Ints; 8]) -> [[Ints; 8]; 2] {
        // SAFETY: the caller promises a block of the format, which has 144 bytes, and there are four pairs: the last
        // one's 32 bytes end with the block.
        unsafe {
            let packed = block.transpose32(16 + 32 * pair);
            [bits(packed, 0, 15), bits(packed, 4, 15)]
        }
    }

    #[inline(always)]
    unsafe fn runs(block: Blocks, packed: &mut PackedRows, at: usize) -> (Floats, Floats) {
        // SAFETY: the caller promises a block of the format, which has its scales in its first 16 bytes; the runs are
        // indexed with checks.
        unsafe { block.six_bit_runs(packed, at) }
    }
}

pub(super) struct Q5K;

impl Super for Q5K {
    const FORMAT: Format = Format::Q5_K;

    #[inline(always)]
    fn runs_of(pair: usize) -> [usize; 2] {
        [2 * pair, 2 * pair + 1]
    }

    #[inline(always)]
    unsafe fn shared(block: Blocks, _: usize) -> [Ints; 8] {
        // SAFETY: the caller promises a block of the format, which has 176 bytes: 32 from byte 16 on are read.
        unsafe { block.transpose32(16) }
    }

    #[inline(always)]
    unsafe fn pair(block: Blocks, pair: usize, fifth: [Ints; 8]) -> [[Ints; 8]; 2] {
        // SAFETY: the caller promises a block of the format, which has 176 bytes, and there are four pairs: the last
        // one's 32 bytes end with the block.
        unsafe {
            let packed = block.transpose32(48 + 32 * pair);
            [
                or(bits(packed, 0, 15), shifted(bits(fifth, 2 * pair, 1), 4)),
                or(bits(packed, 4, 15), shifted(bits(fifth, 2 * pair + 1, 1), 4)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn runs(block: Blocks, packed: &mut PackedRows, at: usize) -> (Floats, Floats) {
        // SAFETY: the caller promises a block of the format, which has its scales in its first 16 bytes; the runs are
        // indexed with checks.
        unsafe { block.six_bit_runs(packed, at) }
    }
}

pub(super) struct Q6K;

impl Super for Q6K {
    const FORMAT: Format = Format::Q6_K;

    #[inline(always)]
    fn runs_of(pair: usize) -> [usize; 2] {
        let first = 4 * (pair / 2) + pair % 2;
        [first, first + 2]
    }

    #[inline(always)]
    unsafe fn shared(block: Blocks, half: usize) -> [Ints; 8] {
        // SAFETY: the caller promises a block of the format, which has 210 bytes, and there are two halves: the 32 bytes
        // of the second end at byte 192.
        unsafe { block.transpose32(128 + 32 * half) }
    }

    #[inline(always)]
    unsafe fn pair(block: Blocks, pair: usize, high: [Ints; 8]) -> [[Ints; 8]; 2] {
        let (half, part) = (pair / 2, pair % 2);
        // SAFETY: the caller promises a block of the format, which has 210 bytes, and there are four pairs: the 32 bytes
        // of the last end at byte 128. Two bits of `high` go to places 4 and 5, from 0 or 2 for one run and from 4 or 6
        // for the other.
        unsafe {
            let low = block.transpose32(64 * half + 32 * part);
            let up = shifted(high, 4 - 2 * part);
            [
                or(bits(low, 0, 15), bits(up, 0, 48)),
                or(bits(low, 4, 15), bits(high, 2 * part, 48)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn runs(block: Blocks, packed: &mut PackedRows, at: usize) -> (Floats, Floats) {
        // SAFETY: the caller promises a block of the format, which has 210 bytes: 16 scales from byte 192 on and 4 bytes
        // from byte 206 on are read.
        let d = unsafe {
            block.signed_runs(packed, at);
            block.halves_after(206)
        };
        (d, d)
    }
}

/// `(v >> right) & mask`, byte by byte.
#[inline(always)]
unsafe fn bits<const N: usize>(mut v: [Ints; N], right: usize, mask: i8) -> [Ints; N] {
    for v in &mut v {
        // SAFETY: no memory is read; the instruction set is the caller's promise. What a shift brings in is masked off.
        *v = unsafe { simd::masked(simd::shifted_right(*v, right), mask) };
    }
    v
}

/// `v << left`; what that brings into a byte from the one below is the caller's to mask off.
#[inline(always)]
unsafe fn shifted(mut v: [Ints; 8], left: usize) -> [Ints; 8] {
    for v in &mut v {
        // SAFETY: no memory is read; the instruction set is the caller's promise.
        *v = unsafe { simd::shifted_left(*v, left) };
    }
    v
}

#[inline(always)]
unsafe fn or(mut a: [Ints; 8], b: [Ints; 8]) -> [Ints; 8] {
    for (a, b) in a.iter_mut().zip(b) {
        // SAFETY: no memory is read; the instruction set is the caller's promise.
        *a = unsafe { simd::or(*a, b) };
    }
    a
}

/// What bytes below 16 stand for in the IQ4 formats.
#[inline(always)]
unsafe fn looked_up(mut v: [Ints; 8]) -> [Ints; 8] {
    for v in &mut v {
        // SAFETY: the table has the 16 bytes that are read; the instruction set is the caller's promise.
        *v = unsafe { simd::looked_up(*v, &IQ4_VALUES) };
    }
    v
}

/// Low nibbles are the first half of a block of 32, high nibbles the second.
#[inline(always)]
unsafe fn nibbles(packed: [Ints; 4]) -> [Ints; 8] {
    // SAFETY: no memory is read; the instruction set is the caller's promise.
    unsafe {
        let [a, b, c, d] = bits(packed, 0, 15);
        let [e, f, g, h] = bits(packed, 4, 15);
        [a, b, c, d, e, f, g, h]
    }
}
