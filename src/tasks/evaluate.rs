//! Evaluation of a pretrained model on text: masked-LM and next-sentence loss and accuracy, as
//! Google's `run_pretraining.py` computes them.

use super::error::TaskError;
use super::model::Model;
use crate::autodiff::Mode;
use crate::data::{
    Batch, Corpus, MaskSettings, PairSettings, ReadReport, Sampler, SentenceEncoder, Storage,
    TokenStore,
};
use crate::model::NeighbourAttentionPlan;
use crate::run::pretraining::{PretrainingRecipe, Unigrams};
use crate::train::pretraining::Pretraining;
use crate::train::{Evaluation, Evaluator, SettingError};
use std::convert::Infallible;
use std::env::temp_dir;
use std::sync::Arc;

/// The settings of an evaluation: how instances are made of the text, and how many are a
/// batch. Defaults are those of Google's scripts.
///
/// ```
/// use cloze::tasks::EvalSettings;
///
/// let settings = EvalSettings::default().eval_batch_size(8).seed(1);
/// assert_eq!(settings.pairs.max_seq_length, 128);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct EvalSettings {
    /// How sentence pairs are made.
    pub pairs: PairSettings,
    /// How tokens are masked.
    pub masks: MaskSettings,
    /// Sequences of a batch. A batch is computed in micro-batches whose size depends on
    /// `max_seq_length` alone, so that it changes no bit of the result.
    pub eval_batch_size: usize,
    /// The seed of pairs and masks.
    pub seed: u64,
}

impl Default for EvalSettings {
    fn default() -> Self {
        Self {
            pairs: PairSettings::default(),
            masks: MaskSettings::default(),
            eval_batch_size: 32,
            seed: 12345,
        }
    }
}

impl EvalSettings {
    /// Sets how sentence pairs are made.
    pub fn pairs(self, pairs: PairSettings) -> Self {
        Self { pairs, ..self }
    }

    /// Sets how tokens are masked.
    pub fn masks(self, masks: MaskSettings) -> Self {
        Self { masks, ..self }
    }

    /// Sets the sequences of a batch.
    pub fn eval_batch_size(self, eval_batch_size: usize) -> Self {
        Self { eval_batch_size, ..self }
    }

    /// Sets the seed of pairs and masks.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }
}

/// What an evaluation of a model on text gives.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TextEvaluation {
    /// The metrics.
    pub evaluation: Evaluation,
    /// The masked-LM loss that the shares of the word pieces of this same text give: what counting words alone could
    /// do here. A text of few words gives a low one.
    pub unigram_loss: Option<f64>,
    /// What was read.
    pub read: ReadReport,
}

/// The metrics of `model` on one pass over `corpus`, and what was read, with pairs and masks fixed by the seed. The tokens of a
/// large text go to a temporary file. `progress` receives the name of the work and the bytes done.
///
/// # Errors
/// [`TaskError`]: a setting that cannot be used, text that cannot be read, a model without the heads
/// of pretraining.
pub fn evaluate(
    model: &Model<'_>,
    corpus: &Corpus,
    settings: &EvalSettings,
    progress: &mut dyn FnMut(&'static str, u64),
) -> Result<TextEvaluation, TaskError> {
    let EvalSettings { pairs, masks, eval_batch_size, seed } = *settings;
    model.need_masked_lm()?;
    if pairs.sentence_objective.has_pairs() {
        model.need_next_sentence("use a model that was pretrained with one, or set 'no_nsp'")?;
    }
    let mut recipe = PretrainingRecipe::default();
    recipe.training.max_seq_length = pairs.max_seq_length;
    recipe.training.train_batch_size = eval_batch_size;
    recipe.max_predictions_per_seq = masks.max_predictions_per_seq;
    recipe.masked_lm_prob = masks.masked_lm_prob;
    recipe.short_seq_prob = pairs.short_seq_prob;
    recipe.random_next = pairs.random_next;
    recipe.sentence_objective = pairs.sentence_objective;
    recipe.validate(&model.bert().config).map_err(|error| match error.setting {
        "train_batch_size" => SettingError { setting: "eval_batch_size", ..error },
        _ => error,
    })?;
    let vocabulary = model.tokenizer().vocabulary();
    let storage = Storage::TemporaryFile(temp_dir()).unless_small(corpus);
    let store =
        TokenStore::build(corpus, &SentenceEncoder::of(model.tokenizer()), storage, progress)?;
    let read = store.read_report(corpus);
    let documents: Vec<u32> = (0..store.documents() as u32).collect();
    let unigrams = Unigrams::of_documents(vocabulary, &store, &documents);
    let (store, name) = (Arc::new(store), corpus.name());
    let mut sampler = Sampler::new(store, documents, pairs, masks, vocabulary, seed, &name)?;
    let mut instances = sampler.first_pass();
    let shape = recipe.evaluation_shape();
    let mut attention =
        NeighbourAttentionPlan::new(model.bert(), shape.batch_size, shape.max_seq_length)?;
    let mut measured = None;
    let mut unigram_loss = unigrams.loss();
    let batches = std::iter::from_fn(|| {
        let mut batch =
            Batch::new(shape.batch_size, shape.max_seq_length, shape.max_predictions_per_seq);
        batch.clear(vocabulary.pad_id());
        while !batch.is_full()
            && let Some(instance) = instances.next()
        {
            batch.push(&instance);
        }
        if batch.instances == 0 {
            return None;
        }
        if measured.is_none() {
            measured = Some(attention.measure(model.bert(), &batch));
        }
        unigram_loss.add(&batch);
        Some(Ok::<_, Infallible>(batch))
    });
    let objective =
        Pretraining::new(model.bert(), shape, Mode::Evaluation, pairs.sentence_objective)?;
    let mut evaluator = Evaluator::new(objective);
    let Ok(mut evaluation) = evaluator.evaluate(&model.bert().parameters, batches);
    evaluation.attention = measured;
    Ok(TextEvaluation { evaluation, unigram_loss: unigram_loss.mean(), read })
}
