//! Picks rows of a tensor (`gather_indexes` of Google's `run_pretraining.py`): the hidden states of
//! masked positions, or of every `[CLS]`.
//!
//! ```text
//! y[i] = x[rows[i]]        dx[rows[i]] += dy[i]
//! ```
//!
//! Shapes: x `[…, hidden]`, rows `[n]` (row numbers of x), y `[n, hidden]`. Nothing is saved.
//! Order of summation: by i. A task owns a range of rows of dx and looks at every i.

use super::super::graph::{Graph, GraphError, Integers, RowCount, Tensor};
use super::super::operation::{
    Backward, Case, CaseInput, Forward, Operation, Reference, ReferenceOperand, Shape,
};
use crate::system::threads::{SplitOutput, for_each_range};
use crate::tensor::dropout::DropoutKey;
use crate::tensor::kernels::add;

/// Indices of the operands.
const X: usize = 0;
const ROWS: usize = 1;

impl Reference for GatherRows {
    fn reference_forward(
        &self,
        inputs: &[ReferenceOperand],
        _dropout_key: &DropoutKey,
    ) -> Vec<f64> {
        let x = inputs[X].floats(); // [rows of x, width]
        let rows = inputs[ROWS].integers(); // [picked]
        let mut y = Vec::new(); // [picked, width]
        for &row in rows {
            for c in 0..self.width {
                y.push(x[row as usize * self.width + c]);
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
        let x = inputs[X].floats(); // [rows of x, width]
        let rows = inputs[ROWS].integers(); // [picked]
        let mut dx = vec![0.0; x.len()]; // [rows of x, width]
        for (i, &row) in rows.iter().enumerate() {
            for c in 0..self.width {
                dx[row as usize * self.width + c] += output_gradient[i * self.width + c];
            }
        }
        vec![dx, vec![]]
    }
}

/// `y[i] = x[rows[i]]`.
pub struct GatherRows {
    picked: usize,
    width: usize,
}

/// Pushes the rows of x `[…, hidden]` at `rows`; y `[rows.length, hidden]`.
///
/// # Errors
/// Never for these operands; other operations check shapes here.
pub fn gather_rows(g: &mut Graph<'_>, x: Tensor, rows: Integers) -> Result<Tensor, GraphError> {
    push(g, x, rows, &[rows.length], None)
}

/// [`gather_rows`] with y `[batch, rows of a sequence, hidden]`, where a pass computes only the first
/// `count` rows of y.
///
/// # Errors
/// When `batch` does not divide `rows.length`.
pub fn gather_counted_rows(
    g: &mut Graph<'_>,
    x: Tensor,
    rows: Integers,
    count: RowCount,
    batch: usize,
) -> Result<Tensor, GraphError> {
    let fits = batch > 0 && rows.length.is_multiple_of(batch);
    g.check(fits, "gather_rows", "the rows", rows.length, format!("a multiple of {batch}"))?;
    push(g, x, rows, &[batch, rows.length / batch], Some(count))
}

/// y `[…leading, hidden]`.
fn push(
    g: &mut Graph<'_>,
    x: Tensor,
    rows: Integers,
    leading: &[usize],
    count: Option<RowCount>,
) -> Result<Tensor, GraphError> {
    let operation = GatherRows { picked: rows.length, width: x.shape.columns() };
    let shape = Shape::new(&[leading, &[operation.width]].concat());
    g.push_with_rows(operation, &[x.into(), rows.into()], shape, count)
}

impl Operation for GatherRows {
    fn name(&self) -> &'static str {
        "gather_rows"
    }

    fn output(&self) -> usize {
        self.picked * self.width
    }

    fn backward_reads(&self, index: usize) -> bool {
        index == ROWS
    }

    fn forward(&self, pass: Forward<'_>) {
        let x = pass.inputs.floats(X); // [rows of x, width]
        let rows = pass.inputs.integers(ROWS); // [picked]
        let width = self.width;

        // 1. y[i] = x[rows[i]], [picked, width]
        for (y, &row) in pass.output.chunks_exact_mut(width).zip(rows) {
            y.copy_from_slice(&x[row as usize * width..][..width]);
        }
    }

    fn backward(&self, mut pass: Backward<'_>) {
        let rows = pass.inputs.integers(ROWS); // [picked]
        let dy = &*pass.output_gradient; // [picked, width]
        let width = self.width;
        if let Some(dx) = pass.gradients.take(X) {
            let (accumulate, rows_of_x) = (dx.accumulate, dx.data.len() / width);
            let outputs = [SplitOutput::new(dx.data, width)]; // [rows of x, width]
            for_each_range(rows_of_x, outputs, &mut [], 0, |range, [dx], _| {
                // 1. dx = 0, unless it accumulates
                if !accumulate {
                    dx.fill(0.0);
                }

                // 2. dx[rows[i]] += dy[i], for the rows in `range`
                for (dy, &row) in dy.chunks_exact(width).zip(rows) {
                    let row = row as usize;
                    if range.contains(&row) {
                        add(dy, &mut dx[(row - range.start) * width..][..width]);
                    }
                }
            });
        }
    }

    fn cases() -> Vec<Case> {
        // A row picked twice, and rows never picked.
        [(vec![0], 1, 1), (vec![4, 1, 4, 0, 4], 6, 3), (vec![2], 9, 17)]
            .into_iter()
            .map(|(picks, rows, width)| Case {
                operation: Box::new(Self { picked: picks.len(), width }),
                inputs: vec![CaseInput::Random(rows * width), CaseInput::Integers(picks)],
            })
            .collect()
    }
}
