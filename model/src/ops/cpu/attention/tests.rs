//! Attention against its formula, and its independence of what it is taken with.

use candle_core::{DType, Tensor};

use super::super::tests::{noise, on, tensor};
use super::super::{Cpu, Isa};
use super::{Attention, attention};

/// Heads, key/value heads, width.
const SHAPES: [[usize; 3]; 6] = [[4, 1, 32], [4, 2, 12], [3, 3, 7], [8, 1, 16], [12, 2, 48], [5, 5, 64]];

/// Queries, keys and values of one sequence.
struct Case {
    shape: [usize; 3],
    params: Attention,
    q: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
}

impl Case {
    /// `n` queries after `start` positions. Keys and values are numbers that `f16` holds exactly, so that they serve both
    /// formats of the cache.
    fn new(shape: [usize; 3], start: usize, n: usize, window: Option<usize>, softcap: Option<f32>) -> Self {
        let [heads, kv_heads, width] = shape;
        let cached = |seed| {
            let numbers = noise(seed, (start + n) * kv_heads * width);
            numbers.iter().map(|x| (x * 256.0).round() / 128.0).collect()
        };
        Self {
            shape,
            params: Attention {
                rows: 0..n,
                start,
                window,
                scale: 0.7,
                softcap,
            },
            q: noise(1, n * heads * width).iter().map(|x| 3.0 * x).collect(),
            keys: cached(2),
            values: cached(3),
        }
    }

    /// The attention of some of the rows, taken together.
    fn rows(&self, cpu: &Cpu, rows: std::ops::Range<usize>, dtype: DType) -> Vec<f32> {
        let [heads, kv_heads, width] = self.shape;
        let positions = self.keys.len() / (kv_heads * width);
        let cached = |numbers: &[f32]| {
            let tensor = tensor(numbers, &[positions, kv_heads, width]);
            tensor.to_dtype(dtype).unwrap()
        };
        let (first, row) = (rows.start, heads * width);
        // A row before and one after, which are none of its business.
        let before = vec![f32::NAN; row];
        let q = [&before, &self.q[first * row..rows.end * row], &before].concat();
        let q: Tensor = tensor(&q, &[rows.len() + 2, row]);
        let params = Attention {
            rows: 1..1 + rows.len(),
            start: self.params.start + first,
            ..self.params.clone()
        };
        attention(cpu, &q, &cached(&self.keys), &cached(&self.values), params).unwrap();
        let numbers: Vec<f32> = q.flatten_all().unwrap().to_vec1().unwrap();
        let (others, last) = (&numbers[..row], &numbers[numbers.len() - row..]);
        assert!(
            others.iter().chain(last).all(|x| x.is_nan()),
            "other rows are left alone"
        );
        numbers[row..numbers.len() - row].to_vec()
    }

    /// All rows, as the formula says, in `f64`.
    fn expected(&self) -> Vec<f64> {
        let ([heads, kv_heads, width], params) = (self.shape, &self.params);
        let mut out = Vec::new();
        for (row, head) in (params.rows.clone()).flat_map(|row| (0..heads).map(move |head| (row, head))) {
            let position = params.start + row;
            let kv_head = head * kv_heads / heads;
            let sees = |p: &usize| params.window.is_none_or(|window| position - p < window);
            let visible: Vec<usize> = (0..=position).filter(sees).collect();
            let at = |buffer: &[f32], p: usize, i: usize| f64::from(buffer[(p * kv_heads + kv_head) * width + i]);
            let q = &self.q[(row * heads + head) * width..];
            let score = |p: &usize| {
                let product: f64 = (0..width).map(|i| f64::from(q[i]) * at(&self.keys, *p, i)).sum();
                let score = product * f64::from(params.scale);
                let cap = params.softcap.map(f64::from);
                cap.map_or(score, |cap| cap * (score / cap).tanh())
            };
            let scores: Vec<f64> = visible.iter().map(score).collect();
            let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let weights: Vec<f64> = scores.iter().map(|score| (score - largest).exp()).collect();
            let total: f64 = weights.iter().sum();
            for i in 0..width {
                let terms = visible.iter().zip(&weights);
                out.push(terms.map(|(p, weight)| weight / total * at(&self.values, *p, i)).sum());
            }
        }
        out
    }

    fn check(&self) {
        let expected = self.expected();
        for isa in Isa::available() {
            let cpu = on(*isa, 3);
            for dtype in [DType::F32, DType::F16] {
                let found = self.rows(&cpu, self.params.rows.clone(), dtype);
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(&expected) {
                    let error = (f64::from(*found) - expected).abs();
                    assert!(
                        error < 1e-5,
                        "{:?} {:?} {isa:?} {dtype:?}: {error}",
                        self.shape,
                        self.params
                    );
                }
            }
        }
    }
}

#[test]
fn attention_is_that_of_the_formula() {
    for shape in SHAPES {
        for (start, n) in [(0, 1), (0, 9), (17, 1), (17, 20), (63, 2), (64, 1), (100, 70), (200, 1)] {
            for (window, softcap) in [(None, None), (Some(1), None), (Some(8), Some(2.0)), (Some(100), None)] {
                Case::new(shape, start, n, window, softcap).check();
            }
        }
    }
}

/// Each score is larger than the one before it, by more than an exponential can hold; or smaller.
#[test]
fn scores_may_rise_and_fall_without_bounds() {
    for slope in [64.0, -64.0] {
        let mut case = Case::new([4, 1, 32], 150, 3, None, None);
        for (position, key) in case.keys.chunks_exact_mut(32).enumerate() {
            key[0] = slope * position as f32;
        }
        case.q.chunks_exact_mut(32).for_each(|q| q[0] = 3.0);
        case.check();
    }
}

#[test]
fn a_row_does_not_depend_on_the_rows_beside_it_or_on_threads() {
    for shape in SHAPES {
        for window in [None, Some(5), Some(90)] {
            let (case, row) = (Case::new(shape, 40, 100, window, Some(20.0)), shape[0] * shape[2]);
            for isa in Isa::available() {
                for dtype in [DType::F32, DType::F16] {
                    let whole = case.rows(&on(*isa, 1), 0..100, dtype);
                    for (from, to) in [(0, 1), (99, 100), (23, 24), (0, 2), (50, 53), (10, 26), (31, 100)] {
                        for threads in [1, 2, 5] {
                            let cpu = on(*isa, threads);
                            let _awake = cpu.pool.awake();
                            let found = case.rows(&cpu, from..to, dtype);
                            assert!(
                                found == whole[from * row..to * row],
                                "{shape:?} {window:?} {isa:?} {dtype:?} {threads}, rows {from} to {to}: bit for bit"
                            );
                        }
                    }
                }
            }
        }
    }
}

/// What comes after a row, or lies before its window, is not read, whatever it is.
#[test]
fn a_row_knows_only_what_it_sees() {
    for shape in SHAPES {
        let [heads, kv_heads, width] = shape;
        let mut case = Case::new(shape, 70, 30, Some(40), None);
        let row = heads * width;
        let whole = case.rows(&on(Isa::detect(), 2), 0..30, DType::F16);
        let position = kv_heads * width;
        for bad in [f32::NAN, f32::INFINITY] {
            // The tenth row is at position 79 and sees 40 to 79.
            for numbers in [&mut case.keys, &mut case.values] {
                numbers[..40 * position].fill(bad);
                numbers[80 * position..].fill(bad);
            }
            for isa in Isa::available() {
                let found = case.rows(&on(*isa, 2), 0..30, DType::F16);
                if *isa == Isa::detect() {
                    assert!(
                        found[9 * row..10 * row] == whole[9 * row..10 * row],
                        "{shape:?}: bit for bit"
                    );
                }
                let finite = |row_at: usize| found[row_at * row..][..row].iter().all(|x| x.is_finite());
                assert!(finite(9), "{shape:?} {isa:?}");
                assert!(
                    (0..30).all(|at| at == 9 || !finite(at)),
                    "{shape:?} {isa:?}: faults show"
                );
            }
        }
    }
}

#[test]
fn attention_past_the_cache_is_refused() {
    let q = tensor(&noise(1, 32), &[2, 16]);
    let cache = tensor(&noise(2, 64), &[4, 1, 16]);
    let params = Attention {
        rows: 0..2,
        start: 3,
        window: None,
        scale: 1.0,
        softcap: None,
    };
    assert!(attention(&on(Isa::PORTABLE, 1), &q, &cache, &cache, params).is_err());
}
