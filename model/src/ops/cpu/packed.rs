//! Eight weight rows packed side by side, a byte for each number: the form in which they meet activations.
//!
//! Four consecutive bytes of a row stand beside the same four of the other rows, so that one 32-byte vector holds four
//! columns of eight rows, and a multiplication by four activations, repeated eight times, gives a sum for each row.
//! Nothing has to be added across a vector, and scales come as vectors too.

use super::blocks::{self, Scaling};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::wide;
use super::{InstructionSet, Isa};
use crate::container::Format;

/// Weight rows that are packed together.
pub(super) const ROWS: usize = 8;

/// Columns that are packed at a time; a multiple of every block, small enough for the first-level cache.
pub(super) const CHUNK: usize = 1024;

/// Eight rows of up to [`CHUNK`] columns. The room for them is in the types, so that kernels that are given no more columns
/// stay within it.
pub(super) struct PackedRows {
    /// [columns / 4][8 rows][4]: bytes, unsigned unless the format's are signed.
    pub(super) q: Box<[u8; ROWS * CHUNK]>,
    /// [blocks][8 rows]: scale of a plain block, `d` of a K block.
    pub(super) scale: Box<[[f32; ROWS]; CHUNK / 32]>,
    /// [blocks][8 rows]: what a plain block adds, `d_min` of a K block.
    pub(super) min: Box<[[f32; ROWS]; CHUNK / 32]>,
    /// [runs][8 rows][2]: the scales of a K format's runs, each twice.
    pub(super) run_scale: Box<[[[i16; 2]; ROWS]; CHUNK / 16]>,
    /// [pairs of runs][8 rows][2]: the minima of two runs.
    pub(super) run_min: Box<[[[i16; 2]; ROWS]; CHUNK / 32]>,
}

impl Default for PackedRows {
    fn default() -> Self {
        Self {
            q: Box::new([0; ROWS * CHUNK]),
            scale: Box::new([[0.0; ROWS]; CHUNK / 32]),
            min: Box::new([[0.0; ROWS]; CHUNK / 32]),
            run_scale: Box::new([[[0; 2]; ROWS]; CHUNK / 16]),
            run_min: Box::new([[[0; 2]; ROWS]; CHUNK / 32]),
        }
    }
}

/// A piece of eight stored rows.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a> {
    /// Begins with the first row's piece.
    pub(super) bytes: &'a [u8],
    /// Bytes from a row to the next.
    pub(super) stride: usize,
    /// Blocks of each row.
    pub(super) blocks: usize,
    /// How many bytes on lies what will be packed next. It is fetched into the cache meanwhile: eight rows are eight
    /// short streams, too short for the processor to see by itself where they lead.
    pub(super) ahead: usize,
}

impl Stored<'_> {
    /// Whether the bytes hold the blocks of eight rows.
    pub(super) fn is_whole(&self, format: Format) -> bool {
        let last = self.blocks * format.block_bytes();
        let before = self.bytes.len().checked_sub(last);
        before.is_some_and(|before| self.stride <= before / (ROWS - 1))
    }
}

impl PackedRows {
    /// Packs a piece of eight stored rows, at most [`CHUNK`] columns.
    pub(super) fn pack(&mut self, isa: Isa, format: Format, scaling: Scaling, stored: Stored<'_>) {
        assert!(
            stored.blocks * format.block_len() <= CHUNK && stored.is_whole(format),
            "eight rows that fit"
        );
        let done = match isa.set() {
            InstructionSet::Portable => false,
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            // SAFETY: `Isa::available` gives all others only where the processor says that it has the instruction set of
            // `simd`; that the rows hold their blocks and that these fit is asserted above.
            _ => unsafe { wide::pack(self, format, stored) },
        };
        if !done {
            self.pack_portable(format, scaling, stored);
        }
    }

    fn pack_portable(&mut self, format: Format, scaling: Scaling, stored: Stored<'_>) {
        for (row, bytes) in stored.bytes.chunks(stored.stride).take(ROWS).enumerate() {
            for (at, block) in bytes.chunks_exact(format.block_bytes()).take(stored.blocks).enumerate() {
                match scaling {
                    Scaling::Signed if format == Format::IQ4_XS => {
                        let mut q = [0; 256];
                        for (run, scale) in blocks::iq4_xs(block, &mut q).into_iter().enumerate() {
                            self.scale[8 * at + run][row] = scale;
                        }
                        self.put_q(row, 256 * at, &q);
                    }
                    Scaling::Super { run, .. } => {
                        let mut q = [0; 256];
                        let (d, d_min, runs) = blocks::superblock(format, block, &mut q);
                        self.put_q(row, 256 * at, &q);
                        (self.scale[at][row], self.min[at][row]) = (d, d_min);
                        self.put_runs(row, at, 256 / run, &runs);
                    }
                    Scaling::Offset(_) | Scaling::Added | Scaling::Signed => {
                        let mut q = [0; 32];
                        (self.scale[at][row], self.min[at][row]) = blocks::plain(format, block, &mut q);
                        self.put_q(row, 32 * at, &q);
                    }
                }
            }
        }
    }

    fn put_q(&mut self, row: usize, column: usize, q: &[u8]) {
        let vectors = self.q[ROWS * column..].as_chunks_mut::<{ 4 * ROWS }>().0;
        for (vector, q) in vectors.iter_mut().zip(q.as_chunks::<4>().0) {
            vector[4 * row..4 * row + 4].copy_from_slice(q);
        }
    }

    fn put_runs(&mut self, row: usize, block: usize, count: usize, runs: &blocks::Runs) {
        for run in 0..count {
            self.run_scale[block * count + run][row] = [runs.scale[run]; 2];
            self.run_min[(block * count + run) / 2][row][run % 2] = runs.min[run];
        }
    }
}
