//! The settings of a fine-tuning run.

use super::sources::{ExampleSource, ModelSource};
use crate::data::features::WindowSettings;
use crate::data::labelled::Columns;
use crate::model::{HeadLoss, Pooling};
use crate::run::run_json::{as_written, leaves};
use crate::run::run_options::RunOptions;
use crate::train::recipe::Recipe;
use crate::train::{SettingError, check_number, check_setting};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::Path;

/// What a model can learn from labelled examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FinetuningTask {
    /// A class for a text or a pair.
    Classify,
    /// A number for a text or a pair.
    Regress,
    /// A label for each word.
    Tag,
    /// The answer to a question, as a part of a text.
    Answer,
    /// Sentence embeddings.
    Embed,
}

impl FinetuningTask {
    /// The name of the task on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classify => "classify",
            Self::Regress => "regress",
            Self::Tag => "tag",
            Self::Answer => "answer",
            Self::Embed => "embed",
        }
    }
}

/// Tokens of a forward pass, at most: a batch of 32 sequences of 128 tokens.
const MICRO_BATCH_TOKENS: usize = 4096;

/// Every setting of a fine-tuning run; `run.json` holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FinetuningOptions {
    /// What is learned.
    pub task: FinetuningTask,
    /// The model to start from.
    pub model: ModelSource,
    /// The examples to learn from.
    pub train: ExampleSource,
    /// The examples to evaluate on after each epoch. Without them, some of `train` are held out.
    pub eval: Option<ExampleSource>,
    /// The share of `train` that is held out when there is no `eval`; 0 for none.
    pub eval_fraction: f64,
    /// The names of columns.
    pub columns: Columns,
    /// Passes over the examples; `None` for [`usual_epochs`].
    pub num_train_epochs: Option<u64>,
    /// Tokens of a sequence; `None` for 128 (384 to answer, 64 to embed), or what the model has positions for.
    pub max_seq_length: Option<usize>,
    /// Highest learning rates, each of which is tried; `None` for a choice by the size of the model.
    pub learning_rate: Option<Vec<f64>>,
    /// Tokens between the beginnings of two windows over a long text to answer from.
    pub doc_stride: usize,
    /// Tokens of a question, at most.
    pub max_query_length: usize,
    /// How the hidden states of a sentence become its embedding.
    pub pooling: Pooling,
    /// The number that cosines are divided by in the contrastive loss.
    pub temperature: f32,
    /// Dropout of hidden states.
    pub hidden_dropout_prob: f32,
    /// Dropout of attention probabilities.
    pub attention_probs_dropout_prob: f32,
    /// Batches, optimizer, schedule, seed. What follows from the options above and from the number of examples is
    /// set by [`Finetuning`](super::Finetuning).
    pub recipe: Recipe,
    /// Steps between evaluations: those of an epoch.
    pub eval_every: u64,
    /// Steps between log lines.
    pub log_every: u64,
    /// Steps between checkpoints; 0 for none but the one at the end, or when the run is stopped.
    pub save_checkpoints_steps: u64,
    /// The run directory; `None` for a run in memory.
    pub output_dir: Option<std::path::PathBuf>,
}

impl FinetuningOptions {
    /// The settings of Google's `run_classifier.py` and `run_squad.py`, and of SimCSE for embeddings (batch 64, one
    /// epoch). Few examples are read more often than there: [`usual_epochs`].
    pub fn new(task: FinetuningTask, model: ModelSource, train: ExampleSource) -> Self {
        let embeds = task == FinetuningTask::Embed;
        let windows = WindowSettings::default();
        let mut recipe = Recipe {
            train_batch_size: if embeds { 64 } else { 32 },
            micro_batch_tokens: MICRO_BATCH_TOKENS,
            ..Recipe::default()
        };
        if embeds {
            // The negatives of a pair are the other pairs of its forward pass.
            recipe.micro_batch_tokens = usize::MAX >> 1;
        }
        Self {
            task,
            model,
            train,
            eval: None,
            eval_fraction: 0.1,
            columns: Columns::default(),
            num_train_epochs: None,
            max_seq_length: None,
            learning_rate: None,
            doc_stride: windows.doc_stride,
            max_query_length: windows.max_query_length,
            pooling: Pooling::default(),
            temperature: 0.05,
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            recipe,
            eval_every: 0,
            log_every: 100,
            save_checkpoints_steps: 1000,
            output_dir: None,
        }
    }

    /// The loss of the task.
    pub(super) fn loss(&self) -> HeadLoss {
        match self.task {
            FinetuningTask::Classify => HeadLoss::Classes,
            FinetuningTask::Regress => HeadLoss::Number,
            FinetuningTask::Tag => HeadLoss::Tags,
            FinetuningTask::Answer => HeadLoss::Span,
            FinetuningTask::Embed => {
                HeadLoss::Contrastive { pooling: self.pooling, temperature: self.temperature }
            }
        }
    }

    /// How windows over long texts are cut.
    pub(super) fn windows(&self) -> WindowSettings {
        WindowSettings {
            max_seq_length: self.recipe.max_seq_length,
            doc_stride: self.doc_stride,
            max_query_length: self.max_query_length,
        }
    }

    /// Sets what follows from the model: `max_position_embeddings` and `hidden_size`.
    pub(super) fn fit_model(&mut self, positions: usize, hidden_size: usize) {
        let usual = match self.task {
            FinetuningTask::Answer => WindowSettings::default().max_seq_length,
            FinetuningTask::Embed => 64,
            _ => 128,
        };
        self.recipe.max_seq_length = self.max_seq_length.unwrap_or(usual.min(positions));
        let rates = self.learning_rate.clone();
        let rates = rates.unwrap_or_else(|| default_rates(self.task, hidden_size));
        self.recipe.schedule.learning_rate = rates.first().copied().unwrap_or(f64::NAN);
        self.recipe.trials = if rates.len() > 1 { rates } else { Vec::new() };
    }

    /// Sets what follows from the number of examples (or windows) to train on. `evaluates` tells whether a metric
    /// says which model is better.
    ///
    /// # Errors
    /// [`SettingError`] when several learning rates cannot be compared.
    pub(super) fn fit_examples(
        &mut self,
        units: usize,
        evaluates: bool,
    ) -> Result<(), SettingError> {
        if !evaluates && self.learning_rate.is_none() {
            self.recipe.trials = Vec::new();
        }
        let trials = self.recipe.trials.len();
        let needed = "without examples to evaluate on it must be one number: give them with 'eval', or hold some out \
                      with 'eval_fraction'";
        check_setting(
            evaluates || trials < 2,
            "learning_rate",
            format!("{:?}", self.recipe.trials),
            needed,
        )?;
        let steps_of_epoch = units.div_ceil(self.recipe.sequences_per_step().max(1)) as u64;
        let usual = || match (self.task, &self.train) {
            (FinetuningTask::Embed, _) => 1,
            // Their labels follow from the text without exception, and are learned sooner.
            (_, ExampleSource::BuiltIn) => EPOCHS,
            _ => usual_epochs(steps_of_epoch),
        };
        let epochs = self.num_train_epochs.unwrap_or_else(usual);
        self.num_train_epochs = Some(epochs);
        let steps_of_trial = steps_of_epoch.saturating_mul(epochs).max(1);
        let schedule = &mut self.recipe.schedule;
        schedule.num_train_steps = steps_of_trial.saturating_mul(trials.max(1) as u64);
        schedule.num_warmup_steps = steps_of_trial / 10;
        self.eval_every = steps_of_epoch;
        Ok(())
    }
}

/// Passes over the examples in Google's recipe.
const EPOCHS: u64 = 3;

/// Steps of a fine-tuning on few examples, unless that takes more than [`MOST_EPOCHS`].
const FEWEST_STEPS: u64 = 2000;

/// Passes over few examples, at most: the number that Mosbach et al. (2021) recommend for them.
const MOST_EPOCHS: u64 = 20;

/// The passes over the examples when none are given and an epoch has `steps_of_epoch` steps: 3 as in Google's scripts,
/// or as many as have 2,000 steps, but not more than 20. A model sees too little of few examples in 3 passes (Mosbach
/// et al., 2021; measured in `docs/finetuning.md`). Embeddings take one pass, the built-in examples always 3.
pub fn usual_epochs(steps_of_epoch: u64) -> u64 {
    FEWEST_STEPS.div_ceil(steps_of_epoch.max(1)).clamp(EPOCHS, MOST_EPOCHS)
}

/// The learning rates that are tried when none is given. Turc et al. (2019) tried 3e-4, 1e-4, 5e-5 and 3e-5 for small
/// models; narrow ones profit from more. Google's is 5e-5.
fn default_rates(task: FinetuningTask, hidden_size: usize) -> Vec<f64> {
    match (task, hidden_size) {
        (FinetuningTask::Embed, ..512) => vec![1e-4],
        (FinetuningTask::Embed, _) => vec![3e-5],
        (_, ..256) => vec![1e-3, 5e-4, 3e-4],
        (_, 256..512) => vec![5e-4, 3e-4, 1e-4],
        (_, 512..768) => vec![3e-4, 1e-4, 5e-5],
        _ => vec![5e-5],
    }
}

/// Checks how windows over long texts are cut.
///
/// # Errors
/// [`SettingError`].
pub fn check_windows(windows: &WindowSettings) -> Result<(), SettingError> {
    let WindowSettings { max_seq_length, doc_stride, max_query_length } = *windows;
    let needed = "it must be at least 1";
    check_setting(doc_stride > 0, "doc_stride", doc_stride, needed)?;
    check_setting(max_query_length > 0, "max_query_length", max_query_length, needed)?;
    let least = max_query_length.saturating_add(4);
    let needed =
        format!("with a 'max_query_length' of {max_query_length} it must be at least {least}");
    check_setting(max_seq_length >= least, "max_seq_length", max_seq_length, needed)
}

impl RunOptions for FinetuningOptions {
    const PATHS: &'static [&'static str] = &["model", "train", "eval"];

    fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    fn log_every(&self) -> u64 {
        self.log_every.max(1)
    }

    fn eval_every(&self) -> u64 {
        self.eval_every
    }

    fn save_checkpoints_steps(&self) -> u64 {
        self.save_checkpoints_steps
    }

    fn output_dir(&self) -> Option<&Path> {
        self.output_dir.as_deref()
    }

    fn validate(&self) -> Result<(), SettingError> {
        self.recipe.validate_values()?;
        let needed = "it must be at least 0 and below 1";
        let fits = |share: f64| (0.0..1.0).contains(&share);
        check_number("eval_fraction", self.eval_fraction, fits, needed)?;
        for (setting, rate) in [
            ("hidden_dropout_prob", self.hidden_dropout_prob),
            ("attention_probs_dropout_prob", self.attention_probs_dropout_prob),
        ] {
            check_number(setting, rate, fits, needed)?;
        }
        check_number("temperature", self.temperature, |t| t > 0.0, "it must be above 0")?;
        if let Some(epochs) = self.num_train_epochs {
            let needed = "it must be from 1 to 1000000";
            check_setting((1..=1_000_000).contains(&epochs), "num_train_epochs", epochs, needed)?;
        }
        match self.task {
            FinetuningTask::Answer => check_windows(&self.windows()),
            // Other tasks have no windows.
            _ => check_windows(&WindowSettings { max_seq_length: usize::MAX, ..self.windows() }),
        }
    }

    fn in_memory(self) -> Self {
        Self { output_dir: None, ..self }
    }

    fn settings(&self) -> Vec<(String, Value)> {
        let source = |value: Value| match value {
            Value::String(_) => "the built-in examples".into(),
            Value::Object(fields) => fields
                .into_iter()
                .next()
                .map_or(Value::Null, |(_, value)| value.get("sha256").cloned().unwrap_or(value)),
            other => other,
        };
        let mut settings: Vec<(String, Value)> = vec![
            ("task".into(), self.task.name().into()),
            ("model".into(), source(as_written(&self.model))),
            ("train".into(), source(as_written(&self.train))),
            ("eval".into(), source(as_written(&self.eval))),
        ];
        for (name, value) in [
            ("eval_fraction", as_written(&self.eval_fraction)),
            ("num_train_epochs", as_written(&self.num_train_epochs)),
            ("doc_stride", as_written(&self.doc_stride)),
            ("max_query_length", as_written(&self.max_query_length)),
            ("pooling", as_written(&self.pooling)),
            ("temperature", as_written(&self.temperature)),
            ("hidden_dropout_prob", as_written(&self.hidden_dropout_prob)),
            ("attention_probs_dropout_prob", as_written(&self.attention_probs_dropout_prob)),
            ("eval_every", as_written(&self.eval_every)),
            ("log_every", as_written(&self.log_every)),
        ] {
            settings.push((name.into(), value));
        }
        for (name, value) in leaves(&as_written(&self.columns)) {
            settings.push((name.into(), value.clone()));
        }
        for (name, value) in leaves(&as_written(&self.recipe)) {
            let setting = match name {
                // Where several rates are tried, these are the setting.
                "learning_rate" if !self.recipe.trials.is_empty() => continue,
                "trials" => "learning_rate",
                "bias_correction" => "adam_bias_correction",
                name => name,
            };
            settings.push((setting.into(), value.clone()));
        }
        settings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Epochs and steps of a run on `units` examples.
    fn fitted(task: FinetuningTask, train: ExampleSource, units: usize) -> (Option<u64>, u64) {
        let model = ModelSource::Directory("run".into());
        let mut options = FinetuningOptions::new(task, model, train);
        options.learning_rate = Some(vec![1e-3]);
        options.fit_examples(units, true).unwrap();
        let fitted = (options.num_train_epochs, options.recipe.schedule.num_train_steps);
        // What is recorded means the same again.
        options.fit_examples(units, true).unwrap();
        assert_eq!(fitted.0, options.num_train_epochs);
        fitted
    }

    #[test]
    fn few_examples_are_read_more_often() {
        let files = || ExampleSource::Files(vec!["train".into()]);
        let tag = |units| fitted(FinetuningTask::Tag, files(), units);
        assert_eq!(tag(100_000), (Some(3), 3 * 3125));
        assert_eq!(tag(32 * 500), (Some(4), 4 * 500));
        assert_eq!(tag(32 * 500 - 32), (Some(5), 5 * 499));
        assert_eq!(tag(3394), (Some(19), 19 * 107));
        assert_eq!(tag(1), (Some(20), 20));
        assert_eq!(fitted(FinetuningTask::Tag, ExampleSource::BuiltIn, 320), (Some(3), 30));
        assert_eq!(fitted(FinetuningTask::Embed, files(), 640), (Some(1), 10));
    }
}
