//! The linear layer, with or without GELU (BERT paper, section 3; Hendrycks & Gimpel, 2016):
//!
//! ```text
//! z = x·Wᵀ + b        y = z    or    y = GELU(z)
//! ```
//!
//! Shapes: x `[…, in]`, W `[out, in]` as Hugging Face and PyTorch store it, b `[out]`, y `[…, out]`.
//! Saved: GELU′(z) `[…, out]`, only with GELU. Forward computes it because GELU(z) needs Φ(z) too.
//!
//! ```text
//! dz = dy    or    dy · GELU′(z)
//! dx = dz·W        dW += dzᵀ·x        db += Σ_rows dz
//! ```
//!
//! Order of summation: products in order of k (dW: of tokens, never split over threads); db by chunks
//! of 64 rows, then chunks in order.

use super::super::graph::{Graph, GraphError, Parameter, Tensor};
use super::super::operation::{
    Backward, Case, CaseInput, Forward, Operation, Reference, ReferenceOperand,
};
use crate::system::threads::{SplitOutput, for_each_range};
use crate::tensor::dropout::DropoutKey;
use crate::tensor::kernels::{add_bias, scale_by, sum_rows, sum_rows_scratch, vectorized};
use crate::tensor::math;
use crate::tensor::matmul::{WriteMode, matmul_parallel, matrix, matrix_mut};

/// Indices of the operands.
const X: usize = 0;
const WEIGHT: usize = 1;
const BIAS: usize = 2;

impl Reference for Linear {
    fn reference_forward(
        &self,
        inputs: &[ReferenceOperand],
        _dropout_key: &DropoutKey,
    ) -> Vec<f64> {
        let x = inputs[X].floats(); // [rows, in]
        let w = inputs[WEIGHT].floats(); // [out, in]
        let b = inputs[BIAS].floats(); // [out]
        let mut y = Vec::new(); // [rows, out]
        for r in 0..self.rows {
            for o in 0..self.outputs {
                let mut z = b[o];
                for i in 0..self.inputs {
                    z += x[r * self.inputs + i] * w[o * self.inputs + i];
                }
                y.push(if self.gelu { z * normal_cdf(z) } else { z });
            }
        }
        y
    }

    fn reference_backward(
        &self,
        inputs: &[ReferenceOperand],
        output_gradient: &[f64],
        _dropout_key: &DropoutKey,
    ) -> Vec<Vec<f64>> {
        let x = inputs[X].floats(); // [rows, in]
        let w = inputs[WEIGHT].floats(); // [out, in]
        let b = inputs[BIAS].floats(); // [out]
        let mut dx = vec![0.0; x.len()]; // [rows, in]
        let mut dw = vec![0.0; w.len()]; // [out, in]
        let mut db = vec![0.0; b.len()]; // [out]
        for r in 0..self.rows {
            for o in 0..self.outputs {
                let mut dz = output_gradient[r * self.outputs + o];
                if self.gelu {
                    let mut z = b[o];
                    for i in 0..self.inputs {
                        z += x[r * self.inputs + i] * w[o * self.inputs + i];
                    }
                    // GELU′(z) = Φ(z) + z·φ(z)
                    let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
                    dz *= normal_cdf(z) + z * density;
                }
                for i in 0..self.inputs {
                    dx[r * self.inputs + i] += dz * w[o * self.inputs + i];
                    dw[o * self.inputs + i] += dz * x[r * self.inputs + i];
                }
                db[o] += dz;
            }
        }
        vec![dx, dw, db]
    }
}

/// Φ(z), the distribution function of the standard normal distribution.
fn normal_cdf(z: f64) -> f64 {
    0.5 * (1.0 + math::erf64(z / std::f64::consts::SQRT_2))
}

/// y = x·Wᵀ + b, or its GELU.
pub struct Linear {
    rows: usize,
    inputs: usize,
    outputs: usize,
    gelu: bool,
}

/// Pushes y = x·Wᵀ + b; x `[…, in]`, w `[out, in]`, b `[out]`, y `[…, out]`.
///
/// # Errors
/// When the shapes do not fit.
pub fn linear(
    g: &mut Graph<'_>,
    x: Tensor,
    w: &Parameter,
    b: &Parameter,
) -> Result<Tensor, GraphError> {
    push(g, x, w, b, false)
}

/// Pushes y = GELU(x·Wᵀ + b); shapes as in [`linear`].
///
/// # Errors
/// When the shapes do not fit.
pub fn linear_gelu(
    g: &mut Graph<'_>,
    x: Tensor,
    w: &Parameter,
    b: &Parameter,
) -> Result<Tensor, GraphError> {
    push(g, x, w, b, true)
}

fn push(
    g: &mut Graph<'_>,
    x: Tensor,
    w: &Parameter,
    b: &Parameter,
    gelu: bool,
) -> Result<Tensor, GraphError> {
    let operation =
        Linear { rows: x.shape.rows(), inputs: x.shape.columns(), outputs: w.shape.rows(), gelu };
    let name = operation.name();
    let (inputs, outputs) = (operation.inputs, operation.outputs);
    let fits = w.shape.dimensions() == [outputs, inputs];
    g.check(fits, name, "the weight", w.shape, format!("[…, {inputs}]"))?;
    g.check(b.shape.dimensions() == [outputs], name, "the bias", b.shape, format!("[{outputs}]"))?;
    g.push(operation, &[x.into(), w.into(), b.into()], x.shape.with_columns(outputs))
}

vectorized! {
    /// y = GELU(z + b), and z becomes GELU′(z + b). z and y are `[rows, out]`, b is `[out]`.
    fn bias_gelu(bias: &[f32], z: &mut [f32], y: &mut [f32]) {
        let width = bias.len();
        for (z, y) in z.chunks_exact_mut(width).zip(y.chunks_exact_mut(width)) {
            for ((z, y), bias) in z.iter_mut().zip(y).zip(bias) {
                (*y, *z) = math::gelu_and_derivative(*z + bias);
            }
        }
    }

    /// z `[rows, out]` becomes GELU(z + b).
    fn bias_gelu_in_place(bias: &[f32], z: &mut [f32]) {
        for z in z.chunks_exact_mut(bias.len()) {
            for (z, bias) in z.iter_mut().zip(bias) {
                *z = math::gelu(*z + bias);
            }
        }
    }
}

impl Operation for Linear {
    fn name(&self) -> &'static str {
        if self.gelu { "linear_gelu" } else { "linear" }
    }

    fn output(&self) -> usize {
        self.rows * self.outputs
    }

    fn saved(&self) -> usize {
        if self.gelu { self.rows * self.outputs } else { 0 }
    }

    fn saved_in_evaluation(&self) -> usize {
        0
    }

    fn backward_reads(&self, index: usize) -> bool {
        index == X || index == WEIGHT
    }

    fn scratch(&self, _threads: usize) -> usize {
        sum_rows_scratch(self.rows, self.outputs)
    }

    fn flop(&self) -> [u64; 2] {
        let product = 2 * (self.rows * self.inputs * self.outputs) as u64;
        [product, 2 * product]
    }

    fn forward(&self, pass: Forward<'_>) {
        let x = pass.inputs.floats(X); // [rows, in]
        let w = pass.inputs.floats(WEIGHT); // [out, in]
        let b = pass.inputs.floats(BIAS); // [out]
        let (inputs, outputs) = (self.inputs, self.outputs);
        let rows = pass.output.len() / outputs;

        // 1. x·Wᵀ, in the memory of GELU′(z) if that is saved, else in the memory of y
        let with_derivative = self.gelu && pass.training;
        let z = if with_derivative { &mut pass.saved[..rows * outputs] } else { &mut *pass.output };
        matmul_parallel(
            matrix(x, rows, inputs),
            matrix(w, outputs, inputs).reversed_axes(),
            WriteMode::Store,
            matrix_mut(z, rows, outputs), // [rows, out]
        );

        // 2. z = x·Wᵀ + b, then y = z, or y = GELU(z) and GELU′(z)
        let z = SplitOutput::new(pass.saved, outputs); // [rows, out], or empty
        let y = SplitOutput::new(pass.output, outputs); // [rows, out]
        for_each_range(rows, [z, y], &mut [], 0, |_, [z, y], _| match self.gelu {
            false => add_bias(b, y),
            true if with_derivative => bias_gelu(b, z, y),
            true => bias_gelu_in_place(b, y),
        });
    }

    fn backward(&self, mut pass: Backward<'_>) {
        let x = pass.inputs.floats(X); // [rows, in]
        let w = pass.inputs.floats(WEIGHT); // [out, in]
        let (inputs, outputs) = (self.inputs, self.outputs);
        let rows = pass.output_gradient.len() / outputs;

        // 1. dz = dy·GELU′(z), in the memory of dy; without GELU dz = dy
        if self.gelu {
            let dz = SplitOutput::new(pass.output_gradient, outputs); // [rows, out]
            let derivative = &*pass.saved; // [rows, out]
            for_each_range(rows, [dz], &mut [], 0, |range, [dz], _| {
                scale_by(&derivative[range.start * outputs..range.end * outputs], dz);
            });
        }
        let dz = &*pass.output_gradient; // [rows, out]

        // 2. dx = dz·W, [rows, in]
        if let Some(dx) = pass.gradients.take(X) {
            matmul_parallel(
                matrix(dz, rows, outputs),
                matrix(w, outputs, inputs),
                WriteMode::accumulating(dx.accumulate),
                matrix_mut(dx.data, rows, inputs),
            );
        }

        // 3. dW += dzᵀ·x, [out, in]
        if let Some(dw) = pass.gradients.take(WEIGHT) {
            matmul_parallel(
                matrix(dz, rows, outputs).reversed_axes(),
                matrix(x, rows, inputs),
                WriteMode::accumulating(dw.accumulate),
                matrix_mut(dw.data, outputs, inputs),
            );
        }

        // 4. db += Σ_rows dz, [out]
        if let Some(db) = pass.gradients.take(BIAS) {
            sum_rows(dz, db.to_add(), pass.scratch);
        }
    }

    fn cases() -> Vec<Case> {
        let mut cases = Vec::new();
        for gelu in [false, true] {
            for (rows, inputs, outputs) in [(1, 1, 1), (3, 5, 7), (130, 17, 33), (1, 300, 2)] {
                cases.push(Case {
                    operation: Box::new(Self { rows, inputs, outputs, gelu }),
                    inputs: vec![
                        CaseInput::Random(rows * inputs),
                        CaseInput::Random(outputs * inputs),
                        CaseInput::Random(outputs),
                    ],
                });
            }
        }
        cases
    }
}
