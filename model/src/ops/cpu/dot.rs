//! Products of weight rows, eight at a time, with activation rows: [`gemm`] with many, from packed rows, and [`gemv`] with a
//! few, from the rows as they are stored.
//!
//! The arithmetic for a weight row and an activation row is fixed: within a block all sums are whole numbers and exact;
//! then one fused multiply-add a block, and one for its minimum, in the order of the blocks. It is the same however
//! many activation rows are computed together and wherever the columns are cut into chunks, which is what makes the
//! matrix product batch-invariant. All forms give the same bits.

use super::activations::Activations;
use super::blocks::Scaling;
use super::packed::{CHUNK, PackedRows, ROWS, Stored};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::wide;
use super::{InstructionSet, Isa};
use crate::container::Format;

/// The same columns of 16 packed weight rows, in two eights, and the activation rows that they meet.
pub(super) struct Operands<'a> {
    pub(super) format: Format,
    pub(super) packed: [&'a PackedRows; 2],
    pub(super) x: &'a Activations,
    /// Where the packed columns begin.
    pub(super) column: usize,
    /// How many they are.
    pub(super) cols: usize,
}

impl Operands<'_> {
    /// Whether there are as many columns, whole blocks of the format, in the packed rows and in so many
    /// activation rows. The kernels rely on it and check no access.
    fn fit(&self, rows: usize) -> bool {
        let Self { x, column, cols, .. } = *self;
        Scaling::of(self.format).is_some_and(|scaling| x.hold(rows, scaling))
            && column.is_multiple_of(x.group)
            && cols.is_multiple_of(x.group)
            && column <= x.cols
            && cols <= CHUNK.min(x.cols - column)
    }
}

/// Adds to the sums of each eight packed rows, a vector for each of the first activation rows, their products.
pub(super) fn gemm(isa: Isa, operands: &Operands<'_>, sums: [&mut [[f32; ROWS]]; 2]) {
    assert!(
        operands.fit(sums[0].len()) && sums[0].len() == sums[1].len(),
        "packed rows and activations that fit"
    );
    match isa.set() {
        InstructionSet::Portable => portable(operands, sums),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Isa::available` gives this set only where the processor says that it has it; that the operands fit is
        // asserted above.
        InstructionSet::Avx2 => unsafe { wide::gemm::<wide::Maddubs>(operands, sums) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Isa::available` gives this set only where the processor says that it has it; that the operands fit is
        // asserted above.
        InstructionSet::AvxVnni => unsafe { wide::gemm::<wide::Vnni<wide::Vex>>(operands, sums) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Isa::available` gives this set only where the processor says that it has it; that the operands fit is
        // asserted above.
        InstructionSet::Avx512 => unsafe { wide::gemm_avx512::gemm_maddubs(operands, sums) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Isa::available` gives this set only where the processor says that it has it; that the operands fit is
        // asserted above.
        InstructionSet::Avx512Vnni => unsafe { wide::gemm_avx512::gemm_vnni(operands, sums) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: `Isa::available` gives this set only where the processor says that it has it; that the operands fit is
        // asserted above.
        InstructionSet::Neon => unsafe { wide::gemm::<wide::Widening>(operands, sums) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: `Isa::available` gives this set only where the processor says that it has it; that the operands fit is
        // asserted above.
        InstructionSet::NeonDot => unsafe { wide::gemm::<wide::Sdot>(operands, sums) },
    }
}

/// Whether [`gemv`] has a form for a format and so many activation rows.
pub(super) fn has_gemv(isa: Isa, format: Format, rows: usize) -> bool {
    use Format::{IQ4_NL, IQ4_XS, Q4_0, Q4_K, Q5_0, Q5_K, Q6_K, Q8_0};
    let has_form = matches!(format, Q4_0 | Q5_0 | Q8_0 | Q4_K | Q5_K | Q6_K | IQ4_NL | IQ4_XS);
    isa != Isa::PORTABLE && rows <= 8 && has_form
}

/// Adds the products of eight whole stored rows with a few activation rows to `sums`, without packing them first.
/// [`has_gemv`] must have said so. The results are those of [`gemm`] bit for bit. `packed` is for working in.
pub(super) fn gemv(
    isa: Isa,
    format: Format,
    stored: Stored<'_>,
    packed: &mut PackedRows,
    x: &Activations,
    sums: &mut [[f32; ROWS]],
) {
    let scaling = Scaling::of(format).expect("a quantized format");
    assert!(
        stored.is_whole(format) && stored.blocks * format.block_len() == x.cols && x.hold(sums.len(), scaling),
        "rows and activations that fit"
    );
    match isa.set() {
        InstructionSet::Portable => unreachable!("plain code has no such form"),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Isa::available` gives this set only where the processor says that it has it; that rows and activations fit
        // is asserted above.
        InstructionSet::Avx2 | InstructionSet::Avx512 => unsafe {
            wide::gemv::<wide::Maddubs>(format, stored, packed, x, sums)
        },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Isa::available` gives this set only where the processor says that it has it; that rows and activations fit
        // is asserted above.
        InstructionSet::AvxVnni => unsafe { wide::gemv::<wide::Vnni<wide::Vex>>(format, stored, packed, x, sums) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Isa::available` gives this set only where the processor says that it has it; that rows and activations fit
        // is asserted above.
        InstructionSet::Avx512Vnni => unsafe { wide::gemv_avx512_vnni(format, stored, packed, x, sums) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: `Isa::available` gives this set only where the processor says that it has it; that rows and activations fit
        // is asserted above.
        InstructionSet::Neon => unsafe { wide::gemv::<wide::Widening>(format, stored, packed, x, sums) },
        #[cfg(target_arch = "aarch64")]
        // SAFETY: `Isa::available` gives this set only where the processor says that it has it; that rows and activations fit
        // is asserted above.
        InstructionSet::NeonDot => unsafe { wide::gemv::<wide::Sdot>(format, stored, packed, x, sums) },
    }
}

fn portable(operands: &Operands<'_>, sums: [&mut [[f32; ROWS]]; 2]) {
    for (packed, sums) in operands.packed.into_iter().zip(sums) {
        portable_rows(operands, packed, sums);
    }
}

fn portable_rows(operands: &Operands<'_>, packed: &PackedRows, sums: &mut [[f32; ROWS]]) {
    let Operands {
        format,
        x,
        column,
        cols,
        ..
    } = *operands;
    let scaling = Scaling::of(format).expect("a quantized format");
    let products = if scaling == Scaling::Signed {
        products::<true>
    } else {
        products::<false>
    };
    for (at, sums) in sums.iter_mut().enumerate() {
        let from = at * x.cols + column;
        for block in 0..cols / x.group {
            let begin = from + block * x.group;
            let (q, scale) = (&x.q[begin..][..x.group], x.scale[begin / x.group]);
            let run_sums = &x.sum[begin / x.run..][..x.group / x.run];
            let weights = &packed.q[ROWS * block * x.group..][..ROWS * x.group];
            let (w_scale, w_min) = (&packed.scale[block], &packed.min[block]);
            let mut add = |products: [i32; ROWS], factors: &[f32; ROWS]| {
                for (row, total) in sums.iter_mut().enumerate() {
                    *total = (products[row] as f32).mul_add(factors[row] * scale, *total);
                }
            };
            match scaling {
                Scaling::Offset(offset) => {
                    let raised = offset * i32::from(run_sums[0]);
                    add(products(weights, q).map(|product| product - raised), w_scale);
                }
                Scaling::Signed => add(products(weights, q), w_scale),
                Scaling::Added => {
                    add(products(weights, q), w_scale);
                    add([i32::from(run_sums[0]); ROWS], w_min);
                }
                Scaling::Super { run, offset } => {
                    let (mut whole, mut minima) = ([0; ROWS], [0; ROWS]);
                    for (at, run_sum) in run_sums.iter().enumerate() {
                        let index = block * run_sums.len() + at;
                        let found = products(&weights[ROWS * at * run..][..ROWS * run], &q[at * run..][..run]);
                        for row in 0..ROWS {
                            whole[row] += i32::from(packed.run_scale[index][row][0]) * found[row];
                            minima[row] += i32::from(packed.run_min[index / 2][row][index % 2]) * i32::from(*run_sum);
                        }
                    }
                    if offset {
                        add(std::array::from_fn(|row| whole[row] - minima[row]), w_scale);
                    } else {
                        add(whole, w_scale);
                        add(minima.map(|minimum| -minimum), w_min);
                    }
                }
            }
        }
    }
}

/// The products of some columns of eight rows, as they are packed, with those of an activation row.
fn products<const SIGNED: bool>(weights: &[u8], x: &[i8]) -> [i32; ROWS] {
    let mut sums = [0; ROWS];
    for (broadcast_four, x) in weights.as_chunks::<{ 4 * ROWS }>().0.iter().zip(x.as_chunks::<4>().0) {
        for row in 0..ROWS {
            for at in 0..4 {
                let weight = broadcast_four[4 * row + at];
                let weight = if SIGNED {
                    i16::from(weight.cast_signed())
                } else {
                    i16::from(weight)
                };
                sums[row] += i32::from(weight * i16::from(x[at]));
            }
        }
    }
    sums
}

/// The products of four rows of `f32` weights, one after the other, with one activation row.
pub(super) fn floats(isa: Isa, w: &[f32], x: &[f32]) -> [f32; 4] {
    assert_eq!(w.len(), 4 * x.len(), "operands of one length");
    match isa.set() {
        InstructionSet::Portable => std::array::from_fn(|row| {
            let mut lanes = [0.0; 8];
            let w = &w[row * x.len()..][..x.len()];
            let (w_chunks, w_rest) = w.as_chunks::<8>();
            let (x_chunks, x_rest) = x.as_chunks::<8>();
            for (w, x) in w_chunks.iter().zip(x_chunks) {
                for lane in 0..8 {
                    lanes[lane] += w[lane] * x[lane];
                }
            }
            lanes.iter().sum::<f32>() + w_rest.iter().zip(x_rest).map(|(w, x)| w * x).sum::<f32>()
        }),
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        // SAFETY: `Isa::available` gives all others only where the processor says that it has the instruction set of `simd`.
        _ => unsafe { wide::floats(w, x) },
    }
}
