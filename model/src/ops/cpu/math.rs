//! Elementary functions in a form that the compiler vectorizes.

/// In a number of this size the last bit counts ones: adding it rounds, halves to even, and leaves the whole number in the
/// lowest bits.
pub(super) const ROUND: f32 = 1.5 * (1 << 23) as f32;

/// `e^x` with a relative error below 2e-7; 0 below -87, and at most `e^88` above. NaN stays NaN.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let clamped = x.clamp(-87.0, 88.0);
    // x = n ln 2 + r with |r| at most ln 2 / 2; ln 2 is subtracted in two parts to keep r exact.
    let raised = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = raised - ROUND;
    let r = clamped - n * 0.693_359_4 - n * -2.121_944_4e-4;
    // The polynomial of Cephes' expf.
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_199_9e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let fraction = p * r * r + r + 1.0;
    let power = f32::from_bits((raised.to_bits() << 23).wrapping_add(127 << 23));
    let result = fraction * power;
    if x < -87.0 { 0.0 } else { result }
}

/// The hyperbolic tangent with an absolute error below 4e-7.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    1.0 - 2.0 / (1.0 + exp(2.0 * x))
}

/// The Gaussian error linear unit in its tanh form, which every Gemma uses whatever `hidden_act` says.
#[inline(always)]
pub(super) fn gelu(x: f32) -> f32 {
    const SQRT_2_OVER_PI: f32 = 0.797_884_6;
    // x * (1 + tanh(u)) / 2 is x * sigmoid(2u).
    let u = SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x);
    x / (1.0 + exp(-2.0 * u))
}
