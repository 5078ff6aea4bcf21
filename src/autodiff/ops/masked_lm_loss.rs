//! The masked-LM loss over the tied decoder (`get_masked_lm_output` of Google's
//! `run_pretraining.py`): the decoder's weights W are the word embeddings.
//!
//! ```text
//! z = h·Wᵀ + b        p = softmax(z) by row
//! loss = Σ_i weight[i] · −ln p[i, label[i]]        accuracy = Σ_i weight[i] · [argmax z[i] = label[i]]
//! ```
//!
//! Shapes: h `[n, hidden]` (masked positions only), W `[vocab_size, hidden]`, b `[vocab_size]`, labels
//! and weights `[n]`, output `[2 + 2·n]`: loss, accuracy, then −ln p\[i, label\[i\]\] of every row, then 1 for
//! every row whose label has the largest logit. A row of weight 0 has zeros there. Losses have a gradient,
//! accuracies have none. With weights 1/(number of masked positions) the first two are the means. Rows after the
//! last weight that is not 0 are padding and cost nothing.
//!
//! The vocabulary is cut into chunks of 256 columns. A task takes whole chunks: it computes their logits
//! and exponentiates them while they are in its cache. m′ is the largest logit of a row of the chunk:
//!
//! ```text
//! e = exp(z − m′)        s′ = Σ_chunk e
//! m = max_chunks m′      s = Σ_chunks s′·exp(m′ − m)
//! ```
//!
//! Saved: a summary of each row (m, s, …), `[n, 4]`; the state of each row of each chunk (m′, s′, …),
//! `[chunks, n, 4]`; e, `[n, columns]` for each chunk in turn. Without a backward pass e is not saved.
//!
//! ```text
//! dz[i] = g[i]·(e[i]·exp(m′[i] − m[i]) / s[i] − onehot(label[i]))
//! g[i] = d loss·weight[i] + d row loss[i]
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
use crate::system::threads::{SplitOutput, count, for_each_range};
use crate::tensor::dropout::DropoutKey;
use crate::tensor::kernels::{
    add, chunk_state, combine_chunks, row_summary, softmax_chunk, weighted_probabilities,
};
use crate::tensor::matmul::{WriteMode, matmul, matrix, matrix_mut};
use std::ops::Range;

/// Indices of the operands.
const H: usize = 0;
const DECODER: usize = 1;
const BIAS: usize = 2;
const LABELS: usize = 3;
const WEIGHTS: usize = 4;

/// The number of sums at the beginning of the output: loss and accuracy. The values of the rows follow.
const SUMS: usize = 2;

impl Reference for MaskedLmLoss {
    fn reference_forward(
        &self,
        inputs: &[ReferenceOperand],
        _dropout_key: &DropoutKey,
    ) -> Vec<f64> {
        let (labels, weights) = (inputs[LABELS].integers(), inputs[WEIGHTS].floats()); // [rows] each
        let mut output = vec![0.0; self.output()]; // loss, accuracy, [rows], [rows]
        for i in 0..self.rows {
            let logits = self.reference_logits(inputs, i); // [vocab_size]
            let (loss, correct) = cross_entropy_reference(&logits, labels[i] as usize);
            output[0] += weights[i] * loss;
            output[1] += weights[i] * correct;
            if weights[i] != 0.0 {
                output[SUMS + i] = loss;
                output[SUMS + self.rows + i] = correct;
            }
        }
        output
    }

    fn reference_backward(
        &self,
        inputs: &[ReferenceOperand],
        output_gradient: &[f64],
        _dropout_key: &DropoutKey,
    ) -> Vec<Vec<f64>> {
        let [h, decoder, bias] = [H, DECODER, BIAS].map(|index| inputs[index].floats());
        let (labels, weights) = (inputs[LABELS].integers(), inputs[WEIGHTS].floats()); // [rows] each
        let mut dh = vec![0.0; h.len()]; // [rows, hidden]
        let mut d_decoder = vec![0.0; decoder.len()]; // [vocab_size, hidden]
        let mut d_bias = vec![0.0; bias.len()]; // [vocab_size]
        for i in 0..self.rows {
            let logits = self.reference_logits(inputs, i); // [vocab_size]
            let sum: f64 = logits.iter().map(|z| z.exp()).sum();
            for v in 0..self.vocab_size {
                let one_hot = if v == labels[i] as usize { 1.0 } else { 0.0 };
                let of_row = if weights[i] != 0.0 { output_gradient[SUMS + i] } else { 0.0 };
                let dz =
                    (output_gradient[0] * weights[i] + of_row) * (logits[v].exp() / sum - one_hot);
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
        let [h, decoder, bias] = [H, DECODER, BIAS].map(|index| inputs[index].floats());
        let mut logits = Vec::new(); // [vocab_size]
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
/// `[2 + 2·n]`: loss, accuracy, the loss of every row, whether it is right.
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
        Shape::new(&[SUMS + 2 * rows]),
    )
}

/// Columns of a chunk. A matrix product also stores its partial sums after blocks of 256 of k, so dh,
/// which sums over columns, has the same bits as without chunks.
const CHUNK: usize = 256;

impl MaskedLmLoss {
    /// The number of rows up to the last one with a weight other than 0.
    fn active(weights: &[f32]) -> usize {
        weights.iter().rposition(|&w| w != 0.0).map_or(0, |last| last + 1)
    }

    /// The number of chunks.
    fn chunks(&self) -> usize {
        self.vocab_size.div_ceil(CHUNK)
    }

    /// The columns of a chunk.
    fn columns(&self, chunk: usize) -> Range<usize> {
        chunk * CHUNK..((chunk + 1) * CHUNK).min(self.vocab_size)
    }

    /// Scratch of one task: `[rows, columns]` for one chunk, and one row of `[columns]`.
    fn task_scratch(&self) -> usize {
        (self.rows + 1) * self.vocab_size.min(CHUNK)
    }

    /// The number of chunks that the backward pass processes together. Each computes its own part of
    /// dh; the parts are added in order.
    fn wave(&self, threads: usize) -> usize {
        self.chunks().min(4 * threads)
    }
}

impl Operation for MaskedLmLoss {
    fn name(&self) -> &'static str {
        "masked_lm_loss"
    }

    fn output(&self) -> usize {
        SUMS + 2 * self.rows
    }

    fn saved(&self) -> usize {
        self.saved_in_evaluation() + self.rows * self.vocab_size
    }

    fn saved_in_evaluation(&self) -> usize {
        self.rows * (row_summary::LENGTH + self.chunks() * chunk_state::LENGTH)
    }

    fn scratch(&self, threads: usize) -> usize {
        threads * self.task_scratch() + self.wave(threads) * self.rows * self.hidden
    }

    fn flop(&self) -> [u64; 2] {
        let product = 2 * (self.rows * self.hidden * self.vocab_size) as u64;
        [product, 2 * product]
    }

    fn forward(&self, pass: Forward<'_>) {
        let h = pass.inputs.floats(H); // [rows, hidden]
        let decoder = pass.inputs.floats(DECODER); // [vocab_size, hidden]
        let bias = pass.inputs.floats(BIAS); // [vocab_size]
        let (labels, weights) = (pass.inputs.integers(LABELS), pass.inputs.floats(WEIGHTS)); // [rows] each
        let (hidden, active) = (self.hidden, Self::active(weights));
        pass.output.fill(0.0);
        if active == 0 {
            return;
        }
        let (summaries, rest) = pass.saved.split_at_mut(self.rows * row_summary::LENGTH); // [rows, 4]
        let stride = self.rows * chunk_state::LENGTH; // from one chunk's states to the next one's
        let (states, exponentials) = rest.split_at_mut(self.chunks() * stride); // [chunks, rows, 4]; e
        let h = matrix(&h[..active * hidden], active, hidden); // [active, hidden]

        // 1. By chunk: z = h·Wᵀ, then e, m′ and s′ of every row.
        let outputs = [
            SplitOutput::new(states, stride),
            SplitOutput::new(exponentials, active * CHUNK), // empty in evaluation
        ];
        let (task, keep) = (self.task_scratch(), pass.training);
        for_each_range(self.chunks(), outputs, pass.scratch, task, |range, outputs, scratch| {
            let [states, exponentials] = outputs; // the parts for the chunks in `range`
            let first = range.start;
            for chunk in range {
                let columns = self.columns(chunk);
                let width = columns.len();
                let kept = (chunk - first) * active * CHUNK;
                let z = if keep { &mut exponentials[kept..] } else { &mut *scratch };
                let z = &mut z[..active * width]; // [active, width]
                let w = &decoder[columns.start * hidden..columns.end * hidden];
                let w = matrix(w, width, hidden).reversed_axes(); // [hidden, width]
                matmul(h, w, WriteMode::Store, matrix_mut(z, active, width));
                let states = &mut states[(chunk - first) * stride..]; // [rows, 4] of this chunk
                let states = states.chunks_exact_mut(chunk_state::LENGTH);
                for ((z, state), &label) in z.chunks_exact_mut(width).zip(states).zip(labels) {
                    softmax_chunk(z, &bias[columns.clone()], columns.start, label as usize, state);
                }
            }
        });

        // 2. By row: m, s, loss and accuracy from the states of all chunks.
        let outputs = [SplitOutput::new(&mut *summaries, row_summary::LENGTH)];
        let states = &*states;
        for_each_range(active, outputs, &mut [], 0, |range, [summaries], _| {
            for (i, summary) in range.zip(summaries.chunks_exact_mut(row_summary::LENGTH)) {
                let states = &states[i * chunk_state::LENGTH..];
                combine_chunks(states, stride, labels[i] as usize, summary);
            }
        });

        // 3. The weighted sums over the rows, and each row.
        let (sums, of_rows) = pass.output.split_at_mut(SUMS);
        let (losses, correct) = of_rows.split_at_mut(self.rows); // [rows] each
        let summaries = summaries.chunks_exact(row_summary::LENGTH);
        for (i, (&weight, summary)) in weights.iter().zip(summaries).enumerate() {
            // The loss of a padded row can be NaN, and 0·NaN is NaN.
            if weight != 0.0 {
                losses[i] = summary[row_summary::LOSS];
                correct[i] = summary[row_summary::CORRECT];
                sums[0] += weight * losses[i];
                sums[1] += weight * correct[i];
            }
        }
    }

    fn backward(&self, mut pass: Backward<'_>) {
        let h = pass.inputs.floats(H); // [rows, hidden]
        let decoder = pass.inputs.floats(DECODER); // [vocab_size, hidden]
        let (labels, weights) = (pass.inputs.integers(LABELS), pass.inputs.floats(WEIGHTS)); // [rows] each
        let (hidden, active) = (self.hidden, Self::active(weights));
        let (summaries, rest) = pass.saved.split_at(self.rows * row_summary::LENGTH); // [rows, 4]
        let stride = self.rows * chunk_state::LENGTH; // from one chunk's states to the next one's
        let (states, exponentials) = rest.split_at(self.chunks() * stride); // [chunks, rows, 4]; e
        let (loss_gradient, row_gradients) =
            (pass.output_gradient[0], &pass.output_gradient[SUMS..]);
        let gradient = |i: usize| {
            let of_row = if weights[i] != 0.0 { row_gradients[i] } else { 0.0 };
            loss_gradient * weights[i] + of_row
        };
        let [dh, d_decoder, d_bias] = [H, DECODER, BIAS].map(|index| pass.gradients.take(index));
        // Each buffer below is empty when the gradient is not needed.
        let (d_decoder, mode) = match d_decoder {
            // Without rows no product would write zeros.
            Some(gradient) if active == 0 => (gradient.to_add(), WriteMode::Accumulate),
            Some(gradient) => (gradient.data, WriteMode::accumulating(gradient.accumulate)),
            None => Default::default(),
        }; // [vocab_size, hidden]
        let d_bias = d_bias.map_or_else(Default::default, Gradient::to_add); // [vocab_size]
        let dh = dh.map_or_else(Default::default, Gradient::to_add); // [rows, hidden]
        if active == 0 {
            return;
        }
        let threads = count();
        let wave = self.wave(threads);
        let (scratch, partials) = pass.scratch.split_at_mut(threads * self.task_scratch());
        let h = matrix(&h[..active * hidden], active, hidden); // [active, hidden]
        for first in (0..self.chunks()).step_by(wave) {
            let chunks = wave.min(self.chunks() - first);
            let columns = first * CHUNK..self.columns(first + chunks - 1).end;
            let partials = &mut partials[..chunks * active * hidden]; // [chunks, active, hidden]
            let part = |data: &[f32], width: usize| {
                if data.is_empty() { 0..0 } else { columns.start * width..columns.end * width }
            };
            let (decoder_part, bias_part) = (part(d_decoder, hidden), part(d_bias, 1));
            let outputs = [
                SplitOutput::new(&mut d_decoder[decoder_part], CHUNK * hidden), // [columns, hidden]
                SplitOutput::new(&mut d_bias[bias_part], CHUNK),                // [columns]
                SplitOutput::new(&mut *partials, active * hidden),
            ];
            for_each_range(
                chunks,
                outputs,
                scratch,
                self.task_scratch(),
                |range, outputs, scratch| {
                    let [d_decoder, d_bias, partials] = outputs; // the parts for the chunks in `range`
                    for (offset, index) in range.enumerate() {
                        let chunk = first + index;
                        let columns = self.columns(chunk);
                        let width = columns.len();
                        let e = &exponentials[active * columns.start..][..active * width]; // [active, width]
                        let states = &states[chunk * stride..]; // [rows, 4] of this chunk
                        let (dz, sum) = scratch.split_at_mut(active * width); // [active, width], [width]

                        // 1. dz = g·(p − onehot)
                        let rows = dz.chunks_exact_mut(width).zip(e.chunks_exact(width));
                        for (i, (dz, e)) in rows.enumerate() {
                            let weight = gradient(i);
                            let chunk_max = states[i * chunk_state::LENGTH + chunk_state::MAX];
                            let summary =
                                &summaries[i * row_summary::LENGTH..][..row_summary::LENGTH];
                            weighted_probabilities(e, chunk_max, summary, weight, dz);
                            let label = (labels[i] as usize).checked_sub(columns.start);
                            if let Some(dz) = label.and_then(|at| dz.get_mut(at)) {
                                *dz -= weight;
                            }
                        }

                        // 2. db += Σ_i dz[i]
                        if !d_bias.is_empty() {
                            let sum = &mut sum[..width]; // [width]
                            sum.fill(0.0);
                            dz.chunks_exact(width).for_each(|dz| add(dz, sum));
                            add(sum, &mut d_bias[offset * CHUNK..][..width]);
                        }

                        // 3. dW += dzᵀ·h
                        let dz = matrix(dz, active, width);
                        if !d_decoder.is_empty() {
                            let d_decoder =
                                &mut d_decoder[offset * CHUNK * hidden..][..width * hidden];
                            let d_decoder = matrix_mut(d_decoder, width, hidden);
                            matmul(dz.reversed_axes(), h, mode, d_decoder);
                        }

                        // 4. The chunk's part of dh: dz·W
                        let w = &decoder[columns.start * hidden..columns.end * hidden]; // [width, hidden]
                        let partial = &mut partials[offset * active * hidden..][..active * hidden];
                        let partial = matrix_mut(partial, active, hidden);
                        matmul(dz, matrix(w, width, hidden), WriteMode::Store, partial);
                    }
                },
            );

            // 5. dh += the parts, chunk after chunk.
            if let Some(dh) = dh.get_mut(..active * hidden) {
                let outputs = [SplitOutput::new(dh, hidden)]; // [active, hidden]
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
