//! The mathematics: matrix products, vector kernels, math functions, random numbers. It uses only
//! [`system`](crate::system).
//!
//! These rules give the same bits on every machine:
//! - [`mod@matmul`]: each output element is accumulated in order of k, whatever the number of threads.
//! - [`kernels`]: reductions run over fixed lanes and fixed chunks.
//! - [`math`]: exp, ln, tanh, erf use IEEE operations alone; [`math_f64`]: so do cosine, sine and roots.
//! - [`random`]: numbers are pure functions of (seed, purpose, epoch or step, index).
//! - [`softmax`](mod@softmax): probabilities from logits.
//! - [`svd`]: sums over fixed lanes, and IEEE operations alone.
//! - [`dropout`]: masks are counter-based; the backward pass computes them again.

pub mod dropout;
pub mod kernels;
pub mod math;
pub mod math_f64;
pub mod matmul;
pub mod random;
pub mod softmax;
pub mod svd;

pub use matmul::{matmul, matmul_parallel};
