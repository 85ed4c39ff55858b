//! Turns rows of stored weights into the one form that the dot products read.
//!
//! A quantized row becomes one byte a weight with a scale and a minimum per group of 16 or 32: the weight is
//! `scale * q - min`. The byte is unsigned, with the format's offset folded into `min`, except for Q8_0, whose bytes
//! are signed. Block layouts are those of ggml's `block_*` structures. The loops are written so that the compiler
//! vectorizes them where the caller's target features allow.

use super::Isa;
use crate::weights::Format;

/// The group size and signedness that a format unpacks to; `None` for the float formats, which unpack to `f32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grouping {
    /// Weights that share a scale and a minimum: 16 or 32.
    pub(super) len: usize,
    /// Whether the bytes are signed and `min` is zero throughout.
    pub(super) signed: bool,
}

impl Grouping {
    pub(super) fn of(format: Format) -> Option<Self> {
        let (len, signed) = match format {
            Format::F32 | Format::F16 | Format::BF16 => return None,
            Format::Q8_0 => (32, true),
            Format::Q4_0 | Format::Q4_1 | Format::Q5_0 | Format::Q5_1 | Format::Q4_K | Format::Q5_K => (32, false),
            Format::Q2_K | Format::Q3_K | Format::Q6_K => (16, false),
        };
        Some(Self { len, signed })
    }
}

/// An unpacked quantized row: `q` holds one byte a weight, `scale` and `min` one number a group.
pub(super) struct QuantRow<'a> {
    pub(super) q: &'a mut [u8],
    pub(super) scale: &'a mut [f32],
    pub(super) min: &'a mut [f32],
}

/// Unpacks a row of a quantized format.
pub(super) fn quantized(isa: Isa, format: Format, bytes: &[u8], row: QuantRow<'_>) {
    match isa {
        Isa::Portable => quantized_generic::<Portable>(format, bytes, row),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Isa::Avx2` exists only where the processor has AVX2, FMA and F16C.
        Isa::Avx2 => unsafe { quantized_avx2(format, bytes, row) },
    }
}

/// Unpacks a row of any format to `f32`.
pub(super) fn floats(isa: Isa, format: Format, bytes: &[u8], row: &mut [f32]) {
    match isa {
        Isa::Portable => floats_generic::<Portable>(format, bytes, row),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx2 => unsafe { floats_avx2(format, bytes, row) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn quantized_avx2(format: Format, bytes: &[u8], row: QuantRow<'_>) {
    quantized_generic::<avx2::Avx2>(format, bytes, row);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn floats_avx2(format: Format, bytes: &[u8], row: &mut [f32]) {
    floats_generic::<avx2::Avx2>(format, bytes, row);
}

/// The few instructions that are worth writing out for each instruction set.
trait Instructions {
    /// A half-precision number.
    fn widen(bits: u16) -> f32;

    /// `q = (packed >> right) & mask`, byte by byte.
    fn put(q: &mut [u8; 32], packed: &[u8; 32], right: usize, mask: u8);

    /// `q |= ((packed >> right) & mask) << left`, byte by byte.
    fn add(q: &mut [u8; 32], packed: &[u8; 32], right: usize, mask: u8, left: usize);
}

struct Portable;

impl Instructions for Portable {
    #[inline(always)]
    fn widen(bits: u16) -> f32 {
        half::f16::from_bits(bits).to_f32()
    }

    #[inline(always)]
    fn put(q: &mut [u8; 32], packed: &[u8; 32], right: usize, mask: u8) {
        for (q, packed) in q.iter_mut().zip(packed) {
            *q = (packed >> right) & mask;
        }
    }

    #[inline(always)]
    fn add(q: &mut [u8; 32], packed: &[u8; 32], right: usize, mask: u8, left: usize) {
        for (q, packed) in q.iter_mut().zip(packed) {
            *q |= ((packed >> right) & mask) << left;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use std::arch::x86_64::*;

    /// Used only inside the functions that enable AVX2, FMA and F16C.
    pub(super) struct Avx2;

    impl super::Instructions for Avx2 {
        #[inline(always)]
        fn widen(bits: u16) -> f32 {
            // SAFETY: the callers enable F16C.
            unsafe { _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits)))) }
        }

        #[inline(always)]
        fn put(q: &mut [u8; 32], packed: &[u8; 32], right: usize, mask: u8) {
            // SAFETY: both arrays are 32 bytes; the callers enable AVX2.
            unsafe { _mm256_storeu_si256(q.as_mut_ptr().cast(), shifted(packed, right, mask)) };
        }

        #[inline(always)]
        fn add(q: &mut [u8; 32], packed: &[u8; 32], right: usize, mask: u8, left: usize) {
            // SAFETY: both arrays are 32 bytes; the callers enable AVX2. Masked bits are few enough to stay within
            // their byte when they are shifted left.
            unsafe {
                let bits = _mm256_sll_epi16(shifted(packed, right, mask), _mm_cvtsi32_si128(left as i32));
                let sum = _mm256_or_si256(_mm256_loadu_si256(q.as_ptr().cast()), bits);
                _mm256_storeu_si256(q.as_mut_ptr().cast(), sum);
            }
        }
    }

    /// # Safety
    /// Needs AVX2.
    #[inline(always)]
    unsafe fn shifted(packed: &[u8; 32], right: usize, mask: u8) -> __m256i {
        // SAFETY: the array is 32 bytes; the caller vouches for AVX2. What a 16-bit shift moves in from the byte above
        // is masked off.
        unsafe {
            let packed = _mm256_loadu_si256(packed.as_ptr().cast());
            let right = _mm_cvtsi32_si128(right as i32);
            _mm256_and_si256(_mm256_srl_epi16(packed, right), _mm256_set1_epi8(mask.cast_signed()))
        }
    }
}

#[inline(always)]
fn half_at<I: Instructions>(block: &[u8], at: usize) -> f32 {
    I::widen(u16::from_le_bytes([block[at], block[at + 1]]))
}

#[inline(always)]
fn floats_generic<I: Instructions>(format: Format, bytes: &[u8], row: &mut [f32]) {
    match format {
        Format::F32 => {
            for (out, &bits) in row.iter_mut().zip(bytes.as_chunks().0) {
                *out = f32::from_le_bytes(bits);
            }
        }
        Format::F16 => {
            for (out, &bits) in row.iter_mut().zip(bytes.as_chunks().0) {
                *out = I::widen(u16::from_le_bytes(bits));
            }
        }
        Format::BF16 => {
            for (out, &bits) in row.iter_mut().zip(bytes.as_chunks().0) {
                *out = f32::from_bits(u32::from(u16::from_le_bytes(bits)) << 16);
            }
        }
        _ => {
            let grouping = Grouping::of(format).expect("the float formats are handled above");
            let mut q = vec![0; row.len()];
            let mut scale = vec![0.0; row.len() / grouping.len];
            let mut min = scale.clone();
            let unpacked = QuantRow {
                q: &mut q,
                scale: &mut scale,
                min: &mut min,
            };
            quantized_generic::<I>(format, bytes, unpacked);
            for (group, out) in row.chunks_exact_mut(grouping.len).enumerate() {
                for (out, &q) in out.iter_mut().zip(&q[group * grouping.len..]) {
                    let q = if grouping.signed {
                        f32::from(q.cast_signed())
                    } else {
                        f32::from(q)
                    };
                    *out = scale[group] * q - min[group];
                }
            }
        }
    }
}

#[inline(always)]
fn quantized_generic<I: Instructions>(format: Format, bytes: &[u8], row: QuantRow<'_>) {
    match format {
        Format::Q4_0 => simple::<I, Q4_0, 18>(bytes, row),
        Format::Q4_1 => simple::<I, Q4_1, 20>(bytes, row),
        Format::Q5_0 => simple::<I, Q5_0, 22>(bytes, row),
        Format::Q5_1 => simple::<I, Q5_1, 24>(bytes, row),
        Format::Q8_0 => simple::<I, Q8_0, 34>(bytes, row),
        Format::Q2_K => superblocks::<I, Q2_K, 84, 16>(bytes, row),
        Format::Q3_K => superblocks::<I, Q3_K, 110, 16>(bytes, row),
        Format::Q4_K => superblocks::<I, Q4_K, 144, 8>(bytes, row),
        Format::Q5_K => superblocks::<I, Q5_K, 176, 8>(bytes, row),
        Format::Q6_K => superblocks::<I, Q6_K, 210, 16>(bytes, row),
        Format::F32 | Format::F16 | Format::BF16 => unreachable!("float formats have no groups"),
    }
}

/// A format with one scale for a block of 32. These are types with inlined functions rather than closures, because a
/// closure that the compiler does not inline is compiled without the caller's target features.
trait Simple<const BYTES: usize> {
    /// Writes `q`; gives the scale and the minimum.
    fn unpack<I: Instructions>(block: &[u8; BYTES], q: &mut [u8; 32]) -> (f32, f32);
}

/// A K format: 256 weights a block in `GROUPS` groups.
trait Super<const BYTES: usize, const GROUPS: usize> {
    fn unpack<I: Instructions>(
        block: &[u8; BYTES],
        q: &mut [u8; 256],
        scale: &mut [f32; GROUPS],
        min: &mut [f32; GROUPS],
    );
}

#[inline(always)]
fn simple<I: Instructions, F: Simple<BYTES>, const BYTES: usize>(bytes: &[u8], row: QuantRow<'_>) {
    let blocks = bytes.as_chunks::<BYTES>().0.iter().zip(row.q.as_chunks_mut::<32>().0);
    for ((block, q), (scale, min)) in blocks.zip(row.scale.iter_mut().zip(row.min)) {
        (*scale, *min) = F::unpack::<I>(block, q);
    }
}

#[inline(always)]
fn superblocks<I: Instructions, F: Super<BYTES, GROUPS>, const BYTES: usize, const GROUPS: usize>(
    bytes: &[u8],
    row: QuantRow<'_>,
) {
    let blocks = bytes.as_chunks::<BYTES>().0.iter().zip(row.q.as_chunks_mut::<256>().0);
    let groups = row
        .scale
        .as_chunks_mut::<GROUPS>()
        .0
        .iter_mut()
        .zip(row.min.as_chunks_mut::<GROUPS>().0);
    for ((block, q), (scale, min)) in blocks.zip(groups) {
        F::unpack::<I>(block, q, scale, min);
    }
}

struct Q4_0;

impl Simple<18> for Q4_0 {
    #[inline(always)]
    fn unpack<I: Instructions>(block: &[u8; 18], q: &mut [u8; 32]) -> (f32, f32) {
        nibbles(part(block, 2), q);
        let scale = half_at::<I>(block, 0);
        (scale, 8.0 * scale)
    }
}

struct Q4_1;

impl Simple<20> for Q4_1 {
    #[inline(always)]
    fn unpack<I: Instructions>(block: &[u8; 20], q: &mut [u8; 32]) -> (f32, f32) {
        nibbles(part(block, 4), q);
        (half_at::<I>(block, 0), -half_at::<I>(block, 2))
    }
}

struct Q5_0;

impl Simple<22> for Q5_0 {
    #[inline(always)]
    fn unpack<I: Instructions>(block: &[u8; 22], q: &mut [u8; 32]) -> (f32, f32) {
        nibbles(part(block, 6), q);
        fifth_bits(*part(block, 2), q);
        let scale = half_at::<I>(block, 0);
        (scale, 16.0 * scale)
    }
}

struct Q5_1;

impl Simple<24> for Q5_1 {
    #[inline(always)]
    fn unpack<I: Instructions>(block: &[u8; 24], q: &mut [u8; 32]) -> (f32, f32) {
        nibbles(part(block, 8), q);
        fifth_bits(*part(block, 4), q);
        (half_at::<I>(block, 0), -half_at::<I>(block, 2))
    }
}

struct Q8_0;

impl Simple<34> for Q8_0 {
    #[inline(always)]
    fn unpack<I: Instructions>(block: &[u8; 34], q: &mut [u8; 32]) -> (f32, f32) {
        *q = *part(block, 2);
        (half_at::<I>(block, 0), 0.0)
    }
}

#[expect(non_camel_case_types, reason = "the format's name")]
struct Q2_K;

impl Super<84, 16> for Q2_K {
    #[inline(always)]
    fn unpack<I: Instructions>(block: &[u8; 84], q: &mut [u8; 256], scale: &mut [f32; 16], min: &mut [f32; 16]) {
        let (d, d_min) = (half_at::<I>(block, 80), half_at::<I>(block, 82));
        two_bits::<I>(part(block, 16), q);
        for group in 0..16 {
            scale[group] = d * f32::from(block[group] & 15);
            min[group] = d_min * f32::from(block[group] >> 4);
        }
    }
}

#[expect(non_camel_case_types, reason = "the format's name")]
struct Q3_K;

impl Super<110, 16> for Q3_K {
    #[inline(always)]
    fn unpack<I: Instructions>(block: &[u8; 110], q: &mut [u8; 256], scale: &mut [f32; 16], min: &mut [f32; 16]) {
        let d = half_at::<I>(block, 108);
        two_bits::<I>(part(block, 32), q);
        let third_bits: &[u8; 32] = part(block, 0);
        for (run, q) in q.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            I::add(q, third_bits, run, 1, 2);
        }
        let packed: &[u8; 12] = part(block, 96);
        for group in 0..16 {
            let low = (packed[group % 8] >> (4 * (group / 8))) & 15;
            let high = (packed[8 + group % 4] >> (2 * (group / 4))) & 3;
            scale[group] = d * (f32::from(low | (high << 4)) - 32.0);
            min[group] = 4.0 * scale[group];
        }
    }
}

#[expect(non_camel_case_types, reason = "the format's name")]
struct Q4_K;

impl Super<144, 8> for Q4_K {
    #[inline(always)]
    fn unpack<I: Instructions>(block: &[u8; 144], q: &mut [u8; 256], scale: &mut [f32; 8], min: &mut [f32; 8]) {
        k_scales::<I>(part(block, 0), scale, min);
        for (run, q) in q.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            I::put(q, part(block, 16 + 32 * (run / 2)), 4 * (run % 2), 15);
        }
    }
}

#[expect(non_camel_case_types, reason = "the format's name")]
struct Q5_K;

impl Super<176, 8> for Q5_K {
    #[inline(always)]
    fn unpack<I: Instructions>(block: &[u8; 176], q: &mut [u8; 256], scale: &mut [f32; 8], min: &mut [f32; 8]) {
        k_scales::<I>(part(block, 0), scale, min);
        let fifth_bits: &[u8; 32] = part(block, 16);
        for (run, q) in q.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            I::put(q, part(block, 48 + 32 * (run / 2)), 4 * (run % 2), 15);
            I::add(q, fifth_bits, run, 1, 4);
        }
    }
}

#[expect(non_camel_case_types, reason = "the format's name")]
struct Q6_K;

impl Super<210, 16> for Q6_K {
    #[inline(always)]
    fn unpack<I: Instructions>(block: &[u8; 210], q: &mut [u8; 256], scale: &mut [f32; 16], min: &mut [f32; 16]) {
        let d = half_at::<I>(block, 208);
        for (run, q) in q.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            let (half, run) = (run / 4, run % 4);
            I::put(q, part(block, 64 * half + 32 * (run % 2)), 4 * (run / 2), 15);
            I::add(q, part(block, 128 + 32 * half), 2 * run, 3, 4);
        }
        let scales: &[u8; 16] = part(block, 192);
        for group in 0..16 {
            scale[group] = d * f32::from(scales[group].cast_signed());
            min[group] = 32.0 * scale[group];
        }
    }
}

/// `N` bytes of a block from `at`.
#[inline(always)]
fn part<const N: usize>(block: &[u8], at: usize) -> &[u8; N] {
    block[at..at + N].as_array().expect("a slice of N bytes")
}

/// Low nibbles are the first half of the block, high nibbles the second.
#[inline(always)]
fn nibbles(packed: &[u8; 16], q: &mut [u8; 32]) {
    for at in 0..16 {
        q[at] = packed[at] & 15;
        q[at + 16] = packed[at] >> 4;
    }
}

/// Adds the fifth bit of each weight, stored as a little-endian 32-bit field.
#[inline(always)]
fn fifth_bits(bits: [u8; 4], q: &mut [u8; 32]) {
    // Each byte eight times over, then the bit of each place: this form becomes a few vector instructions.
    let mut spread = [0_u8; 32];
    for (eight, byte) in spread.as_chunks_mut::<8>().0.iter_mut().zip(bits) {
        *eight = (u64::from(byte) * 0x0101_0101_0101_0101).to_le_bytes();
    }
    for at in 0..32 {
        let mask = 1_u8 << (at % 8);
        q[at] |= if spread[at] & mask == mask { 16 } else { 0 };
    }
}

/// The two-bit fields of Q2_K and Q3_K: each 32 bytes hold four runs of 32 weights.
#[inline(always)]
fn two_bits<I: Instructions>(packed: &[u8; 64], q: &mut [u8; 256]) {
    for (run, q) in q.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        I::put(q, part(packed, 32 * (run / 4)), 2 * (run % 4), 3);
    }
}

/// The 6-bit scales and minima of Q4_K and Q5_K, packed into 12 bytes after the two half-precision factors.
#[inline(always)]
fn k_scales<I: Instructions>(block: &[u8; 16], scale: &mut [f32; 8], min: &mut [f32; 8]) {
    let (d, d_min) = (half_at::<I>(block, 0), half_at::<I>(block, 2));
    let packed: &[u8; 12] = part(block, 4);
    for group in 0..4 {
        scale[group] = d * f32::from(packed[group] & 63);
        min[group] = d_min * f32::from(packed[group + 4] & 63);
        scale[group + 4] = d * f32::from((packed[group + 8] & 15) | ((packed[group] >> 6) << 4));
        min[group + 4] = d_min * f32::from((packed[group + 8] >> 4) | ((packed[group + 4] >> 6) << 4));
    }
}
