//! NumPy's file format for one array, `.npy`, version 1.0, for a matrix of `f32`
//! ([specification](https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html)).
//!
//! ```text
//! 0x93 "NUMPY" 1 0   magic string, version
//! length             of the header that follows, u16, little-endian
//! header             a Python dictionary, spaces up to a multiple of 64 bytes of the file, and a line feed
//! data               row-major, little-endian
//! ```

use std::io::{self, Write};

/// Writes everything before the data of a matrix `[rows, columns]`.
///
/// # Errors
/// Those of `out`.
pub fn write_npy_header(out: &mut dyn Write, rows: usize, columns: usize) -> io::Result<()> {
    const BEFORE_HEADER: usize = 10;
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let length = (BEFORE_HEADER + header.len() + 1).next_multiple_of(64) - BEFORE_HEADER - 1;
    header += &" ".repeat(length - header.len());
    header.push('\n');
    out.write_all(b"\x93NUMPY\x01\x00")?;
    out.write_all(&(header.len() as u16).to_le_bytes())?;
    out.write_all(header.as_bytes())
}

/// Writes one row.
///
/// # Errors
/// Those of `out`.
pub fn write_npy_row(out: &mut dyn Write, row: &[f32]) -> io::Result<()> {
    row.iter().try_for_each(|value| out.write_all(&value.to_le_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `numpy.save` of numpy 2.4.6 wrote these bytes:
    /// `numpy.arange(6, dtype="<f4").reshape(2, 3) - 0.5`.
    #[test]
    fn the_bytes_are_those_of_numpy() {
        let mut bytes = Vec::new();
        write_npy_header(&mut bytes, 2, 3).unwrap();
        for row in [[-0.5, 0.5, 1.5], [2.5, 3.5, 4.5]] {
            write_npy_row(&mut bytes, &row).unwrap();
        }
        let mut expected = b"\x93NUMPY\x01\x00v\x00".to_vec();
        expected.extend(b"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
        expected.resize(127, b' ');
        expected.push(b'\n');
        expected.extend(b"\0\0\0\xbf\0\0\0?\0\0\xc0?\0\0 @\0\0`@\0\0\x90@");
        assert_eq!(bytes, expected);
        // The header grows in steps of 64 bytes.
        bytes.clear();
        write_npy_header(&mut bytes, usize::MAX, usize::MAX).unwrap();
        assert_eq!((bytes.len(), bytes[8]), (128, 118));
    }
}
