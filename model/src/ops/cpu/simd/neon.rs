//! NEON, which every aarch64 processor has: a vector is two registers. See the parent module for what callers owe.
//!
//! Two instructions have no stable intrinsic yet and stand here as assembly: `prfm`, and `sdot` in
//! `wide/products/neon.rs`.

use std::arch::aarch64::*;
use std::arch::asm;

use half::f16;

/// Whole numbers: 32 bytes, 16 of two bytes or eight of four.
pub(in crate::ops::cpu) type Ints = int32x4x2_t;
/// Eight `f32` numbers.
pub(in crate::ops::cpu) type Floats = float32x4x2_t;

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn zero_ints() -> Ints {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe { int32x4x2_t(vdupq_n_s32(0), vdupq_n_s32(0)) }
}

/// A number of four bytes in every lane.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn all_ints(number: i32) -> Ints {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe { int32x4x2_t(vdupq_n_s32(number), vdupq_n_s32(number)) }
}

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn load_ints<T>(from: *const T) -> Ints {
    // SAFETY: the caller promises 32 bytes; every aarch64 processor has NEON. They are loaded as bytes, which may lie anywhere.
    unsafe {
        int32x4x2_t(
            vreinterpretq_s32_u8(vld1q_u8(from.cast())),
            vreinterpretq_s32_u8(vld1q_u8(from.cast::<u8>().add(16))),
        )
    }
}

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn store_ints<T>(to: *mut T, v: Ints) {
    // SAFETY: the caller promises room for 32 bytes; every aarch64 processor has NEON.
    unsafe {
        vst1q_u8(to.cast(), vreinterpretq_u8_s32(v.0));
        vst1q_u8(to.cast::<u8>().add(16), vreinterpretq_u8_s32(v.1));
    }
}

/// Sums of numbers of four bytes.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn add(a: Ints, b: Ints) -> Ints {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe { int32x4x2_t(vaddq_s32(a.0, b.0), vaddq_s32(a.1, b.1)) }
}

/// Differences of numbers of four bytes.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn sub(a: Ints, b: Ints) -> Ints {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe { int32x4x2_t(vsubq_s32(a.0, b.0), vsubq_s32(a.1, b.1)) }
}

/// Products of numbers of two bytes, added two by two to numbers of four.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn pair_products(a: Ints, b: Ints) -> Ints {
    int32x4x2_t(half_pair_products(a.0, b.0), half_pair_products(a.1, b.1))
}

#[inline(always)]
fn half_pair_products(a: int32x4_t, b: int32x4_t) -> int32x4_t {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe {
        let (a, b) = (vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b));
        vpaddq_s32(vmull_s16(vget_low_s16(a), vget_low_s16(b)), vmull_high_s16(a, b))
    }
}

/// Numbers of four bytes, rounded to `f32`.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn to_floats(v: Ints) -> Floats {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe { float32x4x2_t(vcvtq_f32_s32(v.0), vcvtq_f32_s32(v.1)) }
}

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn or(a: Ints, b: Ints) -> Ints {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe { int32x4x2_t(vorrq_s32(a.0, b.0), vorrq_s32(a.1, b.1)) }
}

/// Every byte `& mask`.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn masked(v: Ints, mask: i8) -> Ints {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe {
        let mask = vreinterpretq_s32_s8(vdupq_n_s8(mask));
        int32x4x2_t(vandq_s32(v.0, mask), vandq_s32(v.1, mask))
    }
}

/// Every number of four bytes `>> by`, as an unsigned one.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn shifted_right(v: Ints, by: usize) -> Ints {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe {
        let by = vdupq_n_s32(-(by as i32));
        let (low, high) = (vreinterpretq_u32_s32(v.0), vreinterpretq_u32_s32(v.1));
        int32x4x2_t(
            vreinterpretq_s32_u32(vshlq_u32(low, by)),
            vreinterpretq_s32_u32(vshlq_u32(high, by)),
        )
    }
}

/// Every number of four bytes `>> by`, as a signed one.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn shifted_right_signed(v: Ints, by: usize) -> Ints {
    shifted(v, -(by as i32))
}

/// Every number of four bytes `<< by`.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn shifted_left(v: Ints, by: usize) -> Ints {
    shifted(v, by as i32)
}

#[inline(always)]
fn shifted(v: Ints, by: i32) -> Ints {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe { int32x4x2_t(vshlq_s32(v.0, vdupq_n_s32(by)), vshlq_s32(v.1, vdupq_n_s32(by))) }
}

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn and(a: Ints, b: Ints) -> Ints {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe { int32x4x2_t(vandq_s32(a.0, b.0), vandq_s32(a.1, b.1)) }
}

/// For each byte, which is below 16, what stands at its place in a table.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn looked_up(v: Ints, table: &[i8; 16]) -> Ints {
    // SAFETY: the table has the 16 bytes that are loaded, and every aarch64 processor has NEON.
    unsafe {
        let table = vld1q_s8(table.as_ptr());
        int32x4x2_t(
            vreinterpretq_s32_s8(vqtbl1q_s8(table, vreinterpretq_u8_s32(v.0))),
            vreinterpretq_s32_s8(vqtbl1q_s8(table, vreinterpretq_u8_s32(v.1))),
        )
    }
}

/// Four bytes at each of eight places.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn gather(rows: [*const u8; 8]) -> Ints {
    let mut dwords = [0_i32; 8];
    // SAFETY: the caller promises places of four bytes; every aarch64 processor has NEON.
    unsafe {
        for (dword, row) in dwords.iter_mut().zip(rows) {
            *dword = row.cast::<i32>().read_unaligned();
        }
        load_ints(dwords.as_ptr())
    }
}

/// The lower two bytes of each number of four as a half-precision number, widened.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn widen_halves(v: Ints) -> Floats {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe {
        let (low, high) = (vreinterpretq_u32_s32(v.0), vreinterpretq_u32_s32(v.1));
        let (low, high) = (
            vreinterpret_f16_u16(vmovn_u32(low)),
            vreinterpret_f16_u16(vmovn_u32(high)),
        );
        float32x4x2_t(vcvt_f32_f16(low), vcvt_f32_f16(high))
    }
}

/// 16 bytes at each of eight places: vector `i` holds bytes `4 i` to `4 i + 3` of each, in order.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn transpose(rows: [*const u8; 8]) -> [Ints; 4] {
    let [a, b, c, d, e, f, g, h] = rows;
    // SAFETY: the caller promises places of 16 bytes; every aarch64 processor has NEON.
    let (low, high) = unsafe { (transpose_half([a, b, c, d]), transpose_half([e, f, g, h])) };
    [
        int32x4x2_t(low[0], high[0]),
        int32x4x2_t(low[1], high[1]),
        int32x4x2_t(low[2], high[2]),
        int32x4x2_t(low[3], high[3]),
    ]
}

#[inline(always)]
unsafe fn transpose_half(rows: [*const u8; 4]) -> [int32x4_t; 4] {
    // SAFETY: the caller promises places of 16 bytes; every aarch64 processor has NEON.
    unsafe {
        let mut v = [vdupq_n_s32(0); 4];
        for (v, row) in v.iter_mut().zip(rows) {
            *v = vreinterpretq_s32_u8(vld1q_u8(row));
        }
        let a = vreinterpretq_s64_s32(vtrn1q_s32(v[0], v[1]));
        let b = vreinterpretq_s64_s32(vtrn2q_s32(v[0], v[1]));
        let c = vreinterpretq_s64_s32(vtrn1q_s32(v[2], v[3]));
        let d = vreinterpretq_s64_s32(vtrn2q_s32(v[2], v[3]));
        [
            vreinterpretq_s32_s64(vtrn1q_s64(a, c)),
            vreinterpretq_s32_s64(vtrn1q_s64(b, d)),
            vreinterpretq_s32_s64(vtrn2q_s64(a, c)),
            vreinterpretq_s32_s64(vtrn2q_s64(b, d)),
        ]
    }
}

/// The fifth bits of 32 columns, each as 16: vector `i` holds those of columns `4 i` to `4 i + 3` of each row. A lane of
/// `bits` has its row's 32 bits.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn fifth_bits(bits: Ints) -> [Ints; 8] {
    const ROWS: [u8; 16] = [0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12];
    // SAFETY: the 16 bytes that are loaded are those of `ROWS`; every aarch64 processor has NEON.
    unsafe {
        let rows = vld1q_u8(ROWS.as_ptr());
        let mut out = [zero_ints(); 8];
        // Within each row's four bytes, the columns 4 i to 4 i + 3 are the low or high half of byte i / 2.
        for (at, out) in out.iter_mut().enumerate() {
            let mask = vdupq_n_u32(if at % 2 == 0 { 0x0804_0201 } else { 0x8040_2010 });
            let byte = vaddq_u8(rows, vdupq_n_u8(at as u8 / 2));
            *out = int32x4x2_t(sixteens(bits.0, byte, mask), sixteens(bits.1, byte, mask));
        }
        out
    }
}

/// 16 where the byte that `byte` names has a bit of `mask`.
#[inline(always)]
fn sixteens(bits: int32x4_t, byte: uint8x16_t, mask: uint32x4_t) -> int32x4_t {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe {
        let spread = vqtbl1q_u8(vreinterpretq_u8_s32(bits), byte);
        let set = vtstq_u8(spread, vreinterpretq_u8_u32(mask));
        vreinterpretq_s32_u8(vandq_u8(set, vdupq_n_u8(16)))
    }
}

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn zero_floats() -> Floats {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe { float32x4x2_t(vdupq_n_f32(0.0), vdupq_n_f32(0.0)) }
}

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn all_floats(number: f32) -> Floats {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe { float32x4x2_t(vdupq_n_f32(number), vdupq_n_f32(number)) }
}

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn load_floats(from: *const f32) -> Floats {
    // SAFETY: the caller promises eight numbers; every aarch64 processor has NEON.
    unsafe { float32x4x2_t(vld1q_f32(from), vld1q_f32(from.add(4))) }
}

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn store_floats(to: *mut f32, v: Floats) {
    // SAFETY: the caller promises room for eight numbers; every aarch64 processor has NEON.
    unsafe {
        vst1q_f32(to, v.0);
        vst1q_f32(to.add(4), v.1);
    }
}

/// Eight half-precision numbers, widened.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn load_halves(from: *const f16) -> Floats {
    // SAFETY: the caller promises eight numbers; every aarch64 processor has NEON.
    unsafe {
        let bits = vreinterpretq_f16_u16(vld1q_u16(from.cast()));
        float32x4x2_t(vcvt_f32_f16(vget_low_f16(bits)), vcvt_high_f32_f16(bits))
    }
}

#[inline(always)]
pub(in crate::ops::cpu) unsafe fn mul(a: Floats, b: Floats) -> Floats {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe { float32x4x2_t(vmulq_f32(a.0, b.0), vmulq_f32(a.1, b.1)) }
}

/// `acc + a * b`, rounded once.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn mul_add(a: Floats, b: Floats, acc: Floats) -> Floats {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe { float32x4x2_t(vfmaq_f32(acc.0, a.0, b.0), vfmaq_f32(acc.1, a.1, b.1)) }
}

/// `acc - a * b`, rounded once.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn mul_sub(a: Floats, b: Floats, acc: Floats) -> Floats {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe { float32x4x2_t(vfmsq_f32(acc.0, a.0, b.0), vfmsq_f32(acc.1, a.1, b.1)) }
}

/// The sum of the lanes: halves, then quarters, then the last two.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn sum(v: Floats) -> f32 {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe {
        let v = vaddq_f32(v.0, v.1);
        vaddv_f32(vadd_f32(vget_low_f32(v), vget_high_f32(v)))
    }
}

/// The sums of the lanes of eight vectors, each as [`sum`] gives it.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn sums(v: [Floats; 8]) -> Floats {
    // SAFETY: no memory is read, and every aarch64 processor has NEON.
    unsafe {
        let mut pairs = [vdup_n_f32(0.0); 8];
        for (pair, v) in pairs.iter_mut().zip(v) {
            let v = vaddq_f32(v.0, v.1);
            *pair = vadd_f32(vget_low_f32(v), vget_high_f32(v));
        }
        let [a, b, c, d, e, f, g, h] = pairs;
        float32x4x2_t(
            vcombine_f32(vpadd_f32(a, b), vpadd_f32(c, d)),
            vcombine_f32(vpadd_f32(e, f), vpadd_f32(g, h)),
        )
    }
}

/// Asks for the cache line at an address, which may be any.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn prefetch(at: *const u8) {
    // SAFETY: a hint that changes no register and no memory, and faults at no address.
    unsafe { asm!("prfm pldl1keep, [{at}]", at = in(reg) at, options(readonly, nostack, preserves_flags)) };
}

/// Asks for the cache line at an address, which may be any, in the second-level cache.
#[inline(always)]
pub(in crate::ops::cpu) unsafe fn prefetch_second_level(at: *const u8) {
    // SAFETY: a hint that changes no register and no memory, and faults at no address.
    unsafe { asm!("prfm pldl2keep, [{at}]", at = in(reg) at, options(readonly, nostack, preserves_flags)) };
}
