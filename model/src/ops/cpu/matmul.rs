//! The product of activations with a stored weight matrix, as a candle operation.
//!
//! Threads take panels of weight rows. A panel is unpacked once and then meets every activation row, so that weights
//! are read once whatever the number of rows.

use std::cell::RefCell;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::dot::{self, QuantizedActivations, QuantizedRows, ROWS, padded};
use super::unpack::{self, Grouping, QuantRow};
use super::{Isa, SharedOut};
use crate::ops::Matrix;

/// Weight rows that are unpacked together; small enough for the second-level cache at any row length that occurs.
const PANEL: usize = 16;

/// Activation rows that meet a panel together, so that they and a kernel call's weights stay in the first-level cache.
const TILE: usize = 8;

/// `x` [n, w.cols] times the transpose of `w`: [n, w.rows], in `f32`.
pub(crate) fn matmul(isa: Isa, x: &Tensor, w: &Matrix) -> Result<Tensor> {
    x.apply_op1_no_bwd(&MatMul { isa, w })
}

/// Row `row` of a matrix as `f32` numbers, `out.len()` being its number of columns.
pub(crate) fn dequantize_row(isa: Isa, w: &Matrix, row: usize, out: &mut [f32]) {
    unpack::floats(isa, w.format(), w.row(row), out);
}

struct MatMul<'a> {
    isa: Isa,
    w: &'a Matrix,
}

impl CustomOp1 for MatMul<'_> {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, cols) = layout.shape().dims2()?;
        if cols != self.w.cols() {
            candle_core::bail!("matmul of [{n}, {cols}] with a matrix of {} columns", self.w.cols());
        }
        let x = contiguous(storage, layout)?;
        let mut out = vec![0.0; n * self.w.rows()];
        match Grouping::of(self.w.format()) {
            Some(grouping) => {
                let x: Vec<_> = x
                    .par_chunks_exact(cols)
                    .map(|x| QuantizedActivations::new(self.isa, x))
                    .collect();
                run(self.w, &mut out, |panel, rows, scratch, put| {
                    scratch.unpack_quantized(self.isa, self.w, grouping, panel, rows);
                    for (tile, x) in x.chunks(TILE).enumerate() {
                        for first in (0..rows).step_by(ROWS) {
                            let w = scratch.quantized_rows(cols, grouping, first);
                            for (at, x) in x.iter().enumerate() {
                                put(tile * TILE + at, first, dot::quantized(self.isa, &w, x));
                            }
                        }
                    }
                });
            }
            None => run(self.w, &mut out, |panel, rows, scratch, put| {
                scratch.unpack_floats(self.isa, self.w, panel, rows);
                for first in (0..rows).step_by(ROWS) {
                    let w = &scratch.floats[first * cols..][..ROWS * cols];
                    for (at, x) in x.chunks_exact(cols).enumerate() {
                        put(at, first, dot::floats(self.isa, w, x));
                    }
                }
            }),
        }
        Ok((CpuStorage::F32(out), Shape::from((n, self.w.rows()))))
    }
}

/// The numbers of a contiguous `f32` tensor.
pub(super) fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => candle_core::bail!("a kernel needs contiguous input"),
    }
}

/// Calls `work(panel's first row, its number of rows, scratch, put)` for every panel, in parallel. `put(activation
/// row, first weight row within the panel, products)` stores results.
fn run(
    w: &Matrix,
    out: &mut [f32],
    work: impl Fn(usize, usize, &mut Scratch, &dyn Fn(usize, usize, [f32; ROWS])) + Sync,
) {
    thread_local! {
        static SCRATCH: RefCell<Scratch> = RefCell::default();
    }
    let total = w.rows();
    let out = SharedOut::new(out);
    let panels = total.div_ceil(PANEL);
    // A task of several panels keeps the cost of scheduling small beside the work.
    let tasks = (4 * rayon::current_num_threads()).min(panels);
    (0..tasks).into_par_iter().for_each(|task| {
        SCRATCH.with_borrow_mut(|scratch| {
            for panel in task * panels / tasks..(task + 1) * panels / tasks {
                let start = panel * PANEL;
                let rows = PANEL.min(total - start);
                let put = |x_row: usize, first: usize, products: [f32; ROWS]| {
                    let wanted = ROWS.min(rows - first);
                    // SAFETY: each weight row belongs to one panel and each panel to one task, so that no other thread
                    // touches these columns; the borrow ends with this statement.
                    unsafe { out.slice(x_row * total + start + first, wanted) }.copy_from_slice(&products[..wanted]);
                };
                work(start, rows, scratch, &put);
            }
        });
    });
}

/// A thread's unpacked panel. Kept between calls, so that steady-state decoding does not allocate it anew.
#[derive(Default)]
struct Scratch {
    q: Vec<u8>,
    scale: Vec<f32>,
    min: Vec<f32>,
    floats: Vec<f32>,
}

impl Scratch {
    fn unpack_quantized(&mut self, isa: Isa, w: &Matrix, grouping: Grouping, start: usize, rows: usize) {
        let (cols, groups) = (w.cols(), w.cols() / grouping.len);
        // Whole kernel calls: rows past the matrix's end hold leftovers whose products are not stored.
        let room = rows.next_multiple_of(ROWS);
        self.q.resize(self.q.len().max(room * cols), 0);
        self.scale.resize(self.scale.len().max(room * groups), 0.0);
        self.min.resize(self.min.len().max(room * padded(groups)), 0.0);
        for row in 0..rows {
            let min = &mut self.min[row * padded(groups)..][..padded(groups)];
            min[groups..].fill(0.0);
            let unpacked = QuantRow {
                q: &mut self.q[row * cols..][..cols],
                scale: &mut self.scale[row * groups..][..groups],
                min: &mut min[..groups],
            };
            unpack::quantized(isa, w.format(), w.row(start + row), unpacked);
        }
    }

    fn quantized_rows(&self, cols: usize, grouping: Grouping, first: usize) -> QuantizedRows<'_> {
        let groups = cols / grouping.len;
        QuantizedRows {
            q: &self.q[first * cols..][..ROWS * cols],
            scale: &self.scale[first * groups..][..ROWS * groups],
            min: &self.min[first * padded(groups)..][..ROWS * padded(groups)],
            group: grouping.len,
            signed: grouping.signed,
        }
    }

    fn unpack_floats(&mut self, isa: Isa, w: &Matrix, start: usize, rows: usize) {
        let cols = w.cols();
        self.floats
            .resize(self.floats.len().max(rows.next_multiple_of(ROWS) * cols), 0.0);
        for row in 0..rows {
            unpack::floats(
                isa,
                w.format(),
                w.row(start + row),
                &mut self.floats[row * cols..][..cols],
            );
        }
    }
}
