use super::super::simd::Simd;
use super::*;
use crate::tensor::random::{Generator, Purpose};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, s};

/// Every kernel that this machine can run.
fn kernels() -> Vec<&'static Kernel> {
    Simd::available().iter().filter_map(|&simd| Kernel::of(simd)).collect()
}

/// A random matrix. `transposed` stores it by columns; `wide` makes it a part of a larger matrix.
fn random(rows: usize, columns: usize, transposed: bool, wide: bool, index: u64) -> Array2<f32> {
    let mut generator = Generator::new(0, Purpose::Testing, 0, index);
    let (lines, length) = if transposed { (columns, rows) } else { (rows, columns) };
    let whole = Array2::from_shape_simple_fn((lines, length + 5 * usize::from(wide)), || {
        generator.uniform() as f32 - 0.5
    });
    let part = whole.slice_move(s![.., ..length]);
    if transposed { part.reversed_axes() } else { part }
}

fn agrees(kernel: &Kernel, (m, k, n): (usize, usize, usize), layout: u64, add: bool) {
    let [a_transposed, b_transposed, wide] = [1, 2, 4].map(|bit| layout & bit != 0);
    let a = random(m, k, a_transposed, wide, 1);
    let b = random(k, n, b_transposed, wide, 2);
    let start = random(m, n, false, wide, 3);
    let (mut expected, mut c) = (start.clone(), random(m, n, false, wide, 3));
    general_mat_mul(1.0, &a, &b, f32::from(add), &mut expected);
    assert!(product_with(kernel, &a.view(), &b.view(), add, &mut c.view_mut()));
    let same = |a: ArrayView2<f32>, b: ArrayView2<f32>| {
        a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
    };
    let lanes = kernel.lanes;
    assert!(
        same(c.view(), expected.view()),
        "{m}×{k}×{n}, {lanes} lanes, a transposed {a_transposed}, b {b_transposed}, wide {wide}"
    );
}

#[test]
fn bits_are_those_of_matrixmultiply() {
    let sizes = [
        (1, 1, 1),
        (2, 3, 2),
        (14, 16, 32),
        (13, 17, 31),
        (15, 33, 65),
        (128, 64, 128),
        (6, 8, 16),
        (7, 300, 5),
        (65, 520, 33),
        (130, 256, 257),
        (3, 700, 200),
        (29, 257, 1300),
        (64, 513, 2),
    ];
    for kernel in kernels() {
        for size in sizes {
            for layout in 0..8 {
                agrees(kernel, size, layout, false);
                agrees(kernel, size, layout, true);
            }
        }
    }
}

proptest::proptest! {
    #[test]
    fn bits_are_those_of_matrixmultiply_for_any_size(
        m in 1usize..80, k in 1usize..700, n in 1usize..140, layout in 0u64..8, add: bool,
    ) {
        for kernel in kernels() {
            agrees(kernel, (m, k, n), layout, add);
        }
    }
}
