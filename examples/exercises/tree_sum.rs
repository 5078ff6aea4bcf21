//! Chapter 15, the same bits: the sum of gradients as a fixed binary tree.
//!
//! ```text
//! 2 gradients:    g0 + g1
//! 3:             (g0 + g1) + g2
//! 4:             (g0 + g1) + (g2 + g3)
//! 5:            ((g0 + g1) + (g2 + g3)) + g4
//! 7:            ((g0 + g1) + (g2 + g3)) + ((g4 + g5) + g6)
//! ```
//!
//! Neighbours are added in pairs: (0, 1), (2, 3), …. One that is left over moves to the next round unchanged. The
//! rounds end when one is left. The order is part of the answer: the test compares bits.

/// The sum of `gradients`, which are equally long; there is at least one.
pub fn tree_sum(gradients: &[Vec<f32>]) -> Vec<f32> {
    Vec::new() // write this function
}
