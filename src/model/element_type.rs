//! Reads the number types of safetensors files as `f32`.

use crate::tensor::half::half_to_f32;
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
