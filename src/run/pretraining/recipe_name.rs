//! The names of recipes. [`recipe_table`](super::recipe_table) says what they set.

use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// A named set of defaults. What is given beside it takes its place; `run.json` records every value that results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RecipeName {
    /// `create_pretraining_data.py` and `run_pretraining.py` of Google's BERT.
    #[default]
    Google,
    /// What learns most in an hour on a CPU, from first weights.
    Laptop,
    /// That of the built-in run: two minutes over a small world.
    Stories,
}

/// `max_predictions_per_seq` of `laptop` for sequences of `max_seq_length` tokens: at least the share of masked
/// positions at the end of a run, 0.15, so that it never cuts them; 20 for 128 tokens.
pub(super) fn laptop_predictions(max_seq_length: usize) -> usize {
    (max_seq_length * 5).div_ceil(32)
}

impl FromStr for RecipeName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "google" => Ok(Self::Google),
            "laptop" => Ok(Self::Laptop),
            _ => Err("it is google or laptop"),
        }
    }
}
