//! Evaluation of a pretrained model on text: masked-LM and next-sentence metrics.

use super::error::TaskError;
use super::model::Model;
use crate::data::{Batch, Corpus, MaskSettings, PairSettings, Sampler, TokenStore};
use crate::run::Observer;
use crate::train::evaluation::{Evaluation, Evaluator};
use crate::train::recipe::{Recipe, RecipeError};
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

/// The metrics of `model` on one pass over `corpus`, with pairs and masks fixed by the seed. The tokens
/// of a large text go to a temporary file. `observer` is told how far reading is.
///
/// # Errors
/// [`TaskError`]: settings that make no sense, text that cannot be read.
pub fn evaluate(
    model: &Model<'_>,
    corpus: &Corpus,
    settings: &EvalSettings,
    observer: &mut dyn Observer,
) -> Result<Evaluation, TaskError> {
    let EvalSettings { pairs, masks, batch_size, seed } = *settings;
    let recipe = Recipe {
        max_seq_length: pairs.max_seq_length,
        max_predictions_per_seq: masks.max_predictions_per_seq,
        masked_lm_prob: masks.masked_lm_prob,
        short_seq_prob: pairs.short_seq_prob,
        train_batch_size: batch_size,
        ..Recipe::default()
    };
    model.need(model.bert().head.has_masked_lm(), "masked-LM head")?;
    model.need(model.bert().head.has_next_sentence(), "next-sentence head")?;
    recipe.validate(&model.bert().config).map_err(|error| match error.option {
        "--train-batch-size" => RecipeError { option: "--eval-batch-size", ..error },
        _ => error,
    })?;
    let vocabulary = model.tokenizer().vocabulary();
    let total = corpus.bytes();
    let progress = &mut |work: &'static str, done| observer.progress(work, done, total);
    let store = TokenStore::temporary(&temp_dir(), corpus, model.tokenizer(), progress)?;
    let documents = (0..store.documents() as u32).collect();
    let (store, name) = (Arc::new(store), corpus.name());
    let mut sampler = Sampler::new(store, documents, pairs, masks, vocabulary, seed, &name)?;
    let mut instances = sampler.first_pass();
    let shape = recipe.batch_shape();
    let mut next_batch = || {
        let mut batch =
            Batch::new(shape.batch_size, shape.max_seq_length, shape.max_predictions_per_seq);
        batch.clear(vocabulary.pad_id());
        while !batch.is_full()
            && let Some(instance) = instances.next()
        {
            batch.push(&instance);
        }
        Ok::<_, Infallible>((batch.instances > 0).then_some(batch))
    };
    let Ok(evaluation) =
        Evaluator::new(model.bert(), shape)?.evaluate(model.bert(), &mut next_batch);
    Ok(evaluation)
}
