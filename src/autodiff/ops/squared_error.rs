//! The squared error of numbers, the loss of regression (`MSELoss` in Hugging Face's
//! `BertForSequenceClassification` with one label):
//!
//! ```text
//! loss = Σ_i weight[i] · (z[i] − target[i])²        dz[i] = loss gradient · 2 · weight[i] · (z[i] − target[i])
//! ```
//!
//! Shapes: z `[n, 1]`, targets and weights `[n]`, output `[1]`. With weights 1/n this is the mean. Nothing is
//! saved. Order of summation: by i. One task computes everything, because the numbers are few.

use super::super::graph::{Floats, Graph, GraphError, Tensor};
use super::super::operation::{
    Backward, Case, CaseInput, Forward, Operation, Reference, ReferenceOperand, Shape,
};
use super::cross_entropy::case_weights;
use crate::tensor::dropout::DropoutKey;

/// Indices of the operands.
const Z: usize = 0;
const TARGETS: usize = 1;
const WEIGHTS: usize = 2;

impl Reference for SquaredError {
    fn reference_forward(
        &self,
        inputs: &[ReferenceOperand],
        _dropout_key: &DropoutKey,
    ) -> Vec<f64> {
        let [z, targets, weights] = [Z, TARGETS, WEIGHTS].map(|index| inputs[index].floats()); // [rows] each
        let mut loss = 0.0;
        for i in 0..self.rows {
            loss += weights[i] * (z[i] - targets[i]).powi(2);
        }
        vec![loss]
    }

    fn reference_backward(
        &self,
        inputs: &[ReferenceOperand],
        output_gradient: &[f64],
        _dropout_key: &DropoutKey,
    ) -> Vec<Vec<f64>> {
        let [z, targets, weights] = [Z, TARGETS, WEIGHTS].map(|index| inputs[index].floats()); // [rows] each
        let mut dz = Vec::new(); // [rows, 1]
        for i in 0..self.rows {
            dz.push(output_gradient[0] * 2.0 * weights[i] * (z[i] - targets[i]));
        }
        vec![dz, vec![], vec![]]
    }
}

/// The weighted sum of squared errors.
pub struct SquaredError {
    rows: usize,
}

/// Pushes the squared error of z `[n, 1]` against `targets`, weighted by `weights`; the output is `[1]`.
///
/// # Errors
/// When the shapes do not fit.
pub fn squared_error(
    g: &mut Graph<'_>,
    z: Tensor,
    targets: Floats,
    weights: Floats,
) -> Result<Tensor, GraphError> {
    const NAME: &str = "squared_error";
    let rows = z.shape.rows();
    g.check(z.shape.columns() == 1, NAME, "the width of z", z.shape.columns(), 1)?;
    g.check(targets.length == rows, NAME, "the targets", targets.length, rows)?;
    g.check(weights.length == rows, NAME, "the weights", weights.length, rows)?;
    let operands = [z.into(), targets.into(), weights.into()];
    g.push_with_rows(SquaredError { rows }, &operands, Shape::new(&[1]), None)
}

impl Operation for SquaredError {
    fn name(&self) -> &'static str {
        "squared_error"
    }

    fn output(&self) -> usize {
        1
    }

    fn forward(&self, pass: Forward<'_>) {
        let [z, targets, weights] = [Z, TARGETS, WEIGHTS].map(|index| pass.inputs.floats(index)); // [rows] each
        // 1. The weighted sum. The error of a padded row can be NaN, and 0·NaN is NaN.
        pass.output[0] = 0.0; // [1]
        for ((z, target), &weight) in z.iter().zip(targets).zip(weights) {
            if weight != 0.0 {
                pass.output[0] += weight * ((z - target) * (z - target));
            }
        }
    }

    fn backward(&self, mut pass: Backward<'_>) {
        let [z, targets, weights] = [Z, TARGETS, WEIGHTS].map(|index| pass.inputs.floats(index)); // [rows] each
        if let Some(dz) = pass.gradients.take(Z) {
            // 1. dz = loss gradient·2·weight·(z − target), [rows, 1]
            let factor = 2.0 * pass.output_gradient[0];
            let accumulate = dz.accumulate;
            for (i, dz) in dz.data.iter_mut().enumerate() {
                let before = if accumulate { *dz } else { 0.0 };
                let error = if weights[i] == 0.0 { 0.0 } else { z[i] - targets[i] };
                *dz = before + factor * weights[i] * error;
            }
        }
    }

    fn cases() -> Vec<Case> {
        [1, 7, 33]
            .into_iter()
            .map(|rows| Case {
                operation: Box::new(Self { rows }),
                inputs: vec![
                    CaseInput::Random(rows),
                    CaseInput::Fixed((0..rows).map(|i| (i % 5) as f32 - 2.0).collect()),
                    CaseInput::Fixed(case_weights(rows)),
                ],
            })
            .collect()
    }
}
