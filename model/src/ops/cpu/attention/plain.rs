//! Attention in plain code, with as many sums at once as a vector has lanes.

use std::ops::Range;

use super::blocks::{BLOCK, Block, Element, LANES, Vector};

/// Needs no instruction set.
#[derive(Clone, Copy)]
pub(super) struct Plain;

impl<E: Element> Vector<E> for Plain {
    fn widen(self, from: &[E], to: &mut [f32; 8]) {
        let (to, padding) = to.split_at_mut(from.len());
        for (to, from) in to.iter_mut().zip(from) {
            *to = from.widen();
        }
        padding.fill(0.0);
    }

    fn dots<const G: usize>(self, q: &[f32], at: Range<usize>, block: Block<'_, E>, scores: &mut [f32]) {
        let width = q.len() / G;
        for position in at {
            let (key, _) = block.key(position).as_chunks::<8>();
            for (head, q) in q.chunks_exact(width).enumerate() {
                let mut lanes = [0.0; 8];
                for (q, key) in q.as_chunks::<8>().0.iter().zip(key) {
                    for lane in 0..8 {
                        lanes[lane] += q[lane] * key[lane].widen();
                    }
                }
                scores[head * BLOCK + position] = lanes.iter().sum();
            }
        }
    }

    fn add_scaled<const G: usize>(self, scores: &[f32], at: Range<usize>, block: Block<'_, E>, sums: &mut [f32]) {
        let width = sums.len() / G;
        for (head, sums) in sums.chunks_exact_mut(width).enumerate() {
            let scores = &scores[head * BLOCK..][at.clone()];
            for (part, sums) in sums.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                for (position, score) in at.clone().zip(scores) {
                    let value = block.value(position, part * LANES);
                    for (sum, value) in sums.iter_mut().zip(value) {
                        *sum += score * value.widen();
                    }
                }
            }
        }
    }
}
