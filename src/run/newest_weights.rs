//! The newest weights of a directory: of a model, of a finished run, or of a run that goes on or was
//! stopped.

use super::checkpoint::{Checkpoint, CheckpointError};
use super::checkpoint_directory::CheckpointDirectory;
use crate::model::parameters::{initialize, layout};
use crate::model::{Bert, Config, Head, LoadReport, WeightsError};
use serde_json::Value;
use std::fmt;
use std::path::{Path, PathBuf};

/// A run that has not finished, and which of its weights were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfinishedRun {
    /// The run directory.
    pub directory: PathBuf,
    /// The step of the weights; `None` when no file says it.
    pub step: Option<u64>,
}

impl fmt::Display for UnfinishedRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the run in `{}` has not finished: ", self.directory.display())?;
        match self.step {
            Some(step) => write!(f, "its weights are those of step {step}")?,
            None => write!(f, "its weights are those of its last evaluation")?,
        }
        write!(f, "; 'resume' completes it")
    }
}

/// A directory of which no weights can be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewestWeightsError {
    /// `model.safetensors` cannot be used.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A checkpoint cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A run that was stopped before it saved anything.
    #[error(
        "the run in `{}` has not finished and has no weights yet: no checkpoint and no model.safetensors; \
         complete it with 'resume'", .0.display()
    )]
    NotYet(PathBuf),
}

/// Reads the newest weights of `directory` into a BERT of sizes `config` (that directory's
/// `config.json`) with the head `head`. Of a run that has not finished these are the weights of its
/// newest checkpoint, or `model.safetensors`, which is written at every evaluation, when it is newer.
/// Parameters of the pooler and the head that are not there are drawn from `seed` and reported.
///
/// Only reads, so it works beside a process that trains there.
///
/// # Errors
/// [`NewestWeightsError`].
pub fn newest_weights(
    directory: &Path,
    config: Config,
    head: Head,
    seed: u64,
) -> Result<(Bert, LoadReport, Option<UnfinishedRun>), NewestWeightsError> {
    let from_model = |config| Bert::from_directory(directory, config, head, seed);
    let checkpoints = CheckpointDirectory::new(directory);
    let has_model = directory.join("model.safetensors").exists();
    let is_unfinished = is_unfinished(directory);
    if has_model && !is_unfinished {
        let (bert, report) = from_model(config)?;
        return Ok((bert, report, None));
    }
    let evaluated = if has_model { last_evaluation(directory) } else { None };
    let unfinished = |step| UnfinishedRun { directory: directory.to_path_buf(), step };
    let newest = checkpoints.list().map_err(CheckpointError::from)?.last().map(|(step, _)| *step);
    if newest.is_some() && newest > evaluated {
        let stored = layout(&config, config.head());
        if let Some(checkpoint) = checkpoints.read_newest(stored.len())? {
            let step = checkpoint.header.progress.step;
            let (bert, report) = from_checkpoint(checkpoint, config, head, seed);
            return Ok((bert, report, is_unfinished.then(|| unfinished(Some(step)))));
        }
    }
    if is_unfinished && !has_model {
        return Err(NewestWeightsError::NotYet(directory.to_path_buf()));
    }
    let (bert, report) = from_model(config)?;
    Ok((bert, report, is_unfinished.then(|| unfinished(evaluated))))
}

/// The parameters of the model in a checkpoint, by name, in a BERT with the head `head`.
fn from_checkpoint(
    checkpoint: Checkpoint,
    mut config: Config,
    head: Head,
    seed: u64,
) -> (Bert, LoadReport) {
    let stored = layout(&config, config.head());
    let wanted = layout(&config, head);
    let mut parameters = initialize(&wanted, &config, seed, |name| stored.get(name).is_none());
    let mut report = LoadReport::default();
    for entry in wanted.entries() {
        match stored.get(&entry.name) {
            Some(from) => parameters[entry.range.clone()]
                .copy_from_slice(&checkpoint.model()[from.range.clone()]),
            None => report.initialized.push(entry.name.clone()),
        }
    }
    let left_out = stored.entries().iter().filter(|entry| wanted.get(&entry.name).is_none());
    report.ignored = left_out.map(|entry| entry.name.clone()).collect();
    config.set_head(head);
    (Bert { config, head, layout: wanted, parameters }, report)
}

/// Whether `directory` has a `run.json` that records no finished model.
fn is_unfinished(directory: &Path) -> bool {
    let text = std::fs::read(directory.join("run.json")).unwrap_or_default();
    let run: Option<Value> = serde_json::from_slice(&text).ok();
    run.is_some_and(|run| run.get("options").is_some() && run.get("model_sha256").is_none())
}

/// The step of the last evaluation in `metrics.jsonl`, if it records one.
fn last_evaluation(directory: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(directory.join("metrics.jsonl")).ok()?;
    let lines = text.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut evaluations = lines.filter(|line| line.get("eval_instances").is_some());
    evaluations.next()?.get("step")?.as_u64()
}
