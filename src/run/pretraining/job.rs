//! Pretraining as a [`Job`]: what it reads, what a step consumes, what it is evaluated on.

use super::model::{model, set_word_embeddings};
use super::options::{InstanceSource, ModelSource, PretrainingOptions};
use super::recipe::PretrainingRecipe;
use super::sample::Watched;
use super::streams::{
    empty_batch, first_instances, from_instances, from_text, read, training_corpus,
};
use super::text::{add_store, remove_tokens, sampler, tokenize};
use super::token_kinds::TokenKinds;
use super::unigrams::Unigrams;
use crate::autodiff::{GraphError, Mode};
use crate::data::{Batch, Corpus, InstanceStream, ReadReport};
use crate::model::{Bert, NeighbourAttentionPlan, OutputBias};
use crate::run::error::RunError;
use crate::run::job::{Interrupted, Job};
use crate::run::metrics::{FilledSample, Sample};
use crate::run::observer::{Event, Observer};
use crate::system::digest::{Digest, Sha256};
use crate::tokenizer::Tokenizer;
use crate::train::evaluation::{Evaluation, Evaluator};
use crate::train::pretraining::Pretraining;
use serde_json::Value;

/// Everything that a pretraining run reads.
pub struct PretrainingJob {
    recipe: PretrainingRecipe,
    tokenizer: Tokenizer,
    stream: InstanceStream,
    /// Held-out instances, drawn once.
    held_out: Vec<Batch>,
    evaluator: Option<(Evaluator<Pretraining>, NeighbourAttentionPlan)>,
    data: Digest,
    read: Vec<ReadReport>,
    /// Tokens of one pass over the training text, or instances of a file of them.
    pass: Pass,
    unigram_loss: Option<f64>,
    /// The kinds of the masked tokens of `held_out`.
    kinds: TokenKinds,
    watched: Option<Watched>,
}

/// What one pass over the training data is.
#[derive(Clone, Copy)]
enum Pass {
    /// Tokens of text.
    Tokens(u64),
    /// Instances of a file.
    Instances(usize),
}

impl Job for PretrainingJob {
    type Options = PretrainingOptions;
    type Objective = Pretraining;
    const NAME: &'static str = "pretraining";

    fn prepare(
        options: &PretrainingOptions,
        observer: &mut dyn Observer,
    ) -> Result<(Self, Bert), RunError> {
        let corpus = training_corpus(options)?;
        let eval_corpus = match options.eval_input.as_slice() {
            [] => None,
            inputs => Some(read(inputs, options)?),
        };
        for note in corpus.iter().chain(&eval_corpus).filter_map(Corpus::passed_over) {
            observer.observe(Event::Note(&note));
        }
        let reads_instances = matches!(
            &options.input,
            InstanceSource::Instances { file, .. } if file.as_os_str() == "-"
        );
        let texts = [options.text_inputs(), &options.eval_input].concat();
        if reads_instances || texts.iter().any(|input| input == "-") {
            observer.observe(Event::Note(
                "to resume or verify this run, give the same text on standard input again",
            ));
        }
        for (name, corpus) in [("train", &corpus), ("eval", &eval_corpus)] {
            if corpus.is_none() {
                remove_tokens(options, name);
            }
        }
        let (mut bert, tokenizer) = model(options, corpus.as_ref(), observer)?;
        let unigram_bias = matches!(&options.model, ModelSource::New(new) if new.output_bias == OutputBias::Unigram);
        let mut data = Sha256::new();
        tokenizer.vocabulary().write(&mut data).expect("a digest takes every byte");
        let holds_out = eval_corpus.is_none();
        let mut read = Vec::new();
        let unigrams;
        let (mut stream, mut held_out) = match corpus {
            Some(corpus) => {
                let store = tokenize(&corpus, &tokenizer, (options, "train"), observer)?;
                add_store(&store, &options.recipe, &mut data);
                read.push(store.read_report(&corpus));
                let name = corpus.name();
                let text;
                (text, unigrams) =
                    from_text(options, store, &name, holds_out, &tokenizer, observer)?;
                text
            }
            None => {
                unigrams = Unigrams::new(tokenizer.vocabulary());
                (from_instances(options, &tokenizer, &mut data, observer)?, None)
            }
        };
        if let Some(corpus) = eval_corpus {
            let store = tokenize(&corpus, &tokenizer, (options, "eval"), observer)?;
            add_store(&store, &options.recipe, &mut data);
            read.push(store.read_report(&corpus));
            let all = (0..store.documents() as u32).collect();
            held_out = Some(sampler(&options.recipe, store, all, &tokenizer, &corpus.name())?);
        }
        let pad_id = tokenizer.vocabulary().pad_id();
        let held_out = held_out.map(|sampler| first_instances(options, sampler, pad_id));
        let held_out = held_out.unwrap_or_default();
        let (pass, unigrams) = match &mut stream {
            InstanceStream::Sampler(_) => (Pass::Tokens(unigrams.total()), unigrams),
            InstanceStream::File(file) => {
                let pass = Pass::Instances(file.len());
                let counts = unigram_bias || !held_out.is_empty();
                (pass, if counts { unigrams.with_file(file)? } else { unigrams })
            }
        };
        if unigram_bias {
            bert.set_output_bias(&unigrams.output_bias());
        }
        let recipe = options.recipe.clone();
        let evaluator = match held_out.as_slice() {
            [] => None,
            _ => {
                let shape = recipe.evaluation_shape();
                let (batch_size, seq) = (shape.batch_size, shape.max_seq_length);
                let attention = NeighbourAttentionPlan::new(&bert, batch_size, seq)?;
                let evaluator = Pretraining::evaluator(&bert, shape, recipe.sentence_objective)?;
                Some((evaluator, attention))
            }
        };
        let job = Self {
            recipe,
            data: data.finish(),
            unigram_loss: unigrams.loss_of(&held_out),
            kinds: TokenKinds::new(&held_out, tokenizer.vocabulary(), &unigrams),
            watched: Watched::new(options, &held_out, &bert, &tokenizer)?,
            tokenizer,
            stream,
            held_out,
            evaluator,
            read,
            pass,
        };
        Ok((job, bert))
    }

    fn set_first_weights(
        &self,
        options: &PretrainingOptions,
        bert: &mut Bert,
        observer: &mut dyn Observer,
    ) -> Result<(), RunError> {
        let InstanceStream::Sampler(sampler) = &self.stream else { return Ok(()) };
        set_word_embeddings(options, sampler, bert, observer)
    }

    fn objective(&self, bert: &Bert, step: u64) -> Result<Pretraining, GraphError> {
        let objective = self.recipe.sentence_objective;
        Pretraining::new(bert, self.recipe.at(step).batch_shape(), Mode::Training, objective)
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

    fn batches(&self, step: u64) -> Vec<Batch> {
        let recipe = self.recipe.at(step);
        let shape = recipe.batch_shape();
        recipe.training.micro_batches().map(|_| empty_batch(shape)).collect()
    }

    fn fill(&mut self, step: u64, batches: &mut [Batch]) -> Result<(), RunError> {
        let pad_id = self.tokenizer.vocabulary().pad_id();
        let training = self.recipe.at(step).training;
        self.stream.change(training.max_seq_length, self.recipe.masks_at(step));
        for (batch, instances) in batches.iter_mut().zip(training.micro_batches()) {
            self.stream.fill(batch, instances, pad_id)?;
        }
        Ok(())
    }

    fn position(&self) -> Value {
        serde_json::to_value(self.stream.position()).expect("numbers")
    }

    fn seek(&mut self, position: &Value) -> bool {
        serde_json::from_value(position.clone()).is_ok_and(|position| self.stream.seek(position))
    }

    fn bytes(&self) -> usize {
        let of_step = |step| {
            let recipe = self.recipe.at(step);
            // Ids, segments and mask of each token; position, id and weight of each masked one.
            let sequence = 3 * (recipe.training.max_seq_length + recipe.max_predictions_per_seq);
            recipe.training.sequences_per_step().saturating_mul(4 * sequence)
        };
        let batches = of_step(0).max(of_step(u64::MAX));
        let bytes = |(evaluator, attention): &(Evaluator<_>, NeighbourAttentionPlan)| {
            evaluator.bytes() + attention.bytes()
        };
        let watched = self.watched.as_ref().map_or(0, Watched::bytes);
        self.evaluator.as_ref().map_or(0, bytes).saturating_add(batches).saturating_add(watched)
    }

    fn evaluate(
        &mut self,
        bert: &Bert,
        should_stop: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Evaluation>, Interrupted> {
        let Some((evaluator, attention)) = &mut self.evaluator else { return Ok(None) };
        let go_on = |batch| if should_stop() { Err(Interrupted) } else { Ok(batch) };
        let mut kinds = self.kinds.sums();
        let batches = self.held_out.iter().map(go_on);
        let mut evaluation =
            evaluator.evaluate_each(&bert.parameters, batches, |objective, _| {
                kinds.add(objective.masked_lm_rows());
            })?;
        evaluation.kinds = kinds.means();
        evaluation.attention = Some(attention.measure(bert, &self.held_out[0]));
        Ok(Some(evaluation))
    }

    fn set_steps(&mut self, options: &PretrainingOptions) {
        self.recipe.clone_from(&options.recipe);
    }

    fn evaluation_batches(&self) -> usize {
        self.held_out.len()
    }

    fn passes(&self, batches: &[Batch]) -> Option<f64> {
        Some(match self.pass {
            Pass::Tokens(all) => {
                let vocabulary = self.tokenizer.vocabulary();
                let special = [vocabulary.pad_id(), vocabulary.cls_id(), vocabulary.sep_id()];
                let ids = batches.iter().flat_map(|batch| &batch.input_ids);
                let tokens = ids.filter(|id| !special.contains(id)).count();
                tokens as f64 / all.max(1) as f64
            }
            Pass::Instances(all) => {
                let instances: usize = batches.iter().map(|batch| batch.instances).sum();
                instances as f64 / all as f64
            }
        })
    }

    fn unigram_loss(&self) -> Option<f64> {
        self.unigram_loss
    }

    fn read(&self) -> &[ReadReport] {
        &self.read
    }

    fn sample(&self) -> Option<&Sample> {
        Some(&self.watched.as_ref()?.sample)
    }

    fn fill_sample(&mut self, bert: &Bert) -> Option<FilledSample> {
        self.watched.as_mut()?.fill(bert, &self.tokenizer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SentenceObjective;
    use crate::model::WordEmbeddings;
    use crate::run::pretraining::options::InMemoryText;
    use std::collections::BTreeSet;

    const DOCUMENTS: usize = 20;

    /// Every document has letters of its own: `aa ab …` in the first, `ba bb …` in the second.
    fn text() -> String {
        let letter = |i: usize| char::from(b'a' + i as u8);
        let sentence = |document: usize, number: usize| {
            let words =
                (0..4).map(|word| format!("{}{}", letter(document), letter(4 * number + word)));
            words.collect::<Vec<_>>().join(" ")
        };
        let document = |d| (0..5).map(|number| sentence(d, number)).collect::<Vec<_>>().join("\n");
        (0..DOCUMENTS).map(document).collect::<Vec<_>>().join("\n\n")
    }

    fn options() -> PretrainingOptions {
        let input = InstanceSource::InMemory(InMemoryText::new(text()));
        PretrainingOptions { input, ..PretrainingOptions::default() }
    }

    /// The documents of the tokens of `batch`, as they were before masking.
    fn documents(batch: &Batch, tokenizer: &Tokenizer) -> BTreeSet<char> {
        let ids = batch.unmasked_ids();
        let tokens = ids.iter().map(|&id| tokenizer.vocabulary().token(id).unwrap());
        let words = tokens.filter(|token| !token.starts_with('[') && !token.starts_with('#'));
        words.map(|token| token.chars().next().unwrap()).collect()
    }

    #[test]
    fn held_out_documents_are_evaluated_and_never_trained_on() {
        for no_nsp in [false, true] {
            let mut options = options();
            (options.eval_fraction, options.max_eval_steps) = (0.25, 1000);
            options.model.as_new().model = "1/32".into();
            if no_nsp {
                options.recipe.sentence_objective = SentenceObjective::None;
            }
            (options.recipe.max_predictions_per_seq, options.recipe.training.max_seq_length) =
                (5, 32);
            options.recipe.training.train_batch_size = 16;
            let (mut job, _) = PretrainingJob::prepare(&options, &mut ()).unwrap();
            let all_of = |batches: &[Batch], tokenizer: &Tokenizer| -> BTreeSet<char> {
                batches.iter().flat_map(|batch| documents(batch, tokenizer)).collect()
            };
            let held_out = all_of(&job.held_out, &job.tokenizer);
            let mut trained = BTreeSet::new();
            let mut batches = job.batches(0);
            for step in 0..20 {
                job.fill(step, &mut batches).unwrap();
                trained.append(&mut all_of(&batches, &job.tokenizer));
            }
            assert_eq!((held_out.len(), trained.len()), (DOCUMENTS / 4, 3 * DOCUMENTS / 4));
            assert!(held_out.is_disjoint(&trained), "{held_out:?} {trained:?}");
        }
    }

    #[test]
    fn word_vectors_are_counted_in_the_documents_to_train_on() {
        let mut options = options();
        // Every word occurs three times in its document.
        let text = text().replace("\n\n", "\0").replace('\n', " ");
        let text: Vec<String> = text.split('\0').map(|text| [text; 3].join("\n")).collect();
        options.input = InstanceSource::InMemory(InMemoryText::new(text.join("\n\n")));
        options.eval_fraction = 0.25;
        options.model.as_new().model = "1/32".into();
        let mut rows = |words| {
            options.model.as_new().word_embeddings = words;
            let (job, mut bert) = PretrainingJob::prepare(&options, &mut ()).unwrap();
            job.set_first_weights(&options, &mut bert, &mut ()).unwrap();
            let held_out: BTreeSet<char> =
                job.held_out.iter().flat_map(|batch| documents(batch, &job.tokenizer)).collect();
            assert_eq!(held_out.len(), DOCUMENTS / 4);
            let words = bert.layout.get("bert.embeddings.word_embeddings.weight").unwrap();
            let rows: Vec<Vec<f32>> =
                bert.parameters[words.range.clone()].chunks(32).map(<[f32]>::to_vec).collect();
            (rows, held_out, job.tokenizer)
        };
        let (random, _, _) = rows(WordEmbeddings::Random);
        let (counted, held_out, tokenizer) = rows(WordEmbeddings::PpmiSvd);
        let mut changed = BTreeSet::new();
        for (id, rows) in random.iter().zip(&counted).enumerate() {
            let token = tokenizer.vocabulary().token(id as u32).unwrap();
            if rows.0 != rows.1 && token.len() == 2 {
                changed.insert(token.chars().next().unwrap());
            }
        }
        assert!(changed.is_disjoint(&held_out), "{changed:?} {held_out:?}");
        assert_eq!(changed.len(), 3 * DOCUMENTS / 4);
    }

    #[test]
    fn an_evaluation_has_the_instances_of_its_steps_and_no_more() {
        let mut options = options();
        options.model.as_new().model = "1/32".into();
        options.eval_fraction = 0.5;
        options.recipe.max_predictions_per_seq = 5;
        let training = &mut options.recipe.training;
        (training.max_seq_length, training.train_batch_size) = (16, 3);
        let mut instances = |max_eval_steps| -> Vec<usize> {
            options.max_eval_steps = max_eval_steps;
            let (job, _) = PretrainingJob::prepare(&options, &mut ()).unwrap();
            job.held_out.iter().map(|batch| batch.instances).collect()
        };
        assert_eq!(instances(2).iter().sum::<usize>(), 2 * 3);
        let whole: usize = instances(1000).iter().sum();
        assert!((10..1000).contains(&whole), "one pass: {whole}");
        assert_eq!(instances(usize::MAX).iter().sum::<usize>(), whole);
    }
}
