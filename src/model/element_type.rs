//! Reads the number types of safetensors files as `f32`.

use safetensors::tensor::Dtype;

/// Reads little-endian numbers of one type, as many as the slice has elements.
pub(super) type Reader = fn(&[u8], &mut [f32]);

/// The reader of a type; `None` when it is not supported.
pub(super) fn reader(dtype: Dtype) -> Option<Reader> {
    Some(match dtype {
        Dtype::F32 => |bytes, values| convert(bytes, values, f32::from_le_bytes),
        Dtype::F64 => |bytes, values| convert(bytes, values, |b| f64::from_le_bytes(b) as f32),
        Dtype::BF16 => |bytes, values| {
            convert(bytes, values, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16));
        },
        Dtype::F16 => |bytes, values| {
            convert(bytes, values, |b| half_to_f32(u16::from_le_bytes(b)));
        },
        _ => return None,
    })
}

fn convert<const N: usize>(bytes: &[u8], values: &mut [f32], read: impl Fn([u8; N]) -> f32) {
    for (value, bytes) in values.iter_mut().zip(bytes.chunks_exact(N)) {
        *value = read(bytes.try_into().expect("N bytes"));
    }
}

/// IEEE half precision to single precision, exactly.
fn half_to_f32(half: u16) -> f32 {
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
}
