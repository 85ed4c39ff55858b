//! The small operations against their formulas.

use candle_core::{DType, Device, Tensor};

use super::super::{self as cpu, Isa};
use super::{noise, norm, numbers, on, tensor, weights, zeros};
use crate::container::Format;

#[test]
fn the_gated_activation_is_that_of_the_formula() {
    let gate: Vec<f32> = noise(1, 1000)
        .iter()
        .map(|x| 12.0 * x)
        .chain([0.0, -0.0, 80.0, -80.0, 1e-20])
        .collect();
    let up = noise(2, gate.len());
    for isa in Isa::available() {
        let shape = [1, gate.len()];
        let found = tensor(&gate, &shape);
        cpu::gelu_mul(&on(*isa, 2), &found, &tensor(&up, &shape)).unwrap();
        for ((found, gate), up) in numbers(&found).iter().zip(&gate).zip(&up) {
            let x = f64::from(*gate);
            let u = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
            let expected = 0.5 * x * (1.0 + u.tanh()) * f64::from(*up);
            assert!(
                (f64::from(*found) - expected).abs() < 2e-6 * (1.0 + x.abs()),
                "{isa:?} at {gate}: {found}"
            );
        }
    }
}

#[test]
fn elementary_functions_are_close_to_the_library_s() {
    for step in -2000..=2000 {
        let x = step as f32 / 20.0;
        let expected = f64::from(x).exp();
        let found = f64::from(cpu::math::exp(x));
        if x < -87.0 {
            assert_eq!(found, 0.0);
        } else if x <= 88.0 {
            assert!(
                (found - expected).abs() <= 2e-7 * expected,
                "exp {x}: {found} for {expected}"
            );
        }
        let error = f64::from(cpu::math::tanh(x)) - f64::from(x).tanh();
        assert!(error.abs() < 4e-7, "tanh {x}: {error}");
    }
    assert!(cpu::math::exp(f32::NAN).is_nan());
}

#[test]
fn log_sum_exp_is_that_of_the_formula() {
    for len in [1, 7, 8, 100, 4099] {
        let x: Vec<f32> = noise(9, len).iter().map(|x| 40.0 * x).collect();
        let expected = x.iter().map(|x| f64::from(*x).exp()).sum::<f64>().ln();
        for isa in Isa::available() {
            let error = f64::from(cpu::log_sum_exp(*isa, &x)) - expected;
            assert!(error.abs() < 1e-5, "{len} {isa:?}: {error}");
            let mut bad = x.clone();
            bad[len / 2] = f32::NAN;
            assert!(!cpu::log_sum_exp(*isa, &bad).is_finite());
        }
    }
}

/// A row over its root mean square, times the weight, in `f64`.
fn normalized(x: &[f32], weight: &[f32], epsilon: f64) -> Vec<f64> {
    let square: f64 = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / x.len() as f64;
    let factor = 1.0 / (square + epsilon).sqrt();
    let pairs = x.iter().zip(weight);
    pairs
        .map(|(x, weight)| f64::from(*x) * factor * f64::from(*weight))
        .collect()
}

#[track_caller]
fn close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((f64::from(*found) - expected).abs() < 1e-5, "{found} for {expected}");
    }
}

#[test]
fn rows_are_normalized_by_the_formula() {
    for width in [5, 32, 1000] {
        let (x, weight) = (noise(1, 7 * width), noise(2, width));
        let expected: Vec<f64> = (x.chunks_exact(width))
            .flat_map(|x| normalized(x, &weight, 1e-3))
            .collect();
        for isa in Isa::available() {
            for from in [0, 5] {
                let out = zeros(7 - from, width);
                cpu::rms_norm(&on(*isa, 2), &tensor(&x, &[7, width]), from, &norm(&weight, 1e-3), &out).unwrap();
                close(&numbers(&out), &expected[from * width..]);
            }
        }
    }
}

#[test]
fn what_is_added_is_normalized_first_where_there_is_a_norm() {
    for width in [5, 1000] {
        let (x, h, weight) = (noise(1, 7 * width), noise(2, 7 * width), noise(3, width));
        for isa in Isa::available() {
            let (with, without) = (tensor(&x, &[7, width]), tensor(&x, &[7, width]));
            let (cpu, added) = (on(*isa, 2), tensor(&h, &[7, width]));
            cpu::add(&cpu, &with, &added, Some(&norm(&weight, 1e-3))).unwrap();
            cpu::add(&cpu, &without, &added, None).unwrap();
            let normed = h.chunks_exact(width).flat_map(|h| normalized(h, &weight, 1e-3));
            let plus = |h: &mut dyn Iterator<Item = f64>| -> Vec<f64> {
                x.iter().zip(h).map(|(x, h)| f64::from(*x) + h).collect()
            };
            close(&numbers(&with), &plus(&mut { normed }));
            close(&numbers(&without), &plus(&mut h.iter().map(|h| f64::from(*h))));
        }
    }
}

#[test]
fn pairs_are_rotated_as_complex_numbers() {
    let (n, heads, half) = (3, 2, 5);
    let (x, weight) = (noise(1, n * heads * 2 * half), noise(2, 2 * half));
    let (positions, frequencies) = ([0, 7, 100_000], [1.0, 0.3, 1e-3, 1e-5, 2.0]);
    for isa in Isa::available() {
        let (cpu, angles) = (on(*isa, 2), zeros(n, 2 * half));
        cpu::angles(&cpu, &positions, &frequencies, &angles).unwrap();
        for norm in [None, Some(norm(&weight, 1e-3))] {
            let found = tensor(&x, &[n, heads * 2 * half]);
            cpu::rope(&cpu, &found, &angles, norm.as_ref()).unwrap();
            let expected = x.chunks_exact(2 * half).enumerate().flat_map(|(head, x)| {
                let x = match norm {
                    Some(_) => normalized(x, &weight, 1e-3),
                    None => x.iter().map(|x| f64::from(*x)).collect(),
                };
                let turned = |at: usize| {
                    let (re, im) = (x[at % half], x[at % half + half]);
                    let angle = im.atan2(re) + positions[head / heads] as f64 * frequencies[at % half];
                    re.hypot(im) * if at < half { angle.cos() } else { angle.sin() }
                };
                (0..2 * half).map(turned).collect::<Vec<_>>()
            });
            close(&numbers(&found), &expected.collect::<Vec<_>>());
        }
    }
}

#[test]
fn logits_are_capped_by_the_formula() {
    let x: Vec<f32> = noise(1, 5000).iter().map(|x| 100.0 * x).collect();
    let expected: Vec<f64> = x.iter().map(|x| 3.0 * (f64::from(*x) / 3.0).tanh()).collect();
    for isa in Isa::available() {
        let found = tensor(&x, &[2, 2500]);
        cpu::softcap(&on(*isa, 2), &found, 3.0).unwrap();
        close(&numbers(&found), &expected);
    }
}

#[test]
fn rows_are_stored_where_they_belong() {
    let x = noise(1, 5 * 6);
    for dtype in [DType::F32, DType::F16] {
        let cache = Tensor::ones((4, 2, 3), dtype, &Device::Cpu).unwrap();
        cpu::store(&tensor(&x, &[5, 6]), 2..4, &cache, 1).unwrap();
        let expected = tensor(&[&[1.0; 6], &x[12..24], &[1.0; 6]].concat(), &[4, 2, 3]);
        let expected = expected.to_dtype(dtype).unwrap().to_dtype(DType::F32).unwrap();
        assert_eq!(numbers(&cache.to_dtype(DType::F32).unwrap()), numbers(&expected));
        for (rows, at) in [(2..4, 3), (4..6, 0)] {
            assert!(cpu::store(&tensor(&x, &[5, 6]), rows, &cache, at).is_err());
        }
    }
}

#[test]
fn embeddings_are_rows_of_the_table() {
    let (matrix, w) = weights(Format::Q8_0, 9, 64, &noise(1, 9 * 64));
    let ids = [3, 0, 8, 3, 3, 1, 2];
    let out = zeros(ids.len(), 64);
    cpu::embed(&on(Isa::PORTABLE, 2), &ids, &matrix, 0.5, &out).unwrap();
    let expected = ids.iter().flat_map(|id| &w[64 * *id as usize..][..64]);
    close(
        &numbers(&out),
        &expected.map(|w| 0.5 * f64::from(*w)).collect::<Vec<_>>(),
    );
    let error = cpu::embed(&on(Isa::PORTABLE, 2), &[9], &matrix, 0.5, &zeros(1, 64)).unwrap_err();
    assert!(error.to_string().contains("token 9 in a vocabulary of 9"), "{error}");
}
