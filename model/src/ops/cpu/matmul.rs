//! The product of activations with a stored weight matrix, as a candle operation.
//!
//! Threads take weight rows, 16 at a time. These are packed once and then meet every activation row, so that weights are
//! read once whatever the number of rows. For a few activation rows they are taken eight at a time and not packed at all.

use std::cell::RefCell;

use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Tensor};

use super::activations::Activations;
use super::blocks::{self, Scaling};
use super::packed::{self, PackedRows, Stored};
use super::{Cpu, SharedOut, contiguous, contiguous_mut, dot};
use crate::ops::Matrix;

/// Writes `x` [n, w.cols] times the transpose of `w` to `out` [n, w.rows].
pub(crate) fn matmul(cpu: &Cpu, x: &Tensor, w: &Matrix, out: &Tensor) -> Result<()> {
    out.inplace_op2(x, &MatMul { cpu, w })
}

/// Row `row` of a matrix as `f32` numbers, `out.len()` being its number of columns.
pub(crate) fn dequantize_row(w: &Matrix, row: usize, out: &mut [f32]) {
    blocks::dequantize(w.format(), w.row(row), out);
}

struct MatMul<'a> {
    cpu: &'a Cpu,
    w: &'a Matrix,
}

impl InplaceOp2 for MatMul<'_> {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn cpu_fwd(&self, out: &mut CpuStorage, out_layout: &Layout, x: &CpuStorage, x_layout: &Layout) -> Result<()> {
        let (n, cols) = x_layout.shape().dims2()?;
        if cols != self.w.cols() {
            candle_core::bail!("matmul of [{n}, {cols}] with a matrix of {} columns", self.w.cols());
        }
        if out_layout.shape().dims2()? != (n, self.w.rows()) {
            let (rows, out) = (self.w.rows(), out_layout.shape());
            candle_core::bail!("matmul of {n} rows with a matrix of {rows} rows to {out:?}");
        }
        let (x, out) = (contiguous(x, x_layout)?, contiguous_mut(out, out_layout)?);
        match Scaling::of(self.w.format()) {
            Some(scaling) => ACTIVATIONS.with_borrow_mut(|activations| {
                activations.fill(self.cpu, scaling, x, cols);
                self.quantized(scaling, activations, n, out);
            }),
            None => self.floats(x, out),
        }
        Ok(())
    }
}

thread_local! {
    /// Kept between calls, like the threads' working memory.
    static ACTIVATIONS: RefCell<Activations> = RefCell::default();
}

/// A thread's working memory. Kept between calls, so that steady-state decoding does not allocate it anew.
#[derive(Default)]
struct Scratch {
    packed: [PackedRows; 2],
    /// For each eight weight rows, a vector of sums for each activation row.
    sums: Vec<[f32; packed::ROWS]>,
    /// The stored bytes of the last weight rows, where they are fewer than are taken at a time.
    tail: Vec<u8>,
    /// Rows of a float format as `f32` numbers.
    floats: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl MatMul<'_> {
    fn quantized(&self, scaling: Scaling, x: &Activations, n: usize, out: &mut [f32]) {
        let (w, isa) = (self.w, self.cpu.isa);
        let put = SharedOut::new(out);
        let gemv = dot::has_gemv(isa, w.format(), n);
        let size = if gemv { packed::ROWS } else { 2 * packed::ROWS };
        self.in_row_groups(size, |start, rows, scratch| {
            let Scratch { packed, sums, tail, .. } = scratch;
            sums.clear();
            sums.resize(size / packed::ROWS * n, [0.0; packed::ROWS]);
            let (mut bytes, stride) = w.rows_from(start);
            if rows < size {
                // Past the matrix's end there are zeros, whose sums are not stored.
                tail.clear();
                tail.extend_from_slice(bytes);
                tail.resize(size * stride, 0);
                bytes = tail;
            }
            let whole = Stored {
                bytes,
                stride,
                blocks: w.cols() / w.format().block_len(),
                ahead: size * stride,
            };
            if gemv {
                dot::gemv(isa, w.format(), whole, &mut packed[0], x, sums);
            } else {
                self.in_chunks(scaling, whole, packed, x, sums);
            }
            for row in 0..n {
                // SAFETY: `in_row_groups` gives each weight row to one part, once, so that no other thread borrows these
                // columns; this borrow ends with the loop's turn. `slice` checks the bounds.
                let out = unsafe { put.slice(row * w.rows() + start, rows) };
                for (out, sums) in out.chunks_mut(packed::ROWS).zip(scratch.sums[row..].iter().step_by(n)) {
                    match out.as_mut_array() {
                        Some(out) => *out = *sums,
                        None => out.copy_from_slice(&sums[..out.len()]),
                    }
                }
            }
        });
    }

    /// Packs 16 rows some columns at a time, and adds their products to the sums of each eight.
    fn in_chunks(
        &self,
        scaling: Scaling,
        whole: Stored<'_>,
        packed: &mut [PackedRows; 2],
        x: &Activations,
        sums: &mut [[f32; packed::ROWS]],
    ) {
        let (isa, format) = (self.cpu.isa, self.w.format());
        let (first, second) = sums.split_at_mut(sums.len() / 2);
        for column in (0..x.cols).step_by(packed::CHUNK) {
            let cols = packed::CHUNK.min(x.cols - column);
            let begin = column / format.block_len() * format.block_bytes();
            let blocks = cols / format.block_len();
            // Next come these rows' next columns, or the rows after them.
            let last = column + cols == x.cols;
            let ahead = if last {
                whole.ahead - begin
            } else {
                blocks * format.block_bytes()
            };
            for (at, packed) in packed.iter_mut().enumerate() {
                let stored = Stored {
                    bytes: &whole.bytes[at * packed::ROWS * whole.stride + begin..],
                    blocks,
                    ahead,
                    ..whole
                };
                packed.pack(isa, format, scaling, stored);
            }
            let operands = dot::Operands {
                format,
                packed: packed.each_ref(),
                x,
                column,
                cols,
            };
            dot::gemm(isa, &operands, [first, second]);
        }
    }

    fn floats(&self, x: &[f32], out: &mut [f32]) {
        const ROWS: usize = 4;
        let (w, cols) = (self.w, self.w.cols());
        let put = SharedOut::new(out);
        self.in_row_groups(ROWS, |start, rows, scratch| {
            scratch.floats.resize(ROWS * cols, 0.0);
            for (row, out) in scratch.floats.chunks_exact_mut(cols).enumerate() {
                blocks::dequantize(w.format(), w.row(start + row.min(rows - 1)), out);
            }
            for (row, x) in x.chunks_exact(cols).enumerate() {
                let products = dot::floats(self.cpu.isa, &scratch.floats, x);
                // SAFETY: `in_row_groups` gives each weight row to one part, once, and this borrow ends with the statement.
                unsafe { put.slice(row * w.rows() + start, rows) }.copy_from_slice(&products[..rows]);
            }
        });
    }

    /// Calls `work(first row, number of rows, scratch)` for every `size` weight rows, in parallel.
    fn in_row_groups(&self, size: usize, work: impl Fn(usize, usize, &mut Scratch) + Sync) {
        let total = self.w.rows();
        self.cpu.split(total.div_ceil(size), 1, |groups| {
            SCRATCH.with_borrow_mut(|scratch| {
                for start in groups.map(|group| group * size) {
                    work(start, size.min(total - start), scratch);
                }
            });
        });
    }
}
