//! Matrix products, split over threads.
//!
//! AVX-512, AVX2 and NEON have their own kernels ([`kernels`](super::kernels)). On other CPUs, and for strides
//! that the kernels do not support, matrixmultiply computes the product (through ndarray). Both
//! accumulate each output element in order of k, fused, in blocks of 256, and give the same bits.
//! Splitting rows or columns of the output over threads changes no bit; k is never split.

use crate::system::threads;
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, Axis};

/// Whether a product replaces the output or is added to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WriteMode {
    /// c = a·b
    #[default]
    Store,
    /// c += a·b
    Accumulate,
}

impl WriteMode {
    /// [`WriteMode::Accumulate`] when `accumulate`.
    pub fn accumulating(accumulate: bool) -> Self {
        if accumulate { Self::Accumulate } else { Self::Store }
    }

    fn beta(self) -> f32 {
        if self == Self::Accumulate { 1.0 } else { 0.0 }
    }
}

/// `c = a·b` or `c += a·b` on this thread; `a` is `[m, k]`, `b` is `[k, n]`, `c` is `[m, n]`, with
/// any strides.
///
/// # Panics
/// When the shapes do not fit; the graph has checked them.
pub fn matmul(a: ArrayView2<f32>, b: ArrayView2<f32>, mode: WriteMode, mut c: ArrayViewMut2<f32>) {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    if super::kernels::product(&a, &b, mode == WriteMode::Accumulate, &mut c) {
        return;
    }
    general_mat_mul(1.0, &a, &b, mode.beta(), &mut c);
}

/// [`matmul`] with the longer side of the output split over the threads.
///
/// # Panics
/// As [`matmul`].
pub fn matmul_parallel(
    a: ArrayView2<f32>,
    b: ArrayView2<f32>,
    mode: WriteMode,
    c: ArrayViewMut2<f32>,
) {
    // Handing a smaller task (in multiplications) to a thread costs more than computing it.
    const SMALLEST_TASK: usize = 1 << 16;
    let work = c.len() * a.ncols();
    split(a, b, mode, c, threads::count().min(work / SMALLEST_TASK).max(1));
}

/// Splits the longer side of c in proportion to `tasks`, until each part is one task.
fn split(
    a: ArrayView2<f32>,
    b: ArrayView2<f32>,
    mode: WriteMode,
    c: ArrayViewMut2<f32>,
    tasks: usize,
) {
    // Splits at whole tiles. A split within a tile would cost time, but change no bit.
    const TILE: usize = 32;
    let (rows, columns) = c.dim();
    let longer = rows.max(columns);
    let left_tasks = tasks / 2;
    let middle = (longer * left_tasks / tasks.max(1)).next_multiple_of(TILE);
    if tasks <= 1 || middle >= longer {
        return matmul(a, b, mode, c);
    }
    if rows >= columns {
        let (a0, a1) = a.split_at(Axis(0), middle);
        let (c0, c1) = c.split_at(Axis(0), middle);
        threads::join(
            || split(a0, b, mode, c0, left_tasks),
            || split(a1, b, mode, c1, tasks - left_tasks),
        );
    } else {
        let (b0, b1) = b.split_at(Axis(1), middle);
        let (c0, c1) = c.split_at(Axis(1), middle);
        threads::join(
            || split(a, b0, mode, c0, left_tasks),
            || split(a, b1, mode, c1, tasks - left_tasks),
        );
    }
}

/// A row-major matrix over a slice.
///
/// # Panics
/// When the slice is not `rows × columns` long; the graph has checked that.
pub fn matrix(data: &[f32], rows: usize, columns: usize) -> ArrayView2<'_, f32> {
    ArrayView2::from_shape((rows, columns), data).expect("rows × columns elements")
}

/// A mutable row-major matrix over a slice.
///
/// # Panics
/// When the slice is not `rows × columns` long; the graph has checked that.
pub fn matrix_mut(data: &mut [f32], rows: usize, columns: usize) -> ArrayViewMut2<'_, f32> {
    ArrayViewMut2::from_shape((rows, columns), data).expect("rows × columns elements")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::threads::Pool;
    use crate::tensor::random::{Generator, Purpose};

    fn random(length: usize, index: u64) -> Vec<f32> {
        let mut generator = Generator::new(0, Purpose::Testing, 0, index);
        (0..length).map(|_| generator.uniform() as f32 - 0.5).collect()
    }

    /// The contract of matmul: each element in order of k, fused, in blocks of 256.
    fn oracle(a: &[f32], b: &[f32], (m, k, n): (usize, usize, usize), c: &mut [f32]) {
        for i in 0..m {
            for j in 0..n {
                for block in (0..k).step_by(256) {
                    let mut sum = 0.0f32;
                    for p in block..k.min(block + 256) {
                        sum = a[i * k + p].mul_add(b[p * n + j], sum);
                    }
                    c[i * n + j] += sum;
                }
            }
        }
    }

    #[test]
    fn bits_are_those_of_the_contract_for_any_threads() {
        if !crate::tensor::kernels::Simd::has_fma() {
            return;
        }
        for (m, k, n) in [(1, 1, 1), (7, 300, 5), (65, 520, 33), (130, 64, 257), (3, 1000, 200)] {
            let (a, b) = (random(m * k, 1), random(k * n, 2));
            let mut expected = random(m * n, 3);
            oracle(&a, &b, (m, k, n), &mut expected);
            for threads in [1, 2, 3, 5] {
                let mut c = random(m * n, 3);
                Pool::new(threads).unwrap().run(|| {
                    let (a, b) = (matrix(&a, m, k), matrix(&b, k, n));
                    split(a, b, WriteMode::Accumulate, matrix_mut(&mut c, m, n), threads);
                });
                assert!(
                    c.iter().zip(&expected).all(|(c, e)| c.to_bits() == e.to_bits()),
                    "{m}×{k}×{n} on {threads} threads"
                );
            }
        }
    }
}
