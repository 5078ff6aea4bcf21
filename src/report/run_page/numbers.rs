//! Numbers as a person reads them.

use crate::report::digits::{self, trimmed};

/// A number with about four digits that count: `12,345`, `4.897`, `0.0123`, `5.6e-7`.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "no number".into();
    }
    match size {
        0.0 => "0".into(),
        1e15.. => scientific(value),
        1000.0.. => grouped(value.round() as i64),
        100.0.. => trimmed(format!("{value:.1}")),
        10.0.. => trimmed(format!("{value:.2}")),
        1.0.. => trimmed(format!("{value:.3}")),
        1e-3.. => trimmed(format!("{value:.4}")),
        1e-4.. => trimmed(format!("{value:.5}")),
        _ => scientific(value),
    }
}

/// `5.6e-7`.
fn scientific(value: f64) -> String {
    let text = format!("{value:.2e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{}e{exponent}", trimmed(mantissa.into()))
}

/// `1,234,567`.
pub(super) fn grouped(value: i64) -> String {
    let sign = if value < 0 { "−" } else { "" };
    format!("{sign}{}", digits::grouped(value.unsigned_abs()))
}

/// A share as `81.6 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// Bytes as `2.5 MB`.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (1_234_567.4, "1,234,567"),
            (-4096.0, "−4,096"),
            (2.5e18, "2.5e18"),
            (123.456, "123.5"),
            (12.0, "12"),
            (4.897_193, "4.897"),
            (0.012_345, "0.0123"),
            (5.6e-7, "5.6e-7"),
            (0.000_5, "0.0005"),
            (0.000_012_3, "1.23e-5"),
            (f64::NAN, "no number"),
        ] {
            assert_eq!(number(value), text);
        }
        assert_eq!(grouped(999), "999");
        assert_eq!(percent(0.81553), "81.6 %");
    }
}
