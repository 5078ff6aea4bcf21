//! What a pretraining run is asked to do.

use crate::data::InvalidUtf8;
use crate::train::recipe::Recipe;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where the instances come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Input {
    /// The built-in stories.
    Stories,
    /// Text: files, directories, patterns.
    Text(Vec<String>),
    /// A file of instances, as `cloze instances` writes them.
    Instances {
        /// The file.
        file: PathBuf,
        /// Whether each pass has its own order (else the file's).
        shuffle: bool,
    },
}

/// Where the vocabulary comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum VocabularySource {
    /// A `vocab.txt`.
    File(PathBuf),
    /// Learned from the text.
    Learn {
        /// Entries, at most.
        vocab_size: usize,
        /// Characters of the alphabet, at most, the frequent ones first.
        limit_alphabet: usize,
    },
}

/// Where the model comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ModelSource {
    /// A size by name, or the path of a `config.json`; weights are drawn from the seed.
    New {
        /// `tiny`, …, or a path.
        model: String,
        /// The vocabulary.
        vocabulary: VocabularySource,
        /// Whether case and accents are kept.
        cased: bool,
    },
    /// A Hugging Face directory: configuration, vocabulary and weights.
    Init(PathBuf),
}

/// Everything that a run is asked to do; `run.json` holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// Where the instances come from.
    pub input: Input,
    /// What is done about text that is not UTF-8.
    #[serde(default)]
    pub invalid_utf8: InvalidUtf8,
    /// Held-out text for evaluation: files, directories, patterns.
    pub eval_input: Vec<String>,
    /// Share of the documents that are held out when there is no `eval_input`; 0 for none.
    pub eval_fraction: f64,
    /// Batches of one evaluation, at most.
    pub max_eval_steps: usize,
    /// Where the model comes from.
    pub model: ModelSource,
    /// Replaces the configuration's.
    pub hidden_dropout_prob: Option<f32>,
    /// Replaces the configuration's.
    pub attention_probs_dropout_prob: Option<f32>,
    /// The settings of training.
    pub recipe: Recipe,
    /// Steps between log lines.
    pub log_every: u64,
    /// Steps between evaluations; 0 for one at the end only.
    pub eval_every: u64,
    /// Steps between checkpoints; 0 for one at the end, or when the run is stopped, only.
    #[serde(default = "save_checkpoints_steps")]
    pub save_checkpoints_steps: u64,
    /// The run directory.
    pub output_dir: PathBuf,
}

/// Google's default.
pub(super) fn save_checkpoints_steps() -> u64 {
    1000
}
