//! The kernels of the matrix product compiled for each instruction set, and the choice among them.

use super::pack::{COPIED_ROW, copy_columns, copy_rows, pack_rows, transpose};
use super::simd::Simd;
use super::tile::{Tile, VECTORS, tile};

/// [`tile`](super::tile::tile) for some number of rows.
pub(super) type TileFunction = unsafe fn(&Tile);

/// [`copy_rows`](super::pack::copy_rows) or [`copy_columns`](super::pack::copy_columns).
type CopyFunction =
    unsafe fn(from: *const f32, stride: usize, bounds: &[usize], k: usize, to: *mut f32);

/// [`pack_rows`](super::pack::pack_rows).
type PackFunction =
    unsafe fn(from: *const f32, stride: usize, present: usize, k: usize, to: *mut f32);

/// [`transpose`](super::pack::transpose).
type TransposeFunction = unsafe fn(from: *const f32, stride: usize, to: *mut f32, width: usize);

/// The kernels of one instruction set. They may be called only on a CPU that has the instruction set.
pub(super) struct Kernel {
    /// Rows of the largest tile.
    pub(super) rows: usize,
    /// Floats of a vector.
    pub(super) lanes: usize,
    /// Tiles of 1, 2, … rows. They read a in the layout that `copy_rows` writes.
    pub(super) row_tiles: &'static [TileFunction],
    pub(super) copy_rows: CopyFunction,
    /// Tiles of 1, 2, … rows. They read a in the layout that `copy_columns` writes.
    pub(super) column_tiles: &'static [TileFunction],
    pub(super) copy_columns: CopyFunction,
    pub(super) pack_rows: PackFunction,
    pub(super) transpose: TransposeFunction,
}

impl Kernel {
    /// Columns of a tile.
    pub(super) fn width(&self) -> usize {
        VECTORS * self.lanes
    }

    /// The kernels for this CPU, if there are any.
    pub(super) fn current() -> Option<&'static Self> {
        Self::of(Simd::current())
    }

    /// The kernels of an instruction set. None are there for plain loops.
    pub(super) fn of(simd: Simd) -> Option<&'static Self> {
        match simd {
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => Some(&AVX512),
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => Some(&AVX2),
            #[cfg(target_arch = "aarch64")]
            Simd::Neon => Some(&NEON),
            _ => None,
        }
    }
}

/// Builds the [`Kernel`] of an instruction set: inlines each generic function into a function with the
/// features of the instruction set.
macro_rules! kernel {
    ($features:literal, $vector:ty, lanes $lanes:literal, rows $($rows:literal)*) => {{
        /// # Safety
        /// As [`super::tile::tile`].
        #[target_feature(enable = $features)]
        unsafe fn tile_entry<const ROWS: usize, const A_ROW: usize>(of: &Tile) {
            // SAFETY: the caller promises everything that the callee requires.
            unsafe { tile::<$vector, ROWS, A_ROW>(of) }
        }
        /// # Safety
        /// As [`super::pack::copy_rows`].
        #[target_feature(enable = $features)]
        unsafe fn copy_rows_entry(
            from: *const f32, stride: usize, bounds: &[usize], k: usize, to: *mut f32,
        ) {
            // SAFETY: the caller promises everything that the callee requires.
            unsafe { copy_rows::<$vector>(from, stride, bounds, k, to) }
        }
        /// # Safety
        /// As [`super::pack::copy_columns`].
        #[target_feature(enable = $features)]
        unsafe fn copy_columns_entry(
            from: *const f32, stride: usize, bounds: &[usize], k: usize, to: *mut f32,
        ) {
            // SAFETY: the caller promises everything that the callee requires.
            unsafe { copy_columns::<$vector>(from, stride, bounds, k, to) }
        }
        /// # Safety
        /// As [`super::pack::pack_rows`].
        #[target_feature(enable = $features)]
        unsafe fn pack_rows_entry(
            from: *const f32, stride: usize, present: usize, k: usize, to: *mut f32,
        ) {
            // SAFETY: the caller promises everything that the callee requires.
            unsafe { pack_rows::<$vector>(from, stride, present, k, to) }
        }
        /// # Safety
        /// As [`super::pack::transpose`].
        #[target_feature(enable = $features)]
        unsafe fn transpose_entry(from: *const f32, stride: usize, to: *mut f32, width: usize) {
            // SAFETY: the caller promises everything that the callee requires.
            unsafe { transpose::<$vector, $lanes>(from, stride, to, width) }
        }
        Kernel {
            rows: [$($rows),*].len(),
            lanes: $lanes,
            row_tiles: &[$(tile_entry::<$rows, COPIED_ROW>),*],
            copy_rows: copy_rows_entry,
            column_tiles: &[$(tile_entry::<$rows, 1>),*],
            copy_columns: copy_columns_entry,
            pack_rows: pack_rows_entry,
            transpose: transpose_entry,
        }
    }};
}

/// Tiles of 14 × 32: 28 of the 32 registers hold sums.
#[cfg(target_arch = "x86_64")]
static AVX512: Kernel = kernel!(
    "avx512f", std::arch::x86_64::__m512, lanes 16, rows 1 2 3 4 5 6 7 8 9 10 11 12 13 14
);

/// Tiles of 6 × 16: 12 of the 16 registers hold sums.
#[cfg(target_arch = "x86_64")]
static AVX2: Kernel = kernel!("avx2,fma", std::arch::x86_64::__m256, lanes 8, rows 1 2 3 4 5 6);

/// Tiles of 6 × 16: 24 of the 32 registers hold sums.
#[cfg(target_arch = "aarch64")]
static NEON: Kernel = kernel!("neon", super::neon::Pair, lanes 8, rows 1 2 3 4 5 6);
