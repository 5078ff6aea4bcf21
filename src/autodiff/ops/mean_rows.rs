//! The mean over the tokens of each sequence: sentence embeddings (Reimers & Gurevych, 2019; the default pooling
//! of sentence-transformers).
//!
//! ```text
//! y[b] = Σ_t x[t] / (starts[b + 1] − starts[b])        dx[t] += dy[b] / (starts[b + 1] − starts[b])
//! ```
//!
//! t runs over the rows `starts[b]..starts[b + 1]` of sequence b. Shapes: x `[batch, seq, hidden]`, packed; starts
//! `[batch + 1]`; y `[batch, hidden]`. Every row counts, so padding must be left out. Nothing is saved. Order of
//! summation: by row. A task owns a range of sequences.

use super::super::graph::{Graph, GraphError, Integers, Tensor};
use super::super::operation::{
    Backward, Case, CaseInput, Forward, Operation, Reference, ReferenceOperand, Shape,
};
use crate::system::threads::{SplitOutput, for_each_range};
use crate::tensor::dropout::DropoutKey;
use crate::tensor::kernels::{add, scale, vectorized};

/// Indices of the operands.
const X: usize = 0;
const STARTS: usize = 1;

impl Reference for MeanRows {
    fn reference_forward(
        &self,
        inputs: &[ReferenceOperand],
        _dropout_key: &DropoutKey,
    ) -> Vec<f64> {
        let (x, starts) = (inputs[X].floats(), inputs[STARTS].integers()); // [rows, width], [batch + 1]
        let mut y = vec![0.0; self.batch * self.width]; // [batch, width]
        for b in 0..self.batch {
            let (from, to) = (starts[b] as usize, starts[b + 1] as usize);
            for t in from..to {
                for c in 0..self.width {
                    y[b * self.width + c] += x[t * self.width + c] / (to - from) as f64;
                }
            }
        }
        y
    }

    fn reference_backward(
        &self,
        inputs: &[ReferenceOperand],
        output_gradient: &[f64],
        _dropout_key: &DropoutKey,
    ) -> Vec<Vec<f64>> {
        let (x, starts) = (inputs[X].floats(), inputs[STARTS].integers()); // [rows, width], [batch + 1]
        let mut dx = vec![0.0; x.len()]; // [rows, width]
        for b in 0..self.batch {
            let (from, to) = (starts[b] as usize, starts[b + 1] as usize);
            for t in from..to {
                for c in 0..self.width {
                    dx[t * self.width + c] =
                        output_gradient[b * self.width + c] / (to - from) as f64;
                }
            }
        }
        vec![dx, vec![]]
    }
}

/// The mean of the rows of each sequence.
pub struct MeanRows {
    batch: usize,
    width: usize,
}

/// Pushes the mean of the rows of each sequence of x `[batch, seq, hidden]`; y is `[batch, hidden]`. `starts`
/// is the field of the encoder's inputs with that name.
///
/// # Errors
/// When `starts` is empty.
pub fn mean_rows(g: &mut Graph<'_>, x: Tensor, starts: Integers) -> Result<Tensor, GraphError> {
    g.check(starts.length > 0, "mean_rows", "the starts", starts.length, "batch + 1")?;
    let operation = MeanRows { batch: starts.length - 1, width: x.shape.columns() };
    let shape = Shape::new(&[operation.batch, operation.width]);
    g.push_with_rows(operation, &[x.into(), starts.into()], shape, None)
}

vectorized! {
    /// dx = factor·dy, or dx += factor·dy.
    fn store_scaled(dy: &[f32], factor: f32, accumulate: bool, dx: &mut [f32]) {
        for (dx, dy) in dx.iter_mut().zip(dy) {
            let before = if accumulate { *dx } else { 0.0 };
            *dx = dy.mul_add(factor, before);
        }
    }
}

impl Operation for MeanRows {
    fn name(&self) -> &'static str {
        "mean_rows"
    }

    fn output(&self) -> usize {
        self.batch * self.width
    }

    fn backward_reads(&self, index: usize) -> bool {
        index == STARTS
    }

    fn forward(&self, pass: Forward<'_>) {
        let x = pass.inputs.floats(X); // [rows, width]
        let starts = pass.inputs.integers(STARTS); // [batch + 1]
        let width = self.width;
        let outputs = [SplitOutput::new(pass.output, width)]; // [batch, width]
        for_each_range(self.batch, outputs, &mut [], 0, |range, [y], _| {
            for (b, y) in range.zip(y.chunks_exact_mut(width)) {
                // 1. y = Σ x, by row
                let (from, to) = (starts[b] as usize, starts[b + 1] as usize);
                y.fill(0.0);
                x[from * width..to * width].chunks_exact(width).for_each(|x| add(x, y));

                // 2. y /= rows
                scale(1.0 / (to - from).max(1) as f32, y);
            }
        });
    }

    fn backward(&self, mut pass: Backward<'_>) {
        let starts = pass.inputs.integers(STARTS); // [batch + 1]
        let dy = &*pass.output_gradient; // [batch, width]
        let width = self.width;
        if let Some(dx) = pass.gradients.take(X) {
            let (accumulate, rows) = (dx.accumulate, dx.data.len() / width);
            let outputs = [SplitOutput::new(dx.data, width)]; // [rows, width]
            for_each_range(rows, outputs, &mut [], 0, |range, [dx], _| {
                // 1. dx = dy[b] / rows of b, or += it, for the rows in `range`
                for (row, dx) in range.zip(dx.chunks_exact_mut(width)) {
                    let b = starts[1..].partition_point(|&end| end as usize <= row);
                    let factor = 1.0 / (starts[b + 1] - starts[b]) as f32;
                    store_scaled(&dy[b * width..][..width], factor, accumulate, dx);
                }
            });
        }
    }

    fn cases() -> Vec<Case> {
        [(vec![0, 1], 1), (vec![0, 5, 6, 17], 3), (vec![0, 2, 9], 17)]
            .into_iter()
            .map(|(starts, width): (Vec<u32>, usize)| Case {
                operation: Box::new(Self { batch: starts.len() - 1, width }),
                inputs: vec![
                    CaseInput::Random(*starts.last().expect("not empty") as usize * width),
                    CaseInput::Integers(starts),
                ],
            })
            .collect()
    }
}
