//! The online softmax over blocks of positions.
//!
//! A query meets the positions that it sees block by block, the blocks beginning at multiples of their length. It keeps
//! its largest score so far, the sum of the exponentials relative to that, and the sum of the values weighted by them;
//! both sums shrink when a larger score comes. Products and sums are taken in the order of the positions.

use std::ops::Range;

use half::f16;

use super::super::math::{exp, tanh};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::super::simd;
use super::Attention;

/// How many positions make a block.
pub(super) const BLOCK: usize = 64;

/// Columns that are taken together. Widths are padded with zeros to a multiple of this.
pub(super) const LANES: usize = 16;

/// Eights of such columns.
const EIGHTS: usize = LANES / 8;

/// The most queries that meet the positions of a block in one pass.
const TILE: usize = 4;

/// From how many queries on it pays to widen the keys and values of a block first.
const WIDEN: usize = 12;

/// The keys and values of one head, from the first position on.
#[derive(Clone, Copy)]
pub(super) struct Cached<'a, E> {
    pub(super) keys: &'a [E],
    pub(super) values: &'a [E],
    /// From a position to the next one.
    pub(super) stride: usize,
    pub(super) width: usize,
}

/// The keys and values of a block in the layout that they are read in.
#[derive(Clone, Copy)]
pub(super) struct Block<'a, E> {
    keys: &'a [E],
    /// From the key of a position to the next one, where they do not lie together.
    key_stride: usize,
    values: &'a [E],
    /// From [`LANES`] columns of a value to those of the next position.
    value_stride: usize,
    /// From [`LANES`] columns of a value to the next ones.
    lanes_stride: usize,
    /// The width, padded.
    width: usize,
    /// How many values are added at a time: few where they lie far apart.
    pub(super) step: usize,
}

impl<'a, E> Block<'a, E> {
    #[inline(always)]
    pub(super) fn key(&self, position: usize) -> &'a [E] {
        &self.keys[position * self.key_stride..][..self.width]
    }

    /// The keys of this position and of the next one, which lie together: eight columns of one, then of the other.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) fn two_keys(&self, position: usize) -> &'a [E] {
        &self.keys[position * self.width..][..2 * self.width]
    }

    /// Some columns of a value.
    #[inline(always)]
    pub(super) fn value(&self, position: usize, column: usize) -> &'a [E; LANES] {
        let at = position * self.value_stride + column / LANES * self.lanes_stride;
        self.values[at..][..LANES]
            .as_array()
            .expect("as many as were asked for")
    }
}

/// The working memory of a task. Kept between calls.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) queries: Queries,
    widened: Widened,
}

/// The queries of a task, and what is known of each.
#[derive(Default)]
pub(super) struct Queries {
    /// The width, padded.
    width: usize,
    /// The positions that each sees: they begin and end no earlier than those of the query before.
    sees: Vec<Range<usize>>,
    /// [queries, width]
    q: Vec<f32>,
    /// The weighted sums of values [queries, width].
    sums: Vec<f32>,
    /// The largest scores.
    largest: Vec<f32>,
    /// The sums of exponentials.
    totals: Vec<f32>,
    /// [TILE, BLOCK]
    scores: Vec<f32>,
}

/// The keys and values of a block as `f32` numbers.
#[derive(Default)]
struct Widened {
    /// [BLOCK / TOGETHER, width / 8, TOGETHER, 8]: see [`Vector::TOGETHER`].
    keys: Vec<f32>,
    /// [width / LANES, BLOCK, LANES]
    values: Vec<f32>,
}

impl Queries {
    /// Forgets all queries.
    pub(super) fn begin(&mut self, width: usize) {
        self.width = width.next_multiple_of(LANES);
        self.sees.clear();
        self.q.clear();
    }

    /// Adds a query, its scale in it, that sees some positions.
    pub(super) fn push(&mut self, q: &[f32], scale: f32, sees: Range<usize>) {
        self.sees.push(sees);
        self.q.extend(q.iter().map(|q| q * scale));
        self.q.resize(self.sees.len() * self.width, 0.0);
    }

    /// What attention gives for a query.
    pub(super) fn give(&self, query: usize, out: &mut [f32]) {
        let inverse = 1.0 / self.totals[query];
        for (out, sum) in out.iter_mut().zip(&self.sums[query * self.width..]) {
            *out = sum * inverse;
        }
    }
}

/// Attention of all queries in `scratch`, by way of `from_cache` from the cache itself, by way of `from_widened` from widened
/// blocks.
#[inline(always)]
pub(super) fn attend<E: Element, V: Vector<E>, W: Vector<f32>>(
    from_cache: V,
    from_widened: W,
    params: &Attention,
    cached: Cached<'_, E>,
    scratch: &mut Scratch,
) {
    let Scratch { queries, widened } = scratch;
    let (count, width) = (queries.sees.len(), queries.width);
    let (Some(first), Some(last)) = (queries.sees.first(), queries.sees.last()) else {
        return;
    };
    let seen = first.start..last.end;
    queries.sums.clear();
    queries.sums.resize(count * width, 0.0);
    queries.largest.clear();
    queries.largest.resize(count, f32::NEG_INFINITY);
    queries.totals.clear();
    queries.totals.resize(count, 0.0);
    queries.scores.resize(TILE * BLOCK, 0.0);
    for begin in (seen.start / BLOCK * BLOCK..seen.end).step_by(BLOCK) {
        if count >= WIDEN || cached.width < width {
            let positions = begin.max(seen.start)..seen.end.min(begin + BLOCK);
            let block = widened.fill::<E, V, W>(from_cache, cached, width, begin, positions);
            queries.meet_all(from_widened, params, begin, block);
        } else {
            let block = Block {
                keys: &cached.keys[begin * cached.stride..],
                key_stride: cached.stride,
                values: &cached.values[begin * cached.stride..],
                value_stride: cached.stride,
                lanes_stride: LANES,
                width,
                step: 8,
            };
            queries.meet_all(from_cache, params, begin, block);
        }
    }
}

impl Widened {
    /// The block that begins at a position, of which some positions are needed, as `W` reads it.
    #[inline(always)]
    fn fill<E: Element, V: Vector<E>, W: Vector<f32>>(
        &mut self,
        from_cache: V,
        cached: Cached<'_, E>,
        width: usize,
        begin: usize,
        positions: Range<usize>,
    ) -> Block<'_, f32> {
        self.keys.resize(BLOCK * width, 0.0);
        self.values.resize(BLOCK * width, 0.0);
        for position in positions {
            let (from, to) = (position * cached.stride, position - begin);
            let (key, value) = (
                &cached.keys[from..][..cached.width],
                &cached.values[from..][..cached.width],
            );
            let (group, within) = (to / W::TOGETHER, to % W::TOGETHER);
            let (keys, values) = (self.keys.as_chunks_mut::<8>().0, self.values.as_chunks_mut::<8>().0);
            for eight in 0..width / 8 {
                let columns = (8 * eight).min(cached.width)..(8 * eight + 8).min(cached.width);
                let place = (group * width / 8 + eight) * W::TOGETHER + within;
                from_cache.widen(&key[columns.clone()], &mut keys[place]);
                let place = (eight / EIGHTS * BLOCK + to) * EIGHTS + eight % EIGHTS;
                from_cache.widen(&value[columns], &mut values[place]);
            }
        }
        Block {
            keys: &self.keys,
            key_stride: width,
            values: &self.values,
            value_stride: LANES,
            lanes_stride: BLOCK * LANES,
            width,
            step: BLOCK,
        }
    }
}

impl Queries {
    /// All queries meet a block.
    #[inline(always)]
    fn meet_all<E: Element, V: Vector<E>>(&mut self, vector: V, params: &Attention, begin: usize, block: Block<'_, E>) {
        let mut query = 0;
        while query < self.sees.len() {
            query += match self.sees.len() - query {
                TILE.. => self.meet::<E, V, TILE>(vector, params, query, begin, block),
                2.. => self.meet::<E, V, 2>(vector, params, query, begin, block),
                _ => self.meet::<E, V, 1>(vector, params, query, begin, block),
            };
        }
    }

    /// `G` queries from `query` on meet a block. Gives `G`.
    #[inline(always)]
    fn meet<E: Element, V: Vector<E>, const G: usize>(
        &mut self,
        vector: V,
        params: &Attention,
        query: usize,
        begin: usize,
        block: Block<'_, E>,
    ) -> usize {
        let within = |position: usize| position.clamp(begin, begin + BLOCK) - begin;
        let sees: [Range<usize>; G] = std::array::from_fn(|at| {
            let Range { start, end } = self.sees[query + at];
            within(start)..within(end)
        });
        // Every query sees what lies between these, and some see more.
        let common = sees[G - 1].start..sees[0].end;
        let (first, end) = (sees[0].start, sees[G - 1].end);
        if first >= end {
            return G;
        }
        let Self { width, q, scores, .. } = self;
        let rows = query * *width..(query + G) * *width;
        vector.dots::<G>(&q[rows.clone()], first..end, block, scores);
        let sums = &mut self.sums[rows];
        let parts = scores.chunks_exact_mut(BLOCK).zip(sums.chunks_exact_mut(*width));
        for (at, (scores, sums)) in parts.take(G).enumerate() {
            let (largest, total) = (&mut self.largest[query + at], &mut self.totals[query + at]);
            soften(params.softcap, &mut scores[sees[at].clone()], largest, total, sums);
        }
        let all = common.start < common.end;
        let (before, after) = if all { (common.start, common.end) } else { (0, 0) };
        let parts = || scores.chunks_exact(BLOCK).zip(&sees);
        for (sums, (scores, sees)) in sums.chunks_exact_mut(*width).zip(parts()) {
            vector.add_scaled::<1>(scores, sees.start..before.max(sees.start), block, sums);
        }
        if all {
            vector.add_scaled::<G>(scores, common, block, sums);
        }
        for (sums, (scores, sees)) in sums.chunks_exact_mut(*width).zip(parts()) {
            vector.add_scaled::<1>(scores, sees.start.max(after)..sees.end, block, sums);
        }
        G
    }
}

/// Makes scores of a query its exponentials, relative to the largest so far, and adds them to the total. Where the
/// largest is new, the total and the sums of values shrink.
#[inline(always)]
fn soften(softcap: Option<f32>, scores: &mut [f32], largest: &mut f32, total: &mut f32, sums: &mut [f32]) {
    if let Some(cap) = softcap {
        for score in scores.iter_mut() {
            *score = cap * tanh(*score / cap);
        }
    }
    let before = std::mem::replace(largest, scores.iter().copied().fold(*largest, f32::max));
    if *largest > before {
        let shrink = exp(before - *largest);
        *total *= shrink;
        sums.iter_mut().for_each(|sum| *sum *= shrink);
    }
    for score in scores.iter_mut() {
        *score = exp(*score - *largest);
    }
    let mut lanes = [0.0_f32; 8];
    let (chunks, rest) = scores.as_chunks::<8>();
    for chunk in chunks {
        for lane in 0..8 {
            lanes[lane] += chunk[lane];
        }
    }
    *total += lanes.iter().sum::<f32>() + rest.iter().sum::<f32>();
}

/// What [`Vector::add_scaled`] relies on where it does not check each access: `G` rows of whole [`LANES`], and a score for
/// each position.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
pub(super) fn check_sums<const G: usize>(scores: &[f32], at: &Range<usize>, sums: &[f32]) {
    assert!(
        scores.len() >= G * BLOCK && at.end <= BLOCK && sums.len().is_multiple_of(G * LANES),
        "sums of whole rows and a score for each position"
    );
}

/// A number format of the cache.
pub(super) trait Element: Copy + Send + Sync {
    fn widen(self) -> f32;

    /// Eight numbers, widened.
    ///
    /// # Safety
    /// Needs the instruction set of `simd`.
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    unsafe fn widen8(eight: &[Self; 8]) -> simd::Floats;
}

impl Element for f32 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self
    }

    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[inline(always)]
    unsafe fn widen8(eight: &[Self; 8]) -> simd::Floats {
        // SAFETY: the array has the eight numbers that are read; the instruction set is the caller's promise.
        unsafe { simd::load_floats(eight.as_ptr()) }
    }
}

impl Element for f16 {
    #[inline(always)]
    fn widen(self) -> f32 {
        self.to_f32()
    }

    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[inline(always)]
    unsafe fn widen8(eight: &[Self; 8]) -> simd::Floats {
        // SAFETY: the array has the eight numbers that are read; the instruction set is the caller's promise.
        unsafe { simd::load_halves(eight.as_ptr()) }
    }
}

/// How rows of a cache or of a widened block are multiplied and added. Whatever `G` is, and whichever the way, the
/// arithmetic for one of the `G` queries is the same. A value stands for the instruction set that the functions need: it is
/// made only where that is there.
pub(super) trait Vector<E: Element>: Copy {
    /// How many positions' keys lie together in a widened block that is read in this way.
    const TOGETHER: usize = 1;

    /// Up to eight numbers, and zeros after them.
    fn widen(self, from: &[E], to: &mut [f32; 8]);

    /// The products of `G` queries, one after the other, with the keys at some positions of a block, to their places in
    /// `scores` [G, BLOCK]. Others of these may change.
    fn dots<const G: usize>(self, q: &[f32], at: Range<usize>, block: Block<'_, E>, scores: &mut [f32]);

    /// Adds the values at some positions of a block to the sums of `G` queries, one after the other, times their scores
    /// [G, BLOCK], in order.
    fn add_scaled<const G: usize>(self, scores: &[f32], at: Range<usize>, block: Block<'_, E>, sums: &mut [f32]);
}
