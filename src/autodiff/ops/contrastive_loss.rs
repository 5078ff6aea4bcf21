//! The contrastive loss over sentence embeddings with the other pairs of the batch as negatives (SimCSE: Gao et
//! al., 2021, equation 1; `MultipleNegativesRankingLoss` of sentence-transformers):
//!
//! ```text
//! s[i, j] = cos(e[i], e[n + j]) / temperature        p[i, ·] = softmax over the j with weight of s[i, ·]
//! loss = Σ_i weight[i] · −ln p[i, i]        accuracy = Σ_i weight[i] · [argmax s[i] = i]
//! ```
//!
//! Shapes: e `[2n, hidden]`: the first texts of n pairs, then the second ones; weights `[n]`, 0 for padding, which is
//! no negative either; output `[2]`: loss and accuracy. Only the loss has a gradient. Saved: de, `[2n, hidden]`; e
//! divided by its norms, `[2n, hidden]`; the norms, `[2n]`; p, then its gradient, `[n, n]`. Order of summation: a row
//! over 16 fixed lanes; sums over pairs by index. One task computes everything: it is little beside the encoder.

use super::super::graph::{Floats, Graph, GraphError, Tensor};
use super::super::operation::{
    Backward, Case, CaseInput, Forward, Operation, Reference, ReferenceOperand, Shape,
};
use super::cross_entropy::case_weights;
use crate::tensor::dropout::DropoutKey;
use crate::tensor::kernels::{reduce, scale, sum_of_squares, vectorized};
use crate::tensor::math;

/// Indices of the operands.
const EMBEDDINGS: usize = 0;
const WEIGHTS: usize = 1;

/// The smallest norm that a row is divided by (`eps` of `torch.nn.functional.normalize`).
const SMALLEST: f32 = 1e-12;

impl ContrastiveLoss {
    /// Rows divided by their norms, `[2n, width]`, the norms `[2n]`, and s `[n, n]`.
    fn reference_scores(&self, e: &[f64]) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
        let (n, width) = (self.pairs, self.width);
        let mut unit = e.to_vec();
        let mut norms = Vec::new();
        for row in unit.chunks_mut(width) {
            let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            row.iter_mut().for_each(|x| *x /= norm);
            norms.push(norm);
        }
        let mut s = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..n {
                for c in 0..width {
                    s[i * n + j] += unit[i * width + c] * unit[(n + j) * width + c]
                        / f64::from(self.temperature);
                }
            }
        }
        (unit, norms, s)
    }
}

impl Reference for ContrastiveLoss {
    fn reference_forward(
        &self,
        inputs: &[ReferenceOperand],
        _dropout_key: &DropoutKey,
    ) -> Vec<f64> {
        let weights = inputs[WEIGHTS].floats(); // [n]
        let (_, _, s) = self.reference_scores(inputs[EMBEDDINGS].floats());
        let n = self.pairs;
        let mut output = vec![0.0, 0.0]; // loss, accuracy
        for i in (0..n).filter(|&i| weights[i] != 0.0) {
            let mut sum = 0.0;
            let mut likeliest = i;
            for j in (0..n).filter(|&j| weights[j] != 0.0) {
                sum += s[i * n + j].exp();
                if s[i * n + j] > s[i * n + likeliest] {
                    likeliest = j;
                }
            }
            output[0] += weights[i] * (sum.ln() - s[i * n + i]);
            output[1] += weights[i] * if likeliest == i { 1.0 } else { 0.0 };
        }
        output
    }

    fn reference_backward(
        &self,
        inputs: &[ReferenceOperand],
        output_gradient: &[f64],
        _dropout_key: &DropoutKey,
    ) -> Vec<Vec<f64>> {
        let weights = inputs[WEIGHTS].floats(); // [n]
        let e = inputs[EMBEDDINGS].floats(); // [2n, width]
        let (unit, norms, s) = self.reference_scores(e);
        let (n, width) = (self.pairs, self.width);
        let mut d_unit = vec![0.0; e.len()]; // [2n, width]
        for i in (0..n).filter(|&i| weights[i] != 0.0) {
            let real = (0..n).filter(|&j| weights[j] != 0.0);
            let sum: f64 = real.clone().map(|j| s[i * n + j].exp()).sum();
            for j in real {
                let one_hot = if i == j { 1.0 } else { 0.0 };
                let ds = output_gradient[0] * weights[i] * (s[i * n + j].exp() / sum - one_hot)
                    / f64::from(self.temperature);
                for c in 0..width {
                    d_unit[i * width + c] += ds * unit[(n + j) * width + c];
                    d_unit[(n + j) * width + c] += ds * unit[i * width + c];
                }
            }
        }
        let mut de = Vec::new(); // [2n, width]
        for row in 0..2 * n {
            let (u, du) = (&unit[row * width..][..width], &d_unit[row * width..][..width]);
            let along: f64 = u.iter().zip(du).map(|(u, du)| u * du).sum();
            de.extend(u.iter().zip(du).map(|(u, du)| (du - along * u) / norms[row]));
        }
        vec![de, vec![]]
    }
}

/// The contrastive loss of pairs.
pub struct ContrastiveLoss {
    pairs: usize,
    width: usize,
    temperature: f32,
}

/// Pushes the contrastive loss of the embeddings e `[2n, hidden]`, weighted by `weights` `[n]`; the output is `[2]`:
/// loss, accuracy.
///
/// # Errors
/// When the shapes do not fit.
pub fn contrastive_loss(
    g: &mut Graph<'_>,
    e: Tensor,
    weights: Floats,
    temperature: f32,
) -> Result<Tensor, GraphError> {
    let (pairs, rows) = (weights.length, e.shape.rows());
    g.check(rows == 2 * pairs, "contrastive_loss", "the embeddings", rows, 2 * pairs)?;
    let operation = ContrastiveLoss { pairs, width: e.shape.columns(), temperature };
    g.push_with_rows(operation, &[e.into(), weights.into()], Shape::new(&[2]), None)
}

vectorized! {
    /// Σ a·b.
    fn dot(a: &[f32], b: &[f32]) -> f32 {
        reduce([a, b], 0.0, |sum, [a, b]| a.mul_add(b, sum), |x, y| x + y)
    }

    /// y += factor·x.
    fn add_scaled(factor: f32, x: &[f32], y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = x.mul_add(factor, *y);
        }
    }

    /// The scores s `[n]` of pair i become weight·(softmax − onehot). Returns −ln p\[i\], and whether s\[i\] is the
    /// largest score. A score of −∞ takes no part.
    fn softmax_of_scores(i: usize, weight: f32, s: &mut [f32]) -> (f32, bool) {
        let at_label = s[i];
        let (mut max, mut likeliest) = (at_label, i);
        for (j, &score) in s.iter().enumerate() {
            if score > max {
                (max, likeliest) = (score, j);
            }
        }
        let mut sum = 0.0;
        for score in s.iter_mut() {
            *score = if *score == f32::NEG_INFINITY { 0.0 } else { math::exp_of_nonpositive(*score - max) };
            sum += *score;
        }
        let factor = weight / sum;
        for score in s.iter_mut() {
            *score *= factor;
        }
        s[i] -= weight;
        (math::ln(sum) + (max - at_label), likeliest == i)
    }
}

impl Operation for ContrastiveLoss {
    fn name(&self) -> &'static str {
        "contrastive_loss"
    }

    fn output(&self) -> usize {
        2
    }

    fn saved(&self) -> usize {
        let (n, width) = (self.pairs, self.width);
        2 * (2 * n * width) + 2 * n + n * n
    }

    fn backward_reads(&self, index: usize) -> bool {
        index != EMBEDDINGS
    }

    fn forward(&self, pass: Forward<'_>) {
        let e = pass.inputs.floats(EMBEDDINGS); // [2n, width]
        let weights = pass.inputs.floats(WEIGHTS); // [n]
        let (n, width) = (self.pairs, self.width);
        let (de, rest) = pass.saved.split_at_mut(2 * n * width); // [2n, width]
        let (unit, rest) = rest.split_at_mut(2 * n * width); // [2n, width]
        let (norms, scores) = rest.split_at_mut(2 * n); // [2n], [n, n]

        // 1. unit = e / ‖e‖
        unit.copy_from_slice(e);
        for (unit, norm) in unit.chunks_exact_mut(width).zip(norms.iter_mut()) {
            *norm = sum_of_squares(unit).sqrt().max(SMALLEST);
            scale(1.0 / *norm, unit);
        }

        // 2. s = unit·unitᵀ / temperature, then its gradient weight·(p − onehot)
        let row = |i: usize| i * width..(i + 1) * width;
        pass.output.fill(0.0); // [2]
        for (i, s) in scores.chunks_exact_mut(n).enumerate() {
            if weights[i] == 0.0 {
                s.fill(0.0);
                continue;
            }
            for (j, s) in s.iter_mut().enumerate() {
                *s = match weights[j] == 0.0 {
                    true => f32::NEG_INFINITY,
                    false => dot(&unit[row(i)], &unit[row(n + j)]) / self.temperature,
                };
            }
            let (loss, right) = softmax_of_scores(i, weights[i], s);
            pass.output[0] += weights[i] * loss;
            pass.output[1] += weights[i] * f32::from(u8::from(right));
        }
        if !pass.training {
            return;
        }

        // 3. de = gradient of unit, then of e: (d − (d·unit)·unit) / ‖e‖
        de.fill(0.0);
        for (i, ds) in scores.chunks_exact(n).enumerate() {
            for (j, &ds) in ds.iter().enumerate().filter(|(_, ds)| **ds != 0.0) {
                let ds = ds / self.temperature;
                add_scaled(ds, &unit[row(n + j)], &mut de[row(i)]);
                add_scaled(ds, &unit[row(i)], &mut de[row(n + j)]);
            }
        }
        for (i, norm) in norms.iter().enumerate() {
            let (de, unit) = (&mut de[row(i)], &unit[row(i)]);
            let along = dot(de, unit);
            add_scaled(-along, unit, de);
            scale(1.0 / norm, de);
        }
    }

    fn backward(&self, mut pass: Backward<'_>) {
        if let Some(de) = pass.gradients.take(EMBEDDINGS) {
            // 1. de = loss gradient·saved de, [2n, width]
            de.write_scaled(pass.output_gradient[0], pass.saved);
        }
    }

    fn cases() -> Vec<Case> {
        // A low temperature makes rounding errors of the scores large; the cases use 0.5.
        [(1, 3), (3, 2), (5, 7), (9, 33)]
            .into_iter()
            .map(|(pairs, width)| Case {
                operation: Box::new(Self { pairs, width, temperature: 0.5 }),
                inputs: vec![
                    CaseInput::Random(2 * pairs * width),
                    CaseInput::Fixed(case_weights(pairs)),
                ],
            })
            .collect()
    }
}
