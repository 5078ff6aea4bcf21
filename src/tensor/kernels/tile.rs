//! The innermost loops of the matrix product: one tile of c, held in registers over a block of k.

use super::vector::{FIRST_LEVEL, Vector, prefetch};

/// Terms of one chain of additions, as in matrixmultiply's block of k.
pub(super) const BLOCK: usize = 256;

/// The largest tile, in rows and in columns.
pub(super) const MOST_ROWS: usize = 14;
pub(super) const MOST_WIDTH: usize = 32;

/// Vectors in a row of a tile.
pub(super) const VECTORS: usize = 2;

/// Steps in one iteration of the loop over k. With one step per iteration, the CPU would mispredict the
/// end of the loop for every tile.
const UNROLLED: usize = 4;

/// One tile of c over one block of k. Element (i, p) of a is at `a[i · A_ROW + p · a_k]`, (p, j) of b at
/// `b[p · width + j]`, (i, j) of c at `c[i · c_row + j]`; `A_ROW` and the width are the kernel's.
pub(super) struct Tile {
    pub(super) k: usize,
    pub(super) a: *const f32,
    pub(super) a_k: usize,
    pub(super) b: *const f32,
    pub(super) c: *mut f32,
    pub(super) c_row: usize,
    pub(super) add: bool,
}

/// Computes a tile of `ROWS` rows and [`VECTORS`] vectors: each element is a chain of fused
/// multiply-adds from zero, in order of k. The result is stored in c or added to it.
///
/// # Safety
/// The CPU must have the instruction set of `V`. The elements of a and b that [`Tile`] describes must be
/// readable; the elements of c must be writable (and readable when `add`).
#[inline(always)]
pub(super) unsafe fn tile<V: Vector, const ROWS: usize, const A_ROW: usize>(tile: &Tile) {
    let (mut a, mut b) = (tile.a, tile.b);
    // SAFETY: the caller promises the instruction set and the elements; a and b end one step after the last
    // one and are not read there.
    unsafe {
        // c is fetched while the sums are computed.
        for i in 0..ROWS {
            for v in 0..VECTORS {
                prefetch::<FIRST_LEVEL>(tile.c.wrapping_add(i * tile.c_row + v * V::LANES));
            }
        }
        let mut sums = [[V::splat(0.0); VECTORS]; ROWS];
        for _ in 0..tile.k / UNROLLED {
            for _ in 0..UNROLLED {
                step::<V, ROWS, A_ROW>(a, b, &mut sums);
                a = a.wrapping_add(tile.a_k);
                b = b.wrapping_add(VECTORS * V::LANES);
            }
        }
        for _ in 0..tile.k % UNROLLED {
            step::<V, ROWS, A_ROW>(a, b, &mut sums);
            a = a.wrapping_add(tile.a_k);
            b = b.wrapping_add(VECTORS * V::LANES);
        }
        for (i, sums) in sums.into_iter().enumerate() {
            for (v, sum) in sums.into_iter().enumerate() {
                let c = tile.c.add(i * tile.c_row + v * V::LANES);
                let sum = if tile.add { V::load(c).add(sum) } else { sum };
                sum.store(c);
            }
        }
    }
}

/// One step of k: adds the product of a column of a and a row of b to `sums`.
///
/// # Safety
/// As [`tile`]; `a` and `b` must point at the elements of this step.
#[inline(always)]
unsafe fn step<V: Vector, const ROWS: usize, const A_ROW: usize>(
    a: *const f32,
    b: *const f32,
    sums: &mut [[V; VECTORS]; ROWS],
) {
    // SAFETY: the caller promises the instruction set and the elements.
    unsafe {
        let mut row = [V::splat(0.0); VECTORS];
        for (v, row) in row.iter_mut().enumerate() {
            *row = V::load(b.wrapping_add(v * V::LANES));
        }
        for (i, sums) in sums.iter_mut().enumerate() {
            let x = V::splat(*a.add(i * A_ROW));
            for (sum, row) in sums.iter_mut().zip(row) {
                *sum = x.mul_add(row, *sum);
            }
        }
    }
}
