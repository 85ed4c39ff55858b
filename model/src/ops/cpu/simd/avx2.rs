//! AVX2, FMA and F16C: a vector is a register. See the parent module for what callers owe.

use std::arch::x86_64::*;

use half::f16;

/// Whole numbers: 32 bytes, 16 of two bytes or eight of four.
pub(in crate::ops::cpu) type Ints = __m256i;
/// Eight `f32` numbers.
pub(in crate::ops::cpu) type Floats = __m256;

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn zero_ints() -> Ints {
    // SAFETY: no memory is read; AVX2 is the caller's promise.
    unsafe { _mm256_setzero_si256() }
}

/// A number of four bytes in every lane.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn all_ints(number: i32) -> Ints {
    // SAFETY: no memory is read; AVX2 is the caller's promise.
    unsafe { _mm256_set1_epi32(number) }
}

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn load_ints<T>(from: *const T) -> Ints {
    // SAFETY: the caller promises 32 bytes, and AVX2.
    unsafe { _mm256_loadu_si256(from.cast()) }
}

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn store_ints<T>(to: *mut T, v: Ints) {
    // SAFETY: the caller promises room for 32 bytes, and AVX2.
    unsafe { _mm256_storeu_si256(to.cast(), v) }
}

/// Sums of numbers of four bytes.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn add(a: Ints, b: Ints) -> Ints {
    // SAFETY: no memory is read; AVX2 is the caller's promise.
    unsafe { _mm256_add_epi32(a, b) }
}

/// Differences of numbers of four bytes.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn sub(a: Ints, b: Ints) -> Ints {
    // SAFETY: no memory is read; AVX2 is the caller's promise.
    unsafe { _mm256_sub_epi32(a, b) }
}

/// Products of numbers of two bytes, added two by two to numbers of four.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn pair_products(a: Ints, b: Ints) -> Ints {
    // SAFETY: no memory is read; AVX2 is the caller's promise.
    unsafe { _mm256_madd_epi16(a, b) }
}

/// Numbers of four bytes, rounded to `f32`.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn to_floats(v: Ints) -> Floats {
    // SAFETY: no memory is read; AVX2 is the caller's promise.
    unsafe { _mm256_cvtepi32_ps(v) }
}

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn or(a: Ints, b: Ints) -> Ints {
    // SAFETY: no memory is read; AVX2 is the caller's promise.
    unsafe { _mm256_or_si256(a, b) }
}

/// Every byte `& mask`.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn masked(v: Ints, mask: i8) -> Ints {
    // SAFETY: no memory is read; AVX2 is the caller's promise.
    unsafe { _mm256_and_si256(v, _mm256_set1_epi8(mask)) }
}

/// Every number of four bytes `>> by`, as an unsigned one.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn shifted_right(v: Ints, by: usize) -> Ints {
    // SAFETY: no memory is read; AVX2 is the caller's promise.
    unsafe { _mm256_srl_epi32(v, _mm_cvtsi32_si128(by as i32)) }
}

/// Every number of four bytes `>> by`, as a signed one.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn shifted_right_signed(v: Ints, by: usize) -> Ints {
    // SAFETY: no memory is read; AVX2 is the caller's promise.
    unsafe { _mm256_sra_epi32(v, _mm_cvtsi32_si128(by as i32)) }
}

/// Every number of four bytes `<< by`.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn shifted_left(v: Ints, by: usize) -> Ints {
    // SAFETY: no memory is read; AVX2 is the caller's promise.
    unsafe { _mm256_sll_epi32(v, _mm_cvtsi32_si128(by as i32)) }
}

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn and(a: Ints, b: Ints) -> Ints {
    // SAFETY: no memory is read; AVX2 is the caller's promise.
    unsafe { _mm256_and_si256(a, b) }
}

/// For each byte, which is below 16, what stands at its place in a table.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn looked_up(v: Ints, table: &[i8; 16]) -> Ints {
    // SAFETY: the table has the 16 bytes that are loaded; AVX2 is the caller's promise.
    unsafe { _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast())), v) }
}

/// Four bytes at each of eight places.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn gather(rows: [*const u8; 8]) -> Ints {
    // SAFETY: the caller promises places of four bytes, and AVX2.
    unsafe {
        let mut dwords = [0; 8];
        for (dword, row) in dwords.iter_mut().zip(rows) {
            *dword = row.cast::<i32>().read_unaligned();
        }
        let [a, b, c, d, e, f, g, h] = dwords;
        _mm256_setr_epi32(a, b, c, d, e, f, g, h)
    }
}

/// The lower two bytes of each number of four as a half-precision number, widened.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn widen_halves(v: Ints) -> Floats {
    // SAFETY: no memory is read; AVX2 and F16C is the caller's promise.
    unsafe {
        let v = _mm256_and_si256(v, _mm256_set1_epi32(0xffff));
        let v = _mm_packus_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
        _mm256_cvtph_ps(v)
    }
}

/// 16 bytes at each of eight places: vector `i` holds bytes `4 i` to `4 i + 3` of each, in order.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn transpose(rows: [*const u8; 8]) -> [Ints; 4] {
    // SAFETY: the caller promises places of 16 bytes, and AVX2.
    unsafe {
        let mut pairs = [_mm256_setzero_si256(); 4];
        for (row, pair) in pairs.iter_mut().enumerate() {
            let low = _mm_loadu_si128(rows[row].cast());
            let high = _mm_loadu_si128(rows[row + 4].cast());
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

/// The fifth bits of 32 columns, each as 16: vector `i` holds those of columns `4 i` to `4 i + 3` of each row. A lane of
/// `bits` has its row's 32 bits.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn fifth_bits(bits: Ints) -> [Ints; 8] {
    // SAFETY: no memory is read; AVX2 is the caller's promise.
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

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn zero_floats() -> Floats {
    // SAFETY: no memory is read; AVX is the caller's promise.
    unsafe { _mm256_setzero_ps() }
}

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn all_floats(number: f32) -> Floats {
    // SAFETY: no memory is read; AVX is the caller's promise.
    unsafe { _mm256_set1_ps(number) }
}

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn load_floats(from: *const f32) -> Floats {
    // SAFETY: the caller promises eight numbers, and AVX.
    unsafe { _mm256_loadu_ps(from) }
}

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn store_floats(to: *mut f32, v: Floats) {
    // SAFETY: the caller promises room for eight numbers, and AVX.
    unsafe { _mm256_storeu_ps(to, v) }
}

/// Eight half-precision numbers, widened.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn load_halves(from: *const f16) -> Floats {
    // SAFETY: the caller promises eight numbers, and F16C.
    unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
}

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn mul(a: Floats, b: Floats) -> Floats {
    // SAFETY: no memory is read; AVX is the caller's promise.
    unsafe { _mm256_mul_ps(a, b) }
}

/// `acc + a * b`, rounded once.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn mul_add(a: Floats, b: Floats, acc: Floats) -> Floats {
    // SAFETY: no memory is read; FMA is the caller's promise.
    unsafe { _mm256_fmadd_ps(a, b, acc) }
}

/// `acc - a * b`, rounded once.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn mul_sub(a: Floats, b: Floats, acc: Floats) -> Floats {
    // SAFETY: no memory is read; FMA is the caller's promise.
    unsafe { _mm256_fnmadd_ps(a, b, acc) }
}

/// The sum of the lanes: halves, then quarters, then the last two.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn sum(v: Floats) -> f32 {
    // SAFETY: no memory is read; AVX is the caller's promise.
    unsafe {
        let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
        let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
        _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)))
    }
}

/// The sums of the lanes of eight vectors, each as [`sum`] gives it.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn sums(v: [Floats; 8]) -> Floats {
    // SAFETY: no memory is read; AVX is the caller's promise.
    unsafe {
        // Halves: vector `i` has four lanes of vector `i`, then four of vector `i + 4`.
        let mut halves = [_mm256_setzero_ps(); 4];
        for (at, half) in halves.iter_mut().enumerate() {
            let low = _mm256_permute2f128_ps::<0x20>(v[at], v[at + 4]);
            let high = _mm256_permute2f128_ps::<0x31>(v[at], v[at + 4]);
            *half = _mm256_add_ps(low, high);
        }
        // Quarters: two lanes of each of four vectors.
        let mut quarters = [_mm256_setzero_ps(); 2];
        for (at, quarter) in quarters.iter_mut().enumerate() {
            let (a, b) = (halves[2 * at], halves[2 * at + 1]);
            let low = _mm256_shuffle_ps::<0b01_00_01_00>(a, b);
            let high = _mm256_shuffle_ps::<0b11_10_11_10>(a, b);
            *quarter = _mm256_add_ps(low, high);
        }
        let [a, b] = quarters;
        _mm256_add_ps(
            _mm256_shuffle_ps::<0b10_00_10_00>(a, b),
            _mm256_shuffle_ps::<0b11_01_11_01>(a, b),
        )
    }
}

/// Asks for the cache line at an address, which may be any.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn prefetch(at: *const u8) {
    // SAFETY: a hint that reads nothing, so that any address will do; every x86-64 processor has it.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
}

/// Asks for the cache line at an address, which may be any, in the second-level cache.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn prefetch_second_level(at: *const u8) {
    // SAFETY: a hint that reads nothing, so that any address will do; every x86-64 processor has it.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) };
}
