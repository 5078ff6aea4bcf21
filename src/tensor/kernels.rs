//! Compiling plain loops for several instruction sets and choosing at run time: the one module that
//! holds `unsafe`.
//!
//! A vector kernel is an ordinary function over slices, wrapped in `vectorized!`. The compiler
//! turns its loops over fixed lanes into vector instructions; since every kernel uses only IEEE
//! operations and `mul_add`, and reduces over [`LANES`] fixed lanes, all versions give the same
//! bits.

use std::sync::OnceLock;

/// Lanes of every reduction, whatever the vector width of the machine.
pub const LANES: usize = 16;

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Simd {
    /// What every CPU of this architecture has. Without fused multiply-add in hardware (x86-64),
    /// `mul_add` is computed in software: the same bits, slowly.
    Portable,
    /// x86-64 with AVX2 and FMA.
    Avx2,
    /// x86-64 with AVX-512 F, BW, DQ and VL.
    Avx512,
}

impl Simd {
    /// The best instruction set of this machine, or the one that the environment variable
    /// `CLOZE_SIMD` (`portable`, `avx2`, `avx512`) asks for, if the machine has it.
    pub fn current() -> Self {
        static CURRENT: OnceLock<Simd> = OnceLock::new();
        *CURRENT.get_or_init(|| {
            let best = Self::detect();
            match std::env::var("CLOZE_SIMD").as_deref() {
                Ok("portable") => Self::Portable,
                Ok("avx2") => Self::Avx2.min(best),
                _ => best,
            }
        })
    }

    /// The best instruction set of this machine.
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
            if avx2
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                return Self::Avx512;
            }
            if avx2 {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// Whether this machine multiplies and adds in one rounding, as the determinism contract asks.
    pub fn has_fma() -> bool {
        cfg!(target_arch = "aarch64") || Self::detect() >= Self::Avx2
    }

    /// `portable`, `avx2` or `avx512`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

/// Compiles a function for every instruction set in [`Simd`] and calls the one of this machine.
macro_rules! vectorized {
    ($($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? $body:block)*) => {$(
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name($($arg: $type),*) $(-> $ret)? {
            #[inline(always)]
            fn portable($($arg: $type),*) $(-> $ret)? $body
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn avx512($($arg: $type),*) $(-> $ret)? { portable($($arg),*) }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $type),*) $(-> $ret)? { portable($($arg),*) }
                // SAFETY: `Simd::current` is never more than what the CPU was found to have.
                #[allow(unsafe_code)]
                match $crate::tensor::kernels::Simd::current() {
                    $crate::tensor::kernels::Simd::Avx512 => return unsafe { avx512($($arg),*) },
                    $crate::tensor::kernels::Simd::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::tensor::kernels::Simd::Portable => {}
                }
            }
            portable($($arg),*)
        }
    )*};
}
pub(crate) use vectorized;

/// Folds [`LANES`] partial results in a fixed tree.
#[inline(always)]
fn fold(mut lanes: [f32; LANES], combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = combine(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

/// Reduces `items` over [`LANES`] fixed lanes: lane `l` folds `items[l]`, `items[l + 16]`, … in
/// order with `step`, the lanes are combined in a fixed tree. For use inside a [`vectorized!`] kernel.
#[inline(always)]
pub(crate) fn reduce<const N: usize>(
    items: [&[f32]; N],
    start: f32,
    step: impl Fn(f32, [f32; N]) -> f32,
    combine: impl Fn(f32, f32) -> f32,
) -> f32 {
    let length = items[0].len();
    let items = items.map(|item| &item[..length]);
    let mut lanes = [start; LANES];
    let whole = length / LANES * LANES;
    let mut base = 0;
    while base < whole {
        let blocks: [&[f32; LANES]; N] =
            items.map(|item| item[base..base + LANES].try_into().expect("LANES long"));
        for lane in 0..LANES {
            lanes[lane] = step(lanes[lane], blocks.map(|block| block[lane]));
        }
        base += LANES;
    }
    for (lane, index) in (whole..length).enumerate() {
        lanes[lane] = step(lanes[lane], items.map(|item| item[index]));
    }
    fold(lanes, combine)
}

/// Σ x, for use inside a [`vectorized!`] kernel.
#[inline(always)]
pub(crate) fn sum_lanes(x: &[f32]) -> f32 {
    reduce([x], 0.0, |sum, [x]| sum + x, |a, b| a + b)
}

/// max x (−∞ when empty; NaN is passed over), for use inside a [`vectorized!`] kernel.
#[inline(always)]
pub(crate) fn max_lanes(x: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    reduce([x], f32::NEG_INFINITY, |max, [x]| larger(max, x), larger)
}

vectorized! {
    /// Σ x.
    pub fn sum(x: &[f32]) -> f32 {
        sum_lanes(x)
    }

    /// Σ x·x.
    pub fn sum_of_squares(x: &[f32]) -> f32 {
        reduce([x], 0.0, |sum, [x]| x.mul_add(x, sum), |a, b| a + b)
    }

    /// y += x, element by element.
    pub fn add(x: &[f32], y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += x;
        }
    }

    /// y ·= factor.
    pub fn scale(factor: f32, y: &mut [f32]) {
        for y in y {
            *y *= factor;
        }
    }

    /// y ·= factors, element by element.
    pub fn scale_by(factors: &[f32], y: &mut [f32]) {
        for (y, factor) in y.iter_mut().zip(factors) {
            *y *= factor;
        }
    }

    /// y = x · factors, or y += x · factors.
    pub fn multiply(x: &[f32], factors: &[f32], accumulate: bool, y: &mut [f32]) {
        let pairs = y.iter_mut().zip(x.iter().zip(factors));
        if accumulate {
            pairs.for_each(|(y, (x, f))| *y += x * f);
        } else {
            pairs.for_each(|(y, (x, f))| *y = x * f);
        }
    }

    /// Adds `bias` to every row of `y`.
    pub fn add_bias(bias: &[f32], y: &mut [f32]) {
        for row in y.chunks_exact_mut(bias.len()) {
            for (y, b) in row.iter_mut().zip(bias) {
                *y += b;
            }
        }
    }
}

/// Floating-point operations of one round of [`fma_burst`].
pub const FMA_BURST_FLOP: usize = 2 * BURST * LANES;

/// Vectors of [`LANES`] that [`fma_burst`] works on.
const BURST: usize = 12;

/// Nothing but independent fused multiply-adds, `rounds` times [`FMA_BURST_FLOP`]: what one thread of
/// this machine can do at most.
pub fn fma_burst(rounds: usize, x: f32) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if let Some(result) = super::gemm::fma_burst(rounds * BURST * LANES, x) {
        return result;
    }
    plain_fma_burst(rounds, x)
}

vectorized! {
    fn plain_fma_burst(rounds: usize, x: f32) -> f32 {
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

/// Rows of one chunk of a sum over rows ([`sum_rows`]).
pub const ROW_CHUNK: usize = 64;

/// Scratch that [`sum_rows`] needs for `rows` rows of `width`.
pub const fn sum_rows_scratch(rows: usize, width: usize) -> usize {
    rows.div_ceil(ROW_CHUNK) * width
}

/// `total += Σ_r x[r]` over the rows of `x` (`[rows, width]`): chunks of [`ROW_CHUNK`] rows are
/// summed in row order (in parallel), then the chunks in order.
pub fn sum_rows(x: &[f32], total: &mut [f32], scratch: &mut [f32]) {
    use crate::system::threads::{SplitOutput, for_each_range};
    let width = total.len();
    let chunks = (x.len() / width).div_ceil(ROW_CHUNK);
    let partial = &mut scratch[..chunks * width];
    let outputs = [SplitOutput::new(partial, width)];
    for_each_range(chunks, outputs, &mut [], 0, |range, [partial], _| {
        for (chunk, partial) in range.zip(partial.chunks_exact_mut(width)) {
            partial.fill(0.0);
            let rows = &x[chunk * ROW_CHUNK * width..];
            for row in rows.chunks_exact(width).take(ROW_CHUNK) {
                add(row, partial);
            }
        }
    });
    add_chunks(partial, total);
}

/// `total += Σ_c partial[c]`, chunks in order.
pub fn add_chunks(partial: &[f32], total: &mut [f32]) {
    for partial in partial.chunks_exact(total.len()) {
        add(partial, total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reductions_have_a_fixed_shape() {
        // 1e8 and −1e8 cancel only when they meet in the right order: a changed order shows.
        let x: Vec<f32> =
            (0..37).map(|i| if i % 16 == 0 { 1e8 } else { (i as f32).sin() }).collect();
        let mut lanes = [0.0f32; LANES];
        for (i, &x) in x.iter().enumerate() {
            lanes[i % LANES] += x;
        }
        for width in [8, 4, 2, 1] {
            for i in 0..width {
                lanes[i] += lanes[i + width];
            }
        }
        assert_eq!(sum(&x).to_bits(), lanes[0].to_bits());
    }

    #[test]
    fn rows_are_summed_onto_what_is_there() {
        let x: Vec<f32> = (0..150 * 3).map(|i| i as f32).collect();
        let mut total = vec![1.0; 3];
        sum_rows(&x, &mut total, &mut vec![0.0; sum_rows_scratch(150, 3)]);
        let expected: Vec<f32> =
            (0..3).map(|c| 1.0 + (0..150).map(|r| (r * 3 + c) as f32).sum::<f32>()).collect();
        assert_eq!(total, expected);
    }
}
