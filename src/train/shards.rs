//! How the ranks of a run share a step: which micro-batches each one computes, and which part of the flat buffers
//! each one updates.
//!
//! Both are functions of sizes alone, so every rank knows what the others do. Neither changes a bit of the result.

use super::gradient_tree::CHUNK;
use std::ops::Range;

/// The micro-batches that `rank` of `ranks` computes in a step of `all`: blocks of the same size, because a block
/// whose size is a power of two is one node of the tree, and one node is one gradient to send. The last ranks may
/// have fewer, or none.
pub fn micro_batches_of(rank: usize, ranks: usize, all: usize) -> Range<usize> {
    let block = all.div_ceil(ranks);
    (rank * block).min(all)..((rank + 1) * block).min(all)
}

/// The number of ranks that have no micro-batch in a step of `all`.
pub fn idle_ranks(ranks: usize, all: usize) -> usize {
    (0..ranks).filter(|&rank| micro_batches_of(rank, ranks, all).is_empty()).count()
}

/// The parts of the flat buffers, one for each rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shards {
    length: usize,
    /// Rank r updates `bounds[r]..bounds[r + 1]`.
    bounds: Vec<usize>,
}

impl Shards {
    /// Cuts `length` elements into parts of nearly the same size, one for each of `ranks`. No cut lies inside a range
    /// of `whole`, which are in ascending order: a matrix that is updated as a whole.
    pub fn new(length: usize, ranks: usize, whole: &[Range<usize>]) -> Self {
        let mut bounds = vec![0];
        for rank in 1..ranks {
            let even = (length as u128 * rank as u128 / ranks as u128) as usize;
            let mut cut = (even.next_multiple_of(CHUNK)).min(length);
            if let Some(range) = whole.iter().find(|range| range.start < cut && cut < range.end) {
                let to_start = cut - range.start < range.end - cut;
                cut = if to_start { range.start } else { range.end };
            }
            bounds.push(cut.max(bounds[rank - 1]));
        }
        bounds.push(length);
        Self { length, bounds }
    }

    /// The elements that `rank` updates.
    pub fn update(&self, rank: usize) -> Range<usize> {
        self.bounds[rank]..self.bounds[rank + 1]
    }

    /// [`Shards::update`] of all ranks.
    pub fn updates(&self) -> Vec<Range<usize>> {
        (0..self.bounds.len() - 1).map(|rank| self.update(rank)).collect()
    }

    /// The chunks of the flat buffers that begin in [`Shards::update`]: `rank` sums their squares.
    pub fn chunks(&self, rank: usize) -> Range<usize> {
        let Range { start, end } = self.update(rank);
        start.div_ceil(CHUNK)..end.div_ceil(CHUNK)
    }

    /// The elements whose gradient `rank` needs: [`Shards::update`], up to the end of its last chunk.
    pub fn gradient(&self, rank: usize) -> Range<usize> {
        let Range { start, end } = self.update(rank);
        let chunks = self.chunks(rank);
        if chunks.is_empty() {
            return start..end;
        }
        start..(chunks.end * CHUNK).min(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_micro_batch_has_one_rank_and_blocks_are_as_large_as_they_must_be() {
        for all in 1..40 {
            for ranks in 1..10 {
                let parts: Vec<_> =
                    (0..ranks).map(|rank| micro_batches_of(rank, ranks, all)).collect();
                assert!(parts.iter().cloned().flatten().eq(0..all));
                assert_eq!(parts.iter().map(Range::len).max(), Some(all.div_ceil(ranks)));
                let idle = parts.iter().filter(|part| part.is_empty()).count();
                assert_eq!(idle_ranks(ranks, all), idle);
            }
        }
        assert_eq!([idle_ranks(4, 2), idle_ranks(4, 6), idle_ranks(3, 6)], [2, 1, 0]);
    }

    #[test]
    fn parts_meet_and_no_cut_lies_inside_a_whole_matrix() {
        let length = 10 * CHUNK + 7;
        let whole = [CHUNK / 2..2 * CHUNK + 5, 5 * CHUNK - 3..5 * CHUNK + 300];
        for ranks in 1..=14 {
            let shards = Shards::new(length, ranks, &whole);
            let updates = shards.updates();
            assert!(updates.iter().cloned().flatten().eq(0..length), "{ranks}");
            for cut in updates.iter().map(|range| range.start) {
                assert!(!whole.iter().any(|range| range.start < cut && cut < range.end), "{cut}");
            }
            let chunks = (0..ranks).flat_map(|rank| shards.chunks(rank));
            assert!(chunks.eq(0..length.div_ceil(CHUNK)), "{ranks}");
            for rank in 0..ranks {
                let (update, gradient) = (shards.update(rank), shards.gradient(rank));
                assert!(gradient.start == update.start && gradient.end >= update.end);
                for chunk in shards.chunks(rank) {
                    let end = ((chunk + 1) * CHUNK).min(length);
                    assert!(chunk * CHUNK >= gradient.start && end <= gradient.end);
                }
            }
        }
        let even = Shards::new(8 * CHUNK, 4, &[]);
        assert!(even.updates().iter().all(|range| range.len() == 2 * CHUNK));
    }
}
