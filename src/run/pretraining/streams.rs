//! Where the instances of a run come from: the inputs that it names, as streams of instances to train on and batches to
//! evaluate on.

use super::options::{InstanceSource, ModelSource, PretrainingOptions, VocabularySource};
use super::text::sampler;
use super::unigrams::Unigrams;
use crate::data::stories::STORIES;
use crate::data::{
    Batch, Corpus, DataError, InstanceFile, InstanceStream, Sampler, TokenStore, split_documents,
};
use crate::model::BatchShape;
use crate::run::error::RunError;
use crate::run::observer::{Event, Observer};
use crate::system::digest::Sha256;
use crate::tokenizer::Tokenizer;
use std::path::Path;
use std::sync::Arc;

/// The text to train on; `None` when instances are read from a file.
pub(super) fn training_corpus(options: &PretrainingOptions) -> Result<Option<Corpus>, RunError> {
    Ok(match &options.input {
        InstanceSource::Stories => Some(Corpus::from_text("the built-in corpus", STORIES)),
        InstanceSource::Text(inputs) => Some(read(inputs, options)?),
        InstanceSource::InMemory(given) if given.text.is_empty() => {
            return Err(RunError::TextInMemory);
        }
        InstanceSource::InMemory(given) => {
            Some(Corpus::from_text("the text in memory", given.text.to_string()))
        }
        InstanceSource::Instances { .. } => None,
    })
}

/// The text of `inputs`, without what the run itself writes or takes as its vocabulary.
pub(super) fn read(inputs: &[String], options: &PretrainingOptions) -> Result<Corpus, DataError> {
    let mut outputs: Vec<&Path> = options.output_dir.as_deref().into_iter().collect();
    // A vocabulary is a text file, but not text to learn from.
    if let ModelSource::New(new) = &options.model
        && let VocabularySource::File(file) = &new.vocabulary
    {
        outputs.push(file);
    }
    let corpus = Corpus::from_inputs_without(inputs, &outputs)?;
    Ok(corpus.with_invalid_utf8(options.invalid_utf8))
}

/// The stream of a file of instances.
pub(super) fn from_instances(
    options: &PretrainingOptions,
    tokenizer: &Tokenizer,
    data: &mut Sha256,
    observer: &mut dyn Observer,
) -> Result<InstanceStream, RunError> {
    let InstanceSource::Instances { file, shuffle } = &options.input else {
        unreachable!("everything else is text")
    };
    let recipe = &options.recipe;
    let mut instances = InstanceFile::open(
        file,
        tokenizer.vocabulary(),
        recipe.training.max_seq_length,
        recipe.max_predictions_per_seq,
        *shuffle,
        recipe.training.seed,
    )?;
    instances.copy_to(data)?;
    observer.observe(Event::Note(&format!("{} instances", instances.len())));
    match (instances.pairs(), recipe.sentence_objective.has_pairs()) {
        (0, true) => return Err(RunError::InstancesWithoutPairs(file.clone())),
        (1.., false) => observer.observe(Event::Note(
            "the next-sentence labels of the instances stay unused, because of 'no_nsp'",
        )),
        _ => {}
    }
    Ok(InstanceStream::File(Box::new(instances)))
}

/// A stream, and a sampler over the documents that are held out, if any.
pub(super) type Streams = (InstanceStream, Option<Sampler>);

/// The streams of the text in `store`, called `name` in errors, and the word pieces of the documents to train on.
pub(super) fn from_text(
    options: &PretrainingOptions,
    store: Arc<TokenStore>,
    name: &str,
    holds_out: bool,
    tokenizer: &Tokenizer,
    observer: &mut dyn Observer,
) -> Result<(Streams, Unigrams), RunError> {
    let recipe = &options.recipe;
    let (training, evaluation) = if holds_out && options.eval_fraction > 0.0 {
        let (documents, fraction) = (store.documents(), options.eval_fraction);
        split_documents(documents, fraction, recipe.sentence_objective, recipe.training.seed, name)?
    } else {
        ((0..store.documents() as u32).collect(), Vec::new())
    };
    let mut held_out = None;
    if !evaluation.is_empty() {
        let note = format!("{} of its documents are held out", evaluation.len());
        observer.observe(Event::Note(&note));
        held_out = Some(sampler(recipe, Arc::clone(&store), evaluation, tokenizer, name)?);
    }
    let unigrams = Unigrams::of_documents(tokenizer.vocabulary(), &store, &training);
    let sampler = sampler(&recipe.at(0), store, training, tokenizer, name)?;
    for warning in sampler.warnings() {
        observer.observe(Event::Warning(&warning));
    }
    Ok(((InstanceStream::Sampler(Box::new(sampler)), held_out), unigrams))
}

/// The instances of the first pass over held-out text, as many as an evaluation looks at.
pub(super) fn first_instances(
    options: &PretrainingOptions,
    mut sampler: Sampler,
    pad_id: u32,
) -> Vec<Batch> {
    let recipe = &options.recipe;
    let most = options.max_eval_steps.saturating_mul(recipe.training.train_batch_size);
    let mut batches: Vec<Batch> = Vec::new();
    for instance in sampler.first_pass().take(most) {
        if batches.last().is_none_or(Batch::is_full) {
            let mut batch = empty_batch(recipe.evaluation_shape());
            batch.clear(pad_id);
            batches.push(batch);
        }
        batches.last_mut().expect("pushed above").push(&instance);
    }
    batches
}

/// A batch of the shape `shape`.
pub(super) fn empty_batch(shape: BatchShape) -> Batch {
    Batch::new(shape.batch_size, shape.max_seq_length, shape.max_predictions_per_seq)
}
