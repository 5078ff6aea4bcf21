//! Training: the recipe, the optimizer, the schedule, one step, evaluation, the run directory.
pub mod evaluation;
pub mod metrics;
pub mod optimizer;
pub mod recipe;
pub mod run_directory;
pub mod schedule;
pub mod trainer;
