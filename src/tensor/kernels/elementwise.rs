//! Element-wise operations over slices of equal length.

use super::vectorized::vectorized;

vectorized! {
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

    /// y = x, or y += x.
    pub fn store_or_add(x: &[f32], accumulate: bool, y: &mut [f32]) {
        if accumulate {
            y.iter_mut().zip(x).for_each(|(y, x)| *y += x);
        } else {
            y.copy_from_slice(x);
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
