//! Chapter 10, the backward pass: y = x·Wᵀ + b.
//!
//! The forward pass, for row r and output o:
//!
//! ```text
//! y[r][o] = Σ_i x[r][i]·w[o][i] + b[o]
//! ```
//!
//! dy[r][o] is how much the loss changes with y[r][o]. The chain rule gives the other three:
//!
//! ```text
//! dx[r][i] = Σ_o dy[r][o]·w[o][i]        dw[o][i] = Σ_r dy[r][o]·x[r][i]        db[o] = Σ_r dy[r][o]
//! ```

/// (dx, dw, db), shaped as x `[rows, in]`, w `[out, in]` and b `[out]`; `dy` is `[rows, out]`.
pub fn linear_backward(
    x: &[Vec<f64>],
    w: &[Vec<f64>],
    dy: &[Vec<f64>],
) -> (Vec<Vec<f64>>, Vec<Vec<f64>>, Vec<f64>) {
    (Vec::new(), Vec::new(), Vec::new()) // write this function
}
