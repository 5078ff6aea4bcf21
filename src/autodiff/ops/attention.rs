//! Self-attention of all heads (Vaswani et al., 2017, section 3.2). For each sequence and each head,
//! with Q, K, V its columns of the three projections and d = hidden / heads,
//!
//! ```text
//! S = Q·Kᵀ / √d        S = −∞ where the key is padding
//! P = softmax(S) by row        C = dropout(P)·V
//! ```
//!
//! Shapes: the projections `[batch, seq, 3·hidden]` (queries, keys, values side by side),
//! attention_mask `[batch, seq]` (1 real, 0 padding), C `[batch, seq, hidden]`; S and P
//! `[batch, heads, seq, seq]`. Saved: P before dropout. Rows of padding may be
//! left out: sequence b is rows `starts[b] .. starts[b + 1]`, and its matrices have that many rows.
//!
//! ```text
//! dV = dropout(P)ᵀ·dC        dP = (dC·Vᵀ)·dropout factors
//! dS = P·(dP − Σ_keys dP·P) / √d        dQ = dS·K        dK = dSᵀ·Q
//! ```
//!
//! A task takes whole sequences, so that one head's matrices stay in cache. Order of summation:
//! products in order of k, rows over 16 fixed lanes.

use super::super::graph::{Graph, GraphError, Integers, Tensor};
use super::super::operation::{Backward, Case, CaseInput, Forward, Operation, Reference, ReferenceOperand};
use crate::tensor::dropout::{Dropout, DropoutKey};
use crate::tensor::kernels::{max_lanes, multiply, reduce, scale_by, sum_lanes, vectorized};
use crate::tensor::math;
use crate::tensor::matmul::{WriteMode, matmul, matrix, matrix_mut};
use crate::system::threads::{SplitOutput, for_each_range};
use ndarray::{ArrayView2, ArrayViewMut2, s};

/// Places of the operands.
const PROJECTIONS: usize = 0;
const ATTENTION_MASK: usize = 1;
const STARTS: usize = 2;

impl Reference for Attention {
    fn reference_forward(&self, inputs: &[ReferenceOperand], dropout_key: &DropoutKey) -> Vec<f64> {
        let (x, starts) = (inputs[PROJECTIONS].floats(), inputs[STARTS].integers());
        let (hidden, d) = (self.hidden(), self.head_size);
        let mut context = vec![0.0; x.len() / 3]; // [rows, hidden]
        for b in 0..self.batch {
            let (first, end) = (starts[b] as usize, starts[b + 1] as usize);
            for head in 0..self.heads {
                for query in first..end {
                    let p = self.reference_probabilities(inputs, b, head, query);
                    let factors = self.reference_factors(b, head, query - first, dropout_key);
                    for key in first..end {
                        for c in head * d..(head + 1) * d {
                            context[query * hidden + c] += p[key - first]
                                * factors[key - first]
                                * x[key * 3 * hidden + 2 * hidden + c];
                        }
                    }
                }
            }
        }
        context
    }

    fn reference_backward(
        &self,
        inputs: &[ReferenceOperand],
        output_gradient: &[f64],
        dropout_key: &DropoutKey,
    ) -> Vec<Vec<f64>> {
        let (x, starts) = (inputs[PROJECTIONS].floats(), inputs[STARTS].integers());
        let (hidden, d) = (self.hidden(), self.head_size);
        let mut dx = vec![0.0; x.len()]; // [rows, 3·hidden]
        for b in 0..self.batch {
            let (first, end) = (starts[b] as usize, starts[b + 1] as usize);
            for head in 0..self.heads {
                for query in first..end {
                    let p = self.reference_probabilities(inputs, b, head, query);
                    let factors = self.reference_factors(b, head, query - first, dropout_key);
                    let dc = &output_gradient[query * hidden..(query + 1) * hidden];
                    let mut dp = vec![0.0; end - first];
                    for key in first..end {
                        for c in head * d..(head + 1) * d {
                            let value = key * 3 * hidden + 2 * hidden + c;
                            dp[key - first] += dc[c] * x[value] * factors[key - first];
                            dx[value] += p[key - first] * factors[key - first] * dc[c];
                        }
                    }
                    let dot: f64 = p.iter().zip(&dp).map(|(p, dp)| p * dp).sum();
                    for key in first..end {
                        let ds = p[key - first] * (dp[key - first] - dot) / (d as f64).sqrt();
                        for c in head * d..(head + 1) * d {
                            let (q, k) = (query * 3 * hidden + c, key * 3 * hidden + hidden + c);
                            dx[q] += ds * x[k];
                            dx[k] += ds * x[q];
                        }
                    }
                }
            }
        }
        vec![dx, vec![], vec![]]
    }
}

impl Attention {
    /// One row of P: the softmax over the keys of sequence `b` that are not padding; all 0 when all
    /// are padding. `query` is a row of the projections.
    fn reference_probabilities(
        &self,
        inputs: &[ReferenceOperand],
        b: usize,
        head: usize,
        query: usize,
    ) -> Vec<f64> {
        let (x, mask) = (inputs[PROJECTIONS].floats(), inputs[ATTENTION_MASK].integers());
        let starts = inputs[STARTS].integers();
        let (hidden, d) = (self.hidden(), self.head_size);
        let mut p = Vec::new();
        for key in starts[b] as usize..starts[b + 1] as usize {
            let mut score = 0.0;
            for c in head * d..(head + 1) * d {
                score += x[query * 3 * hidden + c] * x[key * 3 * hidden + hidden + c];
            }
            p.push(if mask[key] == 0 { 0.0 } else { (score / (d as f64).sqrt()).exp() });
        }
        let sum: f64 = p.iter().sum();
        p.iter().map(|p| if sum > 0.0 { p / sum } else { 0.0 }).collect()
    }

    /// The dropout factors of one row of P; all 1 without dropout. The mask is a row of
    /// `[sequences of the whole step, heads, seq]`.
    fn reference_factors(
        &self,
        b: usize,
        head: usize,
        query: usize,
        dropout_key: &DropoutKey,
    ) -> Vec<f64> {
        let mut factors = vec![1.0; self.seq];
        if let Some(dropout) = self.dropout {
            let sequence = dropout_key.first_sequence + b;
            let row = sequence * self.heads * self.seq + head * self.seq + query;
            dropout.factors(dropout_key, row, &mut factors);
        }
        factors.into_iter().map(f64::from).collect()
    }
}

/// Multi-head self-attention with a padding mask.
#[derive(Clone)]
pub struct Attention {
    batch: usize,
    seq: usize,
    heads: usize,
    head_size: usize,
    dropout: Option<Dropout>,
}

/// Which rows of the projections there are.
#[derive(Clone, Copy, Debug)]
pub struct AttentionRows {
    /// 1 for tokens, 0 for padding, `[batch, seq]`.
    pub attention_mask: Integers,
    /// Row offsets, `[batch + 1]`: sequence b is rows `starts[b] .. starts[b + 1]`.
    pub starts: Integers,
}

/// Pushes self-attention over `projections` `[batch, seq, 3·hidden]`; the context is
/// `[batch, seq, hidden]`.
///
/// # Errors
/// When the shapes do not fit, or the width is not a multiple of 3·`heads`.
pub fn attention(
    g: &mut Graph<'_>,
    projections: Tensor,
    rows: AttentionRows,
    heads: usize,
    dropout_rate: f32,
) -> Result<Tensor, GraphError> {
    const NAME: &str = "attention";
    let AttentionRows { attention_mask, starts } = rows;
    let site = g.dropout_site();
    let (shape, width) = (projections.shape, projections.shape.columns());
    let fits = shape.dimensions().len() == 3 && heads > 0 && width.is_multiple_of(3 * heads);
    let needed = format!("[batch, seq, a multiple of 3·{heads} heads]");
    g.check(fits, NAME, "the projections", shape, needed)?;
    let (batch, seq) = (shape.dimensions()[0], shape.dimensions()[1]);
    let fits = attention_mask.length == batch * seq;
    g.check(fits, NAME, "the attention mask", attention_mask.length, batch * seq)?;
    g.check(starts.length == batch + 1, NAME, "the starts", starts.length, batch + 1)?;
    let head_size = width / (3 * heads);
    let dropout = Dropout::new(dropout_rate, site);
    g.push(
        Attention { batch, seq, heads, head_size, dropout },
        &[projections.into(), attention_mask.into(), starts.into()],
        shape.with_columns(width / 3),
    )
}

vectorized! {
    /// One row of S becomes P: softmax(scale·s + mask), mask 0 or −∞. All zero when all keys are
    /// masked, all NaN when a score is NaN.
    fn softmax_row(row: &mut [f32], mask: &[f32], scale: f32) {
        for (s, mask) in row.iter_mut().zip(mask) {
            *s = s.mul_add(scale, *mask);
        }
        let max = max_lanes(row);
        if max == f32::NEG_INFINITY {
            // max_lanes ignores NaN; divergence must stay visible.
            let masked = row.iter().all(|&s| s == f32::NEG_INFINITY);
            row.fill(if masked { 0.0 } else { f32::NAN });
            return;
        }
        for s in row.iter_mut() {
            *s = math::exp_of_nonpositive(*s - max);
        }
        let inverse = 1.0 / sum_lanes(row);
        for s in row {
            *s *= inverse;
        }
    }

    /// One row: dP becomes dS = scale·P·(dP − Σ dP·P).
    fn softmax_backward_row(p: &[f32], scale: f32, dp: &mut [f32]) {
        let dot = reduce([&*dp, p], 0.0, |sum, [dp, p]| dp.mul_add(p, sum), |a, b| a + b);
        for (dp, p) in dp.iter_mut().zip(p) {
            *dp = scale * p * (*dp - dot);
        }
    }
}

/// The columns of one head in the projections.
#[derive(Clone, Copy)]
enum Part {
    Query,
    Key,
    Value,
}

impl Attention {
    fn hidden(&self) -> usize {
        self.heads * self.head_size
    }

    fn scale(&self) -> f32 {
        math::rsqrt(self.head_size as f32)
    }

    /// Two `[seq, seq]` matrices, a row of factors and a row of mask.
    fn task_scratch(&self) -> usize {
        2 * self.seq * self.seq + 2 * self.seq
    }

    fn columns(&self, head: usize, part: Part) -> std::ops::Range<usize> {
        let first = part as usize * self.hidden() + head * self.head_size;
        first..first + self.head_size
    }

    /// Q, K or V of one head, `[length, head_size]`.
    fn part<'a>(&self, sequence: &'a [f32], head: usize, part: Part) -> ArrayView2<'a, f32> {
        let width = 3 * self.hidden();
        let all = matrix(sequence, sequence.len() / width, width);
        all.slice_move(s![.., self.columns(head, part)])
    }

    fn part_mut<'a>(
        &self,
        sequence: &'a mut [f32],
        head: usize,
        part: Part,
    ) -> ArrayViewMut2<'a, f32> {
        let width = 3 * self.hidden();
        let all = matrix_mut(sequence, sequence.len() / width, width);
        all.slice_move(s![.., self.columns(head, part)])
    }

    /// The dropout factors of one row of P.
    fn factors(&self, dropout: Dropout, dropout_key: &DropoutKey, at: [usize; 3], factors: &mut [f32]) {
        let [sequence, head, query] = at;
        let row = ((dropout_key.first_sequence + sequence) * self.heads + head) * self.seq + query;
        dropout.factors(dropout_key, row, factors);
    }
}

impl Operation for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn output(&self) -> usize {
        self.batch * self.seq * self.hidden()
    }

    fn saved(&self) -> usize {
        self.batch * self.heads * self.seq * self.seq
    }

    fn scratch(&self, threads: usize) -> usize {
        threads.min(self.batch) * self.task_scratch()
    }

    fn flop(&self) -> [u64; 2] {
        let product = 2 * (self.batch * self.seq * self.seq * self.hidden()) as u64;
        [2 * product, 4 * product]
    }

    fn forward(&self, pass: Forward<'_>) {
        let projections = pass.inputs.floats(PROJECTIONS);
        let (attention_mask, starts) = (pass.inputs.integers(ATTENTION_MASK), pass.inputs.integers(STARTS));
        let (hidden, width, square) = (self.hidden(), 3 * self.hidden(), self.seq * self.seq);
        let dropout = self.dropout.filter(|_| pass.training);
        let outputs = [
            SplitOutput::between(starts, pass.output, hidden),
            SplitOutput::new(pass.saved, self.heads * square),
        ];
        let task = self.task_scratch();
        for_each_range(self.batch, outputs, pass.scratch, task, |range, outputs, scratch| {
            let [mut context, probabilities] = outputs;
            let (dropped, scratch) = scratch.split_at_mut(square);
            let (factors, mask) = scratch[square..].split_at_mut(self.seq);
            for (b, probabilities) in range.zip(probabilities.chunks_exact_mut(self.heads * square)) {
                let rows = starts[b] as usize..starts[b + 1] as usize;
                let length = rows.len();
                let sequence = &projections[rows.start * width..rows.end * width];
                let (factors, mask) = (&mut factors[..length], &mut mask[..length]);
                fill_mask(&attention_mask[rows], mask);
                let own;
                (own, context) = context.split_at_mut(length * hidden);
                let mut own = matrix_mut(own, length, hidden);
                for head in 0..self.heads {
                    let p = &mut probabilities[head * square..][..length * length];
                    let [q, k, v] = [Part::Query, Part::Key, Part::Value]
                        .map(|part| self.part(sequence, head, part));
                    matmul(q, k.reversed_axes(), WriteMode::Store, matrix_mut(p, length, length));
                    for (query, row) in p.chunks_exact_mut(length).enumerate() {
                        softmax_row(row, mask, self.scale());
                        if let Some(dropout) = dropout {
                            self.factors(dropout, &pass.dropout_key, [b, head, query], factors);
                            multiply(row, factors, false, &mut dropped[query * length..][..length]);
                        }
                    }
                    let p = if dropout.is_some() { &dropped[..length * length] } else { p };
                    let columns = self.columns(head, Part::Query);
                    let context = own.slice_mut(s![.., columns]);
                    matmul(matrix(p, length, length), v, WriteMode::Store, context);
                }
            }
        });
    }

    fn backward(&self, mut pass: Backward<'_>) {
        let Some(gradient) = pass.gradients.take(PROJECTIONS) else { return };
        let (projections, starts) = (pass.inputs.floats(PROJECTIONS), pass.inputs.integers(STARTS));
        let (hidden, width, square) = (self.hidden(), 3 * self.hidden(), self.seq * self.seq);
        let (saved, d_context, dropout_key) = (&*pass.saved, &*pass.output_gradient, pass.dropout_key);
        let mode = WriteMode::accumulating(gradient.accumulate);
        let outputs = [SplitOutput::between(starts, gradient.data, width)];
        let task = self.task_scratch();
        for_each_range(self.batch, outputs, pass.scratch, task, |range, outputs, scratch| {
            let [mut gradient] = outputs;
            let (dropped, scratch) = scratch.split_at_mut(square);
            let (dp, scratch) = scratch.split_at_mut(square);
            for b in range {
                let rows = starts[b] as usize..starts[b + 1] as usize;
                let length = rows.len();
                let own;
                (own, gradient) = gradient.split_at_mut(length * width);
                let sequence = &projections[rows.start * width..rows.end * width];
                let d_context = &d_context[rows.start * hidden..rows.end * hidden];
                let d_context = matrix(d_context, length, hidden);
                let factors = &mut scratch[..length];
                let (dropped, dp) = (&mut dropped[..length * length], &mut dp[..length * length]);
                for head in 0..self.heads {
                    let p = &saved[(b * self.heads + head) * square..][..length * length];
                    let [q, k, v] = [Part::Query, Part::Key, Part::Value]
                        .map(|part| self.part(sequence, head, part));
                    let dc = d_context.slice(s![.., self.columns(head, Part::Query)]);
                    matmul(dc, v.reversed_axes(), WriteMode::Store, matrix_mut(dp, length, length));
                    for query in 0..length {
                        let row = query * length..(query + 1) * length;
                        let (p, dp) = (&p[row.clone()], &mut dp[row.clone()]);
                        if let Some(dropout) = self.dropout {
                            self.factors(dropout, &dropout_key, [b, head, query], factors);
                            multiply(p, factors, false, &mut dropped[row]);
                            scale_by(factors, dp);
                        }
                        softmax_backward_row(p, self.scale(), dp);
                    }
                    let dropped = if self.dropout.is_some() { &*dropped } else { p };
                    let (dropped, ds) = (matrix(dropped, length, length), matrix(dp, length, length));
                    let dv = self.part_mut(own, head, Part::Value);
                    matmul(dropped.reversed_axes(), dc, mode, dv);
                    matmul(ds, k, mode, self.part_mut(own, head, Part::Query));
                    let dk = self.part_mut(own, head, Part::Key);
                    matmul(ds.reversed_axes(), q, mode, dk);
                }
            }
        });
    }

    fn cases() -> Vec<Case> {
        let mut cases = Vec::new();
        // (lengths of the sequences, seq, …): also with sequences shorter than seq.
        for (lengths, seq, heads, head_size) in
            [(&[1][..], 1, 1, 1), (&[5, 5, 5], 5, 3, 4), (&[19, 19], 19, 2, 7), (&[4, 1, 6], 7, 2, 3)]
        {
            let starts = || lengths.iter().scan(0, |end, length| Some(std::mem::replace(end, *end + length)));
            let rows: u32 = lengths.iter().sum();
            for rate in [0.0, 0.2] {
                // All sequences but the first end in padding, where they are long enough.
                let mask = lengths.iter().enumerate().flat_map(|(b, &length)| {
                    (0..length).map(move |t| u32::from(b == 0 || t < 3))
                });
                let (batch, dropout) = (lengths.len(), Dropout::new(rate, 5));
                cases.push(Case {
                    operation: Box::new(Self { batch, seq, heads, head_size, dropout }),
                    inputs: vec![
                        CaseInput::Random(rows as usize * 3 * heads * head_size),
                        CaseInput::Integers(mask.collect()),
                        CaseInput::Integers(starts().chain([rows]).collect()),
                    ],
                });
            }
        }
        cases
    }
}

/// 0 where a key counts, −∞ where it is padding.
fn fill_mask(attention_mask: &[u32], mask: &mut [f32]) {
    for (mask, &real) in mask.iter_mut().zip(attention_mask) {
        *mask = if real == 0 { f32::NEG_INFINITY } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_that_are_not_numbers_stay_visible_and_masked_rows_are_zero() {
        let mut row = [f32::NAN; 3];
        softmax_row(&mut row, &[0.0; 3], 1.0);
        assert!(row.iter().all(|p| p.is_nan()), "{row:?}");
        let mut row = [1.0, 2.0, 3.0];
        softmax_row(&mut row, &[f32::NEG_INFINITY; 3], 1.0);
        assert_eq!(row, [0.0; 3]);
    }
}
