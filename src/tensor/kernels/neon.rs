//! The vector registers of aarch64: two of NEON's as one vector of 8 floats, so that a tile has the shape of AVX2's.

use super::vector::Vector;
use std::arch::aarch64::*;

/// Two NEON registers.
#[derive(Clone, Copy)]
pub(super) struct Pair(float32x4_t, float32x4_t);

/// Every aarch64 CPU that Rust's standard targets support has NEON.
impl Vector for Pair {
    const LANES: usize = 8;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller promises NEON.
        unsafe { Self(vdupq_n_f32(x), vdupq_n_f32(x)) }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller promises NEON and 8 readable floats.
        unsafe { Self(vld1q_f32(from), vld1q_f32(from.add(4))) }
    }

    #[inline(always)]
    unsafe fn load_first(from: *const f32, count: usize) -> Self {
        // SAFETY: the caller promises NEON and `count` readable floats, at most 8.
        unsafe {
            if count == Self::LANES {
                return Self::load(from);
            }
            let mut lanes = [0.0; Self::LANES];
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count);
            Self::load(lanes.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller promises NEON and 8 writable floats.
        unsafe {
            vst1q_f32(to, self.0);
            vst1q_f32(to.add(4), self.1);
        }
    }

    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: the caller promises NEON. `vfmaq_f32(c, a, b)` is a · b + c, rounded once.
        unsafe {
            Self(vfmaq_f32(addend.0, self.0, factor.0), vfmaq_f32(addend.1, self.1, factor.1))
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller promises NEON.
        unsafe { Self(vaddq_f32(self.0, other.0), vaddq_f32(self.1, other.1)) }
    }

    #[inline(always)]
    unsafe fn interleave(self, other: Self) -> [Self; 2] {
        // SAFETY: the caller promises NEON.
        unsafe {
            [
                Self(vzip1q_f32(self.0, other.0), vzip2q_f32(self.0, other.0)),
                Self(vzip1q_f32(self.1, other.1), vzip2q_f32(self.1, other.1)),
            ]
        }
    }
}
