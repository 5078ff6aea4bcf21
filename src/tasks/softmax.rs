//! Probabilities from logits.

use crate::tensor::math;

/// softmax(logits), summed in `f64`.
pub(super) fn softmax(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    let exps: Vec<f32> = logits.iter().map(|&z| math::exp(z - max)).collect();
    let sum: f64 = exps.iter().map(|&e| f64::from(e)).sum();
    exps.into_iter().map(|e| (f64::from(e) / sum) as f32).collect()
}
