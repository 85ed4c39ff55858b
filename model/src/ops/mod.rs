//! What the decoder graph calls. Each operation picks the kernel for the device that its operands are on; today that is
//! the processor. Results go to tensors that are there, `f32` all of them but the cache.
//!
//! Must not know which model it works for.

mod cpu;
mod isa;
mod params;

use std::ops::Range;

use candle_core::{Result, Storage, Tensor};

use crate::container::{Bytes, Format};
use crate::memory;
use cpu::Cpu;
pub(crate) use isa::Isa;
pub(crate) use params::{Attention, Norm};

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

    /// Kernels in a chosen form.
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

    /// Writes `x` [n, w.cols] times the transpose of `w` to `out` [n, w.rows].
    pub(crate) fn matmul(&self, x: &Tensor, w: &Matrix, out: &Tensor) -> Result<()> {
        cpu::matmul(&self.cpu, x, w, out)
    }

    /// Writes the rows of `table` that `ids` name, times `scale`, to `out` [ids.len(), table.cols].
    pub(crate) fn embed(&self, ids: &[u32], table: &Matrix, scale: f32, out: &Tensor) -> Result<()> {
        cpu::embed(&self.cpu, ids, table, scale, out)
    }

    /// Writes the angles by which a rotary embedding turns pairs at `positions` to `out`, as [`Ops::rope`] takes them:
    /// [positions.len(), 2 * frequencies.len()].
    pub(crate) fn angles(&self, positions: &[usize], frequencies: &[f64], out: &Tensor) -> Result<()> {
        cpu::angles(&self.cpu, positions, frequencies, out)
    }

    /// Normalizes each head of `x` [n, heads * width] where there is a norm, and rotates its pairs in the half-split form
    /// by `angles` [n, width].
    pub(crate) fn rope(&self, x: &Tensor, angles: &Tensor, norm: Option<&Norm>) -> Result<()> {
        cpu::rope(&self.cpu, x, angles, norm)
    }

    /// Writes `rows` of `x` [n, heads * width] to `cache` [capacity, heads, width] from position `at` on.
    pub(crate) fn store(&self, x: &Tensor, rows: Range<usize>, cache: &Tensor, at: usize) -> Result<()> {
        cpu::store(x, rows, cache, at)
    }

    /// Puts causal attention over cached keys and values [capacity, kv_heads, width] in the place of the queries of a
    /// sequence, which are rows of `q` [n, heads * width].
    pub(crate) fn attention(&self, q: &Tensor, keys: &Tensor, values: &Tensor, params: Attention) -> Result<()> {
        cpu::attention(&self.cpu, q, keys, values, params)
    }

    /// Makes `gate` `gelu(gate) * up`, in the tanh form of the Gaussian error linear unit.
    pub(crate) fn gelu_mul(&self, gate: &Tensor, up: &Tensor) -> Result<()> {
        cpu::gelu_mul(&self.cpu, gate, up)
    }

    /// Writes the rows of `x` [n, width] from row `from` on, normalized, to `out` [n - from, width].
    pub(crate) fn rms_norm(&self, x: &Tensor, from: usize, norm: &Norm, out: &Tensor) -> Result<()> {
        cpu::rms_norm(&self.cpu, x, from, norm, out)
    }

    /// Adds `h`, normalized where there is a norm, to `x`; both [n, width].
    pub(crate) fn add(&self, x: &Tensor, h: &Tensor, norm: Option<&Norm>) -> Result<()> {
        cpu::add(&self.cpu, x, h, norm)
    }

    /// Makes every `x` `cap * tanh(x / cap)`.
    pub(crate) fn softcap(&self, x: &Tensor, cap: f32) -> Result<()> {
        cpu::softcap(&self.cpu, x, cap)
    }
}

/// Adds the numbers of a contiguous `f32` tensor to `to`.
pub(crate) fn read(x: &Tensor, to: &mut Vec<f32>) -> Result<()> {
    let (storage, layout) = x.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(storage), Some((start, end))) => {
            memory::reserve(to, end - start)?;
            to.extend_from_slice(&storage.as_slice::<f32>()?[start..end]);
        }
        _ => candle_core::bail!("only contiguous numbers in the processor's memory can be read"),
    }
    Ok(())
}

/// Numbers of any format as `f32`: whole blocks, as many as fill `out`.
pub(crate) fn dequantize(format: Format, bytes: &[u8], out: &mut [f32]) {
    cpu::dequantize(format, bytes, out);
}

/// `ln(sum(e^x))` without overflow. NaN where any `x` is.
pub(crate) fn log_sum_exp(x: &[f32]) -> f32 {
    cpu::log_sum_exp(Isa::detect(), x)
}
