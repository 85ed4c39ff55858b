//! Dot products of a few unpacked weight rows with one activation row.
//!
//! The order of the floating-point operations for a pair of rows is fixed by the row length alone; that is what makes
//! the matrix product batch-invariant.

use super::Isa;

/// Weight rows that a kernel call works on.
pub(super) const ROWS: usize = 4;

/// Activations of one row, quantized to 8 bits in groups of 32: `x = scale * q`.
pub(super) struct QuantizedActivations {
    /// One signed byte an activation, -127 to 127.
    pub(super) q: Vec<i8>,
    /// One scale a group of 32.
    pub(super) scale: Vec<f32>,
    /// `scale` times the sum of `q`, over each group of 16; with zeros up to [`padded`] groups.
    pub(super) sum16: Vec<f32>,
    /// The same over each group of 32.
    pub(super) sum32: Vec<f32>,
}

/// The length of rows of minima and sums: whole vectors, the last filled up with zeros.
pub(super) fn padded(groups: usize) -> usize {
    groups.next_multiple_of(8)
}

impl QuantizedActivations {
    /// Quantizes a row whose length is a multiple of 32. A row with a number that is not finite gives scales that are
    /// not finite, so that the fault shows in the result.
    pub(super) fn new(isa: Isa, x: &[f32]) -> Self {
        let groups = x.len() / 32;
        let mut row = Self {
            q: vec![0; x.len()],
            scale: vec![0.0; groups],
            sum16: vec![0.0; padded(2 * groups)],
            sum32: vec![0.0; padded(groups)],
        };
        match isa {
            Isa::Portable => row.fill(x),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: `Isa::Avx2` exists only where the processor has AVX2 and FMA.
            Isa::Avx2 => unsafe { row.fill_avx2(x) },
        }
        row
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn fill_avx2(&mut self, x: &[f32]) {
        self.fill(x);
    }

    #[inline(always)]
    fn fill(&mut self, x: &[f32]) {
        for (group, (x, q)) in x
            .as_chunks::<32>()
            .0
            .iter()
            .zip(self.q.as_chunks_mut::<32>().0)
            .enumerate()
        {
            // The bits of absolute values order as the values do, with NaN above infinity.
            let largest = f32::from_bits(x.iter().fold(0, |largest, x| largest.max(x.abs().to_bits())));
            let scale = largest / 127.0;
            let inverse = if scale > 0.0 { 1.0 / scale } else { 0.0 };
            for (q, x) in q.iter_mut().zip(x) {
                // At most 127 where the scale is a number; where it is not, any byte will do.
                *q = (x * inverse).round_ties_even() as i32 as i8;
            }
            let (low, high) = q.split_at(16);
            let low = low.iter().map(|&q| i32::from(q)).sum::<i32>() as f32;
            let high = high.iter().map(|&q| i32::from(q)).sum::<i32>() as f32;
            self.scale[group] = scale;
            self.sum16[2 * group] = scale * low;
            self.sum16[2 * group + 1] = scale * high;
            self.sum32[group] = scale * (low + high);
        }
    }
}

/// `ROWS` weight rows in unpacked form, one after the other.
pub(super) struct QuantizedRows<'a> {
    /// `ROWS` times the row length.
    pub(super) q: &'a [u8],
    /// `ROWS` times the number of groups.
    pub(super) scale: &'a [f32],
    /// `ROWS` times the [`padded`] number of groups.
    pub(super) min: &'a [f32],
    /// Weights in a group: 16 or 32.
    pub(super) group: usize,
    /// Whether `q` holds signed bytes and `min` zeros.
    pub(super) signed: bool,
}

/// The products of `ROWS` quantized weight rows with one activation row.
pub(super) fn quantized(isa: Isa, w: &QuantizedRows<'_>, x: &QuantizedActivations) -> [f32; ROWS] {
    let len = x.q.len();
    assert!(
        len.is_multiple_of(32)
            && w.q.len() == ROWS * len
            && w.scale.len() == ROWS * len / w.group
            && w.min.len() == ROWS * padded(len / w.group)
            && x.scale.len() == len / 32
            && x.sum16.len() == padded(len / 16)
            && x.sum32.len() == padded(len / 32),
        "operands of one length"
    );
    match isa {
        Isa::Portable => portable(w, x),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Isa::Avx2` exists only where the processor has AVX2 and FMA; the lengths were checked above.
        Isa::Avx2 => unsafe {
            match (w.group, w.signed) {
                (32, true) => avx2::quantized::<32, true>(w, x),
                (32, false) => avx2::quantized::<32, false>(w, x),
                (16, false) => avx2::quantized::<16, false>(w, x),
                _ => unreachable!("no format has groups of {} with signed = {}", w.group, w.signed),
            }
        },
    }
}

fn portable(w: &QuantizedRows<'_>, x: &QuantizedActivations) -> [f32; ROWS] {
    let (len, groups) = (x.q.len(), x.q.len() / w.group);
    std::array::from_fn(|row| {
        let q = &w.q[row * len..][..len];
        let mut sum = 0.0;
        for (group, (q, x_q)) in q.chunks_exact(w.group).zip(x.q.chunks_exact(w.group)).enumerate() {
            let product: i32 = if w.signed {
                q.iter()
                    .zip(x_q)
                    .map(|(&q, &x)| i32::from(q.cast_signed()) * i32::from(x))
                    .sum()
            } else {
                q.iter().zip(x_q).map(|(&q, &x)| i32::from(q) * i32::from(x)).sum()
            };
            sum += w.scale[row * groups + group] * x.scale[group * w.group / 32] * product as f32;
        }
        let sums = if w.group == 16 { &x.sum16 } else { &x.sum32 };
        let min = &w.min[row * sums.len()..][..sums.len()];
        sum - min.iter().zip(sums).map(|(min, sum)| min * sum).sum::<f32>()
    })
}

/// The products of `ROWS` rows of `f32` weights, one after the other, with one activation row.
pub(super) fn floats(isa: Isa, w: &[f32], x: &[f32]) -> [f32; ROWS] {
    assert_eq!(w.len(), ROWS * x.len(), "operands of one length");
    match isa {
        Isa::Portable => std::array::from_fn(|row| {
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
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `Isa::Avx2` exists only where the processor has AVX2 and FMA; the lengths were checked above.
        Isa::Avx2 => unsafe { avx2::floats(w, x) },
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod avx2 {
    use std::arch::x86_64::*;

    use super::{QuantizedActivations, QuantizedRows, ROWS};

    /// The sum of the eight lanes, in a fixed order.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    pub(in super::super) fn sum(v: __m256) -> f32 {
        let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
        let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
        _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)))
    }

    /// # Safety
    /// `GROUP` and `SIGNED` must be those of `w`, and the operands' lengths must agree as `super::quantized` checks.
    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn quantized<const GROUP: usize, const SIGNED: bool>(
        w: &QuantizedRows<'_>,
        x: &QuantizedActivations,
    ) -> [f32; ROWS] {
        let (len, blocks) = (x.q.len(), x.q.len() / 32);
        let groups = len / GROUP;
        let ones = _mm256_set1_epi16(1);
        let mut acc = [_mm256_setzero_ps(); ROWS];
        for block in 0..blocks {
            // SAFETY: block < len / 32, so 32 bytes from 32 * block lie within a row of each operand, and the scale of
            // the block's one or two groups within the scales.
            unsafe {
                let x_q = _mm256_loadu_si256(x.q.as_ptr().add(32 * block).cast());
                let x_scale = _mm256_broadcast_ss(x.scale.get_unchecked(block));
                for (row, acc) in acc.iter_mut().enumerate() {
                    let w_q = _mm256_loadu_si256(w.q.as_ptr().add(row * len + 32 * block).cast());
                    let pairs = if SIGNED {
                        // |w| is at most 128 and |x| at most 127, so that two products fit 16 bits.
                        _mm256_maddubs_epi16(_mm256_abs_epi8(w_q), _mm256_sign_epi8(x_q, w_q))
                    } else {
                        // Unsigned weights have at most 6 bits, so that two products fit 16 bits.
                        _mm256_maddubs_epi16(w_q, x_q)
                    };
                    let products = _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, ones));
                    let scales = w.scale.as_ptr().add(row * groups + block * (32 / GROUP));
                    let w_scale = if GROUP == 16 {
                        _mm256_set_m128(_mm_broadcast_ss(&*scales.add(1)), _mm_broadcast_ss(&*scales))
                    } else {
                        _mm256_broadcast_ss(&*scales)
                    };
                    *acc = _mm256_fmadd_ps(products, _mm256_mul_ps(w_scale, x_scale), *acc);
                }
            }
        }
        if !SIGNED {
            let sums = if GROUP == 16 { &x.sum16 } else { &x.sum32 };
            for (at, chunk) in sums.as_chunks::<8>().0.iter().enumerate() {
                // SAFETY: both rows are of the same padded length, whole eights.
                unsafe {
                    let x_sum = _mm256_loadu_ps(chunk.as_ptr());
                    for (row, acc) in acc.iter_mut().enumerate() {
                        let w_min = _mm256_loadu_ps(w.min.as_ptr().add(row * sums.len() + 8 * at));
                        *acc = _mm256_fnmadd_ps(w_min, x_sum, *acc);
                    }
                }
            }
        }
        let mut out = [0.0; ROWS];
        for (out, acc) in out.iter_mut().zip(acc) {
            *out = sum(acc);
        }
        out
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn floats(w: &[f32], x: &[f32]) -> [f32; ROWS] {
        let len = x.len();
        let mut acc = [_mm256_setzero_ps(); ROWS];
        let (chunks, rest) = x.as_chunks::<8>();
        for (at, x) in chunks.iter().enumerate() {
            for (row, acc) in acc.iter_mut().enumerate() {
                let w: &[f32; 8] = w[row * len + 8 * at..][..8].as_array().expect("eight weights");
                // SAFETY: both point to eight numbers.
                unsafe { *acc = _mm256_fmadd_ps(_mm256_loadu_ps(w.as_ptr()), _mm256_loadu_ps(x.as_ptr()), *acc) };
            }
        }
        let mut out = [0.0; ROWS];
        for (row, (out, acc)) in out.iter_mut().zip(acc).enumerate() {
            *out = sum(acc);
            let w_rest = &w[row * len + len - rest.len()..][..rest.len()];
            for (w, x) in w_rest.iter().zip(rest) {
                *out += w * x;
            }
        }
        out
    }
}
