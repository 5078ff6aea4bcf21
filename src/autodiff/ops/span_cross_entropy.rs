//! Cross-entropy of the first and the last token of an answer (`BertForQuestionAnswering` of Hugging Face's
//! `modeling_bert.py`):
//!
//! ```text
//! p[·, c] = softmax over the rows t of sequence b of z[t, c]        c = 0 first token, c = 1 last token
//! loss = Σ_b weight[b] · ½ (−ln p[first[b], 0] − ln p[last[b], 1])
//! accuracy = Σ_b weight[b] · [both likeliest rows are right]
//! ```
//!
//! Shapes: z `[batch, seq, 2]`, packed: the rows of sequence b are `starts[b]..starts[b + 1]`; starts
//! `[batch + 1]`; first, last (rows of z) and weights `[batch]`; output `[2]`: loss and accuracy. Only the loss
//! has a gradient. Padding takes no part in the softmax; Hugging Face's does, so equal numbers need sequences
//! without padding. Saved: dz, `[rows, 2]`. Order of summation: a column by row; loss and accuracy by b. One task
//! computes everything, because there are two numbers a token.

use super::super::graph::{Floats, Graph, GraphError, Integers, Tensor};
use super::super::operation::{
    Backward, Case, CaseInput, Forward, Operation, Reference, ReferenceOperand, Shape,
};
use super::cross_entropy::cross_entropy_reference;
use crate::tensor::dropout::DropoutKey;
use crate::tensor::kernels::vectorized;
use crate::tensor::math;

/// Indices of the operands.
const LOGITS: usize = 0;
const STARTS: usize = 1;
const FIRST: usize = 2;
const LAST: usize = 3;
const WEIGHTS: usize = 4;

impl SpanCrossEntropy {
    /// Column `c` of the rows of sequence `b`, `[tokens]`, and the index of its label in it.
    fn reference_column(
        &self,
        inputs: &[ReferenceOperand],
        b: usize,
        c: usize,
    ) -> (Vec<f64>, usize) {
        let starts = inputs[STARTS].integers();
        let (from, to) = (starts[b] as usize, starts[b + 1] as usize);
        let mut column = Vec::new();
        for row in from..to {
            column.push(inputs[LOGITS].floats()[2 * row + c]);
        }
        (column, inputs[[FIRST, LAST][c]].integers()[b] as usize - from)
    }
}

impl Reference for SpanCrossEntropy {
    fn reference_forward(
        &self,
        inputs: &[ReferenceOperand],
        _dropout_key: &DropoutKey,
    ) -> Vec<f64> {
        let weights = inputs[WEIGHTS].floats(); // [batch]
        let mut output = vec![0.0, 0.0]; // loss, accuracy
        for b in 0..self.batch {
            let mut both = 1.0;
            for c in 0..2 {
                let (column, label) = self.reference_column(inputs, b, c);
                let (loss, correct) = cross_entropy_reference(&column, label);
                output[0] += weights[b] * 0.5 * loss;
                both *= correct;
            }
            output[1] += weights[b] * both;
        }
        output
    }

    fn reference_backward(
        &self,
        inputs: &[ReferenceOperand],
        output_gradient: &[f64],
        _dropout_key: &DropoutKey,
    ) -> Vec<Vec<f64>> {
        let weights = inputs[WEIGHTS].floats(); // [batch]
        let mut dz = vec![0.0; inputs[LOGITS].floats().len()]; // [rows, 2]
        for b in 0..self.batch {
            let from = inputs[STARTS].integers()[b] as usize;
            for c in 0..2 {
                let (column, label) = self.reference_column(inputs, b, c);
                let sum: f64 = column.iter().map(|z| z.exp()).sum();
                for (t, z) in column.iter().enumerate() {
                    let one_hot = if t == label { 1.0 } else { 0.0 };
                    dz[2 * (from + t) + c] =
                        output_gradient[0] * weights[b] * 0.5 * (z.exp() / sum - one_hot);
                }
            }
        }
        vec![dz, vec![], vec![], vec![], vec![]]
    }
}

/// Cross-entropy over the rows of each sequence, for two columns.
pub struct SpanCrossEntropy {
    batch: usize,
    rows: usize,
}

/// What [`span_cross_entropy`] reads beside the logits. A row number counts rows of the logits.
#[derive(Clone, Copy, Debug)]
pub struct SpanLabels {
    /// The first row of each sequence, then the number of rows, `[batch + 1]`.
    pub starts: Integers,
    /// The row of the first token of each answer, `[batch]`.
    pub first: Integers,
    /// The row of the last token of each answer, `[batch]`.
    pub last: Integers,
    /// The weight of each answer in the loss, 0 for padding, `[batch]`.
    pub weights: Floats,
}

/// Pushes the cross-entropy of spans over the logits z `[batch, seq, 2]`; the output is `[2]`: loss, accuracy.
///
/// # Errors
/// When the shapes do not fit.
pub fn span_cross_entropy(
    g: &mut Graph<'_>,
    z: Tensor,
    labels: SpanLabels,
) -> Result<Tensor, GraphError> {
    const NAME: &str = "span_cross_entropy";
    let SpanLabels { starts, first, last, weights } = labels;
    let (batch, rows) = (weights.length, z.shape.rows());
    g.check(z.shape.columns() == 2, NAME, "the width of z", z.shape.columns(), 2)?;
    g.check(starts.length == batch + 1, NAME, "the starts", starts.length, batch + 1)?;
    g.check(first.length == batch, NAME, "the first tokens", first.length, batch)?;
    g.check(last.length == batch, NAME, "the last tokens", last.length, batch)?;
    let operands = [z.into(), starts.into(), first.into(), last.into(), weights.into()];
    g.push_with_rows(SpanCrossEntropy { batch, rows }, &operands, Shape::new(&[2]), None)
}

vectorized! {
    /// Column `c` of `dz` `[tokens, 2]`, at first z, becomes weight·(softmax − onehot). Returns −ln p\[label\], and
    /// whether the label has the largest logit.
    fn column(c: usize, label: usize, weight: f32, dz: &mut [f32]) -> (f32, bool) {
        let at_label = dz[2 * label + c];
        let (mut max, mut likeliest) = (f32::NEG_INFINITY, 0);
        for (t, z) in dz.as_chunks::<2>().0.iter().enumerate() {
            if z[c] > max {
                (max, likeliest) = (z[c], t);
            }
        }
        let mut sum = 0.0;
        for z in dz.as_chunks_mut::<2>().0 {
            z[c] = math::exp_of_nonpositive(z[c] - max);
            sum += z[c];
        }
        let factor = weight / sum;
        for z in dz.as_chunks_mut::<2>().0 {
            z[c] *= factor;
        }
        dz[2 * label + c] -= weight;
        (math::ln(sum) + (max - at_label), likeliest == label)
    }
}

impl Operation for SpanCrossEntropy {
    fn name(&self) -> &'static str {
        "span_cross_entropy"
    }

    fn output(&self) -> usize {
        2
    }

    fn saved(&self) -> usize {
        2 * self.rows
    }

    fn backward_reads(&self, index: usize) -> bool {
        index != LOGITS
    }

    fn forward(&self, pass: Forward<'_>) {
        let logits = pass.inputs.floats(LOGITS); // [rows, 2]
        let [starts, first, last] = [STARTS, FIRST, LAST].map(|index| pass.inputs.integers(index)); // [batch + 1], [batch], [batch]
        let weights = pass.inputs.floats(WEIGHTS); // [batch]
        let dz = &mut pass.saved[..logits.len()]; // z, then dz, [rows, 2]
        dz.copy_from_slice(logits);
        pass.output.fill(0.0); // [2]
        for b in 0..self.batch {
            let (from, to) = (starts[b] as usize, starts[b + 1] as usize);
            let dz = &mut dz[2 * from..2 * to];
            if weights[b] == 0.0 {
                dz.fill(0.0);
                continue;
            }
            // 1. dz = ½·weight·(p − onehot) of both columns
            let labels = [first[b] as usize - from, last[b] as usize - from];
            let [(loss_0, right_0), (loss_1, right_1)] =
                [0, 1].map(|c| column(c, labels[c], 0.5 * weights[b], dz));

            // 2. The weighted sums
            pass.output[0] += weights[b] * (0.5 * (loss_0 + loss_1));
            pass.output[1] += weights[b] * f32::from(u8::from(right_0 && right_1));
        }
    }

    fn backward(&self, mut pass: Backward<'_>) {
        if let Some(dz) = pass.gradients.take(LOGITS) {
            // 1. dz = loss gradient·saved dz, [rows, 2]
            dz.write_scaled(pass.output_gradient[0], pass.saved);
        }
    }

    fn cases() -> Vec<Case> {
        // Starts, first and last rows, weights; a sequence of one token, and one without weight.
        [
            (vec![0, 1], vec![0], vec![0], vec![1.0]),
            (vec![0, 5, 6, 25], vec![2, 5, 24], vec![4, 5, 6], vec![0.5, 0.25, 0.25]),
            (vec![0, 7, 12], vec![0, 7], vec![3, 7], vec![0.8, 0.0]),
        ]
        .into_iter()
        .map(|(starts, first, last, weights): (Vec<u32>, _, _, Vec<f32>)| {
            let rows = *starts.last().expect("not empty") as usize;
            Case {
                operation: Box::new(Self { batch: weights.len(), rows }),
                inputs: vec![
                    CaseInput::Random(2 * rows),
                    CaseInput::Integers(starts),
                    CaseInput::Integers(first),
                    CaseInput::Integers(last),
                    CaseInput::Fixed(weights),
                ],
            }
        })
        .collect()
    }
}
