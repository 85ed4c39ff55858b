//! Unpacking eight stored rows at once, transposed before their bits are taken apart, for the formats that matter.

use std::arch::x86_64::*;

use super::super::panel::{Panel, ROWS, Stored};
use super::transpose::{Ahead, Blocks, store};
use crate::weights::Format;

/// Unpacks a piece of eight rows; `false` where the format has no fast form.
///
/// # Safety
/// Needs AVX2 and F16C. The rows must hold the blocks that `stored` says, and the panel must have room for them.
#[target_feature(enable = "avx2,fma,f16c")]
pub(in super::super) unsafe fn unpack(panel: &mut Panel, format: Format, stored: Stored<'_>) -> bool {
    // SAFETY: passed on to the caller; each type is the format's.
    unsafe {
        match format {
            Format::Q4_0 => plain::<Q4_0>(panel, stored),
            Format::Q5_0 => plain::<Q5_0>(panel, stored),
            Format::Q8_0 => plain::<Q8_0>(panel, stored),
            Format::Q4_K => superblocks::<Q4K>(panel, stored),
            Format::Q5_K => superblocks::<Q5K>(panel, stored),
            Format::Q6_K => superblocks::<Q6K>(panel, stored),
            _ => return false,
        }
    }
    true
}

/// # Safety
/// As for [`unpack`].
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn plain<F: Plain>(panel: &mut Panel, stored: Stored<'_>) {
    let bytes = F::FORMAT.block_bytes();
    let mut ahead = Ahead::new(stored, bytes);
    let q: *mut __m256i = panel.q.as_mut_ptr().cast();
    for at in 0..stored.blocks {
        ahead.fetch(ROWS * bytes);
        // SAFETY: the block and those of the seven rows after it lie within the stored bytes; the panel has room.
        unsafe {
            let block = Blocks::new(stored, at * bytes);
            store(q.add(8 * at), F::vectors(block));
            _mm256_storeu_ps(panel.scale[at].as_mut_ptr(), block.halves(0));
        }
    }
}

/// # Safety
/// As for [`unpack`].
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn superblocks<F: Super>(panel: &mut Panel, stored: Stored<'_>) {
    let bytes = F::FORMAT.block_bytes();
    let mut ahead = Ahead::new(stored, bytes);
    let q: *mut __m256i = panel.q.as_mut_ptr().cast();
    for at in 0..stored.blocks {
        ahead.fetch(ROWS * bytes);
        // SAFETY: as above.
        unsafe {
            let block = Blocks::new(stored, at * bytes);
            for half in 0..2 {
                let shared = F::shared(block, half);
                for pair in 2 * half..2 * half + 2 {
                    for (run, w) in F::runs_of(pair).into_iter().zip(F::pair(block, pair, shared)) {
                        store(q.add(64 * at + 8 * run), w);
                    }
                }
            }
            let (d, d_min) = F::factors(block);
            _mm256_storeu_ps(panel.scale[at].as_mut_ptr(), d);
            _mm256_storeu_ps(panel.min[at].as_mut_ptr(), d_min);
            F::runs(block, panel, at);
        }
    }
}

/// A format of blocks of 32 with the scale in front. These are types with inlined functions, not closures: a closure
/// that the compiler does not inline is compiled without the caller's target features.
pub(super) trait Plain {
    const FORMAT: Format;

    /// The 32 columns of a block: vector `i` holds columns `4 i` to `4 i + 3` of each row.
    ///
    /// # Safety
    /// Needs AVX2; the block must be the format's.
    unsafe fn vectors(block: Blocks) -> [__m256i; 8];
}

/// A K format.
pub(super) trait Super {
    const FORMAT: Format;

    /// Which two runs of 32 columns pair `pair` of 4 gives.
    fn runs_of(pair: usize) -> [usize; 2];

    /// Stored bytes that both pairs of a half of the block need.
    ///
    /// # Safety
    /// Needs AVX2; the block must be the format's.
    unsafe fn shared(block: Blocks, half: usize) -> [__m256i; 8];

    /// Two runs of 32 columns, which share stored bytes.
    ///
    /// # Safety
    /// As for [`Super::shared`], which must have given `shared` for half `pair / 2`.
    unsafe fn pair(block: Blocks, pair: usize, shared: [__m256i; 8]) -> [[__m256i; 8]; 2];

    /// The factors of scales and minima.
    ///
    /// # Safety
    /// As for [`Super::shared`], with F16C.
    unsafe fn factors(block: Blocks) -> (__m256, __m256);

    /// Writes the scales and minima of the runs to the panel's block `at`.
    ///
    /// # Safety
    /// As for [`Super::shared`].
    unsafe fn runs(block: Blocks, panel: &mut Panel, at: usize);
}

pub(super) struct Q4_0;

impl Plain for Q4_0 {
    const FORMAT: Format = Format::Q4_0;

    #[inline(always)]
    unsafe fn vectors(block: Blocks) -> [__m256i; 8] {
        // SAFETY: the offsets are those of the format; passed on to the caller.
        unsafe { nibbles(block.transpose16(2)) }
    }
}

pub(super) struct Q5_0;

impl Plain for Q5_0 {
    const FORMAT: Format = Format::Q5_0;

    #[inline(always)]
    unsafe fn vectors(block: Blocks) -> [__m256i; 8] {
        // SAFETY: as above.
        unsafe { or(nibbles(block.transpose16(6)), fifth_bits(block.dwords(2))) }
    }
}

pub(super) struct Q8_0;

impl Plain for Q8_0 {
    const FORMAT: Format = Format::Q8_0;

    #[inline(always)]
    unsafe fn vectors(block: Blocks) -> [__m256i; 8] {
        // SAFETY: as above.
        unsafe { block.transpose32(2) }
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
    unsafe fn shared(_: Blocks, _: usize) -> [__m256i; 8] {
        // SAFETY: as above.
        unsafe { [_mm256_setzero_si256(); 8] }
    }

    #[inline(always)]
    unsafe fn pair(block: Blocks, pair: usize, _: [__m256i; 8]) -> [[__m256i; 8]; 2] {
        // SAFETY: as above.
        unsafe {
            let packed = block.transpose32(16 + 32 * pair);
            [bits(packed, 0, 15), bits(packed, 4, 15)]
        }
    }

    #[inline(always)]
    unsafe fn factors(block: Blocks) -> (__m256, __m256) {
        // SAFETY: as above.
        unsafe { (block.halves(0), block.halves(2)) }
    }

    #[inline(always)]
    unsafe fn runs(block: Blocks, panel: &mut Panel, at: usize) {
        // SAFETY: as above.
        unsafe { block.packed_runs(panel, at) }
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
    unsafe fn shared(block: Blocks, _: usize) -> [__m256i; 8] {
        // SAFETY: as above.
        unsafe { block.transpose32(16) }
    }

    #[inline(always)]
    unsafe fn pair(block: Blocks, pair: usize, fifth: [__m256i; 8]) -> [[__m256i; 8]; 2] {
        // SAFETY: as above.
        unsafe {
            let packed = block.transpose32(48 + 32 * pair);
            [
                or(bits(packed, 0, 15), shifted(bits(fifth, 2 * pair, 1), 4)),
                or(bits(packed, 4, 15), shifted(bits(fifth, 2 * pair + 1, 1), 4)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn factors(block: Blocks) -> (__m256, __m256) {
        // SAFETY: as above.
        unsafe { (block.halves(0), block.halves(2)) }
    }

    #[inline(always)]
    unsafe fn runs(block: Blocks, panel: &mut Panel, at: usize) {
        // SAFETY: as above.
        unsafe { block.packed_runs(panel, at) }
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
    unsafe fn shared(block: Blocks, half: usize) -> [__m256i; 8] {
        // SAFETY: as above.
        unsafe { block.transpose32(128 + 32 * half) }
    }

    #[inline(always)]
    unsafe fn pair(block: Blocks, pair: usize, high: [__m256i; 8]) -> [[__m256i; 8]; 2] {
        let (half, part) = (pair / 2, pair % 2);
        // SAFETY: as above. Two bits of `high` go to places 4 and 5, from 0 or 2 for one run and from 4 or 6 for the
        // other.
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
    unsafe fn factors(block: Blocks) -> (__m256, __m256) {
        // SAFETY: as above.
        let d = unsafe { block.halves(208) };
        (d, d)
    }

    #[inline(always)]
    unsafe fn runs(block: Blocks, panel: &mut Panel, at: usize) {
        // SAFETY: as above.
        unsafe { block.signed_runs(panel, at) }
    }
}

/// `(v >> right) & mask`, byte by byte.
#[inline(always)]
unsafe fn bits<const N: usize>(mut v: [__m256i; N], right: usize, mask: i8) -> [__m256i; N] {
    // SAFETY: the caller has AVX2. What a 16-bit shift moves in from the byte above is masked off.
    unsafe {
        let right = _mm_cvtsi32_si128(right as i32);
        for v in &mut v {
            *v = _mm256_and_si256(_mm256_srl_epi16(*v, right), _mm256_set1_epi8(mask));
        }
    }
    v
}

/// `v << left` in pairs of bytes; what a byte moves into its neighbour is the caller's to mask off.
#[inline(always)]
unsafe fn shifted(mut v: [__m256i; 8], left: usize) -> [__m256i; 8] {
    // SAFETY: the caller has AVX2.
    unsafe {
        let left = _mm_cvtsi32_si128(left as i32);
        for v in &mut v {
            *v = _mm256_sll_epi16(*v, left);
        }
    }
    v
}

#[inline(always)]
unsafe fn or(mut a: [__m256i; 8], b: [__m256i; 8]) -> [__m256i; 8] {
    for (a, b) in a.iter_mut().zip(b) {
        // SAFETY: the caller has AVX2.
        *a = unsafe { _mm256_or_si256(*a, b) };
    }
    a
}

/// Low nibbles are the first half of a block of 32, high nibbles the second.
#[inline(always)]
unsafe fn nibbles(packed: [__m256i; 4]) -> [__m256i; 8] {
    // SAFETY: the caller has AVX2.
    unsafe {
        let [a, b, c, d] = bits(packed, 0, 15);
        let [e, f, g, h] = bits(packed, 4, 15);
        [a, b, c, d, e, f, g, h]
    }
}

/// The fifth bit of each of 32 columns as 16; `bits` has the 32 bits of each row.
#[inline(always)]
unsafe fn fifth_bits(bits: __m256i) -> [__m256i; 8] {
    // SAFETY: the caller has AVX2.
    unsafe {
        let mut out = [_mm256_setzero_si256(); 8];
        let sixteen = _mm256_set1_epi8(16);
        let rows = _mm256_set_epi32(12, 8, 4, 0, 12, 8, 4, 0);
        // Within each row's four bytes, the columns 4 i to 4 i + 3 are the low or high half of byte i / 2.
        for (at, out) in out.iter_mut().enumerate() {
            let mask = _mm256_set1_epi32(if at % 2 == 0 {
                0x0804_0201
            } else {
                0x8040_2010_u32.cast_signed()
            });
            let byte = _mm256_add_epi32(rows, _mm256_set1_epi32(at as i32 / 2));
            let spread = _mm256_shuffle_epi8(bits, _mm256_mullo_epi32(byte, _mm256_set1_epi32(0x0101_0101)));
            let set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, mask), mask);
            *out = _mm256_and_si256(set, sixteen);
        }
        out
    }
}
