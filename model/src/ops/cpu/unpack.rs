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
        Isa::Portable => quantized_generic::<SoftHalf>(format, bytes, row),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Isa::Avx2` exists only where the processor has AVX2, FMA and F16C.
        Isa::Avx2 => unsafe { quantized_avx2(format, bytes, row) },
    }
}

/// Unpacks a row of any format to `f32`.
pub(super) fn floats(isa: Isa, format: Format, bytes: &[u8], row: &mut [f32]) {
    match isa {
        Isa::Portable => floats_generic::<SoftHalf>(format, bytes, row),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx2 => unsafe { floats_avx2(format, bytes, row) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn quantized_avx2(format: Format, bytes: &[u8], row: QuantRow<'_>) {
    quantized_generic::<HardHalf>(format, bytes, row);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn floats_avx2(format: Format, bytes: &[u8], row: &mut [f32]) {
    floats_generic::<HardHalf>(format, bytes, row);
}

/// How a half-precision number is widened.
trait Half {
    fn widen(bits: u16) -> f32;
}

struct SoftHalf;

impl Half for SoftHalf {
    #[inline(always)]
    fn widen(bits: u16) -> f32 {
        half::f16::from_bits(bits).to_f32()
    }
}

#[cfg(target_arch = "x86_64")]
struct HardHalf;

#[cfg(target_arch = "x86_64")]
impl Half for HardHalf {
    #[inline(always)]
    fn widen(bits: u16) -> f32 {
        use std::arch::x86_64::{_mm_cvtph_ps, _mm_cvtsi32_si128, _mm_cvtss_f32};
        // SAFETY: reached only from the functions above that enable F16C.
        unsafe { _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits)))) }
    }
}

#[inline(always)]
fn half_at<H: Half>(block: &[u8], at: usize) -> f32 {
    H::widen(u16::from_le_bytes([block[at], block[at + 1]]))
}

#[inline(always)]
fn floats_generic<H: Half>(format: Format, bytes: &[u8], row: &mut [f32]) {
    match format {
        Format::F32 => {
            for (out, &bits) in row.iter_mut().zip(bytes.as_chunks().0) {
                *out = f32::from_le_bytes(bits);
            }
        }
        Format::F16 => {
            for (out, &bits) in row.iter_mut().zip(bytes.as_chunks().0) {
                *out = H::widen(u16::from_le_bytes(bits));
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
            quantized_generic::<H>(format, bytes, unpacked);
            for (group, out) in row.chunks_exact_mut(grouping.len).enumerate() {
                for (out, &q) in out.iter_mut().zip(&q[group * grouping.len..]) {
                    let q = if grouping.signed { f32::from(q.cast_signed()) } else { f32::from(q) };
                    *out = scale[group] * q - min[group];
                }
            }
        }
    }
}

#[inline(always)]
fn quantized_generic<H: Half>(format: Format, bytes: &[u8], row: QuantRow<'_>) {
    match format {
        Format::Q4_0 => simple::<18>(bytes, row, |block, q| {
            nibbles(block[2..].as_array().expect("16 bytes"), q);
            (half_at::<H>(block, 0), Minimum::Offset(8.0))
        }),
        Format::Q4_1 => simple::<20>(bytes, row, |block, q| {
            nibbles(block[4..].as_array().expect("16 bytes"), q);
            (half_at::<H>(block, 0), Minimum::Added(half_at::<H>(block, 2)))
        }),
        Format::Q5_0 => simple::<22>(bytes, row, |block, q| {
            nibbles(block[6..].as_array().expect("16 bytes"), q);
            fifth_bits([block[2], block[3], block[4], block[5]], q);
            (half_at::<H>(block, 0), Minimum::Offset(16.0))
        }),
        Format::Q5_1 => simple::<24>(bytes, row, |block, q| {
            nibbles(block[8..].as_array().expect("16 bytes"), q);
            fifth_bits([block[4], block[5], block[6], block[7]], q);
            (half_at::<H>(block, 0), Minimum::Added(half_at::<H>(block, 2)))
        }),
        Format::Q8_0 => simple::<34>(bytes, row, |block, q| {
            q.copy_from_slice(&block[2..]);
            (half_at::<H>(block, 0), Minimum::Offset(0.0))
        }),
        Format::Q2_K => superblocks::<84, 16>(bytes, row, |block, q, scale, min| {
            let (d, d_min) = (half_at::<H>(block, 80), half_at::<H>(block, 82));
            two_bits(block[16..80].as_array().expect("64 bytes"), q);
            for group in 0..16 {
                scale[group] = d * f32::from(block[group] & 15);
                min[group] = d_min * f32::from(block[group] >> 4);
            }
        }),
        Format::Q3_K => superblocks::<110, 16>(bytes, row, |block, q, scale, min| {
            let d = half_at::<H>(block, 108);
            two_bits(block[32..96].as_array().expect("64 bytes"), q);
            for (part, q) in q.as_chunks_mut::<32>().0.iter_mut().enumerate() {
                for (q, high) in q.iter_mut().zip(&block[..32]) {
                    *q |= ((high >> part) & 1) << 2;
                }
            }
            let packed = &block[96..108];
            for group in 0..16 {
                let low = (packed[group % 8] >> (4 * (group / 8))) & 15;
                let high = (packed[8 + group % 4] >> (2 * (group / 4))) & 3;
                scale[group] = d * (f32::from(low | (high << 4)) - 32.0);
                min[group] = 4.0 * scale[group];
            }
        }),
        Format::Q4_K => superblocks::<144, 8>(bytes, row, |block, q, scale, min| {
            k_scales::<H>(block, scale, min);
            for (pair, q) in q.as_chunks_mut::<64>().0.iter_mut().enumerate() {
                let (low, high) = q.split_at_mut(32);
                for ((low, high), byte) in low.iter_mut().zip(high).zip(&block[16 + 32 * pair..]) {
                    *low = byte & 15;
                    *high = byte >> 4;
                }
            }
        }),
        Format::Q5_K => superblocks::<176, 8>(bytes, row, |block, q, scale, min| {
            k_scales::<H>(block, scale, min);
            let high_bits: &[u8; 32] = block[16..48].as_array().expect("32 bytes");
            for (pair, q) in q.as_chunks_mut::<64>().0.iter_mut().enumerate() {
                let nibbles: &[u8; 32] = block[48 + 32 * pair..][..32].as_array().expect("32 bytes");
                for at in 0..32 {
                    q[at] = (nibbles[at] & 15) | (((high_bits[at] >> (2 * pair)) & 1) << 4);
                    q[at + 32] = (nibbles[at] >> 4) | (((high_bits[at] >> (2 * pair + 1)) & 1) << 4);
                }
            }
        }),
        Format::Q6_K => superblocks::<210, 16>(bytes, row, |block, q, scale, min| {
            let d = half_at::<H>(block, 208);
            for (half, q) in q.as_chunks_mut::<128>().0.iter_mut().enumerate() {
                let low: &[u8; 64] = block[64 * half..][..64].as_array().expect("64 bytes");
                let high: &[u8; 32] = block[128 + 32 * half..][..32].as_array().expect("32 bytes");
                for at in 0..32 {
                    q[at] = (low[at] & 15) | ((high[at] & 3) << 4);
                    q[at + 32] = (low[at + 32] & 15) | (((high[at] >> 2) & 3) << 4);
                    q[at + 64] = (low[at] >> 4) | (((high[at] >> 4) & 3) << 4);
                    q[at + 96] = (low[at + 32] >> 4) | ((high[at] >> 6) << 4);
                }
            }
            for group in 0..16 {
                scale[group] = d * f32::from(block[192 + group].cast_signed());
                min[group] = 32.0 * scale[group];
            }
        }),
        Format::F32 | Format::F16 | Format::BF16 => unreachable!("float formats have no groups"),
    }
}

/// What is added to `scale * q` in a simple format.
enum Minimum {
    /// The format stores `q` plus this.
    Offset(f32),
    /// The block stores this to be added.
    Added(f32),
}

/// The formats with 32 weights a block and one scale.
#[inline(always)]
fn simple<const BYTES: usize>(
    bytes: &[u8],
    row: QuantRow<'_>,
    unpack: impl Fn(&[u8; BYTES], &mut [u8; 32]) -> (f32, Minimum),
) {
    let blocks = bytes.as_chunks::<BYTES>().0.iter().zip(row.q.as_chunks_mut::<32>().0);
    for ((block, q), (scale, min)) in blocks.zip(row.scale.iter_mut().zip(row.min)) {
        let (block_scale, minimum) = unpack(block, q);
        *scale = block_scale;
        *min = match minimum {
            Minimum::Offset(offset) => offset * block_scale,
            Minimum::Added(added) => -added,
        };
    }
}

/// The K formats: 256 weights a block in `GROUPS` groups.
#[inline(always)]
fn superblocks<const BYTES: usize, const GROUPS: usize>(
    bytes: &[u8],
    row: QuantRow<'_>,
    unpack: impl Fn(&[u8; BYTES], &mut [u8; 256], &mut [f32; GROUPS], &mut [f32; GROUPS]),
) {
    let blocks = bytes.as_chunks::<BYTES>().0.iter().zip(row.q.as_chunks_mut::<256>().0);
    let groups = row.scale.as_chunks_mut::<GROUPS>().0.iter_mut().zip(row.min.as_chunks_mut::<GROUPS>().0);
    for ((block, q), (scale, min)) in blocks.zip(groups) {
        unpack(block, q, scale, min);
    }
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
    for (at, q) in q.iter_mut().enumerate() {
        *q |= ((bits[at / 8] >> (at % 8)) & 1) << 4;
    }
}

/// The two-bit fields of Q2_K and Q3_K: each 32 bytes hold four runs of 32 weights.
#[inline(always)]
fn two_bits(packed: &[u8; 64], q: &mut [u8; 256]) {
    for (part, q) in q.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        for (q, byte) in q.iter_mut().zip(&packed[32 * (part / 4)..]) {
            *q = (byte >> (2 * (part % 4))) & 3;
        }
    }
}

/// The 6-bit scales and minima of Q4_K and Q5_K, packed into 12 bytes after the two half-precision factors.
#[inline(always)]
fn k_scales<H: Half>(block: &[u8], scale: &mut [f32; 8], min: &mut [f32; 8]) {
    let (d, d_min) = (half_at::<H>(block, 0), half_at::<H>(block, 2));
    let packed: &[u8; 12] = block[4..16].as_array().expect("12 bytes");
    for group in 0..4 {
        scale[group] = d * f32::from(packed[group] & 63);
        min[group] = d_min * f32::from(packed[group + 4] & 63);
        scale[group + 4] = d * f32::from((packed[group + 8] & 15) | ((packed[group] >> 6) << 4));
        min[group + 4] = d_min * f32::from((packed[group + 8] >> 4) | ((packed[group + 4] >> 6) << 4));
    }
}
