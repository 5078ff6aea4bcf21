//! The settings of a run, as far as the run has to know them.

use super::train_time::TrainTime;
use crate::train::{Recipe, SettingError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;

/// The settings of a run. `run.json` holds them.
pub trait RunOptions: Clone + PartialEq + Serialize + DeserializeOwned + Sync {
    /// Names of the settings that say where data lies. A run can be resumed with other values of these when the
    /// data is the same.
    const PATHS: &'static [&'static str];

    /// Whether `gradient_accumulation_steps` is one of the settings.
    const ACCUMULATES: bool = false;

    /// Batches, optimizer, schedule, seed.
    fn recipe(&self) -> &Recipe;

    /// The recipe of step `step`, counted from 0, where batches change in the course of a run.
    fn recipe_at(&self, step: u64) -> Recipe {
        let _ = step;
        self.recipe().clone()
    }

    /// The parts of a run whose steps have the same shapes: the share of the steps, and the step in the middle.
    fn phases(&self) -> Vec<(f64, u64)> {
        vec![(1.0, self.recipe().schedule.num_train_steps / 2)]
    }

    /// Steps between log lines, at least 1.
    fn log_every(&self) -> u64;

    /// Steps between evaluations; 0 for one at the end only.
    fn eval_every(&self) -> u64;

    /// Steps between checkpoints; 0 for none but the one at the end, or when the run is stopped.
    fn save_checkpoints_steps(&self) -> u64;

    /// The run directory; `None` for a run in memory.
    fn output_dir(&self) -> Option<&Path>;

    /// The budget of time that takes the place of `num_train_steps` until the steps are known.
    fn train_time(&self) -> Option<TrainTime> {
        None
    }

    /// Replaces [`RunOptions::train_time`] by steps. Warm-up follows from them unless it was given.
    fn set_steps_of_train_time(&mut self, _num_train_steps: u64, _eval_every: u64) {}

    /// Checks every setting, as far as that needs no file. Nothing is read or written before.
    ///
    /// # Errors
    /// [`SettingError`], naming the setting and its value.
    fn validate(&self) -> Result<(), SettingError>;

    /// The same settings for a run in memory.
    #[must_use]
    fn in_memory(self) -> Self;

    /// Every setting that changes the result or `metrics.jsonl`, by its name.
    fn settings(&self) -> Vec<(String, Value)>;
}
