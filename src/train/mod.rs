//! How anything learns: one step, evaluation, optimizer, schedule. Nothing here knows a disk; the life of a
//! run is [`run`](crate::run)'s.
//!
//! Read in this order:
//! - [`Objective`]: what a step computes, with its batch and its named losses; [`pretraining`] is one.
//! - [`Recipe`]: the settings; [`schedule`] and [`optimizer`]: what a step applies.
//! - [`Trainer`]: one step over its micro-batches; [`gradient_tree`]: the order in which their gradients are
//!   added.
//! - [`Evaluator`]: means over held-out batches.

pub mod evaluation;
pub mod gradient_tree;
pub mod objective;
pub mod optimizer;
pub mod pretraining;
pub mod recipe;
pub mod schedule;
mod setting;
pub mod trainer;

pub use evaluation::{Evaluation, Evaluator};
pub use objective::Objective;
pub use recipe::Recipe;
pub use setting::{SettingError, check_number, check_setting};
pub use trainer::Trainer;
