use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};

use super::encode;
use crate::container::Format;
use crate::ops::dequantize;
use crate::testing::Random;

/// Those that there are encoders for, in the order of their errors.
const FORMATS: [Format; 10] = [
    Format::Q4_0,
    Format::Q4_K,
    Format::Q5_0,
    Format::Q5_1,
    Format::Q5_K,
    Format::Q6_K,
    Format::Q8_0,
    Format::BF16,
    Format::F16,
    Format::F32,
];

/// Numbers spread as weights are: many small ones and few large.
fn weights(seed: u64, len: usize) -> Vec<f32> {
    let mut random = Random::new(seed);
    let mut even = || random.below(1 << 20) as f32 / (1 << 20) as f32 - 0.5;
    (0..len).map(|_| 0.02 * (0..8).map(|_| even()).sum::<f32>()).collect()
}

/// The root of the mean squared error of what is read again, over that of the numbers.
fn error(x: &[f32], format: Format, bytes: &[u8]) -> f64 {
    let mut found = vec![0.0; x.len()];
    dequantize(format, bytes, &mut found);
    let square = |x: f32| f64::from(x) * f64::from(x);
    let far: f64 = x.iter().zip(&found).map(|(x, found)| square(x - found)).sum();
    (far / x.iter().map(|x| square(*x)).sum::<f64>()).sqrt()
}

fn encoded(format: Format, x: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(format, x, &mut bytes);
    assert_eq!(Some(bytes.len()), format.row_bytes(x.len()), "{}", format.name());
    bytes
}

fn by_candle(dtype: GgmlDType, x: &[f32]) -> Vec<u8> {
    let x = Tensor::from_slice(x, x.len(), &Device::Cpu).unwrap();
    QTensor::quantize(&x, dtype).unwrap().data().unwrap().into_owned()
}

#[test]
fn errors_are_at_most_those_of_another_implementation() {
    let x = weights(1, 64 * 256);
    for (format, dtype) in [
        (Format::Q4_0, GgmlDType::Q4_0),
        (Format::Q5_0, GgmlDType::Q5_0),
        (Format::Q5_1, GgmlDType::Q5_1),
        (Format::Q8_0, GgmlDType::Q8_0),
        (Format::Q4_K, GgmlDType::Q4K),
        (Format::Q5_K, GgmlDType::Q5K),
        (Format::Q6_K, GgmlDType::Q6K),
    ] {
        let found = error(&x, format, &encoded(format, &x));
        let expected = error(&x, format, &by_candle(dtype, &x));
        assert!(
            found <= 1.005 * expected,
            "{}: {found} beside {expected}",
            format.name()
        );
    }
}

#[test]
fn more_bits_have_smaller_errors() {
    let x = weights(2, 64 * 256);
    let errors = FORMATS.map(|format| error(&x, format, &encoded(format, &x)));
    for (pair, format) in errors.windows(2).zip(&FORMATS[1..]) {
        assert!(pair[1] < pair[0], "{}: {errors:?}", format.name());
    }
    assert!(
        errors[0] < 0.1 && errors[1] < 0.08 && errors[5] < 0.02 && errors[6] < 0.006,
        "{errors:?}"
    );
}

#[test]
fn numbers_that_a_format_holds_stay_what_they_are() {
    for format in FORMATS {
        for x in [vec![0.0; 256], vec![1.0; 256], vec![-1.0; 256]] {
            let found = error(&x, format, &encoded(format, &x));
            assert!(found < 0.005 || x[0] == 0.0, "{} of {}: {found}", format.name(), x[0]);
            let mut numbers = vec![9.0; 256];
            dequantize(format, &encoded(format, &x), &mut numbers);
            assert!(x[0] != 0.0 || numbers == x, "{}", format.name());
        }
    }
}

#[test]
fn what_is_large_or_tiny_stays_finite() {
    for scale in [1e-30, 1e-8, 1e4] {
        let x: Vec<f32> = weights(3, 512).iter().map(|x| x * scale).collect();
        for format in FORMATS {
            let mut found = vec![f32::NAN; x.len()];
            dequantize(format, &encoded(format, &x), &mut found);
            assert!(found.iter().all(|found| found.is_finite()), "{} {scale}", format.name());
        }
    }
}
