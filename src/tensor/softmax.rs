//! Probabilities from logits, for answers. Losses have a softmax of their own, within their operation.

use super::kernels::{chunk_state, softmax_chunk};
use super::math;

/// softmax(logits), summed in `f64`.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    let exps: Vec<f32> = logits.iter().map(|&z| math::exp(z - max)).collect();
    let sum: f64 = exps.iter().map(|&e| f64::from(e)).sum();
    exps.into_iter().map(|e| (f64::from(e) / sum) as f32).collect()
}

/// The `top` likeliest ids by `logits`, best first, with their probabilities; of equals, the lower id first.
pub fn likeliest(logits: &[f32], top: usize) -> Vec<(u32, f32)> {
    let probabilities = softmax(logits);
    let order =
        |a: &u32, b: &u32| logits[*b as usize].total_cmp(&logits[*a as usize]).then(a.cmp(b));
    let mut ids: Vec<u32> = (0..logits.len() as u32).collect();
    if top < ids.len() {
        ids.select_nth_unstable_by(top, order);
        ids.truncate(top);
    }
    ids.sort_unstable_by(order);
    ids.into_iter().map(|id| (id, probabilities[id as usize])).collect()
}

/// ln softmax(logits)\[id\], at most 0. `scratch` is a buffer to reuse.
pub fn log_probability(logits: &[f32], id: usize, scratch: &mut Vec<f32>) -> f32 {
    scratch.clear();
    scratch.extend_from_slice(logits);
    let mut state = [0.0; chunk_state::LENGTH];
    // The row as a single chunk, without a bias.
    softmax_chunk(scratch, &[], 0, id, &mut state);
    (logits[id] - state[chunk_state::MAX]) - math::ln(state[chunk_state::SUM])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_logarithm_of_a_probability() {
        let logits: Vec<f32> = (0..100).map(|i| (i * i % 31) as f32 - 20.0).collect();
        let sum: f64 = logits.iter().map(|&z| f64::from(z).exp()).sum();
        let mut scratch = Vec::new();
        for (id, &z) in logits.iter().enumerate() {
            let expected = f64::from(z) - sum.ln();
            let got = f64::from(log_probability(&logits, id, &mut scratch));
            // A few units in the last place of the largest numbers.
            assert!((got - expected).abs() < 4e-6, "{got} {expected}");
            assert!((f64::from(softmax(&logits)[id]).ln() - expected).abs() < 4e-6);
        }
        assert_eq!(log_probability(&[500.0, -500.0], 0, &mut scratch), 0.0);
        assert_eq!(log_probability(&[500.0, -500.0], 1, &mut scratch), -1000.0);
    }
}
