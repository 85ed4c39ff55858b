//! The product of activations with a stored weight matrix, as a candle operation.
//!
//! Threads take panels of weight rows, two at a time. A panel is unpacked once and then meets every activation row, so
//! that weights are read once whatever the number of rows. For a few activation rows it is not unpacked at all.

use std::cell::RefCell;

use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Tensor};

use super::activations::Activations;
use super::blocks::{self, Scaling};
use super::panel::{self, Panel, Stored};
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
    panels: [Panel; 2],
    /// For each panel, a vector of sums for each activation row.
    sums: Vec<[f32; panel::ROWS]>,
    /// The stored bytes of a last panel that is not full.
    tail: Vec<u8>,
    /// Unpacked rows of a float format.
    floats: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

impl MatMul<'_> {
    fn quantized(&self, scaling: Scaling, x: &Activations, n: usize, out: &mut [f32]) {
        let (w, isa) = (self.w, self.cpu.isa);
        let put = SharedOut::new(out);
        let few = dot::has_few(isa, w.format(), n);
        let size = if few { panel::ROWS } else { 2 * panel::ROWS };
        self.in_panels(size, |start, rows, scratch| {
            let Scratch { panels, sums, tail, .. } = scratch;
            sums.clear();
            sums.resize(size / panel::ROWS * n, [0.0; panel::ROWS]);
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
                blocks: w.cols() / scaling.block(),
                ahead: size * stride,
            };
            if few {
                dot::few(isa, w.format(), whole, &mut panels[0], x, sums);
            } else {
                self.in_chunks(scaling, whole, panels, x, sums);
            }
            for row in 0..n {
                // SAFETY: each weight row belongs to one task, so that no other thread touches these columns; the borrow
                // ends with the loop's turn.
                let out = unsafe { put.slice(row * w.rows() + start, rows) };
                for (out, sums) in out.chunks_mut(panel::ROWS).zip(scratch.sums[row..].iter().step_by(n)) {
                    match out.as_mut_array() {
                        Some(out) => *out = *sums,
                        None => out.copy_from_slice(&sums[..out.len()]),
                    }
                }
            }
        });
    }

    /// Unpacks the rows of two panels some columns at a time, and adds their products to the sums of each.
    fn in_chunks(
        &self,
        scaling: Scaling,
        whole: Stored<'_>,
        panels: &mut [Panel; 2],
        x: &Activations,
        sums: &mut [[f32; panel::ROWS]],
    ) {
        let (isa, format) = (self.cpu.isa, self.w.format());
        let (first, second) = sums.split_at_mut(sums.len() / 2);
        for column in (0..x.cols).step_by(panel::CHUNK) {
            let cols = panel::CHUNK.min(x.cols - column);
            let begin = column / scaling.block() * format.block_bytes();
            let blocks = cols / scaling.block();
            // Next come these rows' next columns, or the rows after them.
            let last = column + cols == x.cols;
            let ahead = if last {
                whole.ahead - begin
            } else {
                blocks * format.block_bytes()
            };
            for (at, panel) in panels.iter_mut().enumerate() {
                let stored = Stored {
                    bytes: &whole.bytes[at * panel::ROWS * whole.stride + begin..],
                    blocks,
                    ahead,
                    ..whole
                };
                panel.unpack(isa, format, scaling, stored);
            }
            let operands = dot::Operands {
                format,
                panels: panels.each_ref(),
                x,
                column,
                cols,
            };
            dot::accumulate(isa, &operands, [first, second]);
        }
    }

    fn floats(&self, x: &[f32], out: &mut [f32]) {
        const ROWS: usize = 4;
        let (w, cols) = (self.w, self.w.cols());
        let put = SharedOut::new(out);
        self.in_panels(ROWS, |start, rows, scratch| {
            scratch.floats.resize(ROWS * cols, 0.0);
            for (row, out) in scratch.floats.chunks_exact_mut(cols).enumerate() {
                blocks::dequantize(w.format(), w.row(start + row.min(rows - 1)), out);
            }
            for (row, x) in x.chunks_exact(cols).enumerate() {
                let products = dot::floats(self.cpu.isa, &scratch.floats, x);
                // SAFETY: as above.
                unsafe { put.slice(row * w.rows() + start, rows) }.copy_from_slice(&products[..rows]);
            }
        });
    }

    /// Calls `work(first row, number of rows, scratch)` for every panel of `size` weight rows, in parallel.
    fn in_panels(&self, size: usize, work: impl Fn(usize, usize, &mut Scratch) + Sync) {
        let total = self.w.rows();
        self.cpu.split(total.div_ceil(size), 1, |panels| {
            SCRATCH.with_borrow_mut(|scratch| {
                for start in panels.map(|panel| panel * size) {
                    work(start, size.min(total - start), scratch);
                }
            });
        });
    }
}
