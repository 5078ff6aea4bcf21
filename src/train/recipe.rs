//! The settings of training that every objective has: batches, optimizer, schedule, seed.

use super::optimizer::{AdamW, MatrixOptimizer};
use super::schedule::Schedule;
use super::setting::{SettingError, check_number, check_setting};
use crate::model::Config;
use serde::{Deserialize, Serialize};

/// The most tokens of one forward pass (unless a single sequence has more): enough for fast matrix
/// products, few enough that the values stay in the processor's caches.
pub const MICRO_BATCH_TOKENS: usize = 2048;

/// The settings of training. The defaults follow Google's `run_pretraining.py`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recipe {
    /// Tokens of a sequence, special tokens included.
    pub max_seq_length: usize,
    /// Sequences of one step when `gradient_accumulation_steps` is 1.
    pub train_batch_size: usize,
    /// A step has `train_batch_size ×` this many sequences. Only the product matters, because a step is
    /// always computed in [micro-batches](Recipe::micro_batches).
    pub gradient_accumulation_steps: usize,
    /// Warm-up and decay.
    pub schedule: Schedule,
    /// The optimizer.
    pub optimizer: AdamW,
    /// The optimizer of the matrices of the encoder's layers.
    #[serde(default)]
    pub matrix_optimizer: MatrixOptimizer,
    /// The decay of the [average](super::averaging) of the weights, which is evaluated and saved; 0 for no
    /// average.
    #[serde(default)]
    pub ema_decay: f32,
    /// The largest global norm of the gradient. A larger gradient is scaled down to it.
    pub max_grad_norm: f32,
    /// The seed of all randomness.
    pub seed: u64,
    /// Learning rates to try one after another, each from the first weights, with the same batches and the same
    /// dropout, in an equal part of `num_train_steps`. Empty for one training with the rate of `schedule`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trials: Vec<f64>,
    /// The most tokens of one forward pass, padding included, unless a single sequence has more.
    #[serde(default = "micro_batch_tokens", skip_serializing_if = "is_usual")]
    pub micro_batch_tokens: usize,
}

fn micro_batch_tokens() -> usize {
    MICRO_BATCH_TOKENS
}

fn is_usual(tokens: &usize) -> bool {
    *tokens == MICRO_BATCH_TOKENS
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            max_seq_length: 128,
            train_batch_size: 32,
            gradient_accumulation_steps: 1,
            schedule: Schedule::default(),
            optimizer: AdamW::default(),
            matrix_optimizer: MatrixOptimizer::default(),
            ema_decay: 0.0,
            max_grad_norm: 1.0,
            seed: 12345,
            trials: Vec::new(),
            micro_batch_tokens: MICRO_BATCH_TOKENS,
        }
    }
}

impl Recipe {
    /// Sequences of one step.
    pub fn sequences_per_step(&self) -> usize {
        self.train_batch_size.saturating_mul(self.gradient_accumulation_steps)
    }

    /// Steps of one trial: of the whole run unless there are several.
    pub fn steps_of_trial(&self) -> u64 {
        self.schedule.num_train_steps / self.trials.len().max(1) as u64
    }

    /// The trial that step `step` belongs to, and the number of the step in it, both counted from 0.
    pub fn trial(&self, step: u64) -> (usize, u64) {
        let steps = self.steps_of_trial().max(1);
        let trial = (step / steps).min(self.trials.len().saturating_sub(1) as u64);
        (trial as usize, step - trial * steps)
    }

    /// The learning rate of step `step`, counted from 0: [`Schedule::learning_rate`] of its trial.
    pub fn learning_rate(&self, step: u64) -> f32 {
        let (trial, step) = self.trial(step);
        let learning_rate = self.trials.get(trial).copied().unwrap_or(self.schedule.learning_rate);
        let num_train_steps = self.steps_of_trial();
        Schedule { learning_rate, num_train_steps, ..self.schedule }.learning_rate(step)
    }

    /// Sequences of each micro-batch of a step, in order: the fewest micro-batches that hold the step with
    /// at most `micro_batch_tokens` tokens each. All have the same size except the last, which may be
    /// smaller. They depend only on the product of batch size and accumulation steps, so 32 × 1 and 16 × 2
    /// give the same bits.
    pub fn micro_batches(&self) -> impl Iterator<Item = usize> + use<> {
        let (all, size) = (self.sequences_per_step(), self.micro_batch_size());
        (0..all.div_ceil(size)).map(move |index| size.min(all - index * size))
    }

    /// Sequences of every micro-batch except the last, which may have fewer.
    pub fn micro_batch_size(&self) -> usize {
        let most = (self.micro_batch_tokens / self.max_seq_length.max(1)).max(1);
        let all = self.sequences_per_step().max(1);
        all.div_ceil(all.div_ceil(most))
    }

    /// Checks every setting, and that `config` can hold the sequences.
    ///
    /// # Errors
    /// [`SettingError`], naming the setting and its value.
    pub fn validate(&self, config: &Config) -> Result<(), SettingError> {
        self.validate_values()?;
        let seq = self.max_seq_length;
        let positions = config.max_position_embeddings;
        let needed = format!("the model's max_position_embeddings is {positions}");
        check_setting(seq <= positions, "max_seq_length", seq, needed)?;
        let most = (1 << 31) / seq;
        let needed = format!("with sequences of {seq} tokens it must be at most {most}");
        let batch = self.train_batch_size;
        check_setting(batch <= most, "train_batch_size", batch, needed)?;
        let (steps, most) = (self.gradient_accumulation_steps, most / batch);
        let needed = format!("with {batch} sequences of {seq} tokens it must be at most {most}");
        check_setting(steps <= most, "gradient_accumulation_steps", steps, needed)
    }

    /// Checks what can be checked without the model's configuration: the range of every setting.
    ///
    /// # Errors
    /// [`SettingError`], naming the setting and its value.
    pub fn validate_values(&self) -> Result<(), SettingError> {
        let seq = self.max_seq_length;
        check_setting(seq >= 5, "max_seq_length", seq, "[CLS] A [SEP] B [SEP] takes at least 5")?;
        for (setting, value) in [
            ("train_batch_size", self.train_batch_size),
            ("gradient_accumulation_steps", self.gradient_accumulation_steps),
        ] {
            let fits = (1..=1 << 20).contains(&value);
            check_setting(fits, setting, value, "it must be from 1 to 1048576")?;
        }
        self.schedule.validate()?;
        for &rate in &self.trials {
            let needed = "it must be a number not below 0";
            check_number("learning_rate", rate, |rate| rate >= 0.0, needed)?;
        }
        let needed = "it must be at least 0 and below 1";
        let fits = |decay: f64| (0.0..1.0).contains(&decay);
        check_number("weight_decay", self.optimizer.weight_decay, fits, needed)?;
        check_number("adam_beta2", self.optimizer.beta_2, fits, needed)?;
        check_number("ema_decay", self.ema_decay, fits, needed)?;
        check_number("max_grad_norm", self.max_grad_norm, |norm| norm > 0.0, "it must be above 0")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn micro_batches_depend_on_the_product_alone() {
        let cut = |train_batch_size, gradient_accumulation_steps, max_seq_length| {
            let recipe = Recipe {
                train_batch_size,
                gradient_accumulation_steps,
                max_seq_length,
                ..Recipe::default()
            };
            let sizes: Vec<usize> = recipe.micro_batches().collect();
            assert_eq!(recipe.micro_batch_size(), sizes[0]);
            sizes
        };
        assert_eq!(cut(32, 1, 128), [16, 16]);
        assert_eq!(cut(16, 2, 128), [16, 16]);
        assert_eq!(cut(1, 32, 128), [16, 16]);
        assert_eq!(cut(33, 1, 128), [11, 11, 11]);
        assert_eq!(cut(17, 1, 128), [9, 8]);
        assert_eq!(cut(32, 1, 48), [32]);
        assert_eq!(cut(2, 1, 4096), [1, 1]);
        assert_eq!(cut(1, 1, 128), [1]);
    }

    #[test]
    fn every_trial_has_the_whole_schedule() {
        let schedule = Schedule { learning_rate: 9.0, num_train_steps: 8, num_warmup_steps: 2 };
        let recipe = Recipe { schedule, trials: vec![1.0, 2.0], ..Recipe::default() };
        let rates: Vec<f32> = (0..8).map(|step| recipe.learning_rate(step)).collect();
        assert_eq!(rates, [0.0, 0.5, 0.5, 0.25, 0.0, 1.0, 1.0, 0.5]);
        assert_eq!(
            [0, 3, 4, 7, 8].map(|step| recipe.trial(step)),
            [(0, 0), (0, 3), (1, 0), (1, 3), (1, 4)]
        );
        let one = Recipe { trials: Vec::new(), ..recipe };
        assert_eq!((one.trial(8), one.learning_rate(4)), ((0, 8), 4.5));
    }

    #[test]
    fn every_bad_setting_is_named() {
        let config = Config::named("tiny", 100).unwrap();
        let good = Recipe::default();
        good.validate(&config).unwrap();
        type Change = fn(&mut Recipe);
        let bad: [(&str, Change); 12] = [
            ("'max_seq_length' is 4", |r| r.max_seq_length = 4),
            ("max_position_embeddings is 512", |r| r.max_seq_length = 513),
            ("'train_batch_size' is 0", |r| r.train_batch_size = 0),
            ("'learning_rate' is inf", |r| r.schedule.learning_rate = f64::INFINITY),
            ("'num_train_steps' is 0", |r| r.schedule.num_train_steps = 0),
            ("'num_warmup_steps' is 100001", |r| r.schedule.num_warmup_steps = 100_001),
            ("'weight_decay' is -1", |r| r.optimizer.weight_decay = -1.0),
            ("'adam_beta2' is 1", |r| r.optimizer.beta_2 = 1.0),
            ("'adam_beta2' is NaN", |r| r.optimizer.beta_2 = f32::NAN),
            ("'ema_decay' is 1", |r| r.ema_decay = 1.0),
            ("'max_grad_norm' is 0", |r| r.max_grad_norm = 0.0),
            ("'max_grad_norm' is inf", |r| r.max_grad_norm = f32::INFINITY),
        ];
        for (message, change) in bad {
            let mut recipe = good.clone();
            change(&mut recipe);
            let error = recipe.validate(&config).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
