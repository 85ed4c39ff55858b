//! Eight stored rows transposed: where their blocks lie, and what is read from the same place of each.

use super::super::packed::{PackedRows, ROWS, Stored};
use super::super::simd::{self, Floats, Ints};

/// Fetches what comes after eight whole rows into the second-level cache, in step with their use. The rows lie one after
/// the other, so that it does not matter which bytes are of which.
#[derive(Clone, Copy)]
pub(super) struct RowsAhead(*const u8);

impl RowsAhead {
    /// What is nearer than this would not arrive in time.
    const LEAST: usize = 16 << 10;

    #[inline(always)]
    pub(super) fn new(stored: Stored<'_>) -> Self {
        Self(stored.bytes.as_ptr().wrapping_add(stored.ahead.max(Self::LEAST)))
    }

    /// Fetches `bytes` from byte `at` on. Not to the first-level cache: few lines can be on their way there at a time, and
    /// wide rows would not fit beside those in use.
    #[inline(always)]
    pub(super) fn fetch(self, at: usize, bytes: usize) {
        for line in 0..bytes.div_ceil(64) {
            // SAFETY: a prefetch reads nothing, so that any address will do, and every processor of this architecture
            // has it.
            unsafe { simd::prefetch_second_level(self.0.wrapping_add(at + 64 * line)) };
        }
    }
}

/// Fetches what will be packed next into the cache, row after row as it lies in memory, in step with the packing of
/// pieces of rows.
pub(super) struct Ahead {
    next: *const u8,
    /// The end of the row's piece.
    end: *const u8,
    piece: usize,
    stride: usize,
}

impl Ahead {
    /// Begins with what lies `stored.ahead` bytes on.
    pub(super) fn new(stored: Stored<'_>, block_bytes: usize) -> Self {
        let next = stored.bytes.as_ptr().wrapping_add(stored.ahead);
        let piece = stored.blocks * block_bytes;
        Self {
            next,
            end: next.wrapping_add(piece),
            piece,
            stride: stored.stride,
        }
    }

    /// Fetches some `bytes` more.
    #[inline(always)]
    pub(super) fn fetch(&mut self, bytes: usize) {
        for _ in 0..bytes.div_ceil(64) {
            // SAFETY: a prefetch reads nothing, so that any address will do, and every processor of this architecture
            // has it.
            unsafe { simd::prefetch(self.next) };
            self.next = self.next.wrapping_add(64);
            if self.next >= self.end {
                self.next = self.end.wrapping_add(self.stride - self.piece);
                self.end = self.next.wrapping_add(self.piece);
            }
        }
    }
}

/// The blocks at one place of eight rows.
#[derive(Clone, Copy)]
pub(super) struct Blocks {
    first: *const u8,
    stride: usize,
}

impl Blocks {
    /// The blocks that begin `at` bytes into each row's piece.
    #[inline(always)]
    pub(super) unsafe fn new(stored: Stored<'_>, at: usize) -> Self {
        Self {
            // SAFETY: the caller promises that each row's piece has a block there, of which `Stored::is_whole` was
            // asserted.
            first: unsafe { stored.bytes.as_ptr().add(at) },
            stride: stored.stride,
        }
    }

    /// Where byte `at` of each block is.
    #[inline(always)]
    unsafe fn places(self, at: usize) -> [*const u8; ROWS] {
        let mut places = [self.first; ROWS];
        for (row, place) in places.iter_mut().enumerate() {
            // SAFETY: `new` was promised a block here in each of the eight rows, and the caller promises that byte `at`
            // is within it.
            *place = unsafe { self.first.add(row * self.stride + at) };
        }
        places
    }

    /// The first 16 bytes of a Q4_K or Q5_K block: its two factors, which are given, and the scales and minima of its 8
    /// runs, 6 bits each, which go to block `at` of `packed`.
    #[inline(always)]
    pub(super) unsafe fn six_bit_runs(self, packed: &mut PackedRows, at: usize) -> (Floats, Floats) {
        let run_scale = packed.run_scale[8 * at..][..8].as_mut_ptr();
        let run_min = packed.run_min[4 * at..][..4].as_mut_ptr();
        // SAFETY: these formats have their scales in the first 16 bytes, and the slices above have been checked to hold
        // the 8 and 4 vectors that are stored; the instruction set is the caller's promise.
        unsafe {
            // A lane has a row's numbers of four runs, a byte each.
            let [factors, a, b, c] = self.transpose16(0);
            let scales = [simd::masked(a, 0x3f), six_bits(c, a)];
            let minima = [simd::masked(b, 0x3f), six_bits(simd::shifted_right(c, 4), b)];
            for half in 0..2 {
                for run in 0..4 {
                    let scale = simd::and(simd::shifted_right(scales[half], 8 * run), simd::all_ints(0xff));
                    simd::store_ints(run_scale.add(4 * half + run), twice(scale));
                }
                for pair in 0..2 {
                    let two = simd::shifted_right(minima[half], 16 * pair);
                    let first = simd::and(two, simd::all_ints(0xff));
                    let second = simd::shifted_left(simd::and(two, simd::all_ints(0xff00)), 8);
                    simd::store_ints(run_min.add(2 * half + pair), simd::or(first, second));
                }
            }
            (
                simd::widen_halves(factors),
                simd::widen_halves(simd::shifted_right(factors, 16)),
            )
        }
    }

    /// The scales of the 16 runs of a Q6_K block, signed bytes at 192. Minima are 32 times as large.
    #[inline(always)]
    pub(super) unsafe fn signed_runs(self, packed: &mut PackedRows, at: usize) {
        let run_scale = packed.run_scale[16 * at..][..16].as_mut_ptr();
        let run_min = packed.run_min[8 * at..][..8].as_mut_ptr();
        // SAFETY: a Q6_K block has 16 scales at byte 192, and the slices above have been checked to hold the 16 and 8
        // vectors that are stored; the instruction set is the caller's promise.
        unsafe {
            for (four, scales) in self.transpose16(192).into_iter().enumerate() {
                let mut scale = [simd::zero_ints(); 4];
                for (run, scale) in scale.iter_mut().enumerate() {
                    *scale = simd::shifted_right_signed(simd::shifted_left(scales, 24 - 8 * run), 24);
                    simd::store_ints(run_scale.add(4 * four + run), twice(*scale));
                }
                for pair in 0..2 {
                    let first = simd::and(simd::shifted_left(scale[2 * pair], 5), simd::all_ints(0xffff));
                    let second = simd::shifted_left(scale[2 * pair + 1], 16 + 5);
                    simd::store_ints(run_min.add(2 * four + pair), simd::or(first, second));
                }
            }
        }
    }

    /// The scales of run `run` of IQ4_XS blocks: a half-precision number times one of six bits less 32.
    #[inline(always)]
    pub(super) unsafe fn iq4_xs_scales(self, run: usize) -> Floats {
        // SAFETY: a block of the format has 136 bytes, of which the first eight are read; the instruction set is the caller's
        // promise.
        unsafe {
            let (factors, low) = (self.dwords(0), self.dwords(4));
            let low = simd::and(simd::shifted_right(low, 4 * run), simd::all_ints(0x0f));
            // The upper bits of all eight stand behind the factor.
            let high = simd::and(simd::shifted_right(factors, 16 + 2 * run), simd::all_ints(3));
            let scale = simd::sub(simd::or(low, simd::shifted_left(high, 4)), simd::all_ints(32));
            simd::mul(simd::to_floats(scale), simd::widen_halves(factors))
        }
    }

    /// The half-precision number at the beginning of each block, widened.
    #[inline(always)]
    pub(super) unsafe fn first_halves(self) -> Floats {
        // SAFETY: every block has more than four bytes; the instruction set is the caller's promise.
        unsafe { simd::widen_halves(self.dwords(0)) }
    }

    /// The half-precision number after `at` and two more bytes of each block, widened.
    #[inline(always)]
    pub(super) unsafe fn halves_after(self, at: usize) -> Floats {
        // SAFETY: the caller promises that four bytes from `at` on are within the block, and the instruction set.
        unsafe { simd::widen_halves(simd::shifted_right(self.dwords(at), 16)) }
    }

    /// Four bytes at `at` of each block.
    #[inline(always)]
    pub(super) unsafe fn dwords(self, at: usize) -> Ints {
        // SAFETY: the caller promises that four bytes from `at` on are within the block, and the instruction set.
        unsafe { simd::gather(self.places(at)) }
    }

    /// 16 bytes at `at` of each block: vector `i` holds bytes `4 i` to `4 i + 3` of each row.
    #[inline(always)]
    pub(super) unsafe fn transpose16(self, at: usize) -> [Ints; 4] {
        // SAFETY: the caller promises that 16 bytes from `at` on are within the block, and the instruction set.
        unsafe { simd::transpose(self.places(at)) }
    }

    /// 32 bytes at `at` of each block.
    #[inline(always)]
    pub(super) unsafe fn transpose32(self, at: usize) -> [Ints; 8] {
        // SAFETY: the caller promises that 32 bytes from `at` on are within the block, and the instruction set.
        unsafe {
            let [a, b, c, d] = self.transpose16(at);
            let [e, f, g, h] = self.transpose16(at + 16);
            [a, b, c, d, e, f, g, h]
        }
    }
}

/// The lower four bits of each byte of `low`, and above them the upper two of `high`.
#[inline(always)]
unsafe fn six_bits(low: Ints, high: Ints) -> Ints {
    // SAFETY: no memory is read; the instruction set is the caller's promise.
    unsafe {
        simd::or(
            simd::masked(low, 0x0f),
            simd::masked(simd::shifted_right(high, 2), 0x30),
        )
    }
}

/// Numbers of two bytes, each twice in its lane.
#[inline(always)]
unsafe fn twice(v: Ints) -> Ints {
    // SAFETY: no memory is read; the instruction set is the caller's promise.
    unsafe { simd::or(simd::and(v, simd::all_ints(0xffff)), simd::shifted_left(v, 16)) }
}

/// Writes vectors one after the other.
#[inline(always)]
pub(super) unsafe fn store<T, const N: usize>(to: *mut T, v: [Ints; N]) {
    for (at, v) in v.into_iter().enumerate() {
        // SAFETY: the caller promises room for `N` vectors of 32 bytes, and the instruction set.
        unsafe { simd::store_ints(to.cast::<u8>().add(32 * at), v) };
    }
}
