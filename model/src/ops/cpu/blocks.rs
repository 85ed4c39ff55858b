//! The quantized formats, block by block: the bytes of a block as whole numbers with their scales. Portable.
//!
//! Block layouts are those of ggml's `block_*` structures. In a plain format 32 weights share a scale: a weight is
//! `scale * (q - offset)` or `scale * q + added`. In a K format 256 weights share two factors, and runs of 16 or 32 of
//! them a whole-numbered scale and minimum: a weight is `d * scale * q - d_min * min`. In the formats with IQ4 in their name
//! four bits are a place in a table of signed bytes; their runs of 32 have a scale each, so that they compute as Q8_0 does.

use half::f16;

use crate::container::Format;

/// How the weights of a format are scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scaling {
    /// Blocks of 32: `scale * (q - offset)`.
    Offset(i32),
    /// Blocks of 32: `scale * q + added`.
    Added,
    /// Blocks of 32 with signed bytes: `scale * q`. What the format stores together may be several of them.
    Signed,
    /// Blocks of 256 in runs of `run`. Where `offset`, `d_min` is `d` and the minimum a multiple of the scale.
    Super { run: usize, offset: bool },
}

impl Scaling {
    /// `None` for the float formats.
    pub(super) fn of(format: Format) -> Option<Self> {
        Some(match format {
            Format::F32 | Format::F16 | Format::BF16 => return None,
            Format::Q4_0 => Self::Offset(8),
            Format::Q5_0 => Self::Offset(16),
            Format::Q4_1 | Format::Q5_1 => Self::Added,
            Format::Q8_0 | Format::IQ4_NL | Format::IQ4_XS => Self::Signed,
            Format::Q2_K => Self::Super { run: 16, offset: false },
            Format::Q3_K | Format::Q6_K => Self::Super { run: 16, offset: true },
            Format::Q4_K | Format::Q5_K => Self::Super { run: 32, offset: false },
        })
    }

    /// Weights in a run, over which activations are summed.
    pub(super) fn run(self) -> usize {
        match self {
            Self::Super { run, .. } => run,
            _ => 32,
        }
    }

    /// Weights in a block, over which activations share a scale too.
    pub(super) fn block(self) -> usize {
        match self {
            Self::Super { .. } => 256,
            _ => 32,
        }
    }
}

/// A half-precision number of a block.
pub(super) fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// Reads a block of a plain format. Gives the scale, and what is added where the format stores that.
pub(super) fn plain(format: Format, block: &[u8], q: &mut [u8; 32]) -> (f32, f32) {
    let scale = half_at(block, 0);
    match format {
        Format::Q4_0 => nibbles(&block[2..], q),
        Format::Q4_1 => nibbles(&block[4..], q),
        Format::Q5_0 => {
            nibbles(&block[6..], q);
            fifth_bits(&block[2..6], q);
        }
        Format::Q5_1 => {
            nibbles(&block[8..], q);
            fifth_bits(&block[4..8], q);
        }
        Format::Q8_0 => q.copy_from_slice(&block[2..]),
        Format::IQ4_NL => {
            nibbles(&block[2..], q);
            look_up(q);
        }
        other => unreachable!("{} is no plain format", other.name()),
    }
    let added = match format {
        Format::Q4_1 | Format::Q5_1 => half_at(block, 2),
        _ => 0.0,
    };
    (scale, added)
}

/// What four bits stand for in IQ4_NL and IQ4_XS. Source: `kvalues_iq4nl` in ggml.
pub(super) const IQ4_VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// Puts what the places in [`IQ4_VALUES`] stand for in their place.
fn look_up(q: &mut [u8]) {
    for q in q {
        *q = IQ4_VALUES[usize::from(*q)].cast_unsigned();
    }
}

/// Reads a block of IQ4_XS: eight runs of 32 signed bytes, each with its scale. A scale is a half-precision number times one
/// of six bits less 32, which `f32` holds exactly.
pub(super) fn iq4_xs(block: &[u8], q: &mut [u8; 256]) -> [f32; 8] {
    let d = half_at(block, 0);
    let high = u16::from_le_bytes([block[2], block[3]]);
    for (run, q) in q.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        nibbles(&block[8 + 16 * run..], q);
        look_up(q);
    }
    std::array::from_fn(|run| {
        let low = (block[4 + run / 2] >> (4 * (run % 2))) & 15;
        let scale = i16::from(low) | ((high >> (2 * run)) & 3).cast_signed() << 4;
        d * f32::from(scale - 32)
    })
}

/// The whole-numbered scales and minima of the runs of a K block; the first 8 are used where runs are of 32.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Runs {
    pub(super) scale: [i16; 16],
    pub(super) min: [i16; 16],
}

/// Reads a block of a K format. Gives `d`, `d_min` and the runs' scales.
pub(super) fn superblock(format: Format, block: &[u8], q: &mut [u8; 256]) -> (f32, f32, Runs) {
    let (d, d_min, runs) = factors(format, block);
    let q = q.as_chunks_mut::<32>().0.iter_mut().enumerate();
    match format {
        Format::Q2_K => q.for_each(|(run, q)| put(q, &block[16 + 32 * (run / 4)..], 2 * (run % 4), 3)),
        Format::Q3_K => q.for_each(|(run, q)| {
            put(q, &block[32 + 32 * (run / 4)..], 2 * (run % 4), 3);
            add(q, block, run, 1, 2);
        }),
        Format::Q4_K => q.for_each(|(run, q)| put(q, &block[16 + 32 * (run / 2)..], 4 * (run % 2), 15)),
        Format::Q5_K => q.for_each(|(run, q)| {
            put(q, &block[48 + 32 * (run / 2)..], 4 * (run % 2), 15);
            add(q, &block[16..], run, 1, 4);
        }),
        Format::Q6_K => q.for_each(|(run, q)| {
            let (half, run) = (run / 4, run % 4);
            put(q, &block[64 * half + 32 * (run % 2)..], 4 * (run / 2), 15);
            add(q, &block[128 + 32 * half..], 2 * run, 3, 4);
        }),
        other => unreachable!("{} is no K format", other.name()),
    }
    (d, d_min, runs)
}

/// `d`, `d_min` and the runs' scales of a K block.
pub(super) fn factors(format: Format, block: &[u8]) -> (f32, f32, Runs) {
    let mut runs = Runs::default();
    let (d, d_min) = match format {
        Format::Q2_K => {
            for ((scale, min), packed) in runs.scale.iter_mut().zip(&mut runs.min).zip(block) {
                *scale = i16::from(packed & 15);
                *min = i16::from(packed >> 4);
            }
            (half_at(block, 80), half_at(block, 82))
        }
        Format::Q3_K => {
            let packed = &block[96..108];
            for run in 0..16 {
                let low = (packed[run % 8] >> (4 * (run / 8))) & 15;
                let high = (packed[8 + run % 4] >> (2 * (run / 4))) & 3;
                runs.scale[run] = i16::from(low | (high << 4)) - 32;
                runs.min[run] = 4 * runs.scale[run];
            }
            (half_at(block, 108), half_at(block, 108))
        }
        Format::Q4_K | Format::Q5_K => {
            let packed = &block[4..16];
            for run in 0..4 {
                runs.scale[run] = i16::from(packed[run] & 63);
                runs.min[run] = i16::from(packed[run + 4] & 63);
                runs.scale[run + 4] = i16::from((packed[run + 8] & 15) | ((packed[run] >> 6) << 4));
                runs.min[run + 4] = i16::from((packed[run + 8] >> 4) | ((packed[run + 4] >> 6) << 4));
            }
            (half_at(block, 0), half_at(block, 2))
        }
        Format::Q6_K => {
            for run in 0..16 {
                runs.scale[run] = i16::from(block[192 + run].cast_signed());
                runs.min[run] = 32 * runs.scale[run];
            }
            (half_at(block, 208), half_at(block, 208))
        }
        other => unreachable!("{} is no K format", other.name()),
    };
    (d, d_min, runs)
}

/// A row of any format as `f32` numbers.
pub(crate) fn dequantize(format: Format, bytes: &[u8], out: &mut [f32]) {
    let Some(scaling) = Scaling::of(format) else {
        return floats(format, bytes, out);
    };
    let blocks = bytes.chunks_exact(format.block_bytes());
    match scaling {
        Scaling::Signed if format == Format::IQ4_XS => {
            let mut q = [0; 256];
            for (block, out) in blocks.zip(out.as_chunks_mut::<256>().0) {
                let scales = iq4_xs(block, &mut q);
                for (at, (out, q)) in out.iter_mut().zip(q).enumerate() {
                    *out = scales[at / 32] * f32::from(q.cast_signed());
                }
            }
        }
        Scaling::Super { run: run_len, .. } => {
            let mut q = [0; 256];
            for (block, out) in blocks.zip(out.as_chunks_mut::<256>().0) {
                let (d, d_min, runs) = superblock(format, block, &mut q);
                for (at, (out, q)) in out.iter_mut().zip(q).enumerate() {
                    let (scale, min) = (runs.scale[at / run_len], runs.min[at / run_len]);
                    *out = d * f32::from(scale) * f32::from(q) - d_min * f32::from(min);
                }
            }
        }
        Scaling::Offset(_) | Scaling::Added | Scaling::Signed => {
            let mut q = [0; 32];
            for (block, out) in blocks.zip(out.as_chunks_mut::<32>().0) {
                let (scale, added) = plain(format, block, &mut q);
                for (out, q) in out.iter_mut().zip(q) {
                    *out = match scaling {
                        Scaling::Signed => scale * f32::from(q.cast_signed()),
                        Scaling::Offset(offset) => scale * (i32::from(q) - offset) as f32,
                        _ => scale * f32::from(q) + added,
                    };
                }
            }
        }
    }
}

fn floats(format: Format, bytes: &[u8], out: &mut [f32]) {
    match format {
        Format::F32 => {
            for (out, &bits) in out.iter_mut().zip(bytes.as_chunks().0) {
                *out = f32::from_le_bytes(bits);
            }
        }
        Format::F16 => {
            for (out, &bits) in out.iter_mut().zip(bytes.as_chunks().0) {
                *out = f16::from_le_bytes(bits).to_f32();
            }
        }
        _ => {
            for (out, &bits) in out.iter_mut().zip(bytes.as_chunks().0) {
                *out = f32::from_bits(u32::from(u16::from_le_bytes(bits)) << 16);
            }
        }
    }
}

/// Low nibbles are the first half of the block, high nibbles the second.
fn nibbles(packed: &[u8], q: &mut [u8; 32]) {
    let (low, high) = q.split_at_mut(16);
    for ((low, high), packed) in low.iter_mut().zip(high).zip(packed) {
        *low = packed & 15;
        *high = packed >> 4;
    }
}

/// Adds the fifth bit of each weight, stored as a little-endian 32-bit field.
fn fifth_bits(bits: &[u8], q: &mut [u8; 32]) {
    for (at, q) in q.iter_mut().enumerate() {
        *q |= ((bits[at / 8] >> (at % 8)) & 1) << 4;
    }
}

/// `q = (packed >> right) & mask`, byte by byte.
fn put(q: &mut [u8; 32], packed: &[u8], right: usize, mask: u8) {
    for (q, packed) in q.iter_mut().zip(packed) {
        *q = (packed >> right) & mask;
    }
}

/// `q |= ((packed >> right) & mask) << left`, byte by byte.
fn add(q: &mut [u8; 32], packed: &[u8], right: usize, mask: u8, left: usize) {
    for (q, packed) in q.iter_mut().zip(packed) {
        *q |= ((packed >> right) & mask) << left;
    }
}
