//! Measures errors in ulps against `f64`: over every 4099th float by default, over all 2³² floats in
//! `every_float` (ignored by default; the documentation of `math` gives the command).

use super::*;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

/// erf and 1 − erf in `f64`, both with a relative error of about 1e-13.
fn erf_and_rest(x: f64) -> (f64, f64) {
    let t = x.abs();
    let (erf, rest) = if t < 1e-3 {
        // Two terms of the series: the third is below 1e-13 of the first.
        let erf = FRAC_2_SQRT_PI * t * (1.0 - t * t / 3.0);
        (erf, 1.0 - erf)
    } else if t < 2.0 {
        let (mut term, mut sum, mut n) = (t, t, 0.0);
        while term.abs() > 1e-17 * sum {
            n += 1.0;
            term *= -t * t / n;
            sum += term / (2.0 * n + 1.0);
        }
        (FRAC_2_SQRT_PI * sum, 1.0 - FRAC_2_SQRT_PI * sum)
    } else if t < 30.0 {
        let mut fraction = 0.0;
        for n in (1..60).rev() {
            fraction = f64::from(n) / 2.0 / (t + fraction);
        }
        let rest = (-t * t).exp() / PI.sqrt() / (t + fraction);
        (1.0 - rest, rest)
    } else if t >= 30.0 {
        (1.0, 0.0)
    } else {
        (x, x)
    };
    if x < 0.0 { (-erf, 2.0 - rest) } else { (erf, rest) }
}

fn erf_exact(x: f64) -> f64 {
    erf_and_rest(x).0
}

/// Φ(x) in `f64`.
fn normal_cdf_exact(x: f64) -> f64 {
    0.5 * erf_and_rest(-x * FRAC_1_SQRT_2).1
}

fn gelu_exact(x: f64) -> f64 {
    if x == f64::NEG_INFINITY { f64::NAN } else { x * normal_cdf_exact(x) }
}

fn gelu_derivative_exact(x: f64) -> f64 {
    let bounded = x.clamp(-40.0, 40.0);
    let density = (-0.5 * bounded * bounded).exp() / (2.0 * PI).sqrt();
    normal_cdf_exact(x) + bounded * density
}

/// The unit in the last place of `exact`: the distance between the floats around it.
fn ulp(exact: f64) -> f64 {
    let exponent = (exact.abs().max(f64::from(f32::MIN_POSITIVE)).to_bits() >> 52) as i32 - 1023;
    f64::from(exponent - 23).exp2()
}

/// The error of `got` in ulps of the exact value.
fn ulps(got: f32, exact: f64) -> f64 {
    if f64::from(got) == exact {
        return 0.0;
    }
    // Values that round to ∞.
    if exact.abs() > f64::from(f32::MAX) * (1.0 + 3e-8) {
        return if f64::from(got) == exact.signum() * f64::INFINITY { 0.0 } else { f64::INFINITY };
    }
    (f64::from(got) - exact).abs() / ulp(exact)
}

/// One function: its exact counterpart, the range in which its error is measured in ulps, and the bounds.
struct Row {
    name: &'static str,
    function: fn(f32) -> f32,
    exact: fn(f64) -> f64,
    range: (f32, f32),
    bound: f64,
    /// The bound on the absolute error outside the range.
    elsewhere: f64,
}

const ALL: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

fn table() -> [Row; 7] {
    let row = |name, function, exact, range, bound, elsewhere| Row {
        name,
        function,
        exact,
        range,
        bound,
        elsewhere,
    };
    [
        row("exp", exp, f64::exp, ALL, 1.01, 0.0),
        row("ln", ln, f64::ln, ALL, 0.84, 0.0),
        row("tanh", tanh, f64::tanh, ALL, 1.07, 0.0),
        row("erf", erf, erf_exact, ALL, 1.24, 0.0),
        row("rsqrt", rsqrt, |x| 1.0 / x.sqrt(), ALL, 1.5, 0.0),
        row("gelu", gelu, gelu_exact, (-1.0, f32::INFINITY), 2.5, 5.6e-8),
        row(
            "gelu_derivative",
            gelu_derivative,
            gelu_derivative_exact,
            (0.0, f32::INFINITY),
            1.8,
            6.9e-8,
        ),
    ]
}

/// The largest error in ulps within the range and the largest absolute error outside, each with its x.
#[derive(Clone, Copy, Default)]
struct Largest {
    ulps: (f64, f32),
    absolute: (f64, f32),
}

impl Largest {
    fn count(&mut self, row: &Row, x: f32) {
        let (got, exact) = ((row.function)(x), (row.exact)(f64::from(x)));
        if exact.is_nan() {
            assert!(got.is_nan(), "{}({x}) is {got}, not NaN", row.name);
        } else if (row.range.0..=row.range.1).contains(&x) {
            let error = ulps(got, exact);
            assert!(!error.is_nan(), "{}({x:e}) is {got}, not {exact}", row.name);
            if error > self.ulps.0 {
                self.ulps = (error, x);
            }
        } else {
            let error = (f64::from(got) - exact).abs();
            assert!(!error.is_nan(), "{}({x:e}) is {got}, not {exact}", row.name);
            if error > self.absolute.0 {
                self.absolute = (error, x);
            }
        }
    }

    fn fits(&self, row: &Row) -> bool {
        println!(
            "{}: {:.3} ulp at {:e}; outside {:?}: {:.2e} at {:e}",
            row.name, self.ulps.0, self.ulps.1, row.range, self.absolute.0, self.absolute.1
        );
        self.ulps.0 <= row.bound && self.absolute.0 <= row.elsewhere
    }
}

#[test]
fn errors_are_as_documented() {
    for row in &table() {
        let mut largest = Largest::default();
        for bits in (0..=u32::MAX).step_by(4099) {
            largest.count(row, f32::from_bits(bits));
        }
        assert!(largest.fits(row), "{} is less exact than documented", row.name);
    }
}

/// All 2³² floats, on all cores.
#[test]
#[ignore = "takes minutes"]
fn every_float() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut fit = true;
    for row in &table() {
        let mut largest = Largest::default();
        std::thread::scope(|scope| {
            let parts: Vec<_> = (0..cores as u32)
                .map(|part| {
                    scope.spawn(move || {
                        let mut largest = Largest::default();
                        let mut bits = Some(part);
                        while let Some(now) = bits {
                            largest.count(row, f32::from_bits(now));
                            bits = now.checked_add(cores as u32);
                        }
                        largest
                    })
                })
                .collect();
            for part in parts {
                let part = part.join().expect("no error is NaN");
                if part.ulps.0 > largest.ulps.0 {
                    largest.ulps = part.ulps;
                }
                if part.absolute.0 > largest.absolute.0 {
                    largest.absolute = part.absolute;
                }
            }
        });
        fit &= largest.fits(row);
    }
    assert!(fit, "one of the functions is less exact than documented");
}

#[test]
fn the_reference_agrees_with_the_one_of_the_naive_references() {
    for i in -6000..=6000 {
        let x = f64::from(i) * 1e-3;
        assert!((erf_exact(x) - erf64(x)).abs() < 1e-13, "{x}");
    }
}

#[test]
fn exp_of_nonpositive_has_the_bits_of_exp() {
    for bits in (0..f32::INFINITY.to_bits()).step_by(997) {
        let x = -f32::from_bits(bits);
        let expected = if x < -87.3 { 0.0 } else { exp(x) };
        assert_eq!(exp_of_nonpositive(x).to_bits(), expected.to_bits(), "{x}");
    }
    assert_eq!([0.0, f32::NEG_INFINITY].map(exp_of_nonpositive), [1.0, 0.0]);
    assert!(exp_of_nonpositive(f32::NAN).is_nan());
}

#[test]
fn special_values() {
    let inf = f32::INFINITY;
    assert_eq!([exp(0.0), exp(-0.0), exp(-inf), exp(inf)], [1.0, 1.0, 0.0, inf]);
    assert_eq!([ln(1.0), ln(0.0), ln(-0.0), ln(inf)], [0.0, -inf, -inf, inf]);
    assert_eq!([tanh(inf), tanh(-inf), erf(inf), erf(-inf)], [1.0, -1.0, 1.0, -1.0]);
    assert_eq!([rsqrt(0.0), rsqrt(inf)], [inf, 0.0]);
    assert_eq!(
        [gelu(100.0), gelu(-100.0), gelu(inf), gelu_derivative(inf), gelu_derivative(-inf)],
        [100.0, 0.0, inf, 1.0, 0.0]
    );
    // −∞·0 is NaN, as in PyTorch.
    assert!(gelu(-inf).is_nan());
    for zero in [0.0f32, -0.0] {
        for f in [tanh, erf, gelu] {
            assert_eq!(f(zero).to_bits(), zero.to_bits());
        }
        assert_eq!(gelu_derivative(zero), 0.5);
    }
    // Subnormals: exact where the function is the identity or a constant there.
    for x in [f32::from_bits(1), f32::from_bits(0x7f_ffff), -f32::from_bits(3)] {
        assert_eq!((exp(x), tanh(x)), (1.0, x));
    }
    assert_eq!(ln(f32::from_bits(1)), -103.278_93);
    for f in [exp, ln, tanh, erf, gelu, gelu_derivative, rsqrt] {
        assert!(f(f32::NAN).is_nan());
    }
    assert!(ln(-1.0).is_nan() && ln(-inf).is_nan() && rsqrt(-1.0).is_nan());
}

/// The first 16 hexadecimal digits of the SHA-256 of a function's bits over every 65,537th float, and over all
/// multiples of 2⁻¹⁶ from −16 to 16: a coefficient of a high power changes few results.
fn fingerprint(function: fn(f32) -> f32) -> String {
    let mut hasher = crate::system::digest::Sha256::new();
    let floats = (0..=u32::MAX).step_by(65_537).map(f32::from_bits);
    let grid = (-(1 << 20)..1 << 20).map(|i| i as f32 / 65_536.0);
    for x in floats.chain(grid) {
        let value = function(x);
        // Platforms differ in the bits of NaN.
        let value = if value.is_nan() { f32::NAN } else { value };
        hasher.update(&value.to_bits().to_le_bytes());
    }
    hasher.finish().to_string()[..16].into()
}

/// A change of one coefficient by one unit can stay within every bound of the table, and still change every
/// model. This test names the function.
#[test]
fn the_bits_of_every_function_are_pinned() {
    let pinned = [
        ("exp", exp as fn(f32) -> f32, "ef729412f21ac89c"),
        ("exp_of_nonpositive", |x| exp_of_nonpositive(-x.abs()), "5e9dc9188998f637"),
        ("ln", ln, "013de2e787c21bc5"),
        ("tanh", tanh, "bf1548c83bf949b5"),
        ("erf", erf, "741a6cc8ca9af1f3"),
        ("gelu", gelu, "2967533b151bb828"),
        ("gelu_derivative", gelu_derivative, "534b01a5a2f05b50"),
        ("rsqrt", rsqrt, "fe91bbc84162ad3d"),
    ];
    let now = pinned.map(|(name, function, _)| (name, fingerprint(function)));
    let expected = pinned.map(|(name, _, digest)| (name, digest.to_string()));
    assert_eq!(
        now, expected,
        "another result for the same argument: every run gives other weights"
    );
}
