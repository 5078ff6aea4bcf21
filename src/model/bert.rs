//! A BERT: its configuration, its head and its parameters.

use super::config::Config;
use super::config_error::ConfigError;
use super::head::Head;
use super::initialization::Initialization;
use super::parameters::{initialize, layout};
use super::weights::{self, LoadReport};
use super::weights_error::WeightsError;
use super::word_embeddings::{SCALE, WordEmbeddings, word_vectors};
use crate::autodiff::Layout;
use crate::data::WordSample;
use std::path::Path;

/// A BERT: embeddings, encoder and a [`Head`].
///
/// ```
/// use cloze::model::{Bert, Config, Head};
///
/// // 2 layers of width 32 over a vocabulary of 100 word pieces.
/// let config = Config::new(2, 32, 100);
/// let pretraining = Bert::new(config.clone(), 1);
/// let classifier = Bert::with_head(config, Head::SequenceClassification { num_labels: 3 }, 1);
/// assert_eq!(pretraining.head, Head::Pretraining);
/// assert_eq!(classifier.layout.get("classifier.weight").unwrap().shape, [3, 32]);
/// ```
#[derive(Clone, Debug)]
pub struct Bert {
    /// Sizes and settings.
    pub config: Config,
    /// What stands on top of the encoder; `config.architectures` names it.
    pub head: Head,
    /// Names, shapes and ranges of the parameters.
    pub layout: Layout,
    /// The parameters, flat, in the layout's order.
    pub parameters: Vec<f32>,
}

impl Bert {
    /// A BERT for pretraining with its first weights, a function of `config` and `seed`.
    pub fn new(config: Config, seed: u64) -> Self {
        Self::with_head(config, Head::Pretraining, seed)
    }

    /// A BERT for pretraining with the first weights of `initialization`, a function of `config` and `seed`.
    ///
    /// # Errors
    /// [`ConfigError`] when the model's heads are too small for `initialization`.
    pub fn with_initialization(
        config: Config,
        initialization: Initialization,
        seed: u64,
    ) -> Result<Self, ConfigError> {
        initialization.check(&config, "the model")?;
        let mut bert = Self::without_parameters(config, Head::Pretraining);
        let words = WordEmbeddings::Random;
        bert.parameters = initialization.first_weights(&bert.layout, &bert.config, words, seed);
        Ok(bert)
    }

    /// Replaces the first weights of [`Bert::with_initialization`] by those whose word embeddings begin as
    /// [word vectors](super::word_embeddings) of the text in `sample`. `initialization` and `seed` are those that the
    /// model began with. The bias of the masked-LM decoder stays.
    pub fn begin_with_word_vectors(
        &mut self,
        initialization: Initialization,
        sample: &WordSample<'_>,
        seed: u64,
    ) {
        let words = WordEmbeddings::PpmiSvd;
        let bias = self.layout.get("cls.predictions.bias").map(|entry| entry.range.clone());
        let bias = bias.map(|range| self.parameters[range].to_vec());
        self.parameters = initialization.first_weights(&self.layout, &self.config, words, seed);
        if let Some(bias) = bias {
            self.set_output_bias(&bias);
        }
        let columns = initialization.word_columns(&self.config);
        let deviation = SCALE as f32 * self.config.initializer_range;
        let name = "bert.embeddings.word_embeddings.weight";
        let range = self.layout.get(name).expect("of every BERT").range.clone();
        let vectors = word_vectors(sample, columns.len(), seed);
        for (&id, vector) in sample.words().iter().zip(vectors.outer_iter()) {
            // A word without neighbours keeps its random numbers.
            if vector.iter().any(|&x| x != 0.0) {
                let row =
                    &mut self.parameters[range.clone()][id as usize * self.config.hidden_size..];
                let row = row[columns.clone()].iter_mut();
                row.zip(vector).for_each(|(value, &x)| *value = deviation * x);
            }
        }
    }

    /// A BERT with the head `head` and its first weights, a function of `config`, `head` and `seed`.
    pub fn with_head(config: Config, head: Head, seed: u64) -> Self {
        let mut bert = Self::without_parameters(config, head);
        bert.parameters = initialize(&bert.layout, &bert.config, seed, |_| true);
        bert
    }

    /// A BERT whose parameters are all 0, with the head that `config` names: others take their place.
    pub fn of_zeros(config: Config) -> Self {
        let head = config.head();
        let mut bert = Self::without_parameters(config, head);
        bert.parameters = vec![0.0; bert.layout.len()];
        bert
    }

    fn without_parameters(mut config: Config, head: Head) -> Self {
        config.set_head(head);
        Self { layout: layout(&config, head), config, head, parameters: Vec::new() }
    }

    /// Sets `cls.predictions.bias`, `[vocab_size]`. Does nothing for a head that predicts no masked words.
    ///
    /// # Panics
    /// When `bias` is not as long as the vocabulary.
    pub fn set_output_bias(&mut self, bias: &[f32]) {
        if let Some(entry) = self.layout.get("cls.predictions.bias") {
            self.parameters[entry.range.clone()].copy_from_slice(bias);
        }
    }

    /// Reads the weights of a Hugging Face directory into a BERT of sizes `config` (usually that
    /// directory's `config.json`) with the head `head`. Parameters of the pooler and the head that
    /// the directory lacks are drawn from `seed` and reported.
    ///
    /// # Errors
    /// [`WeightsError`].
    pub fn from_directory(
        directory: &Path,
        mut config: Config,
        head: Head,
        seed: u64,
    ) -> Result<(Self, LoadReport), WeightsError> {
        let (parameters, report) = weights::load(directory, &config, head, seed)?;
        config.set_head(head);
        Ok((Self { layout: layout(&config, head), config, head, parameters }, report))
    }
}
