//! A whole pretraining run: prepare, step, log, evaluate, save; and going on with one that stopped.

use super::checkpoint::{CheckpointError, Header, Progress};
use super::checkpoint_directory::CheckpointDirectory;
use super::error::TrainError;
use super::metrics::{EvaluationMetrics, Interval};
use super::observer::Observer;
use super::options::Options;
use super::prepare::{Prepared, prepare};
use super::run_directory::{MetricsFile, RunDirectory};
use super::run_json::{Extension, RunJson, differences};
use crate::data::{Batch, InstanceStream};
use crate::model::{Bert, weights};
use crate::system::digest::Digest;
use crate::system::memory;
use crate::tokenizer::Tokenizer;
use crate::train::evaluation::{Evaluation, Evaluator};
use crate::train::optimizer::Moments;
use crate::train::trainer::{Diverged, StepReport, Trainer};
use std::convert::Infallible;
use std::time::Instant;

/// A finished run.
pub struct Finished {
    /// The trained model.
    pub bert: Bert,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// The last evaluation, when there was held-out text.
    pub evaluation: Option<Evaluation>,
    /// SHA-256 of `model.safetensors`.
    pub model_sha256: Digest,
}

/// Pretrains as `options` say, on the threads of the current pool, and leaves a run directory.
/// `command` is what a person typed, for `run.json`.
///
/// # Errors
/// [`TrainError`], naming what is at fault. Until everything is read and checked, nothing is written
/// but the tokens of a large text.
pub fn pretrain(
    options: &Options,
    command: &str,
    observer: &mut dyn Observer,
) -> Result<Finished, TrainError> {
    let mut directory = RunDirectory::new(&options.output_dir)?;
    let run = Run::prepare(options, command, observer)?;
    directory.create()?;
    run.describe(&directory)?;
    let metrics = directory.metrics()?;
    run.train(&directory, metrics, observer)
}

/// Goes on with the run in `options.output_dir` from its newest whole checkpoint, or from its start
/// when it has none. The result has the same bytes as that of a run that never stopped.
///
/// `options` must be those that the run began with; only `--num-train-steps` may be larger.
///
/// # Errors
/// [`TrainError::Settings`] when they are not; otherwise as [`pretrain`], and when no checkpoint can
/// be used.
pub fn resume(options: &Options, observer: &mut dyn Observer) -> Result<Finished, TrainError> {
    let directory = RunDirectory::existing(&options.output_dir)?;
    let before = RunJson::read(directory.path())?;
    let num_train_steps = before.options.recipe.schedule.num_train_steps;
    let longer = options.recipe.schedule.num_train_steps > num_train_steps;
    let mut differ = differences(&before.options, options);
    differ.retain(|difference| !(longer && difference.option == "--num-train-steps"));
    if !differ.is_empty() {
        return Err(TrainError::Settings { path: directory.path().to_path_buf(), differ });
    }
    if let Some(elsewhere) = before.elsewhere() {
        observer.note(&elsewhere);
    }
    let mut run = Run::prepare(options, &before.command, observer)?;
    if run.json.config != before.config {
        return Err(TrainError::OtherConfig(directory.path().to_path_buf()));
    }
    if before.cloze_version != run.json.cloze_version {
        observer.note(&format!(
            "warning: the run began with cloze {}, this is {}: the bits may not be those of either alone",
            before.cloze_version, run.json.cloze_version
        ));
        run.json.cloze_version.clone_from(&before.cloze_version);
    }
    run.json.extensions.clone_from(&before.extensions);
    run.json.directory.clone_from(&before.directory);
    let checkpoints = CheckpointDirectory::new(directory.path());
    let parameters = run.trainer.bert.layout.len();
    match checkpoints.newest(parameters, |note| observer.note(note))? {
        Some(checkpoint) => {
            let path = checkpoints.file(checkpoint.header.progress.step);
            let foreign =
                |what: &str| CheckpointError::Foreign { path: path.clone(), what: what.into() };
            let header = checkpoint.header;
            if header.settings != run.json.settings().to_string() {
                return Err(foreign("its settings are not those of run.json").into());
            }
            let position = header.progress.position;
            if header.data != run.data.to_string() || !run.source.seek(position) {
                return Err(
                    foreign("the text, the vocabulary or the instances have changed").into()
                );
            }
            let steps = options.recipe.schedule.num_train_steps;
            if header.progress.step > steps {
                return Err(
                    foreign(&format!("its step is beyond --num-train-steps {steps}")).into()
                );
            }
            let (first, second, steps) =
                (checkpoint.first, checkpoint.second, header.optimizer_steps);
            let moments = Moments { first, second, steps };
            run.trainer.restore(checkpoint.parameters, moments, header.progress.step);
            run.progress = header.progress;
            observer.note(&format!("going on from step {}", run.progress.step));
        }
        None => observer.note("there is no checkpoint yet: the run begins from its start"),
    }
    if longer {
        let step = run.progress.step;
        run.json.extensions.push(Extension { step, num_train_steps });
        let now = options.recipe.schedule.num_train_steps;
        observer.note(&format!(
            "{now} steps instead of {num_train_steps}: the learning rate follows the longer schedule \
             from step {step} on, so the result is not that of {now} steps from the start"
        ));
    }
    run.describe(&directory)?;
    let (metrics, whole) = directory.metrics_cut_to(run.progress.metrics_bytes)?;
    if !whole {
        observer.note("warning: metrics.jsonl is shorter than it was; its lost lines stay lost");
    }
    run.train(&directory, metrics, observer)
}

/// A run between its steps.
struct Run<'a> {
    options: &'a Options,
    json: RunJson,
    trainer: Trainer,
    tokenizer: Tokenizer,
    source: InstanceStream,
    evaluator: Option<Evaluator>,
    held_out: Vec<Batch>,
    data: Digest,
    progress: Progress,
}

impl<'a> Run<'a> {
    /// Reads and checks everything, and takes all memory; writes nothing.
    fn prepare(
        options: &'a Options,
        command: &str,
        observer: &mut dyn Observer,
    ) -> Result<Self, TrainError> {
        let Prepared { bert, tokenizer, source, evaluation: held_out, data } =
            prepare(options, observer)?;
        let recipe = &options.recipe;
        let mut trainer = Trainer::new(bert, recipe.clone())?;
        let mut evaluator = match held_out.as_slice() {
            [] => None,
            _ => Some(Evaluator::new(&trainer.bert, recipe.batch_shape())?),
        };
        let parameters = trainer.bert.layout.len();
        let sequence = 3 * (recipe.max_seq_length + recipe.max_predictions_per_seq);
        let batches = recipe.sequences_per_step().saturating_mul(sequence);
        let plans = trainer.bytes() + evaluator.as_mut().map_or(0, Evaluator::bytes);
        // Nothing of it but the parameters has been touched so far, so nothing else has been taken.
        let elements = (plans / 4).saturating_add(batches) - parameters;
        memory::check(elements)?;
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let before = memory::resident().unwrap_or(4 * parameters as u64);
        observer.note(&format!(
            "{parameters} parameters; {:.0} MB of memory, {:.0} MB of it for the text and all else that is \
             there by now",
            megabytes(before + 4 * elements as u64),
            megabytes(before.saturating_sub(4 * parameters as u64)),
        ));
        let progress = Progress {
            step: 0,
            tokens: 0,
            position: source.position(),
            interval: Interval::default(),
            evaluation: None,
            metrics_bytes: 0,
        };
        let json = RunJson::new(command, options, &trainer.bert.config);
        Ok(Self { options, json, trainer, tokenizer, source, evaluator, held_out, data, progress })
    }

    /// Writes `run.json`, and what Hugging Face reads beside the weights. `run.json` comes first: with
    /// it there, the run can go on.
    fn describe(&self, directory: &RunDirectory) -> Result<(), TrainError> {
        self.json.write(directory)?;
        let config = &self.trainer.bert.config;
        directory.write("config.json", &config.to_json())?;
        let positions = config.max_position_embeddings;
        Ok(self.tokenizer.save_pretrained(directory.path(), positions)?)
    }

    fn train(
        mut self,
        directory: &RunDirectory,
        mut metrics: MetricsFile,
        observer: &mut dyn Observer,
    ) -> Result<Finished, TrainError> {
        let (options, recipe) = (self.options, &self.options.recipe);
        let shape = recipe.batch_shape();
        let checkpoints = CheckpointDirectory::new(directory.path());
        let mut batches: Vec<Batch> = recipe
            .micro_batches()
            .map(|_| {
                Batch::new(shape.batch_size, shape.max_seq_length, shape.max_predictions_per_seq)
            })
            .collect();
        let pad_id = self.tokenizer.vocabulary().pad_id();
        let num_train_steps = recipe.schedule.num_train_steps;
        let start = Instant::now();
        let mut last_log = start;
        observer.held_out(&self.held_out, &self.tokenizer);
        observer.started(self.trainer.steps(), num_train_steps);
        let mut saved = (self.progress.step > 0).then_some(self.progress.step);
        while self.trainer.steps() < num_train_steps {
            let step = self.trainer.steps();
            if observer.should_stop() {
                if saved != Some(step) && self.trainer.is_finite() {
                    self.save_checkpoint(&checkpoints, &metrics)?;
                }
                return Err(TrainError::Stopped { step, num_train_steps });
            }
            for (batch, instances) in batches.iter_mut().zip(recipe.micro_batches()) {
                self.source.fill(batch, instances, pad_id)?;
            }
            let report = self.trainer.step(&batches)?;
            let step = self.trainer.steps();
            self.progress.interval.add(&report);
            self.progress.tokens += report.tokens;
            observer.stepped(&report);
            let last = step == num_train_steps;
            let due = |every: u64| last || (every > 0 && step.is_multiple_of(every));
            let (evaluates, saves) = (due(options.eval_every), due(options.save_checkpoints_steps));
            if (evaluates || saves) && !self.trainer.is_finite() {
                let StepReport { step, losses, learning_rate, grad_norm, .. } = report;
                let loss = losses.masked_lm_loss + losses.next_sentence_loss;
                return Err(Diverged { step, loss, learning_rate, grad_norm }.into());
            }
            if last || step.is_multiple_of(options.log_every.max(1)) {
                let (seconds, elapsed) = (start.elapsed(), last_log.elapsed());
                let (seconds, elapsed) = (seconds.as_secs_f64(), elapsed.as_secs_f64());
                let (interval, tokens) = (&mut self.progress.interval, self.progress.tokens);
                let line = interval.finish(&report, !recipe.no_nsp, tokens, seconds, elapsed);
                metrics.append(&line)?;
                observer.logged(&line);
                last_log = Instant::now();
            }
            if evaluates {
                if let Some(evaluator) = &mut self.evaluator {
                    let before = Instant::now();
                    let result = evaluate(evaluator, &self.trainer.bert, &self.held_out);
                    let seconds = before.elapsed();
                    let line = EvaluationMetrics::new(step, &result, seconds.as_secs_f64());
                    metrics.append(&line)?;
                    observer.evaluated(&line, &self.trainer.bert, &self.tokenizer);
                    self.progress.evaluation = Some(result);
                    last_log += seconds;
                }
                let bert = &self.trainer.bert;
                weights::save(directory.path(), &bert.layout, &bert.parameters)?;
            }
            if saves {
                self.save_checkpoint(&checkpoints, &metrics)?;
                saved = Some(step);
            }
        }
        observer.finished();
        // Written before the last checkpoint; written again should that be all that is left of a run.
        let bert = &self.trainer.bert;
        let model_sha256 = weights::digest(&bert.layout, &bert.parameters);
        if weights::file_digest(directory.path()).ok() != Some(model_sha256) {
            weights::save(directory.path(), &bert.layout, &bert.parameters)?;
        }
        self.json.model_sha256 = Some(model_sha256.to_string());
        self.json.write(directory)?;
        let evaluation = self.progress.evaluation;
        Ok(Finished {
            bert: self.trainer.bert,
            tokenizer: self.tokenizer,
            evaluation,
            model_sha256,
        })
    }

    /// Saves the run as it is now, metrics first.
    fn save_checkpoint(
        &mut self,
        checkpoints: &CheckpointDirectory,
        metrics: &MetricsFile,
    ) -> Result<(), TrainError> {
        self.progress.step = self.trainer.steps();
        self.progress.position = self.source.position();
        self.progress.metrics_bytes = metrics.sync()?;
        let parameters = &self.trainer.bert.parameters;
        let moments = &self.trainer.moments;
        let header = Header::new(
            self.json.settings().to_string(),
            self.data.to_string(),
            parameters.len(),
            moments.steps,
            self.progress.clone(),
        );
        Ok(checkpoints.save(&header, [parameters, &moments.first, &moments.second])?)
    }
}

fn evaluate(evaluator: &mut Evaluator, bert: &Bert, batches: &[Batch]) -> Evaluation {
    let mut left = batches.iter();
    let Ok(evaluation) = evaluator.evaluate(bert, || Ok::<_, Infallible>(left.next().cloned()));
    evaluation
}
