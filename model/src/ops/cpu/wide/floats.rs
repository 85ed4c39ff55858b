//! Products of `f32` numbers.

use super::super::simd;

/// The products of four rows of weights, one after the other, with one activation row.
///
/// # Safety
/// Needs the instruction set.
#[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2,fma,f16c"))]
pub(in super::super) unsafe fn floats(w: &[f32], x: &[f32]) -> [f32; 4] {
    let len = x.len();
    let (chunks, rest) = x.as_chunks::<8>();
    let mut out = [0.0; 4];
    // SAFETY: every pointer comes from a reference to eight numbers; the instruction set is the caller's promise.
    unsafe {
        let mut acc = [simd::zero_floats(); 4];
        for (at, x) in chunks.iter().enumerate() {
            for (row, acc) in acc.iter_mut().enumerate() {
                let w: &[f32; 8] = w[row * len + 8 * at..][..8].as_array().expect("eight weights");
                *acc = simd::mul_add(simd::load_floats(w.as_ptr()), simd::load_floats(x.as_ptr()), *acc);
            }
        }
        for (out, acc) in out.iter_mut().zip(acc) {
            *out = simd::sum(acc);
        }
    }
    for (row, out) in out.iter_mut().enumerate() {
        let w_rest = &w[row * len + len - rest.len()..][..rest.len()];
        for (w, x) in w_rest.iter().zip(rest) {
            *out += w * x;
        }
    }
    out
}
