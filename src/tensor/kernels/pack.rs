//! Copies parts of a and b of a matrix product into buffers that the tiles read in order.

use super::tile::{BLOCK, MOST_ROWS, VECTORS};
use super::vector::{FIRST_LEVEL, SECOND_LEVEL, Vector, prefetch};

/// Rows of b, or columns of a, that are fetched ahead.
const AHEAD: usize = 6;

/// Distance between the copied rows of a: an odd number of cache lines.
pub(super) const COPIED_ROW: usize = BLOCK + 16;

/// Elements reserved for a copied tile: for as many rows as a tile has, or for columns as long as a
/// vector.
pub(super) const COPIED_TILE: usize = if MOST_ROWS > 16 { MOST_ROWS } else { 16 } * COPIED_ROW;

/// Copies rows of a. Tile t is rows `bounds[t] .. bounds[t + 1]`, and `from` points at row
/// `bounds[0]`. Rows are `stride` elements apart; the first `k` elements of each are copied. Tile t is
/// written to `to[t · COPIED_TILE ..]`, with its rows [`COPIED_ROW`] apart.
///
/// # Safety
/// The CPU must have the instruction set of `V`; the rows must be readable, and `to` must be writable
/// for [`COPIED_TILE`] elements a tile. `k` is at most [`BLOCK`].
#[inline(always)]
pub(super) unsafe fn copy_rows<V: Vector>(
    from: *const f32,
    stride: usize,
    bounds: &[usize],
    k: usize,
    to: *mut f32,
) {
    for (tile, bound) in bounds.windows(2).enumerate() {
        for i in bound[0]..bound[1] {
            for p in (0..k).step_by(V::LANES) {
                let to = to.wrapping_add(tile * COPIED_TILE + (i - bound[0]) * COPIED_ROW + p);
                // SAFETY: the caller promises the row and the tile; a copied row is long enough for
                // whole vectors.
                unsafe {
                    let from = from.add((i - bounds[0]) * stride + p);
                    V::load_first(from, V::LANES.min(k - p)).store(to);
                    let next_tile = from.wrapping_add((bound[1] - bound[0]) * stride);
                    prefetch::<SECOND_LEVEL>(next_tile);
                }
            }
        }
    }
}

/// Copies columns of a, as [`copy_rows`] copies rows. `from` points at row `bounds[0]` of the first
/// column. Columns are `stride` elements apart; the columns of a copied tile are a vector apart.
///
/// # Safety
/// As [`copy_rows`].
#[inline(always)]
pub(super) unsafe fn copy_columns<V: Vector>(
    from: *const f32,
    stride: usize,
    bounds: &[usize],
    k: usize,
    to: *mut f32,
) {
    for p in 0..k {
        for (tile, bound) in bounds.windows(2).enumerate() {
            let to = to.wrapping_add(tile * COPIED_TILE + p * V::LANES);
            // SAFETY: the caller promises the column and the tile; a tile has no more rows than a
            // vector has lanes.
            unsafe {
                let from = from.add(p * stride + bound[0] - bounds[0]);
                V::load_first(from, V::LANES.min(bound[1] - bound[0])).store(to);
                prefetch::<FIRST_LEVEL>(from.wrapping_add(AHEAD * stride));
            }
        }
    }
}

/// Packs `k` rows of b, `stride` elements apart: the first `present` elements of each, then zeros up
/// to the width of a tile.
///
/// # Safety
/// The CPU must have the instruction set of `V`; the `present` elements of each row must be readable,
/// and `to` must be writable for `k` rows of a tile's width.
#[inline(always)]
pub(super) unsafe fn pack_rows<V: Vector>(
    from: *const f32,
    stride: usize,
    present: usize,
    k: usize,
    to: *mut f32,
) {
    for p in 0..k {
        for v in 0..VECTORS {
            let from = from.wrapping_add(p * stride + v * V::LANES);
            let to = to.wrapping_add((p * VECTORS + v) * V::LANES);
            // SAFETY: the caller promises `present` elements of the row and the packed row.
            unsafe {
                V::load_first(from, V::LANES.min(present.saturating_sub(v * V::LANES))).store(to);
                prefetch::<FIRST_LEVEL>(from.wrapping_add(AHEAD * stride));
            }
        }
    }
}

/// Transposes a square of `LANES` × `LANES`: `to[p · width + l] = from[l · stride + p]`.
///
/// Interleaving the upper half of the rows with the lower half rotates the bits of the index (row, lane)
/// by one. After log₂ `LANES` rounds the bits of row and lane are swapped.
///
/// # Safety
/// The CPU must have the instruction set of `V`; the square at `from` must be readable and the square at
/// `to` writable.
#[inline(always)]
pub(super) unsafe fn transpose<V: Vector, const LANES: usize>(
    from: *const f32,
    stride: usize,
    to: *mut f32,
    width: usize,
) {
    const { assert!(LANES == V::LANES) };
    // SAFETY: the caller promises the instruction set and both squares.
    unsafe {
        let mut rows = [V::splat(0.0); LANES];
        for (l, row) in rows.iter_mut().enumerate() {
            *row = V::load(from.add(l * stride));
        }
        for _ in 0..LANES.ilog2() {
            let before = rows;
            for i in 0..LANES / 2 {
                [rows[2 * i], rows[2 * i + 1]] = before[i].interleave(before[i + LANES / 2]);
            }
        }
        for (p, row) in rows.into_iter().enumerate() {
            row.store(to.add(p * width));
        }
    }
}
