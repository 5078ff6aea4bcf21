//! What a run directory says about its run, to look at: `run.json` and `metrics.jsonl`, as far as they can be read.

use super::finetuning::{FinetuningJob, FinetuningOptions};
use super::job::Job;
use super::metrics_history::MetricsHistory;
use super::pretraining::{PretrainingJob, PretrainingOptions};
use super::run_json::leaves;
use super::run_options::RunOptions;
use crate::model::{Config, layout};
use crate::system::files::{self, FileError};
use crate::system::lock::{Lock, LockError};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// A directory that cannot be looked at as a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HistoryError {
    /// There is no such directory.
    #[error("`{}` is not a directory; give the directory of a run", .0.display())]
    NotADirectory(PathBuf),
    /// It holds no run.
    #[error(
        "`{}` holds no run: it has neither run.json nor metrics.jsonl; give the 'output_dir' of a run", .0.display()
    )]
    NoRun(PathBuf),
    /// A file that cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It has taken its last step.
    Finished,
    /// A process is writing into its directory.
    GoingOn,
    /// It was stopped, or its process was killed; it can be resumed.
    Stopped,
    /// `run.json` cannot be read.
    Unknown,
}

/// A run as its directory tells it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct History {
    /// The directory as it was given.
    pub directory: PathBuf,
    /// How far the run is.
    pub state: RunState,
    /// `run.json`; empty where it cannot be read.
    pub json: Map<String, Value>,
    /// `metrics.jsonl`.
    pub metrics: MetricsHistory,
    /// Bytes of `model.safetensors`.
    pub model_bytes: Option<u64>,
    /// Parameters of the model.
    pub parameters: Option<usize>,
    /// What is wrong with the directory, in sentences.
    pub problems: Vec<String>,
}

impl History {
    /// Reads the run directory `directory`. Only reads, so it works beside a process that trains there.
    ///
    /// # Errors
    /// [`HistoryError`]: no directory, no run, a file that cannot be read.
    pub fn read(directory: &Path) -> Result<Self, HistoryError> {
        if !directory.is_dir() {
            return Err(HistoryError::NotADirectory(directory.into()));
        }
        let [json_path, metrics_path] =
            ["run.json", "metrics.jsonl"].map(|name| directory.join(name));
        if !json_path.exists() && !metrics_path.exists() {
            return Err(HistoryError::NoRun(directory.into()));
        }
        let mut problems = Vec::new();
        let json = read_json(&json_path).unwrap_or_else(|problem| {
            problems.push(problem);
            Map::new()
        });
        let mut metrics = MetricsHistory::default();
        if metrics_path.exists() {
            metrics = MetricsHistory::parse(&files::read(&metrics_path)?);
        } else {
            problems.push("It has no metrics.jsonl, so there are no curves.".into());
        }
        let goes_on = || matches!(Lock::check(directory), Err(LockError::Held { .. }));
        let state = match json.get("model_sha256") {
            _ if json.is_empty() => RunState::Unknown,
            Some(_) => RunState::Finished,
            None if goes_on() => RunState::GoingOn,
            None => RunState::Stopped,
        };
        let model = directory.join("model.safetensors").metadata();
        let config = Config::from_file(&directory.join("config.json")).ok();
        let mut history = Self {
            directory: directory.into(),
            state,
            json,
            metrics,
            model_bytes: model.ok().map(|metadata| metadata.len()),
            parameters: config.map(|config| layout(&config, config.head()).len()),
            problems,
        };
        if let Some(version) = history.text("cloze_version")
            && version != env!("CARGO_PKG_VERSION")
        {
            let ours = env!("CARGO_PKG_VERSION");
            let problem = format!(
                "It was made by cloze {version}; this page by cloze {ours}, which shows what it knows."
            );
            history.problems.push(problem);
        }
        Ok(history)
    }

    /// The text called `name` in `run.json`.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.json.get(name)?.as_str()
    }

    /// Whether it is a run of fine-tuning.
    pub fn is_finetuning(&self) -> bool {
        self.text("job") == Some(FinetuningJob::NAME)
    }

    /// Every setting of the run by its name; empty when `run.json` has none.
    pub fn settings(&self) -> Vec<(String, Value)> {
        fn typed<O: RunOptions>(options: &Value) -> Option<Vec<(String, Value)>> {
            Some(serde_json::from_value::<O>(options.clone()).ok()?.settings())
        }
        let Some(options) = self.json.get("options") else { return Vec::new() };
        let known = match self.text("job") {
            Some(FinetuningJob::NAME) => typed::<FinetuningOptions>(options),
            Some(PretrainingJob::NAME) | None => typed::<PretrainingOptions>(options),
            Some(_) => None,
        };
        let as_they_are = || {
            let leaves = leaves(options).into_iter();
            leaves.map(|(name, value)| (name.to_string(), value.clone())).collect()
        };
        known.unwrap_or_else(as_they_are)
    }

    /// The recipe in `run.json`.
    fn recipe(&self) -> Option<&Value> {
        self.json.get("options")?.get("recipe")
    }

    /// Steps of the whole run.
    pub fn num_train_steps(&self) -> Option<u64> {
        self.recipe()?["schedule"]["num_train_steps"].as_u64()
    }

    /// The learning rates that the run tries one after another; empty for a single training.
    pub fn trials(&self) -> Vec<f64> {
        let trials = self.recipe().and_then(|recipe| recipe["trials"].as_array());
        trials.map_or(Vec::new(), |rates| rates.iter().filter_map(Value::as_f64).collect())
    }

    /// Seconds of training up to the last log line, all parts of a resumed run together.
    pub fn seconds(&self) -> Option<f64> {
        let points = &self.metrics.series("seconds")?.points;
        let mut all = 0.0;
        for (i, [_, seconds]) in points.iter().enumerate() {
            // The clock starts anew where a run is resumed.
            let ends = points.get(i + 1).is_none_or(|[_, next]| next < seconds);
            all += if ends { *seconds } else { 0.0 };
        }
        Some(all)
    }
}

/// A file of one JSON object, or a sentence that says why not.
fn read_json(path: &Path) -> Result<Map<String, Value>, String> {
    let problem =
        |why: String| format!("Its run.json cannot be read ({why}), so settings are missing.");
    let text = files::read_to_string(path).map_err(|error| problem(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| problem(error.to_string()))
}
