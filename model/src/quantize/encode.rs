//! Numbers as blocks of a quantized format: the other way round of what `ops` reads.
//!
//! In a plain format the scale follows from the largest number of a block. In a K format the scale, and the minimum where
//! there is one, are searched: for some guesses of the scale the whole numbers are taken, then the scale and minimum that fit
//! these best by weighted least squares, and the guess with the least weighted error wins. Numbers that are large beside the
//! others weigh more, since they change products more. Block layouts are those of ggml's `block_*` structures.
//!
//! Must not know tensors or files. Source: the method is that of ggml's reference quantizers, read and not copied.

use half::{bf16, f16};

use crate::container::Format;

/// Adds whole blocks of numbers, which are finite, to `out`.
pub(super) fn encode(format: Format, x: &[f32], out: &mut Vec<u8>) {
    let plain = x.as_chunks::<32>().0;
    let long = x.as_chunks::<256>().0;
    match format {
        Format::F32 => out.extend(x.iter().flat_map(|x| x.to_le_bytes())),
        Format::F16 => out.extend(x.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes())),
        Format::BF16 => out.extend(x.iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes())),
        Format::Q4_0 => plain.iter().for_each(|x| q4_0(x, out)),
        Format::Q5_0 => plain.iter().for_each(|x| q5_0(x, out)),
        Format::Q5_1 => plain.iter().for_each(|x| q5_1(x, out)),
        Format::Q8_0 => plain.iter().for_each(|x| q8_0(x, out)),
        Format::Q4_K => long.iter().for_each(|x| q4_k(x, out)),
        Format::Q5_K => long.iter().for_each(|x| q5_k(x, out)),
        Format::Q6_K => long.iter().for_each(|x| q6_k(x, out)),
        other => unreachable!("{} has no encoder", other.name()),
    }
}

/// The nearest whole number, of two the even one: adding this leaves no bits for a fraction. For numbers below 2^22.
fn round(x: f32) -> f32 {
    const NO_FRACTION: f32 = 12_582_912.0;
    (x + NO_FRACTION) - NO_FRACTION
}

/// `1 / x`, or 0 where that is no number.
fn inverse(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { 1.0 / x }
}

/// The number that is farthest from 0, with its sign.
fn farthest(x: &[f32]) -> f32 {
    x.iter()
        .fold(0.0, |found: f32, x| if x.abs() > found.abs() { *x } else { found })
}

/// Whole numbers from 0 to `2 * half - 1` that stand for `scale * (q - half)`. The farthest number becomes 0, as there is one
/// step more on that side.
fn around_half(x: &[f32; 32], half: f32) -> (f16, [u8; 32]) {
    let scale = farthest(x) / -half;
    let inverse = inverse(scale);
    let q = x.map(|x| (x * inverse + half + 0.5).min(2.0 * half - 1.0) as u8);
    (f16::from_f32(scale), q)
}

/// Low nibbles are the first half of a block of 32, high nibbles the second.
fn nibbles(q: &[u8; 32], out: &mut Vec<u8>) {
    out.extend((0..16).map(|at| q[at] & 15 | q[at + 16] << 4));
}

/// The fifth bit of each number as a field of 32 bits.
fn fifth_bits(q: &[u8; 32], out: &mut Vec<u8>) {
    let bits = (0..32).fold(0_u32, |bits, at| bits | u32::from(q[at] >> 4) << at);
    out.extend(bits.to_le_bytes());
}

fn q4_0(x: &[f32; 32], out: &mut Vec<u8>) {
    let (scale, q) = around_half(x, 8.0);
    out.extend(scale.to_le_bytes());
    nibbles(&q, out);
}

fn q5_0(x: &[f32; 32], out: &mut Vec<u8>) {
    let (scale, q) = around_half(x, 16.0);
    out.extend(scale.to_le_bytes());
    fifth_bits(&q, out);
    nibbles(&q, out);
}

fn q5_1(x: &[f32; 32], out: &mut Vec<u8>) {
    let (least, most) = ends(x);
    let scale = (most - least) / 31.0;
    let inverse = inverse(scale);
    let q = x.map(|x| ((x - least) * inverse + 0.5).min(31.0) as u8);
    out.extend(f16::from_f32(scale).to_le_bytes());
    out.extend(f16::from_f32(least).to_le_bytes());
    fifth_bits(&q, out);
    nibbles(&q, out);
}

fn q8_0(x: &[f32; 32], out: &mut Vec<u8>) {
    let scale = farthest(x).abs() / 127.0;
    let inverse = inverse(scale);
    out.extend(f16::from_f32(scale).to_le_bytes());
    out.extend(x.map(|x| (round(x * inverse) as i8).cast_unsigned()));
}

fn ends(x: &[f32]) -> (f32, f32) {
    x.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), x| {
        (least.min(*x), most.max(*x))
    })
}

fn q4_k(x: &[f32; 256], out: &mut Vec<u8>) {
    let q = with_minima::<15, 20>(x, -1.0, out);
    for pair in q.as_chunks::<64>().0 {
        out.extend((0..32).map(|at| pair[at] | pair[at + 32] << 4));
    }
}

fn q5_k(x: &[f32; 256], out: &mut Vec<u8>) {
    let q = with_minima::<31, 15>(x, -0.5, out);
    out.extend((0..32).map(|at| (0..8).fold(0, |bits, run| bits | q[32 * run + at] >> 4 << run)));
    for pair in q.as_chunks::<64>().0 {
        out.extend((0..32).map(|at| pair[at] & 15 | (pair[at + 32] & 15) << 4));
    }
}

/// Adds the factors, scales and minima of a block with eight runs of 32, and gives its whole numbers up to `MOST`. The
/// search tries `STEPS + 1` guesses, the first of which has `MOST + first` steps from the least number to the largest.
fn with_minima<const MOST: u8, const STEPS: usize>(x: &[f32; 256], first: f32, out: &mut Vec<u8>) -> [u8; 256] {
    let runs = x.as_chunks::<32>().0;
    let (mut scales, mut minima) = ([0.0; 8], [0.0; 8]);
    for (at, run) in runs.iter().enumerate() {
        (scales[at], minima[at]) = scale_and_minimum(run, f32::from(MOST), first, STEPS);
    }
    // Both are 0 or more, and stored in six bits.
    let stored = |of: [f32; 8]| {
        let most = of.iter().fold(0.0, |most: f32, one| most.max(*one));
        let inverse = if most > 0.0 { 63.0 / most } else { 0.0 };
        (
            f16::from_f32(most / 63.0),
            of.map(|one| round(inverse * one).min(63.0) as u8),
        )
    };
    let ((d, scales), (d_min, minima)) = (stored(scales), stored(minima));
    out.extend(d.to_le_bytes());
    out.extend(d_min.to_le_bytes());
    let mut packed = [0; 12];
    for at in 0..4 {
        packed[at] = scales[at] | scales[at + 4] >> 4 << 6;
        packed[at + 4] = minima[at] | minima[at + 4] >> 4 << 6;
        packed[at + 8] = scales[at + 4] & 15 | (minima[at + 4] & 15) << 4;
    }
    out.extend(packed);
    let (d, d_min) = (d.to_f32(), d_min.to_f32());
    let mut q = [0; 256];
    for (at, (q, x)) in q.as_chunks_mut::<32>().0.iter_mut().zip(runs).enumerate() {
        let inverse = inverse(d * f32::from(scales[at]));
        let minimum = d_min * f32::from(minima[at]);
        *q = x.map(|x| round((x + minimum) * inverse).clamp(0.0, f32::from(MOST)) as u8);
    }
    q
}

/// Sums of eight numbers at a time, which the compiler makes vectors of.
fn sum(numbers: &[f32; 32]) -> f32 {
    let mut sums = [0.0; 8];
    for eight in numbers.as_chunks::<8>().0 {
        for (sum, number) in sums.iter_mut().zip(eight) {
            *sum += number;
        }
    }
    sums.iter().sum()
}

/// The numbers of each pair put together.
fn both(a: &[f32; 32], b: &[f32; 32], of: impl Fn(f32, f32) -> f32) -> [f32; 32] {
    std::array::from_fn(|at| of(a[at], b[at]))
}

/// The scale and the minimum, both 0 or more, with which whole numbers up to `most` come nearest to `x` as
/// `scale * q - minimum`.
fn scale_and_minimum(x: &[f32; 32], most: f32, first: f32, steps: usize) -> (f32, f32) {
    let typical = (sum(&x.map(|x| x * x)) / 32.0).sqrt();
    let weight = x.map(|x| typical + x.abs());
    let weighted = both(x, &weight, |x, weight| x * weight);
    let (sum_w, sum_x) = (sum(&weight), sum(&weighted));
    let (least, largest) = ends(x);
    let least = least.min(0.0);
    if largest <= least {
        return (0.0, -least);
    }
    let whole = |steps: f32| {
        let inverse = steps / (largest - least);
        x.map(|x| round(inverse * (x - least)).clamp(0.0, most))
    };
    let error = |q: &[f32; 32], scale: f32, least: f32| {
        let far: [f32; 32] = both(x, q, |x, q| scale * q + least - x);
        sum(&both(&far, &weight, |far, weight| weight * far * far))
    };
    let (mut scale, mut minimum) = ((largest - least) / most, least);
    let mut best = error(&whole(most), scale, minimum);
    for step in 0..=steps {
        let q = whole(most + first + 0.1 * step as f32);
        let weighted_q = both(&q, &weight, |q, weight| q * weight);
        let (sum_q, sum_xq) = (sum(&weighted_q), sum(&both(&q, &weighted, |q, x| q * x)));
        let sum_qq = sum(&both(&q, &weighted_q, |q, weighted| q * weighted));
        let determinant = sum_w * sum_qq - sum_q * sum_q;
        if determinant <= 0.0 {
            continue;
        }
        let mut this_scale = (sum_w * sum_xq - sum_x * sum_q) / determinant;
        let mut this_minimum = (sum_qq * sum_x - sum_q * sum_xq) / determinant;
        if this_minimum > 0.0 {
            // The format has no minimum above 0.
            (this_scale, this_minimum) = (sum_xq / sum_qq, 0.0);
        }
        let this_error = error(&q, this_scale, this_minimum);
        if this_error < best {
            (best, scale, minimum) = (this_error, this_scale, this_minimum);
        }
    }
    (scale.max(0.0), -minimum)
}

fn q6_k(x: &[f32; 256], out: &mut Vec<u8>) {
    let mut scales = [0.0; 16];
    for (scale, run) in scales.iter_mut().zip(x.as_chunks::<16>().0) {
        *scale = signed_scale(run);
    }
    // The farthest scale becomes -128.
    let d = f16::from_f32(farthest(&scales) / -128.0);
    let to_whole = inverse(farthest(&scales) / -128.0);
    let scales = scales.map(|scale| round(to_whole * scale).clamp(-128.0, 127.0) as i8);
    let mut q = [0; 256];
    for (at, (q, x)) in q
        .as_chunks_mut::<16>()
        .0
        .iter_mut()
        .zip(x.as_chunks::<16>().0)
        .enumerate()
    {
        let inverse = inverse(d.to_f32() * f32::from(scales[at]));
        *q = x.map(|x| (round(x * inverse).clamp(-32.0, 31.0) + 32.0) as u8);
    }
    for half in q.as_chunks::<128>().0 {
        out.extend((0..64).map(|at| half[at] & 15 | (half[at + 64] & 15) << 4));
    }
    for half in q.as_chunks::<128>().0 {
        out.extend((0..32).map(|at| (0..4).fold(0, |bits, run| bits | half[32 * run + at] >> 4 << (2 * run))));
    }
    out.extend(scales.map(i8::cast_unsigned));
    out.extend(d.to_le_bytes());
}

/// The scale with which whole numbers from -32 to 31 come nearest to `x`, each weighing as its square.
fn signed_scale(x: &[f32; 16]) -> f32 {
    let far = farthest(x);
    if far == 0.0 {
        return 0.0;
    }
    let (mut scale, mut best) = (0.0, 0.0);
    for step in -9..=9_i8 {
        let inverse = -(32.0 + 0.1 * f32::from(step)) / far;
        let (mut sum_xq, mut sum_qq) = (0.0, 0.0);
        for x in x {
            let q = round(x * inverse).clamp(-32.0, 31.0);
            sum_xq += x * x * x * q;
            sum_qq += x * x * q * q;
        }
        // What the error is less than that of zeros, but for a factor.
        if sum_qq > 0.0 && sum_xq * sum_xq > best * sum_qq {
            scale = sum_xq / sum_qq;
            best = scale * sum_xq;
        }
    }
    scale
}

#[cfg(test)]
mod tests;
