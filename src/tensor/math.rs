//! exp, ln, tanh, erf, GELU and 1/√x from IEEE operations and `mul_add` alone, so that every
//! platform and vector width gives the same bits. The platform's libm is never called.
//!
//! All are free of branches, so that loops over them become vector code. The polynomials are near-minimax
//! fits made by `testdata/math/fit.py`. The table gives the largest errors in ulps (units in the last
//! place of the exact value), measured against `f64` over all 2³² floats, NaN, infinities and subnormals
//! included:
//!
//! | function | range | largest error |
//! |---|---|---|
//! | [`exp`] | all | 1.01 ulp |
//! | [`exp_of_nonpositive`] | −87.3 to 0 | 1.01 ulp |
//! | [`ln`] | all | 0.84 ulp |
//! | [`tanh`] | all | 1.07 ulp |
//! | [`erf`] | all | 1.24 ulp |
//! | [`rsqrt`] | all | 1.5 ulp |
//! | [`gelu`] | x ≥ −1 | 2.5 ulp |
//! | | x < −1, where the value approaches 0 | 5.6e-8, that is 0.5 ulp of 1 |
//! | [`gelu_derivative`] | x ≥ 0 | 1.8 ulp |
//! | | x < 0, where the value changes its sign and approaches 0 | 6.9e-8, that is 0.6 ulp of 1 |
//!
//! The tests check every 4099th float. To check all of them, run
//! `cargo test --release --lib every_float -- --ignored --nocapture`.

/// `if condition { a } else { b }` without a branch: it compiles to a select instruction.
#[inline(always)]
fn select(condition: bool, a: f32, b: f32) -> f32 {
    if condition { a } else { b }
}

/// Horner's rule, constant coefficient first.
#[inline(always)]
fn polynomial<const N: usize>(coefficients: [f32; N], x: f32) -> f32 {
    let mut value = coefficients[N - 1];
    for i in (0..N - 1).rev() {
        value = value.mul_add(x, coefficients[i]);
    }
    value
}

/// 2ⁿ for −126 ≤ n ≤ 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n + 127) as u32) << 23)
}

/// eʳ and n of x = n·ln 2 + r with |r| ≤ ln 2 / 2: eˣ = 2ⁿ·eʳ.
#[inline(always)]
fn exp_parts(x: f32) -> (f32, i32) {
    // Adding 1.5·2²³ rounds to an integer and leaves it in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let rounded = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = rounded.to_bits().wrapping_sub(ROUND.to_bits()) as i32;
    let n_float = rounded - ROUND;
    let r = n_float.mul_add(-std::f32::consts::LN_2, x);
    let r = n_float.mul_add(1.904_654_3e-9, r);
    let tail =
        polynomial([0.499_999_93, 0.166_665_15, 0.041_668_457, 0.008_369_42, 0.001_381_314], r);
    ((r * r).mul_add(tail, r) + 1.0, n)
}

/// eˣ. Overflows to ∞ above 88.72, underflows through the subnormals to 0 below −103.97.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    // Outside these bounds the result is 0 or ∞. NaN is unchanged.
    let x = select(x < -104.0, -104.0, x);
    let x = select(x > 89.0, 89.0, x);
    let (value, n) = exp_parts(x);
    // 2ⁿ as two factors, because n reaches −150 and 128 but a float's exponent does not.
    let half = n >> 1;
    value * power_of_two(half.clamp(-100, 100)) * power_of_two((n - half).clamp(-100, 100))
}

/// eˣ for x ≤ 0, for softmax and GELU: the same bits as [`exp`] in fewer instructions, but 0 below −87.3,
/// where eˣ is close to the subnormals.
#[inline(always)]
pub fn exp_of_nonpositive(x: f32) -> f32 {
    const LOWEST: f32 = -87.3;
    let (value, n) = exp_parts(select(x < LOWEST, LOWEST, x));
    // −126 ≤ n ≤ 0. For NaN, n is arbitrary, and the product is NaN.
    let power = f32::from_bits((n.wrapping_add(127) as u32) << 23);
    select(x < LOWEST, 0.0, value * power)
}

/// The natural logarithm: −∞ at 0, NaN below.
///
/// x = 2ᵉ·(1 + f) with √½ ≤ 1 + f < √2; ln(1 + f) = 2·atanh(s), s = f / (2 + f).
#[inline(always)]
pub fn ln(x: f32) -> f32 {
    let subnormal = x < f32::MIN_POSITIVE;
    let scaled = select(subnormal, x * 8_388_608.0, x);
    let bits = scaled.to_bits();
    let exponent = (bits.wrapping_sub(std::f32::consts::FRAC_1_SQRT_2.to_bits()) as i32) >> 23;
    let f = f32::from_bits(bits.wrapping_sub((exponent << 23) as u32)) - 1.0;
    let e = exponent as f32 - select(subnormal, 23.0, 0.0);
    let s = f / (2.0 + f);
    let z = s * s;
    let half_square = 0.5 * f * f;
    let r = 2.0 * z * polynomial([0.333_333_34, 0.200_000_62, 0.142_753_24, 0.116_673_59], z);
    // ln 2 in two parts. The first has so few bits that e·LN_2_HIGH is exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let low = s.mul_add(half_square + r, e * LN_2_LOW);
    let value = e.mul_add(LN_2_HIGH, f - (half_square - low));
    let value = select(x == 0.0, f32::NEG_INFINITY, value);
    let value = select(x < 0.0, f32::NAN, value);
    // ln ∞ = ∞, and NaN is unchanged.
    select(x < f32::INFINITY, value, x)
}

/// The hyperbolic tangent.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let t = x.abs();
    let z = t * t;
    let series = polynomial(
        [
            -0.333_333_25,
            0.133_329_96,
            -0.053_922_123,
            0.021_575_835,
            -0.007_892_175,
            0.001_901_794_7,
        ],
        z,
    );
    let small = (t * z).mul_add(series, t);
    let large = 1.0 - 2.0 / (exp(2.0 * t) + 1.0);
    select(t < 0.7, small, large).copysign(x)
}

/// erf(t) for 0 ≤ t < 1.
#[inline(always)]
fn erf_small(t: f32) -> f32 {
    // The first coefficient is 2/√π − 1. The 1 is added last, so it adds no rounding error.
    let p = polynomial(
        [
            0.128_379_17,
            -0.376_126_27,
            0.112_836,
            -0.026_854_444,
            0.005_189_535,
            -0.000_802_084,
            0.000_078_891_15,
        ],
        t * t,
    );
    t.mul_add(p, t)
}

/// erfc(t) = 1 − erf(t) for t ≥ 1, as exp(−t² + q(t)); 0 above 6, where it is below 3e-17.
#[inline(always)]
fn erfc_large(t: f32) -> f32 {
    let q = polynomial(
        [
            0.000_229_274_74,
            -1.129_981_4,
            0.367_973_77,
            -0.110_151_64,
            0.026_648_308,
            -0.004_929_171_4,
            0.000_662_448_07,
            -6.042_496e-5,
            3.325_017_4e-6,
            -8.295_37e-8,
        ],
        t,
    );
    select(t > 6.0, 0.0, exp_of_nonpositive((-t).mul_add(t, q)))
}

/// The error function, 2/√π ∫₀ˣ e^(−t²) dt.
#[inline(always)]
pub fn erf(x: f32) -> f32 {
    let t = x.abs();
    select(t < 1.0, erf_small(t), 1.0 - erfc_large(t)).copysign(x)
}

/// The distribution function of the standard normal distribution, Φ(x) = ½ (1 + erf(x/√2)), without
/// cancellation below 0.
#[inline(always)]
pub fn normal_cdf(x: f32) -> f32 {
    let t = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let upper_tail = 0.5 * select(t < 1.0, 1.0 - erf_small(t), erfc_large(t));
    select(x < 0.0, upper_tail, 1.0 - upper_tail)
}

/// GELU, x·Φ(x): the exact form with erf, as in BERT (Hendrycks & Gimpel, 2016).
#[inline(always)]
pub fn gelu(x: f32) -> f32 {
    x * normal_cdf(x)
}

/// d GELU / dx = Φ(x) + x·φ(x), φ the normal density.
#[inline(always)]
pub fn gelu_derivative(x: f32) -> f32 {
    gelu_and_derivative(x).1
}

/// GELU and its derivative, which share Φ(x).
#[inline(always)]
pub fn gelu_and_derivative(x: f32) -> (f32, f32) {
    const FRAC_1_SQRT_2_PI: f32 = 0.398_942_3;
    let cdf = normal_cdf(x);
    // Beyond 15 the density is 0, and ∞·0 would be NaN.
    let bounded = select(x > 15.0, 15.0, select(x < -15.0, -15.0, x));
    let density = FRAC_1_SQRT_2_PI * exp_of_nonpositive(-0.5 * bounded * bounded);
    (x * cdf, bounded.mul_add(density, cdf))
}

/// 1/√x.
#[inline(always)]
pub fn rsqrt(x: f32) -> f32 {
    1.0 / x.sqrt()
}

/// erf in `f64`, for the naive references: Taylor series below 3, continued fraction of erfc above.
pub fn erf64(x: f64) -> f64 {
    let t = x.abs();
    let value = if t < 3.0 {
        let (mut term, mut sum) = (t, t);
        for n in 1..100 {
            term *= -t * t / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    } else {
        let mut fraction = 0.0;
        for n in (1..200).rev() {
            fraction = f64::from(n) / 2.0 / (t + fraction);
        }
        1.0 - (-t * t).exp() / std::f64::consts::PI.sqrt() / (t + fraction)
    };
    value.copysign(x)
}

#[cfg(test)]
#[path = "math_tests.rs"]
mod tests;
