//! The learning rate: linear warm-up, then linear decay to zero (`create_optimizer` of Google's
//! `optimization.py`).

use super::setting::{SettingError, check_number, check_setting};
use serde::{Deserialize, Serialize};

/// Linear warm-up and decay.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The learning rate at the end of warm-up.
    pub learning_rate: f64,
    /// Steps of the whole run.
    pub num_train_steps: u64,
    /// Steps of warm-up.
    pub num_warmup_steps: u64,
}

impl Default for Schedule {
    /// Google's: 5e-5 over 100,000 steps, 10,000 of them warm-up.
    fn default() -> Self {
        Self { learning_rate: 5e-5, num_train_steps: 100_000, num_warmup_steps: 10_000 }
    }
}

impl Schedule {
    /// The learning rate of step `step`, counted from 0: `learning_rate × step / num_warmup_steps` during
    /// warm-up (so the first step has rate 0), then `learning_rate × (1 − step / num_train_steps)`.
    pub fn learning_rate(&self, step: u64) -> f32 {
        let part = if step < self.num_warmup_steps {
            step as f64 / self.num_warmup_steps as f64
        } else {
            1.0 - step.min(self.num_train_steps) as f64 / self.num_train_steps.max(1) as f64
        };
        (self.learning_rate * part) as f32
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`SettingError`], naming the setting and its value.
    pub fn validate(&self) -> Result<(), SettingError> {
        let Self { learning_rate, num_train_steps, num_warmup_steps } = *self;
        let needed = "it must be a number not below 0";
        check_number("learning_rate", learning_rate, |rate| rate >= 0.0, needed)?;
        let fits = (1..=u64::from(u32::MAX)).contains(&num_train_steps);
        let needed = "it must be from 1 to 4294967295";
        check_setting(fits, "num_train_steps", num_train_steps, needed)?;
        let fits = num_warmup_steps <= num_train_steps;
        let needed = format!("it must be at most 'num_train_steps', {num_train_steps}");
        check_setting(fits, "num_warmup_steps", num_warmup_steps, needed)
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
