//! Every setting of a pretraining run that changes its result: what `run.json` records.

use super::optimizer::AdamW;
use super::schedule::Schedule;
use crate::model::{BatchShape, Config};
use serde::{Deserialize, Serialize};

/// Tokens of one forward pass, at most, unless a single sequence has more: enough to keep the matrix
/// products busy, few enough that their values stay near the processor.
pub const MICRO_BATCH_TOKENS: usize = 2048;

/// The settings of a run. Defaults are Google's (`create_pretraining_data.py`,
/// `run_pretraining.py`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Tokens of a sequence, special tokens included.
    pub max_seq_length: usize,
    /// Masked positions of a sequence, at most.
    pub max_predictions_per_seq: usize,
    /// Share of positions that are masked.
    pub masked_lm_prob: f64,
    /// Share of instances with a target length drawn at random.
    pub short_seq_prob: f64,
    /// Whether the pieces of a word are masked together.
    pub whole_word_mask: bool,
    /// Whether next-sentence prediction is left out: one segment, no pairs.
    pub no_nsp: bool,
    /// Sequences of one step, when `gradient_accumulation_steps` is 1.
    pub train_batch_size: usize,
    /// A step sees `train_batch_size ×` this many sequences. Only the product counts: a step is always
    /// computed in [micro-batches](Recipe::micro_batches).
    pub gradient_accumulation_steps: usize,
    /// Warm-up and decay.
    pub schedule: Schedule,
    /// The optimizer.
    pub optimizer: AdamW,
    /// Gradients are scaled down to this norm.
    pub max_grad_norm: f32,
    /// What all randomness is drawn from.
    pub seed: u64,
}

/// A setting that makes no sense.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{option} is {value}, but {needed}")]
pub struct RecipeError {
    /// The option, as the command line calls it.
    pub option: &'static str,
    /// Its value.
    pub value: String,
    /// What it must be.
    pub needed: String,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            max_seq_length: 128,
            max_predictions_per_seq: 20,
            masked_lm_prob: 0.15,
            short_seq_prob: 0.1,
            whole_word_mask: false,
            no_nsp: false,
            train_batch_size: 32,
            gradient_accumulation_steps: 1,
            schedule: Schedule {
                learning_rate: 5e-5,
                num_train_steps: 100_000,
                num_warmup_steps: 10_000,
            },
            optimizer: AdamW::default(),
            max_grad_norm: 1.0,
            seed: 12345,
        }
    }
}

impl Recipe {
    /// Sequences of one step.
    pub fn sequences_per_step(&self) -> usize {
        self.train_batch_size.saturating_mul(self.gradient_accumulation_steps)
    }

    /// Sequences of each micro-batch of a step, in order: as few micro-batches as hold the step with
    /// at most [`MICRO_BATCH_TOKENS`] tokens each, all of one size but the last. How the step's
    /// sequences are shared out between batch size and accumulation plays no part, so it changes no
    /// bit.
    pub fn micro_batches(&self) -> impl Iterator<Item = usize> + use<> {
        let (all, size) = (self.sequences_per_step(), self.micro_batch_size());
        (0..all.div_ceil(size)).map(move |index| size.min(all - index * size))
    }

    fn micro_batch_size(&self) -> usize {
        let most = (MICRO_BATCH_TOKENS / self.max_seq_length.max(1)).max(1);
        let all = self.sequences_per_step().max(1);
        all.div_ceil(all.div_ceil(most))
    }

    /// The shape of one forward pass: of a micro-batch.
    pub fn batch_shape(&self) -> BatchShape {
        BatchShape {
            batch_size: self.micro_batch_size(),
            max_seq_length: self.max_seq_length,
            max_predictions_per_seq: self.max_predictions_per_seq,
        }
    }

    /// Checks every setting, and that `config` can hold the sequences.
    ///
    /// # Errors
    /// [`RecipeError`], naming the option and its value.
    pub fn validate(&self, config: &Config) -> Result<(), RecipeError> {
        let check = |fits: bool, option, value: &dyn std::fmt::Display, needed: &str| {
            let error = || RecipeError { option, value: value.to_string(), needed: needed.into() };
            if fits { Ok(()) } else { Err(error()) }
        };
        let seq = self.max_seq_length;
        check(seq >= 5, "--max-seq-length", &seq, "[CLS] A [SEP] B [SEP] takes at least 5")?;
        let positions = config.max_position_embeddings;
        let needed = format!("the model's max_position_embeddings is {positions}");
        check(seq <= positions, "--max-seq-length", &seq, &needed)?;
        let predictions = self.max_predictions_per_seq;
        let needed = "it must be from 1 to --max-seq-length";
        check((1..=seq).contains(&predictions), "--max-predictions-per-seq", &predictions, needed)?;
        check_shares(self.masked_lm_prob, self.short_seq_prob)?;
        for (option, value) in [
            ("--train-batch-size", self.train_batch_size),
            ("--gradient-accumulation-steps", self.gradient_accumulation_steps),
        ] {
            check((1..=1 << 20).contains(&value), option, &value, "it must be from 1 to 1048576")?;
        }
        let most = (1 << 31) / seq;
        let needed = format!("with sequences of {seq} tokens it must be at most {most}");
        let batch = self.train_batch_size;
        check(batch <= most, "--train-batch-size", &batch, &needed)?;
        let (steps, most) = (self.gradient_accumulation_steps, most / batch);
        let needed = format!("with {batch} sequences of {seq} tokens it must be at most {most}");
        check(steps <= most, "--gradient-accumulation-steps", &steps, &needed)?;
        let Schedule { learning_rate, num_train_steps, num_warmup_steps } = self.schedule;
        let fits = learning_rate.is_finite() && learning_rate >= 0.0;
        check(fits, "--learning-rate", &learning_rate, "it must be a number not below 0")?;
        let fits = (1..=u64::from(u32::MAX)).contains(&num_train_steps);
        check(fits, "--num-train-steps", &num_train_steps, "it must be from 1 to 4294967295")?;
        let fits = num_warmup_steps <= num_train_steps;
        let needed = format!("it must be at most --num-train-steps, {num_train_steps}");
        check(fits, "--num-warmup-steps", &num_warmup_steps, &needed)?;
        let decay = self.optimizer.weight_decay;
        let fits = (0.0..1.0).contains(&decay);
        check(fits, "--weight-decay", &decay, "it must be at least 0 and below 1")?;
        let norm = self.max_grad_norm;
        check(norm > 0.0, "--max-grad-norm", &norm, "it must be above 0")
    }
}

/// Checks the shares that text becomes instances by, where there is no whole recipe.
///
/// # Errors
/// [`RecipeError`], naming the option and its value.
pub fn check_shares(masked_lm_prob: f64, short_seq_prob: f64) -> Result<(), RecipeError> {
    let shares = [("--masked-lm-prob", masked_lm_prob), ("--short-seq-prob", short_seq_prob)];
    match shares.into_iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
        None => Ok(()),
        Some((option, share)) => {
            let needed = "it must be from 0 to 1".into();
            Err(RecipeError { option, value: share.to_string(), needed })
        }
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
            assert_eq!(recipe.batch_shape().batch_size, sizes[0]);
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
    fn every_bad_setting_is_named() {
        let config = Config::named("tiny", 100).unwrap();
        let good = Recipe::default();
        good.validate(&config).unwrap();
        type Change = fn(&mut Recipe);
        let bad: [(&str, Change); 11] = [
            ("--max-seq-length is 4", |r| r.max_seq_length = 4),
            ("max_position_embeddings is 512", |r| r.max_seq_length = 513),
            ("--max-predictions-per-seq is 0", |r| r.max_predictions_per_seq = 0),
            ("--masked-lm-prob is 1.5", |r| r.masked_lm_prob = 1.5),
            ("--short-seq-prob is NaN", |r| r.short_seq_prob = f64::NAN),
            ("--train-batch-size is 0", |r| r.train_batch_size = 0),
            ("--learning-rate is inf", |r| r.schedule.learning_rate = f64::INFINITY),
            ("--num-train-steps is 0", |r| r.schedule.num_train_steps = 0),
            ("--num-warmup-steps is 100001", |r| r.schedule.num_warmup_steps = 100_001),
            ("--weight-decay is -1", |r| r.optimizer.weight_decay = -1.0),
            ("--max-grad-norm is 0", |r| r.max_grad_norm = 0.0),
        ];
        for (message, change) in bad {
            let mut recipe = good.clone();
            change(&mut recipe);
            let error = recipe.validate(&config).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
