//! Whether a finished run gives the same bits again: it is run once more from its `run.json`, in memory, and
//! both are compared.

use super::error::{RunError, VerifyError};
use super::finetuning::FinetuningJob;
use super::job::Job;
use super::metrics::TIMINGS;
use super::observer::{Event, Observer};
use super::pretraining::PretrainingJob;
use super::run_json::{RunJson, as_written};
use super::run_options::RunOptions;
use super::training_run::begin;
use crate::model::weights;
use crate::system::files::{self, FileError};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

/// The result of running a run once more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Whether weights and metrics are the same, and the file on disk holds the weights that the run wrote.
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

/// Runs the finished run in `run` once more, on the threads of the current pool, and compares. Relative paths
/// in its `run.json` are relative to the current directory. Of the preparation, `observer` hears warnings only.
///
/// # Errors
/// [`VerifyError`], and the errors of [`begin`].
pub fn verify(run: &Path, observer: &mut dyn Observer) -> Result<Verified, RunError> {
    match RunJson::<Value>::read(run)?.job.as_str() {
        FinetuningJob::NAME => verify_job::<FinetuningJob>(run, observer),
        _ => verify_job::<PretrainingJob>(run, observer),
    }
}

fn verify_job<J: Job>(run: &Path, observer: &mut dyn Observer) -> Result<Verified, RunError> {
    let json = RunJson::<J::Options>::read(run)?;
    let path = run.to_path_buf();
    let Some(recorded_sha256) = json.model_sha256.clone() else {
        return Err(VerifyError::Unfinished(path).into());
    };
    if let Some(extension) = json.extensions.first() {
        return Err(VerifyError::Extended { path, step: extension.step }.into());
    }
    if json.cloze_version != env!("CARGO_PKG_VERSION") {
        observer.observe(Event::Warning(&format!(
            "the run is of cloze {}, this is {}: the bits may differ",
            json.cloze_version,
            env!("CARGO_PKG_VERSION")
        )));
    }
    if let Some(elsewhere) = json.elsewhere() {
        observer.observe(Event::Warning(&elsewhere));
    }
    let file_sha256 = weights::file_digest(run)?.to_string();
    let mut first = lines(run)?;
    let options = json.options.clone().in_memory();
    let second = begin::<J>(&options, &json.command, &mut WithoutNotes(observer))?;
    if as_written(&second.bert.config) != json.config {
        return Err(VerifyError::OtherConfig(path).into());
    }
    let second_sha256 = second.model_sha256.to_string();
    let lines = second.metrics.iter().map(|line| without_timings(as_written(line)));
    let mut lines: Vec<Value> = lines.collect();
    first.iter_mut().zip(&mut lines).for_each(|(first, second)| leave_out_samples(first, second));
    let metrics_part_at_step = part(&first, &lines);
    let same = recorded_sha256 == file_sha256 && recorded_sha256 == second_sha256;
    Ok(Verified {
        agrees: same && metrics_part_at_step.is_none(),
        recorded_sha256,
        file_sha256,
        second_sha256,
        metrics_part_at_step,
    })
}

/// An observer that is not told what the preparation of a known run says.
struct WithoutNotes<'o>(&'o mut dyn Observer);

impl Observer for WithoutNotes<'_> {
    fn observe(&mut self, event: Event<'_>) {
        if !matches!(event, Event::Note(_) | Event::Forecast { .. }) {
            self.0.observe(event);
        }
    }

    fn should_stop(&mut self) -> bool {
        self.0.should_stop()
    }
}

/// The lines of a run's `metrics.jsonl` without timings; a line that is not JSON as a string.
fn lines(run: &Path) -> Result<Vec<Value>, FileError> {
    let text = files::read_to_string(&run.join("metrics.jsonl"))?;
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| line.into());
    Ok(text.lines().map(|line| without_timings(parse(line))).collect())
}

fn without_timings(mut line: Value) -> Value {
    if let Some(fields) = line.as_object_mut() {
        fields.retain(|name, _| !TIMINGS.contains(&name.as_str()));
    }
    line
}

/// Leaves out what was filled into two different texts: a run may be resumed with another text to watch.
fn leave_out_samples(first: &mut Value, second: &mut Value) {
    if first["sample"]["text"] != second["sample"]["text"] {
        for line in [first, second].into_iter().filter_map(Value::as_object_mut) {
            line.shift_remove("sample");
        }
    }
}

/// The step of the first lines that differ.
fn part(first: &[Value], second: &[Value]) -> Option<u64> {
    let length = first.len().max(second.len());
    let at = (0..length).find(|&i| first.get(i) != second.get(i))?;
    let step = |lines: &[Value]| lines.get(at)?["step"].as_u64();
    // Both are in the order of steps: a line that is missing in one has the step of the other.
    Some(step(first).into_iter().chain(step(second)).min().unwrap_or(0))
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
