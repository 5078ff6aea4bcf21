//! A setting with a value that cannot be used.

use std::fmt::Display;

/// A setting with a value that cannot be used. `setting` is its name in single quotes in the message, so that
/// a command line can put its own spelling there.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{setting}' is {value}, but {needed}")]
pub struct SettingError {
    /// The setting, for example `train_batch_size`.
    pub setting: &'static str,
    /// Its value.
    pub value: String,
    /// What it must be.
    pub needed: String,
}

/// [`SettingError`], unless `fits`.
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
