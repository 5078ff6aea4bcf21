//! Directories of sentence-transformers: how the sentence encoder in them makes an embedding.
//!
//! `modules.json` lists modules: the transformer, the pooling (its settings are in `1_Pooling/config.json`), and
//! perhaps a normalization. `cloze finetune embed` writes such directories too.

use super::embed::{EmbedOptions, Pooling};
use super::error::TaskError;
use crate::system::files;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;

/// An entry of `modules.json`.
#[derive(Deserialize)]
struct Module {
    /// Its subdirectory; empty for the directory itself.
    path: String,
    /// Its class in Python, with the names of its packages in front.
    #[serde(rename = "type")]
    class: String,
}

/// The names that sentence-transformers has for ways of pooling: in `pooling_mode`, and the key of older versions,
/// which is true or false.
const POOLINGS: [(&str, &str); 6] = [
    ("mean", "pooling_mode_mean_tokens"),
    ("cls", "pooling_mode_cls_token"),
    ("max", "pooling_mode_max_tokens"),
    ("mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"),
    ("weightedmean", "pooling_mode_weightedmean_tokens"),
    ("lasttoken", "pooling_mode_lasttoken"),
];

/// How the sentence encoder in `directory` makes embeddings; `None` when it holds none (no `modules.json`). `pooling`
/// is used instead of what the directory says.
///
/// # Errors
/// [`TaskError::SentenceEncoder`] for modules and poolings that are not supported; [`TaskError::File`].
pub fn sentence_encoder(
    directory: &Path,
    pooling: Option<Pooling>,
) -> Result<Option<EmbedOptions>, TaskError> {
    let path = directory.join("modules.json");
    if !path.is_file() {
        return Ok(None);
    }
    let mut options = EmbedOptions::default();
    for Module { path: subdirectory, class } in read::<Vec<Module>>(&path)? {
        let subdirectory = directory.join(subdirectory);
        match class.rsplit('.').next().unwrap_or_default() {
            "Transformer" => options.max_seq_length = max_seq_length(&subdirectory)?,
            "Pooling" => {
                options.pooling = match pooling {
                    Some(pooling) => pooling,
                    None => recorded_pooling(&subdirectory.join("config.json"))?,
                }
            }
            "Normalize" => options.normalize = true,
            other => {
                let message = format!(
                    "the module `{other}` is not supported; in a copy of the directory without modules.json, \
                     embeddings are made of the hidden states alone"
                );
                return Err(TaskError::SentenceEncoder { path, message });
            }
        }
    }
    Ok(Some(options))
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, TaskError> {
    let text = files::read_to_string(path)?;
    let malformed = |error: serde_json::Error| TaskError::SentenceEncoder {
        path: path.into(),
        message: format!("it is not what sentence-transformers writes: {error}"),
    };
    serde_json::from_str(&text).map_err(malformed)
}

/// Tokens of a text, at most: in `sentence_bert_config.json`, or since version 5.4 with the tokenizer.
fn max_seq_length(directory: &Path) -> Result<Option<usize>, TaskError> {
    for (name, key) in [
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
    ] {
        let path = directory.join(name);
        if path.is_file()
            && let Some(length) = read::<Value>(&path)?[key].as_u64()
        {
            return Ok(usize::try_from(length).ok());
        }
    }
    Ok(None)
}

/// The pooling in `1_Pooling/config.json`. Without any, the mean, as in sentence-transformers.
fn recorded_pooling(path: &Path) -> Result<Pooling, TaskError> {
    let config: Value = read(path)?;
    let names: Vec<&str> = match &config["pooling_mode"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => {
            let on = POOLINGS.iter().filter(|(_, key)| config[key].as_bool() == Some(true));
            on.map(|(name, _)| *name).collect()
        }
    };
    match names[..] {
        [] | ["mean"] => Ok(Pooling::Mean),
        ["cls"] => Ok(Pooling::Cls),
        _ => Err(TaskError::SentenceEncoder {
            path: path.into(),
            message: format!(
                "the pooling {} is not supported; choose 'pooling' mean or cls",
                names.join(" with ")
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const OLD: &str = "sentence_transformers.models";
    const NEW: &str = "sentence_transformers.sentence_transformer.modules";

    /// What is read of a directory with these modules and this pooling.
    fn read(modules: &[String], pooling: &Value) -> Result<Option<EmbedOptions>, TaskError> {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let module = |(index, class): (usize, &String)| {
            let path = if class.ends_with("Pooling") { "1_Pooling" } else { "" };
            json!({"idx": index, "name": index.to_string(), "path": path, "type": class})
        };
        let modules: Vec<Value> = modules.iter().enumerate().map(module).collect();
        std::fs::write(path("modules.json"), json!(modules).to_string()).unwrap();
        std::fs::create_dir(path("1_Pooling")).unwrap();
        std::fs::write(path("1_Pooling/config.json"), pooling.to_string()).unwrap();
        std::fs::write(path("tokenizer_config.json"), r#"{"model_max_length": 64}"#).unwrap();
        sentence_encoder(directory.path(), None)
    }

    #[test]
    fn modules_of_old_and_new_versions_are_read() {
        let modules = |package: &str, names: &[&str]| -> Vec<String> {
            names.iter().map(|name| format!("{package}.{name}")).collect()
        };
        let all = ["Transformer", "Pooling", "Normalize"];
        let cls = json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false});
        let options = read(&modules(OLD, &all), &cls).unwrap().unwrap();
        let expected =
            EmbedOptions { pooling: Pooling::Cls, normalize: true, max_seq_length: Some(64) };
        assert_eq!(options, expected);
        let mean = json!({"embedding_dimension": 8, "pooling_mode": "mean"});
        let options = read(&modules(NEW, &all[..2]), &mean).unwrap().unwrap();
        assert_eq!((options.pooling, options.normalize), (Pooling::Mean, false));

        for (pooling, named) in [
            (json!({"pooling_mode": "max"}), "the pooling max is"),
            (json!({"pooling_mode": ["mean", "cls"]}), "mean with cls"),
            (
                json!({"pooling_mode_mean_tokens": true, "pooling_mode_max_tokens": true}),
                "mean with max",
            ),
        ] {
            let error = read(&modules(NEW, &all), &pooling).unwrap_err().to_string();
            assert!(error.contains(named) && error.contains("1_Pooling"), "{error}");
        }
        let error = read(&modules(OLD, &["Transformer", "Pooling", "Dense"]), &cls).unwrap_err();
        assert!(error.to_string().contains("the module `Dense` is not supported"), "{error}");
        assert_eq!(sentence_encoder("no directory".as_ref(), None).unwrap(), None);
    }
}
