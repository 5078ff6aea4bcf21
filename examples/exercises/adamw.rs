//! Chapter 11, the optimizer: one step of AdamW for one weight, without bias correction.
//!
//! ```text
//! m = 0.9·m + 0.1·g              v = 0.999·v + 0.001·g²
//! θ = θ − lr·( m/(√v + 1e-6) + decay·θ )
//! ```
//!
//! The last line uses the new m and the new v.

/// The new (θ, m, v) after a gradient `g`.
pub fn adamw(theta: f64, m: f64, v: f64, g: f64, lr: f64, decay: f64) -> (f64, f64, f64) {
    (theta, m, v) // write this function
}
