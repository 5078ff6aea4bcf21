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
//! Where only some rows of C are read, [`attention_of`] takes their queries alone: Q
//! `[batch, queries, hidden]` beside the projections `[batch, seq, 2·hidden]` (keys, values), C
//! `[batch, queries, hidden]`; S and P `[batch, heads, queries, seq]`. The rows that are computed have
//! the same bits.
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
    Backward, Case, CaseInput, Forward, OperandValues, Operation, Reference, ReferenceOperand,
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
const QUERIES: usize = 3;
const QUERY_STARTS: usize = 4;
const QUERY_ROWS: usize = 5;

impl Reference for Attention {
    fn reference_forward(&self, inputs: &[ReferenceOperand], dropout_key: &DropoutKey) -> Vec<f64> {
        let x = inputs[PROJECTIONS].floats(); // [rows, 3·hidden], or [rows, 2·hidden]: keys, values
        let starts = inputs[STARTS].integers(); // [batch + 1]
        let (hidden, d) = (self.hidden(), self.head_size);
        let width = self.width();
        let (queries, query_starts) = self.reference_queries(inputs); // [query rows, hidden]
        let mut context = vec![0.0; queries.len()]; // [query rows, hidden]
        for b in 0..self.batch {
            let (first, end) = (starts[b] as usize, starts[b + 1] as usize);
            for head in 0..self.heads {
                for query in query_starts[b]..query_starts[b + 1] {
                    let p = self.reference_probabilities(inputs, &queries, b, head, query); // [length]
                    let factors = self.reference_factors(inputs, b, head, query, dropout_key); // [seq]
                    for key in first..end {
                        for c in head * d..(head + 1) * d {
                            context[query * hidden + c] += p[key - first]
                                * factors[key - first]
                                * x[key * width + width - hidden + c];
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
        let x = inputs[PROJECTIONS].floats(); // [rows, 3·hidden], or [rows, 2·hidden]: keys, values
        let starts = inputs[STARTS].integers(); // [batch + 1]
        let (hidden, d) = (self.hidden(), self.head_size);
        let width = self.width();
        let (queries, query_starts) = self.reference_queries(inputs); // [query rows, hidden]
        let mut dx = vec![0.0; x.len()]; // as x
        let mut dq = vec![0.0; queries.len()]; // [query rows, hidden]
        for b in 0..self.batch {
            let (first, end) = (starts[b] as usize, starts[b + 1] as usize);
            for head in 0..self.heads {
                for query in query_starts[b]..query_starts[b + 1] {
                    let p = self.reference_probabilities(inputs, &queries, b, head, query); // [length]
                    let factors = self.reference_factors(inputs, b, head, query, dropout_key); // [seq]
                    let dc = &output_gradient[query * hidden..(query + 1) * hidden]; // [hidden]
                    let mut dp = vec![0.0; end - first]; // [length]
                    for key in first..end {
                        for c in head * d..(head + 1) * d {
                            let value = key * width + width - hidden + c;
                            dp[key - first] += dc[c] * x[value] * factors[key - first];
                            dx[value] += p[key - first] * factors[key - first] * dc[c];
                        }
                    }
                    let dot: f64 = p.iter().zip(&dp).map(|(p, dp)| p * dp).sum();
                    for key in first..end {
                        let ds = p[key - first] * (dp[key - first] - dot) / (d as f64).sqrt();
                        for c in head * d..(head + 1) * d {
                            let k = key * width + width - 2 * hidden + c;
                            dq[query * hidden + c] += ds * x[k];
                            dx[k] += ds * queries[query * hidden + c];
                        }
                    }
                }
            }
        }
        if self.queries.is_some() {
            return vec![dx, vec![], vec![], dq, vec![], vec![]];
        }
        for (dx, dq) in dx.chunks_exact_mut(width).zip(dq.chunks_exact(hidden)) {
            dx[..hidden].copy_from_slice(dq);
        }
        vec![dx, vec![], vec![]]
    }
}

impl Attention {
    /// The queries `[query rows, hidden]`, and the first query row of each sequence `[batch + 1]`.
    fn reference_queries(&self, inputs: &[ReferenceOperand]) -> (Vec<f64>, Vec<usize>) {
        let starts = |index: usize| inputs[index].integers().iter().map(|&s| s as usize).collect();
        if self.queries.is_some() {
            return (inputs[QUERIES].floats().to_vec(), starts(QUERY_STARTS));
        }
        let rows = inputs[PROJECTIONS].floats().chunks_exact(self.width());
        (rows.flat_map(|row| &row[..self.hidden()]).copied().collect(), starts(STARTS))
    }

    /// One row of P, `[length]`: the softmax over the keys of sequence `b` that are not padding; all 0
    /// when all keys are padding.
    fn reference_probabilities(
        &self,
        inputs: &[ReferenceOperand],
        queries: &[f64], // [query rows, hidden]
        b: usize,
        head: usize,
        query: usize,
    ) -> Vec<f64> {
        let x = inputs[PROJECTIONS].floats(); // [rows, 3·hidden], or [rows, 2·hidden]: keys, values
        let mask = inputs[ATTENTION_MASK].integers(); // [batch · seq], by row
        let starts = inputs[STARTS].integers(); // [batch + 1]
        let (hidden, d, width) = (self.hidden(), self.head_size, self.width());
        let mut p = Vec::new(); // [length]
        for key in starts[b] as usize..starts[b + 1] as usize {
            let mut score = 0.0;
            for c in head * d..(head + 1) * d {
                score += queries[query * hidden + c] * x[key * width + width - 2 * hidden + c];
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
        inputs: &[ReferenceOperand],
        b: usize,
        head: usize,
        query: usize,
        dropout_key: &DropoutKey,
    ) -> Vec<f64> {
        let mut factors = vec![1.0; self.seq]; // [seq]
        if let Some(dropout) = self.dropout {
            // The row of the token that asks, and its position in the sequence.
            let row = match self.queries {
                Some(_) => inputs[QUERY_ROWS].integers()[query] as usize,
                None => query,
            };
            let position = row - inputs[STARTS].integers()[b] as usize;
            let sequence = dropout_key.first_sequence + b;
            let row = sequence * self.heads * self.seq + head * self.seq + position;
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
    /// Query rows of a sequence, at most; every row has a query when `None`.
    queries: Option<usize>,
}

/// Which rows of the projections belong to which sequence, and which are padding.
#[derive(Clone, Copy, Debug)]
pub struct AttentionRows {
    /// 1 for tokens, 0 for padding, `[batch, seq]`.
    pub attention_mask: Integers,
    /// Row offsets, `[batch + 1]`: sequence b is rows `starts[b] .. starts[b + 1]`.
    pub starts: Integers,
}

/// Queries of some rows alone.
#[derive(Clone, Copy, Debug)]
pub struct Queries {
    /// The queries, `[batch, queries, hidden]`.
    pub queries: Tensor,
    /// Offsets of the query rows, `[batch + 1]`: sequence b has query rows `starts[b] .. starts[b + 1]`,
    /// at least one.
    pub starts: Integers,
    /// The row of the projections that each query row belongs to, `[batch · queries]`.
    pub rows: Integers,
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
    push(g, projections, rows, None, heads, dropout_rate)
}

/// Pushes self-attention of some rows: `keys_values` are `[batch, seq, 2·hidden]`; the context has the
/// shape of the queries, `[batch, queries, hidden]`.
///
/// # Errors
/// When the shapes do not fit, or the width is not a multiple of 2·`heads`.
pub fn attention_of(
    g: &mut Graph<'_>,
    queries: Queries,
    keys_values: Tensor,
    rows: AttentionRows,
    heads: usize,
    dropout_rate: f32,
) -> Result<Tensor, GraphError> {
    push(g, keys_values, rows, Some(queries), heads, dropout_rate)
}

fn push(
    g: &mut Graph<'_>,
    projections: Tensor,
    rows: AttentionRows,
    queries: Option<Queries>,
    heads: usize,
    dropout_rate: f32,
) -> Result<Tensor, GraphError> {
    const NAME: &str = "attention";
    let AttentionRows { attention_mask, starts } = rows;
    let site = g.dropout_site();
    let (shape, width) = (projections.shape, projections.shape.columns());
    let parts = if queries.is_some() { 2 } else { 3 };
    let fits = shape.dimensions().len() == 3 && heads > 0 && width.is_multiple_of(parts * heads);
    let needed = format!("[batch, seq, a multiple of {parts}·{heads} heads]");
    g.check(fits, NAME, "the projections", shape, needed)?;
    let (batch, seq) = (shape.dimensions()[0], shape.dimensions()[1]);
    let fits = attention_mask.length == batch * seq;
    g.check(fits, NAME, "the attention mask", attention_mask.length, batch * seq)?;
    g.check(starts.length == batch + 1, NAME, "the starts", starts.length, batch + 1)?;
    let head_size = width / (parts * heads);
    let dropout = Dropout::new(dropout_rate, site);
    let mut operation = Attention { batch, seq, heads, head_size, dropout, queries: None };
    let operands = [projections.into(), attention_mask.into(), starts.into()];
    let Some(Queries { queries, starts, rows }) = queries else {
        return g.push(operation, &operands, shape.with_columns(width / 3));
    };
    let hidden = width / 2;
    let shape = queries.shape;
    let fits = matches!(*shape.dimensions(), [b, _, h] if b == batch && h == hidden);
    g.check(fits, NAME, "the queries", shape, format!("[{batch}, queries, {hidden}]"))?;
    g.check(starts.length == batch + 1, NAME, "the queries' starts", starts.length, batch + 1)?;
    let fits = rows.length == shape.rows();
    g.check(fits, NAME, "the rows of the queries", rows.length, shape.rows())?;
    operation.queries = Some(shape.dimensions()[1]);
    let [a, b, c] = operands;
    let operands = [a, b, c, queries.into(), starts.into(), rows.into()];
    g.push_with_rows(operation, &operands, shape, queries.rows)
}

/// Which rows are queries, and which rows of the projections these are.
#[derive(Clone, Copy)]
struct QueryRows<'a> {
    /// `[batch + 1]`: sequence b has query rows `starts[b] .. starts[b + 1]`.
    starts: &'a [u32],
    /// The row of each query row; empty when every row has a query.
    rows: &'a [u32],
}

impl<'a> QueryRows<'a> {
    fn new(inputs: &OperandValues<'a>) -> Self {
        match inputs.integers(QUERY_STARTS) {
            [] => Self { starts: inputs.integers(STARTS), rows: &[] },
            starts => Self { starts, rows: inputs.integers(QUERY_ROWS) },
        }
    }

    /// The query rows of sequence `b`.
    fn of(&self, b: usize) -> Range<usize> {
        self.starts[b] as usize..self.starts[b + 1] as usize
    }

    /// The row of the projections that query row `index` belongs to.
    fn row(&self, index: usize) -> usize {
        self.rows.get(index).map_or(index, |&row| row as usize)
    }
}

impl Attention {
    /// heads · d.
    fn hidden(&self) -> usize {
        self.heads * self.head_size
    }

    /// The columns of the projections: queries, keys and values, or keys and values.
    fn width(&self) -> usize {
        if self.queries.is_some() { 2 * self.hidden() } else { 3 * self.hidden() }
    }

    /// Query rows of a sequence, at most.
    fn most_queries(&self) -> usize {
        self.queries.unwrap_or(self.seq)
    }

    /// 1 / √d.
    fn scale(&self) -> f32 {
        math::rsqrt(self.head_size as f32)
    }

    /// Scratch of one task: two `[queries, seq]` matrices, dropout factors `[seq]` and a mask `[seq]`.
    fn task_scratch(&self) -> usize {
        2 * self.most_queries() * self.seq + 2 * self.seq
    }

    /// The columns of one head: in Q and C, in the keys and in the values of the projections.
    fn columns(&self, head: usize) -> [Range<usize>; 3] {
        let first = head * self.head_size;
        [0, self.width() - 2 * self.hidden(), self.width() - self.hidden()].map(|part| {
            let first = part + first;
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
        self.batch * self.most_queries() * self.hidden()
    }

    fn saved(&self) -> usize {
        self.batch * self.heads * self.most_queries() * self.seq
    }

    fn scratch(&self, threads: usize) -> usize {
        threads.min(self.batch) * self.task_scratch()
    }

    fn flop(&self) -> [u64; 2] {
        let product = 2 * (self.batch * self.most_queries() * self.seq * self.hidden()) as u64;
        [2 * product, 4 * product]
    }

    fn forward(&self, pass: Forward<'_>) {
        let projections = pass.inputs.floats(PROJECTIONS); // [rows, 3·hidden], or [rows, 2·hidden]
        let attention_mask = pass.inputs.integers(ATTENTION_MASK); // [batch · seq], by row
        let starts = pass.inputs.integers(STARTS); // [batch + 1]
        let queries = pass.inputs.floats(QUERIES); // [query rows, hidden], or empty
        let query_rows = QueryRows::new(&pass.inputs);
        let (hidden, width) = (self.hidden(), self.width());
        let most = self.most_queries() * self.seq; // elements of P of one head
        let dropout = self.dropout.filter(|_| pass.training);
        let outputs = [
            SplitOutput::between(query_rows.starts, pass.output, hidden), // C, [query rows, hidden]
            SplitOutput::new(pass.saved, self.heads * most), // P, [batch, heads, queries, seq]
        ];
        let task = self.task_scratch();
        for_each_range(self.batch, outputs, pass.scratch, task, |range, outputs, scratch| {
            let [mut context, probabilities] = outputs; // the parts for the sequences in `range`
            let (dropped, scratch) = scratch.split_at_mut(most); // dropout(P), [queries, seq]
            let (factors, mask) = scratch[most..].split_at_mut(self.seq); // [seq] each
            for (b, probabilities) in range.zip(probabilities.chunks_exact_mut(self.heads * most)) {
                let rows = starts[b] as usize..starts[b + 1] as usize;
                let asking = query_rows.of(b);
                let (length, n) = (rows.len(), asking.len()); // keys and queries of this sequence
                let sequence = &projections[rows.start * width..rows.end * width];
                let sequence = matrix(sequence, length, width); // [length, 3·hidden], or [length, 2·hidden]
                let (factors, mask) = (&mut factors[..length], &mut mask[..length]); // [length] each
                let own;
                (own, context) = context.split_at_mut(n * hidden);
                let mut own = matrix_mut(own, n, hidden); // C: [n, hidden]

                // 1. mask = 0 where a key is real, −∞ where it is padding.
                for (mask, &real) in mask.iter_mut().zip(&attention_mask[rows.clone()]) {
                    *mask = if real == 0 { f32::NEG_INFINITY } else { 0.0 };
                }
                for head in 0..self.heads {
                    let p = &mut probabilities[head * most..][..n * length]; // [n, length]
                    let [query, key, value] = self.columns(head);
                    let [k, v] =
                        [&key, &value].map(|columns| sequence.slice(s![.., columns.clone()])); // [length, d] each
                    let q = match self.queries {
                        None => sequence,
                        Some(_) => {
                            let own = &queries[asking.start * hidden..asking.end * hidden];
                            matrix(own, n, hidden)
                        }
                    };
                    let q = q.slice(s![.., query.clone()]); // [n, d]

                    // 2. Q·Kᵀ
                    matmul(q, k.reversed_axes(), WriteMode::Store, matrix_mut(p, n, length));

                    // 3. Row by row: P = softmax(Q·Kᵀ / √d + mask), and dropout(P).
                    for (i, row) in p.chunks_exact_mut(length).enumerate() {
                        softmax_row(row, mask, self.scale());
                        if let Some(dropout) = dropout {
                            let position = query_rows.row(asking.start + i) - rows.start;
                            self.factors(dropout, &pass.dropout_key, [b, head, position], factors);
                            multiply(row, factors, false, &mut dropped[i * length..][..length]);
                        }
                    }

                    // 4. C = dropout(P)·V
                    let p = if dropout.is_some() { &dropped[..n * length] } else { p };
                    let context = own.slice_mut(s![.., query]); // [n, d]
                    matmul(matrix(p, n, length), v, WriteMode::Store, context);
                }
            }
        });
    }

    fn backward(&self, mut pass: Backward<'_>) {
        let Some(gradient) = pass.gradients.take(PROJECTIONS) else { return };
        let query_gradient = pass.gradients.take(QUERIES);
        let projections = pass.inputs.floats(PROJECTIONS); // [rows, 3·hidden], or [rows, 2·hidden]
        let starts = pass.inputs.integers(STARTS); // [batch + 1]
        let queries = pass.inputs.floats(QUERIES); // [query rows, hidden], or empty
        let query_rows = QueryRows::new(&pass.inputs);
        let (hidden, width) = (self.hidden(), self.width());
        let most = self.most_queries() * self.seq; // elements of P of one head
        let saved = &*pass.saved; // P, [batch, heads, queries, seq]
        let d_context = &*pass.output_gradient; // dC, [query rows, hidden]
        let dropout_key = pass.dropout_key;
        let mode = WriteMode::accumulating(gradient.accumulate);
        // dQ: part of the projections' gradient, or a gradient of its own.
        let (d_queries, query_mode) = match query_gradient {
            Some(own) => (own.data, WriteMode::accumulating(own.accumulate)),
            None => (&mut [][..], mode),
        };
        let outputs = [
            SplitOutput::between(starts, gradient.data, width), // as the projections
            SplitOutput::between(query_rows.starts, d_queries, hidden), // [query rows, hidden], or empty
        ];
        let task = self.task_scratch();
        for_each_range(self.batch, outputs, pass.scratch, task, |range, outputs, scratch| {
            let [mut gradient, mut d_queries] = outputs; // the parts for the sequences in `range`
            let (dropped, scratch) = scratch.split_at_mut(most); // dropout(P), [queries, seq]
            let (dp, factors) = scratch.split_at_mut(most); // dP and dS, [queries, seq]; 2 × [seq]
            for b in range {
                let rows = starts[b] as usize..starts[b + 1] as usize;
                let asking = query_rows.of(b);
                let (length, n) = (rows.len(), asking.len()); // keys and queries of this sequence
                let (own, own_queries);
                (own, gradient) = gradient.split_at_mut(length * width);
                let mut own = matrix_mut(own, length, width); // dQ, dK, dV: [length, 3·hidden]; or dK, dV
                let separate = if self.queries.is_some() { n } else { 0 };
                (own_queries, d_queries) = d_queries.split_at_mut(separate * hidden);
                let mut own_queries = matrix_mut(own_queries, separate, hidden); // dQ: [n, hidden], or empty
                let sequence = &projections[rows.start * width..rows.end * width];
                let sequence = matrix(sequence, length, width); // [length, 3·hidden], or [length, 2·hidden]
                let of_queries = asking.start * hidden..asking.end * hidden;
                let d_context = matrix(&d_context[of_queries.clone()], n, hidden); // [n, hidden]
                let factors = &mut factors[..length]; // [length]
                let dropped = &mut dropped[..n * length]; // [n, length]
                let dp = &mut dp[..n * length]; // [n, length]
                for head in 0..self.heads {
                    let p = &saved[(b * self.heads + head) * most..][..n * length]; // [n, length]
                    let [query, key, value] = self.columns(head);
                    let [k, v] =
                        [&key, &value].map(|columns| sequence.slice(s![.., columns.clone()])); // [length, d] each
                    let q = match self.queries {
                        None => sequence,
                        Some(_) => matrix(&queries[of_queries.clone()], n, hidden),
                    };
                    let q = q.slice(s![.., query.clone()]); // [n, d]
                    let dc = d_context.slice(s![.., query.clone()]); // [n, d]

                    // 1. dC·Vᵀ
                    matmul(dc, v.reversed_axes(), WriteMode::Store, matrix_mut(dp, n, length));

                    // 2. Row by row: dropout(P) again; dP = (dC·Vᵀ)·factors; dS replaces dP.
                    for i in 0..n {
                        let row = i * length..(i + 1) * length;
                        let (p, dp) = (&p[row.clone()], &mut dp[row.clone()]); // [length] each
                        if let Some(dropout) = self.dropout {
                            let position = query_rows.row(asking.start + i) - rows.start;
                            self.factors(dropout, &dropout_key, [b, head, position], factors);
                            multiply(p, factors, false, &mut dropped[row]);
                            scale_by(factors, dp);
                        }
                        softmax_backward_row(p, self.scale(), dp);
                    }
                    let dropped = if self.dropout.is_some() { &*dropped } else { p };
                    let (dropped, ds) = (matrix(dropped, n, length), matrix(dp, n, length));

                    // 3. dV = dropout(P)ᵀ·dC
                    let dv = own.slice_mut(s![.., value]); // [length, d]
                    matmul(dropped.reversed_axes(), dc, mode, dv);

                    // 4. dQ = dS·K and dK = dSᵀ·Q
                    let target = if separate > 0 { &mut own_queries } else { &mut own };
                    matmul(ds, k, query_mode, target.slice_mut(s![.., query]));
                    matmul(ds.reversed_axes(), q, mode, own.slice_mut(s![.., key]));
                }
            }
        });
    }

    fn cases() -> Vec<Case> {
        let mut cases = Vec::new();
        // In the fourth case sequences are shorter than seq; in the last two, only some rows have queries: these
        // positions of each sequence.
        let every: &[&[u32]] = &[];
        for (lengths, seq, heads, head_size, asking) in [
            (&[1][..], 1, 1, 1, every),
            (&[5, 5, 5], 5, 3, 4, every),
            (&[19, 19], 19, 2, 7, every),
            (&[4, 1, 6], 7, 2, 3, every),
            (&[1], 1, 1, 1, &[&[0]]),
            (&[4, 1, 6], 7, 2, 3, &[&[0, 3], &[0], &[0, 1, 4]]),
        ] {
            let (batch, rows) = (lengths.len(), lengths.iter().sum::<u32>());
            let starts = |lengths: &mut dyn Iterator<Item = u32>| {
                let ends = lengths.scan(0, |end, length| {
                    *end += length;
                    Some(*end)
                });
                [0].into_iter().chain(ends).collect::<Vec<u32>>()
            };
            let first_rows = starts(&mut lengths.iter().copied());
            for rate in [0.0, 0.2] {
                // In all sequences but the first, tokens from index 3 are padding.
                let mask = lengths
                    .iter()
                    .enumerate()
                    .flat_map(|(b, &length)| (0..length).map(move |t| u32::from(b == 0 || t < 3)));
                let dropout = Dropout::new(rate, 5);
                let queries = asking.iter().map(|positions| positions.len()).max();
                let operation = Self { batch, seq, heads, head_size, dropout, queries };
                let mut inputs = vec![
                    CaseInput::Random(rows as usize * operation.width()),
                    CaseInput::Integers(mask.collect()),
                    CaseInput::Integers(first_rows.clone()),
                ];
                if queries.is_some() {
                    let query_rows: Vec<u32> = asking
                        .iter()
                        .zip(&first_rows)
                        .flat_map(|(positions, first)| positions.iter().map(move |p| first + p))
                        .collect();
                    inputs.extend([
                        CaseInput::Random(query_rows.len() * operation.hidden()),
                        CaseInput::Integers(starts(&mut asking.iter().map(|p| p.len() as u32))),
                        CaseInput::Integers(query_rows),
                    ]);
                }
                cases.push(Case { operation: Box::new(operation), inputs });
            }
        }
        cases
    }
}
