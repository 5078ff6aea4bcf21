//! How fast this machine is: a training step beside the FMA peak, and the tokenizer.
//!
//! Timings live here and are printed by `cloze bench`; no test asserts them.

pub mod tokenizer;
pub mod training;
