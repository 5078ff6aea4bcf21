//! Chapter 8, LayerNorm: the vector of one token.
//!
//! ```text
//! μ = mean(s)        σ² = mean((s − μ)²)        y[c] = γ[c]·(s[c] − μ)/√(σ² + ε) + β[c]
//! ```

/// y for one token. All slices are equally long.
pub fn layer_norm(s: &[f64], gamma: &[f64], beta: &[f64], epsilon: f64) -> Vec<f64> {
    Vec::new() // write this function
}
