//! The model to start from: its encoder with a new head.

use super::options::{FinetuningOptions, FinetuningTask};
use super::sources::ModelSource;
use crate::model::{Bert, Config, FinetuningPlan, Head};
use crate::run::error::RunError;
use crate::run::newest_weights::newest_weights;
use crate::run::observer::{Event, Observer};
use crate::system::memory;
use crate::tokenizer::Tokenizer;
use std::path::Path;

/// The configuration of the model to start from, and its tokenizer.
pub(super) fn open(source: &ModelSource) -> Result<(Config, Tokenizer), RunError> {
    match source {
        ModelSource::Directory(directory) => {
            let config = Config::from_file(&directory.join("config.json"))?;
            let tokenizer = Tokenizer::from_directory(directory)?;
            let (tokens, vocab_size) = (tokenizer.vocabulary().len(), config.vocab_size);
            if tokens > vocab_size {
                let directory = directory.display().to_string();
                return Err(RunError::Vocabulary { directory, tokens, vocab_size });
            }
            Ok((config, tokenizer))
        }
        ModelSource::InMemory(given) => {
            let (bert, tokenizer) = given.value.as_deref().ok_or(RunError::TextInMemory)?;
            Ok((bert.config.clone(), tokenizer.clone()))
        }
    }
}

/// The model with its first weights: embeddings, encoder and pooler of the model to start from, and a head drawn from
/// the seed. `labels` are the names of the labels of a classifier.
pub(super) fn first_weights(
    options: &FinetuningOptions,
    config: Config,
    labels: &[String],
    observer: &mut dyn Observer,
) -> Result<Bert, RunError> {
    let seed = options.recipe.seed;
    // Embeddings and encoder must be there. What else is there belongs to another head.
    let (from, missing_pooler) = match &options.model {
        ModelSource::Directory(directory) => read(directory, config.clone(), seed, observer)?,
        ModelSource::InMemory(given) => {
            let (bert, _) = given.value.as_deref().ok_or(RunError::TextInMemory)?;
            (bert.clone(), !bert.head.has_pooler())
        }
    };
    let head = FinetuningPlan::head(options.loss(), labels.len());
    // Names of labels and the like are of the task that the model was for before.
    let mut config = Config {
        hidden_dropout_prob: options.hidden_dropout_prob,
        attention_probs_dropout_prob: options.attention_probs_dropout_prob,
        num_labels: None,
        id2label: None,
        label2id: None,
        problem_type: None,
        ..config
    };
    if !labels.is_empty() {
        config.set_labels(labels);
    }
    config.problem_type = match options.task {
        FinetuningTask::Classify => Some("single_label_classification".into()),
        FinetuningTask::Regress => Some("regression".into()),
        _ => None,
    };
    config.set_head(head);
    config.validate("the settings")?;
    memory::check(crate::model::layout(&config, head).len().saturating_mul(4))?;
    let mut bert = Bert::with_head(config, head, seed);
    for entry in bert.layout.entries() {
        if let Some(stored) =
            from.layout.get(&entry.name).filter(|_| entry.name.starts_with("bert."))
        {
            bert.parameters[entry.range.clone()]
                .copy_from_slice(&from.parameters[stored.range.clone()]);
        }
    }
    if missing_pooler && head.has_pooler() && options.task != FinetuningTask::Embed {
        observer.observe(Event::Note(
            "the model has no pooler (it was trained without next sentences), so one is drawn from the seed",
        ));
    }
    Ok(bert)
}

/// Sets the bias of the one output of a regression to the mean of the numbers to learn. Adam moves a bias by the learning
/// rate at most, so that from zero a short fine-tuning would spend its steps on the way to the mean.
pub(super) fn begin_at_mean(bert: &mut Bert, numbers: &[f64]) {
    let mean = numbers.iter().sum::<f64>() / numbers.len().max(1) as f64;
    if let Some(entry) = bert.layout.get("classifier.bias") {
        bert.parameters[entry.range.clone()].fill(mean as f32);
    }
}

/// Embeddings, encoder and pooler of a directory; and whether the pooler was drawn at random.
fn read(
    directory: &Path,
    config: Config,
    seed: u64,
    observer: &mut dyn Observer,
) -> Result<(Bert, bool), RunError> {
    let (bert, report, unfinished) = newest_weights(directory, config, Head::None, seed)?;
    if let Some(unfinished) = unfinished {
        observer.observe(Event::Warning(&unfinished.to_string()));
    }
    observer.observe(Event::Note(&format!("weights from `{}`", directory.display())));
    Ok((bert, report.initialized.iter().any(|name| name.starts_with("bert.pooler."))))
}
