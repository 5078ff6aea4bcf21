//! The largest singular values of a matrix, and their left singular vectors, by random projection ("Finding Structure
//! with Randomness", Halko, Martinsson & Tropp, 2011, algorithms 4.4 and 5.1,
//! <https://arxiv.org/abs/0909.4061>). Word vectors are made with it.
//!
//! ```text
//! A [m, n], Ω [n, k] random           k a little larger than the number of singular values wanted
//! Q = orth(A·Ω)                       an orthonormal basis of what A does with k random vectors
//! twice: Q = orth(A·orth(Aᵀ·Q))       turns the basis towards the large singular values
//! B = Qᵀ·A [k, n];  B·Bᵀ = W·Σ²·Wᵀ    eigenvalues of a small matrix
//! A ≈ (Q·W)·Σ·Vᵀ                      the columns of Q·W are left singular vectors
//! ```
//!
//! Products are [`matmul_parallel`], in `f32`. The small parts are in `f64`: [`orthonormal_columns`] is
//! modified Gram–Schmidt, [`eigen`] is the method of Jacobi (Golub & Van Loan, *Matrix Computations*, sections 5.2.8
//! and 8.5). Both use + − × ÷ √ alone, and sums over fixed lanes, so the bits are the same on every machine.

use super::matmul::WriteMode;
use super::matmul_parallel;
use crate::system::threads;
use ndarray::{Array2, ArrayView2};

/// Turns of the basis towards the large singular values.
const TURNS: usize = 2;

/// What is left of a column after the others were taken out of it counts as rounding below this share of its length:
/// products are rounded to 6e-8.
const ROUNDING: f64 = 1e-5;

/// Handing less than these numbers to other threads costs more than computing them.
const SMALLEST_WORK: usize = 1 << 14;

/// Sweeps of Jacobi's method, at most. It needs about 10.
const SWEEPS: usize = 40;

/// The largest singular values of a matrix.
#[derive(Clone, Debug)]
pub struct LeftSingular {
    /// Left singular vectors, one a column. `[m, rank]`
    pub vectors: Array2<f32>,
    /// Singular values, the largest first. `[rank]`
    pub values: Vec<f64>,
}

/// The `rank` largest singular values of `a` `[m, n]` and their left singular vectors. `random` is `[n, k]`, with
/// numbers of a normal distribution; k is `rank` and some more, 16 for example. Where k, m or n is smaller than
/// `rank`, or the rank of `a` is, the last values and vectors are 0.
///
/// # Panics
/// When `random` does not have n rows.
pub fn truncated_svd(a: ArrayView2<f32>, random: ArrayView2<f32>, rank: usize) -> LeftSingular {
    assert_eq!(a.ncols(), random.nrows(), "a row of `random` for each column");
    let mut basis = orthonormal_columns(product(a, random)); // [m, k]
    for _ in 0..TURNS {
        let other = orthonormal_columns(product(a.t(), basis.view())); // [n, k]
        basis = orthonormal_columns(product(a, other.view()));
    }
    let projected = product(basis.t(), a); // [k, n]
    let k = projected.nrows();
    let rows: Vec<Vec<f64>> =
        projected.outer_iter().map(|row| row.iter().map(|&x| f64::from(x)).collect()).collect();
    let numbers: Vec<usize> = (0..k).collect();
    let squares = threads::map(&numbers, |&i| {
        rows.iter().map(|row| dot(&rows[i], row)).collect::<Vec<f64>>()
    });
    let (squared, eigenvectors) = eigen(squares);
    let mut values: Vec<f64> = squared.iter().map(|&square| square.max(0.0).sqrt()).collect();
    values.resize(rank, 0.0);
    let turn = Array2::from_shape_fn((k, rank), |(row, column)| {
        eigenvectors.get(column).map_or(0.0, |vector| vector[row] as f32)
    });
    LeftSingular { vectors: product(basis.view(), turn.view()), values }
}

/// `a·b` on all threads.
pub fn product(a: ArrayView2<f32>, b: ArrayView2<f32>) -> Array2<f32> {
    let mut c = Array2::zeros((a.nrows(), b.ncols()));
    if !c.is_empty() && a.ncols() > 0 {
        matmul_parallel(a, b, WriteMode::Store, c.view_mut());
    }
    c
}

/// Columns of length 1, each orthogonal to those before it, that span the columns of `matrix`. A column that depends
/// on those before it becomes 0.
pub fn orthonormal_columns(matrix: Array2<f32>) -> Array2<f32> {
    let shape = matrix.dim();
    let mut columns: Vec<Vec<f64>> = matrix
        .columns()
        .into_iter()
        .map(|column| column.iter().map(|&x| f64::from(x)).collect())
        .collect();
    drop(matrix);
    let lengths: Vec<f64> = columns.iter().map(|column| dot(column, column).sqrt()).collect();
    for (number, before) in lengths.into_iter().enumerate() {
        let (column, behind) = columns[number..].split_first_mut().expect("a column a length");
        let length = dot(column, column).sqrt();
        if length <= ROUNDING * before {
            column.fill(0.0);
            continue;
        }
        column.iter_mut().for_each(|x| *x /= length);
        let column = &*column;
        let take_out = |other: &mut Vec<f64>| {
            let share = dot(column, other);
            other.iter_mut().zip(column).for_each(|(x, y)| *x -= share * y);
        };
        if column.len() * behind.len() < SMALLEST_WORK {
            behind.iter_mut().for_each(take_out);
        } else {
            threads::for_each(behind.iter_mut().collect(), take_out);
        }
    }
    Array2::from_shape_fn(shape, |(row, column)| columns[column][row] as f32)
}

/// The eigenvalues of a symmetric matrix, the largest first, and an eigenvector of length 1 for each: the cyclic
/// method of Jacobi. Each rotation makes one element beside the diagonal zero.
///
/// # Panics
/// When `matrix` is not square.
pub fn eigen(mut matrix: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = matrix.len();
    assert!(matrix.iter().all(|row| row.len() == n), "a square matrix");
    // Row i becomes eigenvector i.
    let mut vectors: Vec<Vec<f64>> = vec![vec![0.0; n]; n];
    vectors.iter_mut().enumerate().for_each(|(i, row)| row[i] = 1.0);
    let all: f64 = matrix.iter().map(|row| dot(row, row)).sum();
    // An element whose square is at most this is not worth a rotation.
    let negligible = 1e-28 * all / (n * n).max(1) as f64;
    for _ in 0..SWEEPS {
        let mut rotations = 0;
        for p in 0..n {
            for q in p + 1..n {
                let beside = matrix[p][q];
                if beside * beside <= negligible {
                    continue;
                }
                rotations += 1;
                let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * beside);
                let tangent = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let cosine = 1.0 / (tangent * tangent + 1.0).sqrt();
                let sine = tangent * cosine;
                rotate_rows(&mut matrix, (p, q), (cosine, sine));
                for row in &mut matrix {
                    (row[p], row[q]) =
                        (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
                }
                rotate_rows(&mut vectors, (p, q), (cosine, sine));
            }
        }
        if rotations == 0 {
            break;
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&i, &j| matrix[j][j].total_cmp(&matrix[i][i]));
    let values = order.iter().map(|&i| matrix[i][i]).collect();
    (values, order.iter().map(|&i| std::mem::take(&mut vectors[i])).collect())
}

/// Rows p and q become cos·p − sin·q and sin·p + cos·q. p is less than q.
fn rotate_rows(rows: &mut [Vec<f64>], (p, q): (usize, usize), (cosine, sine): (f64, f64)) {
    let (before, from) = rows.split_at_mut(q);
    for (x, y) in before[p].iter_mut().zip(&mut from[0]) {
        (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
    }
}

/// The sum of products, over 8 lanes that are added in order.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    for (a, b) in a.iter().zip(b) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(lane, (a, b))| *lane += a * b);
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += a * b;
    }
    lanes.iter().sum()
}
