//! A run from its first step to its last: step, log, evaluate, save; and resuming one that stopped.

use super::best::BestOfTrial;
use super::checkpoint::{Checkpoint, CheckpointError, CheckpointHeader, Progress};
use super::checkpoint_directory::CheckpointDirectory;
use super::clock::Clock;
use super::damage;
use super::error::RunError;
use super::job::Job;
use super::metrics::{EvaluationMetrics, Interval, MetricsLine, Timing};
use super::observer::{Event, Observer};
use super::run_directory::{MetricsFile, RunDirectory};
use super::run_json::{Difference, Extension, RunJson, differences};
use super::run_options::RunOptions;
use crate::model::{Bert, weights};
use crate::system::digest::Digest;
use crate::system::memory;
use crate::tensor::kernels::Simd;
use crate::tokenizer::Tokenizer;
use crate::train::optimizer::Moments;
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
    /// The best evaluation of each trial, when the job says what is good.
    pub trials: Vec<BestOfTrial>,
    /// The lines that this part of the run added to `metrics.jsonl`.
    pub metrics: Vec<MetricsLine>,
    /// SHA-256 of `model.safetensors`.
    pub model_sha256: Digest,
}

/// Trains as `options` say, on the threads of the current pool. `command` goes into `run.json`.
///
/// With a run directory, nothing but the tokens of a large text is written until everything is read and
/// checked. Without one, the run stays in memory.
///
/// # Errors
/// [`RunError`], naming what is at fault.
pub fn begin<J: Job>(
    options: &J::Options,
    command: &str,
    observer: &mut dyn Observer,
) -> Result<Finished, RunError> {
    options.validate()?;
    let directory = options.output_dir().map(RunDirectory::new).transpose()?;
    let run = Run::<J>::prepare(options, command, false, observer)?;
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

/// Resumes the run in the run directory of `options` from its newest whole checkpoint, or from its start
/// when it has none. The result has the same bytes as that of a run that never stopped.
///
/// `options` must be those that the run began with. Only `num_train_steps` may be larger, and
/// [paths](RunOptions::PATHS) may be others when the data there is the same; the new paths are recorded.
///
/// # Errors
/// [`RunError::Settings`] when they are not; otherwise as [`begin`], and when no checkpoint can be used.
///
/// # Panics
/// If `options` name no run directory.
pub fn resume<J: Job>(
    options: &J::Options,
    observer: &mut dyn Observer,
) -> Result<Finished, RunError> {
    let path = options.output_dir().expect("a run in memory cannot be resumed");
    let directory = RunDirectory::existing(path)?;
    let before = RunJson::<J::Options>::read(path)?;
    before.check_fields(path)?;
    let num_train_steps = before.options.recipe().schedule.num_train_steps;
    let longer = options.recipe().schedule.num_train_steps > num_train_steps;
    let mut differ = differences(&before.options, options);
    differ.retain(|difference| !(longer && difference.setting == "num_train_steps"));
    // A value that no run can use is told as such, not as another value than before.
    let invalid = options.validate();
    let is_other = |setting: &str| differ.iter().any(|difference| difference.setting == setting);
    let told = invalid.as_ref().is_err_and(|invalid| is_other(invalid.setting));
    if !told && !differ.iter().all(Difference::is_of_paths::<J::Options>) {
        return Err(RunError::Settings { path: path.to_path_buf(), differ });
    }
    invalid?;
    if let Some(elsewhere) = before.elsewhere() {
        observer.observe(Event::Note(&elsewhere));
    }
    let from_checkpoint = before.has_checkpoint || before.model_sha256.is_some();
    let mut run = Run::<J>::prepare(options, &before.command, from_checkpoint, observer)?;
    if run.json.config != before.config {
        return Err(RunError::OtherConfig(path.to_path_buf()));
    }
    if before.cloze_version != run.json.cloze_version {
        observer.observe(Event::Warning(&format!(
            "the run began with cloze {}, this is {}: the bits may be those of neither version",
            before.cloze_version, run.json.cloze_version
        )));
        run.json.cloze_version.clone_from(&before.cloze_version);
    }
    run.json.extensions.clone_from(&before.extensions);
    if differ.is_empty() {
        run.json.directory.clone_from(&before.directory);
    }
    run.json.has_checkpoint = before.has_checkpoint;
    let checkpoints = CheckpointDirectory::new(path);
    let parameters = run.trainer.bert.layout.len();
    let warn = |warning: &str| observer.observe(Event::Warning(warning));
    match checkpoints.newest(parameters, warn)? {
        Some(checkpoint) => {
            let file = checkpoints.file(checkpoint.header.progress.step);
            run.restore(checkpoint)
                .map_err(|what| CheckpointError::Foreign { path: file, what })?;
            observer.observe(Event::Note(&format!("resuming from step {}", run.progress.step)));
        }
        None if from_checkpoint => {
            let checkpoints = checkpoints.path().to_path_buf();
            return Err(CheckpointError::NoneLeft { run: path.to_path_buf(), checkpoints }.into());
        }
        // Without a checkpoint there is no digest of the data to compare with.
        None if !differ.is_empty() => {
            return Err(RunError::Settings { path: path.to_path_buf(), differ });
        }
        None => observer
            .observe(Event::Note("there is no checkpoint yet: the run begins from its start")),
    }
    if longer {
        let step = run.progress.step;
        run.json.extensions.push(Extension { step, num_train_steps });
        let now = options.recipe().schedule.num_train_steps;
        observer.observe(Event::Note(&format!(
            "{now} steps instead of {num_train_steps}: the learning rate follows the longer schedule \
             from step {step} on, so the result is not that of {now} steps from the start"
        )));
    }
    run.describe(&directory)?;
    let (metrics, whole) = directory.metrics_cut_to(run.progress.metrics_bytes)?;
    if !whole {
        let warning = "metrics.jsonl is shorter than it was; its lost lines stay lost";
        observer.observe(Event::Warning(warning));
    } else if run
        .progress
        .metrics_sha256
        .as_ref()
        .is_some_and(|digest| *digest != metrics.digest().to_string())
    {
        let warning = "metrics.jsonl was changed after it was written; its lines stay as they are";
        observer.observe(Event::Warning(warning));
    }
    run.train(Some(RunFiles::new(directory, metrics)), observer)
}

/// The files of a run with a run directory.
struct RunFiles {
    directory: RunDirectory,
    metrics: MetricsFile,
    checkpoints: CheckpointDirectory,
}

impl RunFiles {
    fn new(directory: RunDirectory, metrics: MetricsFile) -> Self {
        let checkpoints = CheckpointDirectory::new(directory.path());
        Self { directory, metrics, checkpoints }
    }
}

/// A run between its steps.
struct Run<'o, J: Job> {
    options: &'o J::Options,
    job: J,
    json: RunJson<J::Options>,
    trainer: Trainer<J::Objective>,
    progress: Progress,
    /// The parameters at the best evaluation so far, when the job says what is good.
    best: Option<Vec<f32>>,
    lines: Vec<MetricsLine>,
}

impl<'o, J: Job> Run<'o, J> {
    /// Reads and checks everything, and allocates all memory; writes nothing. With `from_checkpoint`, the first weights
    /// are not those of the run: a checkpoint has to take their place.
    fn prepare(
        options: &'o J::Options,
        command: &str,
        from_checkpoint: bool,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        Simd::check()?;
        let (job, mut bert) = J::prepare(options, observer)?;
        if !from_checkpoint {
            job.set_first_weights(options, &mut bert, observer)?;
        }
        let last = options.recipe().schedule.num_train_steps.saturating_sub(1);
        let objective = job.objective(&bert, last)?;
        let mut trainer = Trainer::new(bert, objective, options.recipe_at(last));
        let mut bytes = trainer.bytes();
        if trainer.recipe() != &options.recipe_at(0) {
            let objective = job.objective(&trainer.bert, 0)?;
            trainer.change(objective, options.recipe_at(0));
            bytes = bytes.max(trainer.bytes());
        }
        let parameters = trainer.bert.layout.len();
        // Only the parameters have been written so far: the rest is not resident yet.
        let elements = ((bytes + job.bytes()) / 4).saturating_sub(parameters);
        memory::check(elements)?;
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let before = memory::resident().unwrap_or(4 * parameters as u64);
        observer.observe(Event::Note(&format!(
            "{parameters} parameters; {:.0} MB of memory, {:.0} MB of it for the text and everything else \
             that is loaded by now",
            megabytes(before + 4 * elements as u64),
            megabytes(before.saturating_sub(4 * parameters as u64)),
        )));
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
        let mut json = RunJson::new(J::NAME, command, options, &trainer.bert.config);
        json.read = job.read().to_vec();
        Ok(Self { options, job, json, trainer, progress, best: None, lines: Vec::new() })
    }

    /// Writes `run.json`, and what Hugging Face reads beside the weights. `run.json` comes first: with it, the
    /// run can be resumed.
    fn describe(&self, directory: &RunDirectory) -> Result<(), RunError> {
        self.json.write(directory)?;
        let config = &self.trainer.bert.config;
        directory.write("config.json", &config.to_json())?;
        for (name, content) in self.job.other_files(&self.trainer.bert) {
            directory.write(name, &content)?;
        }
        let positions = config.max_position_embeddings;
        Ok(self.job.tokenizer().save_pretrained(directory.path(), positions)?)
    }

    /// Takes over a checkpoint; says what is wrong when it is of another run.
    fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), String> {
        let Checkpoint { header, parameters, first, second, average, best } = checkpoint;
        let progress = header.progress;
        if header.settings != self.json.settings().to_string() {
            return Err("its settings are not those of run.json".into());
        }
        let terms = self.trainer.objective().terms().len();
        if header.data != self.job.data().to_string()
            || !progress.interval.is_of(terms)
            || !self.job.seek(&progress.position)
        {
            return Err("the text, the vocabulary or the instances have changed".into());
        }
        let steps = self.options.recipe().schedule.num_train_steps;
        if progress.step > steps {
            return Err(format!("its step is beyond 'num_train_steps' {steps}"));
        }
        if average.is_some() != self.trainer.average().is_some() {
            return Err(
                "it has an average of the weights and the run has none, or the reverse".into()
            );
        }
        let moments = Moments { first, second, steps: header.optimizer_steps };
        self.trainer.restore(parameters, moments, average, progress.step);
        (self.progress, self.best) = (progress, best);
        Ok(())
    }

    fn train(
        mut self,
        mut files: Option<RunFiles>,
        observer: &mut dyn Observer,
    ) -> Result<Finished, RunError> {
        let options = self.options;
        let mut batches = self.job.batches(self.trainer.steps());
        let num_train_steps = options.recipe().schedule.num_train_steps;
        let mut clock = Clock::start();
        if let Some((text, word)) = self.job.sample() {
            observer.observe(Event::Sample { text: &text, word: &word });
        }
        observer.observe(Event::Started { step: self.trainer.steps(), num_train_steps });
        let mut saved = (self.progress.step > 0).then_some(self.progress.step);
        if self.progress.evaluation_due {
            clock.last_log += self.evaluate(files.as_mut(), observer)?;
            self.save_checkpoint(files.as_ref(), observer)?;
        }
        while self.trainer.steps() < num_train_steps {
            let step = self.trainer.steps();
            if observer.should_stop() {
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
            let line = EvaluationMetrics { step, evaluation: evaluation.clone(), seconds };
            if let Some(files) = &mut files {
                files.metrics.append(&line)?;
            }
            let tokenizer = self.job.tokenizer();
            observer.observe(Event::Evaluated { metrics: &line, bert, tokenizer });
            self.lines.push(MetricsLine::Evaluation(line));
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
        let parameters = self.trainer.bert.parameters.as_slice();
        let moments = &self.trainer.moments;
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
            self.json.model_sha256 = Some(model_sha256.to_string());
            self.json.files = damage::digests(directory.path())?;
            self.json.write(&directory)?;
        }
        Ok(Finished {
            bert,
            tokenizer: self.job.into_tokenizer(),
            evaluation: self.progress.evaluation,
            trials: self.progress.best,
            metrics: self.lines,
            model_sha256,
        })
    }
}
