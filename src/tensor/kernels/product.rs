//! The matrix product for AVX-512, AVX2 and NEON, which [`matmul`](crate::tensor::matmul) tries first.
//!
//! It gives the bits of matrixmultiply: an output element is a chain of fused multiply-adds from zero in
//! order of k, one chain for every [`BLOCK`] of k. The chain of the first block is stored (or added);
//! the chains of later blocks are added in order.
//!
//! A tile of c (14 × 32 or 6 × 16) is held in registers over a block of k; each step multiplies one
//! broadcast element of a with a row of b. The loops around it follow Goto and van de Geijn
//! (2008), with the inner two exchanged. For each block of k, columns of b are packed into panels as wide
//! as a tile, which stay in the second-level cache. Then the rows of a that one row of tiles needs
//! are copied to a buffer that stays in the first-level cache and multiplied with every panel, so that
//! c is written row by row.

use super::entry_points::{Kernel, TileFunction};
use super::pack::COPIED_TILE;
use super::tile::{BLOCK, MOST_ROWS, MOST_WIDTH, Tile};
use ndarray::{ArrayView2, ArrayViewMut2};
use std::cell::RefCell;

/// Columns of b that are packed at once: with [`BLOCK`] rows, half a megabyte.
const COLUMNS: usize = 512;

/// The number of tiles for which columns of a are copied at once: 96 or 224 adjacent elements of each
/// column, whole cache lines.
const TILES: usize = 16;

/// A matrix by its first element and its strides.
#[derive(Clone, Copy)]
struct Strided {
    data: *const f32,
    row: usize,
    column: usize,
}

impl Strided {
    /// `None` when a stride is negative. The stride of a dimension of size 0 or 1 is set to 1.
    fn new(view: &ArrayView2<f32>) -> Option<Self> {
        let stride = |axis: usize| match view.shape()[axis] {
            0 | 1 => Some(1),
            _ => usize::try_from(view.strides()[axis]).ok(),
        };
        Some(Self { data: view.as_ptr(), row: stride(0)?, column: stride(1)? })
    }

    /// # Safety
    /// The element must be within the matrix.
    unsafe fn at(&self, row: usize, column: usize) -> *const f32 {
        // SAFETY: the caller promises that the element is within the matrix.
        unsafe { self.data.add(row * self.row + column * self.column) }
    }
}

/// A cache line: aligns a buffer, so that no vector straddles two lines.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[allow(dead_code)] [f32; 16]);

thread_local! {
    /// Packed columns of b, then copied rows of a. Allocated once per thread.
    static BUFFER: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// `c = a·b` or, with `add`, `c += a·b`, on this thread. Returns false and does nothing when there is no
/// kernel for this CPU or for these strides. Rows of c must be contiguous; in a and b, rows or columns.
///
/// # Panics
/// When the shapes do not fit.
pub(in crate::tensor) fn product(
    a: &ArrayView2<f32>,
    b: &ArrayView2<f32>,
    add: bool,
    c: &mut ArrayViewMut2<f32>,
) -> bool {
    Kernel::current().is_some_and(|kernel| product_with(kernel, a, b, add, c))
}

fn product_with(
    kernel: &Kernel,
    a: &ArrayView2<f32>,
    b: &ArrayView2<f32>,
    add: bool,
    c: &mut ArrayViewMut2<f32>,
) -> bool {
    let ((m, k), n) = (a.dim(), b.ncols());
    assert!(b.nrows() == k && c.dim() == (m, n), "the shapes of a product do not fit");
    let strides = (Strided::new(a), Strided::new(b), Strided::new(&c.view()));
    let (Some(a), Some(b), Some(c_strides)) = strides else { return false };
    let contiguous = |matrix: &Strided| matrix.row == 1 || matrix.column == 1;
    if !contiguous(&a) || !contiguous(&b) || c_strides.column != 1 || m * n * k == 0 {
        return false;
    }
    BUFFER.with_borrow_mut(|buffer| {
        buffer.resize((BLOCK * COLUMNS + TILES * COPIED_TILE) / 16, Line([0.0; 16]));
        let (c, c_row) = (c.as_mut_ptr(), c_strides.row);
        let product = Product { kernel, a, b, c, c_row, m, packed: buffer.as_mut_ptr().cast() };
        for first_column in (0..n).step_by(COLUMNS) {
            let columns = COLUMNS.min(n - first_column);
            for first_k in (0..k).step_by(BLOCK) {
                let block = Block { first_k, k: BLOCK.min(k - first_k), first_column, columns };
                // SAFETY: the block is within the matrices, and their views outlive this call; the buffer
                // holds BLOCK × COLUMNS elements and the copied tiles; the caller's kernel is for
                // this CPU.
                unsafe {
                    product.block(&block, add || first_k > 0);
                }
            }
        }
    });
    true
}

/// One product on one thread.
struct Product<'a> {
    kernel: &'a Kernel,
    a: Strided,
    b: Strided,
    c: *mut f32,
    c_row: usize,
    m: usize,
    packed: *mut f32,
}

/// A block of k and of columns.
struct Block {
    first_k: usize,
    k: usize,
    first_column: usize,
    columns: usize,
}

impl Product<'_> {
    /// Multiplies all rows of a with one block of b.
    ///
    /// # Safety
    /// The block must be within the matrices, `packed` must be long enough for it and for the copied
    /// tiles, and the kernel must be for this CPU.
    unsafe fn block(&self, block: &Block, add: bool) {
        let (kernel, width) = (self.kernel, self.kernel.width());
        let tiles = self.m.div_ceil(kernel.rows);
        // Columns are copied for many tiles at once, so that each cache line is fetched once.
        let (group, copy, stride, functions, a_k) = if self.a.row == 1 {
            (TILES, kernel.copy_columns, self.a.column, kernel.column_tiles, kernel.lanes)
        } else {
            (1, kernel.copy_rows, self.a.row, kernel.row_tiles, 1)
        };
        // SAFETY: all offsets below stay within the block or within the buffers (a packed panel has the
        // block's k rows, each as wide as a tile).
        unsafe {
            for j in (0..block.columns).step_by(width) {
                self.pack(block, j, self.packed.add(j * block.k));
            }
            let copied = self.packed.add(BLOCK * COLUMNS);
            for first in (0..tiles).step_by(group) {
                let here = group.min(tiles - first);
                let mut bounds = [0; TILES + 1];
                for tile in 0..=here {
                    // Even bounds, because a tile of few rows is slow.
                    bounds[tile] = (first + tile) * self.m / tiles;
                }
                let from = self.a.at(bounds[0], block.first_k);
                copy(from, stride, &bounds[..=here], block.k, copied);
                for tile in 0..here {
                    let (i, rows) = (bounds[tile], bounds[tile + 1] - bounds[tile]);
                    let function = functions[rows - 1];
                    let a = copied.add(tile * COPIED_TILE).cast_const();
                    for j in (0..block.columns).step_by(width) {
                        let b = self.packed.add(j * block.k).cast_const();
                        let c = self.c.add(i * self.c_row + block.first_column + j);
                        let tile = Tile { k: block.k, a, a_k, b, c, c_row: self.c_row, add };
                        if j + width <= block.columns {
                            function(&tile);
                        } else {
                            edge(function, tile, rows, block.columns - j);
                        }
                    }
                }
            }
        }
    }

    /// Packs one panel of b: as many columns as a tile is wide, from column `j` of the block on. Columns
    /// after the last one of the block are filled with 0.
    ///
    /// # Safety
    /// As [`Self::block`]; `to` must be writable for k rows of a tile's width.
    unsafe fn pack(&self, block: &Block, j: usize, to: *mut f32) {
        let (lanes, width) = (self.kernel.lanes, self.kernel.width());
        let present = width.min(block.columns - j);
        // SAFETY: `present` and k bound the reads to b's block; writes stay within k × width.
        unsafe {
            let from = self.b.at(block.first_k, block.first_column + j);
            let element = |p: usize, l: usize| from.add(p * self.b.row + l * self.b.column);
            if self.b.column == 1 {
                return (self.kernel.pack_rows)(from, self.b.row, present, block.k, to);
            }
            for first in (0..width).step_by(lanes) {
                let squares = if first + lanes <= present { block.k / lanes * lanes } else { 0 };
                for p in (0..squares).step_by(lanes) {
                    let to = to.add(p * width + first);
                    (self.kernel.transpose)(element(p, first), self.b.column, to, width);
                }
                for p in squares..block.k {
                    for l in first..first + lanes {
                        to.add(p * width + l).write(if l < present { *element(p, l) } else { 0.0 });
                    }
                }
            }
        }
    }
}

/// Computes a tile at the right edge of c, where only the first `columns` of the tile are within c: the
/// whole tile goes to a buffer, its first `columns` from there to c.
///
/// # Safety
/// As `function`, except that only the first `columns` of each row of c must be writable (and readable
/// when `add`).
#[cold]
#[inline(never)]
unsafe fn edge(function: TileFunction, tile: Tile, rows: usize, columns: usize) {
    let mut whole = [0.0f32; MOST_ROWS * MOST_WIDTH];
    // SAFETY: `whole` is as large as the largest tile; the caller promises the rest.
    unsafe {
        function(&Tile { c: whole.as_mut_ptr(), c_row: MOST_WIDTH, add: false, ..tile });
        for (i, whole) in whole.chunks_exact(MOST_WIDTH).take(rows).enumerate() {
            let c = std::slice::from_raw_parts_mut(tile.c.add(i * tile.c_row), columns);
            for (c, &sum) in c.iter_mut().zip(whole) {
                *c = if tile.add { *c + sum } else { sum };
            }
        }
    }
}

#[cfg(test)]
#[path = "product_tests.rs"]
mod tests;
