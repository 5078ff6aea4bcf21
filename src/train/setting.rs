//! A setting with a value that cannot be used.

use std::fmt::{Display, LowerExp};

/// A setting with a value that cannot be used. The message gives the name in single quotes, so that a
/// command line can replace it by its own spelling.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{setting}' is {value}, but {needed}")]
pub struct SettingError {
    /// The setting, for example `train_batch_size`.
    pub setting: &'static str,
    /// Its value.
    pub value: String,
    /// The condition that the value must fulfil, as a sentence.
    pub needed: String,
}

/// Returns an error about `setting` unless `fits`.
///
/// # Errors
/// [`SettingError`].
pub fn check_setting(
    fits: bool,
    setting: &'static str,
    value: impl Display,
    needed: impl Display,
) -> Result<(), SettingError> {
    if fits {
        return Ok(());
    }
    Err(SettingError { setting, value: value.to_string(), needed: needed.to_string() })
}

/// The largest number of a setting: it is used as an `f32`, in which a larger one is infinite.
const LARGEST: f64 = f32::MAX as f64;

/// [`SettingError`], unless `value` is finite as an `f32` and `fits` it. Every setting with a fraction is checked
/// here: JSON has no infinity and no NaN, so `run.json` could not hold them.
///
/// # Errors
/// [`SettingError`].
pub fn check_number(
    setting: &'static str,
    value: impl Into<f64> + Display + LowerExp + Copy,
    fits: impl FnOnce(f64) -> bool,
    needed: impl Display,
) -> Result<(), SettingError> {
    let number = value.into();
    let shown = match number.is_finite() && number.abs() >= 1e16 {
        true => format!("{value:e}"),
        false => value.to_string(),
    };
    check_setting(fits(number), setting, &shown, needed)?;
    // False for NaN.
    let finite = number.abs() <= LARGEST;
    check_setting(finite, setting, shown, "it must be a number of at most 3.4e38")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_finite_and_in_its_range() {
        let check = |value: f64| check_number("rate", value, |rate| rate >= 0.0, "no less than 0");
        assert_eq!(check(f64::from(f32::MAX)), Ok(()));
        assert_eq!(check_number("rate", 1.5f32, |rate| rate == 1.5, ""), Ok(()));
        for (value, message) in [
            (1e39, "'rate' is 1e39, but it must be a number of at most 3.4e38"),
            (f64::INFINITY, "'rate' is inf, but it must be a number of at most 3.4e38"),
            (f64::NAN, "'rate' is NaN, but no less than 0"),
            (-0.5, "'rate' is -0.5, but no less than 0"),
        ] {
            assert_eq!(check(value).unwrap_err().to_string(), message);
        }
    }
}
