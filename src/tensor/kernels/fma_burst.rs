//! As many fused multiply-adds as one thread can do: benchmarks measure the peak with it.

use super::reductions::{LANES, sum_lanes};
use super::simd::Simd;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use super::vector::Vector;
use super::vectorized::vectorized;

/// Independent vectors: enough to hide the latency of a fused multiply-add, few enough for the 16
/// registers of AVX2.
const BURST: usize = 12;

/// Floating-point operations of one round of [`fma_burst`].
pub const FMA_BURST_FLOP: usize = 2 * BURST * LANES;

/// Computes `rounds` times [`FMA_BURST_FLOP`] operations, all of them independent fused multiply-adds
/// on `x`. Returns the sum of the results, so that the compiler cannot remove them.
pub fn fma_burst(rounds: usize, x: f32) -> f32 {
    // SAFETY: `Simd::current` returns only an instruction set that the CPU has.
    match Simd::current() {
        #[cfg(target_arch = "x86_64")]
        Simd::Avx512 => unsafe { avx512(rounds, x) },
        #[cfg(target_arch = "x86_64")]
        Simd::Avx2 => unsafe { avx2(rounds, x) },
        #[cfg(target_arch = "aarch64")]
        Simd::Neon => unsafe { burst::<super::neon::Pair>(rounds, x) },
        _ => portable(rounds, x),
    }
}

/// # Safety
/// The CPU must have AVX-512 F.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512(rounds: usize, x: f32) -> f32 {
    // SAFETY: the caller promises the instruction set.
    unsafe { burst::<std::arch::x86_64::__m512>(rounds, x) }
}

/// # Safety
/// The CPU must have AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(rounds: usize, x: f32) -> f32 {
    // SAFETY: the caller promises the instruction set.
    unsafe { burst::<std::arch::x86_64::__m256>(rounds, x) }
}

/// # Safety
/// The CPU must have the instruction set of `V`.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
unsafe fn burst<V: Vector>(rounds: usize, x: f32) -> f32 {
    // SAFETY: the caller promises the instruction set; `lanes` is at least as long as a vector.
    unsafe {
        let (mut sums, factor) = ([V::splat(x); BURST], V::splat(0.5 * x));
        for _ in 0..rounds * LANES / V::LANES {
            for sum in &mut sums {
                *sum = sum.mul_add(factor, factor);
            }
        }
        let (mut total, mut lanes) = (0.0, [0.0; LANES]);
        for sum in sums {
            sum.store(lanes.as_mut_ptr());
            total += lanes[..V::LANES].iter().sum::<f32>();
        }
        total
    }
}

vectorized! {
    fn portable(rounds: usize, x: f32) -> f32 {
        let mut lanes = [[x; LANES]; BURST];
        let factor = [0.5 * x; LANES];
        for _ in 0..rounds {
            for accumulator in &mut lanes {
                for (value, factor) in accumulator.iter_mut().zip(&factor) {
                    *value = value.mul_add(*factor, *factor);
                }
            }
        }
        lanes.iter().map(|lanes| sum_lanes(lanes)).sum()
    }
}
