//! Training in memory: one step, evaluation, optimizer, schedule, for any objective. Files, checkpoints and
//! resuming belong to [`run`](crate::run).
//!
//! Read in this order:
//! - [`Objective`]: the computation of a step, with its kind of batch and its named losses; [`pretraining`]
//!   and [`finetuning`] are two.
//! - [`Recipe`]: the settings, with the [`schedule`] of the learning rate, the [`optimizer`], [`muon`] for
//!   matrices, and the [`averaging`] of weights.
//! - [`Trainer`]: one step over its micro-batches; [`gradient_tree`]: the order in which their gradients are
//!   added.
//! - [`serve`]: the ranks of a run on several machines; [`shards`]: how they share a step.
//! - [`Evaluator`]: means over held-out batches; [`metrics`]: what fine-tuned models are measured by.

pub mod averaging;
mod commands;
pub mod evaluation;
pub mod finetuning;
pub mod gradient_tree;
pub mod metrics;
pub mod muon;
pub mod objective;
pub mod optimizer;
pub mod pretraining;
pub mod recipe;
mod reduction;
pub mod schedule;
pub mod serving;
mod setting;
pub mod shards;
pub mod trainer;

pub use commands::{end, probe_ranks};
pub use evaluation::{Evaluation, Evaluator};
pub use objective::{Objective, SharedObjective};
pub use recipe::Recipe;
pub use serving::serve;
pub use setting::{SettingError, check_number, check_setting};
pub use trainer::Trainer;
