//! Muon for the matrices of the encoder's layers (Jordan et al., 2024,
//! <https://kellerjordan.github.io/posts/muon>), with the scale of "Muon is Scalable for LLM Training" (Liu et
//! al., 2025, <https://arxiv.org/abs/2502.16982>), so that it takes the learning rate and the weight decay of
//! AdamW. All other parameters are left to [`AdamW`](super::optimizer::AdamW).
//!
//! For a matrix θ `[rows, cols]` with the gradient g, scaled by the clipping:
//!
//! ```text
//! m = μ·m + (1 − μ)·g          u = μ·m + (1 − μ)·g        (Nesterov)
//! X = u / max(‖u‖, 1e-7)                                  ‖·‖ Frobenius
//! five times, with the smaller of X·Xᵀ and Xᵀ·X as A:
//!     P = a·I + b·A + c·A²     X = P·X, or X·P
//! θ −= lr · (0.2·√max(rows, cols)·X + decay·θ)
//! ```
//!
//! The iteration (Newton–Schulz) moves every singular value of X close to 1 (0.7 to 1.2), so the update is
//! close to the nearest matrix with orthogonal rows or columns. μ is [`MOMENTUM`]; a, b, c are
//! [`COEFFICIENTS`]. `torch.optim.Muon` with `adjust_lr_fn="match_rms_adamw"` is the same, but iterates in
//! bfloat16.
//!
//! m lies in the range that AdamW would use for its first moments; the second moments there stay 0. So
//! checkpoints need nothing else. Products are split over threads by rows or columns of their output, sums
//! have fixed chunks: the bits do not depend on the number of threads. A and A² are exactly symmetric, because
//! both halves add the same products in the same order.

use super::gradient_tree::global_norm;
use crate::autodiff::Layout;
use crate::system::threads::{SplitOutput, for_each_range};
use crate::tensor::kernels::{scale, vectorized};
use crate::tensor::matmul::{WriteMode, matmul_parallel, matrix, matrix_mut};
use std::ops::Range;

/// μ.
pub const MOMENTUM: f32 = 0.95;
/// Steps of the Newton–Schulz iteration.
pub const ITERATIONS: usize = 5;
/// a, b, c of the Newton–Schulz iteration.
pub const COEFFICIENTS: [f32; 3] = [3.4445, -4.7750, 2.0315];
/// The root mean square of AdamW's updates, which those of Muon get: 0.2 (Liu et al., section 2.2).
const UPDATE_RMS: f64 = 0.2;
/// The smallest norm that a matrix is divided by.
const SMALLEST_NORM: f32 = 1e-7;
/// Elements of one chunk: the unit of work.
const CHUNK: usize = 1 << 14;

/// Whether Muon is meant for the parameter `name`: the matrices of the encoder's layers.
pub fn is_hidden_matrix(name: &str) -> bool {
    name.starts_with("bert.encoder.layer.")
        && name.ends_with(".weight")
        && !name.contains("LayerNorm")
}

/// The matrices that Muon trains, and its working memory.
#[derive(Debug)]
pub struct Muon {
    matrices: Vec<Matrix>,
    /// X before and after an iteration, `[rows, cols]` of the largest matrix.
    x: [Vec<f32>; 2],
    /// A, and A², which becomes P: `[min(rows, cols), min(rows, cols)]` of the largest matrix.
    squares: [Vec<f32>; 2],
}

/// A matrix in the flat buffers.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Matrix {
    range: Range<usize>,
    rows: usize,
    cols: usize,
}

/// The numbers of one step.
#[derive(Clone, Copy, Debug)]
pub struct MuonStep {
    /// What every gradient is multiplied by first, of clipping.
    pub factor: f32,
    /// The learning rate.
    pub learning_rate: f32,
    /// The decay of weights.
    pub weight_decay: f32,
}

impl Muon {
    /// Muon for the matrices of `layout` for which `trained(name)` is true. Allocates all its memory here.
    ///
    /// # Panics
    /// If a parameter for which `trained` is true is not a matrix.
    pub fn new(layout: &Layout, trained: impl Fn(&str) -> bool) -> Self {
        Self::of_part(layout, trained, 0..layout.len())
    }

    /// [`Muon::new`] for the matrices in the part `part` of the flat buffers; slices are then `[part]`.
    ///
    /// # Panics
    /// If a parameter for which `trained` is true is not a matrix, or lies on both sides of a bound of `part`.
    pub fn of_part(layout: &Layout, trained: impl Fn(&str) -> bool, part: Range<usize>) -> Self {
        let inside = |range: &Range<usize>| range.start < part.end && part.start < range.end;
        let entries = layout.entries().iter();
        let entries = entries.filter(|entry| trained(&entry.name) && inside(&entry.range));
        let matrices: Vec<Matrix> = entries
            .map(|entry| {
                let [rows, cols] = *entry.shape else { panic!("`{}` is no matrix", entry.name) };
                let Range { start, end } = entry.range;
                assert!(part.start <= start && end <= part.end, "`{}` is cut", entry.name);
                Matrix { range: start - part.start..end - part.start, rows, cols }
            })
            .collect();
        let largest = |size: fn(&Matrix) -> usize| {
            let size = matrices.iter().map(size).max().unwrap_or(0);
            [vec![0.0; size], vec![0.0; size]]
        };
        let x = largest(|matrix| matrix.rows * matrix.cols);
        let squares = largest(|matrix| matrix.rows.min(matrix.cols).pow(2));
        Self { matrices, x, squares }
    }

    /// Bytes of the working memory.
    pub fn bytes(&self) -> usize {
        4 * self.x.iter().chain(&self.squares).map(Vec::len).sum::<usize>()
    }

    /// Applies one step to the matrices; other parameters do not change. All slices are `[parameters]`.
    pub fn step(
        &mut self,
        step: MuonStep,
        gradients: &[f32],
        momentum: &mut [f32],
        parameters: &mut [f32],
    ) {
        let [x, y] = &mut self.x;
        let [a, p] = &mut self.squares;
        for Matrix { range, rows, cols } in &self.matrices {
            let (size, small) = (rows * cols, *rows.min(cols));
            let (mut x, mut y) = (&mut x[..size], &mut y[..size]);
            let (a, p) = (&mut a[..small * small], &mut p[..small * small]);
            let chunks = size.div_ceil(CHUNK);

            let gradient = &gradients[range.clone()];
            let momentum = SplitOutput::new(&mut momentum[range.clone()], CHUNK);
            let outputs = [momentum, SplitOutput::new(x, CHUNK)];
            for_each_range(chunks, outputs, &mut [], 0, |range, [momentum, x], _| {
                accelerate(&gradient[range.start * CHUNK..][..x.len()], step.factor, momentum, x);
            });
            scale(1.0 / global_norm(x).max(SMALLEST_NORM), x);
            for _ in 0..ITERATIONS {
                newton_schulz(x, [*rows, *cols], a, p, y);
                std::mem::swap(&mut x, &mut y);
            }
            let size = (UPDATE_RMS * (*rows.max(cols) as f64).sqrt()) as f32;
            let x = &*x;
            let outputs = [SplitOutput::new(&mut parameters[range.clone()], CHUNK)];
            for_each_range(chunks, outputs, &mut [], 0, |range, [parameters], _| {
                apply(&x[range.start * CHUNK..][..parameters.len()], size, step, parameters);
            });
        }
    }
}

/// y = P·x or x·P, one step of the iteration for x `[rows, cols]`. `a` and `p` are
/// `[min(rows, cols), min(rows, cols)]`; their content does not matter.
fn newton_schulz(x: &[f32], [rows, cols]: [usize; 2], a: &mut [f32], p: &mut [f32], y: &mut [f32]) {
    let [on_diagonal, of_a, of_square] = COEFFICIENTS;
    let (wide, small) = (rows <= cols, rows.min(cols));
    let (x, y) = (matrix(x, rows, cols), matrix_mut(y, rows, cols));
    let (left, right) = if wide { (x, x.t()) } else { (x.t(), x) };
    matmul_parallel(left, right, WriteMode::Store, matrix_mut(a, small, small));
    let square = matrix(a, small, small);
    matmul_parallel(square, square, WriteMode::Store, matrix_mut(p, small, small));
    combine(a, of_a, of_square, p);
    p.iter_mut().step_by(small + 1).for_each(|value| *value += on_diagonal);
    let p = matrix(p, small, small);
    let (left, right) = if wide { (p, x) } else { (x, p) };
    matmul_parallel(left, right, WriteMode::Store, y);
}

vectorized! {
    /// The momentum, and u of Nesterov; all slices are equally long.
    fn accelerate(gradient: &[f32], factor: f32, momentum: &mut [f32], update: &mut [f32]) {
        const REST: f32 = 1.0 - MOMENTUM;
        for (g, (m, u)) in gradient.iter().zip(momentum.iter_mut().zip(update)) {
            let g = REST * (g * factor);
            *m = MOMENTUM.mul_add(*m, g);
            *u = MOMENTUM.mul_add(*m, g);
        }
    }

    /// p = of_a·a + of_square·p.
    fn combine(a: &[f32], of_a: f32, of_square: f32, p: &mut [f32]) {
        for (p, a) in p.iter_mut().zip(a) {
            *p = of_a.mul_add(*a, of_square * *p);
        }
    }

    /// θ −= lr · (size·x + decay·θ).
    fn apply(x: &[f32], size: f32, step: MuonStep, parameters: &mut [f32]) {
        for (parameter, x) in parameters.iter_mut().zip(x) {
            let update = step.weight_decay.mul_add(*parameter, size * x);
            *parameter -= step.learning_rate * update;
        }
    }
}
