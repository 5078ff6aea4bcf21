//! A setting with a value that cannot be used.

use std::fmt::Display;

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
