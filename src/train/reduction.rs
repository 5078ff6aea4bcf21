//! The gradient of a step that several ranks have computed, and the parameters that they have updated.
//!
//! Each rank ends with some nodes of the [tree](super::gradient_tree) over all micro-batches. Of every node, each rank
//! gets the [part](super::shards::Shards) that it updates, and adds these parts in the order of the tree. The norm is
//! a sum over chunks. They have the same size and the same order as on one machine, so the bits are the same.
//!
//! A step moves about twice the gradient: once to add it up, once to hand out the parameters. Each rank sends
//! `4 · parameters · (ranks − 1) / ranks` bytes each time, if it ends with one node.

use super::gradient_tree::{
    CHUNK, GradientTree, Node, add_and_square, add_in_chunks, additions, nodes, norm,
};
use super::shards::{Shards, micro_batches_of};
use crate::system::ranks::{Team, ranges_of};
use std::ops::Range;

/// What ranks exchange in a step, with its buffers.
pub(super) struct Reduction {
    team: Team,
    shards: Shards,
    /// This rank's part of every node, `[nodes, part]`; after the additions, the first is the gradient.
    received: Vec<f32>,
    /// For each rank: sums of squares, sums of losses, whether it asks to stop.
    numbers: Vec<f32>,
}

/// What this rank knows after the gradients of all ranks have been added.
pub(super) struct Reduced<'r> {
    /// The gradient of [`Shards::update`].
    pub(super) gradient: &'r [f32],
    /// The global norm of the whole gradient.
    pub(super) norm: f32,
    /// The sums of losses of all micro-batches, in their order.
    pub(super) sums: Vec<f32>,
    /// Whether a rank asks to stop.
    pub(super) stop: bool,
}

impl Reduction {
    pub(super) fn new(team: Team, shards: Shards) -> Self {
        Self { team, shards, received: Vec::new(), numbers: Vec::new() }
    }

    /// Which rank updates what.
    pub(super) fn shards(&self) -> &Shards {
        &self.shards
    }

    /// The processes of the run.
    pub(super) fn team(&self) -> &Team {
        &self.team
    }

    /// Bytes of the buffers in a step of `all` micro-batches.
    pub(super) fn bytes(&self, all: usize) -> usize {
        let (ranks, rank) = (self.team.size(), self.team.rank());
        let parts: usize =
            (0..ranks).map(|r| nodes(micro_batches_of(r, ranks, all), all).len()).sum();
        4 * parts * self.shards.gradient(rank).len()
    }

    /// Adds up the gradients of all ranks. The step has `all` micro-batches. `tree` holds the gradients of this rank's
    /// micro-batches, and `sums` holds `sums_each` numbers for each of them. `stop` says whether this rank asks to stop.
    pub(super) fn reduce(
        &mut self,
        tree: &mut GradientTree,
        all: usize,
        (sums, sums_each): (&[f32], usize),
        stop: bool,
    ) -> Reduced<'_> {
        let (rank, ranks) = (self.team.rank(), self.team.size());
        let of_ranks: Vec<Range<usize>> =
            (0..ranks).map(|rank| micro_batches_of(rank, ranks, all)).collect();
        let parts: Vec<Vec<Node>> =
            of_ranks.iter().map(|range| nodes(range.clone(), all)).collect();
        self.receive(tree.finish_parts(all), &parts);
        let length = self.shards.gradient(rank).len();
        let mut order = additions(&parts.concat());
        let last = order.pop();
        for [left, right] in order {
            let (head, tail) = self.received.split_at_mut(right * length);
            add_in_chunks(&tail[..length], &mut head[left * length..][..length]);
        }
        let (gradient, rest) = self.received.split_at_mut(length);
        let last = last.map(|[_, right]| &rest[(right - 1) * length..][..length]);

        // Numbers of rank r: the squares of its chunks, the losses of its micro-batches, whether to stop.
        let chunks = |rank| self.shards.chunks(rank).len();
        let counts = (0..ranks).map(|r| chunks(r) + of_ranks[r].len() * sums_each + 1);
        let ranges = ranges_of(counts);
        self.numbers.resize(ranges[ranks - 1].end, 0.0);
        let mine = &mut self.numbers[ranges[rank].clone()];
        let (squares, others) = mine.split_at_mut(chunks(rank));
        // Elements before the first chunk belong to a chunk of the rank before.
        let start = self.shards.update(rank).start;
        let head = (start.next_multiple_of(CHUNK) - start).min(length);
        let (before, from_chunk) = gradient.split_at_mut(head);
        if let Some(right) = last {
            add_in_chunks(&right[..head], before);
        }
        add_and_square(from_chunk, last.map(|right| &right[head..]), squares);
        others[..sums.len()].copy_from_slice(sums);
        others[sums.len()] = f32::from(u8::from(stop));
        self.team.share(&mut self.numbers, &ranges);

        let (mut squares, mut sums, mut stop) = (Vec::new(), Vec::new(), false);
        for (rank, range) in ranges.into_iter().enumerate() {
            let (of_chunks, others) = self.numbers[range].split_at(chunks(rank));
            squares.extend_from_slice(of_chunks);
            sums.extend_from_slice(&others[..others.len() - 1]);
            stop |= others[others.len() - 1] > 0.0;
        }
        let update = self.shards.update(rank).len();
        Reduced { gradient: &self.received[..update], norm: norm(&squares), sums, stop }
    }

    /// Gives every rank the parameters that each of them has updated.
    pub(super) fn share_parameters(&self, parameters: &mut [f32]) {
        self.team.share(parameters, &self.shards.updates());
    }

    /// Gets this rank's part of every node of every rank, in the order of the tree.
    fn receive(&mut self, own: &[Vec<f32>], parts: &[Vec<Node>]) {
        let (rank, ranks) = (self.team.rank(), self.team.size());
        debug_assert_eq!(own.len(), parts[rank].len());
        let length = self.shards.gradient(rank).len();
        let all: usize = parts.iter().map(Vec::len).sum();
        self.received.resize(all * length, 0.0);
        let rounds = parts.iter().map(Vec::len).max().unwrap_or(0);
        for round in 0..rounds {
            let to: Vec<Range<usize>> = match own.get(round) {
                Some(_) => (0..ranks).map(|rank| self.shards.gradient(rank)).collect(),
                None => vec![0..0; ranks],
            };
            let mut before = 0;
            let from = parts.iter().map(|parts| {
                let at = (before + round) * length;
                before += parts.len();
                if round < parts.len() { at..at + length } else { 0..0 }
            });
            let from: Vec<Range<usize>> = from.collect();
            let mine = own.get(round).map_or(&[][..], Vec::as_slice);
            self.team.exchange(mine, &to, &mut self.received, &from);
        }
    }
}
