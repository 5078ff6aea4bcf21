//! Self-attention of all heads (Vaswani et al., 2017, section 3.2). Each sequence and each head has its
//! own columns Q, K, V of the three projections. With d = hidden / heads,
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
use super::super::operation::{
    Backward, Case, CaseInput, Forward, Operation, Reference, ReferenceOperand,
};
use crate::system::threads::{SplitOutput, for_each_range};
use crate::tensor::dropout::{Dropout, DropoutKey};
use crate::tensor::kernels::{multiply, scale_by, softmax_backward_row, softmax_row};
use crate::tensor::math;
use crate::tensor::matmul::{WriteMode, matmul, matrix, matrix_mut};
use ndarray::s;
use std::ops::Range;

/// Indices of the operands.
const PROJECTIONS: usize = 0;
const ATTENTION_MASK: usize = 1;
const STARTS: usize = 2;

impl Reference for Attention {
    fn reference_forward(&self, inputs: &[ReferenceOperand], dropout_key: &DropoutKey) -> Vec<f64> {
        let x = inputs[PROJECTIONS].floats(); // [rows, 3·hidden]
        let starts = inputs[STARTS].integers(); // [batch + 1]
        let (hidden, d) = (self.hidden(), self.head_size);
        let mut context = vec![0.0; x.len() / 3]; // [rows, hidden]
        for b in 0..self.batch {
            let (first, end) = (starts[b] as usize, starts[b + 1] as usize);
            for head in 0..self.heads {
                for query in first..end {
                    let p = self.reference_probabilities(inputs, b, head, query); // [length]
                    let factors = self.reference_factors(b, head, query - first, dropout_key); // [seq]
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
        let x = inputs[PROJECTIONS].floats(); // [rows, 3·hidden]
        let starts = inputs[STARTS].integers(); // [batch + 1]
        let (hidden, d) = (self.hidden(), self.head_size);
        let mut dx = vec![0.0; x.len()]; // [rows, 3·hidden]
        for b in 0..self.batch {
            let (first, end) = (starts[b] as usize, starts[b + 1] as usize);
            for head in 0..self.heads {
                for query in first..end {
                    let p = self.reference_probabilities(inputs, b, head, query); // [length]
                    let factors = self.reference_factors(b, head, query - first, dropout_key); // [seq]
                    let dc = &output_gradient[query * hidden..(query + 1) * hidden]; // [hidden]
                    let mut dp = vec![0.0; end - first]; // [length]
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
    /// One row of P, `[length]`: the softmax over the keys of sequence `b` that are not padding; all 0
    /// when all keys are padding. `query` is a row of the projections.
    fn reference_probabilities(
        &self,
        inputs: &[ReferenceOperand],
        b: usize,
        head: usize,
        query: usize,
    ) -> Vec<f64> {
        let x = inputs[PROJECTIONS].floats(); // [rows, 3·hidden]
        let mask = inputs[ATTENTION_MASK].integers(); // [batch · seq], by row
        let starts = inputs[STARTS].integers(); // [batch + 1]
        let (hidden, d) = (self.hidden(), self.head_size);
        let mut p = Vec::new(); // [length]
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

    /// The dropout factors of one row of P, `[seq]`; all 1 without dropout. Rows are numbered over
    /// `[sequences of the whole step, heads, seq]`.
    fn reference_factors(
        &self,
        b: usize,
        head: usize,
        query: usize,
        dropout_key: &DropoutKey,
    ) -> Vec<f64> {
        let mut factors = vec![1.0; self.seq]; // [seq]
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

/// Which rows of the projections belong to which sequence, and which are padding.
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

impl Attention {
    /// heads · d.
    fn hidden(&self) -> usize {
        self.heads * self.head_size
    }

    /// 1 / √d.
    fn scale(&self) -> f32 {
        math::rsqrt(self.head_size as f32)
    }

    /// Scratch of one task: two `[seq, seq]` matrices, dropout factors `[seq]` and a mask `[seq]`.
    fn task_scratch(&self) -> usize {
        2 * self.seq * self.seq + 2 * self.seq
    }

    /// The columns of Q, K and V of one head in the projections. C has the same columns as Q.
    fn columns(&self, head: usize) -> [Range<usize>; 3] {
        [0, 1, 2].map(|part| {
            let first = part * self.hidden() + head * self.head_size;
            first..first + self.head_size
        })
    }

    /// Fills `factors` `[length]` with the dropout factors of row `[sequence, head, query]` of P.
    fn factors(
        &self,
        dropout: Dropout,
        dropout_key: &DropoutKey,
        at: [usize; 3],
        factors: &mut [f32],
    ) {
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
        let projections = pass.inputs.floats(PROJECTIONS); // [rows, 3·hidden]
        let attention_mask = pass.inputs.integers(ATTENTION_MASK); // [batch · seq], by row
        let starts = pass.inputs.integers(STARTS); // [batch + 1]
        let (hidden, width, square) = (self.hidden(), 3 * self.hidden(), self.seq * self.seq);
        let dropout = self.dropout.filter(|_| pass.training);
        let outputs = [
            SplitOutput::between(starts, pass.output, hidden), // C, [rows, hidden]
            SplitOutput::new(pass.saved, self.heads * square), // P, [batch, heads, seq, seq]
        ];
        let task = self.task_scratch();
        for_each_range(self.batch, outputs, pass.scratch, task, |range, outputs, scratch| {
            let [mut context, probabilities] = outputs; // the parts for the sequences in `range`
            let (dropped, scratch) = scratch.split_at_mut(square); // dropout(P), [seq, seq]
            let (factors, mask) = scratch[square..].split_at_mut(self.seq); // [seq] each
            for (b, probabilities) in range.zip(probabilities.chunks_exact_mut(self.heads * square))
            {
                let rows = starts[b] as usize..starts[b + 1] as usize;
                let length = rows.len();
                let sequence = &projections[rows.start * width..rows.end * width];
                let sequence = matrix(sequence, length, width); // [length, 3·hidden]
                let (factors, mask) = (&mut factors[..length], &mut mask[..length]); // [length] each
                let own;
                (own, context) = context.split_at_mut(length * hidden);
                let mut own = matrix_mut(own, length, hidden); // C: [length, hidden]

                // 1. mask = 0 where a key is real, −∞ where it is padding.
                for (mask, &real) in mask.iter_mut().zip(&attention_mask[rows]) {
                    *mask = if real == 0 { f32::NEG_INFINITY } else { 0.0 };
                }
                for head in 0..self.heads {
                    let p = &mut probabilities[head * square..][..length * length]; // [length, length]
                    let [query, key, value] = self.columns(head);
                    let [q, k, v] = [&query, &key, &value]
                        .map(|columns| sequence.slice(s![.., columns.clone()])); // [length, d] each

                    // 2. Q·Kᵀ
                    matmul(q, k.reversed_axes(), WriteMode::Store, matrix_mut(p, length, length));

                    // 3. Row by row: P = softmax(Q·Kᵀ / √d + mask), and dropout(P).
                    for (i, row) in p.chunks_exact_mut(length).enumerate() {
                        softmax_row(row, mask, self.scale());
                        if let Some(dropout) = dropout {
                            self.factors(dropout, &pass.dropout_key, [b, head, i], factors);
                            multiply(row, factors, false, &mut dropped[i * length..][..length]);
                        }
                    }

                    // 4. C = dropout(P)·V
                    let p = if dropout.is_some() { &dropped[..length * length] } else { p };
                    let context = own.slice_mut(s![.., query]); // [length, d]
                    matmul(matrix(p, length, length), v, WriteMode::Store, context);
                }
            }
        });
    }

    fn backward(&self, mut pass: Backward<'_>) {
        let Some(gradient) = pass.gradients.take(PROJECTIONS) else { return };
        let projections = pass.inputs.floats(PROJECTIONS); // [rows, 3·hidden]
        let starts = pass.inputs.integers(STARTS); // [batch + 1]
        let (hidden, width, square) = (self.hidden(), 3 * self.hidden(), self.seq * self.seq);
        let saved = &*pass.saved; // P, [batch, heads, seq, seq]
        let d_context = &*pass.output_gradient; // dC, [rows, hidden]
        let dropout_key = pass.dropout_key;
        let mode = WriteMode::accumulating(gradient.accumulate);
        let outputs = [SplitOutput::between(starts, gradient.data, width)]; // [rows, 3·hidden]
        let task = self.task_scratch();
        for_each_range(self.batch, outputs, pass.scratch, task, |range, outputs, scratch| {
            let [mut gradient] = outputs; // the part for the sequences in `range`
            let (dropped, scratch) = scratch.split_at_mut(square); // dropout(P), [seq, seq]
            let (dp, factors) = scratch.split_at_mut(square); // dP and dS, [seq, seq]; 2 × [seq]
            for b in range {
                let rows = starts[b] as usize..starts[b + 1] as usize;
                let length = rows.len();
                let own;
                (own, gradient) = gradient.split_at_mut(length * width);
                let mut own = matrix_mut(own, length, width); // dQ, dK, dV: [length, 3·hidden]
                let sequence = &projections[rows.start * width..rows.end * width];
                let sequence = matrix(sequence, length, width); // [length, 3·hidden]
                let d_context = &d_context[rows.start * hidden..rows.end * hidden];
                let d_context = matrix(d_context, length, hidden); // [length, hidden]
                let factors = &mut factors[..length]; // [length]
                let dropped = &mut dropped[..length * length]; // [length, length]
                let dp = &mut dp[..length * length]; // [length, length]
                for head in 0..self.heads {
                    let p = &saved[(b * self.heads + head) * square..];
                    let p = &p[..length * length]; // [length, length]
                    let [query, key, value] = self.columns(head);
                    let [q, k, v] = [&query, &key, &value]
                        .map(|columns| sequence.slice(s![.., columns.clone()])); // [length, d] each
                    let dc = d_context.slice(s![.., query.clone()]); // [length, d]

                    // 1. dC·Vᵀ
                    matmul(dc, v.reversed_axes(), WriteMode::Store, matrix_mut(dp, length, length));

                    // 2. Row by row: dropout(P) again; dP = (dC·Vᵀ)·factors; dS replaces dP.
                    for i in 0..length {
                        let row = i * length..(i + 1) * length;
                        let (p, dp) = (&p[row.clone()], &mut dp[row.clone()]); // [length] each
                        if let Some(dropout) = self.dropout {
                            self.factors(dropout, &dropout_key, [b, head, i], factors);
                            multiply(p, factors, false, &mut dropped[row]);
                            scale_by(factors, dp);
                        }
                        softmax_backward_row(p, self.scale(), dp);
                    }
                    let dropped = if self.dropout.is_some() { &*dropped } else { p };
                    let (dropped, ds) =
                        (matrix(dropped, length, length), matrix(dp, length, length));

                    // 3. dV = dropout(P)ᵀ·dC
                    let dv = own.slice_mut(s![.., value]); // [length, d]
                    matmul(dropped.reversed_axes(), dc, mode, dv);

                    // 4. dQ = dS·K and dK = dSᵀ·Q
                    matmul(ds, k, mode, own.slice_mut(s![.., query]));
                    matmul(ds.reversed_axes(), q, mode, own.slice_mut(s![.., key]));
                }
            }
        });
    }

    fn cases() -> Vec<Case> {
        let mut cases = Vec::new();
        // In the last case sequences are shorter than seq.
        for (lengths, seq, heads, head_size) in [
            (&[1][..], 1, 1, 1),
            (&[5, 5, 5], 5, 3, 4),
            (&[19, 19], 19, 2, 7),
            (&[4, 1, 6], 7, 2, 3),
        ] {
            let starts = || {
                lengths.iter().scan(0, |end, length| Some(std::mem::replace(end, *end + length)))
            };
            let rows: u32 = lengths.iter().sum();
            for rate in [0.0, 0.2] {
                // In all sequences but the first, tokens from index 3 are padding.
                let mask = lengths
                    .iter()
                    .enumerate()
                    .flat_map(|(b, &length)| (0..length).map(move |t| u32::from(b == 0 || t < 3)));
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
