//! Chapter 10, the backward pass: LayerNorm of one token.
//!
//! ```text
//! x̂ = (s − μ)/√(σ² + ε)        y = γ·x̂ + β          (the forward pass, chapter 8)
//! g = dy·γ
//! ds = (g − mean(g) − x̂·mean(g·x̂)) / √(σ² + ε)
//! dγ = dy·x̂        dβ = dy
//! ```
//!
//! Products of two vectors are taken number by number: g[c] = dy[c]·γ[c].

/// (ds, dγ, dβ) for one token. All slices are equally long.
pub fn layer_norm_backward(
    s: &[f64],
    gamma: &[f64],
    epsilon: f64,
    dy: &[f64],
) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    (Vec::new(), Vec::new(), Vec::new()) // write this function
}
