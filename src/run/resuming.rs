//! Resuming a run that stopped, from its newest whole checkpoint.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::checkpoint_directory::CheckpointDirectory;
use super::error::RunError;
use super::job::Job;
use super::observer::{Event, Observer};
use super::preparation::{Measure, prepare_in};
use super::run_directory::RunDirectory;
use super::run_json::{Difference, Extension, RunJson, differences};
use super::run_options::RunOptions;
use super::training_run::{Finished, Run, RunFiles};
use crate::system::ranks::{Alone, Team};
use crate::train::Objective;
use crate::train::optimizer::Moments;

/// [`resume_on`] this machine alone.
///
/// # Errors
/// As [`resume_on`].
///
/// # Panics
/// If `options` name no run directory.
pub fn resume<J: Job>(
    options: &J::Options,
    observer: &mut dyn Observer,
) -> Result<Finished, RunError> {
    resume_on::<J>(&Alone::team(), options, observer)
}

/// Resumes the run in the run directory of `options` from its newest whole checkpoint, or from its start
/// when it has none. The result has the same bytes as that of a run that never stopped.
///
/// `options` must be those that the run began with. Only `num_train_steps` may be larger, and
/// [paths](RunOptions::PATHS) may be others when the data there is the same; the new paths are recorded. This is rank 0 of
/// `team`, which may have another size than before; the others [`serve`](crate::train::serve).
///
/// # Errors
/// [`RunError::Settings`] when they are not; otherwise as [`begin`](super::begin), and when no checkpoint can be used.
///
/// # Panics
/// If `options` name no run directory.
pub fn resume_on<J: Job>(
    team: &Team,
    options: &J::Options,
    observer: &mut dyn Observer,
) -> Result<Finished, RunError> {
    let path = options.output_dir().expect("a run in memory cannot be resumed");
    let directory = RunDirectory::existing(path)?;
    let before = RunJson::<J::Options>::read(path)?;
    before.check_fields(path)?;
    let given = options.train_time().map(|time| time.to_string());
    if given.is_some() && given != before.train_time {
        let differ = Difference {
            setting: "train_time".into(),
            before: before.train_time.into(),
            now: given.into(),
        };
        return Err(RunError::Settings { path: path.to_path_buf(), differ: vec![differ] });
    }
    let num_train_steps = before.options.recipe().schedule.num_train_steps;
    let mut known = options.clone();
    if given.is_some() {
        // The steps were worked out when the run began.
        known.set_steps_of_train_time(num_train_steps, before.options.eval_every());
    }
    let options = &known;
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
    let measures = Measure::ForBudget;
    let prepared =
        prepare_in::<J>(team, options, Some(directory), measures, from_checkpoint, observer)?;
    let (mut run, directory) = Run::new(prepared, &before.command);
    let directory = directory.expect("given above");
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
    run.json.train_time.clone_from(&before.train_time);
    if differ.is_empty() {
        run.json.directory.clone_from(&before.directory);
    }
    run.json.has_checkpoint = before.has_checkpoint;
    run.json.peak_memory = before.peak_memory;
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

impl<J: Job> Run<J> {
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
}
