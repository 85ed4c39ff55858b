//! Products of `f32` numbers.

use std::arch::x86_64::*;

/// The sum of the eight lanes, in a fixed order.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(in super::super) fn sum(v: __m256) -> f32 {
    let v = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps::<1>(v));
    let v = _mm_add_ps(v, _mm_movehl_ps(v, v));
    _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)))
}

/// The products of four rows of weights, one after the other, with one activation row.
#[target_feature(enable = "avx2,fma")]
pub(in super::super) fn floats(w: &[f32], x: &[f32]) -> [f32; 4] {
    let len = x.len();
    let mut acc = [_mm256_setzero_ps(); 4];
    let (chunks, rest) = x.as_chunks::<8>();
    for (at, x) in chunks.iter().enumerate() {
        for (row, acc) in acc.iter_mut().enumerate() {
            let w: &[f32; 8] = w[row * len + 8 * at..][..8].as_array().expect("eight weights");
            // SAFETY: both point to eight numbers.
            unsafe { *acc = _mm256_fmadd_ps(_mm256_loadu_ps(w.as_ptr()), _mm256_loadu_ps(x.as_ptr()), *acc) };
        }
    }
    let mut out = [0.0; 4];
    for (row, (out, acc)) in out.iter_mut().zip(acc).enumerate() {
        *out = sum(acc);
        let w_rest = &w[row * len + len - rest.len()..][..rest.len()];
        for (w, x) in w_rest.iter().zip(rest) {
            *out += w * x;
        }
    }
    out
}
