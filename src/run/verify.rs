//! Whether a finished run gives the same bits again: it is run once more from its `run.json`, in a
//! temporary place, and both are compared.

use super::error::TrainError;
use super::observer::Observer;
use super::options::Options;
use super::pretrain::pretrain;
use super::run_json::RunJson;
use crate::model::weights;
use crate::system::files::{self, FileError};
use serde::Serialize;
use serde_json::Value;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// What came of running a run once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Whether weights and metrics are the same, and the weights on disk those of the run.
    pub agrees: bool,
    /// SHA-256 of `model.safetensors` as `run.json` has it.
    pub recorded_sha256: String,
    /// SHA-256 of the `model.safetensors` that is there.
    pub file_sha256: String,
    /// SHA-256 of the `model.safetensors` of the second run.
    pub second_sha256: String,
    /// The step of the first line of `metrics.jsonl` that differs, timings aside.
    pub metrics_part_at_step: Option<u64>,
}

/// A run that cannot be verified.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The run has not ended.
    #[error("the run in `{}` is not finished; go on with it with --resume first", .0.display())]
    Unfinished(PathBuf),
    /// The run was made longer on the way.
    #[error(
        "the run in `{}` was made longer at step {step}, so its settings alone do not give it again",
        path.display()
    )]
    Extended {
        /// The run directory.
        path: PathBuf,
        /// Steps that had been taken.
        step: u64,
    },
    /// What the run was made from has changed.
    #[error(
        "the file that --model or --init names gives another configuration than the run in `{}` had: \
         there is nothing to compare", .0.display()
    )]
    OtherConfig(PathBuf),
}

/// Names of the fields of `metrics.jsonl` that depend on the clock.
pub const TIMINGS: [&str; 3] = ["seconds", "tokens_per_second", "eval_seconds"];

/// Runs the finished run in `run` once more, on the threads of the current pool, and compares. Paths
/// in its `run.json` are taken from the current directory.
///
/// # Errors
/// [`VerifyError`]; those of [`pretrain`].
pub fn verify(run: &Path, observer: &mut dyn Observer) -> Result<Verified, TrainError> {
    let json = RunJson::read(run)?;
    let path = run.to_path_buf();
    let Some(recorded_sha256) = json.model_sha256.clone() else {
        return Err(VerifyError::Unfinished(path).into());
    };
    if let Some(extension) = json.extensions.first() {
        return Err(VerifyError::Extended { path, step: extension.step }.into());
    }
    if json.cloze_version != env!("CARGO_PKG_VERSION") {
        observer.note(&format!(
            "the run is of cloze {}, this is {}: the bits may differ",
            json.cloze_version,
            env!("CARGO_PKG_VERSION")
        ));
    }
    if let Some(elsewhere) = json.elsewhere() {
        observer.note(&elsewhere);
    }
    let file_sha256 = weights::file_digest(run)?.to_string();
    let first = lines(run)?;
    let place = Temporary::new()?;
    let options =
        Options { output_dir: place.0.join("run"), save_checkpoints_steps: 0, ..json.options };
    let second_sha256 = pretrain(&options, &json.command, observer)?.model_sha256.to_string();
    if RunJson::read(&options.output_dir)?.config != json.config {
        return Err(VerifyError::OtherConfig(path).into());
    }
    let metrics_part_at_step = part(&first, &lines(&options.output_dir)?);
    let same = recorded_sha256 == file_sha256 && recorded_sha256 == second_sha256;
    Ok(Verified {
        agrees: same && metrics_part_at_step.is_none(),
        recorded_sha256,
        file_sha256,
        second_sha256,
        metrics_part_at_step,
    })
}

/// The lines of a run's `metrics.jsonl`, timings left out; a line that is not JSON as a string.
fn lines(run: &Path) -> Result<Vec<Value>, FileError> {
    let text = files::read_to_string(&run.join("metrics.jsonl"))?;
    let line = |line: &str| {
        let mut value: Value = serde_json::from_str(line).unwrap_or_else(|_| line.into());
        if let Some(fields) = value.as_object_mut() {
            fields.retain(|name, _| !TIMINGS.contains(&name.as_str()));
        }
        value
    };
    Ok(text.lines().map(line).collect())
}

/// The step of the first lines that differ.
fn part(first: &[Value], second: &[Value]) -> Option<u64> {
    let length = first.len().max(second.len());
    let at = (0..length).find(|&i| first.get(i) != second.get(i))?;
    let step = |lines: &[Value]| lines.get(at)?["step"].as_u64();
    // Both are written in order of steps: what is missing in one is at the step of the other.
    Some(step(first).into_iter().chain(step(second)).min().unwrap_or(0))
}

/// A directory that is removed when this is dropped.
struct Temporary(PathBuf);

impl Temporary {
    fn new() -> Result<Self, FileError> {
        let mut number = 0;
        loop {
            let name = format!("cloze-verify-{}-{number}", std::process::id());
            let path = std::env::temp_dir().join(name);
            // Not create_dir_all: it must not be there yet. A process that was killed may have left one.
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists && number < 1000 => {
                    number += 1
                }
                Err(error) => return Err(FileError::io("create directory", &path, error)),
            }
        }
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_step_that_differs_is_found() {
        let line = |step: u64, loss: f64| json!({"step": step, "loss": loss});
        let whole = [line(2, 0.5), line(4, 0.25), line(6, 0.125)];
        assert_eq!(part(&whole, &whole), None);
        assert_eq!(part(&whole, &[line(2, 0.5), line(4, 0.26), line(6, 0.125)]), Some(4));
        assert_eq!(part(&whole, &whole[..2]), Some(6));
        assert_eq!(part(&[], &whole), Some(2));
        assert_eq!(part(&["not JSON".into()], &whole), Some(2));
    }
}
