//! Fine-tuning as a [`Job`]: what it reads, what a step consumes, what it is evaluated on.

use super::examples;
use super::model::{begin_at_mean, first_weights, open};
use super::options::{FinetuningOptions, FinetuningTask};
use super::stream::Stream;
use crate::autodiff::{GraphError, Mode};
use crate::data::ReadReport;
use crate::data::features::{Feature, FeatureBatch, FeatureShape, Target};
use crate::model::{Bert, HeadLoss, Pooling};
use crate::run::error::RunError;
use crate::run::job::{Interrupted, Job};
use crate::run::observer::{Event, Observer};
use crate::run::run_options::RunOptions;
use crate::system::digest::{Digest, Sha256};
use crate::tokenizer::Tokenizer;
use crate::train::finetuning::{Dataset, Finetuning, Gold, Predictor};
use crate::train::{Evaluation, Recipe};
use serde_json::{Value, json};

/// Everything that a fine-tuning run reads.
pub struct FinetuningJob {
    recipe: Recipe,
    loss: HeadLoss,
    shape: FeatureShape,
    task: FinetuningTask,
    tokenizer: Tokenizer,
    labels: Vec<String>,
    stream: Stream,
    held_out: Option<(Dataset, Predictor)>,
    data: Digest,
}

impl FinetuningJob {
    /// Sets what follows from the model and the examples in `options`: the length of sequences, learning rates, steps.
    ///
    /// # Errors
    /// [`RunError`], naming what is at fault.
    pub(super) fn fit(options: &mut FinetuningOptions) -> Result<(), RunError> {
        let (config, tokenizer) = open(&options.model)?;
        options.fit_model(config.max_position_embeddings, config.hidden_size);
        options.validate()?;
        options.recipe.validate(&config)?;
        let data = examples::read(options, &tokenizer)?;
        let evaluates = data.held_out.as_ref().is_some_and(is_measured);
        Ok(options.fit_examples(data.train.units(), evaluates)?)
    }
}

/// Whether a metric says how good a model is on `data`.
fn is_measured(data: &Dataset) -> bool {
    !matches!(data.gold, Gold::Texts { paired: false, .. })
}

impl Job for FinetuningJob {
    type Options = FinetuningOptions;
    type Objective = Finetuning;
    const NAME: &'static str = "finetuning";

    fn prepare(
        options: &FinetuningOptions,
        observer: &mut dyn Observer,
    ) -> Result<(Self, Bert), RunError> {
        let (config, tokenizer) = open(&options.model)?;
        options.recipe.validate(&config)?;
        let data = examples::read(options, &tokenizer)?;
        for warning in &data.warnings {
            observer.observe(Event::Warning(warning));
        }
        let mut note = format!("{} examples to learn from", data.train.examples);
        if data.train.features.len() > data.train.examples && is_measured(&data.train) {
            note += &format!(" in {} parts", data.train.features.len());
        }
        if let Some(held_out) = &data.held_out {
            note += &format!(", {} to evaluate on", held_out.examples);
        }
        if !data.labels.is_empty() {
            let some: Vec<&str> = data.labels.iter().take(10).map(String::as_str).collect();
            let more = if data.labels.len() > 10 { " …" } else { "" };
            note += &format!("; {} labels: {}{more}", data.labels.len(), some.join(" "));
        }
        observer.observe(Event::Note(&note));
        let mut bert = first_weights(options, config, &data.labels, observer)?;
        if let Gold::Numbers(numbers) = &data.train.gold {
            begin_at_mean(&mut bert, numbers);
        }
        let mut digest = Sha256::new();
        tokenizer.vocabulary().write(&mut digest).expect("a digest takes every byte");
        for label in &data.labels {
            digest.update_text(label);
        }
        for features in [Some(&data.train), data.held_out.as_ref()].into_iter().flatten() {
            digest.update(&(features.features.len() as u64).to_le_bytes());
            features.features.iter().for_each(|feature| add_feature(feature, &mut digest));
        }
        let loss = options.loss();
        let recipe = options.recipe.clone();
        let sequences = if options.task == FinetuningTask::Embed { 2 } else { 1 };
        let shape = FeatureShape {
            batch_size: sequences * recipe.micro_batch_size(),
            max_seq_length: recipe.max_seq_length,
        };
        let held_out = match data.held_out {
            Some(held_out) => {
                let predictor = Predictor::new(&bert, loss, recipe.max_seq_length)?;
                Some((held_out, predictor))
            }
            None => None,
        };
        let job = Self {
            stream: Stream::new(data.train, recipe.clone()),
            recipe,
            loss,
            shape,
            task: options.task,
            tokenizer,
            labels: data.labels,
            held_out,
            data: digest.finish(),
        };
        Ok((job, bert))
    }

    fn objective(&self, bert: &Bert, _step: u64) -> Result<Finetuning, GraphError> {
        Finetuning::new(bert, self.loss, self.shape, Mode::Training)
    }

    fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn into_tokenizer(self) -> Tokenizer {
        self.tokenizer
    }

    fn data(&self) -> Digest {
        self.data
    }

    fn batches(&self, _step: u64) -> Vec<FeatureBatch> {
        self.recipe.micro_batches().map(|_| FeatureBatch::new(self.shape)).collect()
    }

    fn fill(&mut self, _step: u64, batches: &mut [FeatureBatch]) -> Result<(), RunError> {
        self.stream.fill(batches, self.tokenizer.vocabulary().pad_id());
        Ok(())
    }

    fn position(&self) -> Value {
        json!({ "step": self.stream.position() })
    }

    fn seek(&mut self, position: &Value) -> bool {
        let step = position["step"].as_u64();
        step.is_some_and(|step| {
            self.stream.seek(step);
            step <= self.recipe.schedule.num_train_steps
        })
    }

    fn bytes(&self) -> usize {
        // Ids, segments, mask, labels and weights of each token.
        let sequences = self.shape.batch_size.saturating_mul(self.recipe.micro_batches().count());
        let batches = sequences.saturating_mul(4 * 5 * self.shape.max_seq_length);
        self.held_out.as_ref().map_or(0, |(_, predictor)| predictor.bytes()).saturating_add(batches)
    }

    fn evaluate(
        &mut self,
        bert: &Bert,
        should_stop: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Evaluation>, Interrupted> {
        let Some((data, predictor)) = &mut self.held_out else { return Ok(None) };
        let logits = predictor.logits(bert, &data.features, should_stop).ok_or(Interrupted)?;
        Ok(Some(data.measure(&logits, &self.labels)))
    }

    fn score(&self, evaluation: &Evaluation) -> Option<f64> {
        evaluation.metrics.first().map(|(_, score)| *score)
    }

    fn read(&self) -> &[ReadReport] {
        &[]
    }

    fn other_files(&self, bert: &Bert) -> Vec<(&'static str, String)> {
        let HeadLoss::Contrastive { pooling, .. } = self.loss else { return Vec::new() };
        debug_assert_eq!(self.task, FinetuningTask::Embed);
        let hidden_size = bert.config.hidden_size;
        let modules = json!([
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        ]);
        let of_pooling = json!({
            "word_embedding_dimension": hidden_size,
            "pooling_mode_cls_token": pooling == Pooling::Cls,
            "pooling_mode_mean_tokens": pooling == Pooling::Mean,
            "pooling_mode_max_tokens": false,
            "pooling_mode_mean_sqrt_len_tokens": false,
        });
        let transformer =
            json!({"max_seq_length": self.shape.max_seq_length, "do_lower_case": false});
        [
            ("modules.json", modules),
            ("1_Pooling/config.json", of_pooling),
            ("sentence_bert_config.json", transformer),
        ]
        .map(|(name, value)| (name, format!("{value:#}\n")))
        .into()
    }
}

/// Adds everything that a feature says to a digest.
fn add_feature(feature: &Feature, digest: &mut Sha256) {
    let mut numbers: Vec<u32> = vec![feature.input_ids.len() as u32];
    numbers.extend(&feature.input_ids);
    numbers.extend(&feature.token_type_ids);
    match &feature.target {
        Target::None => numbers.push(0),
        Target::Class(class) => numbers.extend([1, *class]),
        Target::Number(number) => numbers.extend([2, number.to_bits()]),
        Target::Tags(tags) => {
            numbers.push(3);
            numbers.extend(tags.iter().map(|tag| tag.unwrap_or(u32::MAX)));
        }
        Target::Span { first, last } => numbers.extend([4, *first, *last]),
    }
    let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    digest.update(&bytes);
}
