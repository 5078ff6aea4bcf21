//! Layer normalisation (Ba et al., 2016), alone or after dropout and residual, as at the end of every
//! BERT sub-layer (Vaswani et al., 2017, section 5.4; post-LayerNorm). For each row,
//!
//! ```text
//! s = x    or    s = dropout(x) + residual
//! μ = mean(s)    σ² = mean((s − μ)²)    x̂ = (s − μ) / √(σ² + ε)    y = γ·x̂ + β
//! ```
//!
//! Shapes: x, residual, y `[…, hidden]`; γ, β `[hidden]`. Saved: x̂, and 1/√(σ² + ε) of each row.
//!
//! ```text
//! g = dy·γ
//! ds = (g − mean(g) − x̂·mean(g·x̂)) / √(σ² + ε)
//! dx = ds·dropout factors    d_residual = ds    dγ += Σ_rows dy·x̂    dβ += Σ_rows dy
//! ```
//!
//! Order of summation: within a row over 16 fixed lanes; dγ and dβ by chunks of 64 rows, then chunks
//! in order.

use super::super::graph::{Graph, GraphError, Operand, Parameter, Tensor};
use super::super::operation::{
    Backward, Case, CaseInput, Forward, Operation, Reference, ReferenceOperand,
};
use super::dropout::RowIds;
use crate::system::threads::{SplitOutput, for_each_range};
use crate::tensor::dropout::{Dropout, DropoutKey};
use crate::tensor::kernels::{
    ROW_CHUNK, add, add_chunks, multiply, reduce, store_or_add, sum_lanes, vectorized,
};
use crate::tensor::math;

/// Indices of the operands.
const X: usize = 0;
const GAMMA: usize = 1;
const BETA: usize = 2;
const RESIDUAL: usize = 3;
const ROW_IDS: usize = 4;

impl Reference for LayerNorm {
    fn reference_forward(&self, inputs: &[ReferenceOperand], dropout_key: &DropoutKey) -> Vec<f64> {
        let [gamma, beta] = [GAMMA, BETA].map(|index| inputs[index].floats()); // [hidden] each
        let mut y = Vec::new(); // [rows, hidden]
        for row in 0..self.rows {
            let (x_hat, _) = self.reference_normalized(inputs, row, dropout_key); // [hidden]
            for c in 0..self.hidden {
                y.push(gamma[c] * x_hat[c] + beta[c]);
            }
        }
        y
    }

    fn reference_backward(
        &self,
        inputs: &[ReferenceOperand],
        output_gradient: &[f64],
        dropout_key: &DropoutKey,
    ) -> Vec<Vec<f64>> {
        let (gamma, width) = (inputs[GAMMA].floats(), self.hidden); // [hidden]
        let (mut dx, mut d_residual) = (Vec::new(), Vec::new()); // [rows, hidden] each
        let (mut d_gamma, mut d_beta) = (vec![0.0; width], vec![0.0; width]); // [hidden] each
        for row in 0..self.rows {
            let (x_hat, inverse) = self.reference_normalized(inputs, row, dropout_key); // [hidden]
            let dy = &output_gradient[row * width..(row + 1) * width]; // [hidden]
            let (mut mean_g, mut mean_gx) = (0.0, 0.0);
            for c in 0..width {
                d_gamma[c] += dy[c] * x_hat[c];
                d_beta[c] += dy[c];
                mean_g += dy[c] * gamma[c] / width as f64;
                mean_gx += dy[c] * gamma[c] * x_hat[c] / width as f64;
            }
            let factors = self.reference_factors(inputs, row, dropout_key); // [hidden]
            for c in 0..width {
                let ds = (dy[c] * gamma[c] - mean_g - x_hat[c] * mean_gx) * inverse;
                dx.push(ds * factors[c]);
                d_residual.push(ds);
            }
        }
        let mut gradients = vec![dx, d_gamma, d_beta];
        if self.residual {
            gradients.extend([d_residual, vec![]]);
        }
        gradients
    }
}

impl LayerNorm {
    /// x̂ of one row, `[hidden]`, and 1/√(σ² + ε).
    fn reference_normalized(
        &self,
        inputs: &[ReferenceOperand],
        row: usize,
        dropout_key: &DropoutKey,
    ) -> (Vec<f64>, f64) {
        let factors = self.reference_factors(inputs, row, dropout_key); // [hidden]
        let mut s = Vec::new(); // [hidden]
        for c in 0..self.hidden {
            let at = row * self.hidden + c;
            let residual = if self.residual { inputs[RESIDUAL].floats()[at] } else { 0.0 };
            s.push(inputs[X].floats()[at] * factors[c] + residual);
        }
        let mean = s.iter().sum::<f64>() / self.hidden as f64;
        let variance = s.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / self.hidden as f64;
        let inverse = 1.0 / (variance + f64::from(self.eps)).sqrt();
        (s.iter().map(|s| (s - mean) * inverse).collect(), inverse)
    }

    /// The dropout factors of one row, `[hidden]`; all 1 without dropout. The mask belongs to a token
    /// of the step's whole batch: sequence `first_sequence + b`, position p.
    fn reference_factors(
        &self,
        inputs: &[ReferenceOperand],
        row: usize,
        dropout_key: &DropoutKey,
    ) -> Vec<f64> {
        let mut factors = vec![1.0; self.hidden]; // [hidden]
        if let Some(dropout) = self.dropout {
            let row_id = inputs[ROW_IDS].integers()[row] as usize;
            let (b, p) = (row_id / self.seq, row_id % self.seq);
            let token = (dropout_key.first_sequence + b) * self.seq + p;
            dropout.factors(dropout_key, token, &mut factors);
        }
        factors.into_iter().map(f64::from).collect()
    }
}

/// LayerNorm of x, or of dropout(x) + residual.
pub struct LayerNorm {
    rows: usize,
    hidden: usize,
    eps: f32,
    residual: bool,
    dropout: Option<Dropout>,
    /// Rows of one sequence: numbers the rows of the step's whole batch, for the dropout mask.
    seq: usize,
}

/// Scale and shift, each `[hidden]`.
#[derive(Clone, Copy, Debug)]
pub struct LayerNormParameters<'a> {
    /// γ.
    pub gamma: &'a Parameter,
    /// β.
    pub beta: &'a Parameter,
}

/// Pushes LayerNorm(x); x and y `[…, hidden]`.
///
/// # Errors
/// When γ or β is not `[hidden]`.
pub fn layer_norm(
    g: &mut Graph<'_>,
    x: Tensor,
    parameters: LayerNormParameters<'_>,
    eps: f32,
) -> Result<Tensor, GraphError> {
    push(g, x, None, parameters, eps, None)
}

/// Pushes LayerNorm(dropout(x) + residual); x, residual and y `[…, hidden]`.
///
/// # Errors
/// When the shapes do not fit.
pub fn add_layer_norm(
    g: &mut Graph<'_>,
    x: Tensor,
    (residual, row_ids): (Tensor, RowIds),
    parameters: LayerNormParameters<'_>,
    eps: f32,
    dropout_rate: f32,
) -> Result<Tensor, GraphError> {
    let site = g.dropout_site();
    push(g, x, Some((residual, row_ids)), parameters, eps, Dropout::new(dropout_rate, site))
}

fn push(
    g: &mut Graph<'_>,
    x: Tensor,
    residual: Option<(Tensor, RowIds)>,
    parameters: LayerNormParameters<'_>,
    eps: f32,
    dropout: Option<Dropout>,
) -> Result<Tensor, GraphError> {
    let (rows, hidden) = (x.shape.rows(), x.shape.columns());
    let seq = residual.map_or(1, |(_, row_ids)| row_ids.seq);
    let operation = LayerNorm { rows, hidden, eps, residual: residual.is_some(), dropout, seq };
    let name = operation.name();
    let parameters = [parameters.gamma, parameters.beta];
    for parameter in parameters {
        let fits = parameter.shape.dimensions() == [hidden];
        g.check(fits, name, "gamma or beta", parameter.shape, format!("[{hidden}]"))?;
    }
    let mut operands: Vec<Operand> = vec![x.into()];
    operands.extend(parameters.map(Operand::from));
    if let Some((residual, row_ids)) = residual {
        g.check(residual.shape == x.shape, name, "the residual", residual.shape, x.shape)?;
        let RowIds { ids, .. } = row_ids;
        g.check(ids.length == rows, name, "the numbers of the rows", ids.length, rows)?;
        operands.extend([residual.into(), ids.into()]);
    }
    g.push(operation, &operands, x.shape)
}

vectorized! {
    /// One row: s becomes x̂, y becomes γ·x̂ + β; returns 1/√(σ² + ε). All slices are `[hidden]`.
    fn normalize_row(s: &mut [f32], gamma: &[f32], beta: &[f32], eps: f32, y: &mut [f32]) -> f32 {
        let width = s.len() as f32;
        let mean = sum_lanes(s) / width;
        let squares = reduce(
            [s],
            0.0,
            |sum, [s]| {
                let centred = s - mean;
                centred.mul_add(centred, sum)
            },
            |a, b| a + b,
        );
        let inverse = math::rsqrt(squares / width + eps);
        for (((s, y), gamma), beta) in s.iter_mut().zip(y).zip(gamma).zip(beta) {
            *s = (*s - mean) * inverse;
            *y = gamma.mul_add(*s, *beta);
        }
        inverse
    }

    /// One row: computes ds from dy, x̂ and `inverse` = 1/√(σ² + ε); adds to dγ and dβ. All slices are
    /// `[hidden]`.
    fn backward_row(
        dy: &[f32],
        x_hat: &[f32],
        inverse: f32,
        gamma: &[f32],
        d_gamma: &mut [f32],
        d_beta: &mut [f32],
        ds: &mut [f32],
    ) {
        let width = dy.len() as f32;
        let mean_g = reduce([dy, gamma], 0.0, |s, [dy, c]| dy.mul_add(c, s), |a, b| a + b) / width;
        let mean_gx =
            reduce([dy, gamma, x_hat], 0.0, |s, [dy, c, x]| (dy * c).mul_add(x, s), |a, b| a + b)
                / width;
        for i in 0..dy.len() {
            let (dy, x_hat) = (dy[i], x_hat[i]);
            d_gamma[i] = dy.mul_add(x_hat, d_gamma[i]);
            d_beta[i] += dy;
            ds[i] = inverse * (dy * gamma[i] - mean_g - x_hat * mean_gx);
        }
    }
}

impl LayerNorm {
    /// The number of row `row_id` in the whole batch of the step.
    fn global_row(&self, dropout_key: &DropoutKey, row_id: u32) -> usize {
        dropout_key.first_sequence * self.seq + row_id as usize
    }

    /// Scratch of one task: dropout factors and ds, `[hidden]` each.
    fn row_scratch(&self) -> usize {
        2 * self.hidden
    }
}

impl Operation for LayerNorm {
    fn name(&self) -> &'static str {
        if self.residual { "add_layer_norm" } else { "layer_norm" }
    }

    fn output(&self) -> usize {
        self.rows * self.hidden
    }

    fn saved(&self) -> usize {
        self.rows * (self.hidden + 1)
    }

    fn scratch(&self, threads: usize) -> usize {
        threads * self.row_scratch() + 2 * self.rows.div_ceil(ROW_CHUNK) * self.hidden
    }

    fn backward_reads(&self, index: usize) -> bool {
        index == GAMMA || index == ROW_IDS
    }

    fn forward(&self, pass: Forward<'_>) {
        let x = pass.inputs.floats(X); // [rows, hidden]
        let [gamma, beta] = [GAMMA, BETA].map(|index| pass.inputs.floats(index)); // [hidden] each
        let residual = pass.inputs.floats(RESIDUAL); // [rows, hidden], or empty
        let row_ids = pass.inputs.integers(ROW_IDS); // [rows], or empty
        let width = self.hidden;
        let rows = pass.output.len() / width;
        let dropout = self.dropout.filter(|_| pass.training);
        let (x_hat, inverse) = pass.saved.split_at_mut(self.rows * width);
        let outputs = [
            SplitOutput::new(pass.output, width), // y, [rows, hidden]
            SplitOutput::new(x_hat, width),       // [rows, hidden]
            SplitOutput::new(inverse, 1),         // 1/√(σ² + ε), [rows]
        ];
        let task = self.row_scratch();
        for_each_range(rows, outputs, pass.scratch, task, |range, outputs, scratch| {
            let [y, x_hat, inverse] = outputs; // the parts for the rows in `range`
            let factors = &mut scratch[..width]; // [hidden]
            let rows = y.chunks_exact_mut(width).zip(x_hat.chunks_exact_mut(width));
            for (row, ((y, s), inverse)) in range.zip(rows.zip(inverse)) {
                let at = row * width..(row + 1) * width;

                // 1. s = dropout(x) + residual, in the memory of x̂
                if let Some(dropout) = dropout {
                    let row = self.global_row(&pass.dropout_key, row_ids[row]);
                    dropout.factors(&pass.dropout_key, row, factors);
                    multiply(&x[at.clone()], factors, false, s);
                } else {
                    s.copy_from_slice(&x[at.clone()]);
                }
                if self.residual {
                    add(&residual[at], s);
                }

                // 2. x̂ = (s − μ) / √(σ² + ε) and y = γ·x̂ + β
                *inverse = normalize_row(s, gamma, beta, self.eps, y);
            }
        });
    }

    fn backward(&self, mut pass: Backward<'_>) {
        let gamma = pass.inputs.floats(GAMMA); // [hidden]
        let row_ids = pass.inputs.integers(ROW_IDS); // [rows], or empty
        let width = self.hidden;
        let (dx, d_residual) = (pass.gradients.take(X), pass.gradients.take(RESIDUAL));
        let (d_gamma, d_beta) = (pass.gradients.take(GAMMA), pass.gradients.take(BETA));
        let (x_hat, inverse) = pass.saved.split_at(self.rows * width); // [rows, hidden]; [rows]
        let dy = &*pass.output_gradient; // [rows, hidden]
        let (dropout_key, rows) = (pass.dropout_key, dy.len() / width);
        let chunks = rows.div_ceil(ROW_CHUNK);
        let (partials, scratch) = pass.scratch.split_at_mut(2 * chunks * width);
        let (gamma_partial, beta_partial) = partials.split_at_mut(chunks * width);
        // dx and d_residual are [rows, hidden], or empty when the gradient is not needed.
        let [(dx, add_dx), (d_residual, add_residual)] = [dx, d_residual]
            .map(|gradient| gradient.map_or_else(Default::default, |g| (g.data, g.accumulate)));
        let outputs = [
            SplitOutput::new(gamma_partial, width), // dγ by chunk, [chunks, hidden]
            SplitOutput::new(beta_partial, width),  // dβ by chunk, [chunks, hidden]
            SplitOutput::new(dx, ROW_CHUNK * width),
            SplitOutput::new(d_residual, ROW_CHUNK * width),
        ];
        for_each_range(chunks, outputs, scratch, self.row_scratch(), |range, outputs, scratch| {
            let [gamma_partial, beta_partial, dx, d_residual] = outputs; // the parts for the chunks in `range`
            let (factors, ds) = scratch.split_at_mut(width); // [hidden] each
            gamma_partial.fill(0.0);
            beta_partial.fill(0.0);
            let first = range.start * ROW_CHUNK;
            for row in first..rows.min(range.end * ROW_CHUNK) {
                let chunk = (row / ROW_CHUNK - range.start) * width;
                let at = row * width..(row + 1) * width;

                // 1. ds, and the row's terms of dγ and dβ
                backward_row(
                    &dy[at.clone()],
                    &x_hat[at.clone()],
                    inverse[row],
                    gamma,
                    &mut gamma_partial[chunk..chunk + width],
                    &mut beta_partial[chunk..chunk + width],
                    ds,
                );

                // 2. d_residual = ds and dx = ds·dropout factors
                let own = (row - first) * width..(row - first + 1) * width;
                if !d_residual.is_empty() {
                    store_or_add(ds, add_residual, &mut d_residual[own.clone()]);
                }
                if !dx.is_empty() {
                    if let Some(dropout) = self.dropout {
                        let row = self.global_row(&dropout_key, row_ids[row]);
                        dropout.factors(&dropout_key, row, factors);
                        multiply(ds, factors, add_dx, &mut dx[own]);
                    } else {
                        store_or_add(ds, add_dx, &mut dx[own]);
                    }
                }
            }
        });

        // 3. dγ and dβ: the chunks' sums in order
        for (gradient, partial) in [(d_gamma, &*gamma_partial), (d_beta, &*beta_partial)] {
            if let Some(gradient) = gradient {
                add_chunks(partial, gradient.to_add());
            }
        }
    }

    fn cases() -> Vec<Case> {
        let mut cases = Vec::new();
        for (rows, hidden, eps) in [(1, 1, 0.5), (5, 7, 1e-12), (3, 40, 1e-5), (131, 19, 1e-12)] {
            for (residual, rate) in [(false, 0.0), (true, 0.0), (true, 0.3)] {
                let dropout = Dropout::new(rate, 3);
                let mut inputs = vec![
                    CaseInput::Random(rows * hidden),
                    CaseInput::Random(hidden),
                    CaseInput::Random(hidden),
                ];
                if residual {
                    inputs.push(CaseInput::Random(rows * hidden));
                    inputs.push(CaseInput::Integers((0..rows as u32).map(|row| 2 * row).collect()));
                }
                let operation = Self { rows, hidden, eps, residual, dropout, seq: 3 };
                cases.push(Case { operation: Box::new(operation), inputs });
            }
        }
        cases
    }
}
