//! Dropout alone (Srivastava et al., 2014), as BERT applies it to the embeddings:
//!
//! ```text
//! y = x·f        f = 0 with probability rate, else 1 / (1 − rate)        dx = dy·f
//! ```
//!
//! Shapes: x, f, y `[batch, seq, hidden]`. Nothing is saved: f is a function of the seed, the step, the
//! number of this dropout in the model, and the element. In a plan for evaluation, y = x.

use super::super::graph::{Graph, GraphError, Integers, Tensor};
use super::super::operation::{
    Backward, Case, CaseInput, Forward, Operation, Reference, ReferenceOperand,
};
use crate::system::threads::{SplitOutput, for_each_range};
use crate::tensor::dropout::{Dropout, DropoutKey};
use crate::tensor::kernels::multiply;

/// Indices of the operands.
const X: usize = 0;
const ROW_IDS: usize = 1;

impl Reference for DropoutRows {
    fn reference_forward(&self, inputs: &[ReferenceOperand], dropout_key: &DropoutKey) -> Vec<f64> {
        let x = inputs[X].floats(); // [rows, width]
        let row_ids = inputs[ROW_IDS].integers(); // [rows]
        let mut y = Vec::new(); // [rows, width]
        for row in 0..self.rows {
            let factors = self.reference_factors(row_ids[row], dropout_key); // [width]
            for c in 0..self.width {
                y.push(x[row * self.width + c] * factors[c]);
            }
        }
        y
    }

    fn reference_backward(
        &self,
        inputs: &[ReferenceOperand],
        output_gradient: &[f64],
        dropout_key: &DropoutKey,
    ) -> Vec<Vec<f64>> {
        let row_ids = inputs[ROW_IDS].integers(); // [rows]
        let mut dx = Vec::new(); // [rows, width]
        for row in 0..self.rows {
            let factors = self.reference_factors(row_ids[row], dropout_key); // [width]
            for c in 0..self.width {
                dx.push(output_gradient[row * self.width + c] * factors[c]);
            }
        }
        vec![dx, vec![]]
    }
}

impl DropoutRows {
    /// The factors of one row, `[width]`. The mask belongs to a token of the step's whole batch: sequence
    /// `first_sequence + b`, position p.
    fn reference_factors(&self, row_id: u32, dropout_key: &DropoutKey) -> Vec<f64> {
        let (b, p) = (row_id as usize / self.seq, row_id as usize % self.seq);
        let token = (dropout_key.first_sequence + b) * self.seq + p;
        let mut factors = vec![0.0; self.width]; // [width]
        self.dropout.factors(dropout_key, token, &mut factors);
        factors.into_iter().map(f64::from).collect()
    }
}

/// Dropout of every row.
pub struct DropoutRows {
    rows: usize,
    width: usize,
    dropout: Dropout,
    /// Rows of one sequence: numbers the rows of the step's whole batch, for the dropout mask.
    seq: usize,
}

/// The numbers of a tensor's rows, which dropout masks depend on.
#[derive(Clone, Copy, Debug)]
pub struct RowIds {
    /// `ids[t]` is the flat index of row t into `[batch, seq]`.
    pub ids: Integers,
    /// Rows of one sequence.
    pub seq: usize,
}

/// Pushes dropout(x) for x `[…, hidden]`; x itself when `rate` is 0.
///
/// # Errors
/// When `row_ids` does not have one number for each row.
pub fn dropout(
    g: &mut Graph<'_>,
    x: Tensor,
    row_ids: RowIds,
    rate: f32,
) -> Result<Tensor, GraphError> {
    let site = g.dropout_site();
    let Some(dropout) = Dropout::new(rate, site) else { return Ok(x) };
    let (rows, width) = (x.shape.rows(), x.shape.columns());
    let RowIds { ids, seq } = row_ids;
    g.check(ids.length == rows, "dropout", "the numbers of the rows", ids.length, rows)?;
    g.push(DropoutRows { rows, width, dropout, seq }, &[x.into(), ids.into()], x.shape)
}

impl DropoutRows {
    /// y = x·f or y += x·f, for forward and backward. x and y are `[rows, width]`, row_ids is `[rows]`.
    fn apply(
        &self,
        (x, row_ids): (&[f32], &[u32]),
        dropout_key: DropoutKey,
        accumulate: bool,
        y: &mut [f32],
        scratch: &mut [f32],
    ) {
        let width = self.width;
        let rows = y.len() / width;
        let outputs = [SplitOutput::new(y, width)]; // [rows, width]
        for_each_range(rows, outputs, scratch, width, |range, [y], factors| {
            // factors: [width]
            for (row, y) in range.zip(y.chunks_exact_mut(width)) {
                let global = dropout_key.first_sequence * self.seq + row_ids[row] as usize;
                self.dropout.factors(&dropout_key, global, factors);
                multiply(&x[row * width..(row + 1) * width], factors, accumulate, y);
            }
        });
    }
}

impl Operation for DropoutRows {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn output(&self) -> usize {
        self.rows * self.width
    }

    fn scratch(&self, threads: usize) -> usize {
        threads * self.width
    }

    fn backward_reads(&self, index: usize) -> bool {
        index == ROW_IDS
    }

    fn forward(&self, pass: Forward<'_>) {
        let x = pass.inputs.floats(X); // [rows, width]
        let row_ids = pass.inputs.integers(ROW_IDS); // [rows]
        if pass.training {
            // 1. y = x·f, [rows, width]
            self.apply((x, row_ids), pass.dropout_key, false, pass.output, pass.scratch);
        } else {
            pass.output.copy_from_slice(x);
        }
    }

    fn backward(&self, mut pass: Backward<'_>) {
        let row_ids = pass.inputs.integers(ROW_IDS); // [rows]
        let dy = &*pass.output_gradient; // [rows, width]
        if let Some(dx) = pass.gradients.take(X) {
            // 1. dx = dy·f, [rows, width]
            let (accumulate, dx) = (dx.accumulate, dx.data);
            self.apply((dy, row_ids), pass.dropout_key, accumulate, dx, pass.scratch);
        }
    }

    fn cases() -> Vec<Case> {
        [(1, 1, 1), (3, 7, 1), (10, 131, 4)]
            .into_iter()
            .map(|(rows, width, seq)| Case {
                operation: Box::new(Self {
                    rows,
                    width,
                    dropout: Dropout::new(0.25, 9).expect("a rate above 0"),
                    seq,
                }),
                inputs: vec![
                    CaseInput::Random(rows * width),
                    CaseInput::Integers((0..rows as u32).map(|row| 3 * row).collect()),
                ],
            })
            .collect()
    }
}
