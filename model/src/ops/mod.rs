//! What the decoder graph calls. Each operation picks the kernel for the device that its operands are on; today that is
//! the processor.
//!
//! Must not know which model it works for.

mod cpu;

use candle_core::{Device, Result, Tensor};

use crate::weights::{Bytes, Format};
use cpu::Cpu;
pub(crate) use cpu::{Attention, Isa};

/// A weight matrix in its stored form: `rows` rows (one for each output) of `cols` numbers.
pub(crate) struct Matrix {
    format: Format,
    rows: usize,
    cols: usize,
    bytes: Bytes,
}

impl Matrix {
    /// `None` where the bytes are not those of such a matrix.
    pub(crate) fn new(format: Format, rows: usize, cols: usize, bytes: Bytes) -> Option<Self> {
        let expected = format.row_bytes(cols)?.checked_mul(rows)?;
        (rows > 0 && cols > 0 && bytes.len() == expected).then_some(Self {
            format,
            rows,
            cols,
            bytes,
        })
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn cols(&self) -> usize {
        self.cols
    }

    /// The stored bytes of a row.
    fn row(&self, row: usize) -> &[u8] {
        let len = self.bytes.len() / self.rows;
        &self.bytes[row * len..][..len]
    }

    /// The stored bytes from a row on, and the bytes of one row.
    fn rows_from(&self, row: usize) -> (&[u8], usize) {
        let len = self.bytes.len() / self.rows;
        (&self.bytes[row * len..], len)
    }

    /// A row as `f32` numbers.
    pub(crate) fn dequantize_row(&self, row: usize, out: &mut [f32]) {
        cpu::dequantize_row(self, row, out);
    }
}

/// The operations of the graph, and what they run on.
pub(crate) struct Ops {
    cpu: Cpu,
}

impl Ops {
    /// Operations on `threads` threads of the processor. The error is the system's, where it could not start one.
    pub(crate) fn new(threads: usize) -> std::io::Result<Self> {
        Ok(Self {
            cpu: Cpu::new(threads)?,
        })
    }

    /// The same in a chosen form, which must be one of [`Isa::available`].
    pub(crate) fn on(isa: Isa, threads: usize) -> std::io::Result<Self> {
        let cpu = Cpu {
            isa,
            ..Cpu::new(threads)?
        };
        Ok(Self { cpu })
    }

    /// How many threads compute.
    pub(crate) fn threads(&self) -> usize {
        self.cpu.pool.threads()
    }

    /// Keeps the threads ready for the operations of a forward pass until the guard is dropped.
    pub(crate) fn awake(&self) -> impl Drop + '_ {
        self.cpu.pool.awake()
    }

    /// `x` [n, w.cols] times the transpose of `w`: [n, w.rows], in `f32`.
    pub(crate) fn matmul(&self, x: &Tensor, w: &Matrix) -> Result<Tensor> {
        cpu::matmul(&self.cpu, x, w)
    }

    /// The rows of `table` that `ids` name, times `scale`: [ids.len(), table.cols]. Every id must be below
    /// `table.rows`.
    pub(crate) fn embed(&self, ids: &[u32], table: &Matrix, scale: f32) -> Result<Tensor> {
        let mut rows = vec![0.0; ids.len() * table.cols()];
        for (row, id) in rows.chunks_exact_mut(table.cols()).zip(ids) {
            table.dequantize_row(*id as usize, row);
            row.iter_mut().for_each(|x| *x *= scale);
        }
        Tensor::from_vec(rows, (ids.len(), table.cols()), &Device::Cpu)
    }

    /// Causal attention of the queries [n, heads, width] over cached keys and values [capacity, kv_heads, width].
    pub(crate) fn attention(&self, q: &Tensor, keys: &Tensor, values: &Tensor, params: Attention) -> Result<Tensor> {
        cpu::attention(&self.cpu, q, keys, values, params)
    }

    /// `gelu(gate) * up`, in the tanh form of the Gaussian error linear unit.
    pub(crate) fn gelu_mul(&self, gate: &Tensor, up: &Tensor) -> Result<Tensor> {
        cpu::gelu_mul(&self.cpu, gate, up)
    }

    /// Root-mean-square normalization over the last dimension, times `weight` (with the +1 already in it).
    pub(crate) fn rms_norm(&self, x: &Tensor, weight: &Tensor, epsilon: f32) -> Result<Tensor> {
        cpu::rms_norm(&self.cpu, x, weight, epsilon)
    }

    /// Rotary embedding in the half-split form. `x` is [n, heads, width], `cos` and `sin` [n, width / 2].
    pub(crate) fn rope(&self, x: &Tensor, cos: &Tensor, sin: &Tensor) -> Result<Tensor> {
        cpu::rope(&self.cpu, x, cos, sin)
    }
}

/// `ln(sum(e^x))` without overflow. NaN where any `x` is.
pub(crate) fn log_sum_exp(x: &[f32]) -> f32 {
    cpu::log_sum_exp(Isa::detect(), x)
}
