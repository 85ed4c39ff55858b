//! The formats whose four bits are places in a table, which candle does not have: weights for the other tests, and the
//! numbers that an independent implementation reads from the same bytes.

use std::path::Path;

use half::f16;
use serde_json::Value;

use crate::container::{Bytes, Format};
use crate::ops::{Matrix, dequantize};

const VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// The place whose value is nearest.
fn nearest(x: f32) -> u8 {
    let distance = |place: &u8| (f32::from(VALUES[usize::from(*place)]) - x).abs();
    let place = (0..16_u8).min_by(|a, b| distance(a).total_cmp(&distance(b)));
    place.expect("there are places")
}

/// Writes a run of 32 with a scale, and what it stands for.
fn run(x: &[f32], scale: f32, bytes: &mut Vec<u8>, numbers: &mut Vec<f32>) {
    let inverse = if scale == 0.0 { 0.0 } else { 1.0 / scale };
    let places: Vec<u8> = x.iter().map(|x| nearest(x * inverse)).collect();
    bytes.extend((0..16).map(|at| places[at] | places[at + 16] << 4));
    numbers.extend(
        places
            .iter()
            .map(|place| scale * f32::from(VALUES[usize::from(*place)])),
    );
}

fn largest(x: &[f32]) -> f32 {
    x.iter().fold(0.0, |largest: f32, x| largest.max(x.abs()))
}

/// Some numbers in one of these formats, and what they are then.
pub(super) fn weights(format: Format, rows: usize, cols: usize, x: &[f32]) -> (Matrix, Vec<f32>) {
    let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
    for block in x.chunks_exact(format.block_len()) {
        if format == Format::IQ4_NL {
            let d = f16::from_f32(largest(block) / 127.0);
            bytes.extend(d.to_le_bytes());
            run(block, d.to_f32(), &mut bytes, &mut numbers);
            continue;
        }
        let d = f16::from_f32(largest(block) / 127.0 / 31.0);
        // Scales of both signs, and both of their ends.
        let scales: Vec<i32> = block
            .chunks_exact(32)
            .enumerate()
            .map(|(at, x)| {
                let scale = (largest(x) / 127.0 / d.to_f32()).ceil().clamp(1.0, 31.0) as i32;
                [scale, -scale, -32, 31][at % 4]
            })
            .collect();
        bytes.extend(d.to_le_bytes());
        let stored = |at: usize| (scales[at] + 32) as u16;
        let high: u16 = (0..8).map(|at| (stored(at) >> 4) << (2 * at)).sum();
        bytes.extend(high.to_le_bytes());
        bytes.extend((0..4).map(|at| (stored(2 * at) & 15 | (stored(2 * at + 1) & 15) << 4) as u8));
        for (x, scale) in block.chunks_exact(32).zip(&scales) {
            run(x, d.to_f32() * *scale as f32, &mut bytes, &mut numbers);
        }
    }
    (
        Matrix::new(format, rows, cols, Bytes::written(&bytes)).expect("whole blocks"),
        numbers,
    )
}

/// Written by `tests/reference/iq4.py` with the Python package `gguf`.
#[test]
fn any_bytes_are_the_numbers_that_another_implementation_reads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/golden/iq4.json");
    let golden: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    for format in [Format::IQ4_NL, Format::IQ4_XS] {
        let bytes: Vec<u8> = serde_json::from_value(golden[format.name()]["bytes"].clone()).unwrap();
        let expected: Vec<f32> = serde_json::from_value(golden[format.name()]["numbers"].clone()).unwrap();
        assert!(expected.len() >= 512 && bytes.len() == format.row_bytes(expected.len()).unwrap());
        let mut found = vec![0.0; expected.len()];
        dequantize(format, &bytes, &mut found);
        assert_eq!(found, expected, "{}: exactly", format.name());
    }
}
