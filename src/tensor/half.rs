//! IEEE half precision: 16 bits for files that have to be small.

/// The value of a half-precision number, exactly.
pub fn half_to_f32(half: u16) -> f32 {
    let sign = if half >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(half >> 10 & 31), f32::from(half & 1023));
    let magnitude = match exponent {
        0 => fraction * 2.0f32.powi(-24),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1024.0 + fraction) * 2.0f32.powi(exponent - 25),
    };
    sign * magnitude
}

/// The half-precision number nearest to `value`, of two equally near ones the even one. A value of 65520
/// or more becomes infinity, as in IEEE 754.
pub fn f32_to_half(value: f32) -> u16 {
    let sign = (value.to_bits() >> 31 << 15) as u16;
    let magnitude = value.abs();
    if magnitude.is_nan() {
        return sign | 0x7e00;
    }
    if magnitude >= 65520.0 {
        return sign | 0x7c00;
    }
    // The distance of two neighbours is 2^(exponent − 10); below 2^-14 it stays 2^-24.
    let exponent = ((magnitude.to_bits() >> 23) as i32 - 127).max(-14);
    let steps = (magnitude * 2.0f32.powi(10 - exponent)).round_ties_even() as i32;
    // 1024 steps are the leading bit; when rounding makes 2048 of them, the carry raises the exponent.
    sign | (steps + (exponent + 14) * 1024) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_exact() {
        for (half, value) in [
            (0x3C00, 1.0),
            (0xC000, -2.0),
            (0x0001, 2.0f32.powi(-24)),
            (0x7BFF, 65504.0),
            (0x3555, 0.333_251_95),
        ] {
            assert_eq!(half_to_f32(half), value);
        }
        assert!(half_to_f32(0x7E00).is_nan() && half_to_f32(0xFC00) == f32::NEG_INFINITY);
    }

    #[test]
    fn every_half_and_every_midpoint_is_rounded_to_the_nearest_even() {
        for half in 0..0x7c00u16 {
            let value = half_to_f32(half);
            // The one above the largest would be 65536.
            let above = if half == 0x7bff { 65536.0 } else { half_to_f32(half + 1) };
            let middle = (value + above) / 2.0;
            for sign in [0, 0x8000u16] {
                let signed = |value: f32| if sign == 0 { value } else { -value };
                assert_eq!(f32_to_half(signed(value)), sign | half);
                assert_eq!(f32_to_half(signed(middle)), sign | (half + (half & 1)));
                assert_eq!(f32_to_half(signed(middle.next_down())), sign | half);
                assert_eq!(f32_to_half(signed(middle.next_up())), sign | (half + 1));
            }
        }
        assert_eq!(f32_to_half(f32::NEG_INFINITY), 0xfc00);
        assert!(half_to_f32(f32_to_half(f32::NAN)).is_nan());
    }
}
