//! How fast this machine is: a training step beside the FMA peak, on one machine and on several, and the tokenizer.
//!
//! Timings live here and are printed by `cloze bench`; no test asserts them.

pub mod ranks;
pub mod tokenizer;
pub mod training;
