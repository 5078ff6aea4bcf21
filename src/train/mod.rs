//! train
pub mod optimizer;
pub mod schedule;
