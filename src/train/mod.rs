//! Training: from text to a run directory.
//!
//! Read in this order: [`Recipe`] (the settings), [`trainer`] (one step), [`optimizer`] and
//! [`schedule`] (what the step applies), [`evaluation`], [`pretrain`] (a whole run: [`Options`] in,
//! run directory out). What keeps a run from being lost: [`checkpoint`], [`run_json`],
//! [`checkpoint_directory`], [`lock`]; what shows that it can be had again: [`mod@verify`].

pub mod benchmark;
pub mod checkpoint;
pub mod checkpoint_directory;
mod error;
pub mod evaluation;
pub mod lock;
pub mod metrics;
mod observer;
pub mod optimizer;
mod options;
mod prepare;
mod pretrain;
pub mod recipe;
pub mod run_directory;
pub mod run_json;
pub mod schedule;
pub mod tokenizer_benchmark;
pub mod trainer;
pub mod verify;

pub use error::TrainError;
pub use observer::Observer;
pub use options::{Input, ModelSource, Options, VocabularySource};
pub use prepare::{Position, count_words};
pub use pretrain::{Finished, pretrain, resume};
pub use recipe::Recipe;
