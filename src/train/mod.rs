//! How anything learns.
pub mod evaluation;
pub mod optimizer;
pub mod recipe;
pub mod schedule;
pub mod trainer;

pub use recipe::Recipe;
