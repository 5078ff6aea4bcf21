//! The hyperbolic tangent, the pooler's activation:
//!
//! ```text
//! y = tanh(x)        dx = dy·(1 − y²)
//! ```
//!
//! Shapes: x, y `[…]`, any. Saved: y.

use super::super::graph::{Graph, GraphError, Tensor};
use super::super::operation::{
    Backward, Case, CaseInput, Forward, Operation, Reference, ReferenceOperand,
};
use crate::tensor::dropout::DropoutKey;
use crate::tensor::kernels::vectorized;
use crate::tensor::math;

/// Index of the operand.
const X: usize = 0;

impl Reference for Tanh {
    fn reference_forward(
        &self,
        inputs: &[ReferenceOperand],
        _dropout_key: &DropoutKey,
    ) -> Vec<f64> {
        inputs[X].floats().iter().map(|x| x.tanh()).collect()
    }

    fn reference_backward(
        &self,
        inputs: &[ReferenceOperand],
        output_gradient: &[f64],
        _dropout_key: &DropoutKey,
    ) -> Vec<Vec<f64>> {
        let x = inputs[X].floats(); // [elements]
        let mut dx = Vec::new(); // [elements]
        for i in 0..self.elements {
            dx.push(output_gradient[i] * (1.0 - x[i].tanh().powi(2)));
        }
        vec![dx]
    }
}

/// y = tanh(x).
pub struct Tanh {
    elements: usize,
}

/// Pushes y = tanh(x), in the shape of x.
///
/// # Errors
/// Never for this operand; other operations check shapes here.
pub fn tanh(g: &mut Graph<'_>, x: Tensor) -> Result<Tensor, GraphError> {
    g.push(Tanh { elements: x.shape.elements() }, &[x.into()], x.shape)
}

vectorized! {
    /// y = tanh(x). Both slices are `[elements]`.
    fn forward(x: &[f32], y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = math::tanh(*x);
        }
    }

    /// dx = dy·(1 − y²), or dx += dy·(1 − y²). All slices are `[elements]`.
    fn backward(dy: &[f32], y: &[f32], accumulate: bool, dx: &mut [f32]) {
        for ((dx, dy), y) in dx.iter_mut().zip(dy).zip(y) {
            let before = if accumulate { *dx } else { 0.0 };
            *dx = dy.mul_add(1.0 - y * y, before);
        }
    }
}

impl Operation for Tanh {
    fn name(&self) -> &'static str {
        "tanh"
    }

    fn output(&self) -> usize {
        self.elements
    }

    fn saved(&self) -> usize {
        self.elements
    }

    fn backward_reads(&self, _index: usize) -> bool {
        false
    }

    fn forward(&self, pass: Forward<'_>) {
        // 1. y = tanh(x), [elements]
        forward(pass.inputs.floats(X), pass.output);

        // 2. saved = y, [elements]
        pass.saved.copy_from_slice(pass.output);
    }

    fn backward(&self, mut pass: Backward<'_>) {
        let (dy, y) = (&*pass.output_gradient, &*pass.saved); // [elements] each
        if let Some(dx) = pass.gradients.take(X) {
            // 1. dx = dy·(1 − y²), [elements]
            backward(dy, y, dx.accumulate, dx.data);
        }
    }

    fn cases() -> Vec<Case> {
        [1, 7, 129]
            .into_iter()
            .map(|elements| Case {
                operation: Box::new(Self { elements }),
                inputs: vec![CaseInput::Random(elements)],
            })
            .collect()
    }
}
