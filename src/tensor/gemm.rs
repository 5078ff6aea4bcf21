//! The matrix product for AVX-512 and AVX2, which [`super::matmul`] asks first.
//!
//! The same bits as matrixmultiply: an output element is a chain of fused multiply-adds from zero in
//! order of k, one chain for every [`BLOCK`] of k; the first block's is stored (or added), the
//! later ones are added in order.
//!
//! A tile of c (14 × 32 or 6 × 16) is held in registers over a block of k; each step multiplies one
//! broadcast element of a with a row of b. The loops around it are those of Goto and van de Geijn
//! (2008), the inner two exchanged: of a block of k, columns of b are packed into panels as wide as a
//! tile, which stay in the second-level cache; then each tile's part of a, copied to where it stays in
//! the first, meets every panel, so that c is written row by row.

use super::kernels::Simd;
use ndarray::{ArrayView2, ArrayViewMut2};
use std::cell::RefCell;

/// Terms of one chain: the block of k of matrixmultiply.
const BLOCK: usize = 256;

/// Columns of b that are packed at once: with [`BLOCK`] rows, half a megabyte.
const COLUMNS: usize = 512;

/// Tiles of which a's columns are copied at once: 96 or 224 of a row's elements, whole cache lines.
const TILES: usize = 16;

/// Rows of a panel, and of what is copied or packed, that are fetched ahead.
const AHEAD: usize = 6;

/// Distance between the copied rows of a: an odd number of cache lines.
const COPIED_ROW: usize = BLOCK + 16;

/// Room for a copied tile: rows, or columns as long as a vector.
const COPIED_TILE: usize = if MOST_ROWS > 16 { MOST_ROWS } else { 16 } * COPIED_ROW;

/// The largest tile, in rows and in columns.
const MOST_ROWS: usize = 14;
const MOST_WIDTH: usize = 32;

/// One tile of c, over one block of k. Element (i, p) of a is at `a[i·row + p·a_k]`, `row` known to
/// the kernel; (p, j) of b at `b[p·width + j]`; (i, j) of c at `c[i·c_row + j]`.
struct Tile {
    k: usize,
    a: *const f32,
    a_k: usize,
    b: *const f32,
    c: *mut f32,
    c_row: usize,
    add: bool,
}

/// `c = a·b` or `c += a·b` for one tile.
type TileFunction = unsafe fn(&Tile);

/// Copies tiles of a, each to [`COPIED_TILE`] after the one before: the rows between two neighbours of
/// `bounds`, of which `from` is at the first. The other index starts every `stride`.
type CopyFunction =
    unsafe fn(from: *const f32, stride: usize, bounds: &[usize], k: usize, to: *mut f32);

/// Packs rows of `present` elements, of which each starts `stride` after the one before, as rows as
/// wide as a tile, 0 where there is nothing.
type PackFunction =
    unsafe fn(from: *const f32, stride: usize, present: usize, k: usize, to: *mut f32);

/// `to[p·width + l] = from[l·stride + p]`, for a square of as many p and l as there are lanes.
type TransposeFunction = unsafe fn(from: *const f32, stride: usize, to: *mut f32, width: usize);

/// So many rounds of [`BURST`] vectors of independent fused multiply-adds.
type BurstFunction = unsafe fn(rounds: usize, x: f32) -> f32;

/// Vectors that hide the latency of a fused multiply-add, and fit the 16 registers of AVX2.
const BURST: usize = 12;

/// The kernels for one instruction set.
struct Kernel {
    rows: usize,
    vectors: usize,
    lanes: usize,
    /// The tiles, by rows − 1, and the copy of a they read: of rows of a, and of columns.
    row_tiles: &'static [TileFunction],
    copy_rows: CopyFunction,
    column_tiles: &'static [TileFunction],
    copy_columns: CopyFunction,
    pack_rows: PackFunction,
    transpose: TransposeFunction,
    burst: BurstFunction,
}

impl Kernel {
    fn width(&self) -> usize {
        self.vectors * self.lanes
    }

    fn current() -> Option<&'static Self> {
        match Simd::current() {
            Simd::Avx512 => Some(&avx512::KERNEL),
            Simd::Avx2 => Some(&avx2::KERNEL),
            Simd::Portable => None,
        }
    }
}

/// A matrix by its first element and its strides.
#[derive(Clone, Copy)]
struct Strided {
    data: *const f32,
    row: usize,
    column: usize,
}

impl Strided {
    /// None when a stride is negative. A stride that is never taken becomes 1.
    fn new(view: &ArrayView2<f32>) -> Option<Self> {
        let stride = |axis: usize| match view.shape()[axis] {
            0 | 1 => Some(1),
            _ => usize::try_from(view.strides()[axis]).ok(),
        };
        Some(Self { data: view.as_ptr(), row: stride(0)?, column: stride(1)? })
    }

    /// # Safety
    /// The element must be within the matrix.
    #[allow(unsafe_code)]
    unsafe fn at(&self, row: usize, column: usize) -> *const f32 {
        // SAFETY: promised by the caller.
        unsafe { self.data.add(row * self.row + column * self.column) }
    }
}

/// A cache line, for buffers whose vectors should not straddle two.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[allow(dead_code)] [f32; 16]);

thread_local! {
    /// Packed columns of b, then copied rows of a. Allocated once a thread.
    static BUFFER: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

/// `count` independent fused multiply-adds as fast as this CPU does them; `None` without a kernel.
pub(super) fn fma_burst(count: usize, x: f32) -> Option<f32> {
    let kernel = Kernel::current()?;
    // SAFETY: `Kernel::current` is for this CPU.
    #[allow(unsafe_code)]
    Some(unsafe { (kernel.burst)(count / (BURST * kernel.lanes), x) })
}

/// `c = a·b` or, with `add`, `c += a·b`, on this thread. False, and nothing done, when there is no
/// kernel for this CPU or for these strides: rows of c must be contiguous, and rows or columns of a and b.
pub(super) fn product(
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
                // SAFETY: the block is within the matrices, the views of which live on; the buffer has
                // room for BLOCK × COLUMNS and the copied tiles; `Kernel::current` is for this CPU.
                #[allow(unsafe_code)]
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

#[allow(unsafe_code)]
impl Product<'_> {
    /// Multiplies all rows of a with one block of b.
    ///
    /// # Safety
    /// The block must be within the matrices, `packed` have room for it and for the copied tiles, and
    /// the kernel be for this CPU.
    unsafe fn block(&self, block: &Block, add: bool) {
        let (kernel, width) = (self.kernel, self.kernel.width());
        let tiles = self.m.div_ceil(kernel.rows);
        // Columns are copied for many tiles at once, so that no cache line is fetched for each anew.
        let (group, copy, stride, functions, a_k) = if self.a.row == 1 {
            (TILES, kernel.copy_columns, self.a.column, kernel.column_tiles, kernel.lanes)
        } else {
            (1, kernel.copy_rows, self.a.row, kernel.row_tiles, 1)
        };
        // SAFETY: all offsets below are of elements within the block, or within the room for it (a
        // packed panel is as long as the block's k and as wide as a tile).
        unsafe {
            for j in (0..block.columns).step_by(width) {
                self.pack(block, j, self.packed.add(j * block.k));
            }
            let copied = self.packed.add(BLOCK * COLUMNS);
            for first in (0..tiles).step_by(group) {
                let here = group.min(tiles - first);
                let mut bounds = [0; TILES + 1];
                for tile in 0..=here {
                    // As even as can be: a tile of few rows is slow.
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

    /// Packs the columns of b from `j` of the block on, as many as a tile is wide, as rows of that
    /// width; columns that b does not have are 0.
    ///
    /// # Safety
    /// As [`Self::block`]; `to` must have room for k rows of the width.
    unsafe fn pack(&self, block: &Block, j: usize, to: *mut f32) {
        let (lanes, width) = (self.kernel.lanes, self.kernel.width());
        let present = width.min(block.columns - j);
        // SAFETY: reads are within b's block, by `present` and k; writes within k × width.
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

/// A tile of which c has only the first `columns`: into a whole one, and from there.
///
/// # Safety
/// As the function's, of whose c only `columns` need to be there.
#[allow(unsafe_code)]
#[cold]
#[inline(never)]
unsafe fn edge(function: TileFunction, tile: Tile, rows: usize, columns: usize) {
    let mut whole = [0.0f32; MOST_ROWS * MOST_WIDTH];
    // SAFETY: `whole` has room for every tile; c has `columns` in each of its rows.
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

/// Makes a module with the [`Kernel`] of an instruction set.
macro_rules! kernel {
    ($name:ident, $features:literal, $vector:ty, lanes $lanes:literal, vectors $vectors:literal, rows $($rows:literal)*,
     $load:ident, $store:ident, $splat:ident, $multiply_add:ident, $add:ident,
     |$from:ident, $count:ident| $first:expr, |$x:ident, $y:ident| $interleave:expr) => {
        #[allow(unsafe_code)]
        mod $name {
            use super::{AHEAD, BURST, COPIED_ROW, COPIED_TILE, Kernel, Tile};
            use std::arch::x86_64::*;

            const LANES: usize = $lanes;
            const VECTORS: usize = $vectors;
            /// Steps between two turns of the loop, which would otherwise mispredict its end at every tile.
            const UNROLLED: usize = 4;

            pub(super) static KERNEL: Kernel = Kernel {
                rows: [$($rows),*].len(),
                vectors: VECTORS,
                lanes: LANES,
                row_tiles: &[$(tile::<$rows, COPIED_ROW>),*],
                copy_rows,
                column_tiles: &[$(tile::<$rows, 1>),*],
                copy_columns,
                pack_rows,
                transpose,
                burst,
            };

            /// # Safety
            /// The CPU must have the instruction set.
            #[target_feature(enable = $features)]
            unsafe fn burst(rounds: usize, x: f32) -> f32 {
                let mut sums = [$splat(x); BURST];
                let factor = $splat(0.5 * x);
                for _ in 0..rounds {
                    for i in 0..BURST {
                        sums[i] = $multiply_add(sums[i], factor, factor);
                    }
                }
                let (mut sum, mut lanes) = (0.0, [0.0; LANES]);
                for vector in sums {
                    // SAFETY: there is room for a vector.
                    unsafe { $store(lanes.as_mut_ptr(), vector) };
                    sum += lanes.iter().sum::<f32>();
                }
                sum
            }

            /// # Safety
            /// The CPU must have the instruction set and the tile be there.
            #[target_feature(enable = $features)]
            unsafe fn tile<const ROWS: usize, const A_ROW: usize>(tile: &Tile) {
                let (mut a, mut b) = (tile.a, tile.b);
                let mut sums = [[$splat(0.0); VECTORS]; ROWS];
                // SAFETY: promised by the caller; the steps after the last one are not followed.
                unsafe {
                    let mut step = || {
                        let mut row = [$splat(0.0); VECTORS];
                        for v in 0..VECTORS {
                            row[v] = $load(b.wrapping_add(v * LANES));
                            _mm_prefetch::<_MM_HINT_T0>(b.wrapping_add((AHEAD * VECTORS + v) * LANES).cast());
                        }
                        for i in 0..ROWS {
                            let x = $splat(*a.add(i * A_ROW));
                            for v in 0..VECTORS {
                                sums[i][v] = $multiply_add(x, row[v], sums[i][v]);
                            }
                        }
                        a = a.wrapping_add(tile.a_k);
                        b = b.wrapping_add(VECTORS * LANES);
                    };
                    for _ in 0..tile.k / UNROLLED {
                        for _ in 0..UNROLLED {
                            step();
                        }
                    }
                    for _ in 0..tile.k % UNROLLED {
                        step();
                    }
                    for i in 0..ROWS {
                        for v in 0..VECTORS {
                            let c = tile.c.add(i * tile.c_row + v * LANES);
                            let sum = sums[i][v];
                            $store(c, if tile.add { $add($load(c), sum) } else { sum });
                        }
                    }
                }
            }

            /// # Safety
            /// The CPU must have the instruction set, the tiles be there and `to` have room for them.
            #[target_feature(enable = $features)]
            unsafe fn copy_rows(from: *const f32, stride: usize, bounds: &[usize], k: usize, to: *mut f32) {
                for (tile, bound) in bounds.windows(2).enumerate() {
                    for i in bound[0]..bound[1] {
                        for p in (0..k).step_by(LANES) {
                            let to = to.wrapping_add(tile * COPIED_TILE + (i - bound[0]) * COPIED_ROW + p);
                            // SAFETY: promised by the caller; a copied row has room for a whole BLOCK;
                            // a prefetch may name any address.
                            unsafe {
                                let from = from.add((i - bounds[0]) * stride + p);
                                $store(to, first_lanes(from, k - p));
                                // The tile after this one.
                                _mm_prefetch::<_MM_HINT_T1>(from.wrapping_add((bound[1] - bound[0]) * stride).cast());
                            }
                        }
                    }
                }
            }

            /// # Safety
            /// As [`copy_rows`].
            #[target_feature(enable = $features)]
            unsafe fn copy_columns(from: *const f32, stride: usize, bounds: &[usize], k: usize, to: *mut f32) {
                for p in 0..k {
                    for (tile, bound) in bounds.windows(2).enumerate() {
                        let to = to.wrapping_add(tile * COPIED_TILE + p * LANES);
                        // SAFETY: promised by the caller; a prefetch may name any address.
                        unsafe {
                            let from = from.add(p * stride + bound[0] - bounds[0]);
                            $store(to, first_lanes(from, bound[1] - bound[0]));
                            _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(AHEAD * stride).cast());
                        }
                    }
                }
            }

            /// # Safety
            /// The CPU must have the instruction set, the rows be there and `to` have room for them.
            #[target_feature(enable = $features)]
            unsafe fn pack_rows(from: *const f32, stride: usize, present: usize, k: usize, to: *mut f32) {
                for p in 0..k {
                    for v in 0..VECTORS {
                        let (from, to) = (from.wrapping_add(p * stride + v * LANES), to.wrapping_add((p * VECTORS + v) * LANES));
                        // SAFETY: promised by the caller; a prefetch may name any address.
                        unsafe {
                            $store(to, first_lanes(from, present.saturating_sub(v * LANES)));
                            _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(AHEAD * stride).cast());
                        }
                    }
                }
            }

            /// The elements at `from`, as many as there are lanes, 0 after the first `count`.
            ///
            /// # Safety
            /// The CPU must have the instruction set and `count` elements be there.
            #[target_feature(enable = $features)]
            unsafe fn first_lanes($from: *const f32, count: usize) -> $vector {
                let $count = count.min(LANES);
                // SAFETY: promised by the caller.
                unsafe { $first }
            }

            /// Interleaving the upper half of the rows with the lower rotates the bits of (row, lane)
            /// by one; doing so until they have changed places is the transpose.
            ///
            /// # Safety
            /// The CPU must have the instruction set and the square be there.
            #[target_feature(enable = $features)]
            unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32, width: usize) {
                let mut rows = [$splat(0.0); LANES];
                // SAFETY: promised by the caller.
                unsafe {
                    for l in 0..LANES {
                        rows[l] = $load(from.add(l * stride));
                    }
                    for _ in 0..LANES.ilog2() {
                        let before = rows;
                        for i in 0..LANES / 2 {
                            let ($x, $y) = (before[i], before[i + LANES / 2]);
                            [rows[2 * i], rows[2 * i + 1]] = $interleave;
                        }
                    }
                    for p in 0..LANES {
                        $store(to.add(p * width), rows[p]);
                    }
                }
            }
        }
    };
}

kernel!(
    avx512, "avx512f", __m512, lanes 16, vectors 2, rows 1 2 3 4 5 6 7 8 9 10 11 12 13 14,
    _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_add_ps,
    |from, count| _mm512_maskz_loadu_ps(((1u32 << count) - 1) as u16, from),
    |x, y| {
        let low = _mm512_set_epi32(23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
        let high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
        [_mm512_permutex2var_ps(x, low, y), _mm512_permutex2var_ps(x, high, y)]
    }
);

kernel!(
    avx2, "avx2,fma", __m256, lanes 8, vectors 2, rows 1 2 3 4 5 6,
    _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_add_ps,
    |from, count| {
        let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_maskload_ps(from, _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), lanes))
    },
    |x, y| {
        let (low, high) = (_mm256_unpacklo_ps(x, y), _mm256_unpackhi_ps(x, y));
        [_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high)]
    }
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::random::{Generator, Purpose};
    use ndarray::linalg::general_mat_mul;
    use ndarray::{Array2, ArrayView2, s};

    /// Every kernel that this machine can run.
    fn kernels() -> Vec<&'static Kernel> {
        let mut kernels: Vec<&Kernel> = Vec::new();
        for (simd, kernel) in [(Simd::Avx2, &avx2::KERNEL), (Simd::Avx512, &avx512::KERNEL)] {
            if Simd::detect() >= simd {
                kernels.push(kernel);
            }
        }
        kernels
    }

    /// A matrix that lies as it says, within a larger one when `wide`.
    fn random(
        rows: usize,
        columns: usize,
        transposed: bool,
        wide: bool,
        index: u64,
    ) -> Array2<f32> {
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
}
