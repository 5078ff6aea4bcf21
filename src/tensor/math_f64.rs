//! Sine, cosine and roots in `f64`, for tables that are computed once. As in [`math`](super::math), IEEE
//! operations alone give the same bits on every platform; the platform's libm is never called.

use std::f64::consts::TAU;

/// (cos, sin) of 2π·`turns`. The error is below 1e-13, plus 2π times the rounding error of `turns`.
///
/// The Taylor series of both functions over ±½ turn, to the power 33: the first term left out is below
/// π³⁴/34! = 3e-22.
pub fn cos_sin_of_turns(turns: f64) -> (f64, f64) {
    let x = TAU * (turns - turns.round_ties_even());
    let (mut cos, mut sin) = (1.0, 1.0);
    // Horner: 1 − x²/(1·2) · (1 − x²/(3·4) · (…)), and x · (1 − x²/(2·3) · (1 − x²/(4·5) · (…))).
    for n in (1..=16).rev().map(|n| f64::from(2 * n)) {
        cos = 1.0 - x * x / ((n - 1.0) * n) * cos;
        sin = 1.0 - x * x / (n * (n + 1.0)) * sin;
    }
    (cos, x * sin)
}

/// The `n`-th root of `x` ≥ 1, for n ≥ 1, by Newton's method. The relative error is below 1e-14 for n up to
/// 100.
pub fn root(x: f64, n: u32) -> f64 {
    // From above, the steps go down until rounding stops them.
    let mut root = x;
    loop {
        let power = (1..n).fold(1.0, |power, _| power * root); // rootⁿ⁻¹
        let next = root - (power * root - x) / (f64::from(n) * power);
        // Also ends where `power` is infinite and `next` is not a number.
        if next.is_nan() || next >= root {
            return root;
        }
        root = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_and_sine_are_those_of_the_platform_up_to_rounding() {
        for i in -2000..2000 {
            let turns = f64::from(i) / 256.0 + 1e-4;
            let (cos, sin) = cos_sin_of_turns(turns);
            let expected = (TAU * turns).sin_cos();
            // The argument of the platform's functions is rounded: up to 50·2⁻⁵³.
            assert!((cos - expected.1).abs() < 2e-14, "cos {turns}");
            assert!((sin - expected.0).abs() < 2e-14, "sin {turns}");
        }
        assert_eq!(cos_sin_of_turns(0.0), (1.0, 0.0));
        assert_eq!(cos_sin_of_turns(-7.0), (1.0, 0.0));
    }

    #[test]
    fn a_power_of_the_root_is_the_number() {
        for n in 1..=100 {
            for x in [1.0, 1.5, 2.0, 66.66666666666667, 1000.0] {
                let power = (0..n).fold(1.0, |power, _| power * root(x, n));
                // n roundings, and n times the error of the root.
                assert!((power / x - 1.0).abs() < 1e-14 * f64::from(n), "{n} {x} {power}");
            }
        }
    }
}
