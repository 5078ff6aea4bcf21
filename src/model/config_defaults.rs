//! What stands for a key that a `config.json` does not have: the defaults of Hugging Face's `BertConfig`.

use serde::{Deserialize, Deserializer};

/// Some files have `null` for a value that is not there.
pub(super) fn null_as_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    value: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}

pub(super) fn model_type() -> String {
    "bert".into()
}

pub(super) fn gelu() -> String {
    "gelu".into()
}

pub(super) fn tenth() -> f32 {
    0.1
}

pub(super) fn default_positions() -> usize {
    512
}

pub(super) fn two() -> usize {
    2
}

pub(super) fn initial_range() -> f32 {
    0.02
}

pub(super) fn epsilon() -> f32 {
    1e-12
}

pub(super) fn tied() -> bool {
    true
}

pub(super) fn absolute() -> String {
    "absolute".into()
}
