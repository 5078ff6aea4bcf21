//! Cross-entropy over given logits (`get_next_sentence_output` of Google's `run_pretraining.py`):
//!
//! ```text
//! p = softmax(z) by row
//! loss = Σ_i weight[i] · −ln p[i, label[i]]        accuracy = Σ_i weight[i] · [argmax z[i] = label[i]]
//! ```
//!
//! Shapes: z `[n, classes]`, labels and weights `[n]`, output `[2]`: loss and accuracy. Only the loss
//! has a gradient. With weights 1/n these are the means. Saved: dz = weight·(p − onehot),
//! `[n, classes]`. Order of summation: a row over 16 fixed lanes; loss and accuracy by i. One task
//! computes everything, because the classes are few.

use super::super::graph::{Floats, Graph, GraphError, Integers, Tensor};
use super::super::operation::{
    Backward, Case, CaseInput, Forward, Operation, Reference, ReferenceOperand, Shape,
};
use crate::tensor::dropout::DropoutKey;
use crate::tensor::kernels::{max_lanes, sum_lanes, vectorized};
use crate::tensor::math;

/// Indices of the operands.
const LOGITS: usize = 0;
const LABELS: usize = 1;
const WEIGHTS: usize = 2;

impl Reference for CrossEntropy {
    fn reference_forward(
        &self,
        inputs: &[ReferenceOperand],
        _dropout_key: &DropoutKey,
    ) -> Vec<f64> {
        let (labels, weights) = (inputs[LABELS].integers(), inputs[WEIGHTS].floats()); // [rows] each
        let mut output = vec![0.0, 0.0]; // loss, accuracy
        for (i, z) in inputs[LOGITS].floats().chunks(self.classes).enumerate() {
            let (loss, correct) = cross_entropy_reference(z, labels[i] as usize);
            output[0] += weights[i] * loss;
            output[1] += weights[i] * correct;
        }
        output
    }

    fn reference_backward(
        &self,
        inputs: &[ReferenceOperand],
        output_gradient: &[f64],
        _dropout_key: &DropoutKey,
    ) -> Vec<Vec<f64>> {
        let (labels, weights) = (inputs[LABELS].integers(), inputs[WEIGHTS].floats()); // [rows] each
        let mut d_logits = Vec::new(); // [rows, classes]
        for (i, z) in inputs[LOGITS].floats().chunks(self.classes).enumerate() {
            let sum: f64 = z.iter().map(|z| z.exp()).sum();
            for class in 0..self.classes {
                let one_hot = if class == labels[i] as usize { 1.0 } else { 0.0 };
                d_logits.push(output_gradient[0] * weights[i] * (z[class].exp() / sum - one_hot));
            }
        }
        vec![d_logits, vec![], vec![]]
    }
}

/// The loss −ln softmax(z)\[label\] of logits z `[classes]`, and 1 when the label has the largest logit,
/// else 0.
pub(super) fn cross_entropy_reference(z: &[f64], label: usize) -> (f64, f64) {
    let sum: f64 = z.iter().map(|z| z.exp()).sum();
    let mut argmax = 0;
    for (i, value) in z.iter().enumerate() {
        if *value > z[argmax] {
            argmax = i;
        }
    }
    (sum.ln() - z[label], if argmax == label { 1.0 } else { 0.0 })
}

/// Cross-entropy of rows of logits.
pub struct CrossEntropy {
    rows: usize,
    classes: usize,
}

/// Pushes the cross-entropy of logits z `[n, classes]` against `labels`, weighted by `weights`; the
/// output is `[2]`: loss, accuracy.
///
/// # Errors
/// When the shapes do not fit.
pub fn cross_entropy(
    g: &mut Graph<'_>,
    z: Tensor,
    labels: Integers,
    weights: Floats,
) -> Result<Tensor, GraphError> {
    const NAME: &str = "cross_entropy";
    let (rows, classes) = (z.shape.rows(), z.shape.columns());
    g.check(labels.length == rows, NAME, "the labels", labels.length, rows)?;
    g.check(weights.length == rows, NAME, "the weights", weights.length, rows)?;
    let operands = [z.into(), labels.into(), weights.into()];
    g.push_with_rows(CrossEntropy { rows, classes }, &operands, Shape::new(&[2]), None)
}

vectorized! {
    /// One row z `[classes]` becomes weight·(softmax(z) − onehot). Returns −ln p\[label\], and whether
    /// the label has the largest logit.
    fn cross_entropy_row(z: &mut [f32], label: usize, weight: f32) -> (f32, bool) {
        let max = max_lanes(z);
        let at_label = z[label];
        // The prediction is the first class with the largest logit.
        let correct = at_label == max && z[..label].iter().all(|&z| z < max);
        for z in z.iter_mut() {
            *z = math::exp_of_nonpositive(*z - max);
        }
        let sum = sum_lanes(z);
        let factor = weight / sum;
        for z in z.iter_mut() {
            *z *= factor;
        }
        z[label] -= weight;
        (math::ln(sum) + (max - at_label), correct)
    }
}

impl Operation for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn output(&self) -> usize {
        2
    }

    fn saved(&self) -> usize {
        self.rows * self.classes
    }

    fn backward_reads(&self, index: usize) -> bool {
        index != LOGITS
    }

    fn forward(&self, pass: Forward<'_>) {
        let logits = pass.inputs.floats(LOGITS); // [rows, classes]
        let labels = pass.inputs.integers(LABELS); // [rows]
        let weights = pass.inputs.floats(WEIGHTS); // [rows]
        let dz = &mut pass.saved[..logits.len()]; // z, then dz, [rows, classes]
        dz.copy_from_slice(logits);
        pass.output.fill(0.0); // [2]
        for (i, z) in dz.chunks_exact_mut(self.classes).enumerate() {
            // 1. dz = weight·(p − onehot) of the row
            let (loss, correct) = cross_entropy_row(z, labels[i] as usize, weights[i]);

            // 2. The weighted sums. The loss of a padded row can be NaN, and 0·NaN is NaN.
            if weights[i] != 0.0 {
                pass.output[0] += weights[i] * loss;
                pass.output[1] += weights[i] * f32::from(u8::from(correct));
            }
        }
    }

    fn backward(&self, mut pass: Backward<'_>) {
        if let Some(dz) = pass.gradients.take(LOGITS) {
            // 1. dz = loss gradient·saved dz, [rows, classes]
            dz.write_scaled(pass.output_gradient[0], pass.saved);
        }
    }

    fn cases() -> Vec<Case> {
        [(1, 1), (5, 2), (33, 19)]
            .into_iter()
            .map(|(rows, classes)| Case {
                operation: Box::new(Self { rows, classes }),
                inputs: vec![
                    CaseInput::Random(rows * classes),
                    CaseInput::Integers((0..rows).map(|i| (i * 3 % classes) as u32).collect()),
                    CaseInput::Fixed(case_weights(rows)),
                ],
            })
            .collect()
    }
}

/// Uneven weights for the cases; some are 0, and the last ones are 0 as in padding.
pub(super) fn case_weights(rows: usize) -> Vec<f32> {
    let real = rows - rows / 4;
    (0..rows)
        .map(|i| if i < real && i % 5 != 1 { 0.3 + i as f32 / rows as f32 } else { 0.0 })
        .collect()
}
