//! Eight stored rows transposed: where their blocks lie, and what is read from the same place of each.

use std::arch::x86_64::*;

use super::super::panel::{Panel, ROWS, Stored};

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
            // SAFETY: a hint that reads nothing; an address past the end does no harm.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(self.next.cast()) };
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
        // SAFETY: the bytes lie within the block; arrays are as long as what is stored; the caller has AVX2.
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
                let scale = widen(low(a) | (high(c, a) << 32));
                store_twice(scales[row].as_mut_ptr(), scale);
                _mm_storeu_si128(minima[row].as_mut_ptr().cast(), widen(low(b) | (high(c >> 4, b) << 32)));
            }
            store(
                panel.run_scale[8 * at..][..8].as_mut_ptr().cast(),
                Self::of(&scales).transpose32(0),
            );
            store(
                panel.run_min[4 * at..][..4].as_mut_ptr().cast(),
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
                let bytes = _mm_loadu_si128(self.row(row).add(192).cast());
                for (half, bytes) in [bytes, _mm_srli_si128::<8>(bytes)].into_iter().enumerate() {
                    let scale = _mm_cvtepi8_epi16(bytes);
                    store_twice(scales[row].as_mut_ptr().add(16 * half), scale);
                    _mm_storeu_si128(
                        minima[row].as_mut_ptr().add(8 * half).cast(),
                        _mm_slli_epi16::<5>(scale),
                    );
                }
            }
            let run_scale: *mut __m256i = panel.run_scale[16 * at..][..16].as_mut_ptr().cast();
            store(run_scale, Self::of(&scales).transpose32(0));
            store(run_scale.add(8), Self::of(&scales).transpose32(32));
            store(
                panel.run_min[8 * at..][..8].as_mut_ptr().cast(),
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
    pub(super) unsafe fn halves(self, at: usize) -> __m256 {
        let mut bits = [0_u16; ROWS];
        // SAFETY: the number lies within the block; the caller has F16C.
        unsafe {
            for (row, bits) in bits.iter_mut().enumerate() {
                *bits = self.row(row).add(at).cast::<u16>().read_unaligned();
            }
            _mm256_cvtph_ps(_mm_loadu_si128(bits.as_ptr().cast()))
        }
    }

    /// Four bytes at `at` of each block.
    #[inline(always)]
    pub(super) unsafe fn dwords(self, at: usize) -> __m256i {
        let mut dwords = [0_u32; ROWS];
        // SAFETY: the bytes lie within the block.
        unsafe {
            for (row, dword) in dwords.iter_mut().enumerate() {
                *dword = self.row(row).add(at).cast::<u32>().read_unaligned();
            }
            _mm256_loadu_si256(dwords.as_ptr().cast())
        }
    }

    /// 16 bytes at `at` of each block: vector `i` holds bytes `4 i` to `4 i + 3` of each row.
    #[inline(always)]
    pub(super) unsafe fn transpose16(self, at: usize) -> [__m256i; 4] {
        // SAFETY: the bytes lie within the block; the caller has AVX2.
        unsafe {
            let mut pairs = [_mm256_setzero_si256(); 4];
            for (row, pair) in pairs.iter_mut().enumerate() {
                let low = _mm_loadu_si128(self.row(row).add(at).cast());
                let high = _mm_loadu_si128(self.row(row + 4).add(at).cast());
                *pair = _mm256_set_m128i(high, low);
            }
            let a = _mm256_unpacklo_epi32(pairs[0], pairs[1]);
            let b = _mm256_unpackhi_epi32(pairs[0], pairs[1]);
            let c = _mm256_unpacklo_epi32(pairs[2], pairs[3]);
            let d = _mm256_unpackhi_epi32(pairs[2], pairs[3]);
            [
                _mm256_unpacklo_epi64(a, c),
                _mm256_unpackhi_epi64(a, c),
                _mm256_unpacklo_epi64(b, d),
                _mm256_unpackhi_epi64(b, d),
            ]
        }
    }

    /// 32 bytes at `at` of each block.
    #[inline(always)]
    pub(super) unsafe fn transpose32(self, at: usize) -> [__m256i; 8] {
        // SAFETY: the bytes lie within the block.
        unsafe {
            let [a, b, c, d] = self.transpose16(at);
            let [e, f, g, h] = self.transpose16(at + 16);
            [a, b, c, d, e, f, g, h]
        }
    }
}

/// Eight bytes as numbers of 16 bits.
#[inline(always)]
unsafe fn widen(bytes: u64) -> __m128i {
    // SAFETY: the caller has AVX2.
    unsafe { _mm_cvtepu8_epi16(_mm_cvtsi64_si128(bytes.cast_signed())) }
}

/// Writes eight numbers, each twice.
#[inline(always)]
unsafe fn store_twice(to: *mut i16, numbers: __m128i) {
    // SAFETY: the caller gives room for sixteen and has AVX2.
    unsafe {
        _mm_storeu_si128(to.cast(), _mm_unpacklo_epi16(numbers, numbers));
        _mm_storeu_si128(to.add(8).cast(), _mm_unpackhi_epi16(numbers, numbers));
    }
}

/// Writes vectors one after the other.
#[inline(always)]
pub(super) unsafe fn store<const N: usize>(q: *mut __m256i, v: [__m256i; N]) {
    for (at, v) in v.into_iter().enumerate() {
        // SAFETY: the caller gives room for them.
        unsafe { _mm256_storeu_si256(q.add(at), v) };
    }
}
