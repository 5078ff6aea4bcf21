//! The learning rate: linear warm-up, then linear decay to zero (`create_optimizer` of Google's
//! `optimization.py`).

use serde::{Deserialize, Serialize};

/// Linear warm-up and decay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The rate that warm-up leads to.
    pub learning_rate: f64,
    /// Steps of the whole run.
    pub num_train_steps: u64,
    /// Steps of warm-up.
    pub num_warmup_steps: u64,
}

impl Schedule {
    /// The rate of step `step`, counted from 0: `lr × step / num_warmup_steps` while warming up (so
    /// the first step has rate 0), then `lr × (1 − step / num_train_steps)`.
    pub fn learning_rate(&self, step: u64) -> f32 {
        let part = if step < self.num_warmup_steps {
            step as f64 / self.num_warmup_steps as f64
        } else {
            1.0 - step.min(self.num_train_steps) as f64 / self.num_train_steps.max(1) as f64
        };
        (self.learning_rate * part) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warms_up_from_zero_and_decays_to_zero() {
        let schedule = Schedule { learning_rate: 1.0, num_train_steps: 10, num_warmup_steps: 4 };
        let rates: Vec<f32> = (0..11).map(|step| schedule.learning_rate(step)).collect();
        assert_eq!(rates, [0.0, 0.25, 0.5, 0.75, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0]);
    }
}
