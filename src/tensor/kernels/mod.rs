//! Vector kernels: plain loops and the matrix product, compiled for several instruction sets and
//! chosen at run time. All `unsafe` code of `tensor` is here.
//!
//! A plain kernel is an ordinary function over slices, wrapped in `vectorized!`. The compiler turns its
//! loops over fixed lanes into vector instructions. Every kernel uses only IEEE operations and
//! `mul_add` and reduces over [`LANES`] fixed lanes, so that all versions give the same bits.
//!
//! | file | content |
//! |---|---|
//! | `simd.rs` | the instruction sets and the choice at run time |
//! | `vectorized.rs` | the macro that compiles a plain loop for each of them |
//! | `elementwise.rs` | sums and products, element by element |
//! | `reductions.rs` | sums and maxima in a fixed order |
//! | `softmax.rs` | softmax of a row, whole or in chunks |
//! | `vector.rs` | a vector register with the operations that the matrix product uses |
//! | `avx.rs`, `neon.rs` | the registers of x86-64 and of aarch64 |
//! | `tile.rs`, `pack.rs` | the matrix product's inner loops, generic over the register |
//! | `entry_points.rs` | those loops compiled for each instruction set |
//! | `product.rs` | the matrix product, which calls them |
//! | `fma_burst.rs` | measures the most multiply-adds that a thread can do |
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod avx;
mod elementwise;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod entry_points;
mod fma_burst;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod pack;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod product;
mod reductions;
mod simd;
mod softmax;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod tile;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod vector;
mod vectorized;

pub use elementwise::{add, add_bias, multiply, scale, scale_by, store_or_add};
pub use fma_burst::{FMA_BURST_FLOP, fma_burst};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) use product::product;
pub use reductions::{
    LANES, ROW_CHUNK, add_chunks, sum, sum_of_squares, sum_rows, sum_rows_scratch,
};
pub(crate) use reductions::{max_lanes, reduce, sum_lanes};
pub use simd::{Simd, SimdError};
pub(crate) use softmax::{
    chunk_state, combine_chunks, row_summary, softmax_backward_row, softmax_chunk, softmax_row,
    weighted_probabilities,
};
pub(crate) use vectorized::vectorized;
