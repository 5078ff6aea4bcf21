//! `run.json`: what a run was asked to do, and its result.

use super::run_directory::RunDirectory;
use super::run_options::RunOptions;
use crate::data::ReadReport;
use crate::model::Config;
use crate::system::digest::Digest;
use crate::system::files::{self, FileError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// `run.json` of a run with the settings `O`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunJson<O> {
    /// The version of this crate that began the run.
    pub cloze_version: String,
    /// What is trained, for example `pretraining`.
    #[serde(default = "pretraining")]
    pub job: String,
    /// The command that began the run.
    pub command: String,
    /// The working directory of that command. Relative paths among the settings are relative to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// Every setting.
    pub options: O,
    /// The model's configuration.
    pub config: Value,
    /// What was read, text to train on before text to evaluate on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<ReadReport>,
    /// The budget of time that `num_train_steps` was worked out from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_time: Option<String>,
    /// The masked-LM loss that the shares of the word pieces in the training text give on the held-out text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unigram_loss: Option<f64>,
    /// Where the run was made longer. The settings alone do not give such a run again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
    /// Whether the run has saved a checkpoint: from then on it is never begun again from its start.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_checkpoint: bool,
    /// The most memory that the process used, in bytes, once the run is finished; not known on every system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory: Option<u64>,
    /// SHA-256 of `model.safetensors`, once the run is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_sha256: Option<String>,
    /// SHA-256 of the other files that the model is read from, by name, once the run is finished.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// Fields that this version does not know.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// The job of a `run.json` that names none: versions before 0.2 knew no other.
fn pretraining() -> String {
    "pretraining".into()
}

/// A change of `num_train_steps` in a run that was resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// Steps that had been taken.
    pub step: u64,
    /// `num_train_steps` until then.
    pub num_train_steps: u64,
}

/// A `run.json` that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunJsonError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not JSON, or lacks a setting, or has one of another type.
    #[error("`{}` is not what this version of cloze writes: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

impl<O: RunOptions> RunJson<O> {
    /// For a run that begins.
    pub fn new(job: &str, command: &str, options: &O, config: &Config) -> Self {
        Self {
            cloze_version: env!("CARGO_PKG_VERSION").into(),
            job: job.into(),
            command: command.into(),
            directory: std::env::current_dir().ok(),
            options: options.clone(),
            config: as_written(config),
            read: Vec::new(),
            train_time: None,
            unigram_loss: None,
            extensions: Vec::new(),
            has_checkpoint: false,
            peak_memory: None,
            model_sha256: None,
            unknown: Map::new(),
            files: BTreeMap::new(),
        }
    }

    /// Writes `run.json` into `directory`.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn write(&self, directory: &RunDirectory) -> Result<(), FileError> {
        let mut text = serde_json::to_string_pretty(self).expect("numbers and strings");
        text.push('\n');
        directory.write("run.json", &text)
    }

    /// A warning for a person who resumes or verifies the run in another working directory than it began in:
    /// relative paths may name other files there.
    pub fn elsewhere(&self) -> Option<String> {
        let (then, now) = (self.directory.as_ref()?, std::env::current_dir().ok()?);
        (*then != now).then(|| {
            format!(
                "the run began in `{}`, this is `{}`: relative paths among its settings are relative to \
                 this directory now",
                then.display(),
                now.display()
            )
        })
    }

    /// Digest of every setting that changes the result, except `num_train_steps`, which a run may raise, and
    /// paths, because the data has a digest of its own.
    pub fn settings(&self) -> Digest {
        let mut settings = self.options.settings();
        settings.retain(|(name, _)| name != "num_train_steps" && !O::PATHS.contains(&&**name));
        let text = serde_json::to_string(&(settings, &self.config));
        Digest::of(text.expect("numbers and strings").as_bytes())
    }
}

impl<O: DeserializeOwned> RunJson<O> {
    /// Refuses fields that this version does not know: a damaged name must not pass for a field that is missing.
    ///
    /// # Errors
    /// [`RunJsonError::Malformed`], naming the field.
    pub fn check_fields(&self, run: &Path) -> Result<(), RunJsonError> {
        match self.unknown.keys().next() {
            None => Ok(()),
            Some(name) => Err(RunJsonError::Malformed {
                path: run.join("run.json"),
                message: format!("unknown field `{name}`"),
            }),
        }
    }

    /// Reads the `run.json` of the run directory `run`.
    ///
    /// # Errors
    /// [`RunJsonError`].
    pub fn read(run: &Path) -> Result<Self, RunJsonError> {
        let path = run.join("run.json");
        let text = files::read_to_string(&path)?;
        serde_json::from_str(&text)
            .map_err(|error| RunJsonError::Malformed { path, message: error.to_string() })
    }
}

/// A setting whose value differs between the start of a run and now.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The setting.
    pub setting: String,
    /// Its value at the start of the run; `null` when it had none.
    pub before: Value,
    /// Its value now.
    pub now: Value,
}

impl Difference {
    /// Whether only the place of the same kind of data differs: both values name one.
    pub fn is_of_paths<O: RunOptions>(&self) -> bool {
        let names_data = |value: &Value| match value {
            Value::Null => false,
            Value::Array(paths) => !paths.is_empty(),
            _ => true,
        };
        O::PATHS.contains(&&*self.setting) && names_data(&self.before) && names_data(&self.now)
    }
}

/// The settings that change the result, or `metrics.jsonl`, and differ.
pub fn differences<O: RunOptions>(before: &O, now: &O) -> Vec<Difference> {
    let (before, now) = (before.settings(), now.settings());
    let mut names: Vec<&String> = before.iter().chain(&now).map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    let of = |settings: &[(String, Value)], setting: &str| {
        let found = settings.iter().find(|(name, _)| name == setting);
        found.map_or(Value::Null, |(_, value)| value.clone())
    };
    let both = names.into_iter().map(|name| (name, of(&before, name), of(&now, name)));
    let differ = both.filter(|(_, before, now)| before != now);
    differ.map(|(name, before, now)| Difference { setting: name.clone(), before, now }).collect()
}

/// A value as a file has it: 0.1 as 0.1, not as the `f64` that is nearest to the `f32` 0.1.
pub fn as_written(value: &impl Serialize) -> Value {
    let text = serde_json::to_string(value).expect("numbers and strings");
    serde_json::from_str(&text).expect("JSON just written")
}

/// The values of a tree of settings that are not objects themselves, by name.
pub fn leaves(value: &Value) -> Vec<(&str, &Value)> {
    fn collect<'v>(name: &'v str, value: &'v Value, found: &mut Vec<(&'v str, &'v Value)>) {
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(name, value)| collect(name, value, found));
            }
            _ => found.push((name, value)),
        }
    }
    let mut found = Vec::new();
    collect("", value, &mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::pretraining::{InstanceSource, ModelSource, PretrainingOptions};
    use serde_json::json;

    fn options() -> PretrainingOptions {
        let input = InstanceSource::Text(vec!["a.txt".into()]);
        PretrainingOptions { input, ..PretrainingOptions::default() }
    }

    #[test]
    fn differences_are_named_by_setting() {
        let old = options();
        let differ = |change: fn(&mut PretrainingOptions)| -> Vec<(String, Value, Value)> {
            let mut new = options();
            change(&mut new);
            let found = differences(&old, &new).into_iter();
            found.map(|Difference { setting, before, now }| (setting, before, now)).collect()
        };
        let one = |setting: &str, before, now| vec![(setting.to_string(), before, now)];
        assert_eq!(differ(|_| ()), []);
        assert_eq!(differ(|new| new.output_dir = Some("b".into())), []);
        assert_eq!(differ(|new| new.save_checkpoints_steps = 3), []);
        let found = differ(|new| new.recipe.training.seed = 3);
        assert_eq!(found, one("seed", json!(12345), json!(3)));
        let found = differ(|new| new.recipe.training.optimizer.bias_correction = true);
        assert_eq!(found, one("adam_bias_correction", json!(false), json!(true)));
        let found = differ(|new| new.hidden_dropout_prob = Some(0.0));
        assert_eq!(found, one("hidden_dropout_prob", json!(null), json!(0.0)));
        let found = differ(|new| new.input = InstanceSource::Stories);
        assert_eq!(found, one("input", json!(["a.txt"]), json!("the built-in stories")));
        let found = differ(|new| new.model = ModelSource::Init("d".into()));
        let names: Vec<&str> = found.iter().map(|found| found.0.as_str()).collect();
        assert_eq!(
            names,
            [
                "cased",
                "init",
                "initialization",
                "limit_alphabet",
                "model",
                "output_bias",
                "vocab_size",
                "word_embeddings"
            ]
        );
    }

    #[test]
    fn the_digest_leaves_out_what_may_change() {
        let config = Config::named("tiny", 100).unwrap();
        let digest = |change: fn(&mut PretrainingOptions)| {
            let mut options = options();
            change(&mut options);
            RunJson::new("", "", &options, &config).settings()
        };
        let same = digest(|_| ());
        assert_eq!(digest(|options| options.recipe.training.schedule.num_train_steps += 1), same);
        assert_ne!(digest(|options| options.recipe.training.schedule.num_warmup_steps += 1), same);
        assert_ne!(digest(|options| options.log_every += 1), same);
        let other = |options: &mut PretrainingOptions| {
            options.input = InstanceSource::Text(vec!["b.txt".into()]);
            options.sample = Some("A [MASK].".into());
        };
        assert_eq!(digest(other), same);
    }
}
