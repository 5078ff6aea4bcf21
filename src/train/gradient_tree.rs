//! The gradient of a step: a fixed binary tree over the gradients of its micro-batches.
//!
//! ```text
//! 1 micro-batch:  g₀
//! 2:              g₀ + g₁
//! 3:             (g₀ + g₁) + g₂
//! 5:            ((g₀ + g₁) + (g₂ + g₃)) + g₄
//! ```
//!
//! Gradients are combined by index, in pairs; a gradient without a partner moves to the next level
//! unchanged. Each gradient is computed from zero. The tree depends on the number of micro-batches alone,
//! so several processes can each compute a part of it and combine the parts in the same order, to the
//! same bits: `GradientTree::finish_parts` and `additions`.
//!
//! Gradients are computed one after the other. Two partial sums of the same height are added before the
//! next gradient is computed. A step of n micro-batches keeps at most ⌊log₂ n⌋ + 1 gradients in memory: two
//! for n = 2 or 3.

use crate::system::threads::{SplitOutput, for_each_range};
use crate::tensor::kernels::{sum_of_squares, vectorized};
use std::ops::Range;

/// Elements of one chunk of the flat buffers: the unit of work, and of the sum of squares.
pub(super) const CHUNK: usize = 1 << 14;

vectorized! {
    /// left += right.
    fn add(right: &[f32], left: &mut [f32]) {
        for (left, right) in left.iter_mut().zip(right) {
            *left += right;
        }
    }
}

/// A node of the tree: the sum of the gradients from `first` on, at most 2^`height` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    first: usize,
    height: u32,
}

impl Node {
    /// The gradient of one micro-batch.
    fn leaf(index: usize) -> Self {
        Self { first: index, height: 0 }
    }

    /// Whether this node is the left one of a pair.
    fn is_left(self) -> bool {
        self.first.is_multiple_of(2 << self.height)
    }

    /// Whether this node and `right`, the next one, are a pair. At the end of the tree, the right one of a pair may
    /// have moved up unchanged.
    fn pairs_with(self, right: Self, at_end: bool) -> bool {
        let same_level = self.height == right.height || at_end && self.height > right.height;
        same_level && self.is_left()
    }

    /// The sum of this node and its partner.
    fn parent(self) -> Self {
        Self { height: self.height + 1, ..self }
    }
}

/// Takes the last two of `nodes` for their sum when they are a pair; says whether they were.
fn pair_up(nodes: &mut Vec<Node>, at_end: bool) -> bool {
    let [.., left, right] = **nodes else { return false };
    let is_pair = left.pairs_with(right, at_end);
    if is_pair {
        nodes.truncate(nodes.len() - 2);
        nodes.push(left.parent());
    }
    is_pair
}

/// The nodes that remain of the micro-batches `range` of a step of `all` when all pairs among them are added.
pub(super) fn nodes(range: Range<usize>, all: usize) -> Vec<Node> {
    let at_end = range.end == all;
    let mut nodes = Vec::new();
    for index in range {
        nodes.push(Node::leaf(index));
        while pair_up(&mut nodes, false) {}
    }
    while at_end && pair_up(&mut nodes, true) {}
    nodes
}

/// The additions, in order, that turn all `parts` of a tree into its sum: `[left, right]` means that part `right` is
/// added to part `left`. The sum is in part 0.
pub(super) fn additions(parts: &[Node]) -> Vec<[usize; 2]> {
    let (mut nodes, mut indices) = (Vec::new(), Vec::new());
    let mut additions = Vec::new();
    let mut add_pairs = |nodes: &mut Vec<Node>, indices: &mut Vec<usize>, at_end| {
        while pair_up(nodes, at_end) {
            let right = indices.pop().expect("as many as nodes");
            additions.push([indices[indices.len() - 1], right]);
        }
    };
    for (index, &part) in parts.iter().enumerate() {
        nodes.push(part);
        indices.push(index);
        add_pairs(&mut nodes, &mut indices, false);
    }
    add_pairs(&mut nodes, &mut indices, true);
    assert!(indices.len() <= 1, "the parts do not add up to one tree");
    additions
}

/// The gradient of a step under construction.
#[derive(Debug)]
pub struct GradientTree {
    /// Partial sums from left to right, then unused buffers; each `[parameters]`.
    buffers: Vec<Vec<f32>>,
    /// What each partial sum is the sum of.
    nodes: Vec<Node>,
    /// The next micro-batch.
    next: usize,
    /// Σ g² of each chunk of the finished gradient.
    squares: Vec<f32>,
}

impl GradientTree {
    /// A tree over `micro_batches` gradients of `parameters` elements. Allocates all its memory here, except for a
    /// part of a tree that begins in the middle of a pair.
    pub fn new(parameters: usize, micro_batches: usize) -> Self {
        let buffers = (0..Self::buffers(micro_batches)).map(|_| vec![0.0; parameters]).collect();
        let squares = vec![0.0; parameters.div_ceil(CHUNK)];
        Self { buffers, nodes: Vec::new(), next: 0, squares }
    }

    /// The number of gradients that a step of `micro_batches` keeps in memory at once.
    pub fn buffers(micro_batches: usize) -> usize {
        micro_batches.max(1).ilog2() as usize + 1
    }

    /// Begins a part of the tree with micro-batch `first`. Without this, the tree begins with 0.
    pub(super) fn begin_at(&mut self, first: usize) {
        self.nodes.clear();
        self.next = first;
    }

    /// The buffer for the gradient of the next micro-batch, `[parameters]`. Its content is undefined for
    /// parameters that backward writes, and zero for other parameters.
    pub fn next_gradient(&mut self) -> &mut [f32] {
        while self.combine_last_two(false) {}
        self.nodes.push(Node::leaf(self.next));
        self.next += 1;
        let at = self.nodes.len() - 1;
        if at == self.buffers.len() {
            let parameters = self.buffers[0].len();
            self.buffers.push(vec![0.0; parameters]);
        }
        &mut self.buffers[at]
    }

    /// The sum of all gradients since the last call, `[parameters]`, and its global norm √Σ g². Order of
    /// summation of the norm: each chunk of 16,384 elements over 16 fixed lanes, then the chunks in order in
    /// `f64`.
    ///
    /// # Panics
    /// If no gradient was computed.
    pub fn finish(&mut self) -> (&[f32], f32) {
        while self.nodes.len() > 2 {
            self.combine_last_two(true);
        }
        // The last addition and the sum of squares share one pass over memory.
        let (first, rest) = self.buffers.split_at_mut(1);
        let right = (self.nodes.len() == 2).then(|| rest[0].as_slice());
        self.nodes.clear();
        self.next = 0;
        add_and_square(&mut first[0], right, &mut self.squares);
        (&self.buffers[0], norm(&self.squares))
    }

    /// The [`nodes`] of the gradients since [`GradientTree::begin_at`], in a step of `all` micro-batches; each
    /// `[parameters]`. They are valid until the next gradient.
    pub(super) fn finish_parts(&mut self, all: usize) -> &[Vec<f32>] {
        while self.combine_last_two(false) {}
        while self.next == all && self.combine_last_two(true) {}
        let parts = self.nodes.len();
        self.nodes.clear();
        &self.buffers[..parts]
    }

    /// Bytes of all buffers.
    pub fn bytes(&self) -> usize {
        4 * (self.buffers.iter().map(Vec::len).sum::<usize>() + self.squares.len())
    }

    /// Adds the last partial sum to the one before it when they are a pair; says whether they were.
    fn combine_last_two(&mut self, at_end: bool) -> bool {
        let is_pair = pair_up(&mut self.nodes, at_end);
        if is_pair {
            let (left, right) = self.buffers.split_at_mut(self.nodes.len());
            add_in_chunks(&right[0], &mut left[self.nodes.len() - 1]);
        }
        is_pair
    }
}

/// `left += right`, in parallel.
pub(super) fn add_in_chunks(right: &[f32], left: &mut [f32]) {
    let chunks = left.len().div_ceil(CHUNK);
    let outputs = [SplitOutput::new(left, CHUNK)];
    for_each_range(chunks, outputs, &mut [], 0, |range, [left], _| {
        add(&right[range.start * CHUNK..][..left.len()], left);
    });
}

/// The global norm of a gradient whose chunks have these sums of squares.
pub(super) fn norm(squares: &[f32]) -> f32 {
    squares.iter().map(|&square| f64::from(square)).sum::<f64>().sqrt() as f32
}

/// `left += right` when there is a right gradient, then `squares` = Σ left² of each chunk.
pub(super) fn add_and_square(left: &mut [f32], right: Option<&[f32]>, squares: &mut [f32]) {
    let chunks = squares.len();
    let outputs = [SplitOutput::new(left, CHUNK), SplitOutput::new(squares, 1)];
    for_each_range(chunks, outputs, &mut [], 0, |range, [left, squares], _| {
        let chunks = left.chunks_mut(CHUNK).zip(squares).zip(range);
        for ((left, square), chunk) in chunks {
            if let Some(right) = right {
                add(&right[chunk * CHUNK..][..left.len()], left);
            }
            *square = sum_of_squares(left);
        }
    });
}

/// √Σ g² of one gradient `[parameters]`, in the order of summation of [`GradientTree::finish`].
pub fn global_norm(gradients: &[f32]) -> f32 {
    let squares = gradients.chunks(CHUNK).map(|chunk| f64::from(sum_of_squares(chunk)));
    squares.sum::<f64>().sqrt() as f32
}

/// The factor that scales a gradient of norm `norm` down to norm `max_norm`; 1 when `norm` is not above
/// `max_norm` (`tf.clip_by_global_norm`).
pub fn clip_factor(norm: f32, max_norm: f32) -> f32 {
    if norm > max_norm { max_norm / norm } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::threads::Pool;
    use crate::tensor::random::{Generator, Purpose};

    /// The sum by definition: level by level.
    fn by_levels(mut level: Vec<Vec<f32>>) -> Vec<f32> {
        while level.len() > 1 {
            let pairs = level.chunks(2).map(|pair| match pair {
                [left, right] => left.iter().zip(right).map(|(l, r)| l + r).collect(),
                [alone] => alone.clone(),
                _ => unreachable!("chunks of two"),
            });
            level = pairs.collect();
        }
        level.remove(0)
    }

    #[test]
    fn the_sum_is_that_of_the_tree_for_any_threads_and_buffers_suffice() {
        let parameters = 2 * CHUNK + 5;
        let mut generator = Generator::new(1, Purpose::Testing, 0, 0);
        for micro_batches in 1..=9 {
            // Numbers of very different magnitudes, so that another order gives other bits.
            let gradients: Vec<Vec<f32>> = (0..micro_batches)
                .map(|_| {
                    let draw = |_| {
                        let size = 10f32.powi(generator.between(0, 8) as i32 - 4);
                        size * (generator.uniform() as f32 - 0.5)
                    };
                    (0..parameters).map(draw).collect()
                })
                .collect();
            let expected = by_levels(gradients.clone());
            for threads in [1, 2, 3] {
                let mut tree = GradientTree::new(parameters, micro_batches);
                Pool::new(threads).unwrap().run(|| {
                    // Two steps: the second must not depend on the first.
                    for _ in 0..2 {
                        gradients.iter().for_each(|g| tree.next_gradient().copy_from_slice(g));
                        let (sum, norm) = tree.finish();
                        assert!(sum == expected, "{micro_batches} on {threads} threads");
                        assert_eq!(norm.to_bits(), global_norm(&expected).to_bits());
                    }
                });
            }
        }
    }

    #[test]
    fn parts_of_any_cuts_give_the_sum_of_the_tree() {
        let mut generator = Generator::new(2, Purpose::Testing, 0, 0);
        for all in 1..=19usize {
            let draw = |_| vec![10f32.powi(generator.between(0, 8) as i32 - 4)];
            let gradients: Vec<Vec<f32>> = (0..all).map(draw).collect();
            let expected = by_levels(gradients.clone());
            for cut in 0..=all {
                for next in cut..=all {
                    let mut tree = GradientTree::new(1, all);
                    let (mut sums, mut parts) = (Vec::new(), Vec::new());
                    for range in [0..cut, cut..next, next..all] {
                        tree.begin_at(range.start);
                        for gradient in &gradients[range.clone()] {
                            tree.next_gradient().copy_from_slice(gradient);
                        }
                        sums.extend_from_slice(tree.finish_parts(all));
                        parts.append(&mut nodes(range, all));
                    }
                    assert_eq!(parts.len(), sums.len());
                    for [left, right] in additions(&parts) {
                        sums[left][0] += sums[right][0];
                    }
                    assert!(sums[0] == expected, "{all} cut at {cut} and {next}");
                }
            }
        }
        // A block of a power of two is one node; so is what is left at the end.
        assert_eq!(nodes(4..8, 16).len(), 1);
        assert_eq!(nodes(4..7, 7).len(), 1);
        assert_eq!(nodes(4..7, 16).len(), 2);
    }

    #[test]
    fn the_norm_is_that_of_all_chunks() {
        let gradients = vec![0.5; 3 * CHUNK + 7];
        let expected = (0.25 * gradients.len() as f64).sqrt() as f32;
        // A lane adds at most 1,024 numbers of a chunk: a relative error of at most 1024·2⁻²⁴.
        assert!((global_norm(&gradients) / expected - 1.0).abs() < 6.2e-5);
        assert_eq!([clip_factor(0.5, 1.0), clip_factor(4.0, 1.0)], [1.0, 0.25]);
    }
}
