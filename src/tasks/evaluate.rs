//! Evaluation of a pretrained model on text: masked-LM and next-sentence metrics.

use super::error::TaskError;
use super::pretrained::Model;
use crate::data::{
    Batch, Corpus, Encoding, MaskSettings, PairSettings, Sampler, Storage, TokenStore,
};
use crate::run::pretraining::PretrainingRecipe;
use crate::train::pretraining::Pretraining;
use crate::train::{Evaluation, SettingError};
use std::convert::Infallible;
use std::env::temp_dir;
use std::sync::Arc;

/// How instances are made of the text, and how many are looked at side by side.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EvalSettings {
    /// What pairs depend on.
    pub pairs: PairSettings,
    /// What masks depend on.
    pub masks: MaskSettings,
    /// Sequences of one forward pass.
    pub batch_size: usize,
    /// What pairs and masks are drawn from.
    pub seed: u64,
}

/// The metrics of `model` on one pass over `corpus`, with pairs and masks fixed by the seed. The tokens of a
/// large text go to a temporary file. `progress` receives the name of the work and the bytes done.
///
/// # Errors
/// [`TaskError`]: settings that make no sense, text that cannot be read.
pub fn evaluate(
    model: Model<'_>,
    corpus: &Corpus,
    settings: &EvalSettings,
    progress: &mut dyn FnMut(&'static str, u64),
) -> Result<Evaluation, TaskError> {
    let EvalSettings { pairs, masks, batch_size, seed } = *settings;
    let mut recipe = PretrainingRecipe::default();
    recipe.training.max_seq_length = pairs.max_seq_length;
    recipe.training.train_batch_size = batch_size;
    recipe.max_predictions_per_seq = masks.max_predictions_per_seq;
    recipe.masked_lm_prob = masks.masked_lm_prob;
    recipe.short_seq_prob = pairs.short_seq_prob;
    recipe.validate(&model.bert.config).map_err(|error| match error.setting {
        "train_batch_size" => SettingError { setting: "eval_batch_size", ..error },
        _ => error,
    })?;
    let vocabulary = model.tokenizer.vocabulary();
    let storage = Storage::TemporaryFile(temp_dir()).unless_small(corpus);
    let store = TokenStore::build(corpus, &Encoding::of(model.tokenizer), storage, progress)?;
    let documents = (0..store.documents() as u32).collect();
    let (store, name) = (Arc::new(store), corpus.name());
    let mut sampler = Sampler::new(store, documents, pairs, masks, vocabulary, seed, &name)?;
    let mut instances = sampler.first_pass();
    let shape = recipe.batch_shape();
    let batches = std::iter::from_fn(|| {
        let mut batch =
            Batch::new(shape.batch_size, shape.max_seq_length, shape.max_predictions_per_seq);
        batch.clear(vocabulary.pad_id());
        while !batch.is_full()
            && let Some(instance) = instances.next()
        {
            batch.push(&instance);
        }
        (batch.instances > 0).then_some(Ok::<_, Infallible>(batch))
    });
    let mut evaluator = Pretraining::evaluator(model.bert, shape)?;
    let Ok(evaluation) = evaluator.evaluate(&model.bert.parameters, batches);
    Ok(evaluation)
}
