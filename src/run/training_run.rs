//! A run from its first step to its last: step, log, evaluate, save.

use super::best::BestOfTrial;
use super::checkpoint::{CheckpointHeader, Progress};
use super::checkpoint_directory::CheckpointDirectory;
use super::clock::Clock;
use super::damage;
use super::error::RunError;
use super::forecast::Forecast;
use super::job::Job;
use super::metrics::{EvaluationMetrics, Interval, MetricsLine, Timing};
use super::observer::{Event, Observer};
use super::preparation::{Measure, Prepared, prepare_on};
use super::run_directory::{MetricsFile, RunDirectory};
use super::run_json::RunJson;
use super::run_options::RunOptions;
use crate::model::{Bert, weights};
use crate::system::digest::Digest;
use crate::system::memory;
use crate::system::ranks::{Alone, Team};
use crate::tokenizer::Tokenizer;
use crate::train::trainer::{Diverged, StepReport, Trainer};
use crate::train::{Evaluation, Objective};
use std::time::{Duration, Instant};

/// A finished run.
#[non_exhaustive]
pub struct Finished {
    /// The trained model: as it was at its best evaluation when the job says what is good, else after the last step.
    pub bert: Bert,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// The evaluation of this model, when there was held-out data.
    pub evaluation: Option<Evaluation>,
    /// The masked-LM loss that counting words alone gives on the held-out data ([`Job::unigram_loss`]).
    pub unigram_loss: Option<f64>,
    /// The best evaluation of each trial, when the job says what is good.
    pub trials: Vec<BestOfTrial>,
    /// The lines that this part of the run added to `metrics.jsonl`.
    pub metrics: Vec<MetricsLine>,
    /// SHA-256 of `model.safetensors`.
    pub model_sha256: Digest,
}

/// [`begin_on`] this machine alone.
///
/// # Errors
/// As [`begin_on`].
pub fn begin<J: Job>(
    options: &J::Options,
    command: &str,
    observer: &mut dyn Observer,
) -> Result<Finished, RunError> {
    begin_on::<J>(&Alone::team(), options, command, observer)
}

/// Trains as `options` say, on the threads of the current pool. `command` goes into `run.json`. This is rank 0 of
/// `team`; the others [`serve`](crate::train::serve).
///
/// With a run directory, nothing but the tokens of a large text is written until everything is read and
/// checked. Without one, the run stays in memory.
///
/// # Errors
/// [`RunError`], naming what is at fault.
pub fn begin_on<J: Job>(
    team: &Team,
    options: &J::Options,
    command: &str,
    observer: &mut dyn Observer,
) -> Result<Finished, RunError> {
    prepare_on::<J>(team, options, Measure::ForBudget, observer)?.begin(command, observer)
}

impl<J: Job> Prepared<J> {
    /// Trains from the first step to the last. `command` goes into `run.json`: the command that gives this run again.
    ///
    /// # Errors
    /// [`RunError`], naming what is at fault.
    pub fn begin(self, command: &str, observer: &mut dyn Observer) -> Result<Finished, RunError> {
        let (run, directory) = Run::new(self, command);
        let files = match directory {
            None => None,
            Some(mut directory) => {
                directory.create()?;
                run.describe(&directory)?;
                let metrics = directory.metrics()?;
                Some(RunFiles::new(directory, metrics))
            }
        };
        run.train(files, observer)
    }
}

/// The files of a run with a run directory.
pub(super) struct RunFiles {
    directory: RunDirectory,
    metrics: MetricsFile,
    checkpoints: CheckpointDirectory,
}

impl RunFiles {
    pub(super) fn new(directory: RunDirectory, metrics: MetricsFile) -> Self {
        let checkpoints = CheckpointDirectory::new(directory.path());
        Self { directory, metrics, checkpoints }
    }
}

/// A run between its steps.
pub(super) struct Run<J: Job> {
    pub(super) options: J::Options,
    pub(super) job: J,
    pub(super) json: RunJson<J::Options>,
    pub(super) trainer: Trainer<J::Objective>,
    pub(super) progress: Progress,
    /// The parameters at the best evaluation so far, when the job says what is good.
    pub(super) best: Option<Vec<f32>>,
    lines: Vec<MetricsLine>,
    forecast: Forecast,
}

impl<J: Job> Run<J> {
    /// A run before its first step, with its directory.
    pub(super) fn new(prepared: Prepared<J>, command: &str) -> (Self, Option<RunDirectory>) {
        let Prepared { options, directory, job, trainer, forecast, .. } = prepared;
        let progress = Progress {
            step: 0,
            tokens: 0,
            position: job.position(),
            interval: Interval::default(),
            evaluation: None,
            evaluation_due: false,
            metrics_bytes: 0,
            metrics_sha256: None,
            best: Vec::new(),
        };
        let mut json = RunJson::new(J::NAME, command, &options, &trainer.bert.config);
        json.read = job.read().to_vec();
        json.train_time.clone_from(&forecast.train_time);
        json.unigram_loss = forecast.unigram_loss;
        let lines = Vec::new();
        (Self { options, job, json, trainer, progress, best: None, lines, forecast }, directory)
    }

    /// Writes `run.json`, and what Hugging Face reads beside the weights. `run.json` comes first: with it, the
    /// run can be resumed.
    pub(super) fn describe(&self, directory: &RunDirectory) -> Result<(), RunError> {
        self.json.write(directory)?;
        let config = &self.trainer.bert.config;
        directory.write("config.json", &config.to_json())?;
        for (name, content) in self.job.other_files(&self.trainer.bert) {
            directory.write(name, &content)?;
        }
        let positions = config.max_position_embeddings;
        Ok(self.job.tokenizer().save_pretrained(directory.path(), positions)?)
    }

    /// Trains from the next step to the last, and finishes the run.
    pub(super) fn train(
        mut self,
        mut files: Option<RunFiles>,
        observer: &mut dyn Observer,
    ) -> Result<Finished, RunError> {
        let options = self.options.clone();
        let mut batches = self.job.batches(self.trainer.steps());
        let num_train_steps = options.recipe().schedule.num_train_steps;
        let mut clock = Clock::start();
        if let Some(sample) = self.job.sample() {
            observer.observe(Event::Sample(sample));
        }
        let step = self.trainer.steps();
        observer.observe(Event::Forecast { step, forecast: &self.forecast });
        observer.observe(Event::Started { step, num_train_steps });
        let mut saved = (self.progress.step > 0).then_some(self.progress.step);
        if self.progress.evaluation_due {
            clock.last_log += self.evaluate(files.as_mut(), observer)?;
            self.save_checkpoint(files.as_ref(), observer)?;
        }
        while self.trainer.steps() < num_train_steps {
            let step = self.trainer.steps();
            if observer.should_stop() || self.trainer.stop_asked() {
                if saved != Some(step) && self.trainer.is_finite() {
                    self.save_checkpoint(files.as_ref(), observer)?;
                }
                return Err(RunError::Stopped { step, num_train_steps });
            }
            self.change_shape(step, &mut batches)?;
            self.job.fill(step, &mut batches)?;
            let report = self.trainer.step(&batches)?;
            let step = self.trainer.steps();
            self.progress.interval.add(&report);
            self.progress.tokens += report.tokens;
            clock.tokens += report.tokens;
            observer.observe(Event::Step(&report));
            let last = step == num_train_steps;
            let due = |every: u64| last || (every > 0 && step.is_multiple_of(every));
            let evaluates = due(options.eval_every());
            let saves = due(options.save_checkpoints_steps());
            if (evaluates || saves) && !self.trainer.is_finite() {
                return Err(Diverged::from(&report).into());
            }
            if due(options.log_every()) {
                self.log(&report, clock.lap(), files.as_mut(), observer)?;
            }
            if evaluates {
                clock.last_log += self.evaluate(files.as_mut(), observer)?;
            }
            if saves {
                self.save_checkpoint(files.as_ref(), observer)?;
                saved = Some(step);
            }
        }
        let finished = self.finish(files)?;
        // Only now is everything saved: from here on, a signal ends the process at once.
        observer.observe(Event::Finished);
        Ok(finished)
    }

    /// Compiles the training step anew, and replaces `batches`, where step `step` has other shapes than the one
    /// before.
    fn change_shape(
        &mut self,
        step: u64,
        batches: &mut Vec<<J::Objective as Objective>::Batch>,
    ) -> Result<(), RunError> {
        let recipe = self.options.recipe_at(step);
        if *self.trainer.recipe() != recipe {
            let objective = self.job.objective(&self.trainer.bert, step)?;
            self.trainer.change(objective, recipe);
            *batches = self.job.batches(step);
        }
        Ok(())
    }

    /// Writes a log line.
    fn log(
        &mut self,
        report: &StepReport,
        timing: Timing,
        files: Option<&mut RunFiles>,
        observer: &mut dyn Observer,
    ) -> Result<(), RunError> {
        let line = self.progress.interval.finish(report, self.progress.tokens, timing);
        if let Some(files) = files {
            files.metrics.append(&line)?;
        }
        observer.observe(Event::Logged(&line));
        self.lines.push(MetricsLine::Training(line));
        Ok(())
    }

    /// Evaluates the model, if there is held-out data, and writes it. Returns the time of the evaluation, which
    /// does not count as training. When the observer stops it, a checkpoint of this step is saved, and the
    /// evaluation is done again when the run is resumed.
    fn evaluate(
        &mut self,
        files: Option<&mut RunFiles>,
        observer: &mut dyn Observer,
    ) -> Result<Duration, RunError> {
        let mut files = files;
        observer.observe(Event::Evaluating);
        self.trainer.gather_average();
        let before = Instant::now();
        let mut duration = Duration::ZERO;
        let evaluation = self.job.evaluate(self.trainer.model(), &mut || observer.should_stop());
        let Ok(evaluation) = evaluation else {
            self.progress.evaluation_due = true;
            self.save_checkpoint(files.as_deref(), observer)?;
            let num_train_steps = self.options.recipe().schedule.num_train_steps;
            return Err(RunError::Stopped { step: self.trainer.steps(), num_train_steps });
        };
        self.progress.evaluation_due = false;
        let bert = self.trainer.model();
        if let Some(evaluation) = evaluation {
            duration = before.elapsed();
            let step = self.trainer.steps();
            let seconds = duration.as_secs_f64();
            let line = EvaluationMetrics {
                step,
                evaluation: evaluation.clone(),
                unigram_loss: self.json.unigram_loss,
                sample: self.job.fill_sample(bert),
                seconds,
            };
            if let Some(files) = &mut files {
                files.metrics.append(&line)?;
            }
            let tokenizer = self.job.tokenizer();
            observer.observe(Event::Evaluated { metrics: &line, bert, tokenizer });
            self.lines.push(MetricsLine::Evaluation(Box::new(line)));
            if let Some(score) = self.job.score(&evaluation) {
                let best = &mut self.progress.best;
                if !BestOfTrial::note(best, self.options.recipe(), step, score, &evaluation) {
                    return Ok(duration);
                }
                self.best = Some(self.trainer.model().parameters.clone());
            }
            self.progress.evaluation = Some(evaluation);
        }
        let bert = self.trainer.model();
        if let Some(files) = files {
            weights::save(files.directory.path(), &bert.layout, &bert.parameters)?;
        }
        Ok(duration)
    }

    /// Saves the run as it is now, metrics first. Does nothing for a run in memory.
    fn save_checkpoint(
        &mut self,
        files: Option<&RunFiles>,
        observer: &mut dyn Observer,
    ) -> Result<(), RunError> {
        let Some(RunFiles { directory, metrics, checkpoints }) = files else { return Ok(()) };
        observer.observe(Event::Saving);
        self.progress.step = self.trainer.steps();
        self.progress.position = self.job.position();
        self.progress.metrics_bytes = metrics.sync()?;
        self.progress.metrics_sha256 = Some(metrics.digest().to_string());
        self.trainer.gather_average();
        let moments = self.trainer.whole_moments();
        let parameters = self.trainer.bert.parameters.as_slice();
        let header = CheckpointHeader::new(
            self.json.settings().to_string(),
            self.job.data().to_string(),
            parameters.len(),
            moments.steps,
            self.progress.clone(),
        );
        let average = self.trainer.average();
        let arrays = [parameters, moments.first.as_slice(), &moments.second];
        let best = self.best.as_deref();
        let arrays: Vec<&[f32]> = arrays.into_iter().chain(average).chain(best).collect();
        checkpoints.save(&header.averaged(average.is_some()), &arrays)?;
        if !self.json.has_checkpoint {
            self.json.has_checkpoint = true;
            self.json.write(directory)?;
        }
        observer.observe(Event::Saved);
        Ok(())
    }

    /// Writes the digests of the weights and of the files beside them into `run.json`.
    fn finish(mut self, files: Option<RunFiles>) -> Result<Finished, RunError> {
        self.trainer.gather_average();
        let mut bert = self.trainer.into_model();
        if let Some(best) = self.best {
            bert.parameters = best;
        }
        let model_sha256 = weights::digest(&bert.layout, &bert.parameters);
        if let Some(RunFiles { directory, .. }) = files {
            // Written at the last evaluation; written again if that file is missing or has changed.
            if weights::file_digest(directory.path()).ok() != Some(model_sha256) {
                weights::save(directory.path(), &bert.layout, &bert.parameters)?;
            }
            // A finished run that is resumed takes no step: what it needed stays as recorded.
            if !self.lines.is_empty() {
                self.json.peak_memory = self.json.peak_memory.max(memory::peak());
            }
            self.json.model_sha256 = Some(model_sha256.to_string());
            self.json.files = damage::digests(directory.path())?;
            self.json.write(&directory)?;
        }
        Ok(Finished {
            bert,
            tokenizer: self.job.into_tokenizer(),
            evaluation: self.progress.evaluation,
            unigram_loss: self.forecast.unigram_loss,
            trials: self.progress.best,
            metrics: self.lines,
            model_sha256,
        })
    }
}
