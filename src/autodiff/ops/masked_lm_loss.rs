//! The masked-LM loss over the tied decoder (`get_masked_lm_output` of Google's
//! `run_pretraining.py`): the words are predicted by the word embeddings themselves.
//!
//! ```text
//! z = h·Wᵀ + b        p = softmax(z) by row
//! loss = Σ_i weight[i] · −ln p[i, label[i]]        accuracy = Σ_i weight[i] · [argmax z[i] = label[i]]
//! ```
//!
//! Shapes: h `[n, hidden]` (masked positions only), W `[vocab_size, hidden]`, b `[vocab_size]`, labels
//! and weights `[n]`, output `[2]`: loss and accuracy. Only the loss has a gradient. With
//! weights 1/(number of masked positions) these are the means. Rows after the last weight that is not
//! 0 are padding and cost nothing.
//!
//! The vocabulary is cut into chunks of 256 columns. A task takes whole chunks: it computes their logits
//! and exponentiates them while they are in its cache, relative to the largest of each row of the chunk, m′:
//!
//! ```text
//! e = exp(z − m′)        s′ = Σ_chunk e
//! m = max_chunks m′      s = Σ_chunks s′·exp(m′ − m)
//! ```
//!
//! Saved: e, chunk after chunk; the state of each row of each chunk (m′, s′, …); m and s. Without a
//! backward pass e is not saved.
//!
//! ```text
//! dz[i] = weight[i]·(e[i]·exp(m′[i] − m[i]) / s[i] − onehot(label[i]))
//! dh = Σ_chunks dz·W        dW += dzᵀ·h        db += Σ_i dz[i]
//! ```
//!
//! Order of summation: products in order of k (dh: of the vocabulary, chunk after chunk, as one product
//! would); a row of a chunk over 16 fixed lanes, then the chunks; db, loss and accuracy by i.

use super::super::graph::{Floats, Graph, GraphError, Integers, Parameter, Tensor};
use super::super::operation::{
    Backward, Case, CaseInput, Forward, Gradient, Operation, Reference, ReferenceOperand, Shape,
};
use super::cross_entropy::{case_weights, cross_entropy_reference};
use crate::tensor::dropout::DropoutKey;
use crate::tensor::kernels::{LANES, add, max_lanes, sum_lanes, vectorized};
use crate::tensor::math;
use crate::tensor::matmul::{WriteMode, matmul, matrix, matrix_mut};
use crate::system::threads::{SplitOutput, count, for_each_range};
use std::ops::Range;

/// Places of the operands.
const H: usize = 0;
const DECODER: usize = 1;
const BIAS: usize = 2;
const LABELS: usize = 3;
const WEIGHTS: usize = 4;

impl Reference for MaskedLmLoss {
    fn reference_forward(&self, inputs: &[ReferenceOperand], _dropout_key: &DropoutKey) -> Vec<f64> {
        let (labels, weights) = (inputs[LABELS].integers(), inputs[WEIGHTS].floats());
        let mut output = vec![0.0, 0.0];
        for i in 0..self.rows {
            let logits = self.reference_logits(inputs, i);
            let (loss, correct) = cross_entropy_reference(&logits, labels[i] as usize);
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
        let [h, decoder, bias] = [H, DECODER, BIAS].map(|place| inputs[place].floats());
        let (labels, weights) = (inputs[LABELS].integers(), inputs[WEIGHTS].floats());
        let mut dh = vec![0.0; h.len()];
        let mut d_decoder = vec![0.0; decoder.len()];
        let mut d_bias = vec![0.0; bias.len()];
        for i in 0..self.rows {
            let logits = self.reference_logits(inputs, i);
            let sum: f64 = logits.iter().map(|z| z.exp()).sum();
            for v in 0..self.vocab_size {
                let one_hot = if v == labels[i] as usize { 1.0 } else { 0.0 };
                let dz = output_gradient[0] * weights[i] * (logits[v].exp() / sum - one_hot);
                for c in 0..self.hidden {
                    dh[i * self.hidden + c] += dz * decoder[v * self.hidden + c];
                    d_decoder[v * self.hidden + c] += dz * h[i * self.hidden + c];
                }
                d_bias[v] += dz;
            }
        }
        vec![dh, d_decoder, d_bias, vec![], vec![]]
    }
}

impl MaskedLmLoss {
    /// The logits of row `i`, `[vocab_size]`.
    fn reference_logits(&self, inputs: &[ReferenceOperand], i: usize) -> Vec<f64> {
        let [h, decoder, bias] = [H, DECODER, BIAS].map(|place| inputs[place].floats());
        let mut logits = Vec::new();
        for v in 0..self.vocab_size {
            let mut z = bias[v];
            for c in 0..self.hidden {
                z += h[i * self.hidden + c] * decoder[v * self.hidden + c];
            }
            logits.push(z);
        }
        logits
    }
}

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

/// Columns of a chunk: the block of k after which a matrix product stores its partial sums, so that
/// chunks change none of its bits.
const CHUNK: usize = 256;

/// Numbers in the state of a row of a chunk: the largest logit m′, s′, the column of the first largest, and the
/// label's logit (−∞ where the label is in another chunk).
const STATE: usize = 4;

/// Numbers in the summary of a row: m and s, −ln p\[label\], and whether the label is the prediction.
const SUMMARY: usize = 4;

vectorized! {
    /// One row of a chunk of logits without bias: z becomes e, and `state` is filled.
    fn exponentiate(z: &mut [f32], bias: &[f32], first_column: usize, label: usize, state: &mut [f32]) {
        for (z, bias) in z.iter_mut().zip(bias) {
            *z += bias;
        }
        let max = max_lanes(z);
        // The first of equals is the prediction; whole vectors are compared until one has it.
        let vector = z.chunks(LANES).position(|z| z.iter().fold(false, |any, &z| any | (z == max)));
        let first = vector.unwrap_or(0) * LANES;
        let at = first + z[first..].iter().position(|&z| z == max).unwrap_or(0);
        let label = label.checked_sub(first_column).and_then(|at| z.get(at));
        // Columns are below 2²⁴, exact as floats.
        let column = (first_column + at) as f32;
        (state[0], state[2], state[3]) = (max, column, label.copied().unwrap_or(f32::NEG_INFINITY));
        for z in z.iter_mut() {
            *z = math::exp_of_nonpositive(*z - max);
        }
        state[1] = sum_lanes(z);
    }

    /// One row, from its states in all chunks (each `stride` after the one before) to its summary.
    fn summarize(states: &[f32], stride: usize, label: usize, summary: &mut [f32]) {
        let states = || states.chunks(stride);
        let (mut max, mut prediction, mut label_logit) = (f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY);
        for state in states() {
            if state[0] > max {
                (max, prediction) = (state[0], state[2]);
            }
            // Not f32::max, which would pass over a NaN.
            label_logit = if state[3] == f32::NEG_INFINITY { label_logit } else { state[3] };
        }
        let mut sum = 0.0;
        for state in states() {
            sum = state[1].mul_add(math::exp_of_nonpositive(state[0] - max), sum);
        }
        let correct = f32::from(u8::from(prediction == label as f32));
        summary.copy_from_slice(&[max, sum, math::ln(sum) + (max - label_logit), correct]);
    }

    /// One row of a chunk: dz = weight·p, the onehot not yet taken off.
    fn probabilities(e: &[f32], chunk_max: f32, summary: &[f32], weight: f32, dz: &mut [f32]) {
        let factor = weight * math::exp_of_nonpositive(chunk_max - summary[0]) / summary[1];
        for (dz, e) in dz.iter_mut().zip(e) {
            *dz = factor * e;
        }
    }
}

impl MaskedLmLoss {
    /// Rows up to the last one that counts.
    fn active(weights: &[f32]) -> usize {
        weights.iter().rposition(|&w| w != 0.0).map_or(0, |last| last + 1)
    }

    fn chunks(&self) -> usize {
        self.vocab_size.div_ceil(CHUNK)
    }

    /// The columns of a chunk.
    fn columns(&self, chunk: usize) -> Range<usize> {
        chunk * CHUNK..((chunk + 1) * CHUNK).min(self.vocab_size)
    }

    /// One chunk for all rows, and a row.
    fn task_scratch(&self) -> usize {
        (self.rows + 1) * self.vocab_size.min(CHUNK)
    }

    /// Chunks that are processed together in the backward pass: each computes its own part of dh, and the
    /// parts are added in order.
    fn wave(&self, threads: usize) -> usize {
        self.chunks().min(4 * threads)
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
        self.saved_in_evaluation() + self.rows * self.vocab_size
    }

    fn saved_in_evaluation(&self) -> usize {
        self.rows * (SUMMARY + self.chunks() * STATE)
    }

    fn scratch(&self, threads: usize) -> usize {
        threads * self.task_scratch() + self.wave(threads) * self.rows * self.hidden
    }

    fn flop(&self) -> [u64; 2] {
        let product = 2 * (self.rows * self.hidden * self.vocab_size) as u64;
        [product, 2 * product]
    }

    fn forward(&self, pass: Forward<'_>) {
        let [h, decoder, bias] = [H, DECODER, BIAS].map(|place| pass.inputs.floats(place));
        let (labels, weights) = (pass.inputs.integers(LABELS), pass.inputs.floats(WEIGHTS));
        let (hidden, active) = (self.hidden, Self::active(weights));
        pass.output.fill(0.0);
        if active == 0 {
            return;
        }
        let (summaries, rest) = pass.saved.split_at_mut(self.rows * SUMMARY);
        let (states, exponentials) = rest.split_at_mut(self.chunks() * self.rows * STATE);
        let h = matrix(&h[..active * hidden], active, hidden);
        let outputs = [
            SplitOutput::new(states, self.rows * STATE),
            SplitOutput::new(exponentials, active * CHUNK),
        ];
        let (task, keep) = (self.task_scratch(), pass.training);
        for_each_range(self.chunks(), outputs, pass.scratch, task, |range, outputs, scratch| {
            let [states, exponentials] = outputs;
            let first = range.start;
            for chunk in range {
                let columns = self.columns(chunk);
                let width = columns.len();
                let kept = (chunk - first) * active * CHUNK;
                let z = if keep { &mut exponentials[kept..] } else { &mut *scratch };
                let z = &mut z[..active * width];
                let w = &decoder[columns.start * hidden..columns.end * hidden];
                let w = matrix(w, width, hidden).reversed_axes();
                matmul(h, w, WriteMode::Store, matrix_mut(z, active, width));
                let states = &mut states[(chunk - first) * self.rows * STATE..];
                let rows = z.chunks_exact_mut(width).zip(states.chunks_exact_mut(STATE));
                for ((z, state), &label) in rows.zip(labels) {
                    exponentiate(z, &bias[columns.clone()], columns.start, label as usize, state);
                }
            }
        });
        let outputs = [SplitOutput::new(&mut *summaries, SUMMARY)];
        let (states, stride) = (&*states, self.rows * STATE);
        for_each_range(active, outputs, &mut [], 0, |range, [summaries], _| {
            for (i, summary) in range.zip(summaries.chunks_exact_mut(SUMMARY)) {
                summarize(&states[i * STATE..], stride, labels[i] as usize, summary);
            }
        });
        for (&weight, summary) in weights.iter().zip(summaries.chunks_exact(SUMMARY)) {
            // A padded row's loss may be anything: it must not turn 0 into NaN.
            if weight != 0.0 {
                pass.output[0] += weight * summary[2];
                pass.output[1] += weight * summary[3];
            }
        }
    }

    fn backward(&self, mut pass: Backward<'_>) {
        let [h, decoder] = [H, DECODER].map(|place| pass.inputs.floats(place));
        let (labels, weights) = (pass.inputs.integers(LABELS), pass.inputs.floats(WEIGHTS));
        let (hidden, active) = (self.hidden, Self::active(weights));
        let (summaries, rest) = pass.saved.split_at(self.rows * SUMMARY);
        let (states, exponentials) = rest.split_at(self.chunks() * self.rows * STATE);
        let loss_gradient = pass.output_gradient[0];
        let [dh, d_decoder, d_bias] = [H, DECODER, BIAS].map(|place| pass.gradients.take(place));
        let (d_decoder, mode) = match d_decoder {
            // Without rows no product would write zeros.
            Some(gradient) if active == 0 => (gradient.to_add(), WriteMode::Accumulate),
            Some(gradient) => (gradient.data, WriteMode::accumulating(gradient.accumulate)),
            None => Default::default(),
        };
        let d_bias = d_bias.map_or_else(Default::default, Gradient::to_add);
        let dh = dh.map_or_else(Default::default, Gradient::to_add);
        if active == 0 {
            return;
        }
        let threads = count();
        let wave = self.wave(threads);
        let (scratch, partials) = pass.scratch.split_at_mut(threads * self.task_scratch());
        let h = matrix(&h[..active * hidden], active, hidden);
        for first in (0..self.chunks()).step_by(wave) {
            let chunks = wave.min(self.chunks() - first);
            let columns = first * CHUNK..self.columns(first + chunks - 1).end;
            let partials = &mut partials[..chunks * active * hidden];
            let part = |data: &[f32], width: usize| {
                if data.is_empty() { 0..0 } else { columns.start * width..columns.end * width }
            };
            let (decoder_part, bias_part) = (part(d_decoder, hidden), part(d_bias, 1));
            let outputs = [
                SplitOutput::new(&mut d_decoder[decoder_part], CHUNK * hidden),
                SplitOutput::new(&mut d_bias[bias_part], CHUNK),
                SplitOutput::new(&mut *partials, active * hidden),
            ];
            for_each_range(chunks, outputs, scratch, self.task_scratch(), |range, outputs, scratch| {
                let [d_decoder, d_bias, partials] = outputs;
                for (place, index) in range.enumerate() {
                    let chunk = first + index;
                    let columns = self.columns(chunk);
                    let width = columns.len();
                    let e = &exponentials[active * columns.start..active * columns.end];
                    let states = &states[chunk * self.rows * STATE..];
                    let (dz, sum) = scratch.split_at_mut(active * width);
                    let rows = dz.chunks_exact_mut(width).zip(e.chunks_exact(width));
                    for (i, (dz, e)) in rows.enumerate() {
                        let weight = loss_gradient * weights[i];
                        let summary = &summaries[i * SUMMARY..(i + 1) * SUMMARY];
                        probabilities(e, states[i * STATE], summary, weight, dz);
                        let label = (labels[i] as usize).checked_sub(columns.start);
                        if let Some(dz) = label.and_then(|at| dz.get_mut(at)) {
                            *dz -= weight;
                        }
                    }
                    if !d_bias.is_empty() {
                        let sum = &mut sum[..width];
                        sum.fill(0.0);
                        dz.chunks_exact(width).for_each(|dz| add(dz, sum));
                        add(sum, &mut d_bias[place * CHUNK..][..width]);
                    }
                    let dz = matrix(dz, active, width);
                    if !d_decoder.is_empty() {
                        let d_decoder = &mut d_decoder[place * CHUNK * hidden..][..width * hidden];
                        let d_decoder = matrix_mut(d_decoder, width, hidden);
                        matmul(dz.reversed_axes(), h, mode, d_decoder);
                    }
                    let w = &decoder[columns.start * hidden..columns.end * hidden];
                    let partial = &mut partials[place * active * hidden..][..active * hidden];
                    let partial = matrix_mut(partial, active, hidden);
                    matmul(dz, matrix(w, width, hidden), WriteMode::Store, partial);
                }
            });
            if let Some(dh) = dh.get_mut(..active * hidden) {
                let outputs = [SplitOutput::new(dh, hidden)];
                for_each_range(active, outputs, &mut [], 0, |range, [dh], _| {
                    for partial in partials.chunks_exact(active * hidden) {
                        add(&partial[range.start * hidden..range.end * hidden], dh);
                    }
                });
            }
        }
    }

    fn cases() -> Vec<Case> {
        [(1, 1, 1), (5, 7, 11), (70, 19, 33), (3, 2, 9 * CHUNK + 5)]
            .into_iter()
            .map(|(rows, hidden, vocab_size)| Case {
                operation: Box::new(Self { rows, hidden, vocab_size }),
                inputs: vec![
                    CaseInput::Random(rows * hidden),
                    CaseInput::Random(vocab_size * hidden),
                    CaseInput::Random(vocab_size),
                    CaseInput::Integers((0..rows).map(|i| (i * 5 % vocab_size) as u32).collect()),
                    CaseInput::Fixed(case_weights(rows)),
                ],
            })
            .collect()
    }
}
