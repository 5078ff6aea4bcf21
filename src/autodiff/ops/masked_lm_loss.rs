//! The masked-LM loss over the tied decoder (`get_masked_lm_output` of Google's
//! `run_pretraining.py`): the words are predicted by the word embeddings themselves.
//!
//! ```text
//! z = h·Wᵀ + b        p = softmax(z) by row
//! loss = Σ_i weight[i] · −ln p[i, label[i]]        accuracy = Σ_i weight[i] · [argmax z[i] = label[i]]
//! ```
//!
//! Shapes: h `[n, hidden]` (masked positions only), W `[vocab_size, hidden]`, b `[vocab_size]`, labels
//! and weights `[n]`, output `[2]`: loss and accuracy, of which only the loss has a gradient. With
//! weights 1/(number of masked positions) these are the means. Rows after the last weight that is not
//! 0 are padding and cost nothing.
//!
//! The gradient is made on the way forward, in place of the logits. Saved: dz.
//!
//! ```text
//! dz[i] = weight[i]·(p[i] − onehot(label[i]))        dh = dz·W        dW += dzᵀ·h        db += Σ_i dz[i]
//! ```
//!
//! Order of summation: products in order of k; a row of the softmax over 16 fixed lanes; loss and
//! accuracy by i.

use super::super::graph::{Floats, Graph, GraphError, Integers, Parameter, Tensor};
use super::super::operation::{Backward, Case, CaseInput, Forward, Input64, Operation, Shape};
use crate::tensor::dropout::Moment;
use crate::tensor::kernels::{max_lanes, scale, sum_lanes, sum_rows, sum_rows_scratch, vectorized};
use crate::tensor::math;
use crate::tensor::matmul::{Update, matmul_parallel, matrix, matrix_mut};
use crate::tensor::threads::{PerItem, for_each_range};

/// Cross-entropy of the masked positions over the vocabulary.
pub struct MaskedLmLoss {
    rows: usize,
    hidden: usize,
    vocab_size: usize,
}

/// Pushes the masked-LM loss of h `[n, hidden]` against `labels`, weighted by `weights`; the output is
/// `[2]`: loss, accuracy.
///
/// # Errors
/// When the shapes do not fit.
pub fn masked_lm_loss(
    g: &mut Graph<'_>,
    h: Tensor,
    decoder: &Parameter,
    bias: &Parameter,
    labels: Integers,
    weights: Floats,
) -> Result<Tensor, GraphError> {
    const NAME: &str = "masked_lm_loss";
    let (rows, hidden, vocab_size) = (h.shape.rows(), h.shape.columns(), decoder.shape.rows());
    let fits = decoder.shape.dimensions() == [vocab_size, hidden];
    g.check(fits, NAME, "the decoder", decoder.shape, format!("[…, {hidden}]"))?;
    let fits = bias.shape.dimensions() == [vocab_size];
    g.check(fits, NAME, "the bias", bias.shape, format!("[{vocab_size}]"))?;
    g.check(labels.length == rows, NAME, "the labels", labels.length, rows)?;
    g.check(weights.length == rows, NAME, "the weights", weights.length, rows)?;
    g.push(
        MaskedLmLoss { rows, hidden, vocab_size },
        &[h.into(), decoder.into(), bias.into(), labels.into(), weights.into()],
        Shape::new(&[2]),
    )
}

vectorized! {
    /// One row z becomes z + bias; with `gradient`, then weight·(softmax − onehot). Returns
    /// (−ln p[label], argmax = label).
    pub(super) fn cross_entropy_row(
        z: &mut [f32],
        bias: &[f32],
        label: usize,
        weight: f32,
        gradient: bool,
        exps: &mut [f32],
    ) -> (f32, bool) {
        for (z, bias) in z.iter_mut().zip(bias) {
            *z += bias;
        }
        let max = max_lanes(z);
        let at_label = z[label];
        // The first of equals is the prediction.
        let correct = at_label == max && z[..label].iter().all(|&z| z < max);
        for (e, z) in exps.iter_mut().zip(z.iter()) {
            *e = math::exp(*z - max);
        }
        let sum = sum_lanes(exps);
        let loss = math::ln(sum) + (max - at_label);
        if gradient {
            let factor = weight / sum;
            for (z, e) in z.iter_mut().zip(exps.iter()) {
                *z = factor * e;
            }
            z[label] -= weight;
        }
        (loss, correct)
    }
}

/// Σ weight·loss and Σ weight·correct, by row.
pub(super) fn weighted(losses: &[f32], correct: &[f32], weights: &[f32], output: &mut [f32]) {
    output.fill(0.0);
    for ((loss, correct), weight) in losses.iter().zip(correct).zip(weights) {
        // A padded row's loss may be anything: it must not turn 0 into NaN.
        if *weight != 0.0 {
            output[0] += weight * loss;
            output[1] += weight * correct;
        }
    }
}

impl MaskedLmLoss {
    /// Rows up to the last one that counts.
    fn active(weights: &[f32]) -> usize {
        weights.iter().rposition(|&w| w != 0.0).map_or(0, |last| last + 1)
    }
}

impl Operation for MaskedLmLoss {
    fn name(&self) -> &'static str {
        "masked_lm_loss"
    }

    fn output(&self) -> usize {
        2
    }

    fn saved(&self) -> usize {
        self.rows * self.vocab_size
    }

    fn scratch(&self, threads: usize) -> usize {
        let forward = threads * self.vocab_size + 2 * self.rows;
        forward.max(sum_rows_scratch(self.rows, self.vocab_size))
    }

    fn flop(&self) -> [u64; 2] {
        let product = 2 * (self.rows * self.hidden * self.vocab_size) as u64;
        [product, 2 * product]
    }

    fn forward(&self, pass: Forward<'_>) {
        let [h, decoder, bias] = [0, 1, 2].map(|place| pass.inputs.floats(place));
        let (labels, weights) = (pass.inputs.integers(3), pass.inputs.floats(4));
        let (hidden, vocab_size, active) = (self.hidden, self.vocab_size, Self::active(weights));
        let logits = &mut pass.saved[..active * vocab_size];
        matmul_parallel(
            matrix(&h[..active * hidden], active, hidden),
            matrix(decoder, vocab_size, hidden).reversed_axes(),
            Update::Store,
            matrix_mut(logits, active, vocab_size),
        );
        let (results, exps) = pass.scratch.split_at_mut(2 * self.rows);
        let (losses, correct) = results.split_at_mut(self.rows);
        let (losses, correct) = (&mut losses[..active], &mut correct[..active]);
        let outputs =
            [PerItem::new(logits, vocab_size), PerItem::new(losses, 1), PerItem::new(correct, 1)];
        for_each_range(active, outputs, exps, vocab_size, |range, outputs, exps| {
            let [logits, losses, correct] = outputs;
            let results = losses.iter_mut().zip(correct);
            for ((i, z), (loss, correct)) in
                range.zip(logits.chunks_exact_mut(vocab_size)).zip(results)
            {
                let (label, weight) = (labels[i] as usize, weights[i]);
                let row = cross_entropy_row(z, bias, label, weight, pass.training, exps);
                (*loss, *correct) = (row.0, f32::from(u8::from(row.1)));
            }
        });
        weighted(losses, correct, weights, pass.output);
    }

    fn backward(&self, mut pass: Backward<'_>) {
        let [h, decoder] = [0, 1].map(|place| pass.inputs.floats(place));
        let active = Self::active(pass.inputs.floats(4));
        let (hidden, vocab_size) = (self.hidden, self.vocab_size);
        let dz = &mut pass.saved[..active * vocab_size];
        if pass.output_gradient[0] != 1.0 {
            scale(pass.output_gradient[0], dz);
        }
        let dz = &*dz;
        let dz_matrix = matrix(dz, active, vocab_size);
        if let Some(dh) = pass.gradients.take(0) {
            let (rows, padding) = dh.data.split_at_mut(active * hidden);
            matmul_parallel(
                dz_matrix,
                matrix(decoder, vocab_size, hidden),
                Update::accumulating(dh.accumulate),
                matrix_mut(rows, active, hidden),
            );
            if !dh.accumulate {
                padding.fill(0.0);
            }
        }
        if let Some(d_decoder) = pass.gradients.take(1) {
            matmul_parallel(
                dz_matrix.reversed_axes(),
                matrix(&h[..active * hidden], active, hidden),
                Update::accumulating(d_decoder.accumulate),
                matrix_mut(d_decoder.data, vocab_size, hidden),
            );
        }
        if let Some(d_bias) = pass.gradients.take(2) {
            sum_rows(dz, d_bias.to_add(), pass.scratch);
        }
    }

    fn reference(&self, inputs: &[Input64], _moment: &Moment) -> Vec<f64> {
        let [h, decoder, bias] = [0, 1, 2].map(|place| inputs[place].floats());
        let (labels, weights) = (inputs[3].integers(), inputs[4].floats());
        let mut output = vec![0.0, 0.0];
        for i in 0..self.rows {
            let mut logits = Vec::new();
            for v in 0..self.vocab_size {
                let mut z = bias[v];
                for c in 0..self.hidden {
                    z += h[i * self.hidden + c] * decoder[v * self.hidden + c];
                }
                logits.push(z);
            }
            let (loss, correct) = cross_entropy_reference(&logits, labels[i] as usize);
            output[0] += weights[i] * loss;
            output[1] += weights[i] * correct;
        }
        output
    }

    fn cases() -> Vec<Case> {
        [(1, 1, 1), (5, 7, 11), (70, 19, 33)]
            .into_iter()
            .map(|(rows, hidden, vocab_size)| Case {
                operation: Box::new(Self { rows, hidden, vocab_size }),
                inputs: vec![
                    CaseInput::Random(rows * hidden),
                    CaseInput::Random(vocab_size * hidden),
                    CaseInput::Random(vocab_size),
                    CaseInput::Integers((0..rows).map(|i| (i * 5 % vocab_size) as u32).collect()),
                    CaseInput::Fixed(super::cross_entropy::case_weights(rows)),
                ],
            })
            .collect()
    }
}

/// (−ln softmax(z)[label], argmax z = label), in plain loops.
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
