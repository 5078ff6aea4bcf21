//! Sums and maxima in a fixed order: over fixed lanes within a row, by fixed chunks over rows.

use super::elementwise::add;
use super::vectorized::vectorized;
use crate::system::threads::{SplitOutput, for_each_range};

/// Lanes of every reduction, whatever the vector width of the machine.
pub const LANES: usize = 16;

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

/// Reduces `items` over [`LANES`] fixed lanes: lane `l` folds elements `l`, `l + 16`, … in order with
/// `step`; then the lanes are combined in a fixed tree. All slices are as long as the first. For use
/// inside a [`vectorized!`] kernel.
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

/// max x (−∞ when empty; NaN is ignored), for use inside a [`vectorized!`] kernel.
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
}

/// Rows of one chunk of a sum over rows ([`sum_rows`]).
pub const ROW_CHUNK: usize = 64;

/// The number of elements of scratch that [`sum_rows`] needs for `rows` rows of `width`.
pub const fn sum_rows_scratch(rows: usize, width: usize) -> usize {
    rows.div_ceil(ROW_CHUNK) * width
}

/// `total += Σ_r x[r]` over the rows of `x` `[rows, width]`; `total` is `[width]`. Each chunk of
/// [`ROW_CHUNK`] rows is summed in row order, chunks in parallel; then the chunks are added in order.
/// `scratch` has [`sum_rows_scratch`] elements.
pub fn sum_rows(x: &[f32], total: &mut [f32], scratch: &mut [f32]) {
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

/// `total += Σ_c partial[c]`, chunks in order. `partial` is `[chunks, width]`, `total` is `[width]`.
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
        // Adding 1e8 loses low bits of the small terms, so another order gives other bits.
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
