//! The settings of a pretraining run.

use super::recipe::PretrainingRecipe;
use super::recipe_name::{RecipeName, laptop_predictions};
use crate::data::InvalidUtf8;
use crate::model::{Initialization, OutputBias, WordEmbeddings};
use crate::run::run_json::{as_written, leaves};
use crate::run::run_options::RunOptions;
use crate::run::train_time::TrainTime;
use crate::system::digest::Digest;
use crate::train::{Recipe, SettingError, check_number, check_setting};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the instances come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum InstanceSource {
    /// The built-in stories.
    Stories,
    /// Text: files, directories, patterns.
    Text(Vec<String>),
    /// Text in memory.
    InMemory(InMemoryText),
    /// A file of instances, as `cloze instances` writes them.
    Instances {
        /// The file.
        file: PathBuf,
        /// Whether each pass has its own order (else the file's).
        shuffle: bool,
    },
}

/// Text that a program holds in memory. `run.json` records its digest only, so such a run can be resumed and
/// verified only by a program that gives the text again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InMemoryText {
    /// The text; empty when read from a `run.json`.
    #[serde(skip)]
    pub text: Arc<str>,
    /// SHA-256 of the text.
    pub sha256: String,
}

impl InMemoryText {
    /// The text with its digest.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        Self { sha256: Digest::of(text.as_bytes()).to_string(), text }
    }
}

/// Where the vocabulary comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum VocabularySource {
    /// A `vocab.txt`.
    File(PathBuf),
    /// Learned from the text.
    Learn {
        /// Entries, at most.
        vocab_size: usize,
        /// Characters of the alphabet, at most; the most frequent ones are kept.
        limit_alphabet: usize,
    },
}

impl Default for VocabularySource {
    /// 30,522 entries, the size of BERT's, over an alphabet of 1,000.
    fn default() -> Self {
        Self::Learn { vocab_size: 30_522, limit_alphabet: 1000 }
    }
}

/// Where the model comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ModelSource {
    /// A model whose first weights are drawn from the seed.
    New(NewModel),
    /// A Hugging Face directory: configuration, vocabulary and weights.
    Init(PathBuf),
}

/// A model that begins from nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NewModel {
    /// A size by name (`tiny`, `mini`, `small`, `medium`, `base`), or the path of a `config.json`.
    pub model: String,
    /// The vocabulary.
    pub vocabulary: VocabularySource,
    /// Whether case and accents are kept.
    pub cased: bool,
    /// The first weights.
    #[serde(default)]
    pub initialization: Initialization,
    /// The first word embeddings.
    #[serde(default)]
    pub word_embeddings: WordEmbeddings,
    /// The first values of the bias of the masked-LM decoder.
    #[serde(default)]
    pub output_bias: OutputBias,
}

impl Default for NewModel {
    /// A `tiny` with a learned vocabulary.
    fn default() -> Self {
        Self {
            model: "tiny".into(),
            vocabulary: VocabularySource::default(),
            cased: false,
            initialization: Initialization::default(),
            word_embeddings: WordEmbeddings::default(),
            output_bias: OutputBias::default(),
        }
    }
}

impl Default for ModelSource {
    fn default() -> Self {
        Self::New(NewModel::default())
    }
}

impl ModelSource {
    /// The settings of a new model. Replaces [`ModelSource::Init`] by the default.
    pub fn as_new(&mut self) -> &mut NewModel {
        if let Self::Init(_) = self {
            *self = Self::default();
        }
        let Self::New(new) = self else { unreachable!("replaced above") };
        new
    }

    /// The limits of a vocabulary to learn: entries, characters. Replaces any other source.
    pub fn as_learned(&mut self) -> (&mut usize, &mut usize) {
        let vocabulary = &mut self.as_new().vocabulary;
        if let VocabularySource::File(_) = vocabulary {
            *vocabulary = VocabularySource::default();
        }
        let VocabularySource::Learn { vocab_size, limit_alphabet } = vocabulary else {
            unreachable!("replaced above")
        };
        (vocab_size, limit_alphabet)
    }
}

/// Every setting of a pretraining run; `run.json` holds it. The default is Google's recipe on the built-in
/// stories, in memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PretrainingOptions {
    /// Where the instances come from.
    pub input: InstanceSource,
    /// What happens to text that is not UTF-8.
    #[serde(default)]
    pub invalid_utf8: InvalidUtf8,
    /// Held-out text for evaluation: files, directories, patterns.
    pub eval_input: Vec<String>,
    /// Share of the documents that are held out when `eval_input` is empty; 0 for none.
    pub eval_fraction: f64,
    /// Batches of one evaluation, at most.
    pub max_eval_steps: usize,
    /// Where the model comes from.
    pub model: ModelSource,
    /// Replaces the value of the model's configuration.
    pub hidden_dropout_prob: Option<f32>,
    /// Replaces the value of the model's configuration.
    pub attention_probs_dropout_prob: Option<f32>,
    /// Instances, batches, optimizer, schedule, seed.
    pub recipe: PretrainingRecipe,
    /// A budget of time in place of `num_train_steps`, until the steps are known; never in `run.json`.
    #[serde(skip)]
    pub train_time: Option<TrainTime>,
    /// Steps between log lines.
    pub log_every: u64,
    /// Steps between evaluations; 0 for one at the end only.
    pub eval_every: u64,
    /// Steps between checkpoints; 0 for none but the one at the end, or when the run is stopped.
    #[serde(default = "save_checkpoints_steps")]
    pub save_checkpoints_steps: u64,
    /// A text with `[MASK]` to watch the model learn on; `None` for a held-out sentence. Changes no result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
    /// The run directory; `None` for a run in memory.
    pub output_dir: Option<PathBuf>,
}

/// Google's default.
fn save_checkpoints_steps() -> u64 {
    1000
}

impl Default for PretrainingOptions {
    fn default() -> Self {
        let recipe = PretrainingRecipe::default();
        Self {
            input: InstanceSource::Stories,
            invalid_utf8: InvalidUtf8::default(),
            eval_input: Vec::new(),
            eval_fraction: 0.05,
            max_eval_steps: 100,
            model: ModelSource::default(),
            hidden_dropout_prob: None,
            attention_probs_dropout_prob: None,
            train_time: None,
            log_every: 100,
            eval_every: recipe.training.schedule.num_train_steps / 10,
            save_checkpoints_steps: save_checkpoints_steps(),
            recipe,
            sample: None,
            output_dir: None,
        }
    }
}

impl PretrainingOptions {
    /// Google's recipe with the vocabulary and the lengths that fit the built-in stories.
    pub fn on_stories() -> Self {
        let mut options = Self::default();
        *options.model.as_learned().0 = 1024;
        options.set_max_seq_length(48);
        options.recipe.max_predictions_per_seq = 10;
        options
    }

    /// Sets `num_train_steps`, and what follows from it unless set afterwards: a tenth of the steps as warm-up,
    /// and ten evaluations. They take the place of a budget of time.
    pub fn set_num_train_steps(&mut self, num_train_steps: u64) {
        self.train_time = None;
        let schedule = &mut self.recipe.training.schedule;
        schedule.num_train_steps = num_train_steps;
        schedule.num_warmup_steps = num_train_steps / 10;
        self.eval_every = (num_train_steps / 10).max(1);
    }

    /// Sets `max_seq_length`, and `max_predictions_per_seq` as the recipe has it for this length, at most
    /// `max_seq_length`.
    pub fn set_max_seq_length(&mut self, max_seq_length: usize) {
        let recipe = &mut self.recipe;
        recipe.training.max_seq_length = max_seq_length;
        let predictions = match recipe.name {
            RecipeName::Laptop => laptop_predictions(max_seq_length),
            _ => recipe.max_predictions_per_seq,
        };
        recipe.max_predictions_per_seq = predictions.min(max_seq_length);
    }
}

impl PretrainingOptions {
    /// The files, directories and patterns of the text to train on; empty when it comes from elsewhere.
    pub(super) fn text_inputs(&self) -> &[String] {
        match &self.input {
            InstanceSource::Text(inputs) => inputs,
            _ => &[],
        }
    }
}

impl RunOptions for PretrainingOptions {
    const PATHS: &'static [&'static str] = &["input", "eval_input", "vocab", "init", "instances"];
    const ACCUMULATES: bool = true;

    fn recipe(&self) -> &Recipe {
        &self.recipe.training
    }

    fn recipe_at(&self, step: u64) -> Recipe {
        self.recipe.at(step).training
    }

    fn phases(&self) -> Vec<(f64, u64)> {
        let all = self.recipe.training.schedule.num_train_steps;
        let short = self.recipe.short_phase_steps();
        let phases = [(short, short / 2), (all - short, short + (all - short) / 2)];
        let shares = phases.map(|(steps, middle)| (steps as f64 / all as f64, middle));
        shares.into_iter().filter(|(share, _)| *share > 0.0).collect()
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

    fn train_time(&self) -> Option<TrainTime> {
        self.train_time
    }

    fn set_steps_of_train_time(&mut self, num_train_steps: u64, eval_every: u64) {
        let Some(time) = self.train_time.take() else { return };
        let num_warmup_steps = self.recipe.training.schedule.num_warmup_steps;
        self.set_num_train_steps(num_train_steps);
        self.eval_every = eval_every;
        if time.keeps_warmup {
            self.recipe.training.schedule.num_warmup_steps = num_warmup_steps;
        }
    }

    fn validate(&self) -> Result<(), SettingError> {
        self.recipe.validate_values()?;
        let needed = "it must be at least 0 and below 1";
        let fits = |share: f64| (0.0..1.0).contains(&share);
        // The rates of dropout are checked with the model's configuration.
        check_number("eval_fraction", self.eval_fraction, fits, needed)?;
        let made = matches!(self.input, InstanceSource::Instances { .. });
        let needed = "the instances of a file are made already";
        if let Some(share) = self.recipe.masked_lm_prob_start {
            check_setting(!made, "masked_lm_prob_start", share, needed)?;
        }
        if let Some(length) = self.recipe.short_phase_seq_length {
            check_setting(!made, "short_phase_seq_length", length, needed)?;
        }
        if let ModelSource::New(new) = &self.model {
            let fits = !made || new.word_embeddings == WordEmbeddings::Random;
            let needed =
                "words are counted in the text of 'input'; with 'instances' it must be random";
            check_setting(fits, "word_embeddings", "ppmi-svd", needed)?;
        }
        Ok(())
    }

    fn in_memory(self) -> Self {
        Self { output_dir: None, ..self }
    }

    fn settings(&self) -> Vec<(String, Value)> {
        let mut settings = Vec::new();
        if self.input == InstanceSource::Stories {
            settings.push(("input".into(), "the built-in stories".into()));
        }
        for (name, value) in leaves(&as_written(self)) {
            let setting = match name {
                "output_dir" | "save_checkpoints_steps" | "sample" => continue,
                // The variant without a value: named above.
                "input" => continue,
                "Text" | "sha256" => "input",
                "file" => "instances",
                "Init" => "init",
                "File" => "vocab",
                "bias_correction" => "adam_bias_correction",
                "beta_2" => "adam_beta2",
                "matrix_optimizer" => "optimizer",
                "name" => "recipe",
                name => name,
            };
            // The setting is the opposite of what is stored.
            match (setting, value.as_bool()) {
                ("shuffle", Some(shuffle)) => {
                    settings.push(("no_shuffle".into(), (!shuffle).into()));
                }
                _ => settings.push((setting.into(), value.clone())),
            }
        }
        settings
    }
}
