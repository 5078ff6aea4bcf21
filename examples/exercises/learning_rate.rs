//! Chapter 11, the schedule: warm-up, then linear decay to 0.
//!
//! ```text
//! lr(step) = rate · step/num_warmup_steps          if step < num_warmup_steps
//! lr(step) = rate · (1 − step/num_train_steps)     after it
//! ```
//!
//! Steps are counted from 0, and `num_warmup_steps` may be 0.

/// The learning rate of step `step`, 0 ≤ step ≤ num_train_steps.
pub fn learning_rate(step: u64, rate: f64, num_warmup_steps: u64, num_train_steps: u64) -> f64 {
    0.0 // write this function
}
