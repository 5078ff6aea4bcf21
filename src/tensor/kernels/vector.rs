//! One vector register with the operations that the matrix product uses.
//!
//! A kernel is an `#[inline(always)]` function that is generic over [`Vector`], called from a
//! function with `#[target_feature]`. The compiler inlines it there and so uses the instructions of that
//! set. `avx.rs` and `neon.rs` hold the implementations; another instruction set needs one more.

/// A vector of [`Vector::LANES`] floats.
///
/// # Safety
/// Every function needs a CPU with the vector's instruction set.
pub(super) trait Vector: Copy {
    /// Floats of a vector.
    const LANES: usize;

    /// `x` in every lane.
    unsafe fn splat(x: f32) -> Self;

    /// The floats at `from`. They must be readable; they need not be aligned.
    unsafe fn load(from: *const f32) -> Self;

    /// The first `count` floats at `from`, then zeros. Only those floats must be readable. `count` is
    /// at most [`Vector::LANES`].
    unsafe fn load_first(from: *const f32, count: usize) -> Self;

    /// Writes all lanes to `to`, which must be writable and need not be aligned.
    unsafe fn store(self, to: *mut f32);

    /// `self · factor + addend`, rounded once.
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self;

    /// `self + other`.
    unsafe fn add(self, other: Self) -> Self;

    /// Alternates the lanes of both vectors: `self[0], other[0], self[1], other[1], …`.
    unsafe fn interleave(self, other: Self) -> [Self; 2];
}

/// The caches that [`prefetch`] can fill, as x86-64 numbers them.
pub(super) const FIRST_LEVEL: i32 = 3;
pub(super) const SECOND_LEVEL: i32 = 2;

/// Asks for the cache line at `address` in a cache. It may be any address. On aarch64 stable Rust has no such function,
/// and nothing happens.
#[inline(always)]
pub(super) fn prefetch<const LEVEL: i32>(address: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 CPU has this instruction, and it may name any address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<LEVEL>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
