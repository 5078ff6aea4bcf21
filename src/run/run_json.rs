//! `run.json`: what a run was asked to do, and what came of it.

use super::error::TrainError;
use super::options::{Input, Options};
use super::run_directory::RunDirectory;
use crate::model::Config;
use crate::system::digest::Digest;
use crate::system::files;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunJson {
    /// The version of this crate that began the run.
    pub cloze_version: String,
    /// What a person typed to begin it.
    pub command: String,
    /// The directory it was typed in: what relative paths among the settings are relative to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// Every setting.
    pub options: Options,
    /// The model's configuration.
    pub config: Value,
    /// Where the run was made longer: such a run is not what its settings alone give.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
    /// SHA-256 of `model.safetensors`, once the run is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_sha256: Option<String>,
}

/// A change of `--num-train-steps` on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// Steps that had been taken.
    pub step: u64,
    /// What `--num-train-steps` was until then.
    pub num_train_steps: u64,
}

/// A `run.json` that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("`{path}` is not what `cloze pretrain` writes: {message}")]
pub struct RunJsonError {
    path: String,
    message: String,
}

impl RunJson {
    /// For a run that begins.
    pub fn new(command: &str, options: &Options, config: &Config) -> Self {
        Self {
            cloze_version: env!("CARGO_PKG_VERSION").into(),
            command: command.into(),
            directory: std::env::current_dir().ok(),
            options: options.clone(),
            config: as_written(config),
            extensions: Vec::new(),
            model_sha256: None,
        }
    }

    /// Reads the `run.json` of the run directory `run`.
    ///
    /// # Errors
    /// [`TrainError::File`], [`TrainError::RunJson`].
    pub fn read(run: &Path) -> Result<Self, TrainError> {
        let path = run.join("run.json");
        let text = files::read_to_string(&path)?;
        let json = serde_json::from_str(&text).map_err(|error| RunJsonError {
            path: path.display().to_string(),
            message: error.to_string(),
        });
        Ok(json?)
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`TrainError::File`].
    pub fn write(&self, directory: &RunDirectory) -> Result<(), TrainError> {
        let mut text = serde_json::to_string_pretty(self).expect("numbers and strings");
        text.push('\n');
        Ok(directory.write("run.json", &text)?)
    }

    /// What to say to somebody who goes on with the run, or verifies it, from another directory than it
    /// began in, and so may name other files.
    pub fn elsewhere(&self) -> Option<String> {
        let (then, now) = (self.directory.as_ref()?, std::env::current_dir().ok()?);
        (*then != now).then(|| {
            format!(
                "the run began in `{}`, this is `{}`: relative paths among its settings are taken from here",
                then.display(),
                now.display()
            )
        })
    }

    /// Digest of all that changes the result but `--num-train-steps`, which a run may raise.
    pub fn settings(&self) -> Digest {
        let mut settings = settings(&self.options);
        settings.retain(|(name, _)| name != "--num-train-steps");
        let text = serde_json::to_string(&(settings, &self.config));
        Digest::of(text.expect("numbers and strings").as_bytes())
    }
}

/// A setting that a run began with and that is another now.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The option, as the command line calls it.
    pub option: String,
    /// What the run began with.
    pub before: Value,
    /// What is asked for now.
    pub now: Value,
}

/// The settings that change the result, or `metrics.jsonl`, and that are not the same in both.
pub fn differences(before: &Options, now: &Options) -> Vec<Difference> {
    let (before, now) = (settings(before), settings(now));
    let mut names: Vec<&String> = before.iter().chain(&now).map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    let of = |settings: &[(String, Value)], option: &str| {
        let found = settings.iter().find(|(name, _)| name == option);
        found.map_or(Value::Null, |(_, value)| value.clone())
    };
    let both = names.into_iter().map(|name| (name, of(&before, name), of(&now, name)));
    let differ = both.filter(|(_, before, now)| before != now);
    differ.map(|(name, before, now)| Difference { option: name.clone(), before, now }).collect()
}

/// Every setting that changes the result, by the name of its option.
fn settings(options: &Options) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    flatten("", &as_written(options), &mut found);
    found
        .retain(|(name, _)| !["--output-dir", "--save-checkpoints-steps"].contains(&name.as_str()));
    if options.input == Input::Stories {
        found.push(("--input".into(), "the built-in stories".into()));
    }
    found
}

/// A value as a file has it: 0.1 as 0.1, not as the `f64` that the `f32` of 0.1 is.
pub fn as_written(value: &impl Serialize) -> Value {
    let text = serde_json::to_string(value).expect("numbers and strings");
    serde_json::from_str(&text).expect("JSON just written")
}

/// The leaves of a tree of settings.
fn flatten(name: &str, value: &Value, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| flatten(name, value, found));
        }
        _ => {
            let option = match name {
                "input" => return,
                "Text" => "--input".into(),
                "file" => "--instances".into(),
                "shuffle" => "--no-shuffle (the opposite)".into(),
                "Init" => "--init".into(),
                "File" => "--vocab".into(),
                "bias_correction" => "--adam-bias-correction".into(),
                name => format!("--{}", name.replace('_', "-")),
            };
            found.push((option, value.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::options::{ModelSource, VocabularySource};
    use super::*;
    use serde_json::json;

    fn options() -> Options {
        Options {
            input: Input::Text(vec!["a.txt".into()]),
            eval_input: Vec::new(),
            invalid_utf8: Default::default(),
            eval_fraction: 0.05,
            max_eval_steps: 100,
            model: ModelSource::New {
                model: "tiny".into(),
                vocabulary: VocabularySource::Learn { vocab_size: 100, limit_alphabet: 1000 },
                cased: false,
            },
            hidden_dropout_prob: None,
            attention_probs_dropout_prob: None,
            recipe: Default::default(),
            log_every: 100,
            eval_every: 0,
            save_checkpoints_steps: 1000,
            output_dir: "run".into(),
        }
    }

    #[test]
    fn differences_are_named_as_the_command_line_names_them() {
        let old = options();
        let differ = |change: fn(&mut Options)| -> Vec<(String, Value, Value)> {
            let mut new = options();
            change(&mut new);
            let found = differences(&old, &new).into_iter();
            found.map(|Difference { option, before, now }| (option, before, now)).collect()
        };
        let one = |option: &str, before, now| vec![(option.to_string(), before, now)];
        assert_eq!(differ(|_| ()), []);
        assert_eq!(differ(|new| new.output_dir = "b".into()), []);
        assert_eq!(differ(|new| new.save_checkpoints_steps = 3), []);
        let found = differ(|new| new.recipe.seed = 3);
        assert_eq!(found, one("--seed", json!(12345), json!(3)));
        let found = differ(|new| new.recipe.optimizer.bias_correction = true);
        assert_eq!(found, one("--adam-bias-correction", json!(false), json!(true)));
        let found = differ(|new| new.hidden_dropout_prob = Some(0.0));
        assert_eq!(found, one("--hidden-dropout-prob", json!(null), json!(0.0)));
        let found = differ(|new| new.input = Input::Stories);
        assert_eq!(found, one("--input", json!(["a.txt"]), json!("the built-in stories")));
        let found = differ(|new| new.model = ModelSource::Init("d".into()));
        let names: Vec<&str> = found.iter().map(|found| found.0.as_str()).collect();
        assert_eq!(names, ["--cased", "--init", "--limit-alphabet", "--model", "--vocab-size"]);
    }

    #[test]
    fn the_digest_leaves_out_what_may_change() {
        let config = Config::named("tiny", 100).unwrap();
        let digest = |change: fn(&mut Options)| {
            let mut options = options();
            change(&mut options);
            RunJson::new("", &options, &config).settings()
        };
        let same = digest(|_| ());
        assert_eq!(digest(|options| options.recipe.schedule.num_train_steps += 1), same);
        assert_ne!(digest(|options| options.recipe.schedule.num_warmup_steps += 1), same);
        assert_ne!(digest(|options| options.log_every += 1), same);
    }
}
