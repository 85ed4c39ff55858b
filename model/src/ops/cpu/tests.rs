//! Every kernel against a naive loop, in every form that this machine runs, and its independence of the rows beside it.

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Result, Tensor};

use super::threads::Pool;
use super::{Cpu, Isa};
use crate::container::{Bytes, Format};
use crate::ops::{Attention, Matrix, Norm};

mod iq4;
mod small;

/// Numbers that look random, from -1 to 1.
pub(super) fn noise(seed: u64, len: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(step).take(len).collect()
}

pub(super) fn tensor(numbers: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_slice(numbers, shape, &Device::Cpu).unwrap()
}

pub(super) fn on(isa: Isa, threads: usize) -> Cpu {
    Cpu {
        isa,
        pool: Pool::new(threads).unwrap(),
    }
}

fn zeros(rows: usize, columns: usize) -> Tensor {
    Tensor::zeros((rows, columns), DType::F32, &Device::Cpu).unwrap()
}

/// The product as a new tensor.
fn matmul(cpu: &Cpu, x: &Tensor, w: &Matrix) -> Result<Tensor> {
    let out = zeros(x.dim(0)?, w.rows());
    super::matmul(cpu, x, w, &out)?;
    Ok(out)
}

fn norm(weight: &[f32], epsilon: f32) -> Norm {
    let weight = tensor(weight, &[weight.len()]);
    Norm { weight, epsilon }
}

fn numbers(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

/// Weights in `format`, and the same numbers as candle's own dequantization reads them.
fn weights(format: Format, rows: usize, cols: usize, numbers: &[f32]) -> (Matrix, Vec<f32>) {
    let dtype = match format {
        Format::F32 => GgmlDType::F32,
        Format::F16 => GgmlDType::F16,
        Format::BF16 => GgmlDType::BF16,
        Format::Q4_0 => GgmlDType::Q4_0,
        Format::Q4_1 => GgmlDType::Q4_1,
        Format::Q5_0 => GgmlDType::Q5_0,
        Format::Q5_1 => GgmlDType::Q5_1,
        Format::Q8_0 => GgmlDType::Q8_0,
        Format::Q2_K => GgmlDType::Q2K,
        Format::Q3_K => GgmlDType::Q3K,
        Format::Q4_K => GgmlDType::Q4K,
        Format::Q5_K => GgmlDType::Q5K,
        Format::Q6_K => GgmlDType::Q6K,
        Format::IQ4_NL | Format::IQ4_XS => return iq4::weights(format, rows, cols, numbers),
    };
    let stored = QTensor::quantize(&tensor(numbers, &[rows, cols]), dtype).unwrap();
    let numbers = stored
        .dequantize(&Device::Cpu)
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap();
    let matrix = Matrix::new(format, rows, cols, Bytes::written(&stored.data().unwrap())).expect("whole blocks");
    (matrix, numbers)
}

fn columns(format: Format) -> [usize; 2] {
    match format.block_len() {
        1 => [5, 100],
        // Some blocks, and more columns than are packed at a time.
        len => [3 * len, 1024 + len],
    }
}

#[test]
fn rows_are_dequantized_as_another_implementation_does() {
    for format in Format::ALL {
        let cols = 512;
        for scale in [1e-3, 1.0, 300.0] {
            let numbers: Vec<_> = noise(7, 3 * cols).iter().map(|x| x * scale).collect();
            let (matrix, expected) = weights(format, 3, cols, &numbers);
            for row in 0..3 {
                let mut found = vec![0.0; cols];
                super::dequantize_row(&matrix, row, &mut found);
                for (found, expected) in found.iter().zip(&expected[row * cols..]) {
                    let tolerance = 1e-6 * scale + 1e-5 * expected.abs();
                    assert!(
                        (found - expected).abs() <= tolerance,
                        "{format:?}: {found} for {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn products_are_those_of_a_naive_loop() {
    for format in Format::ALL {
        for cols in columns(format) {
            for rows in [1, 3, 4, 17, 33] {
                let (matrix, w) = weights(format, rows, cols, &noise(rows as u64, rows * cols));
                for n in [1, 2, 9] {
                    let x = noise(100 + n as u64, n * cols);
                    for isa in Isa::available() {
                        let cpu = on(*isa, 2);
                        let found = matmul(&cpu, &tensor(&x, &[n, cols]), &matrix)
                            .unwrap()
                            .to_vec2::<f32>()
                            .unwrap();
                        for (found, x) in found.iter().zip(x.chunks_exact(cols)) {
                            for (found, w) in found.iter().zip(w.chunks_exact(cols)) {
                                let expected: f64 = w.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                                // Activations are rounded to 8 bits: half a step of at most 1/127 for each weight.
                                let total: f32 = w.iter().map(|w| w.abs()).sum();
                                let tolerance = if format.block_len() == 1 {
                                    1e-5
                                } else {
                                    total / 254.0 + 1e-5
                                };
                                let error = (f64::from(*found) - expected).abs();
                                assert!(
                                    error <= f64::from(tolerance),
                                    "{format:?} {rows}x{cols} {isa:?}: {error}"
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

/// With activations that 8 bits hold exactly, nothing is left but the rounding of sums.
#[test]
fn products_with_whole_numbers_are_exact() {
    for format in Format::ALL.into_iter().filter(|format| format.block_len() > 1) {
        let cols = 512;
        let (matrix, w) = weights(format, 8, cols, &noise(3, 8 * cols));
        let mut x: Vec<f32> = noise(4, cols).iter().map(|x| (x * 127.0).round()).collect();
        x.iter_mut().step_by(32).for_each(|x| *x = 127.0);
        for isa in Isa::available() {
            let cpu = on(*isa, 2);
            let found = matmul(&cpu, &tensor(&x, &[1, cols]), &matrix)
                .unwrap()
                .flatten_all()
                .unwrap();
            for (found, w) in found.to_vec1::<f32>().unwrap().iter().zip(w.chunks_exact(cols)) {
                let expected: f64 = w.iter().zip(&x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
                let error = (f64::from(*found) - expected).abs();
                assert!(error < 5e-2, "{format:?} {isa:?}: {found} for {expected}");
            }
        }
    }
}

#[test]
fn the_largest_bytes_do_not_overflow() {
    // Q8_0 with every weight at -128 and +127, which no quantizer writes but a file may hold.
    for weight in [-128_i8, 127] {
        let mut row = half::f16::ONE.to_le_bytes().to_vec();
        row.extend([weight.cast_unsigned(); 32]);
        let matrix = Matrix::new(Format::Q8_0, 1, 32, Bytes::written(&row)).unwrap();
        for sign in [-1.0, 1.0] {
            let x = tensor(&[sign * 127.0; 32], &[1, 32]);
            for isa in Isa::available() {
                let cpu = on(*isa, 2);
                let found = matmul(&cpu, &x, &matrix).unwrap().to_vec2::<f32>().unwrap()[0][0];
                assert_eq!(found, sign * 127.0 * f32::from(weight) * 32.0, "{isa:?}");
            }
        }
    }
}

#[test]
fn a_row_does_not_depend_on_the_rows_beside_it_or_on_threads() {
    for format in Format::ALL {
        let cols = columns(format)[1];
        let (matrix, _) = weights(format, 100, cols, &noise(5, 100 * cols));
        let x = noise(6, 19 * cols);
        for isa in Isa::available() {
            let product = |cpu: &Cpu, x: &[f32]| {
                let x = tensor(x, &[x.len() / cols, cols]);
                matmul(cpu, &x, &matrix).unwrap().to_vec2::<f32>().unwrap()
            };
            let whole = product(&on(*isa, 1), &x);
            for n in 2..=9 {
                assert_eq!(
                    product(&on(*isa, 2), &x[..n * cols]),
                    whole[..n],
                    "{format:?} {isa:?}, {n} rows"
                );
            }
            for threads in [1, 2, 5] {
                let cpu = on(*isa, threads);
                let _awake = cpu.pool.awake();
                assert_eq!(product(&cpu, &x), whole, "{format:?} {isa:?}");
                for (row, x) in whole.iter().zip(x.chunks_exact(cols)) {
                    assert_eq!(product(&cpu, x), std::slice::from_ref(row), "{format:?} {isa:?}");
                }
            }
        }
    }
}

/// Sums within a block are exact and what follows is rounded in one way, so that quantized products are the same bits on
/// every processor. Plain code is the measure of all other forms here.
#[test]
fn quantized_products_are_the_same_bits_in_every_form() {
    for format in Format::ALL.into_iter().filter(|format| format.block_len() > 1) {
        for cols in columns(format) {
            let (matrix, _) = weights(format, 35, cols, &noise(8, 35 * cols));
            // One row, a few, and more than those that are taken from memory at once.
            for n in (1..=9).chain([21]) {
                let x = tensor(&noise(9, n * cols), &[n, cols]);
                let product = |isa: &Isa| matmul(&on(*isa, 2), &x, &matrix).unwrap().to_vec2::<f32>().unwrap();
                let expected = product(&Isa::PORTABLE);
                for isa in Isa::available() {
                    assert_eq!(product(isa), expected, "{format:?} {cols} {isa:?}, {n} rows");
                }
            }
        }
    }
}

/// What the vector forms compute is the same on every processor, bit for bit, though no processor has two of them to
/// compare: their results have the checksum that they have with AVX2.
#[test]
fn vector_forms_give_the_same_bits_on_every_processor() {
    let (rows, heads, width, capacity) = (5, 8, 36, 70);
    let q = tensor(&noise(1, rows * heads * width), &[rows, heads * width]);
    let cache = |seed| tensor(&noise(seed, capacity * 2 * width), &[capacity, 2, width]);
    let params = Attention {
        rows: 0..rows,
        start: capacity - rows,
        window: Some(60),
        scale: 0.3,
        softcap: Some(5.0),
    };
    let (matrix, _) = weights(Format::F32, 6, 100, &noise(4, 600));
    let x = tensor(&noise(5, 300), &[3, 100]);
    for isa in Isa::available().iter().filter(|isa| **isa != Isa::PORTABLE) {
        let cpu = on(*isa, 2);
        let attended = |dtype| {
            let [keys, values] = [2, 3].map(|seed| cache(seed).to_dtype(dtype).unwrap());
            let q = q.copy().unwrap();
            super::attention(&cpu, &q, &keys, &values, params.clone()).unwrap();
            q
        };
        let (normed, gated) = (zeros(3, 100), x.copy().unwrap());
        super::rms_norm(&cpu, &x, 0, &norm(&noise(6, 100), 1e-6), &normed).unwrap();
        super::gelu_mul(&cpu, &gated, &x).unwrap();
        let results = [
            attended(DType::F16),
            attended(DType::F32),
            matmul(&cpu, &x, &matrix).unwrap(),
            normed,
            gated,
        ];
        let checksums = results.map(|result| {
            let bytes: Vec<u8> = numbers(&result)
                .iter()
                .flat_map(|number| number.to_le_bytes())
                .collect();
            crc32fast::hash(&bytes)
        });
        let expected = [
            2_370_862_929,
            2_550_289_380,
            4_072_314_318,
            2_941_207_046,
            2_000_024_296,
        ];
        assert_eq!(checksums, expected, "{isa:?}");
    }
}

#[test]
fn what_is_not_finite_shows() {
    for format in [Format::F32, Format::Q8_0, Format::Q4_K] {
        let (matrix, _) = weights(format, 4, 256, &noise(1, 1024));
        for bad in [f32::NAN, f32::INFINITY] {
            let mut x = noise(2, 256);
            x[40] = bad;
            for isa in Isa::available() {
                let cpu = on(*isa, 2);
                let found = matmul(&cpu, &tensor(&x, &[1, 256]), &matrix)
                    .unwrap()
                    .to_vec2::<f32>()
                    .unwrap();
                assert!(
                    found[0].iter().all(|x| !x.is_finite()),
                    "{format:?} {isa:?} {bad}: {found:?}"
                );
            }
        }
    }
}

#[test]
fn a_product_of_the_wrong_width_is_refused() {
    let (matrix, _) = weights(Format::F32, 4, 8, &noise(1, 32));
    let error = matmul(&on(Isa::PORTABLE, 1), &tensor(&noise(1, 9), &[1, 9]), &matrix)
        .unwrap_err()
        .to_string();
    assert!(error.contains("a matrix of 8 columns"), "{error}");
}
