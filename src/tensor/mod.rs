//! The ground floor: matrix products, vector kernels, math functions, random numbers, threads.
//!
//! Everything that must give the same bits on every machine rests on the rules kept here:
//! - [`mod@matmul`]: each output element is accumulated in order of k, whatever the threads.
//! - [`kernels`]: reductions over fixed lanes and fixed chunks.
//! - [`math`]: our own exp, ln, tanh, erf, from IEEE operations alone.
//! - [`random`]: pure functions of (seed, purpose, epoch or step, index).
//! - [`dropout`]: a counter-based mask that the backward pass computes again.
//! - [`threads`]: tasks own their outputs.
//!
//! Beside them, [`memory`] refuses what cannot fit, and [`map`] makes a file a slice of bytes.

pub mod dropout;
#[cfg(target_arch = "x86_64")]
mod gemm;
pub mod kernels;
pub mod math;
pub mod matmul;
pub mod random;

pub use matmul::{matmul, matmul_parallel};
