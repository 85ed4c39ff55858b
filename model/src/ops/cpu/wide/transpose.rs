//! Eight stored rows transposed: where their blocks lie, and what is read from the same place of each.

use half::f16;

use super::super::panel::{Panel, ROWS, Stored};
use super::super::simd::{self, Floats, Ints};

/// Fetches what will be unpacked next into the cache, row after row as it lies in memory, in step with the unpacking.
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
            // SAFETY: an address past the end does no harm.
            unsafe { simd::prefetch(self.next) };
            self.next = self.next.wrapping_add(64);
            if self.next >= self.end {
                self.next = self.end.wrapping_add(self.stride - self.piece);
                self.end = self.next.wrapping_add(self.piece);
            }
        }
    }
}

/// The same block of eight rows.
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
            // SAFETY: the caller stays within the piece.
            first: unsafe { stored.bytes.as_ptr().add(at) },
            stride: stored.stride,
        }
    }

    #[inline(always)]
    unsafe fn row(self, row: usize) -> *const u8 {
        // SAFETY: the block of every row lies within the stored bytes.
        unsafe { self.first.add(row * self.stride) }
    }

    /// The scales and minima of the 8 runs of a Q4_K or Q5_K block: 6 bits each, packed into the 12 bytes at 4.
    #[inline(always)]
    pub(super) unsafe fn packed_runs(self, panel: &mut Panel, at: usize) {
        let mut scales = [[0_i16; 16]; ROWS];
        let mut minima = [[0_i16; 8]; ROWS];
        // SAFETY: the bytes lie within the block; arrays are as long as what is stored; the caller has the
        // instruction set.
        unsafe {
            for row in 0..ROWS {
                let packed = self.row(row).add(4).cast::<u32>();
                let (a, b, c) = (
                    packed.read_unaligned(),
                    packed.add(1).read_unaligned(),
                    packed.add(2).read_unaligned(),
                );
                let low = |word: u32| u64::from(word & 0x3f3f_3f3f);
                let high = |four: u32, two: u32| u64::from((four & 0x0f0f_0f0f) | (((two >> 6) & 0x0303_0303) << 4));
                let scale = simd::widen_unsigned(low(a) | (high(c, a) << 32));
                simd::store_twice(scales[row].as_mut_ptr(), scale);
                let minimum = simd::widen_unsigned(low(b) | (high(c >> 4, b) << 32));
                simd::store_shorts(minima[row].as_mut_ptr(), minimum);
            }
            store(
                panel.run_scale[8 * at..][..8].as_mut_ptr(),
                Self::of(&scales).transpose32(0),
            );
            store(
                panel.run_min[4 * at..][..4].as_mut_ptr(),
                Self::of(&minima).transpose16(0),
            );
        }
    }

    /// The scales of the 16 runs of a Q6_K block, signed bytes at 192. Minima are 32 times as large.
    #[inline(always)]
    pub(super) unsafe fn signed_runs(self, panel: &mut Panel, at: usize) {
        let mut scales = [[0_i16; 32]; ROWS];
        let mut minima = [[0_i16; 16]; ROWS];
        // SAFETY: as above.
        unsafe {
            for row in 0..ROWS {
                for half in 0..2 {
                    let scale = simd::widen_signed(self.row(row).add(192 + 8 * half));
                    simd::store_twice(scales[row].as_mut_ptr().add(16 * half), scale);
                    simd::store_shorts(minima[row].as_mut_ptr().add(8 * half), simd::times_32(scale));
                }
            }
            let run_scale = panel.run_scale[16 * at..][..16].as_mut_ptr();
            store(run_scale, Self::of(&scales).transpose32(0));
            store(run_scale.add(8), Self::of(&scales).transpose32(32));
            store(
                panel.run_min[8 * at..][..8].as_mut_ptr(),
                Self::of(&minima).transpose32(0),
            );
        }
    }

    /// Rows of numbers, to be transposed.
    #[inline(always)]
    fn of<const N: usize>(rows: &[[i16; N]; ROWS]) -> Self {
        Self {
            first: rows.as_ptr().cast(),
            stride: 2 * N,
        }
    }

    /// Half-precision numbers at `at` of each block, widened.
    #[inline(always)]
    pub(super) unsafe fn halves(self, at: usize) -> Floats {
        let mut bits = [f16::ZERO; ROWS];
        // SAFETY: the number lies within the block; the caller has the instruction set.
        unsafe {
            for (row, bits) in bits.iter_mut().enumerate() {
                *bits = f16::from_bits(self.row(row).add(at).cast::<u16>().read_unaligned());
            }
            simd::load_halves(bits.as_ptr())
        }
    }

    /// Four bytes at `at` of each block.
    #[inline(always)]
    pub(super) unsafe fn dwords(self, at: usize) -> Ints {
        let mut dwords = [0_u32; ROWS];
        // SAFETY: the bytes lie within the block.
        unsafe {
            for (row, dword) in dwords.iter_mut().enumerate() {
                *dword = self.row(row).add(at).cast::<u32>().read_unaligned();
            }
            simd::load_ints(dwords.as_ptr())
        }
    }

    /// 16 bytes at `at` of each block: vector `i` holds bytes `4 i` to `4 i + 3` of each row.
    #[inline(always)]
    pub(super) unsafe fn transpose16(self, at: usize) -> [Ints; 4] {
        let mut rows = [self.first; ROWS];
        // SAFETY: the bytes lie within the block; the caller has the instruction set.
        unsafe {
            for (row, place) in rows.iter_mut().enumerate() {
                *place = self.row(row).add(at);
            }
            simd::transpose(rows)
        }
    }

    /// 32 bytes at `at` of each block.
    #[inline(always)]
    pub(super) unsafe fn transpose32(self, at: usize) -> [Ints; 8] {
        // SAFETY: the bytes lie within the block.
        unsafe {
            let [a, b, c, d] = self.transpose16(at);
            let [e, f, g, h] = self.transpose16(at + 16);
            [a, b, c, d, e, f, g, h]
        }
    }
}

/// Writes vectors one after the other.
#[inline(always)]
pub(super) unsafe fn store<T, const N: usize>(to: *mut T, v: [Ints; N]) {
    for (at, v) in v.into_iter().enumerate() {
        // SAFETY: the caller gives room for them.
        unsafe { simd::store_ints(to.cast::<u8>().add(32 * at), v) };
    }
}
