//! data
pub mod stories;
