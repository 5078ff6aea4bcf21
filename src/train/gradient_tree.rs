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
//! same bits.
//!
//! Gradients are computed one after the other. Two partial sums of the same height are added before the
//! next gradient is computed. A step of n micro-batches keeps at most ⌊log₂ n⌋ + 1 gradients in memory: two
//! for n = 2 or 3.

use crate::system::threads::{SplitOutput, for_each_range};
use crate::tensor::kernels::{sum_of_squares, vectorized};

/// Elements of one chunk of the flat buffers: the unit of work, and of the sum of squares.
const CHUNK: usize = 1 << 14;

vectorized! {
    /// left += right.
    fn add(right: &[f32], left: &mut [f32]) {
        for (left, right) in left.iter_mut().zip(right) {
            *left += right;
        }
    }
}

/// The gradient of a step under construction.
#[derive(Debug)]
pub struct GradientTree {
    /// Partial sums from left to right, then unused buffers; each `[parameters]`.
    buffers: Vec<Vec<f32>>,
    /// The height of each partial sum: a gradient has 0, the sum of two of height h has h + 1.
    heights: Vec<u32>,
    /// Σ g² of each chunk of the finished gradient.
    squares: Vec<f32>,
}

impl GradientTree {
    /// A tree over `micro_batches` gradients of `parameters` elements. Allocates all its memory here.
    pub fn new(parameters: usize, micro_batches: usize) -> Self {
        let buffers = (0..Self::buffers(micro_batches)).map(|_| vec![0.0; parameters]).collect();
        Self { buffers, heights: Vec::new(), squares: vec![0.0; parameters.div_ceil(CHUNK)] }
    }

    /// The number of gradients that a step of `micro_batches` keeps in memory at once.
    pub fn buffers(micro_batches: usize) -> usize {
        micro_batches.max(1).ilog2() as usize + 1
    }

    /// The buffer for the gradient of the next micro-batch, `[parameters]`. Its content is undefined for
    /// parameters that backward writes, and zero for other parameters.
    ///
    /// # Panics
    /// After more micro-batches than [`GradientTree::new`] was given.
    pub fn next_gradient(&mut self) -> &mut [f32] {
        while let [.., left, right] = *self.heights
            && left == right
        {
            self.combine_last_two();
        }
        self.heights.push(0);
        &mut self.buffers[self.heights.len() - 1]
    }

    /// The sum of all gradients since the last call, `[parameters]`, and its global norm √Σ g². Order of
    /// summation of the norm: each chunk of 16,384 elements over 16 fixed lanes, then the chunks in order in
    /// `f64`.
    ///
    /// # Panics
    /// If no gradient was computed.
    pub fn finish(&mut self) -> (&[f32], f32) {
        while self.heights.len() > 2 {
            self.combine_last_two();
        }
        // The last addition and the sum of squares share one pass over memory.
        let (first, rest) = self.buffers.split_at_mut(1);
        let right = (self.heights.len() == 2).then(|| rest[0].as_slice());
        self.heights.clear();
        add_and_square(&mut first[0], right, &mut self.squares);
        let norm = self.squares.iter().map(|&square| f64::from(square)).sum::<f64>().sqrt() as f32;
        (&self.buffers[0], norm)
    }

    /// Bytes of all buffers.
    pub fn bytes(&self) -> usize {
        4 * (self.buffers.iter().map(Vec::len).sum::<usize>() + self.squares.len())
    }

    /// Adds the last partial sum to the one before it.
    fn combine_last_two(&mut self) {
        let right_height = self.heights.pop().expect("two partial sums");
        let at = self.heights.len();
        let (left, right) = self.buffers.split_at_mut(at);
        let (left, right) = (&mut left[at - 1], &right[0]);
        let chunks = left.len().div_ceil(CHUNK);
        let outputs = [SplitOutput::new(left, CHUNK)];
        for_each_range(chunks, outputs, &mut [], 0, |range, [left], _| {
            add(&right[range.start * CHUNK..][..left.len()], left);
        });
        self.heights[at - 1] = self.heights[at - 1].max(right_height) + 1;
    }
}

/// `left += right` when there is a right gradient, then `squares` = Σ left² of each chunk.
fn add_and_square(left: &mut [f32], right: Option<&[f32]>, squares: &mut [f32]) {
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
    fn the_norm_is_that_of_all_chunks() {
        let gradients = vec![0.5; 3 * CHUNK + 7];
        let expected = (0.25 * gradients.len() as f64).sqrt() as f32;
        // A lane adds at most 1,024 numbers of a chunk: a relative error of at most 1024·2⁻²⁴.
        assert!((global_norm(&gradients) / expected - 1.0).abs() < 6.2e-5);
        assert_eq!([clip_factor(0.5, 1.0), clip_factor(4.0, 1.0)], [1.0, 0.25]);
    }
}
