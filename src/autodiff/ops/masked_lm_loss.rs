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
//! The vocabulary is taken in blocks of 1,024 columns, so that logits are worked on while they are in
//! cache. Maximum and Σ exp of a row are kept as blocks pass:
//!
//! ```text
//! m′ = max(m, max z_block)        s′ = s·exp(m − m′) + Σ exp(z_block − m′)
//! ```
//!
//! Saved: e = exp(z_block − m′) in place of z, block after block, the m′ of each row of each block, and m
//! and s. Without a backward pass one block is all there is.
//!
//! ```text
//! dz[i] = weight[i]·(e[i]·exp(m′[i] − m[i]) / s[i] − onehot(label[i]))
//! dh = Σ_blocks dz·W        dW += dzᵀ·h        db += Σ_i dz[i]
//! ```
//!
//! Order of summation: products in order of k (dh: of the vocabulary, block after block, as one product
//! would); a row of a block over 16 fixed lanes, then the blocks; loss and accuracy by i.

use super::super::graph::{Floats, Graph, GraphError, Integers, Parameter, Tensor};
use super::super::operation::{Backward, Case, CaseInput, Forward, Input64, Operation, Shape};
use crate::tensor::dropout::Moment;
use crate::tensor::kernels::{max_lanes, sum_lanes, sum_rows, sum_rows_scratch, vectorized};
use crate::tensor::math;
use crate::tensor::matmul::{Update, matmul_parallel, matrix, matrix_mut};
use crate::tensor::threads::{PerItem, for_each_range};
use std::ops::Range;

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

/// Columns of a block of the vocabulary: a multiple of the 256 that a matrix product adds up before it
/// rounds to memory, so that blocks change no bit of it.
const BLOCK: usize = 1024;

/// What is known of a row after some blocks.
const STATE: usize = 5;

/// Largest logit so far (m), Σ exp(z − m), the column of the first largest, the label's logit; last
/// the loss.
fn start_row(state: &mut [f32]) {
    state.copy_from_slice(&[f32::NEG_INFINITY, 0.0, 0.0, 0.0, 0.0]);
}

vectorized! {
    /// One row of a block of logits: z becomes exp(z + bias − m), m the largest logit so far, and
    /// `state` takes it in.
    fn add_block(z: &mut [f32], bias: &[f32], first_column: usize, label: usize, state: &mut [f32]) {
        for (z, bias) in z.iter_mut().zip(bias) {
            *z += bias;
        }
        let block_max = max_lanes(z);
        let before = state[0];
        if block_max > before {
            // The first of equals is the prediction. Columns are below 2²⁴, exact as floats.
            let at = z.iter().position(|&z| z == block_max).unwrap_or(0);
            state[2] = (first_column + at) as f32;
            state[0] = block_max;
        }
        if let Some(z) = label.checked_sub(first_column).and_then(|at| z.get(at)) {
            state[3] = *z;
        }
        let max = state[0];
        for z in z.iter_mut() {
            *z = math::exp(*z - max);
        }
        // Nothing to carry over from before the first block, where −∞ − −∞ would be NaN.
        let carried = if state[1] == 0.0 { 0.0 } else { state[1] * math::exp(before - max) };
        state[1] = carried + sum_lanes(z);
    }

    /// One row of a block: dz = weight·p, the onehot not yet taken off; e = exp(z − m′).
    fn gradient_block(e: &[f32], block_max: f32, state: &[f32], weight: f32, dz: &mut [f32]) {
        let factor = weight * math::exp(block_max - state[0]) / state[1];
        for (dz, e) in dz.iter_mut().zip(e) {
            *dz = factor * e;
        }
    }
}

/// −ln p[label] of a row after its last block.
fn row_loss(state: &[f32]) -> f32 {
    math::ln(state[1]) + (state[0] - state[3])
}

impl MaskedLmLoss {
    /// Rows up to the last one that counts.
    fn active(weights: &[f32]) -> usize {
        weights.iter().rposition(|&w| w != 0.0).map_or(0, |last| last + 1)
    }

    /// The blocks of the vocabulary.
    fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let vocab_size = self.vocab_size;
        (0..vocab_size).step_by(BLOCK).map(move |first| first..(first + BLOCK).min(vocab_size))
    }

    fn block_width(&self) -> usize {
        self.vocab_size.min(BLOCK)
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
        self.rows * (STATE + self.blocks().count() + self.vocab_size)
    }

    fn saved_in_evaluation(&self) -> usize {
        self.rows * (STATE + 1 + self.block_width())
    }

    fn scratch(&self, _threads: usize) -> usize {
        let width = self.block_width();
        self.rows * width + sum_rows_scratch(self.rows, width)
    }

    fn flop(&self) -> [u64; 2] {
        let product = 2 * (self.rows * self.hidden * self.vocab_size) as u64;
        [product, 2 * product]
    }

    fn forward(&self, pass: Forward<'_>) {
        let [h, decoder, bias] = [0, 1, 2].map(|place| pass.inputs.floats(place));
        let (labels, weights) = (pass.inputs.integers(3), pass.inputs.floats(4));
        let (hidden, active) = (self.hidden, Self::active(weights));
        let (states, rest) = pass.saved.split_at_mut(self.rows * STATE);
        let blocks = if pass.training { self.blocks().count() } else { 1 };
        let (maxima, logits) = rest.split_at_mut(self.rows * blocks);
        let states = &mut states[..active * STATE];
        states.chunks_exact_mut(STATE).for_each(start_row);
        for (index, block) in self.blocks().enumerate() {
            let width = block.len();
            // Without a backward pass the next block takes the same place.
            let (index, at) = if pass.training { (index, active * block.start) } else { (0, 0) };
            let z = &mut logits[at..at + active * width];
            let maxima = &mut maxima[index * active..(index + 1) * active];
            let w = &decoder[block.start * hidden..block.end * hidden];
            matmul_parallel(
                matrix(&h[..active * hidden], active, hidden),
                matrix(w, width, hidden).reversed_axes(),
                Update::Store,
                matrix_mut(z, active, width),
            );
            let outputs =
                [PerItem::new(z, width), PerItem::new(states, STATE), PerItem::new(maxima, 1)];
            for_each_range(active, outputs, &mut [], 0, |range, [z, states, maxima], _| {
                let rows = z.chunks_exact_mut(width).zip(states.chunks_exact_mut(STATE));
                for (i, ((z, state), max)) in range.zip(rows.zip(maxima)) {
                    add_block(z, &bias[block.clone()], block.start, labels[i] as usize, state);
                    *max = state[0];
                }
            });
        }
        pass.output.fill(0.0);
        for (i, state) in states.chunks_exact(STATE).enumerate() {
            // A padded row's loss may be anything: it must not turn 0 into NaN.
            if weights[i] != 0.0 {
                let correct = state[2] == labels[i] as f32;
                pass.output[0] += weights[i] * row_loss(state);
                pass.output[1] += weights[i] * f32::from(u8::from(correct));
            }
        }
    }

    fn backward(&self, mut pass: Backward<'_>) {
        let [h, decoder] = [0, 1].map(|place| pass.inputs.floats(place));
        let (labels, weights) = (pass.inputs.integers(3), pass.inputs.floats(4));
        let (hidden, active) = (self.hidden, Self::active(weights));
        let (states, rest) = pass.saved.split_at(self.rows * STATE);
        let (maxima, exponentials) = rest.split_at(self.rows * self.blocks().count());
        let (dz, sums) = pass.scratch.split_at_mut(self.rows * self.block_width());
        let loss_gradient = pass.output_gradient[0];
        let [mut dh, mut d_decoder, mut d_bias] = [0, 1, 2].map(|place| pass.gradients.take(place));
        let h = matrix(&h[..active * hidden], active, hidden);
        for (index, block) in self.blocks().enumerate() {
            let width = block.len();
            let e = &exponentials[active * block.start..active * block.end];
            let maxima = &maxima[index * active..(index + 1) * active];
            let dz = &mut dz[..active * width];
            for_each_range(active, [PerItem::new(dz, width)], &mut [], 0, |range, [dz], _| {
                for (i, dz) in range.zip(dz.chunks_exact_mut(width)) {
                    let (state, weight) = (&states[i * STATE..], loss_gradient * weights[i]);
                    gradient_block(&e[i * width..(i + 1) * width], maxima[i], state, weight, dz);
                    let label = (labels[i] as usize).checked_sub(block.start);
                    if let Some(dz) = label.and_then(|at| dz.get_mut(at)) {
                        *dz -= weight;
                    }
                }
            });
            let dz_matrix = matrix(dz, active, width);
            let (columns, w) = (block.clone(), block.start * hidden..block.end * hidden);
            if let Some(dh) = &mut dh {
                matmul_parallel(
                    dz_matrix,
                    matrix(&decoder[w.clone()], width, hidden),
                    Update::accumulating(dh.accumulate || block.start > 0),
                    matrix_mut(&mut dh.data[..active * hidden], active, hidden),
                );
            }
            if let Some(d_decoder) = &mut d_decoder {
                matmul_parallel(
                    dz_matrix.reversed_axes(),
                    h,
                    Update::accumulating(d_decoder.accumulate),
                    matrix_mut(&mut d_decoder.data[w], width, hidden),
                );
            }
            if let Some(d_bias) = &mut d_bias {
                let total = &mut d_bias.data[columns];
                if !d_bias.accumulate {
                    total.fill(0.0);
                }
                sum_rows(dz, total, sums);
            }
        }
        if let Some(dh) = dh.filter(|dh| !dh.accumulate) {
            dh.data[active * hidden..].fill(0.0);
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
        [(1, 1, 1), (5, 7, 11), (70, 19, 33), (3, 2, 2 * BLOCK + 5)]
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
