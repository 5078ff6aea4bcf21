//! Every setting of pretraining that changes the weights.

use super::recipe_name::RecipeName;
use crate::data::{MaskSettings, MaskUnit, PairSettings, RandomNext, SentenceObjective};
use crate::model::{BatchShape, Config};
use crate::train::recipe::MICRO_BATCH_TOKENS;
use crate::train::{Recipe, SettingError, check_number, check_setting};
use serde::{Deserialize, Serialize};

/// The settings of pretraining. Defaults are Google's (`create_pretraining_data.py`,
/// `run_pretraining.py`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PretrainingRecipe {
    /// The set of defaults that the settings began with.
    #[serde(default)]
    pub name: RecipeName,
    /// What every training has: batches, optimizer, schedule, seed.
    #[serde(flatten)]
    pub training: Recipe,
    /// Masked positions of a sequence, at most.
    pub max_predictions_per_seq: usize,
    /// Share of positions that are masked.
    pub masked_lm_prob: f64,
    /// Share of positions that are masked in the first step; it changes linearly, and reaches `masked_lm_prob`
    /// with the last step. `None` for `masked_lm_prob` in every step.
    pub masked_lm_prob_start: Option<f64>,
    /// Share of instances whose target length is drawn at random.
    pub short_seq_prob: f64,
    /// What is masked at once.
    pub masking: MaskUnit,
    /// What is learned about pairs of segments.
    pub sentence_objective: SentenceObjective,
    /// Which document a random next sentence comes from.
    pub random_next: RandomNext,
    /// Tokens of a sequence in the first steps, the short phase; `None` for no such phase.
    pub short_phase_seq_length: Option<usize>,
    /// Share of the steps that are the short phase, when there is one.
    pub short_phase_fraction: f64,
    /// Sequences of a step of the short phase, in place of `train_batch_size`; `None` for as many as have the
    /// tokens of any other step.
    pub short_phase_batch_size: Option<usize>,
}

impl Default for PretrainingRecipe {
    fn default() -> Self {
        Self {
            name: RecipeName::default(),
            training: Recipe::default(),
            max_predictions_per_seq: 20,
            masked_lm_prob: 0.15,
            masked_lm_prob_start: None,
            short_seq_prob: 0.1,
            masking: MaskUnit::default(),
            sentence_objective: SentenceObjective::default(),
            random_next: RandomNext::default(),
            short_phase_seq_length: None,
            short_phase_fraction: 0.9,
            short_phase_batch_size: None,
        }
    }
}

impl PretrainingRecipe {
    /// The shape of one forward pass: of a micro-batch.
    pub fn batch_shape(&self) -> BatchShape {
        BatchShape {
            batch_size: self.training.micro_batch_size(),
            max_seq_length: self.training.max_seq_length,
            max_predictions_per_seq: self.max_predictions_per_seq,
        }
    }

    /// The shape of one forward pass of an evaluation. It depends on `max_seq_length` and
    /// `max_predictions_per_seq` alone: sums over a batch are rounded, so an evaluation has the same
    /// bits only if its batches are the same.
    pub fn evaluation_shape(&self) -> BatchShape {
        let max_seq_length = self.training.max_seq_length;
        let batch_size = (MICRO_BATCH_TOKENS / max_seq_length.max(1)).max(1);
        let max_predictions_per_seq = self.max_predictions_per_seq;
        BatchShape { batch_size, max_seq_length, max_predictions_per_seq }
    }

    /// Sets what is learned about segments A and B. Only next-sentence prediction has random sentences: for
    /// the others, `random_next` goes back to its default.
    pub fn set_sentence_objective(&mut self, objective: SentenceObjective) {
        self.sentence_objective = objective;
        if objective != SentenceObjective::NextSentence {
            self.random_next = RandomNext::default();
        }
    }

    /// How sentence pairs are made.
    pub fn pairs(&self) -> PairSettings {
        PairSettings {
            max_seq_length: self.training.max_seq_length,
            short_seq_prob: self.short_seq_prob,
            sentence_objective: self.sentence_objective,
            random_next: self.random_next,
        }
    }

    /// How tokens are masked.
    pub fn masks(&self) -> MaskSettings {
        MaskSettings {
            masked_lm_prob: self.masked_lm_prob,
            max_predictions_per_seq: self.max_predictions_per_seq,
            masking: self.masking,
        }
    }

    /// Checks every setting, and that `config` can hold the sequences.
    ///
    /// # Errors
    /// [`SettingError`], naming the setting and its value.
    pub fn validate(&self, config: &Config) -> Result<(), SettingError> {
        self.validate_values()?;
        self.training.validate(config)?;
        self.validate_short_phase()
    }

    /// Checks what can be checked without the model's configuration: the range of every setting.
    ///
    /// # Errors
    /// [`SettingError`], naming the setting and its value.
    pub fn validate_values(&self) -> Result<(), SettingError> {
        self.training.validate_values()?;
        let (seq, predictions) = (self.training.max_seq_length, self.max_predictions_per_seq);
        let needed = "it must be from 1 to 'max_seq_length'";
        let fits = (1..=seq).contains(&predictions);
        check_setting(fits, "max_predictions_per_seq", predictions, needed)?;
        check_shares(self.masked_lm_prob, self.short_seq_prob)?;
        check_random_next(&self.pairs())?;
        self.validate_curricula()
    }

    /// Checks the settings of what changes in the course of a run.
    fn validate_curricula(&self) -> Result<(), SettingError> {
        let share = |share: f64| (0.0..=1.0).contains(&share);
        if let Some(start) = self.masked_lm_prob_start {
            check_number("masked_lm_prob_start", start, share, "it must be from 0 to 1")?;
            let needed = "with 'masked_lm_prob_start' it must be above 0";
            check_number("masked_lm_prob", self.masked_lm_prob, |prob| prob > 0.0, needed)?;
        }
        let fraction = self.short_phase_fraction;
        check_number("short_phase_fraction", fraction, share, "it must be from 0 to 1")?;
        if let Some(length) = self.short_phase_seq_length {
            let fits = (5..=self.training.max_seq_length).contains(&length);
            let needed = "it must be from 5 to 'max_seq_length'";
            check_setting(fits, "short_phase_seq_length", length, needed)?;
        }
        if let Some(size) = self.short_phase_batch_size {
            let setting = "short_phase_batch_size";
            let needed = "it needs 'short_phase_seq_length'";
            check_setting(self.short_phase_seq_length.is_some(), setting, size, needed)?;
            let fits = (1..=1 << 20).contains(&size);
            check_setting(fits, setting, size, "it must be from 1 to 1048576")?;
        }
        Ok(())
    }

    /// Checks that a step of the short phase can be counted.
    fn validate_short_phase(&self) -> Result<(), SettingError> {
        let (Some(length), Some(size)) = (self.short_phase_seq_length, self.short_phase_batch_size)
        else {
            return Ok(());
        };
        let steps = self.training.gradient_accumulation_steps;
        let most = (1 << 31) / length / steps;
        let needed = format!(
            "with {steps} 'gradient_accumulation_steps' and sequences of {length} tokens it must be at most {most}"
        );
        check_setting(size <= most, "short_phase_batch_size", size, needed)
    }
}

/// Checks the two shares that decide how text becomes instances, where there is no whole recipe.
///
/// # Errors
/// [`SettingError`], naming the setting and its value.
pub fn check_shares(masked_lm_prob: f64, short_seq_prob: f64) -> Result<(), SettingError> {
    for (setting, share) in [("masked_lm_prob", masked_lm_prob), ("short_seq_prob", short_seq_prob)]
    {
        let fits = |share: f64| (0.0..=1.0).contains(&share);
        check_number(setting, share, fits, "it must be from 0 to 1")?;
    }
    Ok(())
}

/// Checks that there are random sentences where `random_next` says which.
///
/// # Errors
/// [`SettingError`], naming the setting and its value.
pub fn check_random_next(pairs: &PairSettings) -> Result<(), SettingError> {
    let fits = pairs.random_next == RandomNext::Any
        || pairs.sentence_objective == SentenceObjective::NextSentence;
    let value = serde_json::to_value(pairs.random_next).expect("a name");
    let needed = "only next-sentence prediction has random sentences; leave it out";
    check_setting(fits, "random_next", value.as_str().unwrap_or_default(), needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_setting_is_named() {
        let config = Config::named("tiny", 100).unwrap();
        let good = PretrainingRecipe::default();
        good.validate(&config).unwrap();
        type Change = fn(&mut PretrainingRecipe);
        let bad: [(&str, Change); 13] = [
            ("'max_seq_length' is 4", |r| r.training.max_seq_length = 4),
            ("'max_predictions_per_seq' is 0", |r| r.max_predictions_per_seq = 0),
            ("'masked_lm_prob' is 1.5", |r| r.masked_lm_prob = 1.5),
            ("'short_seq_prob' is NaN", |r| r.short_seq_prob = f64::NAN),
            ("'random_next' is nearby", |r| {
                r.random_next = RandomNext::Nearby;
                r.sentence_objective = SentenceObjective::SentenceOrder;
            }),
            ("'train_batch_size' is 0", |r| r.training.train_batch_size = 0),
            ("'masked_lm_prob_start' is 1.5", |r| r.masked_lm_prob_start = Some(1.5)),
            ("'masked_lm_prob' is 0", |r| {
                (r.masked_lm_prob, r.masked_lm_prob_start) = (0.0, Some(0.3));
            }),
            ("'short_phase_seq_length' is 4", |r| r.short_phase_seq_length = Some(4)),
            ("'short_phase_seq_length' is 129", |r| r.short_phase_seq_length = Some(129)),
            ("'short_phase_fraction' is 1.5", |r| r.short_phase_fraction = 1.5),
            ("'short_phase_batch_size' is 8", |r| r.short_phase_batch_size = Some(8)),
            ("'short_phase_batch_size' is 1048576", |r| {
                r.short_phase_seq_length = Some(64);
                r.short_phase_batch_size = Some(1 << 20);
                r.training.gradient_accumulation_steps = 1 << 10;
            }),
        ];
        for (message, change) in bad {
            let mut recipe = good.clone();
            change(&mut recipe);
            let error = recipe.validate(&config).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
