//! How fast each kernel is in each form that this machine runs, on made-up operands.

use std::time::{Duration, Instant};

use candle_core::{DType, Device, Result, Tensor};

use super::{BenchError, median, memory_bandwidth};
use crate::ModelSource;
use crate::container::{Bytes, Format};
use crate::ops::{Attention, Isa, Matrix, Norm, Ops};
use crate::source::Embedded;

/// How kernels are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelOptions {
    /// How many threads compute.
    pub threads: usize,
    /// The bytes of a weight matrix: more than caches hold, to see what decoding does.
    pub weight_bytes: usize,
    /// How long each kernel is measured, but at least once.
    pub each: Duration,
}

/// What one kernel took.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelTime {
    /// The kernel, and the weights' format.
    pub kernel: String,
    /// Rows of activations.
    pub rows: usize,
    /// The instructions that it used.
    pub form: &'static str,
    /// The median of some runs.
    pub time: Duration,
    /// Multiplications and additions.
    pub flops: f64,
    /// Bytes of weights, or of cached keys and values.
    pub bytes: f64,
}

/// The columns of every matrix: the width of a 2B Gemma.
const COLS: usize = 2048;

/// Rows of activations: a decoded token, two drafts, and a prompt.
const ROWS: [usize; 4] = [1, 4, 8, 512];

/// Weight rows that meet the rows of a prompt, where arithmetic is the limit.
const PROMPT_WEIGHT_ROWS: usize = 2048;

/// Measures every kernel whose name contains `only`, and tells of each. Gives the bytes a second that the same number
/// of threads read from memory.
pub fn kernels(
    options: &KernelOptions,
    only: &str,
    mut tell: impl FnMut(&KernelTime),
) -> std::result::Result<f64, BenchError> {
    let failed = |what: String| BenchError::Failed(what);
    let forms = Isa::available().iter();
    let forms = forms.map(|isa| Ok((isa.name(), Ops::on(*isa, options.threads)?)));
    let forms: std::io::Result<Vec<_>> = forms.collect();
    let forms = forms.map_err(|error| failed(error.to_string()))?;
    let bandwidth = memory_bandwidth(options.threads);
    for case in cases(options).map_err(|error| failed(error.to_string()))? {
        if !case.kernel.contains(only) {
            continue;
        }
        for (form, ops) in &forms {
            // Sleeping threads would leave it all to this one.
            let _awake = ops.awake();
            let time = time(options, || (case.run)(ops)).map_err(|error| failed(error.to_string()))?;
            tell(&KernelTime {
                kernel: case.kernel.clone(),
                rows: case.rows,
                form,
                time,
                flops: case.flops as f64,
                bytes: case.bytes as f64,
            });
        }
    }
    Ok(bandwidth)
}

fn time(options: &KernelOptions, run: impl Fn() -> Result<()>) -> Result<Duration> {
    run()?;
    let (mut times, begin) = (Vec::new(), Instant::now());
    while times.is_empty() || begin.elapsed() < options.each {
        let begin = Instant::now();
        run()?;
        times.push(begin.elapsed().as_secs_f64());
    }
    Ok(Duration::from_secs_f64(median(&mut times)))
}

struct Case {
    kernel: String,
    rows: usize,
    flops: usize,
    bytes: usize,
    run: Box<Run>,
}

type Run = dyn Fn(&Ops) -> Result<()>;

fn cases(options: &KernelOptions) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    // Whatever the format, these are numbers of a usual size. They live as long as the program, which ends after this.
    let bytes = ModelSource::Embedded(Embedded {
        name: "made-up weights",
        remedy: "",
        bytes: vec![0x2c; options.weight_bytes].leak(),
    });
    let bytes = Bytes::of(&bytes).map_err(candle_core::Error::wrap)?;
    for format in Format::ALL {
        let row_bytes = format.row_bytes(COLS).expect("whole blocks");
        for rows in ROWS {
            let fit = options.weight_bytes / row_bytes;
            let outputs = if rows > 8 { fit.min(PROMPT_WEIGHT_ROWS) } else { fit };
            let part = bytes.slice(0..outputs * row_bytes).expect("as many as fit");
            let w = Matrix::new(format, outputs, COLS, part).expect("whole rows");
            let (x, out) = (numbers(&[rows, COLS])?, numbers(&[rows, outputs])?);
            cases.push(Case {
                kernel: format!("product {}", format.name()),
                rows,
                flops: 2 * rows * COLS * outputs,
                bytes: outputs * row_bytes,
                run: Box::new(move |ops| ops.matmul(&x, &w, &out)),
            });
        }
    }
    cases.extend([attention(1)?, attention(4)?, attention(64)?]);
    for rows in [1, 512] {
        let norm = || {
            let weight = numbers(&[COLS])?;
            Ok::<_, candle_core::Error>(Norm { weight, epsilon: 1e-6 })
        };
        let (x, out, first) = (numbers(&[rows, COLS])?, numbers(&[rows, COLS])?, norm()?);
        cases.push(small("norm", rows, COLS, move |ops| ops.rms_norm(&x, 0, &first, &out)));
        let (x, h, norm) = (numbers(&[rows, COLS])?, numbers(&[rows, COLS])?, norm()?);
        // Results take the place of operands, which must not run out of the range of usual numbers.
        cases.push(small("residual", rows, COLS, move |ops| ops.add(&x, &h, Some(&norm))));
        let same = |number: f32, width| Tensor::full(number, (rows, width), &Device::Cpu);
        let (gate, up) = (same(8.0, 8 * COLS)?, same(1.0, 8 * COLS)?);
        cases.push(small("gated activation", rows, 8 * COLS, move |ops| {
            ops.gelu_mul(&gate, &up)
        }));
        let (x, angles) = (numbers(&[rows, COLS])?, same(0.5_f32.sqrt(), 256)?);
        cases.push(small("rotation", rows, COLS, move |ops| ops.rope(&x, &angles, None)));
    }
    Ok(cases)
}

/// The attention of a 2B Gemma over what a half-full context holds.
fn attention(rows: usize) -> Result<Case> {
    const HEADS: usize = 8;
    const WIDTH: usize = 256;
    const CACHED: usize = 4096;
    let q = numbers(&[rows, HEADS * WIDTH])?;
    let cache = numbers(&[CACHED, 1, WIDTH])?.to_dtype(DType::F16)?;
    let params = Attention {
        rows: 0..rows,
        start: CACHED - rows,
        window: None,
        scale: 0.0625,
        softcap: None,
    };
    Ok(Case {
        kernel: "attention F16".to_owned(),
        rows,
        flops: 4 * rows * HEADS * WIDTH * (CACHED - rows / 2),
        bytes: 2 * 2 * CACHED * WIDTH,
        run: Box::new(move |ops| ops.attention(&q, &cache, &cache, params.clone())),
    })
}

/// An operation that is counted in the bytes that it reads.
fn small(kernel: &str, rows: usize, width: usize, run: impl Fn(&Ops) -> Result<()> + 'static) -> Case {
    Case {
        kernel: kernel.to_owned(),
        rows,
        flops: 0,
        bytes: 4 * rows * width,
        run: Box::new(run),
    }
}

/// Numbers from -1 to 1.
fn numbers(shape: &[usize]) -> Result<Tensor> {
    let len: usize = shape.iter().product();
    let numbers: Vec<f32> = (0..len).map(|at| (at * 7919 % 2001) as f32 / 1000.0 - 1.0).collect();
    Tensor::from_vec(numbers, shape, &Device::Cpu)
}
